/** The kinds as the reconcilers read them: metadata, spec and status of the raw object. */
import type {
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

/** The key of an object in queues and stores. */
export const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

export const splitKey = (key: string): { readonly namespace: string; readonly name: string } => {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
};
