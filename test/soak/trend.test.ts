import { describe, expect, it } from 'vitest';
import type { Sample } from './samples.ts';
import type { Ended } from './trend.ts';
import { longestRetention, trendsOf, warmUp } from './trend.ts';

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
    records: 280 + (index % 30),
    underWay: 20 + (index % 9),
    cpuSeconds: index,
    requests: index,
    reconciles: index,
    watchLists: 6 * Math.floor(index / 57),
    ...grow(index / (seconds / 3), index),
  }));

/** Two a second; now and then one waits for an API server. */
const ends = (grow: (passed: number) => number = () => 0, seconds = minutes * 60): readonly Ended[] =>
  Array.from({ length: seconds * 2 }, (_, index) => ({ at: index / 2, seconds: 3 + (index % 5) / 10 + (index % 97 === 0 ? 12 : 0) + grow(index / (seconds * 2)) }));

const notFlat = (all: readonly Sample[], ended = ends()): readonly string[] => trendsOf(all, ended).filter(({ flat }) => !flat).map(({ label }) => label);

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
    ['records kept', (passed: number) => ({ records: 280 + 100 * passed })],
    ['identities under way', (passed: number) => ({ underWay: 20 + Math.floor(60 * passed) })],
    ['lists for watches', (passed: number) => ({ watchLists: 200 * passed ** 2 })],
    ['event-loop lag', (passed: number) => ({ eventLoopLagSeconds: 0.1 * passed })],
  ])('is not flat where %s rises', (label, grow) => {
    expect(notFlat(samples(grow))).toEqual([label]);
  });

  it('is not flat where an end takes longer and longer', () => {
    expect(notFlat(samples(() => ({})), ends((passed) => 10 * passed))).toEqual(['time to end']);
  });

  it('begins when what is kept has begun to go', () => {
    for (const seconds of [60, 600, 3600]) expect(longestRetention(seconds)).toBeLessThanOrEqual(warmUp(seconds) / 2);
    const fills = (_: number, index: number) => ({ records: Math.min(5 * index * 3, 5 * longestRetention(minutes * 60)) });
    expect(notFlat(samples(fills))).toEqual([]);
  });

  it('takes no offence at what grows while caches fill', () => {
    expect(notFlat(samples((_, index) => ({ heapBytes: (30 + Math.min(index, 50)) * mebibyte })))).toEqual([]);
  });

  it('is not told from too few samples', () => {
    expect(() => trendsOf(samples(() => ({}), 60), ends())).toThrow('too few');
    expect(() => trendsOf(samples(() => ({})), [])).toThrow('time to end');
  });
});
