import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { below, createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { createBatcher } from './batcher.ts';

const never = new AbortController().signal;

interface Turn {
  readonly key: string;
  readonly items: readonly string[];
  readonly signal: AbortSignal;
  readonly end: (answers?: readonly string[]) => void;
  readonly fail: (error: Error) => void;
}

/** Turns that end when the test says so. */
const manual = (limit = 3) => {
  const clock = createFakeClock();
  const turns: Turn[] = [];
  const batcher = createBatcher<string, string>({
    clock,
    wait: 100,
    limit,
    run: (key, items, signal) =>
      new Promise((resolve, reject) => {
        turns.push({ key, items, signal, end: (answers = items.map((item) => `${item}!`)) => { resolve(answers); }, fail: reject });
      }),
  });
  return { clock, turns, ...batcher };
};

describe('a batcher', () => {
  it('waits a little for others, and takes all of them in one turn, each with its own answer', async () => {
    const { clock, turns, submit } = manual();
    const first = submit('a', 'one', never);
    await clock.advance(99);
    expect(turns).toEqual([]);
    const second = submit('a', 'two', never);
    await clock.advance(1);
    expect(turns.map(({ items }) => items)).toEqual([['one', 'two']]);
    turns[0]?.end();
    expect(await Promise.all([first, second])).toEqual(['one!', 'two!']);
  });

  it('takes one turn at a time at one thing, and keeps the rest for the next, the oldest first', async () => {
    const { clock, turns, submit } = manual();
    const answers = ['1', '2', '3', '4', '5'].map((item) => submit('a', item, never));
    await clock.advance(100);
    const late = submit('a', '6', never);
    await clock.advance(10_000);
    expect(turns.map(({ items }) => items)).toEqual([['1', '2', '3']]);
    turns[0]?.end();
    await clock.advance(100);
    expect(turns[1]?.items).toEqual(['4', '5', '6']);
    turns[1]?.end();
    expect(await Promise.all([...answers, late])).toEqual(['1!', '2!', '3!', '4!', '5!', '6!']);
  });

  it('takes turns at different things side by side, and forgets what nobody waits for', async () => {
    const { clock, turns, submit, size } = manual();
    const both = [submit('a', 'one', never), submit('b', 'two', never)];
    await clock.advance(100);
    expect([turns.map(({ key }) => key), size()]).toEqual([['a', 'b'], 2]);
    for (const { end } of turns) end();
    await Promise.all(both);
    expect(size()).toBe(0);
  });

  it('gives a failure to all of the turn, and to nobody else', async () => {
    const { clock, turns, submit } = manual(2);
    const failing = [submit('a', 'one', never), submit('a', 'two', never)];
    const next = submit('a', 'three', never);
    await clock.advance(100);
    turns[0]?.fail(new Error('no'));
    for (const each of failing) await expect(each).rejects.toThrow('no');
    await clock.advance(100);
    turns[1]?.end();
    expect(await next).toBe('three!');
  });

  it('takes a turn that answers too few for a failure', async () => {
    const { clock, turns, submit } = manual();
    const answer = submit('a', 'one', never);
    await clock.advance(100);
    turns[0]?.end([]);
    await expect(answer).rejects.toThrow('0 answers for 1 items');
  });

  it('leaves out who gave up before the turn, and goes on for the others after it began', async () => {
    const { clock, turns, submit } = manual();
    const [early, late] = [new AbortController(), new AbortController()];
    const gone = submit('a', 'early', early.signal);
    const left = submit('a', 'late', late.signal);
    const stays = submit('a', 'stays', never);
    early.abort(new Error('no time'));
    await expect(gone).rejects.toThrow('no time');
    await clock.advance(100);
    expect(turns[0]?.items).toEqual(['late', 'stays']);
    late.abort(new Error('later'));
    await expect(left).rejects.toThrow('later');
    expect(turns[0]?.signal.aborted).toBe(false);
    turns[0]?.end();
    expect(await stays).toBe('stays!');
  });

  it('ends a turn for which nobody waits any more, and begins the next only after it', async () => {
    const { clock, turns, submit, size } = manual();
    const impatient = new AbortController();
    const left = submit('a', 'left', impatient.signal);
    await clock.advance(100);
    impatient.abort();
    await expect(left).rejects.toThrow();
    expect(turns[0]?.signal.aborted).toBe(true);
    const next = submit('a', 'next', never);
    await clock.advance(1_000);
    expect(turns).toHaveLength(1);
    turns[0]?.fail(new Error('aborted'));
    await clock.advance(100);
    turns[1]?.end();
    expect([await next, size()]).toEqual(['next!', 0]);
  });

  it('begins no turn for those who all gave up, and takes none who comes with an aborted signal', async () => {
    const { clock, turns, submit, size } = manual();
    const impatient = new AbortController();
    const left = submit('a', 'left', impatient.signal);
    impatient.abort(new Error('gave up'));
    await expect(left).rejects.toThrow('gave up');
    await expect(submit('a', 'late', impatient.signal)).rejects.toThrow('gave up');
    await clock.advance(1_000);
    expect([turns, size(), clock.pending()]).toEqual([[], 0, 0]);
  });
});

it('answers each of a thousand once, in the order in which they came, whatever goes wrong', async () => {
  const random = createSeededRandom(printedSeed('batcher'));
  const clock = createFakeClock();
  const limit = 7;
  const busy = new Set<string>();
  const taken = new Map<string, number[]>();
  let turns = 0;
  const { submit, size } = createBatcher<number, number>({
    clock,
    wait: 20,
    limit,
    run: async (key, items, signal) => {
      expect(busy.has(key), 'one turn at a time').toBe(false);
      expect(items.length).toBeGreaterThan(0);
      expect(items.length).toBeLessThanOrEqual(limit);
      busy.add(key);
      turns += 1;
      taken.set(key, [...(taken.get(key) ?? []), ...items]);
      await new Promise<void>((resolve) => { clock.schedule(1 + below(random, 60), resolve); });
      busy.delete(key);
      signal.throwIfAborted();
      if (random() < 0.2) throw new Error('failed');
      return items.map((item) => item * 2);
    },
  });
  const outcomes = { answered: 0, failed: 0, gaveUp: 0 };
  const one = async (key: string, item: number): Promise<void> => {
    const stop = new AbortController();
    if (random() < 0.2) clock.schedule(below(random, 80), () => { stop.abort(new Error('gave up')); });
    try {
      expect(await submit(key, item, stop.signal)).toBe(item * 2);
      outcomes.answered += 1;
    } catch (error) {
      if (!(error instanceof Error) || !['failed', 'gave up'].includes(error.message)) throw error;
      outcomes[error.message === 'failed' ? 'failed' : 'gaveUp'] += 1;
    }
  };
  const all: Promise<void>[] = [];
  for (let item = 0; item < 1_000; item += 1) {
    all.push(one('abc'[below(random, 3)] ?? 'a', item));
    if (random() < 0.3) await clock.advance(below(random, 30));
  }
  await clock.advance(60_000);
  await Promise.all(all);
  expect(outcomes.answered + outcomes.failed + outcomes.gaveUp).toBe(1_000);
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(0);
  for (const items of taken.values()) expect(items, 'the oldest first, none twice').toEqual([...new Set(items)].sort((a, b) => a - b));
  expect(turns).toBeLessThan(1_000 / 2);
  expect([size(), clock.pending(), busy.size]).toEqual([0, 0, 0]);
});
