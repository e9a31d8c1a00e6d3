import { describe, expect, it } from 'vitest';
import { startDeadline } from '../../../src/runtime/deadline.ts';
import { readBody } from '../../../src/runtime/http-pool.ts';
import type { WireFault } from './network.ts';
import { createNetwork } from './network.ts';
import { createProcess } from './process.ts';
import { streamOf } from './random.ts';
import { createScheduler } from './scheduler.ts';
import type { WireAnswer, WireServer, WireStream } from './wire.ts';

describe('virtual time', () => {
  it('runs events in their order, those of one moment as they came', async () => {
    const scheduler = createScheduler();
    const seen: string[] = [];
    scheduler.after(20, () => seen.push('third'));
    scheduler.after(10, () => seen.push('first'));
    scheduler.after(10, () => seen.push('second'));
    scheduler.after(15, () => seen.push('never'))();
    await scheduler.run(15);
    expect(seen).toEqual(['first', 'second']);
    expect(scheduler.now()).toBe(15);
    await scheduler.run(100);
    expect(seen).toEqual(['first', 'second', 'third']);
  });

  it('lets promises settle between two events of one moment', async () => {
    const scheduler = createScheduler();
    const seen: string[] = [];
    scheduler.after(1, () => void Promise.resolve().then(() => Promise.resolve()).then(() => seen.push('what the first began')));
    scheduler.after(1, () => seen.push('the second'));
    await scheduler.run(2);
    expect(seen).toEqual(['what the first began', 'the second']);
  });

  it('throws what an event throws', async () => {
    const scheduler = createScheduler();
    scheduler.after(1, () => { throw new Error('broken promise'); });
    await expect(scheduler.run(2)).rejects.toThrow('broken promise');
  });
});

/** A stream that ends. */
const lines = (...all: readonly string[]): WireStream => ({
  status: 200,
  open: (sink) => {
    for (const each of all) sink.write(each);
    sink.end();
    return () => undefined;
  },
});

const world = (fault?: WireFault, answer: WireAnswer | WireStream = { status: 200, body: '{"kind":"Answer"}' }) => {
  const scheduler = createScheduler();
  const taken: string[] = [];
  const server: WireServer = { origin: 'https://one.sim', name: 'one', handle: ({ path }) => { taken.push(path); return answer; } };
  const network = createNetwork({ scheduler, random: streamOf(1, 'network'), servers: [server], faults: () => fault, trace: () => undefined });
  const process = createProcess({ name: 'operator-0.0', scheduler, network, epoch: 0 });
  const pool = process.connect({ base: 'https://one.sim' });
  const told: string[] = [];
  const ask = (path: string): void => {
    const deadline = startDeadline(process.clock, 1_000, () => new Error('too late'), undefined);
    pool.send({ method: 'GET', path, headers: {}, limit: 1_000 }, deadline).then(({ status }) => told.push(String(status)), (error: unknown) => told.push((error as Error).message));
  };
  /** To its end, or to that of its time. */
  const read = (path: string): void => {
    const deadline = startDeadline(process.clock, 1_000, () => new Error('too late'), undefined);
    const whole = pool.send({ method: 'GET', path, headers: {}, limit: 1_000 }, deadline).then(async ({ status, body }) => {
      told.push(String(status));
      return deadline.race(readBody(body, 1_000));
    });
    whole.then((text) => told.push(text ?? 'too much'), (error: unknown) => told.push((error as Error).message));
  };
  return { scheduler, process, taken, told, ask, read };
};

describe('a process', () => {
  it('asks and is answered', async () => {
    const { scheduler, taken, told, ask } = world();
    ask('/a');
    await scheduler.run(50);
    expect([taken, told]).toEqual([['/a'], ['200']]);
  });

  it('that dies is told nothing more; what was on its way arrives', async () => {
    const { scheduler, process, taken, told, ask } = world();
    ask('/a');
    await scheduler.run(0.1);
    process.kill();
    ask('/b');
    process.clock.schedule(1, () => told.push('a timer'));
    await scheduler.run(5_000);
    expect([taken, told]).toEqual([['/a'], []]);
  });

  it('that is frozen is told everything late, in order', async () => {
    const { scheduler, process, told, ask } = world();
    process.clock.schedule(100, () => told.push('a timer'));
    ask('/a');
    process.freeze();
    await scheduler.run(500);
    expect(told).toEqual([]);
    process.thaw();
    await scheduler.run(501);
    expect(told).toEqual(['200', 'a timer']);
    expect(process.clock.monotonic()).toBe(1_501);
  });

  it('has a wall clock that can be set, and one that cannot', () => {
    const { process } = world();
    process.stepWall(-3_600_000);
    expect([process.clock.now().getTime(), process.clock.monotonic()]).toEqual([-3_600_000, 1_000]);
  });
});

describe('the network', () => {
  it.each<readonly [WireFault, readonly string[], readonly string[]]>([
    [{ kind: 'LostBefore' }, [], ['too late']],
    [{ kind: 'LostAfter' }, ['/a'], ['too late']],
    [{ kind: 'BrokenBefore' }, [], ['read ECONNRESET']],
    [{ kind: 'BrokenAfter' }, ['/a'], ['read ECONNRESET']],
    [{ kind: 'Instead', answer: { status: 503, body: '' } }, [], ['503']],
    [{ kind: 'Slow', delay: 5_000 }, ['/a'], ['too late']],
    [{ kind: 'Garbled', garble: (answer) => ({ ...answer, status: 418 }) }, ['/a'], ['418']],
    [{ kind: 'Stalled' }, ['/a'], ['200']],
  ])('does to a request what $kind says', async (fault, arrived, heard) => {
    const { scheduler, taken, told, ask } = world(fault);
    ask('/a');
    await scheduler.run(10_000);
    expect([taken, told]).toEqual([arrived, heard]);
  });

  it.each<readonly [string, WireFault | undefined, WireAnswer | WireStream, readonly string[]]>([
    ['is read to its end', undefined, { status: 200, body: '{"kind":"Answer"}' }, ['200', '{"kind":"Answer"}']],
    ['that stalls has a head, and no end', { kind: 'Stalled' }, { status: 200, body: '{"kind":"Answer"}' }, ['200', 'too late']],
    ['without a body cannot stall', { kind: 'Stalled' }, { status: 204, body: '' }, ['204', '']],
    ['that goes on and stalls tells nothing', { kind: 'Stalled' }, lines('a', 'b'), ['200', 'too late']],
    ['that goes on is damaged line by line', { kind: 'Garbled', garble: ({ status, body }) => ({ status, body: `<${body}>` }) }, lines('a', 'b'), ['200', '<a><b>']],
  ])('an answer %s', async (_, fault, answer, heard) => {
    const { scheduler, told, read } = world(fault, answer);
    read('/a');
    await scheduler.run(10_000);
    expect(told).toEqual(heard);
  });
});
