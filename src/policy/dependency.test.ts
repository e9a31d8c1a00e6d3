import { describe, expect, it } from 'vitest';
import { aTracked } from '../../test/builders/credentials.ts';
import { assess } from './dependency.ts';
import type { Failure } from './dependency.ts';

const person: Failure = { kind: 'NeedsPerson', reason: 'PermissionMissing', message: 'cannot delete rolebindings' };
const outage: Failure = { kind: 'Retryable', reason: 'Timeout', message: 'no answer within 10 s' };
const settleTime = 15_000;

const absent = aTracked({ absentSince: 0, status: { state: 'Absent', absentSince: '2026-11-23T10:00:00.000Z' } });
const present = aTracked();
const unknown = aTracked({ status: { state: 'Unknown', method: 'get/rolebindings', message: 'no answer' } });
const waiting = aTracked({ credential: { id: 'certificate of user x', end: { by: 'Expiry', at: new Date('2027-01-01T00:00:00Z') } } });
const shared = aTracked({ credential: { end: { by: 'Person', reason: 'SharedBinding', message: 'run: kubectl …' } } });
const held = aTracked({ blockedBy: 'HeldByFinalizer', status: { message: 'held by x/y' } });
const returning = aTracked({ credential: { manager: 'argocd' }, status: { returned: 3 } });
const confirmed = aTracked({ status: { state: 'Confirmed' } });

describe('a dependency', () => {
  it.each([
    ['a permission that is missing', [present], person, 'Blocked', 'PermissionMissing', 'cannot delete rolebindings'],
    ['a credential that only a person can end', [shared, present], undefined, 'Blocked', 'SharedBinding', 'run: kubectl …'],
    ['a foreign finalizer', [held], undefined, 'Blocked', 'HeldByFinalizer', 'held by x/y'],
    ['something that keeps coming back', [returning], undefined, 'Blocked', 'ManagedElsewhere', 'argocd keeps putting it back'],
    ['a call that failed', [absent], outage, 'Unknown', 'DependencyUnavailable', 'no answer within 10 s'],
    ['an answer that could not tell', [unknown, absent], undefined, 'Unknown', 'DependencyUnavailable', 'no answer'],
    ['a credential that is still there', [present, absent], undefined, 'Revoking', 'Revoking', '1 still there'],
    ['an absence that is not old enough', [absent, waiting], undefined, 'Settling', 'Settling', 'believed at 2026-11-23T10:00:15.000Z'],
    ['a certificate', [waiting, confirmed], undefined, 'Waiting', 'WaitingForExpiry', '2027-01-01'],
  ])('with %s is shown so', (_, tracked, failure, state, reason, message) => {
    const assessment = assess(tracked, { failure, enumerated: false, settleTime });
    expect(assessment).toMatchObject({ state, reason });
    expect(assessment.message).toContain(message);
  });

  it('tells of an account that took the place of another, who manages it, and what else needs a person', () => {
    const message = 'there is another account; it is left alone';
    const stranger = aTracked({ credential: { end: { by: 'Person', reason: 'IdentityRecreated', message }, manager: 'Flux Kustomization apps' } });
    expect(assess([stranger, returning, returning], { failure: undefined, enumerated: false, settleTime })).toEqual({
      state: 'Blocked',
      reason: 'IdentityRecreated',
      message:
        'there is another account; it is left alone. It is managed by Flux Kustomization apps. ' +
        'Also, rolebindings/ci/deploy came back 3 times: argocd keeps putting it back; remove it there',
    });
  });

  it('is confirmed only after a last enumeration found nothing new', () => {
    expect(assess([confirmed], { failure: undefined, enumerated: false, settleTime }).state).toBe('Settling');
    expect(assess([confirmed], { failure: undefined, enumerated: true, settleTime }).state).toBe('Confirmed');
  });

  it('that waits for others says for which, unless it is in trouble itself', () => {
    const context = { failure: undefined, enumerated: false, settleTime, after: ['kubernetes'] };
    expect(assess([present], context)).toMatchObject({ state: 'Pending', message: 'nothing is revoked here before kubernetes is confirmed' });
    expect(assess([present], { ...context, locked: true }).state).toBe('Locked');
    expect(assess([], context).state, 'and is not done when it holds nothing').toBe('Pending');
    expect(assess([present], { ...context, failure: outage }).state).toBe('Unknown');
    expect(assess([shared], context).state).toBe('Blocked');
  });

  it('whose last look must come after the end of another says so', () => {
    const assessment = assess([confirmed], { failure: undefined, enumerated: false, settleTime, issuers: ['kubernetes'] });
    expect(assessment).toMatchObject({ state: 'Settling', message: 'every known credential is gone; the last look comes once kubernetes is confirmed' });
  });

  it('is never confirmed while a look fails, whatever was confirmed before', () => {
    expect(assess([confirmed], { failure: outage, enumerated: true, settleTime }).state).toBe('Unknown');
  });
});
