/** What a Plan says of the end that it plans. */
import { describe, expect, it } from 'vitest';
import { aCredential } from '../../test/builders/credentials.ts';
import type { Credential } from '../revokers/revoker.ts';
import { track } from './credential.ts';
import { type Foreseen, forecastOf, forecastOfAll, foreseen } from './forecast.ts';

const person = { by: 'Person', reason: 'SharedRole', message: 'take it out' } as const;
const expiry = { by: 'Expiry', at: new Date('2027-03-01T00:00:00.000Z') } as const;
const of = (name: string, given: Partial<Foreseen> = {}, ...credentials: readonly Partial<Credential>[]): Foreseen => ({
  name,
  settleTime: 15_000,
  lock: { kind: 'Lockable' },
  tracked: credentials.map((credential, index) => track(aCredential({ id: `${name} ${String(index)}`, ...credential }))),
  ...given,
});
const all = (...each: readonly Foreseen[]) => each.map((one) => forecastOf(one, each));

describe('the forecast of a plan', () => {
  it('puts each dependency after all that it comes after, and no other', () => {
    const [cluster, vault, google] = [of('kubernetes'), of('vault'), of('google', { after: ['vault'], issuers: ['kubernetes'] })];
    expect(all(cluster, google, vault, of('last', { after: ['google', 'kubernetes'] })).map(({ stage }) => stage)).toEqual([1, 2, 1, 3]);
    expect(forecastOf(google, [cluster, vault, google])).toEqual({ stage: 2, after: ['vault'], issuers: ['kubernetes'], lockable: true });
  });

  it('of as many as there can be, each after all before it, is there at once', () => {
    const names = Array.from({ length: 32 }, (_, index) => `v${String(index)}`);
    expect(all(...names.map((name, index) => of(name, { after: names.slice(0, index) }))).at(-1)?.stage).toBe(32);
  });

  it('lets access last for the longer of settle time and caches of what there is, one after the other', () => {
    const cache = { kind: 'TokenCache', milliseconds: 20_000, awaited: true, message: 'a cache' } as const;
    const cluster = of('kubernetes', { residues: { BoundTokens: [cache] } }, { class: 'BoundTokens', end: { by: 'Others' } });
    const vault = of('vault', { settleTime: 30_000, after: ['kubernetes'] }, {});
    const other = of('other', { residues: { BoundTokens: [cache] } }, { class: 'Login' });
    expect(all(cluster, vault, other).map(({ residualFor }) => residualFor)).toEqual([20_000, 30_000, 15_000]);
    expect(forecastOfAll([cluster, vault, other])).toEqual({ residualFor: 50_000 });
  });

  it('has none where nothing is left to end', () => {
    expect(forecastOf(of('vault'), [of('vault')])).not.toHaveProperty('residualFor');
    expect(forecastOfAll([of('vault')])).toEqual({});
  });

  it('waits for what nobody can revoke, and knows no end while a person must act', () => {
    const certificate = of('kubernetes', {}, { end: expiry });
    expect(forecastOf(certificate, [certificate])).toEqual({ stage: 1, lockable: true, residualUntil: '2027-03-01T00:00:00Z' });
    expect(forecastOfAll([certificate, of('vault', {}, { end: person })])).toEqual({ residualUntil: 'unknown' });
  });

  it('tells what cannot be locked, and who lets the identity in afterwards', () => {
    const offline = { kind: 'OfflineVerifier', milliseconds: 3_600_000, awaited: false, message: 'by its\u001b signature' } as const;
    const cluster = of('kubernetes', { lock: { kind: 'NotLockable', explanation: 'no policy' }, residues: { BoundTokens: [offline], Other: [offline] } }, { class: 'BoundTokens' });
    expect(forecastOf(cluster, [cluster])).toMatchObject({
      lockable: false,
      lock: 'no policy',
      outlasting: [{ class: 'BoundTokens', residualFor: 3_600_000, message: String.raw`by its\u001b signature` }],
    });
  });

  it('says of each credential how it ends, and who keeps it', () => {
    const many = Array.from({ length: 12 }, (_, index) => `User ${String(index)}`);
    expect(foreseen(track(aCredential({ end: person, sharedWith: ['User bob'] }))).status).toMatchObject({ end: 'Person', found: true, reason: 'SharedRole', sharedWith: ['User bob'] });
    expect(foreseen(track(aCredential({ sharedWith: many }))).status.sharedWith).toEqual([...many.slice(0, 7), '5 more']);
    expect(foreseen(track(aCredential({}))).status).not.toHaveProperty('sharedWith');
  });
});
