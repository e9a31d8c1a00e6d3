/**
 * What a person who watches a GitOps tool must be told of an object of ours, by the reason that it gives: written from
 * `src/api/v1alpha1/conditions.ts`, and knowing nothing of how the health checks go about it.
 */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { Condition } from '../../src/api/v1alpha1/index.ts';
import type { Judged } from './gitops-health.ts';

/**
 * - `Done`: what the object promises is so, of the generation that is there.
 * - `Working`: it goes on by itself.
 * - `Resting`: somebody wants it so. Nothing is wrong, and nothing is done.
 * - `Over`: the same for good: it will never be done.
 * - `Wrong`: a person must act.
 * - `Untold`: nobody could tell.
 */
export type Meaning = 'Done' | 'Working' | 'Resting' | 'Over' | 'Wrong' | 'Untold';

const r = reasons;

const done: readonly string[] = [
  r.confirmed, r.confirmedWithUnprovable, r.completedWithWaivers, r.inventoryComplete, r.connected, r.inForce,
];
const working: readonly string[] = [
  r.starting, r.waitingForOtherRun, r.soaking, r.revoking, r.settling, r.waitingForExpiry, r.dependencyUnavailable, r.offboarding, r.superseding,
  r.recording, r.serviceAccountMissing,
];
const resting: readonly string[] = [r.planOnly, r.suspended, r.notNeeded];
const over: readonly string[] = [r.cancelled, r.superseded];

interface Seen {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

const conditionOf = (object: Judged, type: string): Condition | undefined =>
  (object.status as Seen | undefined)?.conditions?.find((condition) => condition.type === type);

export const meaningOf = (object: Judged): Meaning => {
  const { observedGeneration, conditions = [] } = (object.status ?? {}) as Seen;
  if (object.kind === 'OffboardingRecord' && (object.spec as { readonly chunk?: unknown } | undefined)?.chunk !== undefined) return 'Done';
  if (conditions.length === 0 || observedGeneration !== object.metadata.generation) return 'Working';
  return object.kind === 'OffboardingRecord' ? ofRecord(object) : ofOthers(object);
};

const ofRecord = (object: Judged): Meaning => {
  const [intact, resurrected] = [conditionOf(object, 'Intact'), conditionOf(object, 'Resurrected')];
  if (resurrected?.status === 'True' || intact?.status === 'False') return 'Wrong';
  return intact?.status === 'True' ? 'Done' : 'Untold';
};

const ofOthers = (object: Judged): Meaning => {
  const reason = conditionOf(object, 'Ready')?.reason ?? '';
  // It says that it is open again; what it is waiting for stands beside it.
  const why = reason === r.reopened ? (conditionOf(object, 'Reconciling') ?? conditionOf(object, 'Stalled'))?.reason ?? '' : reason;
  const meaning = ofReason(object.kind, why);
  return meaning !== 'Wrong' && conditionOf(object, 'GlassBroken') !== undefined ? 'Wrong' : meaning;
};

const ofReason = (kind: string, reason: string): Meaning => {
  if (done.includes(reason)) return 'Done';
  if (working.includes(reason)) return 'Working';
  if (resting.includes(reason)) return 'Resting';
  if (over.includes(reason)) return 'Over';
  // Everything else that we ever say is for a person; so is a waiver whose time is over while the run needs it.
  return 'Wrong';
};

/** What each tool must say. Flux has no word for what rests: it waits for what may go on. */
export const expectedOf = (object: Judged): { readonly argocd: string; readonly flux: string | undefined; readonly kstatus: string } => {
  const meaning = meaningOf(object);
  const deleting = object.metadata.deletionTimestamp !== undefined;
  const working = conditionOf(object, 'Reconciling') !== undefined;
  const argocd = { Done: 'Healthy', Working: 'Progressing', Resting: 'Suspended', Over: 'Suspended', Wrong: 'Degraded', Untold: 'Unknown' }[meaning];
  const flux = { Done: 'Current', Working: 'InProgress', Resting: 'InProgress', Over: 'Failed', Wrong: working ? 'InProgress' : 'Failed', Untold: 'InProgress' }[meaning];
  return {
    argocd: deleting && meaning !== 'Wrong' ? 'Progressing' : argocd,
    // An expression that asks for a field of a status that is not there has no answer. Only a record has none at first.
    flux: deleting ? 'InProgress' : object.status === undefined && meaning === 'Working' ? undefined : flux,
    kstatus: deleting ? 'Terminating' : kstatusOf(object, meaning),
  };
};

/**
 * kstatus knows Ready, Reconciling and Stalled, and the generation. What we say in other conditions it does not see: that a finalizer was
 * taken off, that a record is not as it was signed, that something came back. There the others are stricter, and never the other way round.
 */
const kstatusOf = (object: Judged, meaning: Meaning): string => {
  const stale = (object.status as Seen | undefined)?.observedGeneration !== object.metadata.generation;
  if (object.kind === 'OffboardingRecord') return stale && object.status !== undefined ? 'InProgress' : 'Current';
  if (stale) return 'InProgress';
  const ready = conditionOf(object, 'Ready');
  if (conditionOf(object, 'Stalled') !== undefined) return 'Failed';
  return ready?.status === 'True' && meaning !== 'Working' ? 'Current' : 'InProgress';
};
