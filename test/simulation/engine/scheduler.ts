/**
 * Virtual time, and what happens in it: one event at a time, in an order that the seed alone decides. After each, everything that only
 * promises hold up settles, so that no two events ever overlap.
 */
export interface Scheduler {
  /** Milliseconds since the beginning of the universe. */
  readonly now: () => number;
  /** Runs `action` in `delay` milliseconds. Returns a function that takes it back. */
  readonly after: (delay: number, action: () => void) => () => void;
  /**
   * Runs events until nothing is left before `end` (then it is `end`), or until `stop` says so after one of them. Whatever an action
   * throws is thrown here.
   */
  readonly run: (end: number, stop?: () => boolean) => Promise<void>;
  /** How many events have run. */
  readonly events: () => number;
}

interface Event {
  readonly at: number;
  readonly serial: number;
  readonly action: () => void;
  cancelled: boolean;
}

const before = (one: Event, other: Event): boolean => one.at < other.at || (one.at === other.at && one.serial < other.serial);

/** How many turns are asked for at once: each goes round the whole event loop for the kernel, which costs more than most events do. */
const turnsAtOnce = 64;

/**
 * What waits until everything that only promises hold up has settled. `setImmediate` runs after all microtasks, and between any two of those
 * that were asked for together they run as well.
 */
const createSettle = (): (() => Promise<void>) => {
  let left = 0;
  // Several may wait: a test drives two things at once.
  const waiting: (() => void)[] = [];
  const turn = (): void => {
    left -= 1;
    waiting.shift()?.();
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length <= left) return;
      left += turnsAtOnce;
      for (let count = 0; count < turnsAtOnce; count += 1) setImmediate(turn);
    });
};

export const createScheduler = (): Scheduler => {
  const heap: Event[] = [];
  let now = 0;
  let serial = 0;
  let events = 0;
  const settle = createSettle();

  const push = (event: Event): void => {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Event;
      if (!before(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  };
  const pop = (): Event | undefined => {
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!before(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  };

  return {
    now: () => now,
    after: (delay, action) => {
      const event: Event = { at: now + Math.max(delay, 0), serial: (serial += 1), action, cancelled: false };
      push(event);
      return () => {
        event.cancelled = true;
      };
    },
    run: async (end, stop = () => false) => {
      await settle();
      while (!stop()) {
        while (heap[0]?.cancelled === true) pop();
        const [next] = heap;
        if (next === undefined || next.at > end) {
          now = Math.max(now, end);
          return;
        }
        pop();
        now = next.at;
        events += 1;
        next.action();
        await settle();
      }
    },
    events: () => events,
  };
};
