import { describe, expect, it } from 'vitest';

import { anIdentity, anOffboarding } from '../../test/builders/offboarding.ts';
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { CredentialStatus, OffboardingSpec, OffboardingStatus, Target } from '../api/v1alpha1/index.ts';
import { runFigures } from './figures.ts';

const now = new Date('2026-11-23T11:00:00Z');
const cluster = { name: 'kubernetes', kind: 'kubernetes', settleTime: 15_000 };
const kinds = {
  kinds: ['kubernetes'],
  forTarget: (target: Target | undefined) => [cluster, ...(target?.dependencies ?? []).map(({ name }) => ({ name, kind: 'vault', settleTime: 60_000 }))],
};

const credential = (change: Partial<CredentialStatus> = {}): CredentialStatus => ({
  id: 'rolebindings/ci/deploy',
  class: 'RoleBinding',
  state: 'Present',
  revokeRequestedAt: '2026-11-23T10:50:00Z',
  ...change,
});

const certificate = credential({ id: 'certificates/agent', class: 'Certificate', state: 'Waiting', revokeRequestedAt: '2026-11-23T10:10:00Z' });

/** A run that has begun to revoke. */
const revoking = (credentials: readonly CredentialStatus[], spec: Partial<OffboardingSpec> = {}, status: OffboardingStatus = {}) =>
  anOffboarding({
    spec,
    status: {
      startedAt: '2026-11-23T10:49:00Z',
      revokeStartedAt: '2026-11-23T10:50:00Z',
      dependencies: [{ name: 'kubernetes', state: 'Revoking', credentials }],
      ...status,
    },
  });

/** A run that has not, with this reason. */
const waitingFor = (reason: string | undefined, spec: Partial<OffboardingSpec> = {}) =>
  anOffboarding({
    spec,
    status:
      reason === undefined
        ? {}
        : { conditions: [{ type: 'Ready', status: 'False', reason, message: '', lastTransitionTime: '2026-11-23T10:00:00Z' }] },
  });

const lockedIs = (status: 'True' | 'False', reason: string) => ({ type: 'Locked', status, reason, message: '', lastTransitionTime: '2026-11-23T10:00:00Z' });

const figures = (...runs: Parameters<typeof runFigures>[0]) => runFigures(runs, [], kinds, now);

describe('the figures of runs', () => {
  it('are all there, and zero, when there is nothing', () => {
    expect(figures()).toEqual({
      revocations: [],
      oldestUnconfirmed: [{ revoker: 'kubernetes', seconds: 0 }],
      residual: [{ revoker: 'kubernetes', seconds: 0, unknown: 0 }],
      stuck: [{ revoker: 'kubernetes', count: 0 }],
      waiting: [],
      held: [],
      overdue: 0,
      unlocked: 0,
      waived: [],
      unheld: [],
      identities: [],
    });
  });

  it('tell for how long access may be left, and of what nobody can say', () => {
    const run = revoking([credential({ state: 'Confirmed' }), credential({ state: 'Absent', absentSince: '2026-11-23T10:00:00.000Z' }), credential(), { ...certificate, expiresAt: new Date(now.getTime() + 90_000).toISOString() }]);
    const { seconds, unknown } = figures(run).residual[0] ?? {};
    expect(unknown).toBe(1);
    expect(seconds).toBe(90);
  });

  it('know no end of what another process has seen to be absent', () => {
    const run = revoking([credential({ state: 'Absent', absentSince: now.toISOString() })]);
    const residual = (isHere: boolean) => runFigures([run], [], kinds, now, () => isHere).residual[0];
    expect(residual(true)).toEqual({ revoker: 'kubernetes', seconds: 15, unknown: 0 });
    expect(residual(false)).toEqual({ revoker: 'kubernetes', seconds: 0, unknown: 1 });
  });

  it('count credentials by state, over all runs, a whole class as many as it stands for', () => {
    const first = revoking([credential(), credential({ state: 'Confirmed' }), credential({ state: 'Unknown' })]);
    const second = revoking([credential({ id: 'every RoleBinding', count: 40 }), credential({ state: 'Absent' }), certificate]);
    expect(figures(first, second).revocations).toEqual([
      { revoker: 'kubernetes', state: 'Present', count: 41 },
      { revoker: 'kubernetes', state: 'Confirmed', count: 1 },
      { revoker: 'kubernetes', state: 'Unknown', count: 1 },
      { revoker: 'kubernetes', state: 'Absent', count: 1 },
      { revoker: 'kubernetes', state: 'Waiting', count: 1 },
    ]);
  });

  it.each<readonly [string, Parameters<typeof runFigures>[0], number]>([
    ['the request of the oldest one, less the settle time', [revoking([credential(), credential({ revokeRequestedAt: '2026-11-23T10:30:00Z' })])], 1785],
    ['never less than nothing', [revoking([credential({ revokeRequestedAt: '2026-11-23T10:59:55Z' })])], 0],
    ['one that is absent and not believed yet', [revoking([credential({ state: 'Absent' })])], 585],
    ['one that could not be observed', [revoking([credential({ state: 'Unknown' })])], 585],
    ['no confirmed one', [revoking([credential({ state: 'Confirmed' })])], 0],
    ['no certificate that is waited out', [revoking([certificate])], 0],
    ['no suspended run', [revoking([credential()], { suspend: true })], 0],
    ['nothing that was given up', [revoking([credential()], {}, { dependencies: [{ name: 'kubernetes', state: 'Waived', credentials: [credential()] }] })], 0],
    ['another run when one is suspended', [revoking([credential({ revokeRequestedAt: '2026-11-23T10:00:00Z' })], { suspend: true }), revoking([credential()])], 585],
    ['no run that has ended', [revoking([credential()], {}, { completedAt: '2026-11-23T10:55:00Z' })], 0],
    ['no plan', [revoking([credential()], { mode: 'Plan' })], 0],
    ['nothing that nobody asked to revoke yet', [anOffboarding({ status: { revokeStartedAt: '2026-11-23T10:50:00Z', dependencies: [{ name: 'kubernetes', state: 'Pending', credentials: [{ id: 'a', class: 'RoleBinding', state: 'Present' }] }] } })], 0],
  ])('count for the oldest unconfirmed revocation %s', (_, runs, seconds) => {
    expect(figures(...runs).oldestUnconfirmed).toEqual([{ revoker: 'kubernetes', seconds }]);
  });

  it('do not lose a dependency that no revoker of this version serves', () => {
    const orphan = revoking([], {}, { dependencies: [{ name: 'vault', state: 'Unknown', credentials: [credential()] }] });
    const { revocations, oldestUnconfirmed } = figures(orphan);
    expect(revocations).toEqual([{ revoker: 'other', state: 'Present', count: 1 }]);
    expect(oldestUnconfirmed).toEqual([{ revoker: 'kubernetes', seconds: 0 }, { revoker: 'other', seconds: 600 }]);
  });

  it('show what waits, and why that is nobody\'s fault', () => {
    const open = revoking([certificate, credential(), credential({ state: 'Confirmed' })]);
    const suspended = revoking([certificate, credential(), credential({ state: 'Confirmed' })], { suspend: true });
    expect(figures(open, suspended).waiting).toEqual([
      { revoker: 'kubernetes', reason: 'expiry', count: 1 },
      { revoker: 'kubernetes', reason: 'suspended', count: 2 },
    ]);
  });

  it('count what was given up, of runs under way and of those that are complete by it', () => {
    const completed = (reason: string): OffboardingStatus => ({
      completedAt: '2026-11-23T10:55:00Z',
      conditions: [{ type: 'Ready', status: 'True', reason, message: '', lastTransitionTime: '2026-11-23T10:55:00Z' }],
    });
    const dependencies = [{ name: 'kubernetes', state: 'Waived' as const, credentials: [credential()] }, { name: 'vault', state: 'Confirmed' as const }];
    const all = figures(revoking([], {}, { dependencies }), revoking([], {}, { dependencies, ...completed('CompletedWithWaivers') }), revoking([], {}, { dependencies, ...completed('Superseded') }));
    expect(all.waived).toEqual([{ revoker: 'kubernetes', count: 2 }]);
    expect(all.waiting).toEqual([{ revoker: 'kubernetes', reason: 'waived', count: 1 }]);
  });

  it('go by the kind of a dependency, whatever it is called, and by its own settle time', () => {
    const target = { serviceAccount: { namespace: 'ci', name: 'agent' }, dependencies: [{ name: 'our-safe' }] };
    const dependencies = [
      { name: 'kubernetes', state: 'Settling' as const, credentials: [credential()] },
      { name: 'our-safe', state: 'Settling' as const, credentials: [credential()] },
      { name: 'of another version', state: 'Blocked' as const, credentials: [credential()] },
    ];
    const all = figures(revoking([], {}, { target, dependencies }));
    expect(all.revocations.map(({ revoker }) => revoker)).toEqual(['kubernetes', 'vault', 'other']);
    expect(all.oldestUnconfirmed).toEqual([{ revoker: 'kubernetes', seconds: 585 }, { revoker: 'vault', seconds: 540 }, { revoker: 'other', seconds: 600 }]);
  });

  it('count what is stuck, but for what somebody suspended or gave up', () => {
    const stuck = [credential({ reason: 'RevocationStuck' }), credential({ reason: 'RevocationStuck', count: 3 }), credential({ reason: 'SharedBinding' })];
    const waived = revoking([], {}, { dependencies: [{ name: 'kubernetes', state: 'Waived', credentials: stuck }] });
    expect(figures(revoking(stuck), revoking(stuck, { suspend: true }), waived).stuck).toEqual([{ revoker: 'kubernetes', count: 4 }]);
  });

  it('count the objects that somebody let go of', () => {
    const conditions = [{ type: 'GlassBroken', status: 'True' as const, reason: 'FinalizerRemoved', message: '', lastTransitionTime: '2026-11-23T10:00:00Z' }];
    const broken = [anOffboarding({ status: { conditions } }), anOffboarding()];
    expect(runFigures(broken, [anIdentity({ status: { conditions } })], kinds, now).unheld).toEqual([
      { kind: 'Offboarding', count: 1 },
      { kind: 'WorkloadIdentity', count: 1 },
    ]);
  });

  it('show no credential before the first revoke, when it may still be wanted', () => {
    const planned = anOffboarding({ status: { dependencies: [{ name: 'kubernetes', state: 'Pending', credentials: [credential(), certificate] }] } });
    expect(figures(planned)).toMatchObject({ revocations: [], waiting: [], held: [{ reason: 'Starting', count: 1 }] });
  });

  it.each([
    [reasons.inUse, 'InUse'],
    [reasons.permissionMissing, 'PermissionMissing'],
    [reasons.identityNotFound, 'IdentityNotFound'],
    [reasons.identityUnknown, 'IdentityUnknown'],
    [reasons.suspended, 'Suspended'],
    [reasons.soaking, 'Soaking'],
    [reasons.waitingForOtherRun, 'WaitingForOtherRun'],
    [reasons.invalidSpec, 'InvalidSpec'],
    ['SharedBinding', 'SharedBinding'],
    ['DanglingRoleRef', 'DanglingRoleRef'],
    ['AdmissionDenied', 'AdmissionDenied'],
    ['WhateverAServerSaid', 'other'],
    [undefined, 'Starting'],
  ])('show a run held by %s as held by %s', (reason, label) => {
    expect(figures(waitingFor(reason), waitingFor(reason), waitingFor(reason, { mode: 'Plan' })).held).toEqual([{ reason: label, count: 2 }]);
  });

  it('do not show a run as held once it revokes, or has ended', () => {
    const cancelled = anOffboarding({ status: { completedAt: '2026-11-23T10:55:00Z' } });
    expect(figures(revoking([credential()]), cancelled).held).toEqual([]);
  });

  it.each<readonly [string, Partial<OffboardingSpec>, OffboardingStatus, number]>([
    ['a run at its deadline', { deadline: '1h' }, {}, 1],
    ['no run before it', { deadline: '1h1s' }, {}, 0],
    ['no run without one', {}, {}, 0],
    ['no run that has ended', { deadline: '1m' }, { completedAt: '2026-11-23T10:55:00Z' }, 0],
    ['no plan', { deadline: '1m', mode: 'Plan' }, {}, 0],
    ['a suspended run', { deadline: '1h', suspend: true }, {}, 1],
    ['no run whose deadline is nonsense', { deadline: 'soon' }, {}, 0],
  ])('count as overdue %s', (_, spec, status, overdue) => {
    expect(figures(anOffboarding({ spec, status })).overdue).toBe(overdue);
  });

  it.each<readonly [string, OffboardingStatus, number]>([
    ['a run whose lock was lost', { conditions: [lockedIs('False', reasons.lockLost)], dependencies: [{ name: 'kubernetes', state: 'Revoking' }] }, 1],
    ['no run that is locked', { conditions: [lockedIs('True', reasons.lockHeld)], dependencies: [{ name: 'kubernetes', state: 'Revoking' }] }, 0],
    ['no run that is not locked yet', { conditions: [lockedIs('False', reasons.pending)], dependencies: [{ name: 'kubernetes', state: 'Pending' }] }, 0],
    ['no run whose lock was given up', { conditions: [lockedIs('False', reasons.lockLost)], dependencies: [{ name: 'kubernetes', state: 'Waived' }] }, 0],
    ['no run that has ended', { completedAt: '2026-11-23T10:55:00Z', conditions: [lockedIs('False', reasons.lockLost)], dependencies: [{ name: 'kubernetes', state: 'Confirmed' }] }, 0],
    ['no run of which nothing is known', {}, 0],
  ])('count as unlocked %s', (_, status, unlocked) => {
    expect(figures(anOffboarding({ status })).unlocked).toBe(unlocked);
  });

  it('count identities by where they are in their life', () => {
    const identities = [
      anIdentity({ status: { lifecycleState: 'Retired' } }),
      anIdentity({ status: { lifecycleState: 'Retired' } }),
      anIdentity({ status: {} }),
    ];
    expect(runFigures([], identities, kinds, now).identities).toEqual([
      { state: 'Retired', count: 2 },
      { state: 'Active', count: 1 },
    ]);
  });
});
