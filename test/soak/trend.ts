/**
 * Whether a figure is flat. The soak creates and retires at a constant rate and keeps nothing, so whatever grows with time
 * is a leak. The first part is left out, in which caches fill and the engine settles; of the rest the first third is held
 * against the last:
 *
 * - what is used (memory, descriptors, sockets, depth) by its low water, the tenth percentile, since a leak raises the
 *   floor, while garbage that waits to be collected or a burst of work only raises what is above it;
 * - the lag of the event loop by its median, since a lag that has come to stay is what would be wrong with it;
 * - lists for the watches by how many there were: each kill of the API server may cost one for each watch, and no more.
 *
 * The figure may rise by a fixed allowance: what the floor was seen to move by in a build that leaks nothing.
 */
import type { Figure, Sample } from './samples.ts';

interface Rule {
  readonly figure: Figure;
  readonly label: string;
  readonly unit: string;
  /** One unit in terms of the figure. */
  readonly scale: number;
  /** Percentile by which a third is judged; of a counter, how much it has grown in it. */
  readonly by: number | 'growth';
  /** How much it may rise from the first third to the last, in units. */
  readonly allowance: number;
}

const mebibyte = 2 ** 20;

const rules: readonly Rule[] = [
  { figure: 'rssBytes', label: 'RSS', unit: 'MiB', scale: mebibyte, by: 0.1, allowance: 16 },
  { figure: 'heapBytes', label: 'heap used', unit: 'MiB', scale: mebibyte, by: 0.1, allowance: 6 },
  { figure: 'fileDescriptors', label: 'file descriptors', unit: '', scale: 1, by: 0.1, allowance: 3 },
  { figure: 'sockets', label: 'sockets', unit: '', scale: 1, by: 0.1, allowance: 3 },
  { figure: 'queueDepth', label: 'queue depth', unit: '', scale: 1, by: 0.1, allowance: 1 },
  { figure: 'watchLists', label: 'lists for watches', unit: '', scale: 1, by: 'growth', allowance: 14 },
  { figure: 'eventLoopLagSeconds', label: 'event-loop lag', unit: 'ms', scale: 0.001, by: 0.5, allowance: 20 },
];

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

/** Fewer samples in a third than this say nothing. */
const fewest = 10;

export const trendsOf = (samples: readonly Sample[]): readonly Trend[] => {
  const end = samples.at(-1)?.at ?? 0;
  const kept = samples.filter(({ at }) => at >= warmUp(end));
  const third = Math.floor(kept.length / 3);
  if (third < fewest) throw new Error(`${String(kept.length)} samples after the warm-up are too few to tell a trend from: run for longer`);
  return rules.map(({ figure, label, unit, scale, by, allowance }) => {
    const values = kept.map((sample) => sample[figure] / scale);
    const first = judge(values.slice(0, third), by);
    const last = judge(values.slice(-third), by);
    return {
      label, unit, first, last, allowance,
      slopePerHour: 3600 * slope(kept.map(({ at }) => at), values),
      lowest: Math.min(...values),
      highest: Math.max(...values),
      flat: last - first <= allowance,
    };
  });
};

const judge = (values: readonly number[], by: Rule['by']): number =>
  by === 'growth' ? (values.at(-1) ?? Number.NaN) - (values[0] ?? Number.NaN) : percentile(values, by);

const percentile = (values: readonly number[], share: number): number =>
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
