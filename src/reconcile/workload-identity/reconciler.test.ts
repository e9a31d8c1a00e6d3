import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { aWaiver, anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { aRecord, aRecordedEnd, inMemory, recordsView } from '../../../test/builders/tombstone.ts';
import { kstatusViolations } from '../../../test/env/kstatus.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeRevoker } from '../../../test/fakes/revoker.ts';
import { silentLog } from '../../../test/fakes/world.ts';
import type { WorkloadIdentityStatus } from '../../api/v1alpha1/index.ts';
import { workloadIdentityFinalizer } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { RecordedEvent } from '../../kube/events.ts';
import { errorFromStatus } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { createRegistry } from '../../revokers/registry.ts';
import type { DependencyKind } from '../../revokers/revoker.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { OffboardingObject, OffboardingRecordObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../objects.ts';
import { createWorkloadIdentityReconciler } from './reconciler.ts';

let identity: WorkloadIdentityObject;
let created: OffboardingObject[];
let runs: OffboardingObject[];
let waivers: OffboardingWaiverObject[];
let records: OffboardingRecordObject[];
let events: RecordedEvent[];
let accountUid: string | undefined;
let terminating: boolean;
/** The API server knows of it no more, whatever the watch still shows. */
let gone: boolean;
let revoker: ReturnType<typeof createFakeRevoker>;
let kinds: readonly DependencyKind[];
let clock: ReturnType<typeof createFakeClock>;

const status = (): WorkloadIdentityStatus => identity.status ?? {};
const condition = (type: string) => status().conditions?.find((each) => each.type === type);

const client: Partial<KubeClient> = {
  get: async <T extends KubeObject>(...[{ plural }, { name }]: Parameters<KubeClient['get']>) => {
    await Promise.resolve();
    if (gone) throw errorFromStatus({ kind: 'Status', code: 404, reason: 'NotFound', message: 'not found', details: { name, kind: plural, group: 'offboard.dev' } }, 404);
    return identity as unknown as T;
  },
  create: async <T extends KubeObject>(...[, namespace, body]: Parameters<KubeClient['create']>) => {
    await Promise.resolve();
    if (terminating && namespace === 'ci') throw errorFromStatus({ kind: 'Status', code: 403, reason: 'Forbidden', message: 'terminating', details: { causes: [{ reason: 'NamespaceTerminating' }] } }, 403);
    const object = body as OffboardingObject;
    if (created.some(({ metadata }) => metadata.name === object.metadata.name)) throw errorFromStatus({ kind: 'Status', code: 409, reason: 'AlreadyExists', message: 'exists' }, 409);
    created.push(object);
    return object as unknown as T;
  },
  patch: async <T extends KubeObject>(...[, , patch]: Parameters<KubeClient['patch']>) => {
    await Promise.resolve();
    for (const { op, path, value } of patch.body as readonly { op: string; path: string; value?: unknown }[]) {
      if (path === '/status') identity = { ...identity, status: value as WorkloadIdentityStatus };
      if (path.startsWith('/metadata/finalizers')) {
        const finalizers = op === 'remove' ? [] : path.endsWith('/-') ? [...(identity.metadata.finalizers ?? []), String(value)] : (value as string[]);
        identity = { ...identity, metadata: { ...identity.metadata, finalizers } };
      }
    }
    if (patch.subresource === 'status') expect(kstatusViolations(identity)).toEqual([]);
    return identity as unknown as T;
  },
};

const look = () =>
  createWorkloadIdentityReconciler({
    client: client as KubeClient,
    clock,
    events: { record: (event) => events.push(event), flush: () => Promise.resolve() },
    registry: createRegistry([revoker], kinds),
    operatorNamespace: 'offboard-system',
    read: () => identity,
    serviceAccountUid: () => accountUid,
    runsFor: () => runs,
    records: recordsView(records),
    waiversFor: () => waivers,
    log: silentLog,
    keep: (kept) => {
      identity = kept;
    },
  })('ci/agent', new AbortController().signal);

const aRun = (change: { readonly completedAt?: string; readonly ready?: 'True' | 'False'; readonly reason?: string }): OffboardingObject =>
  anOffboarding({
    status: {
      identity: 'ci/agent',
      target: { workloadIdentity: { namespace: 'ci', name: 'agent', uid: identity.metadata.uid, generation: 1 }, serviceAccount: { namespace: 'ci', name: 'agent' } },
      ...(change.completedAt === undefined ? {} : { completedAt: change.completedAt }),
      conditions: [{ type: 'Ready', status: change.ready ?? 'False', reason: change.reason ?? 'X', message: 'x', observedGeneration: 1, lastTransitionTime: '2026-11-23T10:00:00Z' }],
    },
  });

beforeEach(() => {
  clock = createFakeClock();
  revoker = createFakeRevoker();
  kinds = [];
  revoker.present.set('a', aCredential());
  identity = anIdentity({ status: {} });
  created = [];
  waivers = [];
  records = [];
  events = [];
  runs = [];
  accountUid = 'uid-of-account';
  terminating = false;
  gone = false;
});

describe('a WorkloadIdentity whose name was retired', () => {
  const later = { ...aRecordedEnd('0000000002').run, uid: 'uid-of-later' };

  beforeEach(() => {
    accountUid = undefined;
    records = [inMemory(aRecord('0000000001')), inMemory(aRecord('0000000002', { run: later }))];
  });

  it('is told by which record, and what to do', async () => {
    await look();
    expect(condition('Stalled')).toMatchObject({ reason: 'NameRetired' });
    expect(condition('Ready')?.message).toContain('set spec.supersedes.record to "0000000002"');
  });

  it.each([
    ['0000000001', 'is not the last end of this name; the last end of this name is OffboardingRecord "0000000002"'],
    ['0000000009', 'there is no OffboardingRecord "0000000009"'],
  ])('is told when it names another record than the last one: %s', async (record, message) => {
    identity = anIdentity({ spec: { supersedes: { record } }, status: {} });
    await look();
    expect(condition('Stalled')).toMatchObject({ reason: 'RecordMismatch' });
    expect(condition('Ready')?.message).toContain(message);
  });

  it('is told when the record is of another identity', async () => {
    records = [...records, inMemory(aRecord('0000000003', { identity: { serviceAccount: { namespace: 'ci', name: 'other' }, probe: false } }))];
    identity = anIdentity({ spec: { supersedes: { record: '0000000003' } }, status: {} });
    await look();
    expect(condition('Ready')?.message).toContain('is of ServiceAccount "other" in namespace "ci"');
  });

  it('waits for the lock to come off, and is as any other from then on', async () => {
    identity = anIdentity({ spec: { supersedes: { record: '0000000002' } }, status: {} });
    await look();
    expect(condition('Reconciling')).toMatchObject({ reason: 'Superseding' });
    const [first, last] = records;
    records = [first, last && { ...last, status: { supersededBy: { namespace: 'ci', name: 'agent', uid: identity.metadata.uid } } }].filter((each) => each !== undefined);
    accountUid = 'uid-of-new-account';
    await look();
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'InventoryComplete' });
  });

  it('may have had it by a record that is gone by its retention', async () => {
    records = [inMemory(aRecord('0000000004', { identity: { serviceAccount: { namespace: 'ci', name: 'other' }, probe: false } }))];
    accountUid = 'uid-of-new-account';
    identity = anIdentity({ spec: { supersedes: { record: '0000000003' } }, status: {} });
    await look();
    expect(condition('Ready')).toMatchObject({ status: 'True' });
  });
});

describe('a WorkloadIdentity that lives', () => {
  it('is held, knows its account by UID, and counts what was found', async () => {
    await look();
    expect(identity.metadata.finalizers).toEqual([workloadIdentityFinalizer]);
    expect(status()).toMatchObject({
      lifecycleState: 'Active',
      serviceAccountUID: 'uid-of-account',
      dependencies: [{ name: 'fake', credentials: 1, provable: true }],
    });
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'InventoryComplete' });
  });

  it('keeps the UID that it saw when the account is gone', async () => {
    await look();
    accountUid = undefined;
    await look();
    expect(status().serviceAccountUID).toBe('uid-of-account');
    expect(condition('Reconciling')?.reason).toBe('ServiceAccountMissing');
  });

  it('names what cannot be listed and what is not permitted', async () => {
    revoker.findings = [{ type: 'NotEnumerated', message: 'Secrets are not listed' }];
    revoker.missing = [{ permission: 'delete rolebindings', message: 'delete rolebindings in "ci"' }];
    await look();
    expect(condition('Inventoried')).toMatchObject({ status: 'False' });
    expect(condition('Inventoried')?.message).toMatch(/Secrets are not listed; delete rolebindings/);
    expect(status().dependencies?.[0]).toMatchObject({ provable: false, missingPermissions: ['delete rolebindings'] });
  });

  it('is inventoried whole where others use a part of it as well', async () => {
    revoker.findings = [{ type: 'Shared', message: 'the account is also that of team B' }];
    await look();
    expect(condition('Inventoried')?.status).toBe('True');
    expect(status().dependencies).toMatchObject([{ provable: true }]);
  });

  it('is not inventoried when it depends on what this version does not know', async () => {
    identity = anIdentity({ spec: { dependencies: [{ name: 'vault' }] }, status: {} });
    await look();
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
    expect(condition('Inventoried')?.status).toBe('False');
    expect(condition('Stalled')?.message).toContain('"vault"');
  });

  it('stalls when the account is not the one that is pinned', async () => {
    identity = anIdentity({ spec: { serviceAccount: { name: 'agent', uid: 'pinned' } }, status: {} });
    await look();
    expect(condition('Stalled')?.reason).toBe('UIDMismatch');
  });

  it('says that it does not know when it could not look', async () => {
    revoker.failures.inventory = retryable('Timeout', 'no answer');
    await look();
    expect(condition('Inventoried')?.status).toBe('Unknown');
    expect(condition('Ready')?.status).toBe('False');
  });

  it('is not held when its deletion means nothing', async () => {
    identity = anIdentity({ metadata: { finalizers: [workloadIdentityFinalizer, 'other/one'] }, spec: { lifecycle: { onDelete: 'Orphan' } } });
    await look();
    expect(identity.metadata.finalizers).toEqual(['other/one']);
  });

  it('wakes up when it begins to expire, and when it has', async () => {
    identity = anIdentity({ spec: { lifecycle: { expiresAt: '2026-11-25T10:00:00Z' } } });
    expect(await look()).toEqual({ kind: 'again', after: 24 * 3_600_000 });
    await clock.advance(24 * 3_600_000);
    expect(await look()).toEqual({ kind: 'again', after: 24 * 3_600_000 });
    expect(status().lifecycleState).toBe('Expiring');
    await clock.advance(24 * 3_600_000);
    await look();
    expect(created.map(({ spec }) => spec)).toMatchObject([{ reason: 'Expired', mode: 'Enforce', workloadIdentityRef: { name: 'agent' } }]);
    await look();
    expect(created).toHaveLength(1);
  });

  it('shows who retires it, and when it is retired', async () => {
    runs = [aRun({})];
    await look();
    expect(status()).toMatchObject({ lifecycleState: 'Offboarding', offboardingRef: { namespace: 'ci', name: 'retire' } });
    runs = [aRun({ completedAt: '2026-11-23T10:01:00Z', ready: 'True' })];
    accountUid = undefined;
    await look();
    expect(status().lifecycleState).toBe('Retired');
    expect(condition('Ready')?.status).toBe('True');
  });
});

describe('a WorkloadIdentity that is deleted', () => {
  beforeEach(() => {
    identity = anIdentity({ metadata: { finalizers: [workloadIdentityFinalizer], deletionTimestamp: '2026-11-23T10:00:30Z' } });
  });

  it('asks for its end, once', async () => {
    await look();
    await look();
    expect(created.map(({ metadata }) => metadata)).toMatchObject([{ namespace: 'ci', name: `agent-${identity.metadata.uid}` }]);
    expect(identity.metadata.finalizers).toEqual([workloadIdentityFinalizer]);
  });

  it('asks for nothing when it was let go already and only the watch still shows it', async () => {
    gone = true;
    await look();
    expect(created).toEqual([]);
  });

  it('with a long name full of dots is retired under a name that the API server takes', async () => {
    for (const dot of [210, 211, 212, 213, 214, 215, 216]) {
      const name = `${'a'.repeat(dot)}.${'b'.repeat(252 - dot)}`;
      identity = anIdentity({ metadata: { name, uid: '5f0c2d8e-97b1-4c56-9d1e-0a1b2c3d4e5f', deletionTimestamp: '2026-11-23T10:00:00Z', finalizers: [workloadIdentityFinalizer] } });
      await look();
      expect(created.at(-1)?.metadata.name).toMatch(/^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    }
  });

  it('asks from the operator\'s own namespace when its own is going', async () => {
    terminating = true;
    await look();
    expect(created).toMatchObject([{ metadata: { namespace: 'offboard-system' }, spec: { workloadIdentityRef: { name: 'agent', namespace: 'ci' } } }]);
  });

  it('that is still held after it was let go, as something in between said, is let go again', async () => {
    runs = [aRun({})];
    await look();
    const held = identity;
    runs = [aRun({ completedAt: '2026-11-23T10:01:00Z', ready: 'True' })];
    expect(await look()).toEqual({ kind: 'again', after: 30_000 });
    identity = held;
    await look();
    expect(identity.metadata.finalizers).toEqual([]);
    expect(await look()).toEqual({ kind: 'done' });
  });

  it('is held while a run is under way, and says which', async () => {
    runs = [aRun({})];
    await look();
    expect(created).toEqual([]);
    expect(identity.metadata.finalizers).toEqual([workloadIdentityFinalizer]);
    expect(condition('Reconciling')?.message).toContain('"retire"');
  });

  it.each([
    ['that confirms the end lets it go', { completedAt: '2026-11-23T10:00:45Z', ready: 'True' as const }, []],
    ['that confirms the end by a clock that is behind lets it go', { completedAt: '2026-11-23T09:00:45Z', ready: 'True' as const }, []],
    ['that ends otherwise does not', { completedAt: '2026-11-23T10:00:45Z' }, [workloadIdentityFinalizer]],
  ])('a run that it waits for and %s', async (_, change, finalizers) => {
    runs = [aRun({})];
    await look();
    runs = [aRun(change)];
    await look();
    expect(identity.metadata.finalizers).toEqual(finalizers);
  });

  it('is not let go by a run that ended before that, though by a clock that is ahead', async () => {
    runs = [aRun({ completedAt: '2026-11-23T11:00:15Z', ready: 'True' })];
    await look();
    expect(identity.metadata.finalizers).toEqual([workloadIdentityFinalizer]);
  });

  it('is let go by a run that a waiver completed while that is in force, and not a moment longer', async () => {
    const dependencies = [{ name: 'fake', state: 'Waived' as const }];
    runs = [aRun({})];
    await look();
    const run = aRun({ completedAt: '2026-11-23T10:00:45Z', ready: 'True', reason: 'CompletedWithWaivers' });
    runs = [{ ...run, spec: { ...run.spec, requestedBy: { username: 'alice' } }, status: { ...run.status, dependencies } }];
    await look();
    expect(identity.metadata.finalizers, 'no waiver at all').toEqual([workloadIdentityFinalizer]);
    waivers = [aWaiver()];
    await clock.advance(Date.parse('2026-11-23T10:30:00Z') - clock.now().getTime());
    await look();
    expect(identity.metadata.finalizers, 'the waiver has just expired').toEqual([workloadIdentityFinalizer]);
    expect(created, 'the run that reopens is the one to wait for').toEqual([]);
    waivers = [aWaiver({ spec: { expiresAt: '2026-11-23T10:30:00.001Z' } })];
    await look();
    expect(identity.metadata.finalizers, 'the waiver is in force').toEqual([]);
  });

  it('goes at once when its deletion means nothing', async () => {
    identity = { ...identity, spec: { ...identity.spec, lifecycle: { onDelete: 'Orphan' } } };
    await look();
    expect([identity.metadata.finalizers, created]).toEqual([[], []]);
  });
});

describe('a WorkloadIdentity whose finalizer somebody took off', () => {
  const broken = () => condition('GlassBroken');

  beforeEach(async () => {
    identity = anIdentity({ status: {} });
    await look();
    expect(broken()).toBeUndefined();
    identity = { ...identity, metadata: { ...identity.metadata, finalizers: [] } };
    await look();
  });

  it('says so, once, and is not held again behind their back', async () => {
    expect(broken()).toMatchObject({ status: 'True', reason: 'FinalizerRemoved' });
    await look();
    expect(identity.metadata.finalizers).toEqual([]);
    expect(events.map(({ reason }) => reason)).toEqual(['GlassBroken']);
  });

  it('is held again when somebody puts it back', async () => {
    identity = { ...identity, metadata: { ...identity.metadata, finalizers: [workloadIdentityFinalizer] } };
    await look();
    expect(broken()).toBeUndefined();
  });
});

describe('a WorkloadIdentity that depends on more than the cluster', () => {
  const connected = (connector = 'prod', ...prefixes: readonly string[]) => ({
    connectorRef: { name: connector },
    ...(prefixes.length === 0 ? {} : { leases: prefixes.map((prefix) => ({ prefix })) }),
  });
  const declare = (...dependencies: NonNullable<WorkloadIdentityObject['spec']['dependencies']>): void => {
    identity = { ...identity, metadata: { ...identity.metadata, generation: (identity.metadata.generation ?? 0) + 1 }, spec: { ...identity.spec, dependencies } };
  };
  const lease = (prefix: string) => aCredential({ id: `${prefix}/1`, uid: 'here', class: 'Lease' });
  const login = aCredential({ id: 'login', uid: 'here', class: 'Login' });
  const named = (name: string) => status().dependencies?.find((each) => each.name === name);
  /** What the server holds, by the path that it is listed under; logins are found whatever is declared. */
  let held: Map<string, ReturnType<typeof lease>[]>;
  let failure: Error | undefined;

  beforeEach(() => {
    held = new Map([['a', [lease('a')]], ['b', [lease('b')]]]);
    failure = undefined;
    kinds = [
      {
        kind: 'vault',
        bind: ({ name, vault }) => {
          if (vault === undefined) return undefined;
          const fake = createFakeRevoker({ name, kind: 'vault' });
          if (failure !== undefined) fake.failures.inventory = failure;
          const leases = (vault.leases ?? []).flatMap(({ prefix }) => held.get(prefix) ?? []);
          for (const credential of [login, ...leases]) fake.present.set(credential.id, credential);
          return fake;
        },
      },
    ];
  });

  it('shows the figures of each, keeps a copy of what is declared, and looks again by itself', async () => {
    declare({ name: 'vault', after: ['fake'], vault: connected('prod', 'a') });
    expect(await look()).toEqual({ kind: 'again', after: 900_000 });
    expect(status().dependencies).toEqual([
      { name: 'fake', credentials: 1, provable: true },
      { name: 'vault', credentials: 2, provable: true, declared: true, after: ['fake'], vault: connected('prod', 'a') },
    ]);
    expect(condition('Ready')?.status).toBe('True');
  });

  it.each([
    ['Unknown', retryable('Unavailable', 'connection refused'), 'Reconciling'],
    ['False', needsPerson('NotGranted', 'no connector grants this'), 'Stalled'],
  ] as const)('is inventoried %s, by name, when one cannot be asked, and shows what the others hold', async (expected, error, kstatus) => {
    declare({ name: 'vault', vault: connected('prod', 'a') });
    await look();
    failure = error;
    revoker.present.set('b', aCredential({ id: 'b' }));
    expect(await look()).toEqual({ kind: 'again', after: 240_000 });
    expect(condition('Inventoried')).toMatchObject({ status: expected, message: `vault: ${error.message}` });
    expect(condition(kstatus)?.message).toBe(`vault: ${error.message}`);
    expect(condition('Ready')?.status).toBe('False');
    expect([named('fake')?.credentials, named('vault')?.credentials]).toEqual([2, 2]);
  });

  it('keeps one that it could never ask in its status, so that it is not forgotten when it is taken out', async () => {
    declare({ name: 'vault', vault: connected() });
    failure = retryable('Unavailable', 'connection refused');
    await look();
    expect(named('vault')).toEqual({ name: 'vault', credentials: 0, provable: false, declared: true, vault: connected() });
    declare();
    await look();
    expect(named('vault')).toMatchObject({ declared: false });
  });

  it('follows one that was taken out while it holds credentials, and lets it go when it holds none', async () => {
    declare({ name: 'vault', vault: connected() });
    await look();
    declare();
    await look();
    expect(named('vault')).toMatchObject({ declared: false, credentials: 1, vault: connected() });
    failure = retryable('Unavailable', 'connection refused');
    await look();
    expect(named('vault')).toMatchObject({ declared: false, credentials: 1 });
    failure = undefined;
    kinds = [{ kind: 'vault', bind: ({ name }) => createFakeRevoker({ name, kind: 'vault' }) }];
    await look();
    expect(named('vault')).toBeUndefined();
  });

  it('follows what was taken out of a dependency on Google Cloud, which others of its connector may hold too', async () => {
    const on = (...resources: readonly string[]) => ({ connectorRef: { name: 'gcp' }, resources });
    const [vaults] = kinds;
    const google: DependencyKind = {
      kind: 'google-cloud',
      bind: ({ name, googleCloud }) => {
        if (googleCloud === undefined) return undefined;
        const fake = createFakeRevoker({ name, kind: 'google-cloud' });
        const bindings = (googleCloud.resources ?? []).map((resource) => aCredential({ id: resource, class: 'Binding' }));
        for (const credential of [login, ...bindings]) fake.present.set(credential.id, credential);
        return fake;
      },
    };
    kinds = [...(vaults === undefined ? [] : [vaults]), google];
    declare({ name: 'google', googleCloud: on('projects/a', 'projects/b') });
    await look();
    expect(named('google')).toEqual({ name: 'google', credentials: 3, provable: true, declared: true, googleCloud: on('projects/a', 'projects/b') });
    declare({ name: 'google', googleCloud: on('projects/a') });
    await look();
    const taken = status().dependencies?.find(({ declared }) => declared === false);
    expect(taken).toMatchObject({ credentials: 1, googleCloud: on('projects/b') });
    declare();
    await look();
    expect(status().dependencies?.filter(({ declared }) => declared === false).map(({ googleCloud }) => googleCloud?.resources)).toEqual([['projects/a'], ['projects/b']]);
  });

  it('follows a part that was taken out while that holds what the rest does not', async () => {
    declare({ name: 'vault', vault: connected('prod', 'a', 'b') });
    await look();
    declare({ name: 'vault', vault: connected('prod', 'a') });
    await look();
    const [, declared, taken] = status().dependencies ?? [];
    expect(declared).toMatchObject({ name: 'vault', declared: true, credentials: 2, vault: connected('prod', 'a') });
    expect(taken).toMatchObject({ declared: false, credentials: 1, vault: connected('prod', 'b') });
    held.set('b', []);
    await look();
    expect(status().dependencies?.map(({ name }) => name)).toEqual(['fake', 'vault']);
  });

  it('does not count what may be another\'s while that cannot be asked', async () => {
    declare({ name: 'vault', vault: connected('prod', 'a', 'b') });
    await look();
    declare({ name: 'vault', vault: connected('prod', 'a') });
    await look();
    const [kind] = kinds;
    kinds = [{ kind: 'vault', bind: (dependency) => {
      failure = dependency.undeclared === true ? undefined : retryable('Unavailable', 'connection refused');
      return kind?.bind(dependency);
    } }];
    await look();
    expect(status().dependencies?.map(({ declared, credentials }) => [declared, credentials])).toEqual([[undefined, 1], [true, 2], [false, 1]]);
  });

  it('lets a mistake go that was mended before anything was granted for it', async () => {
    declare({ name: 'vault', vault: connected('prod', 'typo') });
    failure = needsPerson('NotGranted', 'no connector grants this');
    await look();
    declare({ name: 'vault', vault: connected('prod', 'a') });
    await look();
    expect(status().dependencies?.map(({ name }) => name)).toEqual(['fake', 'vault']);
  });

  it('does not let go of what it held when the grant is gone', async () => {
    declare({ name: 'vault', vault: connected() });
    await look();
    declare();
    failure = needsPerson('NotGranted', 'no connector grants this');
    await look();
    expect(named('vault')).toMatchObject({ declared: false, credentials: 1 });
  });

  it('leaves it to a run under way to ask, and forgets nothing that is declared or taken out meanwhile', async () => {
    declare({ name: 'vault', vault: connected() });
    await look();
    runs = [aRun({})];
    failure = retryable('Unavailable', 'nobody should ask');
    declare({ name: 'second', vault: connected('other') });
    await look();
    expect(condition('Inventoried')?.status).toBe('True');
    expect(status().dependencies).toMatchObject([{ name: 'fake' }, { name: 'second', credentials: 0, declared: true }, { name: 'vault', credentials: 1, declared: false }]);
  });

  it('says when more was taken out than can be followed, and forgets none of what it follows', async () => {
    const many = (from: number) => Array.from({ length: 16 }, (_, i) => ({ name: `v${from + i}`, vault: connected(`c${from + i}`) }));
    declare(...many(0));
    await look();
    declare(...many(16));
    await look();
    const before = status().dependencies;
    expect(before).toHaveLength(33);
    declare(...many(32));
    await look();
    expect(condition('Stalled')).toMatchObject({ reason: 'InvalidSpec', message: expect.stringContaining('32 were taken out') as string });
    expect(status().dependencies).toEqual(before);
  });

  it('has an order that can be kept', async () => {
    declare({ name: 'one', after: ['two'], vault: connected() }, { name: 'two', after: ['one'], vault: connected() });
    await look();
    expect(condition('Stalled')).toMatchObject({ reason: 'InvalidSpec', message: expect.stringContaining('one after two after one') as string });
  });
});
