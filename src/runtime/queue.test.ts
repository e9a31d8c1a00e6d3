import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { createBackoff } from './backoff.ts';
import { createQueue, type QueueState } from './queue.ts';

const never = new AbortController().signal;

const start = () => {
  const clock = createFakeClock();
  const told: string[] = [];
  let read: () => QueueState = () => ({ depth: -1, unfinishedSeconds: -1, longestRunningSeconds: -1 });
  const queue = createQueue({
    clock,
    backoff: createBackoff({ base: 100, factor: 2, max: 1_000, jitter: 0, random: () => 0 }),
    metrics: {
      added: () => told.push('added'),
      retried: () => told.push('retried'),
      taken: (seconds) => told.push(`taken after ${seconds}`),
      finished: (seconds) => told.push(`finished after ${seconds}`),
      observe: (given) => { read = given; },
    },
  });
  return { clock, queue, told, state: () => read() };
};

describe('a queue', () => {
  it('hands out keys in the order in which they came, each once', async () => {
    const { queue } = start();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.len()).toBe(3);
    expect([await queue.get(never), await queue.get(never), await queue.get(never)]).toEqual(['a', 'b', 'c']);
    expect(queue.len()).toBe(0);
  });

  it('hands a key that is added while it is worked on out again, once, and only after that work', async () => {
    const { queue, clock } = start();
    queue.add('a');
    await queue.get(never);
    queue.add('a');
    queue.add('a');
    expect(queue.len()).toBe(0);
    const next = queue.get(never);
    let got = false;
    void next.then(() => { got = true; });
    await clock.settle();
    expect(got).toBe(false);
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    expect(queue.len()).toBe(0);
  });

  it('serves those who wait in their order', async () => {
    const { queue } = start();
    const first = queue.get(never);
    const second = queue.get(never);
    queue.add('a');
    queue.add('b');
    expect([await first, await second]).toEqual(['a', 'b']);
  });

  it('gives nothing to who has given up, and loses no key to them', async () => {
    const { queue } = start();
    const impatient = new AbortController();
    const given = queue.get(impatient.signal);
    impatient.abort();
    expect(await given).toBeUndefined();
    queue.add('a');
    expect(await queue.get(impatient.signal)).toBeUndefined();
    expect(await queue.get(never)).toBe('a');
  });

  it('refuses a done that no get came before', () => {
    expect(() => { start().queue.done('a'); }).toThrow('queue: done("a") without a get before it');
  });
});

describe('a delayed add', () => {
  it('comes at its time', async () => {
    const { queue, clock } = start();
    queue.addAfter('a', 1_000);
    await clock.advance(999);
    expect(queue.len()).toBe(0);
    await clock.advance(1);
    expect(queue.len()).toBe(1);
  });

  it('comes at the earlier of two times, and once', async () => {
    const { queue, clock } = start();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 300);
    queue.addAfter('a', 500);
    await clock.advance(300);
    expect(await queue.get(never)).toBe('a');
    queue.done('a');
    await clock.advance(10_000);
    expect(queue.len()).toBe(0);
    expect(clock.pending()).toBe(0);
  });

  it('comes at once when it is for no time or less, and is refused when it is not a number', () => {
    const { queue } = start();
    queue.addAfter('a', 0);
    queue.addAfter('b', -5);
    expect(queue.len()).toBe(2);
    expect(() => { queue.addAfter('c', Number.NaN); }).toThrow(RangeError);
  });

  it('does not hold back an add that comes sooner', async () => {
    const { queue } = start();
    queue.addAfter('a', 60_000);
    queue.add('a');
    expect(await queue.get(never)).toBe('a');
  });
});

describe('a rate-limited add', () => {
  it('waits longer each time for that key alone, up to the limit, until it is forgotten', async () => {
    const { queue, clock } = start();
    const waits: number[] = [];
    for (let failure = 0; failure < 6; failure += 1) {
      const before = clock.monotonic();
      queue.addRateLimited('a');
      await clock.advanceUntil(() => queue.len() === 1);
      waits.push(clock.monotonic() - before);
      await queue.get(never);
      queue.done('a');
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect([queue.numRequeues('a'), queue.numRequeues('b')]).toEqual([6, 0]);
    queue.forget('a');
    expect(queue.numRequeues('a')).toBe(0);
    queue.addRateLimited('a');
    await clock.advance(100);
    expect(queue.len()).toBe(1);
  });

  it('comes no earlier than a server asked for', async () => {
    const { queue, clock } = start();
    queue.addRateLimited('a', 5_000);
    await clock.advance(4_999);
    expect(queue.len()).toBe(0);
    await clock.advance(1);
    expect(queue.len()).toBe(1);
  });
});

describe('a queue that is shut down', () => {
  it('takes nothing more, drops what is delayed, hands out what waits, and then says that this was all', async () => {
    const { queue, clock } = start();
    queue.add('a');
    queue.addAfter('b', 1_000);
    queue.shutDown();
    queue.add('c');
    queue.addAfter('d', 10);
    queue.addRateLimited('e');
    expect(clock.pending()).toBe(0);
    expect(await queue.get(never)).toBe('a');
    expect(await queue.get(never)).toBeUndefined();
  });

  it('lets those go who wait for a key', async () => {
    const { queue } = start();
    const waiting = [queue.get(never), queue.get(never)];
    queue.shutDown();
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
  });

  it('is drained when nothing is worked on any more', async () => {
    const { queue, clock } = start();
    for (const key of ['a', 'b']) queue.add(key);
    await queue.get(never);
    await queue.get(never);
    let drained = false;
    void queue.drain().then(() => { drained = true; });
    queue.done('a');
    await clock.settle();
    expect(drained).toBe(false);
    queue.done('b');
    await clock.settle();
    expect(drained).toBe(true);
    await queue.drain();
  });
});

describe('the figures of a queue', () => {
  it('tell what was added, tried again, how long it waited and how long it took', async () => {
    const { queue, clock, told } = start();
    queue.add('a');
    queue.add('a');
    await clock.advance(2_000);
    await queue.get(never);
    await clock.advance(500);
    queue.addRateLimited('a');
    queue.done('a');
    expect(told).toEqual(['added', 'taken after 2', 'retried', 'finished after 0.5']);
  });

  it('count from the first add, and as waiting also what was added again while it is worked on', async () => {
    const { queue, clock, told, state } = start();
    queue.add('a');
    queue.add('b');
    await queue.get(never);
    await clock.advance(3_000);
    queue.add('a');
    await queue.get(never);
    await clock.advance(1_000);
    expect(state()).toEqual({ depth: 1, unfinishedSeconds: 5, longestRunningSeconds: 4 });
    queue.done('a');
    await queue.get(never);
    expect(told.slice(2)).toEqual(['taken after 0', 'added', 'taken after 3', 'finished after 4', 'taken after 1']);
  });

  it('are all nothing when nothing happens', () => {
    expect(start().state()).toEqual({ depth: 0, unfinishedSeconds: 0, longestRunningSeconds: 0 });
  });
});
