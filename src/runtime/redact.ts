/**
 * Makes text from outside fit for a log, a status or an error message: what looks like a bearer secret is masked, and
 * characters that would forge a line or turn it round are escaped. It knows shapes, not meanings, so nothing relies on it
 * alone.
 *
 * Not masked, because they open nothing by themselves and are needed to find a thing again: UIDs, digests in hexadecimal,
 * token accessors, lease ids (`database/creds/ci-7/LKJ…`).
 */

export const mask = '[redacted]';

/** Text is cut to this many characters before it is searched: nobody reads more, and a hostile body may hold megabytes. */
const searched = 64 * 1024;

/** `text` without secrets and on one line. Applying it twice changes nothing more. */
export const redact = (text: string): string => {
  const masked = maskSecrets(limit(text, searched));
  const escaped = escapeControls(masked);
  // What is written out may stand before something as a letter would, and make a shape of it.
  return escaped === masked ? masked : maskSecrets(escaped);
};

/**
 * `text` for a message that people read: without secrets, every white space and control one blank, no longer than `length`.
 * For messages of a server, which may be a hostile body of many megabytes.
 */
export const redactText = (text: string, length = 500): string => {
  const bounded = text.slice(0, length * 8);
  // The first half of a secret has no known shape any more.
  const masked = maskSecrets(bounded.length < text.length ? bounded.replace(/[\w.+/=~-]+$/, '…') : bounded);
  const flat = masked.replace(unprintable, ' ').replace(/\s+/g, ' ').trim();
  // Blanks that were many, or none that a shape knows, are one by now, and may have made one.
  return limit(flat === masked ? masked : maskSecrets(flat), length);
};

/** At most `length` characters of `text`; what was cut off shows as "…". No character is cut in half. */
export const limit = (text: string, length: number): string => {
  if (text.length <= length) return text;
  const end = Math.max(0, length - 1);
  const last = text.charCodeAt(end - 1);
  const highSurrogate = last >= 0xd800 && last <= 0xdbff;
  return `${text.slice(0, highSurrogate ? end - 1 : end)}…`;
};

/** `needs` is a word in it, of which it is known quickly that a text has none: to look for the whole shape at every place takes long. */
type Shape = readonly [needs: RegExp, shape: RegExp, by: string | ((match: string) => string)];

/** In this order: the later ones would leave parts of the earlier ones standing. A token may follow an escaped line end (`\n`). */
const shapes: readonly Shape[] = [
  // A key whose end was cut off is still a key.
  [/-----BEGIN /, /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g, mask],
  // User and password, or a token, inside an address; a password may hold an "@" itself.
  [/:\/\//, /(?<=[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'<>]+(?=@)/gi, mask],
  [/authorization/i, /(?<=(?:\b|\\[nrt])authorization["']?\s{0,4}[:=]\s{0,4}["']?)(?!\[redacted\])[^\s"'][^"'\r\n]*/gi, mask],
  [/bearer|basic/i, /(?<=(?:\b|\\[nrt])(?:bearer|basic)\s{1,4})(?!\[redacted\])[\w.~+/=-]{8,}/gi, (match) => (/[^a-z]/.test(match) || match.length >= 16 ? mask : match)],
  [/x-vault-token/i, /(?<=(?:\b|\\[nrt])x-vault-token["']?\s{0,4}[:=]\s{0,4}["']?)(?!\[redacted\])[^\s"',;]+/gi, mask],
  // "password": "…" and password=…, not the words of a sentence: "secret: not found".
  [/:\s{0,4}"/, /(?<=["'](?:[\w-]{0,40}[_-])?(?:password|passwd|secret|token|secret_id|private_key|api_?key)["']\s{0,4}:\s{0,4}")(?!\[redacted\])(?:[^"\\]|\\.)+/gi, mask],
  [/=/, /(?<=(?:\b|\\[nrt])(?:[\w-]{0,40}[_-])?(?:password|passwd|secret|token|secret_id|private_key|api_?key|sig|signature)=["']?)(?!\[redacted\])[^\s"'&,;]+/gi, mask],
  // A JSON Web Token, signed (3 parts, of which the last may be cut off) or encrypted (5).
  [/eyJ/, /(?:(?<=\\[nrt])|(?<![\w-]))eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*/g, mask],
  // HashiCorp Vault and OpenBao tokens of both generations.
  [/[sbr]\./, /(?:(?<=\\[nrt])|(?<![\w.-]))(?:hv[sbr]\.[\w-]{8,}|[sbr]\.[A-Za-z0-9]{24}[\w-]*)(?:\.\w+)?/g, mask],
  // Google access tokens, GitHub tokens.
  [/ya29\.|gh[pousr]_/, /(?:(?<=\\[nrt])|(?<![\w-]))(?:ya29\.[\w.-]{8,}|gh[pousr]_[A-Za-z0-9]{20,})/g, mask],
  [/[\w+/-]{32}/, /[\w+/-]{32,}={0,2}/g, (match) => maskRandom(match)],
];

/** What is masked may make a shape of what stands beside it, so that it is looked at again, until nothing changes. */
const maskSecrets = (text: string): string => {
  let masked = text;
  for (let times = 0; times < mostTimes; times += 1) {
    const before = masked;
    masked = shapes.reduce((result, [needs, shape, by]) => (!needs.test(result) ? result : typeof by === 'string' ? result.replace(shape, by) : result.replace(shape, by)), before);
    if (masked === before) break;
  }
  return masked;
};

const mostTimes = 4;

/** Long base64 is masked; paths, names and digests are not. What tells them apart is how often the kind of character changes. */
const maskRandom = (text: string): string => {
  const parts = text.split('/');
  const isPath = parts.slice(0, -1).some((part) => part.length > 3) && parts.slice(0, -1).every((part) => !isRandom(part, 4));
  if (!isPath) return isRandom(text, 32) ? mask : text;
  return parts.map((part) => (isRandom(part, 32) ? mask : part)).join('/');
};

/** In random base64 every second neighbour is of another kind (upper, lower, digit); in words and camel case, few are. */
const isRandom = (text: string, atLeast: number): boolean => {
  const letters = text.replace(/[^A-Za-z0-9]/g, '');
  if (letters.length < atLeast * 0.8 || text.length < atLeast) return false;
  if (!/[A-Z]/.test(letters) || !/[a-z]/.test(letters)) return false;
  let changes = 0;
  for (let index = 1; index < letters.length; index += 1) {
    if (kindOf(letters.charCodeAt(index)) !== kindOf(letters.charCodeAt(index - 1))) changes += 1;
  }
  // Few names have three digits and both cases, so there less will do.
  return changes / letters.length >= (/\d.*\d.*\d/.test(letters) ? 0.25 : 0.35);
};

const kindOf = (code: number): number => (code < 58 ? 0 : code < 91 ? 1 : 2);

/** C0 and C1 controls, line and paragraph separators, and what is invisible or changes the direction of text. */
const unprintable = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** `text` on one line, with what cannot be seen written out. */
export const escapeControls = (text: string): string =>
  text.replace(unprintable, (found) => shortEscapes[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
