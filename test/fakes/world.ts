/** As much of a cluster as the Offboarding reconciler meets: objects that it patches, a clock, a dependency. */
import type { Dependency, OffboardingStatus } from '../../src/api/v1alpha1/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { RecordedEvent } from '../../src/kube/events.ts';
import { errorFromStatus } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { keyOf } from '../../src/reconcile/objects.ts';
import type { OffboardingObject, OffboardingRecordObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import { createOffboardingReconciler } from '../../src/reconcile/offboarding/reconciler.ts';
import type { Context } from '../../src/reconcile/offboarding/run.ts';
import { createRegistry } from '../../src/revokers/registry.ts';
import type { ReconcileResult } from '../../src/runtime/controller.ts';
import type { Logger } from '../../src/runtime/logger.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import { createFakeClock } from './clock.ts';
import type { FakeClock } from './clock.ts';
import { createFakeLedger } from './ledger.ts';
import type { FakeLedger } from './ledger.ts';
import { createFakeRevoker } from './revoker.ts';
import type { FakeRevoker } from './revoker.ts';

export const silentLog: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

export interface World {
  readonly clock: FakeClock;
  /** The standing one: the cluster. */
  readonly revoker: FakeRevoker;
  /** What an identity declares under this name. Its credentials come of logins with those of the cluster. */
  readonly vault: (name?: string) => FakeRevoker;
  readonly google: (name: string) => FakeRevoker;
  /** What the metrics were told of runs that ended. */
  readonly ends: readonly { readonly urgency: string; readonly seconds: number }[];
  readonly events: readonly RecordedEvent[];
  /** What is recorded. It outlives a restart. */
  readonly ledger: FakeLedger;
  readonly put: (object: OffboardingObject) => void;
  /** It is gone: the watch says so. */
  readonly remove: (name?: string) => void;
  readonly identity: (object: WorkloadIdentityObject | undefined) => void;
  /** What the watch shows of waivers. */
  readonly waivers: OffboardingWaiverObject[];
  /** What the API server lists of records of its identity. */
  readonly records: OffboardingRecordObject[];
  readonly object: (name?: string) => OffboardingObject;
  readonly status: (name?: string) => OffboardingStatus;
  /** How often a status was written. */
  readonly writes: () => number;
  readonly look: (name?: string) => Promise<ReconcileResult>;
  /** Looks again and again, each time when the last look said so, until it says done, the run is Ready, or `limit` looks have passed. */
  readonly settle: (name?: string, limit?: number) => Promise<OffboardingStatus>;
  /** A new process: nothing but the stored objects is left. */
  readonly restart: () => void;
  /** The uid of the live ServiceAccount, and whether the namespace is going. */
  readonly cluster: { accountUid: string | undefined; namespaceDeleting: boolean; failStatusWrites: Error | undefined };
}

type JsonPatch = readonly { readonly op: string; readonly path: string; readonly value?: unknown }[];

export const createWorld = (revokerOptions: Parameters<typeof createFakeRevoker>[0] = {}): World => {
  const clock = createFakeClock();
  const ledger = createFakeLedger();
  const revoker = createFakeRevoker(revokerOptions);
  const vaults = new Map<string, FakeRevoker>();
  const googles = new Map<string, FakeRevoker>();
  const vault = (name = 'vault'): FakeRevoker => {
    const found = vaults.get(name) ?? createFakeRevoker({ name, kind: 'vault', settleTime: 30_000, issuers: [revoker.name], lockable: true });
    vaults.set(name, found);
    return found;
  };
  const google = (name: string): FakeRevoker => {
    const found = googles.get(name) ?? createFakeRevoker({ name, kind: 'google-cloud', settleTime: 420_000, issuers: [revoker.name], lockable: true });
    googles.set(name, found);
    return found;
  };
  const bind = ({ name, vault: declared }: Dependency): FakeRevoker | undefined => (declared === undefined ? undefined : vault(name));
  const objects = new Map<string, OffboardingObject>();
  const events: RecordedEvent[] = [];
  const ends: { readonly urgency: string; readonly seconds: number }[] = [];
  const waivers: OffboardingWaiverObject[] = [];
  const records: OffboardingRecordObject[] = [];
  let identity: WorkloadIdentityObject | undefined;
  let writes = 0;
  const state: World['cluster'] = { accountUid: 'uid-of-account', namespaceDeleting: false, failStatusWrites: undefined };

  const missing = (plural: string, name: string) =>
    errorFromStatus({ kind: 'Status', code: 404, reason: 'NotFound', message: `${plural} "${name}" not found`, details: { name, kind: plural } }, 404);

  const apply = (object: OffboardingObject, body: JsonPatch): OffboardingObject => {
    const next = structuredClone(object) as unknown as { metadata: Record<string, unknown>; status?: unknown };
    for (const { op, path, value } of body) {
      if (path === '/metadata/resourceVersion' && value !== object.metadata.resourceVersion) {
        throw errorFromStatus({ kind: 'Status', code: 409, reason: 'Conflict', message: 'modified' }, 409);
      }
      if (path === '/status') next.status = structuredClone(value);
      if (path === '/metadata/finalizers') next.metadata['finalizers'] = op === 'remove' ? [] : value;
      if (path === '/metadata/finalizers/-') next.metadata['finalizers'] = [...(object.metadata.finalizers ?? []), value];
    }
    next.metadata['resourceVersion'] = String(Number(object.metadata.resourceVersion) + 1);
    return next as unknown as OffboardingObject;
  };

  const client: Partial<KubeClient> = {
    get: async <T extends KubeObject>(...[resource, { name }]: Parameters<KubeClient['get']>) => {
      await Promise.resolve();
      const deletionTimestamp = state.namespaceDeleting ? { deletionTimestamp: '2026-11-23T10:00:00Z' } : {};
      if (resource.plural === 'namespaces') return { metadata: { name, uid: 'n', ...deletionTimestamp } } as unknown as T;
      if (state.accountUid === undefined) throw missing(resource.plural, name);
      return { metadata: { name, uid: state.accountUid } } as unknown as T;
    },
    list: ((): Promise<unknown> => Promise.resolve({ items: records, resourceVersion: '1' })) as KubeClient['list'],
    patch: async <T extends KubeObject>(...[, key, patch]: Parameters<KubeClient['patch']>) => {
      await Promise.resolve();
      const object = objects.get(`${key.namespace ?? ''}/${key.name}`);
      if (object === undefined) throw missing('offboardings', key.name);
      if (patch.subresource === 'status') {
        if (state.failStatusWrites !== undefined) throw state.failStatusWrites;
        writes += 1;
      }
      const next = apply(object, patch.body as JsonPatch);
      const violations = kstatusViolations(next);
      if (violations.length > 0) throw new Error(`kstatus: ${violations.join('; ')}`);
      objects.set(keyOf(next), next);
      return next as unknown as T;
    },
  };

  const context: Context = {
    cluster: {
      client: client as KubeClient,
      workloadIdentity: (namespace, name) =>
        identity?.metadata.namespace === namespace && identity.metadata.name === name ? identity : undefined,
      runsFor: (wanted) => [...objects.values()].filter(({ status }) => status?.identity === wanted),
      waiversFor: (key) => waivers.filter(({ metadata, spec }) => key === `${metadata.namespace ?? ''}/${spec.offboardingRef.name}`),
      keep: () => undefined,
    },
    registry: createRegistry([revoker], [
      { kind: 'vault', bind: (dependency) => bind(dependency) },
      { kind: 'google-cloud', bind: ({ name, googleCloud }) => (googleCloud === undefined ? undefined : google(name)) },
    ]),
    clock,
    events: { record: (event) => events.push(event), flush: () => Promise.resolve() },
    log: silentLog,
    onConfirmed: () => undefined,
    onAllGone: (end) => ends.push(end),
    operator: { namespace: 'offboard-system', serviceAccount: 'offboard' },
    claims: new Map(),
    ledger,
    versions: () => Promise.resolve({ offboard: '0.1.0', kubernetes: 'v1.36.3' }),
  };
  const start = () => createOffboardingReconciler({ context, random: () => 0, read: (key) => objects.get(key) });
  let reconciler = start();
  const keyFor = (name: string): string => [...objects.keys()].find((key) => key.endsWith(`/${name}`)) ?? `ci/${name}`;
  const object = (name = 'retire'): OffboardingObject => {
    const found = objects.get(keyFor(name));
    if (found === undefined) throw new Error(`there is no Offboarding ${name}`);
    return found;
  };
  const look = (name = 'retire'): Promise<ReconcileResult> => reconciler.reconcile(keyFor(name), new AbortController().signal);

  return {
    clock,
    revoker,
    vault,
    google,
    events,
    ends,
    ledger,
    cluster: state,
    waivers,
    records,
    remove: (name = 'retire') => objects.delete(keyFor(name)),
    put: (next) => objects.set(keyOf(next), next),
    identity: (next) => {
      identity = next;
    },
    object,
    status: (name) => object(name).status ?? {},
    writes: () => writes,
    look,
    settle: async (name = 'retire', limit = 30) => {
      for (let i = 0; i < limit; i += 1) {
        const result = await look(name);
        const isReady = object(name).status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
        if (result.kind === 'done' || isReady) break;
        await clock.advance(result.after);
      }
      return object(name).status ?? {};
    },
    restart: () => {
      context.claims.clear();
      reconciler = start();
    },
  };
};
