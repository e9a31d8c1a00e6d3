/** What access may be left, and until when. */
import { describe, expect, it } from 'vitest';
import type { CredentialStatus } from '../api/v1alpha1/index.ts';
import { latest, outlasting, residualOf } from './residual.ts';

const at = '2026-11-23T10:00:00.000Z';
const later = (ms: number): number => Date.parse(at) + ms;
const of = (status: Partial<CredentialStatus>): CredentialStatus => ({ id: 'tokens', class: 'BoundTokens', state: 'Present', ...status });
const cache = { kind: 'TokenCache', milliseconds: 10_000, awaited: true, message: 'a cache' } as const;
const offline = { kind: 'OfflineVerifier', milliseconds: 3_600_000, awaited: false, message: 'by its signature' } as const;
const forEver = { kind: 'OfflineVerifier', awaited: false, message: 'for ever' } as const;

describe('what a credential may still do', () => {
  it.each([
    ['is nothing once it is confirmed', of({ state: 'Confirmed', absentSince: at }), undefined],
    ['has no known end while it is there', of({}), 'unknown'],
    ['nor while nobody could tell', of({ state: 'Unknown' }), 'unknown'],
    ['ends with the leeway of what is being deleted', of({ residualUntil: at }), later(0)],
    ['ends when its time is over', of({ state: 'Waiting', expiresAt: at }), later(0)],
    ['has no known end where that time is not known', of({ state: 'Waiting' }), 'unknown'],
    ['ends with the settle time', of({ state: 'Absent', absentSince: at }), later(5_000)],
  ] as const)('%s', (_, status, until) => {
    expect(residualOf(status, { settleTime: 5_000 })).toBe(until);
  });

  it('ends with the cache, where that outlasts the settle time', () => {
    const absent = of({ state: 'Absent', absentSince: at });
    expect(residualOf(absent, { settleTime: 5_000, residues: { BoundTokens: [cache, offline] } })).toBe(later(10_000));
    expect(residualOf(absent, { settleTime: 15_000, residues: { BoundTokens: [cache] } })).toBe(later(15_000));
    expect(residualOf(absent, { settleTime: 5_000, residues: { Others: [cache] } })).toBe(later(5_000));
  });

  it('is not known by what another process has seen', () => {
    expect(residualOf(of({ state: 'Absent', absentSince: at }), { settleTime: 5_000 }, false)).toBe('unknown');
  });

  it('of several ends with the last, and never while one has no known end', () => {
    expect(latest([])).toBeUndefined();
    expect(latest([undefined, 3, 9, 4])).toBe(9);
    expect(latest([3, 'unknown'])).toBe('unknown');
  });
});

describe('what outlasts a run', () => {
  const ended = [of({ state: 'Confirmed', absentSince: at }), of({ state: 'Confirmed', absentSince: '2026-11-23T09:00:00.000Z' })];

  it('is told once for a class, from the end of its last one', () => {
    expect(outlasting(ended, { settleTime: 15_000, residues: { BoundTokens: [cache, offline] } })).toEqual([
      { class: 'BoundTokens', kind: 'OfflineVerifier', until: '2026-11-23T11:00:00.000Z', message: 'by its signature' },
    ]);
  });

  it('is what a settle time was too short to await, as well', () => {
    const until = (settleTime: number) => outlasting(ended, { settleTime, residues: { BoundTokens: [cache] } }).map((each) => each.until);
    expect(until(9_999)).toEqual(['2026-11-23T10:00:10.000Z']);
    expect(until(10_000)).toEqual([]);
  });

  it('may have no end', () => {
    expect(outlasting(ended, { settleTime: 0, residues: { BoundTokens: [forEver] } })).toEqual([{ class: 'BoundTokens', kind: 'OfflineVerifier', message: 'for ever' }]);
  });

  it('is nothing where there was none of the class', () => {
    expect(outlasting(ended, { settleTime: 0, residues: { TokenSecret: [forEver] } })).toEqual([]);
  });
});
