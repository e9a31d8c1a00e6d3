/** The kinds as the reconcilers read them: metadata, spec and status of the raw object. */
import { conditionOf, conditionTypes } from '../api/v1alpha1/conditions.ts';
import type {
  Certificate,
  OffboardingRecordSpec,
  OffboardingRecordStatus,
  OffboardingSpec,
  OffboardingStatus,
  OffboardingWaiverSpec,
  OffboardingWaiverStatus,
  WorkloadIdentitySpec,
  WorkloadIdentityStatus,
} from '../api/v1alpha1/index.ts';
import type { KubeObject } from '../kube/objects.ts';

export interface OffboardingObject extends KubeObject {
  readonly spec: OffboardingSpec;
  readonly status?: OffboardingStatus;
}

export interface WorkloadIdentityObject extends KubeObject {
  readonly spec: WorkloadIdentitySpec;
  readonly status?: WorkloadIdentityStatus;
}

export interface OffboardingWaiverObject extends KubeObject {
  readonly spec: OffboardingWaiverSpec;
  readonly status?: OffboardingWaiverStatus;
}

/** In memory without what is signed, or a chunk of it: there are many of these, and they are long. */
export interface OffboardingRecordObject extends KubeObject {
  readonly spec: OffboardingRecordSpec;
  readonly status?: OffboardingRecordStatus;
  /** What of that must be known of all without reading each. Only in memory. */
  readonly signed?: SignedFacts;
}

/** Read from the payload as it came by; whether it is signed is another question. */
export interface SignedFacts {
  /** Whether the payload has the digest that the spec says. */
  readonly digestHolds: boolean;
  /** Users whose bindings are watched, too. */
  readonly certificates?: readonly Certificate[];
  /** True where other systems than the cluster are to be asked. */
  readonly elsewhere?: true;
  /** The records that hold its chunks. */
  readonly chunks?: readonly string[];
}

/** What is asked for is not what it was, or nobody holds the object any more who did: everything but its status. */
export const asksOtherwise = ({ metadata: before }: KubeObject, { metadata: now }: KubeObject): boolean =>
  before.uid !== now.uid ||
  before.generation !== now.generation ||
  before.deletionTimestamp !== now.deletionTimestamp ||
  (before.finalizers ?? []).join() !== (now.finalizers ?? []).join();

/**
 * Or the status claims something else: that the run is confirmed, or over. All other changes of a status are our own, or
 * those of a second operator that should not be there; to answer these at once would be a quarrel without end.
 */
export const asksOrClaimsOtherwise = (before: OffboardingObject, now: OffboardingObject): boolean =>
  asksOtherwise(before, now) || claimOf(before) !== claimOf(now);

const claimOf = ({ status }: OffboardingObject): string =>
  `${conditionOf(status, conditionTypes.ready)?.status ?? ''} ${status?.completedAt ?? ''}`;

/** The key of an object in queues and stores. */
export const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

export const splitKey = (key: string): { readonly namespace: string; readonly name: string } => {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};
