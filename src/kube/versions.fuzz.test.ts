/** Versions, times and pages as the API server has them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, holdsInTime } from '../../test/fuzz/property.ts';
import { ApiError } from './errors.ts';
import { fromMicroTime, toMicroTime } from './micro-time.ts';
import { collectPages, readPages } from './paging.ts';
import { compareVersions } from './resource-version.ts';

describe('versions', () => {
  it('are in the order of the numbers that they are, however large', () => {
    const numbers = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    holds(
      fc.property(numbers, fc.oneof(numbers, fc.bigInt({ min: -3n, max: 3n })), (one, by) => {
        const other = by < 4n && one + by >= 0n ? one + by : by < 0n ? 0n : by;
        expect(Math.sign(compareVersions(String(one), String(other)))).toBe(one < other ? -1 : one > other ? 1 : 0);
      }),
    );
  });
});

describe('a time in microseconds', () => {
  it('is written with six digits, and is read as what was written, from that or any other form of it', () => {
    holds(
      fc.property(fc.date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }), fc.integer({ min: -12, max: 12 }), (time, zone) => {
        expect(toMicroTime(time)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(fromMicroTime(toMicroTime(time))).toEqual(time);
        const elsewhere = new Date(time.getTime() + zone * 3_600_000);
        if (elsewhere.getTime() < 0 || elsewhere.getUTCFullYear() > 9999) return;
        expect(fromMicroTime(elsewhere.toISOString().replace('Z', `${zone < 0 ? '-' : '+'}${String(Math.abs(zone)).padStart(2, '0')}:00`))).toEqual(time);
      }),
    );
  });

  it('is no time, or one, of any text', () => {
    holds(fc.property(fc.oneof(fc.string(), fc.constantFrom(null, undefined, '', '0', '2026-02-31T00:00:00Z')), (text) => !Number.isNaN(fromMicroTime(text)?.getTime() ?? 0)));
  });
});

describe('pages', () => {
  /** How the server answers one request for a page after another: whole, with too much at once, or that it has forgotten the rest. */
  const answers = fc.array(fc.constantFrom('page' as const, 'page' as const, 'page' as const, 'too large' as const, 'expired' as const), { maxLength: 12 });

  it('are all that there is, each once and in their order, or none: never a part', async () => {
    await holdsInTime(
      fc.asyncProperty(fc.nat({ max: 20 }), fc.integer({ min: 1, max: 8 }), answers, async (count, pageSize, fates) => {
        const all = Array.from({ length: count }, (_, index) => index);
        let asked = 0;
        const read = () =>
          readPages<number>((limit, next) => {
            const fate = fates[asked++] ?? 'page';
            if (fate === 'too large' && limit > 1) return Promise.reject(new ApiError(0, 'TooLarge', 'too large'));
            if (fate === 'expired') return Promise.reject(new ApiError(410, 'Expired', 'too old'));
            const start = Number(next ?? 0);
            const end = start + limit;
            return Promise.resolve({ items: all.slice(start, end), resourceVersion: '7', next: end < count ? String(end) : undefined });
          }, pageSize);
        const expired = fates.filter((fate) => fate === 'expired').length;
        const found = await collectPages(read).catch((error: unknown) => error);
        if (found instanceof ApiError) expect([found.reason, expired > 1]).toEqual(['Expired', true]);
        else expect(found).toEqual({ items: all, resourceVersion: '7' });
      }),
    );
  });
});
