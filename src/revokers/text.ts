/** Names are data from outside: those of RBAC objects may hold anything but `/` and `%`. */

/** Control, format (bidirectional, zero-width) and unassigned characters, which could make a text look like another. */
const invisible = /[\p{C}\u2028\u2029]/u;

/** `text` for people: nothing invisible in it, and at most `limit` characters, those that are written out included. */
export const printable = (text: string, limit = 200): string => {
  let shown = '';
  let cut = '';
  for (const char of text) {
    if (shown.length < limit) cut = shown;
    shown += invisible.test(char) ? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}` : char;
    if (shown.length > limit) return `${cut}…`;
  }
  return shown;
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
