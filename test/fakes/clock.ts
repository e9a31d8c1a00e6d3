import type { Clock } from '../../src/runtime/clock.ts';

/** A clock that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** Moves time on, running each timer at its own time, in order, and letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Moves on until `condition` holds; throws when it does not within `limit` milliseconds of virtual time. */
  advanceUntil(condition: () => boolean, limit?: number): Promise<void>;
  /** Lets every promise settle that waits for no timer. */
  settle(): Promise<void>;
  /** Steps the wall clock alone, as an NTP correction does. */
  stepWall(ms: number): void;
  /** How many timers wait. */
  pending(): number;
}

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** `setImmediate` runs after all microtasks, and so after everything that only promises hold up. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export const createFakeClock = (start: Date = new Date('2026-11-23T10:00:00.000Z')): FakeClock => {
  // Timers of the same time run in the order in which they were set, as a Set keeps it.
  const timers = new Set<Timer>();
  let elapsed = 0;
  let wallStep = 0;

  const earliest = (): Timer | undefined => {
    let found: Timer | undefined;
    for (const timer of timers) if (found === undefined || timer.at < found.at) found = timer;
    return found;
  };

  /** Runs the next timer if it is due by `end`. */
  const step = async (end: number): Promise<boolean> => {
    const next = earliest();
    if (next === undefined || next.at > end) return false;
    elapsed = Math.max(elapsed, next.at);
    timers.delete(next);
    next.action();
    await settle();
    return true;
  };

  return {
    now: () => new Date(start.getTime() + elapsed + wallStep),
    monotonic: () => elapsed,
    schedule: (delay, action) => {
      const timer: Timer = { at: elapsed + Math.max(delay, 0), action };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance: async (ms) => {
      const end = elapsed + ms;
      await settle();
      while (await step(end));
      elapsed = end;
    },
    advanceUntil: async (condition, limit = 3_600_000) => {
      const end = elapsed + limit;
      await settle();
      while (!condition()) {
        if (!(await step(end))) throw new Error(`not reached within ${String(limit)} ms: ${String(condition)}`);
      }
    },
    settle,
    stepWall: (ms) => {
      wallStep += ms;
    },
    pending: () => timers.size,
  };
};

export interface MovingClock {
  readonly clock: FakeClock;
  readonly move: (ms: number) => Promise<void>;
  readonly stop: () => void;
}

/** Goes with real time, and can be moved on beside that. One move at a time, since each ends at a time of its own. */
export const createMovingClock = (): MovingClock => {
  const fake = createFakeClock();
  let moving = Promise.resolve();
  const move = (ms: number): Promise<void> => (moving = moving.then(() => fake.advance(ms)));
  const ticking = setInterval(() => void move(25), 25);
  return { clock: fake, move, stop: () => { clearInterval(ticking); } };
};

/** Goes with real time, and jumps: what is due by then runs at once, and nothing of the jump is left when it has ended. */
export const createJumpingClock = (): { readonly clock: Clock; readonly jump: (ms: number) => Promise<void> } => {
  const timers = new Set<{ readonly at: number; readonly run: () => void }>();
  let jumped = 0;
  const monotonic = (): number => performance.now() + jumped;
  return {
    clock: {
      now: () => new Date(Date.now() + jumped),
      monotonic,
      schedule: (delay, action) => {
        const cancel = (): void => {
          timers.delete(timer);
          clearTimeout(waiting);
        };
        const timer = {
          at: monotonic() + delay,
          run: () => {
            cancel();
            action();
          },
        };
        const waiting = setTimeout(timer.run, Math.min(delay, 2 ** 31 - 1));
        timers.add(timer);
        return cancel;
      },
    },
    jump: async (ms) => {
      jumped += ms;
      for (const timer of [...timers].sort((a, b) => a.at - b.at)) if (timers.has(timer) && timer.at <= monotonic()) timer.run();
      await settle();
    },
  };
};
