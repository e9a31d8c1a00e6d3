/**
 * One look at one WorkloadIdentity.
 *
 *   alive:   hold it by the finalizer → note the ServiceAccount's UID → inventory → expired? create an Offboarding
 *   deleted: an Offboarding that confirmed the end since then? let go : make sure that one is under way
 */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { workloadIdentityFinalizer } from '../../api/v1alpha1/index.ts';
import type { Dependency, IdentityDependency, Target, WorkloadIdentityStatus } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import { isNotFound } from '../../kube/errors.ts';
import { addFinalizer, removeFinalizer } from '../../kube/finalizers.ts';
import { workloadIdentities } from '../../kube/resources.ts';
import { conditionsOf, factsOf } from '../../policy/conditions.ts';
import type { Fact } from '../../policy/conditions.ts';
import { glassBroken, isGlassBroken } from '../../policy/glass.ts';
import { expiringWindow, isUnderWay, lifecycleState, onDeletion, runOf } from '../../policy/lifecycle.ts';
import type { RunOfIdentity } from '../../policy/lifecycle.ts';
import { allDependencies, maxUndeclared } from '../../policy/dependencies.ts';
import { orderDefect } from '../../policy/order.ts';
import { nameVerdict } from '../../policy/supersede.ts';
import type { NameRecords } from '../../policy/supersede.ts';
import { unsupported } from '../../policy/support.ts';
import { reconciling, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { isWaived, waiversInForce, waiversStand } from '../../policy/waiver.ts';
import type { Registry } from '../../revokers/registry.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileResult } from '../../runtime/controller.ts';
import type { Logger } from '../../runtime/logger.ts';
import { keyOf } from '../objects.ts';
import type { OffboardingObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../objects.ts';
import { writeStatus } from '../status.ts';
import { takeInventory } from './inventory.ts';
import { createOffboarding } from './offboard.ts';

export interface WorkloadIdentityContext {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly log: Logger;
  readonly registry: Registry;
  readonly operatorNamespace: string;
  readonly read: (key: string) => WorkloadIdentityObject | undefined;
  /** The ServiceAccount's UID, from the watch; undefined when it does not exist. */
  readonly serviceAccountUid: (namespace: string, name: string) => string | undefined;
  /** Every Offboarding for this identity (`namespace/name` of its ServiceAccount), from the watch. */
  readonly runsFor: (identity: string) => readonly OffboardingObject[];
  /** The records of ends, from the watch. */
  readonly records: NameRecords;
  /** Every waiver that names an Offboarding of this key, from the watch. */
  readonly waiversFor: (key: string) => readonly OffboardingWaiverObject[];
  /** The answer of a write, so that the next look does not start from before it. */
  readonly keep: (identity: WorkloadIdentityObject) => void;
}

export const createWorkloadIdentityReconciler =
  (context: WorkloadIdentityContext) =>
  async (key: string, signal: AbortSignal): Promise<ReconcileResult> => {
    const identity = context.read(key);
    if (identity === undefined) return { kind: 'done' };
    return identity.metadata.deletionTimestamp === undefined
      ? alive(identity, context, signal)
      : deleted(identity, identity.metadata.deletionTimestamp, context, signal);
  };

const alive = async (read: WorkloadIdentityObject, context: WorkloadIdentityContext, signal: AbortSignal): Promise<ReconcileResult> => {
  const { clock, keep } = context;
  const broken = isBroken(read);
  const identity = broken ? read : await hold(read, context, signal);
  keep(identity);
  const run = runOf(identity.metadata.uid, runsOf(identity, context));
  const expiresAt = Date.parse(identity.spec.lifecycle?.expiresAt ?? '');
  const now = clock.now().getTime();
  if (run === undefined && expiresAt <= now) {
    const created = await createOffboarding(context.client, identity, 'Expired', context.operatorNamespace, signal);
    if (created !== undefined) announceEnd(identity, created, 'expired', context);
  }
  const { inventoried, ...seen } = await inventoryStatus(identity, run !== undefined && isUnderWay(run), context, signal);
  const facts = broken ? [inventoried, glassBroken(workloadIdentityFinalizer)] : [inventoried];
  const status = statusOf(identity, run, { ...seen, facts }, context);
  announceBroken(identity, status, context);
  keep(await writeStatus(context.client, workloadIdentities, identity, status, signal));
  return nextTime(expiresAt, now, untilAskedAgain(seen.dependencies, inventoried));
};

/** Held by the finalizer, unless its spec says that its deletion means nothing. */
const hold = async (identity: WorkloadIdentityObject, { client }: WorkloadIdentityContext, signal: AbortSignal): Promise<WorkloadIdentityObject> =>
  identity.spec.lifecycle?.onDelete === 'Orphan'
    ? ((await removeFinalizer(client, workloadIdentities, identity, workloadIdentityFinalizer, { signal })) ?? identity)
    : addFinalizer(client, workloadIdentities, identity, workloadIdentityFinalizer, { signal });

/** The finalizer stands before the status speaks of a spec. So where the status does, and it is not, it was taken off. */
const isBroken = (identity: WorkloadIdentityObject): boolean =>
  identity.spec.lifecycle?.onDelete !== 'Orphan' &&
  isGlassBroken(identity, workloadIdentityFinalizer, identity.status?.observedGeneration === identity.metadata.generation);

const announceBroken = (identity: WorkloadIdentityObject, status: WorkloadIdentityStatus, { events, log }: WorkloadIdentityContext): void => {
  const broken = conditionOf(status, conditionTypes.glassBroken);
  if (broken === undefined || conditionOf(identity.status, conditionTypes.glassBroken) !== undefined) return;
  log.warn(broken.message, { workloadIdentity: keyOf(identity) });
  events.record({ regarding: identity, type: 'Warning', reason: conditionTypes.glassBroken, action: 'Hold', note: broken.message });
};

/** An identity that expired is not offboarded twice: somebody may have cancelled that run. Deleting it always ends it. */
const deleted = async (
  identity: WorkloadIdentityObject,
  deletedAt: string,
  context: WorkloadIdentityContext,
  signal: AbortSignal,
): Promise<ReconcileResult> => {
  const { client, keep } = context;
  if (identity.metadata.finalizers?.includes(workloadIdentityFinalizer) !== true) return { kind: 'done' };
  const end = identity.spec.lifecycle?.onDelete === 'Orphan' ? { kind: 'Release' as const } : onDeletion(deletedAt, runsOf(identity, context), waitedFor(identity));
  switch (end.kind) {
    case 'Release': {
      const released = await removeFinalizer(client, workloadIdentities, identity, workloadIdentityFinalizer, { signal });
      if (released !== undefined) keep(released);
      // What was answered as done may not be, and then no watch tells anything.
      return { kind: 'again', after: 30_000 };
    }
    case 'WaitFor':
      keep(await writeStatus(client, workloadIdentities, identity, statusOf(identity, end.run, {}, context), signal));
      return { kind: 'done' };
    case 'Create': {
      if (!(await isStillHeld(identity, context, signal))) return { kind: 'done' };
      const created = await createOffboarding(client, identity, 'Retired', context.operatorNamespace, signal);
      if (created !== undefined) announceEnd(identity, created, 'deleted', context);
      // The watch will show it; until then, or when an ended run of that name is in the way, look again.
      return { kind: 'again', after: created === undefined ? 30_000 : 1_000 };
    }
  }
};

/** The run that its deletion was seen to wait for. Its generation is another one since it is being deleted, so that no older status says so. */
const waitedFor = ({ metadata, status }: WorkloadIdentityObject): WorkloadIdentityStatus['offboardingRef'] =>
  status?.observedGeneration === metadata.generation ? status?.offboardingRef : undefined;

/**
 * The watch may show an identity a little longer than it is there. One that was let go needs no other run: that would find no
 * identity any more, and wait for a person for ever.
 */
const isStillHeld = async ({ metadata }: WorkloadIdentityObject, { client }: WorkloadIdentityContext, signal: AbortSignal): Promise<boolean> => {
  const { name, namespace = '', uid } = metadata;
  try {
    const now = await client.get(workloadIdentities, { namespace, name }, { signal, metadataOnly: true });
    return now.metadata.uid === uid && now.metadata.finalizers?.includes(workloadIdentityFinalizer) === true;
  } catch (error) {
    if (isNotFound(error, workloadIdentities, name)) return false;
    throw error;
  }
};

const announceEnd = (
  identity: WorkloadIdentityObject,
  { metadata }: OffboardingObject,
  why: 'expired' | 'deleted',
  { events }: WorkloadIdentityContext,
): void => {
  events.record({
    regarding: identity,
    type: 'Normal',
    reason: 'OffboardingCreated',
    action: 'Offboard',
    note: `The identity was ${why}; Offboarding "${metadata.name}" in namespace "${metadata.namespace ?? ''}" retires it`,
  });
};

const identityOf = ({ metadata, spec }: WorkloadIdentityObject): string =>
  `${metadata.namespace ?? ''}/${spec.serviceAccount.name}`;

const runsOf = (identity: WorkloadIdentityObject, context: WorkloadIdentityContext): readonly RunOfIdentity[] =>
  context
    .runsFor(identityOf(identity))
    .filter(({ spec }) => spec.mode === 'Enforce')
    .map((run) => ({
      namespace: run.metadata.namespace ?? '',
      name: run.metadata.name,
      createdAt: run.metadata.creationTimestamp,
      workloadIdentityUid: run.status?.target?.workloadIdentity?.uid,
      status: run.status ?? {},
      waivers: waiversOf(run, context),
    }));

/** Asked of the waivers and the clock, not of the run's status: that one may not have caught up with the end of a waiver. */
const waiversOf = (run: OffboardingObject, { waiversFor, registry, clock }: WorkloadIdentityContext): RunOfIdentity['waivers'] => {
  if (!isWaived(run.status)) return 'None';
  const revokers = registry.forTarget(run.status?.target);
  const inForce = waiversInForce(waiversFor(keyOf(run)), run, { dependencies: revokers.map(({ name }) => name), now: clock.now() });
  return waiversStand(run.status, inForce) ? 'Standing' : 'Lapsed';
};

interface Seen {
  readonly uid?: string;
  readonly dependencies?: WorkloadIdentityStatus['dependencies'];
  readonly verdict?: Verdict;
  readonly facts?: readonly Fact[];
}

const inventoryStatus = async (
  identity: WorkloadIdentityObject,
  underWay: boolean,
  context: WorkloadIdentityContext,
  signal: AbortSignal,
): Promise<Seen & { readonly inventoried: Fact }> => {
  const { metadata, spec, status } = identity;
  const { uid: pinned, name, mayBeAbsent } = spec.serviceAccount;
  const live = context.serviceAccountUid(metadata.namespace ?? '', name);
  const uid = pinned ?? live ?? status?.serviceAccountUID;
  const all = allDependencies(spec.dependencies, status?.dependencies);
  const known = all.filter((each) => !context.registry.unknown({ dependencies: [each] }).includes(each));
  const target: Target = {
    serviceAccount: { namespace: metadata.namespace ?? '', name, ...(uid === undefined ? {} : { uid }) },
    ...(spec.kubernetes?.certificates === undefined ? {} : { certificates: spec.kubernetes.certificates }),
    ...(spec.kubernetes?.probe === true ? { probe: true } : {}),
    ...(known.length === 0 ? {} : { dependencies: known }),
  };
  const revokers = context.registry.forTarget(target);
  const taken = await takeInventory(revokers, target, { before: status?.dependencies ?? [], isUnderWay: underWay }, signal);
  const defect = defectOf(all, taken.dependencies, revokers, context);
  const claim = { uid: metadata.uid, account: { namespace: metadata.namespace ?? '', name }, record: spec.supersedes?.record, ends: endsOf(identity, context) };
  const verdict = defect ?? nameVerdict(claim, context.records) ?? taken.failed ?? accountVerdict(pinned, live, mayBeAbsent === true, name);
  const stood = underWay && known.length > 0 ? conditionOf(status, conditionTypes.inventoried) : undefined;
  const inventoried: Fact =
    defect === undefined ? (stood ?? taken.inventoried) : { type: conditionTypes.inventoried, status: 'False', reason: reasons.notProvable, message: defect.message };
  // What there is no room for must not push out what is there: that is followed until there is.
  const isTooMuch = undeclaredOf(taken.dependencies).length > maxUndeclared;
  const dependencies = isTooMuch ? (status?.dependencies ?? []) : taken.dependencies;
  return { ...(uid === undefined ? {} : { uid }), dependencies, verdict, inventoried };
};

/** The records of ends of this very identity, as it is now: nobody takes back an end of its own that was yet to come. */
const endsOf = (identity: WorkloadIdentityObject, context: WorkloadIdentityContext): readonly string[] =>
  context.runsFor(identityOf(identity)).flatMap(({ status = {} }) => {
    const { uid, generation = 0 } = status.target?.workloadIdentity ?? {};
    return uid === identity.metadata.uid && generation >= (identity.metadata.generation ?? 0) && status.recordRef !== undefined ? [status.recordRef.name] : [];
  });

const undeclaredOf = (dependencies: readonly IdentityDependency[]): readonly IdentityDependency[] =>
  dependencies.filter(({ declared }) => declared === false);

/** What is wrong with the dependencies of an identity, whatever they hold. */
const defectOf = (
  all: readonly Dependency[],
  taken: readonly IdentityDependency[],
  revokers: readonly Revoker[],
  { registry }: WorkloadIdentityContext,
): Verdict | undefined => {
  const why = unsupported(registry.unknown({ dependencies: all }), 'spec.dependencies');
  if (why !== undefined) return stalled(reasons.invalidSpec, why);
  const order = orderDefect(revokers);
  if (order !== undefined) return stalled(reasons.invalidSpec, `spec.dependencies: ${order}`);
  const undeclared = undeclaredOf(taken).length;
  if (undeclared <= maxUndeclared) return undefined;
  return stalled(
    reasons.invalidSpec,
    `spec.dependencies: ${undeclared} were taken out that still hold credentials, and only ${maxUndeclared} can be followed; put some back, or end what they hold`,
  );
};

const accountVerdict = (pinned: string | undefined, live: string | undefined, mayBeAbsent: boolean, name: string): Verdict => {
  if (live === undefined && !mayBeAbsent) {
    return reconciling(reasons.serviceAccountMissing, `ServiceAccount "${name}" does not exist yet; create it, or set mayBeAbsent`);
  }
  if (pinned !== undefined && live !== undefined && live !== pinned) {
    return stalled(reasons.uidMismatch, `ServiceAccount "${name}" has UID ${live}, and spec.serviceAccount.uid pins ${pinned}`);
  }
  return { kind: 'Confirmed', reason: reasons.inventoryComplete, message: 'the inventory is complete' };
};

const statusOf = (
  identity: WorkloadIdentityObject,
  run: RunOfIdentity | undefined,
  seen: Seen,
  { clock }: WorkloadIdentityContext,
): WorkloadIdentityStatus => {
  const { metadata, spec, status } = identity;
  const now = clock.now();
  const expiresAt = spec.lifecycle?.expiresAt === undefined ? undefined : Date.parse(spec.lifecycle.expiresAt);
  const state = lifecycleState(run, expiresAt, now.getTime());
  const uid = seen.uid ?? status?.serviceAccountUID;
  const dependencies = seen.dependencies ?? status?.dependencies;
  const ready = conditionOf(run?.status, conditionTypes.ready);
  const verdict =
    state === 'Offboarding' || seen.verdict === undefined
      ? reconciling(reasons.offboarding, `Offboarding "${run?.name ?? ''}" is retiring the identity: ${ready?.message ?? 'starting'}`)
      : state === 'Retired' && (seen.verdict.reason === reasons.serviceAccountMissing || seen.verdict.reason === reasons.nameRetired)
        ? ({ kind: 'Confirmed', reason: reasons.inventoryComplete, message: 'the identity is retired' } as const)
        : seen.verdict;
  const kept = (status?.conditions ?? []).filter(({ type }) => type === conditionTypes.inventoried);
  const generation = metadata.generation ?? 0;
  return {
    observedGeneration: generation,
    lifecycleState: state,
    ...(uid === undefined ? {} : { serviceAccountUID: uid }),
    ...(dependencies === undefined ? {} : { dependencies }),
    ...(run === undefined ? {} : { offboardingRef: { namespace: run.namespace, name: run.name } }),
    conditions: conditionsOf([...factsOf(verdict), ...(seen.facts ?? kept)], status?.conditions ?? [], generation, now),
  };
};

/** Milliseconds between two inventories of what has no watch; and when one did not answer, or a person has something to mend. */
const askedAgain = { complete: 900_000, incomplete: 240_000 } as const;

/** The cluster tells by itself what changes there. */
const untilAskedAgain = (dependencies: WorkloadIdentityStatus['dependencies'], { status }: Fact): number | undefined => {
  if (dependencies?.some(({ declared }) => declared !== undefined) !== true) return undefined;
  return status === 'True' ? askedAgain.complete : askedAgain.incomplete;
};

/** When time alone changes something: the identity begins to expire, or has, or is to be inventoried again. */
const nextTime = (expiresAt: number, now: number, again: number | undefined): ReconcileResult => {
  const waits = [expiresAt - expiringWindow - now, expiresAt - now, again ?? 0].filter((wait) => wait > 0);
  return waits.length === 0 ? { kind: 'done' } : { kind: 'again', after: Math.min(...waits) };
};
