import { describe, expect, it } from 'vitest';
import type { Sample } from './samples.ts';
import { trendsOf } from './trend.ts';

const minutes = 20;
const mebibyte = 2 ** 20;

/** A sample every three seconds; `grow` is told the share of the time that has passed. */
const samples = (grow: (passed: number, index: number) => Partial<Sample>, seconds = minutes * 60): readonly Sample[] =>
  Array.from({ length: seconds / 3 }, (_, index) => ({
    at: index * 3,
    // Garbage that comes and goes.
    rssBytes: (110 + (index % 7)) * mebibyte,
    heapBytes: (30 + (index % 12)) * mebibyte,
    fileDescriptors: 40 + (index % 3),
    sockets: 20 + (index % 3),
    eventLoopLagSeconds: 0.002,
    queueDepth: index % 2,
    cpuSeconds: index,
    requests: index,
    reconciles: index,
    watchLists: 6 * Math.floor(index / 57),
    ...grow(index / (seconds / 3), index),
  }));

const notFlat = (all: readonly Sample[]): readonly string[] => trendsOf(all).filter(({ flat }) => !flat).map(({ label }) => label);

describe('a trend', () => {
  it('is flat where figures only swing', () => {
    expect(notFlat(samples(() => ({})))).toEqual([]);
  });

  it.each([
    ['heap used', (passed: number) => ({ heapBytes: (30 + 12 * passed) * mebibyte })],
    ['RSS', (passed: number) => ({ rssBytes: (110 + 40 * passed) * mebibyte })],
    ['sockets', (passed: number) => ({ sockets: 20 + Math.floor(8 * passed) })],
    ['file descriptors', (passed: number) => ({ fileDescriptors: 40 + Math.floor(8 * passed) })],
    ['queue depth', (passed: number) => ({ queueDepth: Math.floor(10 * passed) })],
    ['lists for watches', (passed: number) => ({ watchLists: 200 * passed ** 2 })],
    ['event-loop lag', (passed: number) => ({ eventLoopLagSeconds: 0.1 * passed })],
  ])('is not flat where %s rises', (label, grow) => {
    expect(notFlat(samples(grow))).toEqual([label]);
  });

  it('takes no offence at what grows while caches fill', () => {
    expect(notFlat(samples((_, index) => ({ heapBytes: (30 + Math.min(index, 50)) * mebibyte })))).toEqual([]);
  });

  it('is not told from too few samples', () => {
    expect(() => trendsOf(samples(() => ({}), 60))).toThrow('too few');
  });
});
