import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../fakes/random.ts';
import { planOf } from './plan.ts';
import { startTrigger } from './trigger.ts';

const plan = (seed: number, kills = 200) => planOf(createSeededRandom(seed), { kills, apiServerKills: 10, patient: 0.2, runs: 50 });

describe('a plan of kills', () => {
  it('is the same for the same seed', () => {
    expect(plan(7)).toEqual(plan(7));
    expect(plan(7)).not.toEqual(plan(8));
  });

  it('has every kind of strike, and so many of the API server', () => {
    const strikes = plan(7);
    expect(strikes.filter(({ apiServer }) => apiServer)).toHaveLength(10);
    for (const victims of ['leader', 'standby', 'both']) expect(strikes.filter((strike) => strike.victims === victims).length, victims).toBeGreaterThan(20);
    for (const moment of ['before it arrives', 'after it was answered']) {
      expect(strikes.filter(({ trigger }) => trigger.kind === 'request' && trigger.moment === moment).length, moment).toBeGreaterThan(40);
    }
    expect(strikes.filter(({ trigger }) => trigger.kind === 'time').length).toBeGreaterThan(40);
    // From the very first request to one by which runs have ended.
    const counts = strikes.flatMap(({ trigger }) => (trigger.kind === 'request' && trigger.of === 'changes' ? [trigger.nth] : []));
    for (const [from, until] of [[1, 10], [10, 100], [100, 1_000]] as const) expect(counts.filter((nth) => nth >= from && nth < until).length, `${from} to ${until}`).toBeGreaterThan(15);
  });
});

describe('a trigger', () => {
  it('strikes at the n-th request of its kind, which is lost, and at no other', async () => {
    const { onExchange, wait } = startTrigger();
    const struck: (number | undefined)[] = [];
    const strike = (by: number | undefined): Promise<void> => Promise.resolve(void struck.push(by));
    expect(await onExchange(0, 'before it arrives', true)).toBe(true);
    const over = wait({ kind: 'request', nth: 2, of: 'changes', moment: 'before it arrives' }, strike);
    expect(await onExchange(0, 'before it arrives', true)).toBe(true);
    expect(await onExchange(0, 'before it arrives', false)).toBe(true);
    expect(await onExchange(0, 'after it was answered', true)).toBe(true);
    expect(struck).toEqual([]);
    expect(await onExchange(1, 'before it arrives', true)).toBe(false);
    expect(await over).toEqual({ asked: true });
    expect(struck).toEqual([1]);
    expect(await onExchange(1, 'before it arrives', true)).toBe(true);
  });
});
