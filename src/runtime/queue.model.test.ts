import { expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { below, createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { createBackoff } from './backoff.ts';
import { createQueue, type Queue } from './queue.ts';

/** What a workqueue is, said as plainly as it can be: lists, searched from end to end. */
const createModel = () => {
  const order: string[] = [];
  let processing: string[] = [];
  let dirty: string[] = [];
  let delayed: { key: string; at: number }[] = [];
  let now = 0;
  const add = (key: string): void => {
    if (dirty.includes(key)) return;
    dirty.push(key);
    if (!processing.includes(key)) order.push(key);
  };
  return {
    add,
    addAfter: (key: string, delay: number): void => {
      if (delay <= 0) { add(key); return; }
      const at = now + delay;
      if (delayed.some((each) => each.key === key && each.at <= at)) return;
      delayed = [...delayed.filter((each) => each.key !== key), { key, at }];
    },
    advance: (ms: number): void => {
      now += ms;
      // Equal times come in the order in which they were asked for.
      for (const { key } of delayed.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at)) add(key);
      delayed = delayed.filter(({ at }) => at > now);
    },
    get: (): string | undefined => {
      const key = order.shift();
      if (key === undefined) return undefined;
      dirty = dirty.filter((each) => each !== key);
      processing.push(key);
      return key;
    },
    done: (key: string): void => {
      processing = processing.filter((each) => each !== key);
      if (dirty.includes(key)) order.push(key);
    },
    processing: () => processing,
    len: () => order.length,
    delayed: () => delayed.length,
  };
};

/** Takes a key only when one is there. */
const tryGet = (queue: Queue): Promise<string | undefined> =>
  queue.len() === 0 ? Promise.resolve(undefined) : queue.get(new AbortController().signal);

it('does in any order of calls what the plain model of it does', async () => {
  const random = createSeededRandom(printedSeed('queue'));
  for (let round = 0; round < 60; round += 1) {
    const clock = createFakeClock();
    const backoff = createBackoff({ base: 1, factor: 2, max: 100, jitter: 0, random });
    const queue = createQueue({ clock, backoff });
    const model = createModel();
    const failures = new Map<string, number>();
    const history: string[] = [];
    for (let step = 0; step < 80; step += 1) {
      const key = 'abcde'[below(random, 5)] ?? '';
      const action = below(random, 8);
      history.push(`${action}${key}`);
      if (action <= 1) {
        queue.add(key);
        model.add(key);
      } else if (action === 2) {
        const delay = below(random, 30) - 2;
        queue.addAfter(key, delay);
        model.addAfter(key, delay);
      } else if (action === 3) {
        queue.addRateLimited(key);
        model.addAfter(key, backoff.next(failures.get(key) ?? 0));
        failures.set(key, (failures.get(key) ?? 0) + 1);
      } else if (action === 4) {
        queue.forget(key);
        failures.delete(key);
      } else if (action === 5) {
        const ms = below(random, 20);
        await clock.advance(ms);
        model.advance(ms);
      } else if (action === 6) {
        expect(await tryGet(queue), history.join(' ')).toBe(model.get());
      } else {
        const finished = model.processing()[below(random, model.processing().length)];
        if (finished === undefined) continue;
        queue.done(finished);
        model.done(finished);
      }
      expect([queue.len(), clock.pending(), queue.numRequeues(key)], history.join(' ')).toEqual([
        model.len(), model.delayed(), failures.get(key) ?? 0,
      ]);
    }
  }
});

it('loses no change and works on nothing twice, whatever its workers do', async () => {
  const random = createSeededRandom(printedSeed('queue workers'));
  const clock = createFakeClock();
  const queue = createQueue({ clock, backoff: createBackoff({ base: 5, factor: 2, max: 50, jitter: 0.5, random }) });
  const stop = new AbortController();
  const wanted = new Map<string, number>();
  const seen = new Map<string, number>();
  const busy = new Set<string>();
  const worker = async (): Promise<void> => {
    for (let key = await queue.get(stop.signal); key !== undefined; key = await queue.get(stop.signal)) {
      expect(busy.has(key)).toBe(false);
      busy.add(key);
      const version = wanted.get(key) ?? 0;
      await new Promise<void>((resolve) => { clock.schedule(below(random, 10), resolve); });
      // Half of the looks fail and must be taken again.
      if (random() < 0.5) queue.addRateLimited(key);
      else {
        seen.set(key, version);
        queue.forget(key);
      }
      busy.delete(key);
      queue.done(key);
    }
  };
  const workers = Array.from({ length: 3 }, worker);
  for (let change = 1; change <= 500; change += 1) {
    const key = 'abcdefgh'[below(random, 8)] ?? '';
    wanted.set(key, change);
    queue.add(key);
    await clock.advance(below(random, 4));
  }
  await clock.advance(5_000);
  expect(seen).toEqual(wanted);
  stop.abort();
  await Promise.all(workers);
  queue.shutDown();
  expect(clock.pending()).toBe(0);
});
