import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { sleep, systemClock } from './clock.ts';

const never = new AbortController().signal;

describe('the system clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits longer than one timer of Node can', () => {
    const action = vi.fn();
    const sixtyDays = 60 * 86_400_000;
    systemClock.schedule(sixtyDays, action);
    vi.advanceTimersByTime(sixtyDays - 1);
    expect(action).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(action).toHaveBeenCalledOnce();
  });

  it('cancels a long wait in any of its pieces', () => {
    const action = vi.fn();
    const cancel = systemClock.schedule(60 * 86_400_000, action);
    vi.advanceTimersByTime(40 * 86_400_000);
    cancel();
    vi.advanceTimersByTime(60 * 86_400_000);
    expect(action).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('runs at once what should have run before', () => {
    const action = vi.fn();
    systemClock.schedule(-5, action);
    vi.advanceTimersByTime(1);
    expect(action).toHaveBeenCalledOnce();
  });

  it('tells wall-clock time, and a time that only goes on', () => {
    const before = systemClock.monotonic();
    expect(Math.abs(systemClock.now().getTime() - Date.now())).toBeLessThan(1_000);
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
  });
});

describe('sleep', () => {
  it('ends at its time', async () => {
    const clock = createFakeClock();
    let awake = false;
    void sleep(clock, 100, never).then(() => { awake = true; });
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    expect(awake).toBe(true);
  });

  it('is cut short with the reason of its signal, and leaves no timer', async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const slept = sleep(clock, 100, stop.signal);
    stop.abort('enough');
    await expect(slept).rejects.toThrow('enough');
    await expect(sleep(clock, 100, stop.signal)).rejects.toThrow('enough');
    expect(clock.pending()).toBe(0);
  });
});

describe('the clock of the tests', () => {
  it('runs timers in their order, each at its own time, also those that a timer sets', async () => {
    const clock = createFakeClock(new Date(0));
    const ran: string[] = [];
    const note = (name: string) => (): void => { ran.push(`${name} ${clock.monotonic()} ${clock.now().getTime()}`); };
    clock.schedule(30, note('c'));
    clock.schedule(10, () => {
      note('a')();
      void Promise.resolve().then(() => clock.schedule(10, note('b')));
    });
    clock.schedule(30, note('d'));
    clock.schedule(20, note('never'))();
    await clock.advance(25);
    expect(ran).toEqual(['a 10 10', 'b 20 20']);
    clock.stepWall(-1_000);
    await clock.advance(5);
    expect(ran.slice(2)).toEqual(['c 30 -970', 'd 30 -970']);
  });

  it('says when something is not reached', async () => {
    const clock = createFakeClock();
    clock.schedule(100, () => undefined);
    await expect(clock.advanceUntil(() => false, 50)).rejects.toThrow('not reached within 50 ms');
  });
});
