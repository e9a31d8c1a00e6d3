import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency } from '../../test/builders/predicate.ts';
import { claimProblems } from './claims.ts';
import type { Predicate, RecordedCredential, RecordedDependency } from './predicate.ts';

/** An honest run whose only credential is this. */
const of = (credential: Partial<RecordedCredential>, dependency: Partial<RecordedDependency> = {}, fields: Partial<Predicate> = {}): Predicate =>
  aPredicate({ dependencies: [aRecordedDependency({ credentials: [aRecordedCredential(credential)], ...dependency })], ...fields });

const without = <T extends object>(value: T, ...keys: readonly (keyof T)[]): T => Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key as keyof T))) as T;

const { run, people, identity } = aPredicate();
const waiver = { name: 'w', dependency: 'vault', approvedBy: 'bob@example.com', expiresAt: '2026-11-24T00:00:00Z' };
const stuck = without(aRecordedCredential({ id: 'lease', class: 'Lease', state: 'Present', strength: 'Waived' }), 'absentSince', 'confirmedAt', 'absentMilliseconds');
const waived = aPredicate({
  outcome: 'CompletedWithWaivers',
  people: { ...people, waivers: [waiver] },
  dependencies: [aRecordedDependency(), without(aRecordedDependency({ name: 'vault', kind: 'vault', state: 'Waived', credentials: [stuck] }), 'enumeratedAt')],
});
const present = without(aRecordedCredential({ state: 'Present' }), 'absentSince', 'confirmedAt', 'absentMilliseconds', 'strength', 'revokeRequestedAt');
const cancelled = aPredicate({
  outcome: 'Cancelled',
  run: without(run, 'revokeStartedAt', 'revokedAt'),
  people: { ...people, cancel: { reason: 'no', accepted: true } },
  dependencies: [without(aRecordedDependency({ state: 'Open', credentials: [present] }), 'enumeratedAt')],
});
const certificate = { commonName: 'alice', notAfter: '2026-11-23T12:00:05+02:00' };
const waitedOut = without(aRecordedCredential({ id: 'certificate of user alice', class: 'Certificate', strength: 'WaitedOut', expiresAt: '2026-11-23T10:00:05.000Z' }), 'revokeRequestedAt');
const certified = aPredicate({ identity: { ...identity, certificates: [certificate] }, dependencies: [aRecordedDependency({ credentials: [aRecordedCredential(), waitedOut] })] });
const lateAccount = aRecordedCredential({ absentSince: '2026-11-23T10:04:00Z', confirmedAt: '2026-11-23T10:05:00Z' });
const cluster = aRecordedDependency({ credentials: [lateAccount], enumeratedAt: '2026-11-23T10:05:01Z' });
const vault = aRecordedDependency({ name: 'vault', kind: 'vault', credentials: [] });
const trustedTooLong = aPredicate({ run: { ...run, completedAt: '2026-11-23T10:05:02Z' }, dependencies: [cluster, vault] });
const probe = { controlAt: '2026-11-23T10:00:02.500Z', refusedAt: '2026-11-23T10:00:06.000Z', lastRefusedAt: '2026-11-23T10:00:18.000Z', refusals: 4, servers: 2 };

describe('the claims of an honest run add up', () => {
  it.each<[string, Predicate]>([
    ['confirmed', aPredicate()],
    ['with access that nobody can observe', of({}, { findings: [{ type: 'NotProvable', message: 'a watch' }] }, { outcome: 'ConfirmedWithUnprovable' })],
    ['completed with waivers', waived],
    ['cancelled', cancelled],
    ['abandoned', aPredicate({ outcome: 'Abandoned', people: { ...people, glassBroken: true }, dependencies: [aRecordedDependency({ state: 'Open', credentials: [present] })] })],
    ['with a certificate that was waited out', certified],
    ['with certificates of which only the number is known', { ...certified, dependencies: [aRecordedDependency({ credentials: [aRecordedCredential(), { ...waitedOut, id: 'every Certificate', count: 2, digest: '0'.repeat(64) }] })] }],
    ['of an Emergency whose lock was never seen to hold', aPredicate({ run: { ...without(run, 'lockedAt'), urgency: 'Emergency' }, dependencies: [aRecordedDependency({ lock: 'NotLocked' })] })],
    ['of an Emergency that was locked after revoking began', aPredicate({ run: { ...run, lockedAt: '2026-11-23T10:10:00Z', completedAt: '2026-11-23T10:11:00Z', urgency: 'Emergency' } })],
    ['looked for more elsewhere before a stranger of the name had gone', { ...trustedTooLong, dependencies: [{ ...cluster, credentials: [aRecordedCredential(), { ...lateAccount, uid: 'another' }] }, vault] }],
    ['an account of unknown UID', aPredicate({ identity: { ...identity, serviceAccount: without(identity.serviceAccount, 'uid') }, dependencies: [aRecordedDependency({ credentials: [] })] })],
    ['probed', of({ strength: 'Probed', probe })],
    ['probed, by a version that did not say when last', of({ strength: 'Probed', probe: without(probe, 'lastRefusedAt') })],
    ['gone before it was asked for', of(without(aRecordedCredential({ foundAbsent: true }), 'revokeRequestedAt'))],
    ['back and gone by itself, never asked to end', aPredicate({ dependencies: [aRecordedDependency({ credentials: [without(aRecordedCredential({ returned: 1 }), 'revokeRequestedAt')] })] })],
    ['waited out', of({ strength: 'WaitedOut', expiresAt: '2026-11-23T10:00:05.000Z' })],
    ['a class of which some were waited out, counted after a restart', of({ id: 'every Lease', count: 400, digest: '0'.repeat(64), strength: 'WaitedOut' })],
    ['a class counted after a restart', of({ id: 'every Lease', count: 400, digest: '0'.repeat(64) })],
    ['the clock of the second leader is half a minute behind', of({ confirmedAt: '2026-11-23T09:59:36.000Z' })],
    ['a settle time of nothing', of({ absentMilliseconds: 0 }, { settleMilliseconds: 0 })],
    ['one credential confirmed, in a dependency that was given up', { ...waived, dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', state: 'Waived', credentials: [aRecordedCredential(), stuck] })] }],
  ])('%s', (_, predicate) => {
    expect(claimProblems(predicate)).toEqual([]);
  });
});

describe('a claim that does not add up', () => {
  it.each<[string, Predicate]>([
    ['it was absent for 10999 ms, and is believed gone after 11000 ms', of({ absentMilliseconds: 10_999 })],
    ['it is Confirmed, and was not seen absent twice', aPredicate({ dependencies: [aRecordedDependency({ credentials: [without(aRecordedCredential(), 'absentMilliseconds')] })] })],
    ['it is Confirmed, and was not seen absent twice', aPredicate({ dependencies: [aRecordedDependency({ credentials: [without(aRecordedCredential(), 'absentSince')] })] })],
    ['it is Confirmed, and was not seen absent twice', aPredicate({ dependencies: [aRecordedDependency({ credentials: [without(aRecordedCredential(), 'confirmedAt')] })] })],
    ['it was confirmed before it was first seen absent', of({ absentSince: '2026-11-23T10:05:00Z' })],
    ['it was not confirmed at the last look for more', of({ absentSince: '2026-11-23T10:05:00Z', confirmedAt: '2026-11-23T10:06:00Z' })],
    ['it was absent for 900000 ms, and there are not as many between its times', of({ absentMilliseconds: 900_000 })],
    ['the last look for more was before revoking began', of({}, { enumeratedAt: '2026-11-23T09:50:00Z' })],
    ['the last look for more was after the run had ended', of({}, { enumeratedAt: '2026-11-23T10:30:00Z' })],
    ['vault: ServiceAccount ci/build-agent-7 was not confirmed at the last look for more here, and lets in here', trustedTooLong],
    ['revoking began before the run did', aPredicate({ run: { ...run, revokeStartedAt: '2026-11-23T09:50:00Z' } })],
    ['it ended before revoking began', aPredicate({ run: { ...run, revokeStartedAt: '2026-11-23T10:50:00Z' } })],
    ['revoking began, and nothing says when it was locked', aPredicate({ run: without(run, 'lockedAt') })],
    ['revoking began, and nothing says when it was locked', aPredicate({ run: { ...without(run, 'lockedAt'), urgency: 'Emergency' } })],
    ['revoking began before it was locked', aPredicate({ run: { ...run, lockedAt: '2026-11-23T10:10:00Z' } })],
    ['kubernetes: nothing is said of the ServiceAccount itself', of({ uid: '6f1c1f6e-0000-4000-8000-000000000001' })],
    ['kubernetes: the ServiceAccount itself was neither asked to end nor gone before', aPredicate({ dependencies: [aRecordedDependency({ credentials: [without(aRecordedCredential(), 'revokeRequestedAt')] })] })],
    ['it was confirmed after the run had ended', of({ confirmedAt: '2026-11-23T11:00:00Z' })],
    ['it was confirmed before it was asked to end', of({ revokeRequestedAt: '2026-11-23T10:05:00Z' })],
    ['it is Confirmed, and does not say what that rests on', aPredicate({ dependencies: [aRecordedDependency({ credentials: [without(aRecordedCredential(), 'strength')] })] })],
    ['it is Confirmed, and says that it was given up', of({ strength: 'Waived' })],
    ['it was waited out, and its time was not over', of({ strength: 'WaitedOut', expiresAt: '2026-11-24T00:00:00Z' })],
    ['it was waited out, and does not say until when', of({ strength: 'WaitedOut' })],
    ['it is Probed, and was not tried and refused', of({ strength: 'Probed' })],
    ['it is Probed, and was not tried and refused', of({ strength: 'Probed', probe: without(probe, 'refusedAt') })],
    ['it is Probed, and was refused 1 times; it takes two', of({ strength: 'Probed', probe: { ...probe, refusals: 1 } })],
    ['it is Probed, and the try that worked was not before the lock and the revoke', of({ strength: 'Probed', probe: { ...probe, controlAt: '2026-11-23T10:02:00Z' } })],
    ['it is Probed, and was not refused from its first absence on', of({ strength: 'Probed', absentSince: '2026-11-23T10:00:06Z', confirmedAt: '2026-11-23T10:05:00Z', probe: { ...probe, refusedAt: '2026-11-23T10:04:00Z' } })],
    ['it is Probed, and was refused before it worked', of({ strength: 'Probed', probe: { ...probe, refusedAt: '2026-11-23T09:50:00Z' } })],
    ['it is Probed, and was not refused when it was confirmed', of({ strength: 'Probed', probe: { ...probe, lastRefusedAt: '2026-11-23T10:00:17.000Z' } })],
    ['it is Probed, and was refused in one look alone', of({ strength: 'Probed', probe: { ...probe, refusedAt: probe.lastRefusedAt } })],
    ['it is Present, and the dependency is Confirmed', of(present)],
    ['it is open, and says that it is Observed', of({ ...present, strength: 'Observed' }, { state: 'Open' })],
    ['it is open, and has a time at which it was confirmed', of({ ...present, confirmedAt: '2026-11-23T10:00:18.000Z' })],
    ['it is Open, and the run says Confirmed', of({}, { state: 'Open' })],
    ['it is Waived, and the run says ConfirmedWithUnprovable', { ...waived, outcome: 'ConfirmedWithUnprovable' }],
    ['it is Confirmed, and nobody looked whether there is more', aPredicate({ dependencies: [without(aRecordedDependency(), 'enumeratedAt')] })],
    ['it says Confirmed, and names access whose end nobody can observe', of({}, { findings: [{ type: 'NotProvable', message: 'a watch' }] })],
    ['kubernetes: it is to be ended there, and nothing is said of it', aPredicate({ dependencies: [] })],
    ['kubernetes: it is to be ended there, and nothing is said of it', { ...cancelled, dependencies: [] }],
    ['vault: it is to be ended there, and nothing is said of it', aPredicate({ identity: { ...identity, dependencies: [{ name: 'vault', declared: '{"name":"vault"}' }] } })],
    ['kubernetes: there is a certificate of "alice", and nothing is said of it', aPredicate({ identity: { ...identity, certificates: [certificate] } })],
    ['kubernetes: there is a certificate of "alice", and nothing is said of it', { ...certified, dependencies: [aRecordedDependency({ credentials: [{ ...waitedOut, id: 'certificate of user malice' }] })] }],
    ['kubernetes: the certificate of "alice" was valid after the run had ended', { ...certified, identity: { ...identity, certificates: [{ ...certificate, notAfter: '2026-11-23T12:10:00+02:00' }] } }],
    ['it is complete, and revoking never began', aPredicate({ run: without(run, 'revokeStartedAt') })],
    ['it ended before it started', aPredicate({ run: { ...run, startedAt: '2026-11-24T00:00:00Z' } })],
    ['kubernetes: it is there twice', aPredicate({ dependencies: [aRecordedDependency(), aRecordedDependency()] })],
    ['it stands for others, and does not say for how many and for which', of({ count: 400 })],
    ['it stands for others, and does not say for how many and for which', of({ digest: '0'.repeat(64) })],
    ['a cancel was accepted, and the run went on', aPredicate({ people: { ...people, cancel: { reason: 'no', accepted: true } } })],
    ['it says CompletedWithWaivers, and nothing is waived', aPredicate({ outcome: 'CompletedWithWaivers' })],
    ['vault: it is waived, and there is no waiver', { ...waived, people }],
    ['vault: whoever asked for the run waived it', { ...waived, people: { ...waived.people, waivers: [{ ...waiver, approvedBy: 'alice@example.com' }] } }],
    ['vault: its waiver had ended', { ...waived, people: { ...waived.people, waivers: [{ ...waiver, expiresAt: '2026-11-23T00:00:00Z' }] } }],
    ['nobody is known to have asked for it, so nobody can have waived a part of it', { ...waived, people: without(waived.people, 'requestedBy') }],
    ['vault: it is open, and nobody gave it up', { ...waived, dependencies: [...waived.dependencies.slice(0, 1), aRecordedDependency({ name: 'vault', state: 'Open' })] }],
    ['it was given up, and does not say so', { ...waived, dependencies: [aRecordedDependency({ name: 'vault', state: 'Waived', credentials: [without(stuck, 'strength')] })] }],
    ['it was abandoned, and nobody took the finalizer off', { ...cancelled, outcome: 'Abandoned', people }],
    ['it was cancelled, and nobody asked for that', { ...cancelled, people }],
    ['it was cancelled after revoking had begun', { ...cancelled, run }],
    ['it was cancelled, and ServiceAccount ci/build-agent-7 was asked to end', { ...cancelled, dependencies: [aRecordedDependency({ state: 'Open', credentials: [{ ...present, revokeRequestedAt: '2026-11-23T10:00:05Z' }] })] }],
  ])('%s', (problem, predicate) => {
    expect(claimProblems(predicate).join('\n')).toContain(problem);
  });

  it('is also one with times that are none', () => {
    expect(claimProblems(of({ absentSince: '2026-13-45T10:00:06Z' })).join()).toContain('it was confirmed before it was first seen absent');
  });
});
