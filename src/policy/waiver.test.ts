import { describe, expect, it } from 'vitest';
import { aCredential, aTracked } from '../../test/builders/credentials.ts';
import { aWaiver, anOffboarding } from '../../test/builders/offboarding.ts';
import type { OffboardingStatus } from '../api/v1alpha1/index.ts';
import type { Assessment } from './dependency.ts';
import { hasEnded, isLeftOver, isReopened, isWaived, nextEnd, underWaiver, waiverVerdict, waiversInForce, waiversStand } from './waiver.ts';

const dependencies = ['fake', 'other'];
const now = new Date('2026-11-23T10:05:00Z');
const context = { dependencies, now };
const run = anOffboarding({ spec: { requestedBy: { username: 'alice' } } });
const plan = anOffboarding({ spec: { requestedBy: { username: 'alice' }, mode: 'Plan' } });

const statusOf = (reason: string, change: OffboardingStatus = {}): OffboardingStatus => ({
  completedAt: '2026-11-23T10:04:00Z',
  conditions: [{ type: 'Ready', status: 'True', reason, message: 'x', lastTransitionTime: '2026-11-23T10:00:00Z' }],
  ...change,
});
const withStatus = (status: OffboardingStatus) => ({ ...run, status });
const confirmed = withStatus({ dependencies: [{ name: 'fake', state: 'Confirmed' }] });

describe('a waiver', () => {
  it.each<readonly [string, Parameters<typeof aWaiver>[0], Parameters<typeof waiverVerdict>[1], string, string]>([
    ['in force', {}, run, 'Confirmed', 'InForce'],
    ['for no run', {}, undefined, 'Stalled', 'RunNotFound'],
    ['for an earlier run of that name', { spec: { offboardingRef: { name: 'retire', uid: 'another' } } }, run, 'Stalled', 'RunNotFound'],
    ['for a dependency that the run has not', { spec: { dependency: 'vault' } }, run, 'Stalled', 'DependencyNotFound'],
    ['that nobody approved', { spec: { approvedBy: { groups: ['board'] } } }, run, 'Stalled', 'Unattributed'],
    ['that somebody without a name approved', { spec: { approvedBy: { username: '' } } }, run, 'Stalled', 'Unattributed'],
    ['for a run that nobody asked for', {}, anOffboarding(), 'Stalled', 'RequesterUnknown'],
    ['approved by who asked', { spec: { approvedBy: { username: 'alice' } } }, run, 'Stalled', 'ApprovedByRequester'],
    ['whose time is over', { spec: { expiresAt: '2026-11-23T10:05:00Z' } }, run, 'Idle', 'Expired'],
    ['whose time cannot be read', { spec: { expiresAt: 'some day' } }, run, 'Idle', 'Expired'],
    ['for a plan', {}, plan, 'Idle', 'NotNeeded'],
    ['for what is proven gone', {}, confirmed, 'Idle', 'NotNeeded'],
    ['for what is proven gone, also when its time is over', { spec: { expiresAt: '2026-11-23T10:00:00Z' } }, confirmed, 'Idle', 'NotNeeded'],
    ['for a run that was superseded', {}, withStatus(statusOf('Superseded')), 'Idle', 'NotNeeded'],
    ['for a run that it completes', {}, withStatus(statusOf('CompletedWithWaivers')), 'Confirmed', 'InForce'],
    ['that is being deleted', { metadata: { deletionTimestamp: '2026-11-23T10:04:00Z' } }, run, 'Idle', 'NotNeeded'],
  ])('%s says so', (_, change, of, kind, reason) => {
    expect(waiverVerdict(aWaiver(change), of, context)).toMatchObject({ kind, reason });
  });

  it('that counts says so, and no other counts', () => {
    const waivers = [aWaiver(), aWaiver({ spec: { dependency: 'vault' } }), aWaiver({ spec: { dependency: 'other', approvedBy: { username: 'alice' } } })];
    expect([...waiversInForce(waivers, run, context).keys()]).toEqual(['fake']);
    expect(waiversInForce(waivers, plan, context).size).toBe(0);
    expect(waiversInForce(waivers, run, { dependencies, now: new Date('2026-11-23T10:30:00Z') }).size).toBe(0);
  });

  it('that lasts longest is the one that counts', () => {
    const longer = aWaiver({ metadata: { name: 'longer' }, spec: { expiresAt: '2026-11-23T13:00:00+02:00' } });
    const inForce = waiversInForce([longer, aWaiver()], run, context);
    expect(inForce.get('fake')).toEqual({ name: 'longer', approvedBy: 'boss', expiresAt: '2026-11-23T13:00:00+02:00' });
    expect(nextEnd(inForce)).toBe(Date.parse('2026-11-23T11:00:00Z'));
    expect(nextEnd(new Map())).toBeUndefined();
  });
});

describe('a run', () => {
  it.each<readonly [string, OffboardingStatus | undefined, boolean, boolean, boolean]>([
    ['unseen', undefined, false, false, false],
    ['under way', { conditions: [] }, false, false, false],
    ['confirmed', statusOf('Confirmed'), false, true, false],
    ['complete with waivers', statusOf('CompletedWithWaivers'), true, false, true],
    ['reopened', { conditions: statusOf('Reopened').conditions ?? [] }, false, false, true],
    ['superseded after that', statusOf('Superseded'), false, true, false],
  ])('%s is waived, has ended, is reopened as it should be', (_, status, waived, ended, reopened) => {
    expect([isWaived(status), hasEnded(status), isReopened(status)]).toEqual([waived, ended, reopened]);
  });

  it('stands while each dependency that it gave up has a waiver', () => {
    const status = statusOf('CompletedWithWaivers', { dependencies: [{ name: 'fake', state: 'Waived' }, { name: 'other', state: 'Confirmed' }] });
    const inForce = waiversInForce([aWaiver()], run, context);
    expect(waiversStand(status, inForce)).toBe(true);
    expect(waiversStand(status, new Map())).toBe(false);
    expect(waiversStand(statusOf('Confirmed'), new Map())).toBe(true);
  });
});

describe('under a waiver, a dependency', () => {
  const waiver = { name: 'waive', approvedBy: 'boss', expiresAt: '2026-11-23T10:30:00Z' };
  const assessment = (state: Assessment['state']): Assessment => ({ state, reason: 'Why', message: 'what is left' });
  const open: Parameters<typeof underWaiver>[2] = { tracked: [], settleTime: 15_000, monotonic: 20_000, complete: false };
  const stuck = aTracked({ status: { revokeRequestedAt: '2026-11-23T10:00:00Z' } });
  const settling = aTracked({ absentSince: 10_000, status: { state: 'Absent' } });
  const believable = aTracked({ absentSince: 5_000, status: { state: 'Absent' } });

  it.each<readonly [string, Assessment['state'], Partial<typeof open>, Assessment['state']]>([
    ['that a person must mend is given up', 'Blocked', {}, 'Waived'],
    ['that cannot be asked is given up', 'Unknown', {}, 'Waived'],
    ['that is still there is given up', 'Revoking', {}, 'Waived'],
    ['that is waited out is given up', 'Waiting', {}, 'Waived'],
    ['that is proven gone is not', 'Confirmed', { complete: true }, 'Confirmed'],
    ['that settles is waited for', 'Settling', {}, 'Settling'],
    ['of which a part was not asked to end yet is waited for', 'Revoking', { tracked: [aTracked()] }, 'Revoking'],
    ['of which a part settles is waited for', 'Blocked', { tracked: [stuck, settling] }, 'Blocked'],
    ['of which a part could be believed by now is not', 'Blocked', { tracked: [stuck, believable] }, 'Waived'],
    ['of a run that is complete already stays given up', 'Settling', { tracked: [settling], complete: true }, 'Waived'],
  ])('%s', (_, state, change, expected) => {
    expect(underWaiver(assessment(state), waiver, { ...open, ...change }).state).toBe(expected);
  });

  it('says who gave it up, until when, and what is left', () => {
    expect(underWaiver(assessment('Blocked'), waiver, open)).toEqual({
      state: 'Waived',
      reason: 'Why',
      message: 'given up until 2026-11-23T10:30:00Z, approved by boss: what is left',
    });
  });

  it('without one is as it is', () => {
    expect(underWaiver(assessment('Blocked'), undefined, { ...open, complete: true }).state).toBe('Blocked');
  });
});

describe('what is there after a run was completed by waivers', () => {
  const listed = [
    { id: 'rolebindings/ci/deploy', uid: 'uid-1', class: 'RoleBinding', state: 'Present' as const },
    { id: 'rolebindings/ci/gone', uid: 'uid-2', class: 'RoleBinding', state: 'Confirmed' as const },
    { id: 'rolebindings/ci/gitops', uid: 'uid-3', class: 'RoleBinding', state: 'Confirmed' as const, returned: 2 },
    { id: 'every TokenSecret', class: 'TokenSecret', state: 'Present' as const, count: 200 },
    { id: 'every Certificate', class: 'Certificate', state: 'Confirmed' as const, count: 3 },
    { id: 'serviceaccounts/ci/agent', uid: 'uid-4', class: 'ServiceAccount', state: 'Present' as const },
  ];
  const stranger = { by: 'Person' as const, reason: 'IdentityRecreated', message: 'x' };

  it.each([
    ['what it left', aCredential(), true],
    ['what it left, in another life', aCredential({ uid: 'uid-9' }), true],
    ['what it never saw', aCredential({ id: 'rolebindings/ci/new' }), false],
    ['what it confirmed', aCredential({ id: 'rolebindings/ci/gone' }), false],
    ['what something kept putting back', aCredential({ id: 'rolebindings/ci/gitops', uid: 'uid-9' }), true],
    ['one of a class that it only counted', aCredential({ id: 'secrets/ci/token', class: 'TokenSecret' }), true],
    ['one of a class that it counted, and confirmed', aCredential({ id: 'certificates/x', class: 'Certificate' }), false],
    ['the account that it could not end', aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-4', class: 'ServiceAccount' }), true],
    ['another account of that name', aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-5', class: 'ServiceAccount', end: stranger }), false],
    ['another account that it knew', aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-4', class: 'ServiceAccount', end: stranger }), true],
  ])('%s: left over %s', (_, credential, expected) => {
    expect(isLeftOver(credential, listed)).toBe(expected);
  });
});
