/** How long a server wants to be left alone: the `Retry-After` of an answer (RFC 9110, 10.2.3), or the same wish within a body. */

/** Whoever answers may wish for anything, a proxy in between as well; this is as long as it is heeded, in milliseconds. */
const longestRetryAfter = 60_000;

/** What was wished for in seconds, in milliseconds; undefined where it is no such wish. Nobody whom we ask sends a date, so one is none. */
export const readRetryAfter = (seconds: unknown): number | undefined => {
  const wished = typeof seconds === 'string' && /^\d+$/.test(seconds) ? Number(seconds) : seconds;
  return typeof wished === 'number' && wished >= 0 ? Math.min(wished * 1_000, longestRetryAfter) : undefined;
};
