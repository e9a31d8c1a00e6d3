/** As wide as a screen: what is longer is cut where it only passes by, and goes on in the next line where it stays. */

/** Of a terminal that does not say, and of what is no terminal. */
const usualWidth = 120;

export const widthOf = ({ columns = usualWidth }: { readonly columns?: number }): number => Math.min(columns, usualWidth);

export const cut = (line: string, width: number): string => (line.length <= width ? line : `${line.slice(0, width - 1)}…`);

/** Every line behind the indent, broken at blanks; a word that is wider than that has a line of its own. */
export const wrap = (text: string, indent: string, width: number): readonly string[] => {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(`${indent}${word}`);
  }
  return lines;
};
