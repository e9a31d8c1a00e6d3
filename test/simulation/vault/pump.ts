/** Lets virtual time pass while somebody waits for an answer, and no longer: for those who call the operator's parts one by one. */
import type { Scheduler } from '../engine/scheduler.ts';

export interface Pump {
  /** The call as it is, with the time that it takes. */
  readonly during: <T>(call: () => Promise<T>) => Promise<T>;
  /** So many milliseconds, or until {@link stop}. */
  readonly pass: (milliseconds: number) => Promise<void>;
  readonly stop: () => void;
}

/** Time never runs further than this past the end of what was waited for. */
const step = 20;

export const createPump = (scheduler: Scheduler): Pump => {
  let waiting = 0;
  let until = 0;
  let running: Promise<void> | undefined;
  const isOver = (): boolean => waiting === 0 && scheduler.now() >= until;
  const run = async (): Promise<void> => {
    while (!isOver()) await scheduler.run(scheduler.now() + step, isOver);
    running = undefined;
  };
  const begin = (): Promise<void> => (running ??= run());
  return {
    during: async (call) => {
      waiting += 1;
      const called = call();
      void begin();
      try {
        return await called;
      } finally {
        waiting -= 1;
      }
    },
    pass: async (milliseconds) => {
      until = scheduler.now() + milliseconds;
      while (scheduler.now() < until) await begin();
    },
    stop: () => { until = 0; },
  };
};
