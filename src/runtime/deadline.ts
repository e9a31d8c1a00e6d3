import type { Clock } from './clock.ts';

/** One AbortSignal out of a caller's signal and a time limit, that holds on to neither once it is stopped. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Settles as `promise` does, or rejects with the signal's reason when that is first. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Takes back the time limit and sets a new one, in milliseconds from now. */
  restart(limit: number, expired: () => Error): void;
  /** Lets go of the timer and the caller's signal. */
  stop(): void;
  /** Stops, and aborts what still listens to the signal. */
  abort(reason: Error): void;
}

/** `expired` makes the reason with which the signal is aborted when `limit` milliseconds have passed. */
export const startDeadline = (
  clock: Clock, limit: number, expired: () => Error, caller: AbortSignal | undefined,
): Deadline => {
  const controller = new AbortController();
  const { signal } = controller;
  let cancel = (): void => undefined;
  const onCallerAbort = (): void => {
    abort(caller?.reason);
  };
  const stop = (): void => {
    cancel();
    caller?.removeEventListener('abort', onCallerAbort);
  };
  const abort = (reason: unknown): void => {
    stop();
    controller.abort(reason);
  };
  const restart: Deadline['restart'] = (newLimit, newExpired) => {
    cancel();
    if (signal.aborted) return;
    cancel = clock.schedule(newLimit, () => {
      abort(newExpired());
    });
  };

  if (caller?.aborted) controller.abort(caller.reason);
  caller?.addEventListener('abort', onCallerAbort, { once: true });
  restart(limit, expired);

  return {
    signal,
    restart,
    stop,
    abort,
    race: (promise) => abortable(promise, signal),
  };
};

/** Settles as `promise` does, or rejects with the signal's reason when that is first. */
export const abortable = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const letGo = (): void => {
      signal.removeEventListener('abort', onAbort);
    };
    promise.then(letGo, letGo);
    promise.then(resolve, reject);
  });
