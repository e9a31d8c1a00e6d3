/** Whatever is added, handed out, finished, delayed and forgotten, by however many workers. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFakeClock } from '../../test/fakes/clock.ts';
import type { FakeClock } from '../../test/fakes/clock.ts';
import { command, inOrder } from '../../test/fuzz/commands.ts';
import { holdsInTime } from '../../test/fuzz/property.ts';
import { createBackoff } from './backoff.ts';
import { createQueue } from './queue.ts';
import type { Queue, QueueState } from './queue.ts';

const groupOf = (key: string): string => key.charAt(0);
const longestBackoff = 100;

/** What a workqueue promises, as sets. Keys that are ready stand in the order in which they became so. */
interface Model {
  readonly ready: string[];
  readonly processing: Set<string>;
  /** Added again while they are processed. */
  readonly again: Set<string>;
  /** When they come by themselves. */
  readonly delayed: Map<string, number>;
  readonly failures: Map<string, number>;
  waiting: number;
  now: number;
  isDown: boolean;
}

interface Real {
  readonly clock: FakeClock;
  readonly queue: Queue;
  readonly state: () => QueueState;
  /** Workers that wait for a key, the longest first. */
  readonly workers: AbortController[];
  /** Keys that were handed out, and not looked at yet. */
  readonly given: (string | undefined)[];
}

const needsWork = (model: Model, key: string): void => {
  if (model.isDown || model.again.has(key) || model.ready.includes(key)) return;
  if (model.processing.has(key)) model.again.add(key);
  else model.ready.push(key);
};

const comesLater = (model: Model, key: string, delay: number): void => {
  if (model.isDown) return;
  if (delay <= 0) needsWork(model, key);
  else if (model.now + delay < (model.delayed.get(key) ?? Infinity)) {
    // Behind those of the same time that were asked for before.
    model.delayed.delete(key);
    model.delayed.set(key, model.now + delay);
  }
};

const timePasses = (model: Model, ms: number): void => {
  model.now += ms;
  const due = [...model.delayed].filter(([, at]) => at <= model.now).sort(([, one], [, other]) => one - other);
  for (const [key] of due) {
    model.delayed.delete(key);
    needsWork(model, key);
  }
};

/** What was handed out was ready, the first of its group, and in nobody's hands; who is told that there is nothing may go. */
const lookAtGiven = async (model: Model, { clock, given }: Real): Promise<void> => {
  await clock.settle();
  for (const key of given.splice(0)) {
    model.waiting -= 1;
    if (key === undefined) {
      if (!model.isDown || model.ready.length > 0) throw new Error('a worker was sent away');
      continue;
    }
    if (model.processing.has(key)) throw new Error(`${key} is worked on twice`);
    expect(key).toBe(model.ready.find((each) => groupOf(each) === groupOf(key)));
    model.ready.splice(model.ready.indexOf(key), 1);
    model.processing.add(key);
  }
};

const agree = (model: Model, { clock, queue, state }: Real): void => {
  if (model.waiting > 0 && (model.ready.length > 0 || model.isDown)) throw new Error('a worker waits beside work, or for ever');
  expect({ len: queue.len(), depth: state().depth, timers: clock.pending() }).toEqual({ len: model.ready.length, depth: model.ready.length + model.again.size, timers: model.delayed.size });
};

const ask = (model: Model, { queue, workers, given }: Real): void => {
  const worker = new AbortController();
  workers.push(worker);
  model.waiting += 1;
  void queue.get(worker.signal).then((key) => {
    workers.splice(workers.indexOf(worker), 1);
    if (!worker.signal.aborted) given.push(key);
  });
};

const finish = (model: Model, queue: Queue, key: string): void => {
  queue.done(key);
  model.processing.delete(key);
  if (model.again.delete(key)) model.ready.push(key);
};

const goDown = (model: Model): void => {
  model.isDown = true;
  model.delayed.clear();
};

const step = (name: string, run: (model: Model, real: Real) => void | Promise<void>, isPossible?: (model: Readonly<Model>) => boolean): fc.AsyncCommand<Model, Real> =>
  command(
    name,
    async (model, real) => {
      await run(model, real);
      await lookAtGiven(model, real);
      agree(model, real);
    },
    isPossible,
  );

const keys = fc.constantFrom('a1', 'a2', 'b1', 'b2', 'c');
const delays = fc.oneof(fc.integer({ min: -2, max: 30 }), fc.constantFrom(0, 0.5, longestBackoff + 1));
const nth = <T>(all: Iterable<T>, index: number): T => {
  const list = [...all];
  const found = list[index % list.length];
  if (found === undefined) throw new Error('there is none');
  return found;
};

const add = keys.map((key) =>
  step(`add ${key}`, (model, { queue }) => {
    queue.add(key);
    needsWork(model, key);
  }),
);
const addAfter = fc.tuple(keys, delays).map(([key, delay]) =>
  step(`add ${key} after ${delay}`, (model, { queue }) => {
    queue.addAfter(key, delay);
    comesLater(model, key, delay);
  }),
);
/** Twice as long each time, never too long, and never sooner than was asked for. */
const fail = fc.tuple(keys, fc.constantFrom(0, 0, 7, 150)).map(([key, atLeast]) =>
  step(`${key} fails, and again after ${atLeast} at least`, (model, { queue }) => {
    const failures = model.failures.get(key) ?? 0;
    queue.addRateLimited(key, atLeast);
    model.failures.set(key, failures + 1);
    comesLater(model, key, Math.max(atLeast, Math.min(longestBackoff, 2 ** failures)));
    expect(queue.numRequeues(key)).toBe(failures + 1);
  }),
);
const forget = keys.map((key) =>
  step(`forget ${key}`, (model, { queue }) => {
    queue.forget(key);
    model.failures.delete(key);
    expect(queue.numRequeues(key)).toBe(0);
  }),
);
const get = fc.constant(step('get', ask));
const giveUp = fc.nat({ max: 5 }).map((index) =>
  step(
    `worker ${index} gives up`,
    (model, { workers }) => {
      nth(workers, index).abort();
      model.waiting -= 1;
    },
    ({ waiting }) => waiting > 0,
  ),
);
const done = fc.nat({ max: 5 }).map((index) =>
  step(
    `done ${index}`,
    (model, { queue }) => {
      finish(model, queue, nth(model.processing, index));
    },
    ({ processing }) => processing.size > 0,
  ),
);
const advance = fc.integer({ min: 0, max: 40 }).map((ms) =>
  step(`${ms} ms pass`, async (model, { clock }) => {
    await clock.advance(ms);
    timePasses(model, ms);
  }),
);
const shutDown = fc.constant(
  step('shut down', (model, { queue }) => {
    queue.shutDown();
    goDown(model);
  }),
);

const commands = fc.array(
  fc.oneof({ weight: 8, arbitrary: add }, { weight: 4, arbitrary: addAfter }, { weight: 4, arbitrary: fail }, { weight: 2, arbitrary: forget }, { weight: 8, arbitrary: get }, { weight: 2, arbitrary: giveUp }, { weight: 6, arbitrary: done }, { weight: 4, arbitrary: advance }, { weight: 1, arbitrary: shutDown }),
  { size: '+2', maxLength: 60 },
);

const start = (): Real => {
  const clock = createFakeClock();
  let state = (): QueueState => ({ depth: -1, unfinishedSeconds: -1, longestRunningSeconds: -1 });
  const nothing = (): void => undefined;
  const queue = createQueue({
    clock,
    backoff: createBackoff({ base: 1, factor: 2, max: longestBackoff, jitter: 0, random: () => 0 }),
    groupOf,
    metrics: { added: nothing, retried: nothing, taken: nothing, finished: nothing, observe: (read) => { state = read; } },
  });
  return { clock, queue, state: () => state(), workers: [], given: [] };
};

it('a queue loses nothing that was added, gives nothing to two, keeps nobody waiting beside work, and ends when it is told to', async () => {
  await holdsInTime(
    fc.asyncProperty(commands, async (all) => {
      const model: Model = { ready: [], processing: new Set(), again: new Set(), delayed: new Map(), failures: new Map(), waiting: 0, now: 0, isDown: false };
      const real = start();
      await inOrder(all, model, real);
      const drained = real.queue.drain();
      goDown(model);
      await lookAtGiven(model, real);
      while (model.processing.size + model.ready.length > 0) {
        for (const key of [...model.processing]) finish(model, real.queue, key);
        if (model.ready.length > 0) ask(model, real);
        await lookAtGiven(model, real);
        agree(model, real);
      }
      await drained;
    }),
  );
});
