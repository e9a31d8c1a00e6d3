/**
 * Whether a figure is flat. The soak creates and retires at a constant rate, and what it leaves is taken away after a time that is the
 * same for all (records, with their entries of the lock, after the retention): so that beyond that time as much goes as comes, and
 * whatever still grows with time is a leak. How much there is of what is to go is itself held flat (records kept, identities under
 * way): were it not, nothing could be said of the memory that it takes.
 *
 * The first part is left out, in which caches fill, the engine settles and the first records come of age; of the rest the first third is
 * held against the last:
 *
 * - what is used (memory, descriptors, sockets, depth) by its low water, the tenth percentile, since a leak raises the
 *   floor, while garbage that waits to be collected or a burst of work only raises what is above it;
 * - how much there is (records, identities under way), the lag of the event loop and how long an end takes by their median, since what has
 *   come to stay is what would be wrong with them. Of the time an end takes the 99th percentile is told as well, and not judged: it is
 *   made by the outages of the API server;
 * - lists for the watches by how many there were: each kill of the API server may cost one for each watch, and no more.
 *
 * The figure may rise by a fixed allowance, what the floor was seen to move by in a build that leaks nothing, and where it depends on how
 * much is going on, by a share of itself. A leak for each identity that is retired shows the sooner the higher the rate: 6 MiB of heap
 * between the thirds of an hour at 5 a second, that is 10,000 identities apart, are 600 bytes for each.
 */
import { figures } from './samples.ts';
import type { Figure, Sample } from './samples.ts';

interface Rule {
  readonly label: string;
  readonly unit: string;
  /** One unit in terms of the figure. */
  readonly scale: number;
  /** Percentile by which a third is judged; of a counter, how much it has grown in it. */
  readonly by: number | 'growth';
  /** How much it may rise from the first third to the last: in units, and as a share of the first. */
  readonly allowance: number;
  readonly share?: number;
}

const mebibyte = 2 ** 20;

const rules: Readonly<Partial<Record<Figure, Rule>>> = {
  rssBytes: { label: 'RSS', unit: 'MiB', scale: mebibyte, by: 0.1, allowance: 16 },
  heapBytes: { label: 'heap used', unit: 'MiB', scale: mebibyte, by: 0.1, allowance: 6 },
  fileDescriptors: { label: 'file descriptors', unit: '', scale: 1, by: 0.1, allowance: 3 },
  sockets: { label: 'sockets', unit: '', scale: 1, by: 0.1, allowance: 3 },
  queueDepth: { label: 'queue depth', unit: '', scale: 1, by: 0.1, allowance: 1 },
  records: { label: 'records kept', unit: '', scale: 1, by: 0.5, allowance: 10, share: 0.15 },
  underWay: { label: 'identities under way', unit: '', scale: 1, by: 0.5, allowance: 5, share: 0.5 },
  watchLists: { label: 'lists for watches', unit: '', scale: 1, by: 'growth', allowance: 14 },
  eventLoopLagSeconds: { label: 'event-loop lag', unit: 'ms', scale: 0.001, by: 0.5, allowance: 20 },
};

/** One identity that has ended: when, in seconds since the soak began, and how many seconds after that was wished. */
export interface Ended {
  readonly at: number;
  readonly seconds: number;
}

const timeToEnd: Rule = { label: 'time to end', unit: 's', scale: 1, by: 0.5, allowance: 1, share: 0.5 };

export interface Trend {
  readonly label: string;
  readonly unit: string;
  readonly first: number;
  readonly last: number;
  readonly allowance: number;
  readonly slopePerHour: number;
  readonly lowest: number;
  readonly highest: number;
  readonly flat: boolean;
}

/** Seconds at the start that say nothing about a trend. */
export const warmUp = (seconds: number): number => Math.min(180, seconds * 0.3);

/** Seconds after which what is kept may go, at most: well within the warm-up. */
export const longestRetention = (seconds: number): number => Math.floor(warmUp(seconds) / 3);

/** Fewer samples in a third than this say nothing. */
const fewest = 10;

export const trendsOf = (samples: readonly Sample[], ended: readonly Ended[]): readonly Trend[] => {
  const end = samples.at(-1)?.at ?? 0;
  const isKept = ({ at }: { readonly at: number }): boolean => at >= warmUp(end);
  const kept = samples.filter(isKept);
  const told = figures.flatMap((figure) => {
    const rule = rules[figure];
    return rule === undefined ? [] : [trendOf(rule, kept.map((sample) => ({ at: sample.at, value: sample[figure] })))];
  });
  return [...told, trendOf(timeToEnd, ended.filter(isKept).toSorted((a, b) => a.at - b.at).map(({ at, seconds }) => ({ at, value: seconds })))];
};

const trendOf = ({ label, unit, scale, by, allowance, share = 0 }: Rule, points: readonly { readonly at: number; readonly value: number }[]): Trend => {
  const third = Math.floor(points.length / 3);
  if (third < fewest) throw new Error(`${String(points.length)} samples of ${label} after the warm-up are too few to tell a trend from: run for longer`);
  const values = points.map(({ value }) => value / scale);
  const first = judge(values.slice(0, third), by);
  const last = judge(values.slice(-third), by);
  const mayRise = allowance + share * first;
  return {
    label, unit, first, last,
    allowance: mayRise,
    slopePerHour: 3600 * slope(points.map(({ at }) => at), values),
    lowest: Math.min(...values),
    highest: Math.max(...values),
    flat: last - first <= mayRise,
  };
};

const judge = (values: readonly number[], by: Rule['by']): number =>
  by === 'growth' ? (values.at(-1) ?? Number.NaN) - (values[0] ?? Number.NaN) : percentile(values, by);

export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? Number.NaN;

/** Least squares. */
const slope = (xs: readonly number[], ys: readonly number[]): number => {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(xs);
  const y = mean(ys);
  const spread = xs.reduce((sum, value) => sum + (value - x) ** 2, 0);
  return xs.reduce((sum, value, index) => sum + (value - x) * ((ys[index] ?? y) - y), 0) / spread;
};

export const renderTrends = (trends: readonly Trend[]): string => {
  const row = (cells: readonly string[]): string => cells.map((cell, index) => (index === 0 ? cell.padEnd(22) : cell.padStart(13))).join('');
  const number = (value: number): string => value.toFixed(1);
  return [
    row(['', 'first third', 'last third', 'may rise by', 'per hour', 'lowest', 'highest', '']),
    ...trends.map(({ label, unit, first, last, allowance, slopePerHour, lowest, highest, flat }) =>
      row([unit === '' ? label : `${label}, ${unit}`, ...[first, last, allowance, slopePerHour, lowest, highest].map(number), flat ? 'flat' : 'NOT FLAT']),
    ),
  ].join('\n');
};
