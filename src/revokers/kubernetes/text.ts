/** Names are data from outside: those of RBAC objects may hold anything but `/` and `%`. */

/** Control, format (bidirectional, zero-width) and unassigned characters, which could make a text look like another. */
const invisible = /[\p{C}\u2028\u2029]/u;
const everyInvisible = /[\p{C}\u2028\u2029]/gu;

/** `text` for people: nothing invisible in it, and at most `limit` characters. */
export const printable = (text: string, limit = 200): string => {
  const cut = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  return cut.replace(everyInvisible, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
};

/** A word of a shell command that means exactly `text`, whatever is in it. Invisible characters need bash or zsh. */
export const shellQuote = (text: string): string => {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (!invisible.test(text)) return `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const escaped = text.replace(/[\\']|[\p{C}\u2028\u2029]/gu, (char) =>
    [...Buffer.from(char, 'utf8')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `$'${escaped}'`;
};

/** The first few of many, and how many more there are: `a, b, c and 4 more`. */
export const someOf = (items: readonly string[], limit: number): string => {
  const shown = items.slice(0, limit).join(', ');
  return items.length > limit ? `${shown} and ${String(items.length - limit)} more` : shown;
};
