/** What records add to the operator: the watch on them, how one is added, the look at each, and the slow round over all. */
import { conditionOf, conditionTypes } from './api/v1alpha1/conditions.ts';
import type { Config } from './config.ts';
import { keysById, readablePublicKeys } from './evidence/keys.ts';
import type { PublicKeys } from './evidence/keys.ts';
import type { Predicate } from './evidence/predicate.ts';
import type { KubeClient } from './kube/client.ts';
import type { EventRecorder } from './kube/events.ts';
import { createReflector } from './kube/reflector.ts';
import type { Reflector } from './kube/reflector.ts';
import { offboardingRecords } from './kube/resources.ts';
import type { Change, StoreReader } from './kube/store.ts';
import type { Figures } from './observability/figures.ts';
import type { Metrics } from './observability/metrics.ts';
import { isRoot, standingTombstone } from './policy/tombstone.ts';
import { tombstoneFigures } from './policy/tombstone-figures.ts';
import { createRecordProjection, recordIndexers } from './reconcile/indexes.ts';
import { asksOtherwise, keyOf } from './reconcile/objects.ts';
import type { OffboardingObject, OffboardingRecordObject, WorkloadIdentityObject } from './reconcile/objects.ts';
import { identityOfRecord } from './reconcile/record/context.ts';
import type { RecordsView } from './reconcile/record/context.ts';
import { prepareKey } from './reconcile/record/first-key.ts';
import { createKeys } from './reconcile/record/keys.ts';
import { createLedger } from './reconcile/record/ledger.ts';
import type { Ledger } from './reconcile/record/ledger.ts';
import { createRecordReconciler } from './reconcile/record/reconciler.ts';
import { sweep } from './reconcile/record/sweep.ts';
import type { Registry } from './revokers/registry.ts';
import type { Clock } from './runtime/clock.ts';
import type { ReconcileResult } from './runtime/controller.ts';
import type { Logger } from './runtime/logger.ts';
import { newEd25519Key } from './runtime/random.ts';
import type { Random } from './runtime/random.ts';
import { createTimedMemory } from './runtime/timed-memory.ts';

export interface RecordsOptions {
  readonly config: Config;
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly serverVersion: (signal: AbortSignal) => Promise<string | undefined>;
  readonly registry: Registry;
  readonly runs: () => StoreReader<OffboardingObject>;
  readonly identities: () => StoreReader<WorkloadIdentityObject>;
  /** Has one looked at. */
  readonly enqueue: (kind: 'record' | 'run' | 'identity', key: string) => void;
}

export interface Records {
  readonly reflector: Reflector<OffboardingRecordObject>;
  readonly view: RecordsView;
  readonly ledger: Ledger;
  readonly versions: (signal: AbortSignal) => Promise<Predicate['versions']>;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  /** Has a key to sign the first of them with, and goes round all of them until the signal is aborted. */
  readonly tend: (signal: AbortSignal) => Promise<void>;
  /** Something of an identity, or of the user of a certificate, is another: whoever watches that looks. */
  readonly onChange: (index: 'identity' | 'user', value: string) => void;
  /** A WorkloadIdentity is new or asks for something else. */
  readonly onIdentity: (identity: WorkloadIdentityObject) => void;
  /** Somebody asks for something of a run that has ended: its record asks the other systems at once, and not by the hour. */
  readonly onAsked: (run: OffboardingObject) => void;
  /** The lock of these names, or of all, may hold no more. */
  readonly onLockChange: (change: 'All' | readonly { readonly namespace: string; readonly name: string }[]) => void;
  /** Whether a record holds the lock of that account, which nobody but the record takes off. */
  readonly isTombstone: (namespace: string, name: string) => boolean;
  readonly figures: () => Pick<Figures, 'tombstones' | 'recordHead' | 'recordsMissing'>;
}

/** Milliseconds. What is immutable and only we create needs the safety net of a whole list less often, and is long. */
const relistEvery = 6 * 3_600_000;
/** A record may be half a megabyte. */
const pageSize = 100;

export const createRecords = (options: RecordsOptions): Records => {
  const { config, client, clock, random, log, metrics, version, serverVersion, enqueue } = options;
  const wake = (key: string): void => {
    enqueue('record', key);
  };
  const reflector = createReflector<OffboardingRecordObject>({
    client,
    clock,
    random,
    log,
    metrics: metrics.watch,
    resource: offboardingRecords,
    project: createRecordProjection(),
    indexers: recordIndexers,
    relistEvery,
    pageSize,
    onChange: (change) => {
      head.onChange(change);
      onChange(change, options, view, reflector.synced());
    },
  });
  const { store } = reflector;
  const head = createHead(store.list);
  const view: RecordsView = {
    get: (name) => store.get(undefined, name),
    of: (identity) => store.byIndex('identity', identity),
    list: store.list,
    head: head.name,
  };
  const first = { make: newEd25519Key, isFirst: () => view.head() === undefined };
  const signing = { client, namespace: config.namespace, secret: config.signingKeySecret, ...(config.makeSigningKey ? { first } : {}) };
  const keys = createKeys(signing);
  const ledger = createLedger({ ...signing, log, records: reflector });
  const releasing = new Set<string>();
  const reconciler = createRecordReconciler({
    ...options,
    records: view,
    releasing,
    runsFor: (identity) => options.runs().byIndex('identity', identity),
    claimants: (record) => options.identities().byIndex('supersedes', record),
    between: ledger.between,
    publicKeys: createPublicKeys(keys.published, clock),
    keep: reflector.upsert,
    retention: config.recordRetention,
    onReturned: metrics.onReturned,
  });
  const visit = (record: OffboardingRecordObject): void => {
    reconciler.makeDue(record);
    wake(keyOf(record));
  };
  return {
    reflector,
    view,
    ledger,
    versions: async (signal) => {
      const kubernetes = await serverVersion(signal);
      return { offboard: version, ...(kubernetes === undefined ? {} : { kubernetes }) };
    },
    reconcile: reconciler.reconcile,
    tend: async (signal) => {
      const round = sweep({ clock, random, log, retention: config.recordRetention, list: view.list, get: view.get, visit, tidy: (until) => reconciler.tidy(wake, until) }, signal);
      await Promise.all([round, ...(config.makeSigningKey ? [prepareKey({ clock, random, log, keys }, signal)] : [])]);
    },
    onChange: (index, value) => {
      const concerned = index === 'user' ? store.byIndex('user', value) : [standingTombstone(view.of(value)) ?? []].flat();
      for (const record of concerned) wake(keyOf(record));
    },
    onAsked: ({ status }) => {
      const record = status?.completedAt === undefined ? undefined : store.get(undefined, status.recordRef?.name ?? '');
      if (record === undefined) return;
      reconciler.askElsewhere(record);
      wake(keyOf(record));
    },
    onIdentity: ({ spec }) => {
      if (spec.supersedes !== undefined) wake(`/${spec.supersedes.record}`);
    },
    onLockChange: (change) => {
      const concerned = change === 'All' ? view.list().filter(isRoot) : change.flatMap(({ namespace, name }) => standingTombstone(view.of(`${namespace}/${name}`)) ?? []);
      for (const record of concerned) wake(keyOf(record));
    },
    isTombstone: (namespace, name) => {
      const identity = `${namespace}/${name}`;
      return !releasing.has(identity) && standingTombstone(view.of(identity)) !== undefined;
    },
    figures: () => tombstoneFigures(view.list(), head.highest()),
  };
};

/** Kept as records come and go: to look through all for each would be a loop in a loop. The highest number stays when its record goes. */
const createHead = (list: () => readonly OffboardingRecordObject[]) => {
  let name: string | undefined;
  let highest = 0;
  const later = (one: string | undefined, record: OffboardingRecordObject): string | undefined =>
    isRoot(record) && record.metadata.name > (one ?? '') ? record.metadata.name : one;
  return {
    name: () => name,
    highest: () => highest,
    onChange: ({ type, object }: Change<OffboardingRecordObject>): void => {
      if (type === 'set') {
        name = later(name, object);
        highest = Math.max(highest, Number(name ?? 0));
      }
      else if (object.metadata.name === name) name = list().reduce(later, undefined);
    },
  };
};

const onChange = ({ type, object, previous }: Change<OffboardingRecordObject>, options: RecordsOptions, { of }: RecordsView, synced: boolean): void => {
  if (!isRoot(object)) return;
  const { enqueue } = options;
  if (type === 'delete' || previous === undefined || asksOtherwise(previous, object) || previous.spec.digest !== object.spec.digest) {
    enqueue('record', keyOf(object));
    // An earlier one learns that it is not the last any more, or is again.
    if (synced) for (const other of of(identityOfRecord(object))) enqueue('record', keyOf(other));
  }
  // What is there at the start is looked at by everybody anyway.
  if (type === 'delete' || (previous === undefined ? synced : saysOf(previous) !== saysOf(object))) wakeOthers(object, options);
};

/** The run that it is of, and the identities that have its name, or want it. */
const wakeOthers = (record: OffboardingRecordObject, { enqueue, identities }: RecordsOptions): void => {
  const { namespace = '', name = '' } = record.spec.offboarding ?? {};
  enqueue('run', `${namespace}/${name}`);
  const concerned = [...identities().byIndex('identity', identityOfRecord(record)), ...identities().byIndex('supersedes', record.metadata.name)];
  for (const identity of concerned) enqueue('identity', keyOf(identity));
};

/** What of a record runs and identities go by. */
const saysOf = ({ status }: OffboardingRecordObject): string => `${status?.supersededBy?.uid ?? ''} ${conditionOf(status, conditionTypes.resurrected)?.message ?? ''}`;

/** Milliseconds for which the published keys are taken as read. */
const keysFor = 60_000;

const createPublicKeys = (published: (signal: AbortSignal) => Promise<readonly string[]>, clock: Clock) => {
  const memory = createTimedMemory<PublicKeys>(clock, 1);
  return async (signal: AbortSignal): Promise<PublicKeys> => {
    const known = memory.get('');
    if (known !== undefined) return known;
    const keys = keysById(readablePublicKeys(await published(signal)));
    memory.set('', keys, clock.monotonic() + keysFor);
    return keys;
  };
};
