/** A text that should be a duration and is not. The message says how to write one. */
export class InvalidDurationError extends Error {
  override readonly name = 'InvalidDurationError';
}

const milliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** What Go's time.Duration can hold: 2^63 - 1 nanoseconds, some 292 years. */
const longest = 2 ** 63 / 1e6;

/**
 * Milliseconds of a duration as Go writes them ("90s", "1h30m", "1.5h", "0"). Source: time.ParseDuration; negative ones are
 * refused, since nothing here can last less than no time.
 * @throws InvalidDurationError
 */
export const parseDuration = (text: string): number => {
  if (text === '0') return 0;
  let sum = 0;
  let end = 0;
  while (end < text.length) {
    part.lastIndex = end;
    const match = part.exec(text);
    const unit = milliseconds[match?.[2] ?? ''];
    if (match === null || unit === undefined) throw refuse(text);
    sum += Number(match[1]) * unit;
    end = part.lastIndex;
  }
  if (end === 0 || sum > longest) throw refuse(text);
  return sum;
};

const refuse = (text: string): InvalidDurationError => {
  const days = /^(\d{1,5})d$/.exec(text);
  const hint = days === null ? 'such as 90s, 1h30m or 168h' : `in hours: ${String(Number(days[1]) * 24)}h`;
  return new InvalidDurationError(`${JSON.stringify(text.slice(0, 64))} is not a duration: write it ${hint}`);
};

/**
 * A duration for people, with at most two units, rounded down: "350 ms", "10.1 s", "18 s", "1m46s", "2h5m", "3d4h", "9d".
 * What is not a finite number is "unknown".
 */
export const formatDuration = (ms: number): string => {
  if (!Number.isFinite(ms)) return 'unknown';
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1000) return ms < 1 ? '0 s' : `${String(Math.floor(ms))} ms`;
  if (ms < 60_000) return `${String(Math.floor(ms / 100) / 10)} s`;
  if (ms < 3_600_000) return two(ms, 60_000, 'm', 1000, 's');
  if (ms < 86_400_000) return two(ms, 3_600_000, 'h', 60_000, 'm');
  if (ms < 8 * 86_400_000) return two(ms, 86_400_000, 'd', 3_600_000, 'h');
  return `${String(Math.floor(ms / 86_400_000))}d`;
};

const two = (ms: number, large: number, largeName: string, small: number, smallName: string): string => {
  const rest = Math.floor((ms % large) / small);
  return `${String(Math.floor(ms / large))}${largeName}${rest === 0 ? '' : `${String(rest)}${smallName}`}`;
};
