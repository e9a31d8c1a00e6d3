/**
 * Gives back to the system what a burst took. V8 collects garbage when it needs room: a process that comes to rest after
 * ten thousand reconciles keeps the room that they needed, for as long as it has nothing to do.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';

/** The memory and the work of this process. */
export interface Footprint {
  /** Bytes that the heap holds, used or not. */
  readonly heap: () => number;
  /** Milliseconds of CPU since the process began. */
  readonly cpu: () => number;
  /** Frees all that can be freed; blocks meanwhile, about a tenth of a second for 50 MB in use. */
  readonly collect: () => void;
}

export interface MemoryOptions {
  readonly clock: Clock;
  readonly footprint: Footprint;
  /** Told after each time, with the bytes that the heap holds no more. */
  readonly onCollected?: (freed: number) => void;
}

/** Milliseconds between two looks. */
const lookEvery = 2_000;
/** A process that works less than this share of the time is at rest. */
const restingShare = 0.05;
/** What is worth the pause, which grows with the heap: as many bytes, and this share of what was held after the last time. */
const worthwhile = 16 * 2 ** 20;
const worthwhileShare = 0.25;

/** Looks until the signal is aborted. While there is work it leaves the heap to V8. */
export const giveBackMemory = async ({ clock, footprint, onCollected }: MemoryOptions, signal: AbortSignal): Promise<void> => {
  let settled = 0;
  let cpu = footprint.cpu();
  let at = clock.monotonic();
  while (await slept(clock, signal)) {
    const share = (footprint.cpu() - cpu) / (clock.monotonic() - at);
    const heap = footprint.heap();
    if (share < restingShare && heap - settled > Math.max(worthwhile, worthwhileShare * settled)) {
      footprint.collect();
      settled = footprint.heap();
      onCollected?.(heap - settled);
    }
    cpu = footprint.cpu();
    at = clock.monotonic();
  }
};

/** False when it was the end instead. */
const slept = (clock: Clock, signal: AbortSignal): Promise<boolean> => sleep(clock, lookEvery, signal).then(() => true, () => false);

export const processFootprint = (): Footprint => {
  // The collector can be called only from a context that was made after it was asked for.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { readonly type: 'major'; readonly flavor: 'last-resort' }) => void;
  return {
    heap: () => getHeapStatistics().total_heap_size,
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    collect: () => {
      collect({ type: 'major', flavor: 'last-resort' });
    },
  };
};
