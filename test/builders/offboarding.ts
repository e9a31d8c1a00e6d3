/** Our kinds, with everything but the point of the test filled in. */
import { apiVersion } from '../../src/api/v1alpha1/index.ts';
import type { OffboardingSpec, OffboardingStatus, OffboardingWaiverSpec, WorkloadIdentitySpec, WorkloadIdentityStatus } from '../../src/api/v1alpha1/index.ts';
import type { ObjectMeta } from '../../src/kube/objects.ts';
import type { OffboardingObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../../src/reconcile/objects.ts';

const metadata = (name: string, change: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: 'ci',
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-11-23T10:00:00Z',
  ...change,
});

export const anOffboarding = (
  change: { readonly metadata?: Partial<ObjectMeta>; readonly spec?: Partial<OffboardingSpec>; readonly status?: OffboardingStatus } = {},
): OffboardingObject => ({
  apiVersion,
  kind: 'Offboarding',
  metadata: metadata('retire', change.metadata),
  spec: {
    ...(change.spec?.identity === undefined ? { workloadIdentityRef: { name: 'agent' } } : {}),
    reason: 'Retired',
    mode: 'Enforce',
    soak: '0s',
    ...change.spec,
  },
  ...(change.status === undefined ? {} : { status: change.status }),
});

export const anIdentity = (
  change: { readonly metadata?: Partial<ObjectMeta>; readonly spec?: Partial<WorkloadIdentitySpec>; readonly status?: WorkloadIdentityStatus } = {},
): WorkloadIdentityObject => ({
  apiVersion,
  kind: 'WorkloadIdentity',
  metadata: metadata('agent', change.metadata),
  spec: { serviceAccount: { name: 'agent' }, ...change.spec },
  status: change.status ?? { serviceAccountUID: 'uid-of-account' },
});

/** For the dependency of the fake world, until half an hour after the builders' beginning. */
export const aWaiver = (
  change: { readonly metadata?: Partial<ObjectMeta>; readonly spec?: Partial<OffboardingWaiverSpec> } = {},
): OffboardingWaiverObject => ({
  apiVersion,
  kind: 'OffboardingWaiver',
  metadata: metadata('waive', change.metadata),
  spec: {
    offboardingRef: { name: 'retire', uid: 'uid-of-retire' },
    dependency: 'fake',
    reason: 'its owner is away',
    expiresAt: '2026-11-23T10:30:00Z',
    approvedBy: { username: 'boss' },
    ...change.spec,
  },
});
