import { describe, expect, it } from 'vitest';
import { aTracked } from '../../test/builders/credentials.ts';
import { issuingEndedAt } from './issuers.ts';
import type { Issuer } from './issuers.ts';

const account = (change: Parameters<typeof aTracked>[0] = {}) =>
  aTracked({ ...change, credential: { id: 'serviceaccounts/ci/a', class: 'ServiceAccount', ...change.credential } });
const gone = (confirmedAt: number) => account({ confirmedAt, status: { state: 'Confirmed' } });
const end = (change: Partial<Issuer>) => issuingEndedAt({ issues: ['ServiceAccount'], tail: 0, inventoried: true, tracked: [], ...change });

describe('an identity can log in elsewhere', () => {
  it.each<readonly [string, Partial<Issuer>]>([
    ['while nobody has looked', { inventoried: false }],
    ['while something that issues is there', { tracked: [gone(1_000), account()] }],
    ['while that is absent and not believed yet', { tracked: [account({ absentSince: 0, status: { state: 'Absent' } })] }],
  ])('%s', (_, issuer) => {
    expect(end(issuer)).toBeUndefined();
  });

  it('until the last of it is confirmed, and its tail is over', () => {
    expect(end({ tracked: [gone(2_000), gone(1_000)] })).toBe(2_000);
    expect(end({ tracked: [gone(2_000)], tail: 500 })).toBe(2_500);
  });

  it('whatever else is left, and whoever took its name', () => {
    const stranger = account({ credential: { uid: 'other', end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' } } });
    expect(end({ tracked: [gone(2_000), aTracked(), stranger] })).toBe(2_000);
  });

  it('never, where nothing issues', () => {
    expect(end({ tracked: [aTracked()], tail: 500 })).toBe(Number.NEGATIVE_INFINITY);
  });
});
