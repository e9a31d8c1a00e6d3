import { describe, expect, it } from 'vitest';

import { createFakeClock } from './clock.ts';
import { below, createSeededRandom } from './random.ts';

describe('the fake clock', () => {
  it('stands still by itself', async () => {
    const clock = createFakeClock(new Date(0));
    await new Promise((resolve) => { setImmediate(resolve); });
    expect([clock.monotonic(), clock.now()]).toEqual([0, new Date(0)]);
  });

  it('runs each timer at its own time, in order, those of the same time in the order in which they were set', async () => {
    const clock = createFakeClock();
    const ran: string[] = [];
    const note = (name: string) => (): void => void ran.push(`${name} at ${String(clock.monotonic())}`);
    clock.schedule(20, note('late'));
    clock.schedule(10, note('first'));
    clock.schedule(10, note('second'));
    clock.schedule(-1, note('now'));
    clock.schedule(15, note('never'))();
    await clock.advance(30);
    expect(ran).toEqual(['now at 0', 'first at 10', 'second at 10', 'late at 20']);
    expect(clock.monotonic()).toBe(30);
  });

  it('runs what a timer or a promise sets on the way', async () => {
    const clock = createFakeClock();
    const ran: number[] = [];
    const again = (): void => {
      ran.push(clock.monotonic());
      void Promise.resolve().then(() => Promise.resolve()).then(() => clock.schedule(10, again));
    };
    clock.schedule(10, again);
    await clock.advance(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.pending()).toBe(1);
  });

  it('moves on until something holds, and says what did not', async () => {
    const clock = createFakeClock();
    let done = false;
    clock.schedule(50, () => { done = true; });
    clock.schedule(60, () => undefined);
    await clock.advanceUntil(() => done);
    expect(clock.monotonic()).toBe(50);
    await expect(clock.advanceUntil(() => !done, 5)).rejects.toThrow(/not reached within 5 ms: .*done/);
    expect(clock.pending(), 'a timer beyond the limit stays').toBe(1);
  });

  it('steps the wall clock alone', async () => {
    const clock = createFakeClock(new Date(10_000));
    clock.stepWall(-5_000);
    await clock.advance(1_000);
    expect([clock.monotonic(), clock.now().getTime()]).toEqual([1_000, 6_000]);
  });
});

describe('seeded randomness', () => {
  it('repeats itself for the same seed, and is spread over its range', () => {
    const draw = (seed: number): readonly number[] => {
      const random = createSeededRandom(seed);
      return Array.from({ length: 10_000 }, () => below(random, 10));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const counts = Map.groupBy(draw(7), (value) => value);
    expect([...counts.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...counts.values()].every(({ length }) => length > 800 && length < 1_200)).toBe(true);
  });
});
