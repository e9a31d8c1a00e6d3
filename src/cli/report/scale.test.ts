import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scaleOf } from './scale.ts';

describe('the line of a picture', () => {
  it('is to scale where nothing took much longer than all else', () => {
    const { at, breaks } = scaleOf([1_000, 2_000, 3_000]);
    expect([1_000, 1_500, 2_000, 3_000].map((instant) => Math.round(at(instant)))).toEqual([2, 26, 50, 99]);
    expect(breaks).toEqual([]);
  });

  it('is broken where a run stood locked for a week between two busy seconds', () => {
    const week = 604_800_000;
    const { at, breaks } = scaleOf([0, 1_000, 2_000, week, week + 1_000]);
    expect(breaks.map(({ length }) => length)).toEqual([week - 2_000]);
    expect(at(1_000) - at(0)).toBeGreaterThan(20);
  });

  it('keeps the order of any times, within its ends', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e12 }), { maxLength: 40 }), (instants) => {
        const { at } = scaleOf(instants);
        const places = instants.toSorted((a, b) => a - b).map(at);
        for (const [index, place] of places.entries()) {
          expect(place).toBeGreaterThanOrEqual(Math.max(0, (places[index - 1] ?? 0) - 1e-9));
          expect(place).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});
