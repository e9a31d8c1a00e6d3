import type { Clock } from './clock.ts';
import { linkSignals } from './linked-signal.ts';
import { retryable } from './outcome.ts';

/**
 * Runs `work` with a signal that is aborted with the caller's, or after `limit` milliseconds. `what` takes so long, or makes the error:
 * where the limit is what is left of another one, its figure says nothing, and would be another one each time.
 */
export const withDeadline = async <T>(
  clock: Clock,
  limit: number,
  what: string | (() => Error),
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  signal.throwIfAborted();
  const linked = linkSignals(signal);
  const cancel = clock.schedule(limit, () => {
    linked.abort(typeof what === 'string' ? retryable('Timeout', `${what} took longer than ${String(limit / 1000)} s`) : what());
  });
  try {
    return await work(linked.signal);
  } finally {
    cancel();
    linked.unlink();
  }
};
