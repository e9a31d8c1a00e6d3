/** Names and texts that try to break out of wherever they are shown. Each was taken by the API server in the place it is for. */

/** It has the shape of a token, and is none. */
export const looksLikeToken = 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImZha2UifQ.eyJzdWIiOiJub2JvZHkifQ.c2lnbmF0dXJl';

/** Of RBAC objects and users: anything but `/` and `%`, of any length. */
export const hostileNames: readonly string[] = [
  'line\nbreak\r\n{"level":"error","message":"forged"}',
  'esc\u001b[31m\u001b]0;title\u0007',
  `quotes'"\`$(touch broken-out);touch broken-out|touch broken-out&&touch broken-out #`,
  'bidi\u202e\u2066name\u200b\ufeff',
  '..\\..\\..',
  '?watch=1#fragment',
  ' leading and trailing ',
  '--all',
  'null\u0000byte',
  'metric{label="x"} 1\n# HELP forged',
  looksLikeToken,
  '😀'.repeat(520),
  'long-'.repeat(205),
  'longer-'.repeat(700),
];
