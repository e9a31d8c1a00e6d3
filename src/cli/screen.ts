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
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
};

/** Less room than this is none: the text goes below its label. */
const leastRoom = 30;

/** The text beside its label, its lines under each other. */
export const labelled = (label: string, text: string, width: number): string => {
  const visible = escapeControls(label);
  const beside = ' '.repeat(visible.length);
  if (text === '' || width - visible.length < leastRoom) return `${visible.trimEnd()}\n${text === '' ? '' : wrap(text, width, '      ')}`;
  return wrap(text, width, beside).replace(beside, visible).replace(/ +\n/, '\n');
};

/** Columns under their headings. The last one is not padded, nor is anything cut: a name is there to be copied. */
export const table = (headings: readonly string[], rows: readonly (readonly string[])[]): string => {
  const all = [headings, ...rows.map((row) => row.map(escapeControls))];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd()}\n`).join('');
};

/** What most terminals show two cells wide: East Asian text and pictures. */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** No line is longer than the terminal, nor are there more than it has: only so can they be drawn over. */
export const fitted = (text: string, columns: number, rows: number): string => {
  const lines = text.replace(/\n$/, '').split('\n').flatMap((line) => broken(line, columns));
  const most = Math.max(1, rows - 1);
  const shown = lines.length <= most ? lines : [...lines.slice(0, most - 1), `… ${String(lines.length - most + 1)} more lines`.slice(0, columns)];
  return `${shown.join('\n')}\n`;
};

const broken = (line: string, columns: number): readonly string[] => {
  const lines: string[] = [];
  let [last, left] = ['', columns];
  for (const character of line) {
    const cells = wide.test(character) ? 2 : 1;
    if (cells > left) {
      lines.push(last);
      [last, left] = ['', columns];
    }
    last += character;
    left -= cells;
  }
  return [...lines, last];
};
