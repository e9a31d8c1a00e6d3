/** What somebody gives up, and who may not. */
import { describe, expect, it } from 'vitest';
import { anOffboarding } from '../../../test/builders/offboarding.ts';
import type { OffboardingSpec, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { CannotError, UsageError } from '../errors.ts';
import { checked, expiryOf, questionOf, waiverOf } from './waiver.ts';

const now = new Date('2026-11-23T10:00:00Z');
const status: OffboardingStatus = {
  identity: 'ci/agent',
  dependencies: [
    { name: 'kubernetes', state: 'Confirmed' },
    { name: 'vault', state: 'Blocked', message: 'stuck', credentials: [{ id: 'lease 1', class: 'Lease', state: 'Present' }, { id: 'lease 2', class: 'Lease', state: 'Confirmed' }, ...['3', '4', '5'].map((id) => ({ id: `lease ${id}`, class: 'Lease', state: 'Unknown' } as const))] },
  ],
};
const aRun = (change: { readonly spec?: Partial<OffboardingSpec>; readonly status?: OffboardingStatus } = {}) =>
  anOffboarding({ spec: { requestedBy: { username: 'alice' }, ...change.spec }, status: change.status ?? status });

describe('a waiver', () => {
  it('names the run by its UID, and claims who approves', () => {
    expect(waiverOf(aRun(), { run: 'retire', dependency: 'vault', justification: 'gone for good', expires: '7d', name: undefined }, '2026-11-30T10:00:00Z', 'boss')).toEqual({
      apiVersion: 'offboard.dev/v1alpha1',
      kind: 'OffboardingWaiver',
      metadata: { name: 'retire-vault', namespace: 'ci' },
      spec: { offboardingRef: { name: 'retire', uid: 'uid-of-retire' }, dependency: 'vault', reason: 'gone for good', expiresAt: '2026-11-30T10:00:00Z', approvedBy: { username: 'boss' } },
    });
  });

  it('ends at a time, on a date, or after a while', () => {
    expect(['7d', '36h', '2027-01-10', '2027-01-10T09:00:00+01:00'].map((text) => expiryOf(text, now))).toEqual([
      '2026-11-30T10:00:00Z', '2026-11-24T22:00:00Z', '2027-01-10T00:00:00Z', '2027-01-10T08:00:00Z',
    ]);
    for (const text of ['0s', '2026-11-23', 'never', '2027-13-40', '99999d99999d', '99999999h']) expect(() => expiryOf(text, now), text).toThrow(UsageError);
  });

  it('is refused before it is made where it would not count', () => {
    expect(checked(aRun(), 'vault', 'boss').name).toBe('vault');
    expect(() => checked(aRun(), 'vault', 'alice')).toThrow('alice asked for this run, so somebody else must give it up');
    expect(() => checked(aRun(), 'vaults', 'boss')).toThrow(new UsageError('the run has no dependency "vaults": it has kubernetes, vault; did you mean vault?'));
    expect(() => checked(aRun(), 'kubernetes', 'boss')).toThrow('kubernetes is proven gone: there is nothing to give up');
    expect(() => checked(aRun({ spec: { mode: 'Plan' } }), 'vault', 'boss')).toThrow('a plan needs no waiver');
    expect(() => checked(aRun({ spec: { requestedBy: {} } }), 'vault', 'boss')).toThrow('nobody is known to have asked');
    expect(() => checked(aRun({ status: { ...status, completedAt: 'x', phase: 'Cancelled' } }), 'vault', 'boss')).toThrow('it has ended: Cancelled');
    expect(() => checked(aRun({ status: {} }), 'vault', 'boss')).toThrow(CannotError);
  });

  it('is asked about with what is left', () => {
    const dependency = checked(aRun(), 'vault', 'boss');
    expect(questionOf(aRun(), dependency, '2026-11-30T10:00:00Z', now)).toBe(
      'This lets agent (ci) count as retired without the proof for vault (4 not proven gone: lease 1, lease 3, lease 4 and 1 more), until 2026-11-30T10:00:00Z, for 7d. What is left may still work. Give it up?',
    );
  });
});
