import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { aWaiver, anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
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
import { retryable } from '../../runtime/outcome.ts';
import type { OffboardingObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../objects.ts';
import { createWorkloadIdentityReconciler } from './reconciler.ts';

let identity: WorkloadIdentityObject;
let created: OffboardingObject[];
let runs: OffboardingObject[];
let waivers: OffboardingWaiverObject[];
let events: RecordedEvent[];
let accountUid: string | undefined;
let terminating: boolean;
/** The API server knows of it no more, whatever the watch still shows. */
let gone: boolean;
let revoker: ReturnType<typeof createFakeRevoker>;
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
    if (terminating && namespace === 'ci') {
      const details = { causes: [{ reason: 'NamespaceTerminating' }] };
      throw errorFromStatus({ kind: 'Status', code: 403, reason: 'Forbidden', message: 'terminating', details }, 403);
    }
    const object = body as OffboardingObject;
    if (created.some(({ metadata }) => metadata.name === object.metadata.name)) {
      throw errorFromStatus({ kind: 'Status', code: 409, reason: 'AlreadyExists', message: 'exists' }, 409);
    }
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
    revokers: [revoker],
    operatorNamespace: 'offboard-system',
    read: () => identity,
    serviceAccountUid: () => accountUid,
    runsFor: () => runs,
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
      target: {
        workloadIdentity: { namespace: 'ci', name: 'agent', uid: identity.metadata.uid, generation: 1 },
        serviceAccount: { namespace: 'ci', name: 'agent' },
      },
      ...(change.completedAt === undefined ? {} : { completedAt: change.completedAt }),
      conditions: [
        { type: 'Ready', status: change.ready ?? 'False', reason: change.reason ?? 'X', message: 'x', observedGeneration: 1, lastTransitionTime: '2026-11-23T10:00:00Z' },
      ],
    },
  });

beforeEach(() => {
  clock = createFakeClock();
  revoker = createFakeRevoker();
  revoker.present.set('a', aCredential());
  identity = anIdentity({ status: {} });
  created = [];
  waivers = [];
  events = [];
  runs = [];
  accountUid = 'uid-of-account';
  terminating = false;
  gone = false;
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

  it('is held while a run is under way, and says which', async () => {
    runs = [aRun({})];
    await look();
    expect(created).toEqual([]);
    expect(identity.metadata.finalizers).toEqual([workloadIdentityFinalizer]);
    expect(condition('Reconciling')?.message).toContain('"retire"');
  });

  it.each([
    ['that confirmed the end since then lets it go', { completedAt: '2026-11-23T10:00:45Z', ready: 'True' as const }, []],
    ['that ended before that does not', { completedAt: '2026-11-23T10:00:15Z', ready: 'True' as const }, [workloadIdentityFinalizer]],
    ['that ended otherwise does not', { completedAt: '2026-11-23T10:00:45Z' }, [workloadIdentityFinalizer]],
  ])('a run %s', async (_, change, finalizers) => {
    runs = [aRun(change)];
    await look();
    expect(identity.metadata.finalizers).toEqual(finalizers);
  });

  it('is let go by a run that a waiver completed while that is in force, and not a moment longer', async () => {
    const dependencies = [{ name: 'fake', state: 'Waived' as const }];
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
    expect(identity.metadata.finalizers).toEqual([]);
    expect(created).toEqual([]);
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
