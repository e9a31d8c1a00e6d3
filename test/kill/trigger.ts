/** Waits for the moment of a strike: a time, or the n-th request that passes a proxy, which then is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Moment } from '../e2e/changes.ts';
import type { Trigger } from './plan.ts';

export interface TriggerPoint {
  /** For the proxies; resolves to false at the request of the strike, once it was struck. */
  readonly onExchange: (replica: number, moment: Moment, change: boolean) => boolean | Promise<boolean>;
  /** Strikes at that moment; `asked` says whether it was at a request. */
  readonly wait: (trigger: Trigger, strike: (by: number | undefined) => Promise<void>) => Promise<{ readonly asked: boolean }>;
}

interface Armed {
  readonly trigger: Trigger & { readonly kind: 'request' };
  left: number;
  readonly fire: (by: number) => Promise<void>;
}

/** Milliseconds without that request: longer than a lease runs. */
const patience = 20_000;

export const startTrigger = (): TriggerPoint => {
  let armed: Armed | undefined;
  const isArmed = (): boolean => armed !== undefined;
  const matches = ({ trigger }: Armed, moment: Moment, change: boolean): boolean => trigger.moment === moment && (trigger.of === 'all' || change);
  return {
    onExchange: async (replica, moment, change) => {
      const mine = armed;
      if (mine === undefined || !matches(mine, moment, change)) return true;
      mine.left -= 1;
      if (mine.left > 0) return true;
      armed = undefined;
      await mine.fire(replica);
      return false;
    },
    wait: async (trigger, strike) => {
      if (trigger.kind === 'time') {
        await delay(trigger.milliseconds);
        await strike(undefined);
        return { asked: false };
      }
      const { promise: asked, resolve, reject } = Promise.withResolvers<true>();
      const late = new AbortController();
      armed = { trigger, left: trigger.nth, fire: async (by) => strike(by).then(() => { resolve(true); }, reject) };
      const inTime = await Promise.race([asked, delay(patience, false as const, { signal: late.signal, ref: false }).catch(() => false as const)]);
      late.abort();
      // It may be striking just now.
      if (inTime || !isArmed()) return { asked: await asked };
      armed = undefined;
      await strike(undefined);
      return { asked: false };
    },
  };
};
