import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Milliseconds until it gives up; 10 s unless told. */
  readonly timeout?: number;
  /** Milliseconds between two tries; 50 unless told. */
  readonly interval?: number;
  readonly signal?: AbortSignal;
  /** What is waited for, in words: it becomes part of the error. */
  readonly what?: string;
}

/**
 * Tries a condition until it answers something other than `undefined`, `null` or `false`, and resolves to that.
 * A condition that throws does not hold yet; the last thing it threw is the `cause` of the time-out.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { timeout = 10_000, interval = 50, what = 'the condition' } = options;
  const end = performance.now() + timeout;
  let lastError: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await condition();
      if (holds(value)) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= end) {
      const why = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`${what} did not hold within ${String(timeout)} ms${why}`, { cause: lastError });
    }
    await delay(interval, undefined, options.signal ? { signal: options.signal } : {});
  }
}

function holds<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== undefined && value !== null && value !== false;
}
