import type { Clock } from './clock.ts';
import { linkSignals } from './linked-signal.ts';
import { retryable } from './outcome.ts';

/**
 * Runs `work` with a signal that is aborted with the caller's, or after `limit` milliseconds. `what` is for the error.
 */
export const withDeadline = async <T>(
  clock: Clock,
  limit: number,
  what: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  signal.throwIfAborted();
  const linked = linkSignals(signal);
  const cancel = clock.schedule(limit, () => {
    linked.abort(retryable('Timeout', `${what} took longer than ${String(limit / 1000)} s`));
  });
  try {
    return await work(linked.signal);
  } finally {
    cancel();
    linked.unlink();
  }
};
