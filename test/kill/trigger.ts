/** Waits for the moment of a strike: a time, or the n-th request that passes a proxy, which then is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Moment } from '../e2e/changes.ts';
import type { Trigger } from './plan.ts';

export interface TriggerPoint {
  /** For the proxies; resolves to false at the request of the strike, once it was struck. */
  readonly onExchange: (replica: number, moment: Moment, change: boolean) => boolean | Promise<boolean>;
  /** Strikes at that moment; `asked` says whether it was at a request that was waited for. */
  readonly wait: (trigger: Trigger, strike: (by: number | undefined) => Promise<void>) => Promise<{ readonly asked: boolean }>;
}

interface Armed {
  readonly of: 'all' | 'changes';
  readonly moment: Moment;
  left: number;
  /** Resolves to whether the request is lost. */
  readonly fire: (by: number) => Promise<boolean>;
}

/** Milliseconds without any such request: longer than a lease runs, and than an API server takes to come back. */
const patience = 25_000;

export const startTrigger = (): TriggerPoint => {
  let armed: Armed | undefined;
  let lastSeen = 0;

  /** Resolves once `fire` has, at the n-th such request; to false where none came for long. */
  const reached = async (request: Pick<Armed, 'of' | 'moment'>, nth: number, fire: Armed['fire']): Promise<boolean> => {
    const { promise, resolve, reject } = Promise.withResolvers<true>();
    lastSeen = performance.now();
    const mine: Armed = {
      ...request,
      left: nth,
      fire: async (by) => {
        try {
          return await fire(by);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
          return false;
        } finally {
          resolve(true);
        }
      },
    };
    armed = mine;
    for (;;) {
      const over = new AbortController();
      const quiet = delay(Math.max(0, lastSeen + patience - performance.now()), false as const, { signal: over.signal }).catch(() => false as const);
      const done = await Promise.race([promise, quiet]);
      over.abort();
      // It may be striking just now.
      if (done || armed !== mine) return promise;
      if (performance.now() - lastSeen < patience) continue;
      armed = undefined;
      return false;
    }
  };

  return {
    onExchange: async (replica, moment, change) => {
      const mine = armed;
      if (mine === undefined || mine.moment !== moment || !(change || mine.of === 'all')) return true;
      lastSeen = performance.now();
      mine.left -= 1;
      if (mine.left > 0) return true;
      armed = undefined;
      return !(await mine.fire(replica));
    },
    wait: async (trigger, strike) => {
      if (trigger.kind === 'time') {
        if (trigger.from === 'the first change') await reached({ of: 'changes', moment: 'before it arrives' }, 1, () => Promise.resolve(false));
        await delay(trigger.milliseconds);
        await strike(undefined);
        return { asked: false };
      }
      const asked = await reached(trigger, trigger.nth, async (by) => {
        await strike(by);
        return true;
      });
      if (!asked) await strike(undefined);
      return { asked };
    },
  };
};
