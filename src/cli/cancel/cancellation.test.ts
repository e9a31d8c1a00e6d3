/** What can be taken back, and what cannot. */
import { describe, expect, it } from 'vitest';
import type { OffboardingSpec, OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { cancellationOf } from './cancellation.ts';

const now = new Date('2026-11-23T10:05:00Z');
const decided = (status: OffboardingStatus | undefined, spec: Partial<OffboardingSpec> = {}) =>
  cancellationOf({ metadata: { name: 'retire', namespace: 'ci', creationTimestamp: '2026-11-23T10:00:00Z' }, spec: { reason: 'Retired', mode: 'Enforce', ...spec }, ...(status === undefined ? {} : { status: { identity: 'ci/agent', ...status } }) }, now);
const ready = (reason: string, message: string) => [{ type: 'Ready', status: 'False', reason, message, lastTransitionTime: '' } as const];

describe('a run that is cancelled', () => {
  it('gives the lock back, and everything else was left alone', () => {
    expect(decided(undefined)).toEqual({ possible: true, words: 'retire (ci) keeps all of its access: nothing was revoked, and nothing was locked for good yet.' });
    const soaking = decided({ phase: 'Soaking', lockedAt: '2026-11-23T10:00:01Z', dependencies: [{ name: 'kubernetes', state: 'Locked' }, { name: 'vault', state: 'Locked' }], conditions: ready('Soaking', 'reversible until 2026-11-23T11:00:00.000Z; then the first revoke is sent') });
    expect(soaking).toEqual({ possible: true, words: 'agent (ci) keeps all of its access: nothing was revoked, and what is locked is unlocked (kubernetes, vault). That can be said until 11:00:00Z (in 55m).' });
  });

  it('is too late once a revoke was sent, and says of how much', () => {
    const late = decided({
      revokeStartedAt: '2026-11-23T10:00:00Z',
      dependencies: [{ name: 'kubernetes', state: 'Revoking', credentials: [{ id: 'a', class: 'A', state: 'Present', revokeRequestedAt: 'x', count: 3 }, { id: 'b', class: 'B', state: 'Present' }] }],
    });
    expect(late.possible).toBe(false);
    expect(late.words).toContain('revoking began 5m ago, and what was revoked cannot be given back (asked to end: kubernetes 3)');
    expect(late.words).toContain(`kubectl patch offboarding retire -n ci --type=merge -p '{"spec":{"suspend":true}}'`);
  });

  it('has nothing to take back when it has ended, is cancelled, or is a plan', () => {
    expect(decided({ completedAt: 'x', conditions: ready('Superseded', 'another run took over') })).toEqual({ possible: false, words: 'it has ended: another run took over' });
    expect(decided({ completedAt: 'x', conditions: ready('Cancelled', 'cancelled by alice') })).toEqual({ possible: false, words: 'it is cancelled already: cancelled by alice' });
    expect(decided({}, { mode: 'Plan' }).words).toContain('kubectl delete offboarding retire -n ci');
    expect(decided({ revokeStartedAt: '2026-11-23T10:00:00Z', completedAt: 'x' }).words).toMatch(/It has ended since$/);
  });
});
