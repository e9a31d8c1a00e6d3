/** By what the kinds are looked up, and what is kept of them in memory. */
import type { KubeObject } from '../kube/objects.ts';
import type { OffboardingObject, OffboardingWaiverObject, WorkloadIdentityObject } from './objects.ts';

/** Everything but who wrote which field, which nobody here asks for and which is half of an object. */
const withoutManagers = (object: KubeObject): KubeObject => {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
};

export const projectOffboarding = (raw: KubeObject): OffboardingObject => withoutManagers(raw) as OffboardingObject;
export const projectWorkloadIdentity = (raw: KubeObject): WorkloadIdentityObject => withoutManagers(raw) as WorkloadIdentityObject;
export const projectOffboardingWaiver = (raw: KubeObject): OffboardingWaiverObject => withoutManagers(raw) as OffboardingWaiverObject;

const namespaceOf = ({ metadata }: KubeObject): string => metadata.namespace ?? '';

/** The identity a run is for, as far as it is known: `namespace/name` of the ServiceAccount. */
export const identityOf = (run: OffboardingObject): string | undefined =>
  run.status?.identity ??
  (run.spec.identity === undefined ? undefined : `${namespaceOf(run)}/${run.spec.identity.serviceAccount.name}`);

const certificateUsers = (certificates: readonly { readonly commonName: string }[] | undefined): readonly string[] =>
  (certificates ?? []).map(({ commonName }) => commonName);

export const offboardingIndexers = {
  identity: (run: OffboardingObject): readonly string[] => {
    const identity = identityOf(run);
    return identity === undefined ? [] : [identity];
  },
  /** The WorkloadIdentity it names, as `namespace/name`. */
  reference: (run: OffboardingObject): readonly string[] => {
    const { workloadIdentityRef: ref } = run.spec;
    return ref === undefined ? [] : [`${ref.namespace ?? namespaceOf(run)}/${ref.name}`];
  },
  user: (run: OffboardingObject): readonly string[] => certificateUsers(run.status?.target?.certificates),
};

export const workloadIdentityIndexers = {
  identity: (object: WorkloadIdentityObject): readonly string[] => [`${namespaceOf(object)}/${object.spec.serviceAccount.name}`],
  user: (object: WorkloadIdentityObject): readonly string[] => certificateUsers(object.spec.kubernetes?.certificates),
};

export const offboardingWaiverIndexers = {
  /** The Offboarding it names, as `namespace/name`. */
  run: (waiver: OffboardingWaiverObject): readonly string[] => [`${namespaceOf(waiver)}/${waiver.spec.offboardingRef.name}`],
};
