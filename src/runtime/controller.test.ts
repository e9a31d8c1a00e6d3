import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { createController, type ControllerOptions, type ReconcileObservation, type ReconcileResult } from './controller.ts';
import { LeadershipLostError } from './leader-election.ts';
import type { Logger } from './logger.ts';
import { OutcomeError, invalid, needsPerson, retryable } from './outcome.ts';

const done: ReconcileResult = { kind: 'done' };

const start = (reconcile: ControllerOptions['reconcile'], options: Partial<ControllerOptions> = {}) => {
  const clock = createFakeClock();
  const observed: ReconcileObservation[] = [];
  const said: string[] = [];
  const log: Logger = {
    debug: (message) => said.push(`debug ${message}`),
    info: (message) => said.push(`info ${message}`),
    warn: (message) => said.push(`warn ${message}`),
    error: (message) => said.push(`error ${message}`),
    child: () => log,
  };
  const stop = new AbortController();
  const times: number[] = [];
  const controller = createController({
    name: 'test', concurrency: 1, clock, log,
    // In the middle: jitter of either kind is then the same in every run.
    random: () => 0.5,
    onReconcile: (observation) => observed.push(observation),
    ...options,
    reconcile: (key, signal) => {
      times.push(clock.monotonic());
      return reconcile(key, signal);
    },
  });
  let ended = false;
  const run = async (): Promise<void> => {
    await controller.run(stop.signal);
    ended = true;
  };
  return { clock, controller, observed, said, stop, times, run, ended: () => ended };
};

/** Resolves when `release` is called; rejects when its signal is aborted, unless it is deaf. */
const held = ({ deaf = false } = {}) => {
  const signals: AbortSignal[] = [];
  const releases: (() => void)[] = [];
  const reconcile = (_key: string, signal: AbortSignal): Promise<ReconcileResult> =>
    new Promise((resolve, reject) => {
      signals.push(signal);
      releases.push(() => { resolve(done); });
      if (!deaf) signal.addEventListener('abort', () => { reject(signal.reason as Error); }, { once: true });
    });
  return { reconcile, signals, release: () => { for (const release of releases) release(); } };
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a controller', () => {
  it('works on keys that came before it ran, each once', async () => {
    const keys: string[] = [];
    const { controller, run, stop, clock, observed } = start((key) => {
      keys.push(key);
      return Promise.resolve(done);
    });
    for (const key of ['a', 'b', 'a']) controller.enqueue(key);
    const running = run();
    await clock.settle();
    expect(keys).toEqual(['a', 'b']);
    expect(observed).toEqual([{ result: 'success', seconds: 0 }, { result: 'success', seconds: 0 }]);
    stop.abort();
    await running;
  });

  it('never works on one key twice at the same time, nor on more keys than it has workers, and loses no change', async () => {
    const { reconcile, signals, release } = held();
    const { controller, run, stop, clock } = start(reconcile, { concurrency: 2 });
    const running = run();
    for (const key of ['a', 'a', 'b', 'c']) controller.enqueue(key);
    await clock.settle();
    controller.enqueue('a');
    await clock.settle();
    expect(signals).toHaveLength(2);
    release();
    await clock.settle();
    // c, and a for the change that came while it was worked on.
    expect(signals).toHaveLength(4);
    release();
    stop.abort();
    await running;
  });

  it('looks again when it was asked to', async () => {
    const { controller, run, stop, clock, times, observed } = start(() => Promise.resolve({ kind: 'again', after: 15_000 }));
    const running = run();
    controller.enqueue('a');
    await clock.advance(31_000);
    expect(times).toEqual([0, 15_000, 30_000]);
    expect(observed[0]).toEqual({ result: 'requeue_after', seconds: 0 });
    stop.abort();
    await running;
  });

  it('tries again after growing waits, and starts anew after a success', async () => {
    let failing = true;
    const { controller, run, stop, clock, times, observed } = start(() =>
      failing ? Promise.reject(new Error('no')) : Promise.resolve(done),
    );
    const running = run();
    controller.enqueue('a');
    await clock.advance(1_700);
    // 250, 500 and 1000 ms, less a tenth.
    expect(times).toEqual([0, 225, 675, 1575]);
    expect(observed.map(({ result }) => result)).toEqual(['error', 'error', 'error', 'error']);
    failing = false;
    await clock.advance(10_000);
    failing = true;
    times.length = 0;
    const now = clock.monotonic();
    controller.enqueue('a');
    await clock.advance(300);
    expect(times).toEqual([now, now + 225]);
    stop.abort();
    await running;
  });

  it.each([
    ['what nobody could be told that only a person can mend with back-off', needsPerson('PermissionMissing', 'no'), 225],
    ['what was refused as invalid with back-off', invalid('InvalidSpec', 'no'), 225],
    ['what must wait at its time', new OutcomeError('Waiting', 'Later', 'no', { until: new Date('2026-11-23T10:00:40Z') }), 40_000],
    ['what waits for a time that has passed with back-off', new OutcomeError('Waiting', 'Later', 'no', { until: new Date(0) }), 225],
    ['what waits for no known time with back-off', new OutcomeError('Waiting', 'Later', 'no'), 225],
    ['what a provider put off no earlier than it said', retryable('Busy', 'no', { retryAfter: 20_000 }), 21_000],
    ['what failed with back-off', retryable('Busy', 'no'), 225],
  ])('looks at %s', async (_, error, expected) => {
    const { controller, run, stop, clock, times } = start(() => Promise.reject(error));
    const running = run();
    controller.enqueue('a');
    await clock.advance(expected);
    expect(times).toEqual([0, expected]);
    stop.abort();
    await running;
  });

  it('spreads what has failed for long, so that not all come back at once', async () => {
    const waits: number[] = [];
    for (const chance of [0, 0.999]) {
      const { controller, run, stop, clock, times } = start(() => Promise.reject(needsPerson('X', 'no')), { random: () => chance });
      const running = run();
      controller.enqueue('a');
      await clock.advanceUntil(() => times.length === 12);
      waits.push(Math.round(((times[11] ?? 0) - (times[10] ?? 0)) / 1000));
      stop.abort();
      await running;
    }
    expect(waits).toEqual([120, 96]);
  });

  it('lives on whatever a reconcile throws', async () => {
    const bad: readonly (() => Promise<ReconcileResult>)[] = [
      () => { throw new Error('not even a promise'); },
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is the point
      () => Promise.reject(undefined),
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is the point
      () => Promise.reject(Object.create(null)),
      () => Promise.resolve({ kind: 'again', after: Number.NaN }),
      () => Promise.resolve(undefined as unknown as ReconcileResult),
    ];
    let turn = 0;
    const { controller, run, stop, clock, observed } = start(() => (bad[turn++] ?? (() => Promise.resolve(done)))());
    const running = run();
    controller.enqueue('a');
    await clock.advance(60_000);
    expect(observed.map(({ result }) => result)).toEqual([...bad.map(() => 'error'), 'success']);
    stop.abort();
    await running;
  });

  it('ends a reconcile that takes too long through its signal, and tries again', async () => {
    const { reconcile, signals } = held();
    const { controller, run, stop, clock, observed } = start(reconcile, { timeout: 30_000 });
    const running = run();
    controller.enqueue('a');
    await clock.advance(30_300);
    expect(observed).toEqual([{ result: 'error', seconds: 30 }]);
    expect(signals).toHaveLength(2);
    stop.abort();
    await clock.advance(7_000);
    await running;
  });

  it('holds on to nothing of a reconcile that has ended, whatever still listens to its signal', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const signals: WeakRef<AbortSignal>[] = [];
    const { controller, run, stop, clock } = start((_key, signal) => {
      signal.addEventListener('abort', () => undefined);
      signals.push(new WeakRef(signal));
      return Promise.resolve(done);
    });
    const running = run();
    for (let count = 0; count < 100; count += 1) controller.enqueue(`key-${count}`);
    await clock.settle();
    await clock.settle();
    collect();
    expect(signals).toHaveLength(100);
    expect(signals.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(10);
    stop.abort();
    await running;
  });
});

describe('a controller that is stopped', () => {
  it('lets what is under way finish, begins nothing more, and leaves no timer', async () => {
    const { reconcile, signals, release } = held();
    const { controller, run, stop, clock, ended } = start(reconcile);
    const running = run();
    for (const key of ['a', 'b']) controller.enqueue(key);
    await clock.settle();
    stop.abort();
    await clock.advance(6_900);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    expect(ended()).toBe(false);
    release();
    await running;
    controller.enqueue('c');
    await clock.settle();
    expect(signals).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });

  it('cuts off what is not finished after the grace, without calling that a failure', async () => {
    const { reconcile, signals } = held();
    const { controller, run, stop, clock, said } = start(reconcile, { grace: 3_000 });
    const running = run();
    controller.enqueue('a');
    await clock.settle();
    stop.abort();
    await clock.advance(3_000);
    await running;
    expect(signals[0]?.aborted).toBe(true);
    expect(said).toEqual(['debug A reconcile was cut off by the end of the process']);
    expect(clock.pending()).toBe(0);
  });

  it('waits for a reconcile that does not heed its signal', async () => {
    const { reconcile, release } = held({ deaf: true });
    const { controller, run, stop, clock, ended } = start(reconcile);
    const running = run();
    controller.enqueue('a');
    await clock.settle();
    stop.abort();
    await clock.advance(60_000);
    expect(ended()).toBe(false);
    release();
    await running;
  });

  it('gives no grace when leadership was lost: another process may lead before it would be over', async () => {
    const { reconcile, signals } = held();
    const { controller, run, stop, clock } = start(reconcile);
    const running = run();
    controller.enqueue('a');
    await clock.settle();
    const lost = new LeadershipLostError('lost');
    stop.abort(lost);
    expect(signals[0]?.reason).toBe(lost);
    await running;
    expect(clock.monotonic()).toBe(0);
  });

  it('drops keys that were to come back', async () => {
    const { controller, run, stop, clock } = start(() => Promise.resolve({ kind: 'again', after: 60_000 }));
    const running = run();
    controller.enqueue('a');
    await clock.settle();
    stop.abort();
    await running;
    expect(clock.pending()).toBe(0);
  });

  it('does nothing when it is stopped before it runs', async () => {
    const { controller, run, stop, times } = start(() => Promise.resolve(done));
    controller.enqueue('a');
    stop.abort();
    await run();
    expect(times).toEqual([]);
  });

  it('has many workers on one signal without a warning of Node', async () => {
    const warned = vi.spyOn(process, 'emitWarning');
    const { run, stop, clock } = start(() => Promise.resolve(done), { concurrency: 64 });
    const running = run();
    await clock.settle();
    stop.abort();
    await running;
    expect(warned).not.toHaveBeenCalled();
  });
});
