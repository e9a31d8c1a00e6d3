/**
 * Shared reads. A quorum list that shows an absence must have started after the question was asked; a thousand runs that ask
 * at the same time can still share one. So at most one fetch is in flight and one waits behind it:
 *
 *   read ──▶ nothing in flight: a fetch starts now
 *   read ──▶ one in flight (it may have started before): joins the one behind it, which starts when that has ended
 */

/** One shared read. */
export interface Coalescer<T> {
  /**
   * What a fetch gave that started at or after this call. Rejects with what the fetch failed with, or with the reason of
   * the signal; a caller who gives up does not disturb the others.
   */
  read(signal: AbortSignal): Promise<T>;
}

/** Shared reads of many things, each by its key. A key that nobody reads takes no memory. */
export interface KeyedCoalescer<T> {
  read(key: string, signal: AbortSignal): Promise<T>;
  /** How many keys are being read. */
  size(): number;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

interface Flight<T> {
  readonly waiters: Set<Waiter<T>>;
  readonly abort: AbortController;
}

/**
 * @param fetch must have a deadline of its own and end soon after its signal is aborted (which happens when nobody waits any
 * more): while it runs, no other starts.
 */
export const createCoalescer = <T>(fetch: (signal: AbortSignal) => Promise<T>): Coalescer<T> =>
  coalesce(fetch, () => undefined);

export const createKeyedCoalescer = <T>(
  fetch: (key: string, signal: AbortSignal) => Promise<T>,
): KeyedCoalescer<T> => {
  const active = new Map<string, Coalescer<T>>();
  const activate = (key: string): Coalescer<T> => {
    const created = coalesce<T>(
      (signal) => fetch(key, signal),
      () => active.delete(key),
    );
    active.set(key, created);
    return created;
  };
  return {
    read: (key, signal) => {
      if (signal.aborted) return Promise.reject(toError(signal.reason));
      return (active.get(key) ?? activate(key)).read(signal);
    },
    size: () => active.size,
  };
};

const coalesce = <T>(fetch: (signal: AbortSignal) => Promise<T>, onIdle: () => void): Coalescer<T> => {
  let running: Flight<T> | undefined;
  let queued: Flight<T> | undefined;

  const start = (flight: Flight<T>): void => {
    running = flight;
    void run(flight);
  };

  const run = async (flight: Flight<T>): Promise<void> => {
    let settle: (waiter: Waiter<T>) => void;
    try {
      const value = await fetch(flight.abort.signal);
      settle = (waiter) => {
        waiter.resolve(value);
      };
    } catch (error) {
      settle = (waiter) => {
        waiter.reject(error);
      };
    }
    const next = queued;
    running = undefined;
    queued = undefined;
    if (next === undefined) onIdle();
    else start(next);
    for (const waiter of flight.waiters) settle(waiter);
  };

  const leave = (flight: Flight<T>, waiter: Waiter<T>): void => {
    flight.waiters.delete(waiter);
    if (flight.waiters.size > 0) return;
    if (flight === queued) queued = undefined;
    else flight.abort.abort(new Error('nobody waits for this read any more'));
  };

  return {
    read: (signal) =>
      new Promise<T>((resolve, reject) => {
        if (signal.aborted) {
          reject(toError(signal.reason));
          return;
        }
        const idle = running === undefined;
        const flight = (idle ? undefined : queued) ?? { waiters: new Set(), abort: new AbortController() };
        const onAbort = (): void => {
          leave(flight, waiter);
          reject(toError(signal.reason));
        };
        const settled = (): void => {
          signal.removeEventListener('abort', onAbort);
        };
        const waiter: Waiter<T> = {
          resolve: (value) => {
            settled();
            resolve(value);
          },
          reject: (error) => {
            settled();
            reject(toError(error));
          },
        };
        flight.waiters.add(waiter);
        signal.addEventListener('abort', onAbort, { once: true });
        if (idle) start(flight);
        else queued = flight;
      }),
  };
};

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
