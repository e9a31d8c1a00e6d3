/**
 * The last line of defence for text that comes from a server or a library: whatever looks like a bearer secret is
 * replaced before it can reach an error message. It cannot know every secret, so nothing relies on it alone.
 */
const secretShapes: readonly RegExp[] = [
  // A JSON Web Token: three base64url parts, the first two of which begin with `{"`.
  /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g,
  /(?<=\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}/gi,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\b(?:hvs|hvb|hvr|ya29)\.[\w-]{8,}/g,
  // User and password inside an address.
  /(?<=:\/\/)[^\s/@:]+:[^\s/@]+(?=@)/g,
];

/** `text` on one line, without what looks like a secret, and no longer than `limit` characters. */
export const redactText = (text: string, limit = 500): string => {
  // Bounded first: a hostile body of many megabytes must not be searched whole. A secret cut in half still matches.
  let result = text.slice(0, limit * 8);
  for (const shape of secretShapes) result = result.replace(shape, '[redacted]');
  // Control characters would let a server forge log lines.
  result = result.replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  return result.length > limit ? `${result.slice(0, limit - 1)}…` : result;
};
