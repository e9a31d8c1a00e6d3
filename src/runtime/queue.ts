/**
 * A work queue of keys with the semantics of client-go's workqueue (k8s.io/client-go/util/workqueue):
 *
 *            add                get                done
 *   (none) ───────▶ queued ───────────▶ processing ────────▶ (none)
 *                     ▲                    │ add
 *                     │       done         ▼
 *                     └───────────── processing + dirty
 *
 * A key is never handed out twice at the same time, and an add that comes while it is processed is not lost.
 * `dirty` holds what needs processing, `processing` what is handed out, `queue` the order of those in dirty only: first come is first
 * served, but that groups of keys take turns where there are any.
 */
import type { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { createFairOrder } from './fair-order.ts';

/** Figures read at scrape time, so that an idle queue costs nothing. */
export interface QueueState {
  /** Keys that need processing, also those that were added again while they are processed. */
  readonly depth: number;
  /** Seconds of all work under way, summed. A figure that only grows means stuck work. */
  readonly unfinishedSeconds: number;
  readonly longestRunningSeconds: number;
}

/** What a queue tells about itself; see `workqueue_*` in the metrics. */
export interface QueueMetrics {
  added(): void;
  retried(): void;
  /** A key was handed out after waiting this long. */
  taken(queuedSeconds: number): void;
  finished(workSeconds: number): void;
  /** Called once, with what reads the queue's state. */
  observe(read: () => QueueState): void;
}

export interface QueueOptions {
  readonly clock: Clock;
  /** Between the retries of one key. */
  readonly backoff: Backoff;
  /** Groups take turns, so that none waits for all that another has. All keys are of one group unless told. */
  readonly groupOf?: (key: string) => string;
  readonly metrics?: QueueMetrics;
}

export interface Queue {
  /** Marks the key as needing work: at once, or after the work on it that is under way. */
  add(key: string): void;
  /** Adds the key after `delay` milliseconds. Of two delays for one key the earlier one stays. */
  addAfter(key: string, delay: number): void;
  /** Adds the key after its back-off, and no earlier than `atLeast` milliseconds. Counts as a failure until `forget`. */
  addRateLimited(key: string, atLeast?: number): void;
  /** The key did well: its next back-off starts anew. Pending delays stay. */
  forget(key: string): void;
  /** How many rate-limited adds the key has had since it was forgotten. */
  numRequeues(key: string): number;
  /** The next key, or undefined when the signal is aborted, or when the queue is shut down and empty. */
  get(signal: AbortSignal): Promise<string | undefined>;
  /** Must follow each key that `get` gave. */
  done(key: string): void;
  /** Takes nothing more and drops what is delayed. Keys that wait are still handed out, as in client-go. */
  shutDown(): void;
  /** Shuts down and resolves when no key is being processed. */
  drain(): Promise<void>;
  /** Keys that wait to be handed out now. */
  len(): number;
}

interface Waiter {
  readonly hand: (key: string | undefined) => void;
}

export const createQueue = ({ clock, backoff, groupOf = () => '', metrics }: QueueOptions): Queue => {
  const queue = createFairOrder(groupOf);
  const dirty = new Map<string, number>();
  const processing = new Map<string, number>();
  const delayed = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  const failures = new Map<string, number>();
  const waiters = new Set<Waiter>();
  const drained = new Set<() => void>();
  let shuttingDown = false;

  const secondsSince = (start: number): number => (clock.monotonic() - start) / 1000;

  const take = (): string | undefined => {
    const key = queue.take();
    if (key === undefined) return undefined;
    metrics?.taken(secondsSince(dirty.get(key) ?? clock.monotonic()));
    dirty.delete(key);
    processing.set(key, clock.monotonic());
    return key;
  };

  const serve = (): void => {
    for (const waiter of waiters) {
      const key = take();
      if (key === undefined && !shuttingDown) return;
      waiters.delete(waiter);
      waiter.hand(key);
    }
  };

  const add = (key: string): void => {
    if (shuttingDown || dirty.has(key)) return;
    dirty.set(key, clock.monotonic());
    metrics?.added();
    if (processing.has(key)) return;
    queue.add(key);
    serve();
  };

  const addAfter = (key: string, delay: number): void => {
    if (Number.isNaN(delay)) throw new RangeError(`queue: the delay of ${JSON.stringify(key)} is not a number`);
    if (shuttingDown) return;
    metrics?.retried();
    if (delay <= 0) {
      add(key);
      return;
    }
    const at = clock.monotonic() + delay;
    const present = delayed.get(key);
    if (present !== undefined) {
      if (present.at <= at) return;
      present.cancel();
    }
    const cancel = clock.schedule(delay, () => {
      delayed.delete(key);
      add(key);
    });
    delayed.set(key, { at, cancel });
  };

  const addRateLimited = (key: string, atLeast = 0): void => {
    const before = failures.get(key) ?? 0;
    failures.set(key, before + 1);
    addAfter(key, Math.max(atLeast, backoff.next(before)));
  };

  const get = (signal: AbortSignal): Promise<string | undefined> => {
    if (signal.aborted) return Promise.resolve(undefined);
    // First come, first served: a newcomer does not overtake those who wait (they wait only while nothing is queued).
    const key = take();
    if (key !== undefined || shuttingDown) return Promise.resolve(key);
    return new Promise((resolve) => {
      const onAbort = (): void => {
        waiters.delete(waiter);
        resolve(undefined);
      };
      const waiter: Waiter = {
        hand: (next) => {
          signal.removeEventListener('abort', onAbort);
          resolve(next);
        },
      };
      waiters.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  };

  const settleDrain = (): void => {
    if (!shuttingDown || processing.size > 0) return;
    for (const resolve of drained) resolve();
    drained.clear();
  };

  const done = (key: string): void => {
    const start = processing.get(key);
    if (start === undefined) throw new Error(`queue: done(${JSON.stringify(key)}) without a get before it`);
    processing.delete(key);
    metrics?.finished(secondsSince(start));
    if (dirty.has(key)) {
      queue.add(key);
      serve();
    }
    settleDrain();
  };

  const shutDown = (): void => {
    shuttingDown = true;
    for (const { cancel } of delayed.values()) cancel();
    delayed.clear();
    serve();
    settleDrain();
  };

  metrics?.observe(() => {
    const seconds = [...processing.values()].map(secondsSince);
    return {
      depth: dirty.size,
      unfinishedSeconds: seconds.reduce((sum, each) => sum + each, 0),
      longestRunningSeconds: Math.max(0, ...seconds),
    };
  });

  return {
    add,
    addAfter,
    addRateLimited,
    forget: (key) => {
      failures.delete(key);
    },
    numRequeues: (key) => failures.get(key) ?? 0,
    get,
    done,
    shutDown,
    drain: () => {
      shutDown();
      if (processing.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        drained.add(resolve);
      });
    },
    len: queue.size,
  };
};
