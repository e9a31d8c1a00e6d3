import { describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { type Diagnosis, createBreaker } from './breaker.ts';

const never = new AbortController().signal;

const setup = (limit = 2) => {
  const clock = createFakeClock();
  const breaker = createBreaker({ clock, random: () => 0, limit });
  const well = vi.fn(() => Promise.resolve('answer'));
  const broken = vi.fn((): Promise<string> => Promise.reject(new Error('no connection')));
  const diagnose = (settled: PromiseSettledResult<string>): Diagnosis => (settled.status === 'fulfilled' ? 'well' : (settled.reason as Error));
  const run = (call: () => Promise<string>, signal = never): Promise<string> => breaker.run(call, diagnose, signal);
  const fail = async (times: number): Promise<void> => {
    for (let count = 0; count < times; count += 1) await expect(run(broken)).rejects.toThrow('no connection');
  };
  return { clock, breaker, run, well, broken, fail };
};

/** A call that ends when the test says so. */
const held = () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { call: vi.fn(() => promise), resolve, reject };
};

describe('a service that is well', () => {
  it('gets no more calls at the same time than it takes, the others in their order', async () => {
    const { run, clock } = setup(2);
    const calls = [held(), held(), held(), held()];
    const order: number[] = [];
    const results = calls.map((each, index) => run(each.call).then(() => order.push(index)));
    await clock.settle();
    expect(calls.map(({ call }) => call.mock.calls.length)).toEqual([1, 1, 0, 0]);
    calls[1]?.resolve('x');
    await clock.settle();
    expect(calls.map(({ call }) => call.mock.calls.length)).toEqual([1, 1, 1, 0]);
    for (const each of calls) each.resolve('x');
    await Promise.all(results);
    expect(order).toEqual([1, 0, 2, 3]);
  });

  it('is not asked for a caller who gave up while waiting', async () => {
    const { run, clock } = setup(1);
    const first = held();
    const done = run(first.call);
    const controller = new AbortController();
    const second = held();
    const refused = expect(run(second.call, controller.signal)).rejects.toThrow('gave up');
    await clock.settle();
    controller.abort(new Error('gave up'));
    await refused;
    first.resolve('x');
    await done;
    expect(second.call).not.toHaveBeenCalled();
    await expect(run(second.call, controller.signal)).rejects.toThrow('gave up');
  });

  it('may fail now and then', async () => {
    const { run, well, fail } = setup();
    for (let round = 0; round < 5; round += 1) {
      await fail(4);
      expect(await run(well)).toBe('answer');
    }
  });
});

describe('a service in trouble', () => {
  it('is left alone after five troubles in a row, and whoever asks is told at once what it is', async () => {
    const { run, well, fail } = setup();
    await fail(5);
    await expect(run(well)).rejects.toThrow('no connection');
    expect(well).not.toHaveBeenCalled();
  });

  it('frees those who wait for their turn', async () => {
    const { run, clock, fail } = setup(1);
    await fail(4);
    const fifth = held();
    const running = expect(run(fifth.call)).rejects.toThrow('dead');
    const waits = held();
    const waiting = expect(run(waits.call)).rejects.toThrow('dead');
    await clock.settle();
    fifth.reject(new Error('dead'));
    await Promise.all([running, waiting]);
    expect(waits.call).not.toHaveBeenCalled();
  });

  it('is tried by one call at a time, with growing pauses up to half a minute', async () => {
    const { run, clock, well, broken, fail } = setup();
    await fail(5);
    const pauses: number[] = [];
    for (let trial = 0; trial < 7; trial += 1) {
      const calls = broken.mock.calls.length;
      const start = clock.monotonic();
      while (broken.mock.calls.length === calls) {
        await clock.advance(500);
        await expect(run(broken)).rejects.toThrow('no connection');
      }
      pauses.push(clock.monotonic() - start);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    await clock.advance(30_000);
    const trial = held();
    const tried = run(trial.call);
    await clock.settle();
    await expect(run(well)).rejects.toThrow('no connection');
    trial.resolve('back');
    expect(await tried).toBe('back');
    expect(await run(well)).toBe('answer');
    // And the next trouble begins with the short pause again.
    await fail(5);
    await clock.advance(1_000);
    expect(await run(well)).toBe('answer');
  });

  it('learns nothing from a trial whose caller gave up', async () => {
    const { breaker, run, clock, well, fail } = setup();
    await fail(5);
    await clock.advance(1_000);
    await expect(breaker.run(() => Promise.reject(new Error('gave up')), () => 'untold', never)).rejects.toThrow('gave up');
    expect(await run(well)).toBe('answer');
  });

  it('is well once a call that began before ends well, whatever becomes of the trial', async () => {
    const { run, clock, well, fail } = setup(10);
    const [early, trial] = [held(), held()];
    const first = run(early.call);
    await clock.settle();
    await fail(5);
    await clock.advance(1_000);
    const second = expect(run(trial.call)).rejects.toThrow('dead');
    await clock.settle();
    early.resolve('x');
    await first;
    trial.reject(new Error('dead'));
    await second;
    expect(await run(well)).toBe('answer');
  });

  it('is not held to be worse for calls that began before', async () => {
    const { run, clock, well } = setup(10);
    const calls = Array.from({ length: 10 }, held);
    const all = Promise.allSettled(calls.map(({ call }) => run(call)));
    await clock.settle();
    for (const { reject } of calls) reject(new Error('dead'));
    await all;
    await clock.advance(1_000);
    expect(await run(well)).toBe('answer');
  });
});
