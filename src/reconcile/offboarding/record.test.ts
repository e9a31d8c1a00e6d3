/** That no run is Ready before its record is stored, and what that holds. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { aWaiver, anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { createWorld } from '../../../test/fakes/world.ts';
import type { World } from '../../../test/fakes/world.ts';
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import type { Condition, OffboardingSpec } from '../../api/v1alpha1/index.ts';
import { canonicalJson } from '../../evidence/canonical.ts';
import { inChunks } from '../../evidence/chunks.ts';
import { schemas } from '../../evidence/schema.ts';
import { statementOf } from '../../evidence/statement.ts';
import { ApiError } from '../../kube/errors.ts';
import { needsPerson } from '../../runtime/outcome.ts';
import { maxBytes } from '../record/ledger.ts';

const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-account', class: 'ServiceAccount' });
const shared = aCredential({ id: 'rolebindings/ci/shared', uid: 'uid-shared', end: { by: 'Person', reason: 'SharedBinding', message: 'others use it' } });

let world: World;

const start = (spec: Partial<OffboardingSpec> = {}): void => {
  world.put(anOffboarding({ spec: { requestedBy: { username: 'alice' }, enforcedBy: { username: 'bob' }, ...spec } }));
};

beforeEach(() => {
  world = createWorld();
  world.identity(anIdentity());
  start();
  world.revoker.declared.push(account);
  world.revoker.present.set(account.id, account);
});

const condition = (type: string): Condition | undefined => world.status().conditions?.find((each) => each.type === type);

/** Looks until the Ready condition has this reason. */
const until = async (reason: string, limit = 30): Promise<void> => {
  for (let i = 0; i < limit; i += 1) {
    const result = await world.look();
    if (condition('Ready')?.reason === reason) return;
    await world.clock.advance(result.kind === 'again' ? result.after : 1_000);
  }
  throw new Error(`it is ${JSON.stringify(condition('Ready'))}`);
};

const untilExpiry = async (): Promise<void> => {
  await world.clock.advance(Date.parse('2026-11-23T10:30:00Z') - world.clock.now().getTime());
};

const giveUpShared = async (): Promise<void> => {
  world.revoker.present.set(shared.id, shared);
  world.waivers.push(aWaiver());
  await until('CompletedWithWaivers');
};

const noKey = needsPerson('SigningKeyMissing', 'there is no key to sign the record with');

describe('a run that Offboard asked for itself', () => {
  it('says so, since whoever deleted the identity is not known by that', async () => {
    start({ requestedBy: { username: 'system:serviceaccount:offboard-system:offboard' } });
    await until('Confirmed');
    expect(world.ledger.records[0]?.people.requestedBy).toEqual({ username: 'system:serviceaccount:offboard-system:offboard', isOffboard: true });
  });
});

describe('a run at its end', () => {
  it('is never too long to be recorded, however much was found', async () => {
    const { inventory } = world.revoker;
    const telling: typeof inventory = async (...asked) => ({
      credentials: (await inventory(...asked)).credentials,
      findings: Array.from({ length: 250 }, (_, index) => ({ type: 'NotEnumerated' as const, object: `${index} ${'o'.repeat(1_000)}`, message: 'm'.repeat(1_024) })),
    });
    Object.assign(world.revoker, { inventory: telling });
    await until('Confirmed');
    const [predicate] = world.ledger.records;
    if (predicate === undefined) throw new Error('nothing is recorded');
    expect(inChunks(predicate, maxBytes).predicate).toBe(predicate);
    const findings = predicate.dependencies[0]?.findings ?? [];
    expect(findings.at(-1)?.message).toBe(`${250 - findings.length + 1} more findings are not listed here`);
  });

  it('is recorded, and its status says by what and when', async () => {
    await until('Confirmed');
    const [record] = world.ledger.records;
    const { recordRef, completedAt } = world.status();
    expect(recordRef).toEqual({ name: '0000000001', digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string, outcome: 'Confirmed' });
    expect(condition('RecordSigned')).toMatchObject({ status: 'True', reason: 'RecordStored', message: `OffboardingRecord "0000000001", ${recordRef?.digest ?? ''}` });
    expect(record?.run.completedAt).toBe(completedAt);
  });

  it('is not Ready before, though all is proven gone', async () => {
    world.ledger.fail(new ApiError(0, 'Timeout', 'no answer to create offboardingrecords within 10 s'));
    await until('Recording');
    expect(condition('Ready')).toMatchObject({ status: 'False' });
    expect(condition('Reconciling')).toMatchObject({ status: 'True', reason: 'Recording' });
    expect(condition('Verified')).toMatchObject({ status: 'True', reason: 'FixedPoint' });
    expect(condition('RecordSigned')).toMatchObject({ status: 'False', reason: 'Recording' });
    expect(world.status().completedAt).toBeUndefined();
    expect(world.status().recordRef).toBeUndefined();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
    world.ledger.fail(undefined);
    await until('Confirmed');
    expect(world.object().metadata.finalizers).toEqual([]);
  });

  it.each([
    ['there is no key', noKey, 'SigningKeyMissing'],
    ['it may not', new ApiError(403, 'Forbidden', 'User "offboard" cannot create resource "offboardingrecords" in API group "offboard.dev"'), 'PermissionMissing'],
    ['a policy refuses it', new ApiError(403, 'Forbidden', "ValidatingAdmissionPolicy 'x' denied request"), 'AdmissionDenied'],
    ['it is not taken', new ApiError(422, 'Invalid', 'spec.digest: too long'), 'Rejected'],
  ])('waits for a person where %s, and goes on by itself', async (_, error, reason) => {
    world.ledger.fail(error);
    await until(reason);
    expect(condition('Stalled')).toMatchObject({ status: 'True', reason, message: error.message });
    expect(condition('Verified')?.status).toBe('True');
    expect(condition('RecordSigned')).toMatchObject({ status: 'False', reason });
    const before = world.clock.monotonic();
    world.ledger.fail(undefined);
    await until('Confirmed');
    expect(world.clock.monotonic() - before).toBeLessThanOrEqual(300_000);
  });

  it('has the record of whoever died between storing it and saying so', async () => {
    for (let i = 0; i < 30 && world.ledger.records.length === 0; i += 1) {
      world.cluster.failStatusWrites = world.status().revokedAt === undefined ? undefined : new Error('the process dies here');
      const result = await world.look().catch(() => ({ kind: 'again' as const, after: 15_000 }));
      await world.clock.advance(result.kind === 'again' ? result.after : 0);
    }
    expect(world.ledger.records).toHaveLength(1);
    expect(condition('Ready')?.status).toBe('False');
    world.cluster.failStatusWrites = undefined;
    world.restart();
    await until('Confirmed');
    expect(world.ledger.records).toHaveLength(1);
    expect(world.status().completedAt).toBe(world.ledger.records[0]?.run.completedAt);
  });

  it('is recorded once, however often it is looked at', async () => {
    await until('Confirmed');
    for (let i = 0; i < 3; i += 1) await world.look();
    world.restart();
    await world.look();
    expect(world.ledger.records).toHaveLength(1);
    expect(condition('RecordSigned')?.status).toBe('True');
  });
});

describe('a run that waivers complete', () => {
  it('is recorded with who gave up what, and again as proven gone, which revises the first', async () => {
    await giveUpShared();
    expect(world.status().recordRef).toMatchObject({ name: '0000000001', outcome: 'CompletedWithWaivers' });
    expect(world.ledger.records[0]?.people.waivers).toEqual([
      { name: 'waive', dependency: 'fake', approvedBy: 'boss', expiresAt: '2026-11-23T10:30:00Z', reason: 'its owner is away' },
    ]);
    expect(world.ledger.records[0]?.dependencies[0]).toMatchObject({ state: 'Waived', message: expect.stringContaining('given up until') as string });
    expect(world.ledger.records[0]?.dependencies[0]?.credentials.map(({ strength }) => strength)).toEqual(['Observed', 'Waived']);
    world.revoker.present.delete(shared.id);
    await until('Confirmed');
    expect(world.status().recordRef).toMatchObject({ name: '0000000002', outcome: 'Confirmed' });
    expect(world.ledger.records[1]?.record).toMatchObject({ revises: '0000000001', previous: { name: '0000000001' } });
  });

  it('stays complete while the better end cannot be recorded', async () => {
    await giveUpShared();
    const before = world.status();
    world.revoker.present.delete(shared.id);
    world.ledger.fail(noKey);
    for (let i = 0; i < 5; i += 1) await world.clock.advance(await again());
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'CompletedWithWaivers' });
    expect(world.status()).toMatchObject({ completedAt: before.completedAt, recordRef: before.recordRef });
    world.ledger.fail(undefined);
    await until('Confirmed');
    expect(world.ledger.records).toHaveLength(2);
  });

  it('has another record when it was open again and is given up anew', async () => {
    await giveUpShared();
    await untilExpiry();
    await world.look();
    expect(condition('Ready')?.reason).toBe('Reopened');
    expect(condition('RecordSigned')).toMatchObject({ status: 'False', reason: 'Pending', message: 'the run is not at its end; OffboardingRecord "0000000001" is of an earlier one' });
    world.waivers.splice(0, 1, aWaiver({ metadata: { name: 'later', uid: 'uid-of-later' }, spec: { expiresAt: '2026-11-23T11:30:00Z' } }));
    await until('CompletedWithWaivers');
    expect(world.ledger.records.map(({ people }) => people.waivers.map(({ name }) => name))).toEqual([['waive'], ['later']]);
    expect(world.ledger.records[1]?.record.revises).toBe('0000000001');
    expect(world.status().recordRef?.name).toBe('0000000002');
  });

  const again = async (): Promise<number> => {
    const result = await world.look();
    return result.kind === 'again' ? result.after : 1_000;
  };
});

describe('a run that is cancelled', () => {
  const cancel = (): void => {
    const { metadata, spec, status } = world.object();
    world.put({ ...world.object(), metadata: { ...metadata, generation: 2 }, spec: { ...spec, cancel: { reason: 'wrong agent', requestedBy: { username: 'carol' } } }, ...(status && { status }) });
  };

  it('leaves a record when it had started', async () => {
    world = soaking();
    await until('Soaking');
    cancel();
    await until('Cancelled');
    expect(world.ledger.records).toHaveLength(1);
    expect(world.ledger.records[0]).toMatchObject({ outcome: 'Cancelled', people: { cancel: { accepted: true, reason: 'wrong agent', requestedBy: { username: 'carol' } } } });
    expect(world.ledger.records[0]?.dependencies[0]).toMatchObject({ state: 'Open', lock: 'NotLocked', credentials: [{ id: account.id, state: 'Present' }] });
    expect(world.status().recordRef).toMatchObject({ outcome: 'Cancelled' });
    expect(condition('RecordSigned')?.status).toBe('True');
  });

  it('is cancelled and not over until that is stored, also by another process', async () => {
    world = soaking();
    await until('Soaking');
    cancel();
    world.ledger.fail(noKey);
    world.restart();
    await world.look();
    expect(condition('Stalled')).toMatchObject({ reason: 'SigningKeyMissing' });
    expect(condition('Cancelled')).toMatchObject({ status: 'True', reason: 'Cancelled' });
    expect(condition('Locked')).toMatchObject({ status: 'False', reason: 'Cancelled' });
    expect(world.status().completedAt).toBeUndefined();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
    world.ledger.fail(undefined);
    await until('Cancelled');
    expect(world.ledger.records[0]?.dependencies[0]?.credentials).toMatchObject([{ id: account.id }]);
  });

  it('leaves none when it had touched nothing', async () => {
    world.put(anOffboarding({ spec: { cancel: { reason: 'wrong agent' } } }));
    await until('Cancelled');
    expect(world.ledger.records).toEqual([]);
    expect(condition('RecordSigned')).toBeUndefined();
  });

  it('too late is told in the record of what became of it', async () => {
    for (let i = 0; i < 4; i += 1) await world.look();
    expect(world.status().revokeStartedAt).toBeDefined();
    cancel();
    await until('Confirmed');
    expect(world.ledger.records[0]?.people.cancel).toEqual({ requestedBy: { username: 'carol' }, reason: 'wrong agent', accepted: false });
  });

  /** The same, with a lock to soak behind. */
  const soaking = (): World => {
    const other = createWorld({ lockable: true });
    other.identity(anIdentity());
    other.put(anOffboarding({ spec: { soak: '1h' } }));
    other.revoker.declared.push(account);
    other.revoker.present.set(account.id, account);
    return other;
  };
});

describe('what is recorded', () => {
  it('is the run, its people and every credential', async () => {
    await until('Confirmed');
    expect(world.ledger.records[0]).toMatchObject({
      outcome: 'Confirmed',
      identity: { serviceAccount: { namespace: 'ci', name: 'agent', uid: 'uid-of-account' }, workloadIdentity: { name: 'agent', uid: 'uid-of-agent' }, probe: false },
      run: { namespace: 'ci', name: 'retire', uid: 'uid-of-retire', reason: 'Retired', urgency: 'Routine', createdAt: '2026-11-23T10:00:00Z' },
      people: { requestedBy: { username: 'alice' }, enforcedBy: { username: 'bob' }, waivers: [], glassBroken: false },
      dependencies: [{ name: 'fake', state: 'Confirmed', settleMilliseconds: world.revoker.settleTime, lock: 'NotLockable', credentials: [{ id: account.id, uid: 'uid-of-account', state: 'Confirmed', strength: 'Observed' }] }],
      versions: { offboard: '0.1.0', kubernetes: 'v1.36.3' },
    });
    const [{ run, dependencies } = { run: undefined, dependencies: [] }] = world.ledger.records;
    const times = [run?.startedAt, run?.revokeStartedAt, run?.revokedAt, dependencies[0]?.credentials[0]?.confirmedAt, dependencies[0]?.enumeratedAt, run?.completedAt];
    expect(times.every((time) => time !== undefined)).toBe(true);
    expect(times.toSorted()).toEqual(times);
  });

  it('is every credential one by one, where the status only counts them', async () => {
    for (let i = 0; i < 300; i += 1) {
      const credential = aCredential({ id: `rolebindings/ci/b${i}`, uid: `uid-${i}`, class: 'RoleBinding' });
      world.revoker.present.set(credential.id, credential);
    }
    await until('Confirmed', 60);
    expect(world.status().dependencies?.[0]?.credentials?.length).toBeLessThan(10);
    expect(world.ledger.records[0]?.dependencies[0]?.credentials).toHaveLength(301);
  });

  it('is of the form that its schema says', async () => {
    await giveUpShared();
    world.revoker.present.delete(shared.id);
    await until('Confirmed');
    expect(world.ledger.records).toHaveLength(2);
    for (const record of world.ledger.records) expect(schemas().statement(JSON.parse(canonicalJson(statementOf(record))))).toHaveProperty('value');
  });

  it('is a finalizer that somebody took off', async () => {
    for (let i = 0; i < 4; i += 1) await world.look();
    world.put({ ...world.object(), metadata: { ...world.object().metadata, finalizers: [] } });
    await until('Confirmed');
    expect(world.ledger.records[0]?.people.glassBroken).toBe(true);
  });
});
