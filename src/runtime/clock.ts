/**
 * The only place that reads the time. Everything else is handed a {@link Clock}, so that a test, or a whole
 * simulated operator, can run on virtual time.
 */
export interface Clock {
  /** Wall-clock time, for what people read and for times that must survive a restart. */
  now(): Date;
  /** Milliseconds from an arbitrary start that never go backwards: the only measure of a settle time or a lease. */
  monotonic(): number;
  /** Runs `action` once after `delay` milliseconds. Returns a function that cancels it. */
  schedule(delay: number, action: () => void): () => void;
}

/** The longest delay that `setTimeout` takes; a longer one would fire at once, so it is waited for in pieces. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  schedule: (delay, action) => {
    let timer: NodeJS.Timeout;
    const wait = (left: number): void => {
      timer = setTimeout(
        () => {
          if (left > longestTimer) wait(left - longestTimer);
          else action();
        },
        Math.min(Math.max(left, 0), longestTimer),
      );
    };
    wait(delay);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Resolves after `delay` milliseconds; rejects with the signal's reason when it is aborted first. */
export const sleep = (clock: Clock, delay: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(toError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(toError(signal.reason));
    };
    const cancel = clock.schedule(delay, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export const inWholeSeconds = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');
