/**
 * The last line of defence for text that comes from a server or a library: whatever looks like a bearer secret is
 * replaced before it can reach an error message, a status or a log. It cannot know every secret (one written in
 * hexadecimal looks like a digest), so nothing relies on it alone.
 */
const mask = '[redacted]';

const secretShapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  // A JSON Web Token: base64url parts, the first two of which begin with `{"`. The signature may have been cut off.
  /eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)*/g,
  /(?<=\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}/gi,
  // Vault and OpenBao (service, batch, recovery; also the forms without `hv`), Google access tokens, GitHub tokens.
  /\bhv[sbr]\.[\w.-]{8,}/g,
  /\b[sbr]\.[\w-]{24,}(?:\.\w+)?/g,
  /\bya29\.[\w.-]{8,}/g,
  /\b(?:gh[pousr]|github_pat)_\w{20,}/g,
  // User and password, or a token alone, inside an address. A password may hold an @ that nobody encoded.
  /(?<=:\/\/)[^\s/?#]+(?=@)/g,
  // What is named: a header, a form field, a member of a JSON text, a part of a query.
  /(?<=\b(?:x-vault-token|authorization|password|passwd|secret_?id|client_?secret|private_?key|api_?key|(?:access|refresh|id|client)_?token)["']?\s*[:=]\s*["']?)(?!(?:Bearer|Basic)\s)[^\s"',;&}[\]]{4,}/gi,
  /(?<="token"\s*:\s*")[^"]+/gi,
  /(?<=[?&](?:token|key|sig|signature)=)[^\s&#"']+/gi,
];

const longText = /[\w+/-]{40,}={0,2}/g;

/**
 * Random bytes in base64 mix both cases and digits. Names, paths, UIDs and digests do not, or hardly, and people need
 * those to understand a message.
 */
const looksRandom = (text: string): boolean => {
  const count = (shape: RegExp): number => text.match(shape)?.length ?? 0;
  const share = text.length / 7;
  return count(/[A-Z]/g) >= share && count(/[a-z]/g) >= share && count(/\d/g) >= 1;
};

/** `text` without what looks like a secret, otherwise as it was. Bound its length first: the whole of it is searched. */
export const redactSecrets = (text: string): string => {
  let result = text;
  for (const shape of secretShapes) result = result.replace(shape, mask);
  return result.replace(longText, (found) => (looksRandom(found) ? mask : found));
};

/** At most `length` UTF-16 units of `text`, the last of them an ellipsis when something was cut off. */
export const limit = (text: string, length: number): string => {
  if (text.length <= length) return text;
  const cut = text.slice(0, Math.max(0, length - 1));
  // Half a surrogate pair is not a character, and the API server refuses it.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
};

/**
 * Characters that end a line or change how others are shown: they let a server forge log lines, or make one text look
 * like another (controls, line separators, zero-width characters and bidirectional overrides).
 */
export const deceptiveCharacters =
  // eslint-disable-next-line no-control-regex -- they are what this is about
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `text` with what could deceive its reader written out, such as `\u202e`. It stays one line. */
export const escapeControls = (text: string): string =>
  text.replace(deceptiveCharacters, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** `text` on one line, without what looks like a secret, and no longer than `length`. For messages that people read. */
export const redactText = (text: string, length = 500): string => {
  // Bounded first: a hostile body of many megabytes must not be searched whole. A secret cut in half still matches.
  const bounded = redactSecrets(text.slice(0, length * 8));
  return limit(bounded.replace(deceptiveCharacters, ' ').replace(/\s+/g, ' ').trim(), length);
};
