import { describe, expect, it } from 'vitest';

import { createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { createBackoff } from './backoff.ts';
import { jitter } from './random.ts';

const backoff = (options: { readonly jitter?: number; readonly chance?: number; readonly max?: number; readonly base?: number; readonly factor?: number } = {}) =>
  createBackoff({
    base: options.base ?? 100, factor: options.factor ?? 2, max: options.max ?? 1_000, jitter: options.jitter ?? 0,
    random: () => options.chance ?? 0,
  });

describe('back-off', () => {
  it('begins with the base, grows by the factor and ends at the limit', () => {
    expect([0, 1, 2, 3, 4, 5].map(backoff().next)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('stays at the limit however many failures there were', () => {
    expect([100, 1_024, 1e9, Number.MAX_SAFE_INTEGER].map(backoff().next)).toEqual([1_000, 1_000, 1_000, 1_000]);
  });

  it('leaves the named part of each wait to chance, and all of it with full jitter', () => {
    expect(backoff({ jitter: 0.2, chance: 0.5 }).next(1)).toBe(180);
    expect(backoff({ jitter: 1, chance: 0.25 }).next(1)).toBe(150);
  });

  it('never waits longer than the limit nor less than no time', () => {
    const random = createSeededRandom(printedSeed('backoff'));
    for (let round = 0; round < 1_000; round += 1) {
      const wait = createBackoff({ base: 10, factor: 1 + random(), max: 500, jitter: random(), random }).next(Math.floor(random() * 50));
      expect(wait).toBeGreaterThanOrEqual(0);
      expect(wait).toBeLessThanOrEqual(500);
    }
  });

  it.each([{ base: 0 }, { factor: 0.5 }, { max: 50 }, { jitter: -0.1 }, { jitter: 1.1 }, { base: Number.NaN }])('refuses %o', (options) => {
    expect(() => backoff(options)).toThrow(RangeError);
  });
});

describe('jitter', () => {
  it('moves a wait by at most the fraction either way', () => {
    expect([0, 0.5, 1].map((chance) => jitter(() => chance, 1_000, 0.1))).toEqual([900, 1_000, 1_100]);
  });
});
