import { afterEach, describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { giveBackMemory, processFootprint } from './memory.ts';

const mebibyte = 2 ** 20;
const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort(new Error('stopped'));
});

/** A process whose heap falls to 40 MiB when it is collected. */
const start = (first: number) => {
  const clock = createFakeClock();
  const stop = new AbortController();
  stops.push(stop);
  const process = { heap: first * mebibyte, cpu: 0, collections: 0 };
  const freed: number[] = [];
  const running = giveBackMemory(
    {
      clock,
      footprint: {
        heap: () => process.heap,
        cpu: () => process.cpu,
        collect: () => {
          process.collections += 1;
          process.heap = 40 * mebibyte;
        },
      },
      onCollected: (bytes) => freed.push(bytes / mebibyte),
    },
    stop.signal,
  );
  const pass = async (busy: number): Promise<void> => {
    process.cpu += busy;
    await clock.advance(2_000);
  };
  return { process, freed, pass, stop, running };
};

describe('memory', () => {
  it('is given back once the work is done, and not while there is some', async () => {
    const { process, freed, pass } = start(200);
    await pass(1_500);
    await pass(300);
    expect(process.collections).toBe(0);
    await pass(10);
    expect(freed).toEqual([160]);
  });

  it('is left alone for as long as little more is held than after the last time', async () => {
    const { process, freed, pass } = start(200);
    await pass(0);
    process.heap = 55 * mebibyte;
    await pass(0);
    await pass(0);
    expect(freed).toEqual([160]);
    process.heap = 90 * mebibyte;
    await pass(0);
    expect(freed).toEqual([160, 50]);
  });

  it('is no longer looked at after the end', async () => {
    const { process, pass, stop, running } = start(200);
    stop.abort(new Error('stopped'));
    await running;
    await pass(0);
    expect(process.collections).toBe(0);
  });

  it('of this process really shrinks', () => {
    const footprint = processFootprint();
    footprint.collect();
    const before = footprint.heap();
    (() => Array.from({ length: 200_000 }, (_, index) => ({ index, text: `text ${index}` })).length)();
    expect(footprint.heap()).toBeGreaterThan(before + 10 * mebibyte);
    footprint.collect();
    expect(footprint.heap()).toBeLessThan(before + 5 * mebibyte);
  });
});
