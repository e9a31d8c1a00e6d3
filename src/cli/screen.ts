/** Text for people, as wide as there is room for; what comes from outside is fit for a terminal first. */
import { escapeControls } from '../runtime/redact.ts';

/** Of a terminal that does not say, and of what is no terminal. */
const usualWidth = 80;
const widest = 120;

export const widthOf = (columns: number | undefined): number => Math.min(columns ?? usualWidth, widest);

/** Lines behind the indent, broken at blanks; a word that is longer has a line of its own. Those after the first are indented `more`. */
export const wrap = (text: string, width: number, indent: string, more = indent): string => {
  const lines: string[] = [];
  for (const word of escapeControls(text).split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(`${lines.length === 0 ? indent : more}${word}`);
  }
  return `${lines.join('\n')}\n`;
};
