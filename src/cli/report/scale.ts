/** Where on a line a time is, of a run that took seconds, or of one that stood locked for a week between two busy seconds. Pure. */

export interface Break {
  /** Where it is, of a hundred. */
  readonly at: number;
  /** Milliseconds that are drawn shorter than they were. */
  readonly length: number;
}

export interface Scale {
  /** Of a hundred, from left to right; times outside are at its ends. */
  readonly at: (instant: number) => number;
  readonly breaks: readonly Break[];
}

/** A pause that is longer than this many times all else is drawn shorter. */
const tooLong = 2.5;
const drawnAs = 0.35;
const mostBreaks = 3;

/** Room for the signs at both ends. */
const [left, width] = [1.5, 97];

/** To scale but for its breaks. */
export const scaleOf = (instants: readonly number[]): Scale => {
  const sorted = [...new Set(instants)].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((instant, index) => instant - (sorted[index] ?? instant));
  const { weights, broken } = shortened(gaps);
  const total = sum(weights);
  const starts = weights.reduce<readonly number[]>((known, weight) => [...known, (known.at(-1) ?? 0) + weight], [0]);
  const onLine = (weight: number): number => left + (total === 0 ? 0.5 : weight / total) * width;
  return {
    at: (instant) => {
      const index = gaps.findIndex((_, each) => instant < (sorted[each + 1] ?? Infinity));
      if (index === -1) return onLine(total);
      const into = Math.max(0, instant - (sorted[index] ?? instant)) / (gaps[index] ?? 1);
      return onLine((starts[index] ?? 0) + into * (weights[index] ?? 0));
    },
    breaks: broken.map((index) => ({ at: onLine((starts[index] ?? 0) + (weights[index] ?? 0) / 2), length: gaps[index] ?? 0 })),
  };
};

const shortened = (gaps: readonly number[]): { readonly weights: readonly number[]; readonly broken: readonly number[] } => {
  let weights = gaps;
  const broken: number[] = [];
  while (broken.length < mostBreaks) {
    const longest = Math.max(0, ...weights.filter((_, index) => !broken.includes(index)));
    const index = weights.findIndex((weight, each) => weight === longest && !broken.includes(each));
    const rest = sum(weights) - longest;
    if (index === -1 || rest <= 0 || longest <= rest * tooLong) break;
    broken.push(index);
    weights = weights.map((weight, each) => (each === index ? rest * drawnAs : weight));
  }
  return { weights, broken: broken.sort((a, b) => a - b) };
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
