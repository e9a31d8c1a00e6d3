/**
 * The operator: what it watches, which change wakes which key, and the controllers that do the work. Everything from outside
 * (client, clock, randomness, logger) is handed in, so that the whole of it can run on virtual time.
 */
import type { Config } from './config.ts';
import { type Connectors, createConnectors } from './connectors.ts';
import type { ApiServers } from './kube/api-servers.ts';
import type { BoundCanaries } from './kube/canary.ts';
import type { KubeClient } from './kube/client.ts';
import { ApiError, toOutcome } from './kube/errors.ts';
import type { EventRecorder } from './kube/events.ts';
import { createReflector } from './kube/reflector.ts';
import { offboardingWaivers, offboardings, qualifiedName, workloadIdentities } from './kube/resources.ts';
import type { Resource } from './kube/resources.ts';
import type { StoreReader } from './kube/store.ts';
import type { Canaries, OwnTokens } from './kube/tokens.ts';
import type { Figures } from './observability/figures.ts';
import type { Metrics } from './observability/metrics.ts';
import { runFigures } from './policy/figures.ts';
import { createUnknownFigures } from './policy/unknown-figures.ts';
import {
  createWorkloadIdentityProjection, identityOf, offboardingIndexers, offboardingWaiverIndexers, projectOffboarding, projectOffboardingWaiver,
  workloadIdentityIndexers,
} from './reconcile/indexes.ts';
import { asksOrClaimsOtherwise, asksOtherwise, keyOf, splitKey } from './reconcile/objects.ts';
import type { OffboardingObject, OffboardingWaiverObject, WorkloadIdentityObject } from './reconcile/objects.ts';
import { type OffboardingReconciler, createOffboardingReconciler } from './reconcile/offboarding/reconciler.ts';
import { createOffboardingWaiverReconciler } from './reconcile/offboarding-waiver/reconciler.ts';
import { createWorkloadIdentityReconciler } from './reconcile/workload-identity/reconciler.ts';
import { type Records, createRecords } from './records.ts';
import { createImpersonationProbe } from './revokers/google-cloud/probe.ts';
import { createGoogleCloudKind } from './revokers/google-cloud/revoker.ts';
import type { LockChange } from './revokers/kubernetes/lock-watches.ts';
import { type KubernetesRevoker, createKubernetesRevoker } from './revokers/kubernetes/revoker.ts';
import { type Registry, createRegistry } from './revokers/registry.ts';
import type { ReportedOperation } from './revokers/runner.ts';
import { createVaultKind } from './revokers/vault/revoker.ts';
import type { Clock } from './runtime/clock.ts';
import { createController } from './runtime/controller.ts';
import type { ReconcileResult } from './runtime/controller.ts';
import type { Connect } from './runtime/http-pool.ts';
import type { Logger } from './runtime/logger.ts';
import type { Random } from './runtime/random.ts';

export interface OperatorOptions {
  readonly config: Config;
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly ownTokens: OwnTokens;
  readonly canaries: Canaries;
  readonly boundCanaries: BoundCanaries;
  /** Of the API server; undefined where that is not known. */
  readonly serverVersion: (signal: AbortSignal) => Promise<string | undefined>;
  readonly apiServers: ApiServers;
  /** False when another process may be the one that acts. */
  readonly mayAct: () => boolean;
  /** Real sockets when absent. */
  readonly connect?: Connect | undefined;
}

export interface Operator {
  /** Keeps the caches warm until the signal is aborted. Every replica does this. */
  readonly watch: (signal: AbortSignal) => Promise<void>;
  /** Does the work until the signal is aborted, then finishes what is under way. Only the leader does this. */
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** The resources whose first list is not there yet, with what stands in its way. */
  readonly unsynced: () => readonly string[];
  /** False when a fresh list works and a watch does not: then a restart is the way out. */
  readonly healthy: () => Promise<{ readonly ok: boolean; readonly message: string }>;
  /** For the metrics of the leader. */
  readonly figures: () => Figures;
  /** Closes the connections to what Connectors lead to. */
  readonly close: () => Promise<void>;
}

export const createOperator = (options: OperatorOptions): Operator => {
  const { config, client, events, clock, random, log, metrics } = options;
  const common = { client, clock, random, log, metrics: metrics.watch };
  const connectors = createConnectors({
    ...options,
    wake: (key) => { connectorController.enqueue(key); },
    wakeUsers: (name) => {
      for (const run of runs.store.byIndex('connector', name)) runController.enqueue(keyOf(run));
    },
  });
  const { kubernetes, registry, probe } = createRevokers({ ...options, isTombstone: (namespace, name) => records.isTombstone(namespace, name) }, connectors);
  const records = createRecords({
    ...options,
    registry,
    runs: () => runs.store,
    identities: () => identities.store,
    enqueue: (kind, key) => { ({ record: recordController, run: runController, identity: identityController })[kind].enqueue(key); },
  });

  const runs = createReflector<OffboardingObject>({
    ...common,
    resource: offboardings,
    project: projectOffboarding,
    indexers: offboardingIndexers,
    onChange: ({ object, previous }) => {
      const key = keyOf(object);
      if (previous === undefined || asksOrClaimsOtherwise(previous, object)) runController.enqueue(key);
      if (previous !== undefined && asksOtherwise(previous, object)) records.onAsked(object);
      for (const waiver of waivers.store.byIndex('run', key)) waiverController.enqueue(keyOf(waiver));
      const identity = identityOf(object);
      if (identity !== undefined) wake('identity', identity, key);
    },
  });
  const identities = createReflector<WorkloadIdentityObject>({
    ...common,
    resource: workloadIdentities,
    project: createWorkloadIdentityProjection(),
    indexers: workloadIdentityIndexers,
    onChange: ({ object, previous }) => {
      // What else changes in a status are our own writes: to look again at each would ask every dependency once more.
      if (previous === undefined || asksOtherwise(previous, object) || object.status?.observedGeneration !== object.metadata.generation) {
        identityController.enqueue(keyOf(object));
        records.onIdentity(object);
      }
      if (previous !== undefined && !asksOtherwise(previous, object) && previous.status?.serviceAccountUID === object.status?.serviceAccountUID) return;
      for (const run of runs.store.byIndex('reference', keyOf(object))) runController.enqueue(keyOf(run));
    },
  });

  const waivers = createReflector<OffboardingWaiverObject>({
    ...common,
    resource: offboardingWaivers,
    project: projectOffboardingWaiver,
    indexers: offboardingWaiverIndexers,
    onChange: ({ object }) => {
      waiverController.enqueue(keyOf(object));
      runController.enqueue(`${object.metadata.namespace ?? ''}/${object.spec.offboardingRef.name}`);
    },
  });

  /** Whatever concerns an identity, or the user of one of its certificates, concerns all that look after it. */
  const wake = (index: 'identity' | 'user', value: string, except?: string): void => {
    for (const run of runs.store.byIndex(index, value)) if (keyOf(run) !== except) runController.enqueue(keyOf(run));
    for (const identity of identities.store.byIndex(index, value)) identityController.enqueue(keyOf(identity));
    records.onChange(index, value);
  };
  kubernetes.onIdentityChange((changed) => {
    if ('user' in changed) wake('user', changed.user);
    else wake('identity', `${changed.namespace}/${changed.name}`);
  });

  kubernetes.onLockChange((change) => {
    for (const run of runsLockedBy(change, runs.store)) runController.enqueue(keyOf(run));
    records.onLockChange(change);
  });

  const runsFor = (identity: string): readonly OffboardingObject[] => runs.store.byIndex('identity', identity);
  const waiversFor = (key: string): readonly OffboardingWaiverObject[] => waivers.store.byIndex('run', key);

  const runReconciler = createOffboardingReconciler({
    random,
    read: read(runs.store),
    context: {
      cluster: {
        client,
        workloadIdentity: (namespace, name) => identities.store.get(namespace, name),
        runsFor,
        waiversFor,
        record: records.view.get,
        keep: runs.upsert,
      },
      registry,
      clock,
      events,
      log,
      onConfirmed: metrics.onConfirmed,
      onAllGone: metrics.onAllGone,
      operator: { namespace: config.namespace, serviceAccount: config.serviceAccount },
      claims: new Map(),
      ledger: records.ledger,
      versions: records.versions,
    },
  });
  const reconcileIdentity = createWorkloadIdentityReconciler({
    client,
    clock,
    events,
    registry,
    operatorNamespace: config.namespace,
    read: read(identities.store),
    serviceAccountUid: (namespace, name) => kubernetes.serviceAccounts.get(namespace, name)?.uid,
    runsFor,
    waiversFor,
    records: records.view,
    log,
    keep: identities.upsert,
  });
  const reconcileWaiver = createOffboardingWaiverReconciler({
    client,
    clock,
    registry,
    read: read(waivers.store),
    run: (namespace, name) => runs.store.get(namespace, name),
    keep: waivers.upsert,
  });

  const control = createControl(options);
  const runController = control('offboarding', runReconciler.reconcile);
  const identityController = control('workload-identity', reconcileIdentity);
  const waiverController = control('offboarding-waiver', reconcileWaiver);
  const recordController = control('offboarding-record', records.reconcile);
  const connectorController = control('connector', connectors.reconcile);
  const reflectors = [runs, identities, waivers, records.reflector, connectors.reflector, ...kubernetes.reflectors];

  return {
    watch: (signal) => Promise.all([...reflectors, ...kubernetes.lockReflectors].map((each) => each.run(signal))).then(() => undefined),
    work: async (signal) => {
      await Promise.all(reflectors.map((reflector) => reflector.waitForSync(signal)));
      const controllers = [runController, identityController, waiverController, recordController, connectorController];
      await Promise.all([...controllers.map((controller) => controller.run(signal)), records.tend(signal)]);
    },
    unsynced: () => reflectors.filter((reflector) => !reflector.synced()).map(whyUnsynced),
    healthy: () => watchesAreWell(reflectors, client),
    figures: createFigures({ runs: runs.store, identities: identities.store, registry, clock, kubernetes, connectors, records, hasLookedAt: runReconciler.hasLookedAt }),
    close: async () => {
      await Promise.all([connectors.close(), probe.close()]);
    },
  };
};

interface FigureSources {
  readonly runs: StoreReader<OffboardingObject>;
  readonly identities: StoreReader<WorkloadIdentityObject>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly kubernetes: Pick<KubernetesRevoker, 'lockInstalled'>;
  readonly connectors: Pick<Connectors, 'figures'>;
  readonly records: Pick<Records, 'figures'>;
  readonly hasLookedAt: OffboardingReconciler['hasLookedAt'];
}

const createFigures = ({ runs, identities, registry, clock, kubernetes, connectors, records, hasLookedAt }: FigureSources): Operator['figures'] => {
  const unknownFigures = createUnknownFigures();
  return () => ({
    ...runFigures(runs.list(), identities.list(), registry, clock.now(), hasLookedAt),
    oldestUnknown: unknownFigures(runs.list(), registry, clock.now()),
    lockInstalled: kubernetes.lockInstalled(),
    connectors: connectors.figures(),
    ...records.figures(),
  });
};

const read = <T>(store: { readonly get: (namespace: string, name: string) => T | undefined }) => (key: string): T | undefined => {
  const { namespace, name } = splitKey(key);
  return store.get(namespace, name);
};

type ControllerName = 'offboarding' | 'workload-identity' | 'offboarding-waiver' | 'offboarding-record' | 'connector';

const createControl = ({ config, clock, random, log, metrics }: OperatorOptions) => (name: ControllerName, reconcile: Reconcile) =>
  createController({
    name,
    reconcile: (key, signal) => withoutWaiting(reconcile)(key, signal).catch((error: unknown) => { throw toOutcome(error); }),
    concurrency: config.workers,
    // No tenant waits for all that another has.
    groupOf: (key) => splitKey(key).namespace,
    clock,
    random,
    log,
    queueMetrics: metrics.queue(name),
    onReconcile: (observation) => {
      metrics.onReconcile({ controller: name, ...observation });
    },
  });

/** Whether a record keeps that name locked. */
type IsTombstone = (namespace: string, name: string) => boolean;

/** The standing one, and the kinds of which identities declare what else they depend on. */
const createRevokers = (
  { config, metrics, canaries, boundCanaries, apiServers, isTombstone, version, connect, ...common }: OperatorOptions & { readonly isTombstone: IsTombstone },
  connectors: Pick<Connectors, 'vault' | 'google'>,
) => {
  const { clock, random } = common;
  const counting = (revoker: string) => (operation: ReportedOperation): void => {
    metrics.onOperation({ revoker, ...operation });
  };
  const kubernetes = createKubernetesRevoker({
    ...common,
    metrics: metrics.watch,
    settleTime: config.kubernetesSettle,
    tokenSecrets: config.tokenSecrets,
    ownAccount: { namespace: config.namespace, name: config.serviceAccount },
    lock: { namespace: config.namespace, servers: apiServers, isTombstone },
    probes: { canaries: boundCanaries, apiServers },
    onOperation: counting('kubernetes'),
  });
  const { isForeign, now: accountNow } = kubernetes.serviceAccounts;
  const probe = createImpersonationProbe({ canaries, clock, userAgent: `offboard/${version}`, connect });
  const vault = createVaultKind({ connectors: connectors.vault, clock, isForeign, accountNow, onOperation: counting('vault') });
  const google = createGoogleCloudKind({ connectors: connectors.google, clock, random, isForeign, probe, onOperation: counting('google-cloud') });
  return { kubernetes, probe, registry: createRegistry([kubernetes.revoker], [vault, google]) };
};

/** What the lock stands on is everybody's. A run that has ended looks once more, and sees that it has. */
const runsLockedBy = (change: LockChange, runs: StoreReader<OffboardingObject>): readonly OffboardingObject[] =>
  change === 'All' ? runs.list() : change.flatMap(({ namespace, name }) => runs.byIndex('identity', `${namespace}/${name}`));

type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult>;

/**
 * A run that has just stored its intent goes on at once instead of behind all others that are about to store theirs: it reads
 * what it has stored, as any other look would.
 */
const withoutWaiting = (reconcile: Reconcile): Reconcile => async (key, signal) => {
  const result = await reconcile(key, signal);
  return result.kind === 'again' && result.after === 0 ? reconcile(key, signal) : result;
};

const whyUnsynced = ({ resource, health }: WatchedReflector): string => {
  const { lastError } = health();
  if (lastError === undefined) return resource.plural;
  if (lastError instanceof ApiError && lastError.code === 404) {
    return `${resource.plural} (the API server does not know ${qualifiedName(resource)}: install the CRDs of this version)`;
  }
  return `${resource.plural} (${toOutcome(lastError).message})`;
};

/** So many failures in a row are several minutes. */
const suspiciousFailures = 8;

/** An API server that cannot be reached is nothing that a restart of ours would mend. */
const watchesAreWell = async (reflectors: readonly WatchedReflector[], client: KubeClient): ReturnType<Operator['healthy']> => {
  for (const { resource, health } of reflectors) {
    const { connected, consecutiveFailures } = health();
    if (connected || consecutiveFailures < suspiciousFailures) continue;
    const lists = await client.list(resource, { pageSize: 1 }).then(
      () => true,
      () => false,
    );
    if (lists) return { ok: false, message: `${resource.plural} can be listed, but the watch failed ${consecutiveFailures} times in a row` };
  }
  return { ok: true, message: 'ok' };
};

interface WatchedReflector {
  readonly resource: Resource;
  readonly health: () => { readonly connected: boolean; readonly consecutiveFailures: number; readonly lastError: unknown };
}
