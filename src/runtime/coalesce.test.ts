import { describe, expect, it } from 'vitest';

import { below, createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { createCoalescer, createKeyedCoalescer } from './coalesce.ts';

const never = new AbortController().signal;

/** A fetch that ends when the test says so. */
const manual = () => {
  const fetches: { readonly signal: AbortSignal; readonly resolve: (value: string) => void; readonly reject: (error: unknown) => void }[] = [];
  const fetch = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      fetches.push({ signal, resolve, reject });
    });
  const settle = () => new Promise((resolve) => { setImmediate(resolve); });
  return { fetch, fetches, settle };
};

describe('a shared read', () => {
  it('starts at once when nothing is in flight', async () => {
    const { fetch, fetches } = manual();
    const read = createCoalescer(fetch).read(never);
    expect(fetches).toHaveLength(1);
    fetches[0]?.resolve('a');
    expect(await read).toBe('a');
  });

  it('is never answered by a fetch that began before it was asked', async () => {
    const { fetch, fetches, settle } = manual();
    const { read } = createCoalescer(fetch);
    const first = read(never);
    const second = read(never);
    const third = read(never);
    expect(fetches).toHaveLength(1);
    fetches[0]?.resolve('before');
    expect(await first).toBe('before');
    await settle();
    expect(fetches).toHaveLength(2);
    fetches[1]?.resolve('after');
    expect(await Promise.all([second, third])).toEqual(['after', 'after']);
    expect(fetches).toHaveLength(2);
  });

  it('gives an error to all who shared it, and to nobody else', async () => {
    const { fetch, fetches, settle } = manual();
    const { read } = createCoalescer(fetch);
    const first = read(never);
    const shared = [read(never), read(never)];
    fetches[0]?.reject(new Error('one'));
    await expect(first).rejects.toThrow('one');
    await settle();
    fetches[1]?.reject(new Error('two'));
    for (const each of shared) await expect(each).rejects.toThrow('two');
    const next = read(never);
    fetches[2]?.resolve('fine');
    expect(await next).toBe('fine');
  });

  it('is an error also when the fetch throws before it is a promise', async () => {
    const { read } = createCoalescer((): Promise<string> => {
      throw new Error('at once');
    });
    await expect(read(never)).rejects.toThrow('at once');
    await expect(read(never)).rejects.toThrow('at once');
  });

  it('goes on for the others when one gives up', async () => {
    const { fetch, fetches } = manual();
    const { read } = createCoalescer(fetch);
    const running = read(never);
    const impatient = new AbortController();
    const left = read(impatient.signal);
    const stays = read(never);
    impatient.abort(new Error('no time'));
    await expect(left).rejects.toThrow('no time');
    fetches[0]?.resolve('x');
    await running;
    expect(fetches[1]?.signal.aborted).toBe(false);
    fetches[1]?.resolve('y');
    expect(await stays).toBe('y');
  });

  it('is ended when nobody waits any more, and the next begins only after that', async () => {
    const { fetch, fetches, settle } = manual();
    const { read } = createCoalescer(fetch);
    const impatient = new AbortController();
    const left = read(impatient.signal);
    impatient.abort();
    await expect(left).rejects.toThrow();
    expect(fetches[0]?.signal.aborted).toBe(true);
    const next = read(never);
    await settle();
    expect(fetches).toHaveLength(1);
    fetches[0]?.reject(new Error('aborted'));
    await settle();
    expect(fetches[1]?.signal.aborted).toBe(false);
    fetches[1]?.resolve('z');
    expect(await next).toBe('z');
  });

  it('does not begin for those who gave up before it could', async () => {
    const { fetch, fetches, settle } = manual();
    const { read } = createCoalescer(fetch);
    const running = read(never);
    const impatient = new AbortController();
    const left = read(impatient.signal);
    impatient.abort();
    await expect(left).rejects.toThrow();
    fetches[0]?.resolve('x');
    await running;
    await settle();
    expect(fetches).toHaveLength(1);
    await expect(read(impatient.signal)).rejects.toThrow();
    expect(fetches).toHaveLength(1);
  });
});

describe('shared reads by key', () => {
  it('share with their own key alone, and forget a key that nobody reads', async () => {
    const { fetch, fetches, settle } = manual();
    const keys: string[] = [];
    const coalescer = createKeyedCoalescer((key, signal) => {
      keys.push(key);
      return fetch(signal);
    });
    const reads = [coalescer.read('a', never), coalescer.read('b', never), coalescer.read('a', never)];
    expect(keys).toEqual(['a', 'b']);
    expect(coalescer.size()).toBe(2);
    fetches[1]?.resolve('b1');
    fetches[0]?.resolve('a1');
    await settle();
    expect(coalescer.size()).toBe(1);
    fetches[2]?.resolve('a2');
    expect(await Promise.all(reads)).toEqual(['a1', 'b1', 'a2']);
    expect(coalescer.size()).toBe(0);
  });

  it('remember nothing of who gave up or failed', async () => {
    const coalescer = createKeyedCoalescer(() => Promise.reject(new Error('no')));
    await expect(coalescer.read('a', AbortSignal.abort(new Error('early')))).rejects.toThrow('early');
    await expect(coalescer.read('a', never)).rejects.toThrow('no');
    expect(coalescer.size()).toBe(0);
  });
});

it('answers a thousand readers in any order with fresh values, one fetch at a time', async () => {
  const random = createSeededRandom(printedSeed('coalesce'));
  const clock = createFakeClock();
  let inFlight = 0;
  let fetches = 0;
  const { read, size } = createKeyedCoalescer(async (_key, signal) => {
    inFlight += 1;
    fetches += 1;
    expect(inFlight).toBe(1);
    const startedAt = clock.monotonic();
    await new Promise<void>((resolve) => { clock.schedule(1 + below(random, 50), resolve); });
    inFlight -= 1;
    signal.throwIfAborted();
    if (random() < 0.2) throw new Error('failed');
    return startedAt;
  });
  const outcomes = { fresh: 0, failed: 0, gaveUp: 0 };
  const reader = async (): Promise<void> => {
    const asked = clock.monotonic();
    const stop = new AbortController();
    if (random() < 0.2) clock.schedule(below(random, 60), () => { stop.abort(new Error('gave up')); });
    try {
      expect(await read('only', stop.signal)).toBeGreaterThanOrEqual(asked);
      outcomes.fresh += 1;
    } catch (error) {
      if (!(error instanceof Error) || !['failed', 'gave up'].includes(error.message)) throw error;
      outcomes[error.message === 'failed' ? 'failed' : 'gaveUp'] += 1;
    }
  };
  const readers: Promise<void>[] = [];
  for (let count = 0; count < 1_000; count += 1) {
    readers.push(reader());
    if (random() < 0.1) await clock.advance(below(random, 20));
  }
  await clock.advance(1_000);
  await Promise.all(readers);
  expect(outcomes.fresh + outcomes.failed + outcomes.gaveUp).toBe(1_000);
  expect(outcomes.fresh).toBeGreaterThan(300);
  expect(fetches).toBeLessThan(200);
  expect([size(), inFlight]).toEqual([0, 0]);
});
