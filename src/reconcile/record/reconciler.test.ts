import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { aRecordedCredential, aRecordedDependency, aSigningKey } from '../../../test/builders/predicate.ts';
import { aRecord, aRecordedEnd, inMemory, recordKey, recordsView } from '../../../test/builders/tombstone.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeRevoker } from '../../../test/fakes/revoker.ts';
import type { FakeRevoker } from '../../../test/fakes/revoker.ts';
import { silentLog } from '../../../test/fakes/world.ts';
import type { OffboardingRecordStatus } from '../../api/v1alpha1/index.ts';
import { canonicalJson } from '../../evidence/canonical.ts';
import { keysById, readPublicKeys } from '../../evidence/keys.ts';
import type { KubeClient } from '../../kube/client.ts';
import { errorFromStatus } from '../../kube/errors.ts';
import type { RecordedEvent } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createRegistry } from '../../revokers/registry.ts';
import type { Observation } from '../../revokers/revoker.ts';
import { retryable } from '../../runtime/outcome.ts';
import { keyOf } from '../objects.ts';
import type { OffboardingObject, OffboardingRecordObject, WorkloadIdentityObject } from '../objects.ts';
import { createRecordReconciler } from './reconciler.ts';
import type { RecordReconciler } from './reconciler.ts';

const first = '0000000001';
const second = '0000000002';
const dayMs = 86_400_000;

/** What is stored, whole. */
let stored: Map<string, OffboardingRecordObject>;
let identities: WorkloadIdentityObject[];
let runs: OffboardingObject[];
let events: RecordedEvent[];
let cluster: FakeRevoker;
let vault: FakeRevoker;
let clock: ReturnType<typeof createFakeClock>;
let keys: readonly string[];
let retention: number;
let writes: number;
let reads: number;
let deleted: string[];
let returns: number;
let warnings: string[];
let reconciler: RecordReconciler;
/** What the lock says of the name; put back by a lock. */
let lock: Observation;
let lockCalls: string[];
let cannotLock: boolean;

const signal = new AbortController().signal;
const missing = (name: string) =>
  errorFromStatus({ kind: 'Status', code: 404, reason: 'NotFound', message: 'not found', details: { name, kind: 'offboardingrecords', group: 'offboard.dev' } }, 404);

const client: Partial<KubeClient> = {
  get: async <T extends KubeObject>(...[{ plural }, { name }]: Parameters<KubeClient['get']>) => {
    await Promise.resolve();
    reads += 1;
    const found = plural === 'workloadidentities' ? identities.find(({ metadata }) => metadata.name === name) : stored.get(name);
    if (found === undefined) throw missing(name);
    return found as unknown as T;
  },
  patch: async <T extends KubeObject>(...[, { name }, { body }]: Parameters<KubeClient['patch']>) => {
    await Promise.resolve();
    const record = stored.get(name);
    if (record === undefined) throw missing(name);
    writes += 1;
    const status = (body as readonly { path: string; value: unknown }[]).find(({ path }) => path === '/status')?.value as OffboardingRecordStatus;
    const next = { ...record, metadata: { ...record.metadata, resourceVersion: String(Number(record.metadata.resourceVersion) + 1) }, status: structuredClone(status) };
    stored.set(name, next);
    return next as unknown as T;
  },
  delete: async (_, { name }, { uid } = {}) => {
    await Promise.resolve();
    expect(stored.get(name)?.metadata.uid).toBe(uid);
    stored.delete(name);
    deleted.push(name);
  },
};

const shown = (): OffboardingRecordObject[] => [...stored.values()].map(inMemory);

const start = (): void => {
  const registry = createRegistry([cluster], [{ kind: 'vault', bind: ({ vault: declared }) => (declared === undefined ? undefined : vault) }]);
  reconciler = createRecordReconciler({
    client: client as KubeClient,
    clock,
    random: () => 0.5,
    log: { ...silentLog, warn: (message) => warnings.push(message) },
    events: { record: (event) => events.push(event), flush: () => Promise.resolve() },
    registry,
    records: {
      get: (name) => recordsView(shown()).get(name),
      of: (identity) => recordsView(shown()).of(identity),
      list: () => shown(),
      head: () => recordsView(shown()).head(),
    },
    runsFor: (identity) => runs.filter(({ status }) => status?.identity === identity),
    between: (work) => work(),
    claimants: (name) => identities.filter(({ spec }) => spec.supersedes?.record === name),
    publicKeys: () => Promise.resolve(keysById(keys.flatMap(readPublicKeys))),
    releasing: new Set(),
    keep: () => undefined,
    get retention() {
      return retention;
    },
    onReturned: () => {
      returns += 1;
    },
  });
};

const put = (...records: readonly OffboardingRecordObject[]): void => {
  for (const record of records) stored.set(record.metadata.name, record);
};
const look = (name = first) => reconciler.reconcile(`/${name}`, signal);
const status = (name = first): OffboardingRecordStatus => stored.get(name)?.status ?? {};
const condition = (type: 'Intact' | 'Resurrected', name = first) => status(name).conditions?.find((each) => each.type === type);
const told = (): readonly string[] => events.map(({ reason }) => reason);
const link = (name: string) => ({ name, digest: stored.get(name)?.spec.digest ?? '' });
/** A later end of the same identity. */
const later = (name: string, outcome: 'Confirmed' | 'Cancelled' = 'Confirmed') =>
  aRecord(name, { record: { name, cluster: 'c', previous: link(first) }, outcome, run: { ...aRecordedEnd(name).run, uid: `run-of-${name}` } });

beforeEach(() => {
  clock = createFakeClock();
  lock = { state: 'Present', method: 'fake' };
  lockCalls = [];
  cannotLock = false;
  cluster = createFakeRevoker({
    name: 'kubernetes',
    lock: {
      kind: 'Lockable',
      stays: true,
      lock: () => {
        lockCalls.push('lock');
        if (cannotLock) return Promise.reject(retryable('Down', 'down'));
        lock = { state: 'Present', method: 'fake' };
        return Promise.resolve();
      },
      unlock: () => {
        lockCalls.push('unlock');
        return Promise.resolve();
      },
      observeLock: () => Promise.resolve(lock),
    },
  });
  vault = createFakeRevoker({ name: 'vault', kind: 'vault' });
  stored = new Map();
  identities = [];
  runs = [];
  events = [];
  keys = [recordKey.publicKeyPem];
  retention = 0;
  [writes, reads, returns] = [0, 0, 0];
  deleted = [];
  warnings = [];
  put(aRecord(first));
  start();
});

describe('a record that nothing came back of', () => {
  it('says so once, with what was looked at, and is left alone', async () => {
    expect(await look()).toEqual({ kind: 'done' });
    expect(condition('Intact')).toMatchObject({ status: 'True', reason: 'AsSigned', observedGeneration: 1 });
    expect(condition('Resurrected')).toMatchObject({ status: 'False', reason: 'NotReturned' });
    await look();
    expect([writes, reads, events.length]).toEqual([1, 1, 0]);
  });

  it('waits for its own run to say that it has ended, and is written once', async () => {
    const run = anOffboarding({ metadata: { uid: 'uid-of-retire' }, status: { identity: 'ci/agent', startedAt: '2026-11-23T10:00:00Z' } });
    runs = [run];
    expect(await look()).toEqual({ kind: 'again', after: 60_000 });
    expect([writes, reads]).toEqual([0, 0]);
    runs = [{ ...run, status: { ...run.status, completedAt: '2026-11-23T10:00:21Z' } }];
    await look();
    expect(condition('Intact')?.message).toContain('the lock on the name stands');
    expect(writes).toBe(1);
  });

  it('is believed by a new process, which reads nothing', async () => {
    await look();
    start();
    reads = 0;
    await look();
    expect([writes, reads]).toEqual([1, 0]);
  });

  it('has its signature looked at again when the sweep comes by', async () => {
    await look();
    keys = [aSigningKey().publicKeyPem];
    reconciler.makeDue(inMemory(stored.get(first) ?? aRecord(first)));
    await look();
    expect(condition('Intact')).toMatchObject({ status: 'False', reason: 'RecordChanged' });
    expect(told()).toEqual(['RecordChanged']);
    keys = [recordKey.publicKeyPem];
    await clock.advance(300_000);
    await look();
    expect(condition('Intact')).toMatchObject({ status: 'True' });
  });

  it('waits in a line where a backup brought thousands back without their status', async () => {
    for (let place = 2; place <= 40; place += 1) put(aRecord(String(place).padStart(10, '0'), { record: { name: String(place).padStart(10, '0'), cluster: 'c', previous: link(String(place - 1).padStart(10, '0')) } }));
    const results = await Promise.all([...stored.keys()].map((name) => look(name)));
    expect(reads).toBeLessThan(3);
    expect(results.filter(({ kind }) => kind === 'again').length).toBeGreaterThan(35);
    expect(writes).toBeLessThan(3);
  });
});

describe('a record that is not as it was signed', () => {
  it.each<readonly [string, OffboardingRecordObject]>([
    ['its payload', aRecord(first, {}, { spec: { digest: `sha256:${'0'.repeat(64)}` } })],
    ['what it is found by', aRecord(first, {}, { spec: { completedAt: '2020-01-01T00:00:00Z' } })],
    ['its key', aRecord(first, {}, { key: aSigningKey() })],
    ['its outcome', aRecord(first, {}, { spec: { outcome: 'ConfirmedWithUnprovable' } })],
  ])('by %s says so', async (_, record) => {
    put(record);
    await look();
    expect(condition('Intact')).toMatchObject({ status: 'False', reason: 'RecordChanged' });
    expect(told()).toEqual(['RecordChanged']);
  });

  it('by its place in the chain says so', async () => {
    put(aRecord(second, { record: { name: second, cluster: 'c', previous: { name: first, digest: `sha256:${'1'.repeat(64)}` } } }));
    await look(second);
    expect(condition('Intact', second)?.message).toContain('is not the digest of OffboardingRecord "0000000001"');
  });

  it('is looked at at once when it changes under our eyes, whatever its status says', async () => {
    await look();
    const forged = aRecord(first, { outcome: 'ConfirmedWithUnprovable' }, { key: aSigningKey(), status: status() });
    put(forged);
    expect(await look(), 'its turn comes within a moment').toEqual({ kind: 'again', after: 20 });
    await clock.advance(20);
    await look();
    expect(condition('Intact')).toMatchObject({ status: 'False', reason: 'RecordChanged' });
  });
});

describe('what comes back', () => {
  const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-another', class: 'ServiceAccount', end: { by: 'Person', reason: 'IdentityRecreated', message: 'x' } });

  const withVault = { identity: { ...aRecordedEnd(first).identity, dependencies: [{ name: 'vault', declared: canonicalJson({ name: 'vault', vault: { connectorRef: { name: 'main' }, roles: ['ci-agent'] } }) }] } };

  it('is believed after a fresh look, named, told and counted; nothing is revoked', async () => {
    await look();
    cluster.present.set(account.id, account);
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'True', reason: 'Returned' });
    expect(condition('Resurrected')?.message).toContain('serviceaccounts/ci/agent');
    expect(status().returned).toEqual([{ dependency: 'kubernetes', id: account.id, class: 'ServiceAccount', seenAt: clock.now().toISOString() }]);
    expect([told(), returns]).toEqual([['Resurrected'], 1]);
    expect(cluster.calls.some((call) => call.startsWith('revoke'))).toBe(false);
    expect(cluster.calls.at(-1)).toBe('inventory Fresh');
  });

  it('is not told twice, and costs no fresh look while it stays', async () => {
    cluster.present.set(account.id, account);
    await look();
    cluster.calls.length = 0;
    await look();
    expect(cluster.calls).toEqual(['inventory Cached']);
    expect([told(), writes]).toEqual([['Resurrected'], 1]);
  });

  it('stays on the list when it is gone again', async () => {
    cluster.present.set(account.id, account);
    await look();
    cluster.present.clear();
    await clock.advance(1_000);
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'False', reason: 'GoneAgain' });
    expect(status().returned).toMatchObject([{ id: account.id, goneAt: clock.now().toISOString() }]);
    expect(told()).toEqual(['Resurrected', 'GoneAgain']);
    cluster.present.set(account.id, account);
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'True' });
    expect([status().returned?.length, status().returned?.[0]?.goneAt, returns]).toEqual([1, undefined, 2]);
  });

  it.each(['CompletedWithWaivers', 'Abandoned'] as const)('is nothing that was left by a run that is %s', async (outcome) => {
    const left = aRecordedCredential({ id: 'rolebindings/ci/left', class: 'RoleBinding', state: 'Present', strength: 'Waived' });
    put(aRecord(first, { outcome, dependencies: [aRecordedDependency({ name: 'kubernetes', state: 'Waived', credentials: [left] })] }));
    cluster.present.set(left.id, aCredential({ id: left.id, class: 'RoleBinding' }));
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'False', reason: 'NotReturned' });
    cluster.present.set('new', aCredential({ id: 'rolebindings/ci/new', class: 'RoleBinding' }));
    await look();
    expect(status().returned).toMatchObject([{ id: 'rolebindings/ci/new' }]);
  });

  it('is not gone again because nobody can read what waivers had left', async () => {
    put(aRecord(first, { outcome: 'CompletedWithWaivers' }));
    cluster.present.set(account.id, account);
    await look();
    keys = [];
    cluster.present.clear();
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'True', reason: 'Returned' });
    expect(status().returned).toMatchObject([{ id: account.id }]);
    expect(status().returned?.[0]).not.toHaveProperty('goneAt');
  });

  it('cannot be told from what was there where nobody had looked when it was given up', async () => {
    put(aRecord(first, { outcome: 'CompletedWithWaivers', dependencies: [aRecordedDependency({ name: 'vault', state: 'Waived' })] }));
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'Unknown', reason: 'NotLookedAt' });
    expect(condition('Resurrected')?.message).toMatch(/^kubernetes: nobody had looked at it when it was given up/);
  });

  it('is not said to be nowhere while one that it may be in does not answer', async () => {
    put(aRecord(first, withVault));
    await look();
    expect(condition('Resurrected'), 'its turn has not come').toMatchObject({ status: 'False', reason: 'NotReturned' });
    vault.failures.inventory = retryable('Down', 'connection refused');
    await clock.advance(1_800_000);
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'Unknown', reason: 'NotLookedAt', message: 'vault: connection refused' });
    await look();
    expect(condition('Resurrected'), 'nor until it has').toMatchObject({ status: 'Unknown', reason: 'NotLookedAt', message: 'vault: connection refused' });
    delete vault.failures.inventory;
    await clock.advance(4_000_000);
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'False', reason: 'NotReturned' });
  });

  it('is looked for elsewhere by the hour, by what is signed, and not when a process starts', async () => {
    put(aRecord(first, withVault));
    vault.present.set('token', aCredential({ id: 'token', class: 'Token' }));
    const result = await look();
    expect(vault.calls).toEqual([]);
    expect(result).toMatchObject({ kind: 'again', after: 1_800_000 });
    await clock.advance(1_800_000);
    await look();
    expect(status().returned).toMatchObject([{ dependency: 'vault', id: 'token' }]);
    vault.failures.inventory = retryable('Down', 'down');
    await clock.advance(3_600_000);
    await look();
    expect(condition('Resurrected'), 'one that does not answer takes nothing back').toMatchObject({ status: 'True' });
  });
});

describe('a lock that is lost', () => {
  const lost: Observation = { state: 'Absent', method: 'fake', message: 'the entry is gone' };

  it('is told, shown and put back', async () => {
    await look();
    await clock.advance(5_000);
    lock = lost;
    await look();
    expect(lockCalls).toEqual(['lock']);
    expect(told()).toEqual(['LockLost']);
    expect(events[0]?.note).toContain('the entry is gone');
    expect(condition('Intact')).toMatchObject({ status: 'True', reason: 'AsSigned' });
    expect(condition('Intact')?.lastTransitionTime, 'it can be seen afterwards').toBe('2026-11-23T10:00:05Z');
    expect(writes).toBe(3);
  });

  it('stays told while it cannot be put back, and is tried again', async () => {
    await look();
    lock = lost;
    cannotLock = true;
    expect(await look()).toEqual({ kind: 'again', after: 60_000 });
    await look();
    expect(condition('Intact')).toMatchObject({ status: 'False', reason: 'LockLost' });
    expect(told()).toEqual(['LockLost']);
  });

  it('that the record was never seen to have is just put there', async () => {
    lock = lost;
    await look();
    expect([lockCalls, told()]).toEqual([['lock'], []]);
    expect(condition('Intact')).toMatchObject({ status: 'True' });
  });

  it('is left to a run that has the name in hand', async () => {
    await look();
    lock = lost;
    runs = [anOffboarding({ status: { identity: 'ci/agent', startedAt: '2026-11-23T11:00:00Z' } })];
    await look();
    expect([lockCalls, told()]).toEqual([[], []]);
  });

  it('is not made out of an answer that never came', async () => {
    await look();
    lock = { state: 'Unknown', method: 'none', message: 'down' };
    expect(await look()).toEqual({ kind: 'again', after: 60_000 });
    expect([lockCalls, told(), writes]).toEqual([[], [], 1]);
  });
});

describe('a record that does not stand for its name', () => {
  it('watches nothing when a later one is of the same name, whatever comes back', async () => {
    put(later(second));
    cluster.present.set('a', aCredential());
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'False', reason: 'NewerRecord' });
    await look(second);
    expect(condition('Resurrected', second)).toMatchObject({ status: 'True' });
  });

  it('watches nothing when its run was cancelled, and takes nothing from the one before', async () => {
    put(later(second, 'Cancelled'));
    cluster.present.set('a', aCredential());
    await look(second);
    expect(condition('Resurrected', second)).toMatchObject({ status: 'False', reason: 'NothingRetired' });
    await look();
    expect(condition('Resurrected')).toMatchObject({ status: 'True' });
  });
});

describe('a WorkloadIdentity that supersedes a record', () => {
  const claimant = (change: Partial<WorkloadIdentityObject['spec']> = {}, metadata: Partial<KubeObject['metadata']> = {}) =>
    anIdentity({ metadata: { uid: 'uid-of-new', ...metadata }, spec: { supersedes: { record: first, requestedBy: { username: 'alice' } }, ...change } });

  it('has the lock taken off, which the record says, with who asked, on both', async () => {
    identities = [claimant()];
    cluster.present.set('a', aCredential());
    await look();
    expect(lockCalls).toEqual(['unlock']);
    expect(status().supersededBy).toEqual({ namespace: 'ci', name: 'agent', uid: 'uid-of-new', requestedBy: 'alice', at: clock.now().toISOString() });
    expect(condition('Resurrected')).toMatchObject({ status: 'False', reason: 'SupersededByIdentity' });
    expect(condition('Intact')).toMatchObject({ status: 'True', reason: 'SupersededByIdentity' });
    expect(events.map(({ regarding, reason }) => [regarding.kind, reason])).toEqual([['OffboardingRecord', 'Superseded'], ['WorkloadIdentity', 'Superseded']]);
    await look();
    expect([lockCalls, writes]).toEqual([['unlock'], 1]);
  });

  it.each([
    ['of another name', claimant({ serviceAccount: { name: 'other' } })],
    ['of another namespace', claimant({}, { namespace: 'cd' })],
    ['that is being deleted', claimant({}, { deletionTimestamp: '2026-11-23T10:00:00Z' })],
  ])('%s releases nothing', async (_, identity) => {
    identities = [identity];
    await look();
    expect([lockCalls, status().supersededBy]).toEqual([[], undefined]);
  });

  it('may be the one that was retired, where it says so since', async () => {
    const { serviceAccount, probe } = aRecordedEnd(first).identity;
    put(aRecord(first, { identity: { serviceAccount, probe, workloadIdentity: { namespace: 'ci', name: 'agent', uid: 'uid-of-new', generation: 1 } } }));
    identities = [claimant({}, { generation: 2 })];
    await look();
    expect(status().supersededBy).toMatchObject({ uid: 'uid-of-new' });
  });

  it('cannot take back its own end before that has come', async () => {
    const { serviceAccount, probe } = aRecordedEnd(first).identity;
    put(aRecord(first, { identity: { serviceAccount, probe, workloadIdentity: { namespace: 'ci', name: 'agent', uid: 'uid-of-new', generation: 1 } } }));
    identities = [claimant()];
    await look();
    expect([lockCalls, status().supersededBy]).toEqual([[], undefined]);
  });

  it('releases nothing while nobody can tell that the record is what was signed', async () => {
    keys = [];
    identities = [claimant()];
    await look();
    expect([lockCalls, status().supersededBy]).toEqual([[], undefined]);
  });

  it('waits for a run of the same name', async () => {
    identities = [claimant()];
    runs = [anOffboarding({ status: { identity: 'ci/agent', startedAt: '2026-11-23T11:00:00Z' } })];
    await look();
    expect(status().supersededBy).toBeUndefined();
    runs = [];
    await look();
    expect(status().supersededBy).toMatchObject({ uid: 'uid-of-new' });
  });

  it('does not release an end that is not the last', async () => {
    put(later(second));
    identities = [claimant()];
    await look();
    expect([lockCalls, status().supersededBy]).toEqual([[], undefined]);
  });
});

describe('the retention', () => {
  const other = (name: string, previous: string) =>
    aRecord(name, { record: { name, cluster: 'c', previous: link(previous) }, identity: { serviceAccount: { namespace: 'ci', name: `agent-${name}` }, probe: false } });
  const third = '0000000003';

  const tidy = async (): Promise<void> => {
    const looks: Promise<unknown>[] = [];
    await reconciler.tidy((key) => looks.push(reconciler.reconcile(key, signal)), signal);
    await Promise.all(looks);
  };

  beforeEach(() => {
    put(other(second, first));
    put(other(third, second));
    retention = 30 * dayMs;
  });

  it('deletes what is past it, the oldest first, never the last, each with its lock', async () => {
    await clock.advance(31 * dayMs);
    await tidy();
    expect([deleted, lockCalls]).toEqual([[first, second], ['unlock', 'unlock']]);
  });

  it('is no cause to tell of what it deleted, as of what somebody else did', async () => {
    await look();
    await look(second);
    await clock.advance(31 * dayMs);
    reconciler.makeDue(inMemory(stored.get(second) ?? aRecord(second)));
    stored.delete(second);
    await look(second);
    await look(second);
    expect(warnings).toEqual(['A record was deleted, and not since it was past its time']);
    await tidy();
    await look();
    expect([deleted, warnings.length]).toEqual([[first], 1]);
  });

  it('deletes nothing before, and nothing where there is none', async () => {
    await tidy();
    retention = 0;
    await clock.advance(365 * dayMs);
    await tidy();
    expect(deleted).toEqual([]);
  });

  it('leaves what is back, and all after it, so that no gap is left in the chain', async () => {
    cluster.present.set('a', aCredential());
    await look();
    cluster.present.clear();
    await clock.advance(31 * dayMs);
    await tidy();
    expect(deleted).toEqual([]);
  });

  it('takes chunks that no record names, an hour later', async () => {
    const chunk = { ...aRecord(first), metadata: { ...aRecord(first).metadata, name: 'chunk-1', uid: 'uid-of-chunk' }, spec: { chunk: { credentials: 'W10=' } } };
    put(chunk);
    retention = 0;
    await tidy();
    expect(deleted).toEqual([]);
    await clock.advance(3_700_000);
    await tidy();
    expect(deleted).toEqual(['chunk-1']);
    expect(keyOf(chunk)).toBe('/chunk-1');
  });
});
