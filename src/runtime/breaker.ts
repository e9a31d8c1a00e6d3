/**
 * Keeps a service in trouble from holding up those who ask it: at most so many calls at the same time, and none, but for one
 * trial now and then, while it is known not to answer.
 *
 *   closed ──so many troubles in a row──▶ open ──pause over──▶ one trial ──well──▶ closed
 *                                          ▲                      │
 *                                          └─────longer pause─────┘ trouble
 */
import { createBackoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

export interface BreakerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Calls at the same time; the others wait, for as long as their own signal lets them. */
  readonly limit: number;
  /** Troubles in a row that open it; 5 when absent. */
  readonly tolerance?: number;
}

/**
 * What a call showed of the service: that it is well, the trouble it is in, or nothing (its caller gave up). A trouble is what
 * later calls fail with while it lasts.
 */
export type Diagnosis = 'well' | 'untold' | Error;

export interface Breaker {
  /** Rejects as `call` does; with the signal's reason; or at once with the last trouble, without asking the service. */
  run<T>(call: () => Promise<T>, diagnose: (settled: PromiseSettledResult<T>) => Diagnosis, signal: AbortSignal): Promise<T>;
}

const defaultTolerance = 5;
/** Milliseconds: the shortest and the longest pause between two trials. */
const shortestPause = 1_000;
const longestPause = 30_000;

interface Waiter {
  readonly start: () => void;
  readonly refuse: (trouble: Error) => void;
}

interface Open {
  readonly trouble: Error;
  /** A monotonic time. */
  readonly trialAt: number;
  readonly failedTrials: number;
}

export const createBreaker = ({ clock, random, limit, tolerance = defaultTolerance }: BreakerOptions): Breaker => {
  const backoff = createBackoff({ base: shortestPause, factor: 2, max: longestPause, jitter: 0.2, random });
  const waiting = new Set<Waiter>();
  let running = 0;
  let troubles = 0;
  let open: Open | undefined;
  let trying = false;

  const openFor = (trouble: Error, failedTrials: number): void => {
    open = { trouble, trialAt: clock.monotonic() + backoff.next(failedTrials), failedTrials };
    for (const waiter of [...waiting]) waiter.refuse(trouble);
  };

  const learn = (diagnosis: Diagnosis, isTrial: boolean): void => {
    if (isTrial) trying = false;
    if (diagnosis === 'untold') return;
    if (diagnosis === 'well') {
      troubles = 0;
      open = undefined;
      return;
    }
    troubles += 1;
    // Calls that began before it opened end one after another, and tell nothing new. Where one ended well, a trial is a call like any other.
    if (open === undefined && troubles >= tolerance) openFor(diagnosis, 0);
    else if (open !== undefined && isTrial) openFor(diagnosis, open.failedTrials + 1);
  };

  /** Resolves when a call may begin. */
  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        start: () => {
          leave();
          running += 1;
          resolve();
        },
        refuse: (trouble) => {
          leave();
          reject(trouble);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.add(waiter);
      if (running < limit) waiter.start();
    });

  const finish = (): void => {
    running -= 1;
    const [next] = waiting;
    if (next !== undefined && running < limit) next.start();
  };

  return {
    run: async (call, diagnose, signal) => {
      signal.throwIfAborted();
      const isTrial = open !== undefined;
      if (open !== undefined) {
        if (trying || clock.monotonic() < open.trialAt) throw open.trouble;
        trying = true;
      }
      let diagnosis: Diagnosis = 'untold';
      let began = false;
      try {
        await turn(signal);
        began = true;
        const [settled] = await Promise.allSettled([call()]);
        diagnosis = diagnose(settled);
        if (settled.status === 'rejected') throw settled.reason;
        return settled.value;
      } finally {
        learn(diagnosis, isTrial);
        if (began) finish();
      }
    },
  };
};
