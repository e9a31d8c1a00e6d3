import { describe, expect, it } from 'vitest';

import { InvalidDurationError, formatDuration, parseDuration } from './duration.ts';

describe('parseDuration', () => {
  it.each([
    ['0', 0], ['0s', 0], ['90s', 90_000], ['1h30m', 5_400_000], ['168h', 604_800_000], ['1.5h', 5_400_000], ['.5s', 500],
    ['1.s', 1_000], ['100ms', 100], ['250us', 0.25], ['250µs', 0.25], ['1s1s', 2_000], ['1m0.5s', 60_500], ['2540400h', 9.14544e12],
  ])('reads %s', (text, expected) => {
    expect(parseDuration(text)).toBeCloseTo(expected, 9);
  });

  it.each(['', ' ', '5', '1', '00', '-1s', '+1s', '1 h', '1h ', 'h', '.s', '1d', '1h30', 'soon', '1e3s', '1,5h', '٣s', '9999999h', '1H', '1h\n'])(
    'refuses %j', (text) => {
      expect(() => parseDuration(text)).toThrow(InvalidDurationError);
    },
  );

  it('says how to write one, and what days are in hours', () => {
    expect(() => parseDuration('soon')).toThrow('"soon" is not a duration: write it such as 90s, 1h30m or 168h');
    expect(() => parseDuration('7d')).toThrow('"7d" is not a duration: write it in hours: 168h');
  });

  it('quotes a hostile text in part, on one line', () => {
    expect(() => parseDuration('\n'.repeat(1_000))).toThrow(/^"(\\n){64}" is not a duration/);
  });

  it('is not slow on a long text', () => {
    const start = process.cpuUsage().user;
    expect(() => parseDuration(`${'1s'.repeat(50_000)}!`)).toThrow(InvalidDurationError);
    expect((process.cpuUsage().user - start) / 1_000).toBeLessThan(500);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 s'], [0.4, '0 s'], [350, '350 ms'], [999.9, '999 ms'], [1_000, '1 s'], [10_140, '10.1 s'], [18_000, '18 s'], [59_999, '59.9 s'],
    [60_000, '1m'], [106_000, '1m46s'], [123_999, '2m3s'], [3_600_000, '1h'], [7_500_000, '2h5m'], [86_399_999, '23h59m'],
    [86_400_000, '1d'], [3 * 86_400_000 + 4 * 3_600_000, '3d4h'], [9.9 * 86_400_000, '9d'], [-1_500, '-1.5 s'],
    [Number.NaN, 'unknown'], [Number.POSITIVE_INFINITY, 'unknown'],
  ])('writes %d as %s', (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });
});
