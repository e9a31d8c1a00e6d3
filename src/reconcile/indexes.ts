/** By what the kinds are looked up, and what is kept of them in memory. */
import type { OffboardingRecordSpec, WorkloadIdentityStatus } from '../api/v1alpha1/index.ts';
import type { KubeObject } from '../kube/objects.ts';
import type { ConnectorObject } from '../revokers/connector.ts';
import { createShare } from '../runtime/share.ts';
import type { Share } from '../runtime/share.ts';
import type { OffboardingObject, OffboardingRecordObject, OffboardingWaiverObject, WorkloadIdentityObject } from './objects.ts';
import { signedFacts } from './record/signed.ts';

/** Everything but who wrote which field, which nobody here asks for and which is half of an object. */
const withoutManagers = (object: KubeObject): KubeObject => {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
};

export const projectOffboarding = (raw: KubeObject): OffboardingObject => withoutManagers(raw) as OffboardingObject;
export const projectConnector = (raw: KubeObject): ConnectorObject => withoutManagers(raw) as ConnectorObject;
export const projectOffboardingWaiver = (raw: KubeObject): OffboardingWaiverObject => withoutManagers(raw) as OffboardingWaiverObject;

/**
 * There are as many of these as there are identities, most of them at rest and alike: of the metadata only what is used, and
 * once what they say alike. They are written by patches alone, so that nothing is lost by what is left out.
 */
export const createWorkloadIdentityProjection = (share: Share = createShare()) => (raw: KubeObject): WorkloadIdentityObject => {
  const { apiVersion, kind, metadata, spec, status } = raw as WorkloadIdentityObject;
  const { namespace, name, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, finalizers } = metadata;
  return {
    ...(apiVersion !== undefined && { apiVersion: share(apiVersion) }),
    ...(kind !== undefined && { kind: share(kind) }),
    metadata: {
      name,
      uid,
      resourceVersion,
      creationTimestamp,
      ...(namespace !== undefined && { namespace: share(namespace) }),
      ...(generation !== undefined && { generation }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
      ...(finalizers !== undefined && { finalizers: share(finalizers) }),
    },
    spec: { ...spec, ...(spec.owner !== undefined && { owner: share(spec.owner) }) },
    ...(status !== undefined && { status: shareStatus(status, share) }),
  };
};

const shareStatus = (status: WorkloadIdentityStatus, share: Share): WorkloadIdentityStatus => ({
  ...status,
  ...(status.lifecycleState !== undefined && { lifecycleState: share(status.lifecycleState) }),
  ...(status.dependencies !== undefined && { dependencies: share(status.dependencies) }),
  ...(status.conditions !== undefined && { conditions: share(status.conditions) }),
});

/**
 * Records are never deleted while they watch, so that there are the more of them the longer a cluster lives. Of each what finds it is
 * kept: whoever wants what is signed, or a chunk, reads that one.
 */
export const createRecordProjection = (share: Share = createShare()) => (raw: KubeObject): OffboardingRecordObject => {
  const { apiVersion, kind, metadata, spec, status } = raw as OffboardingRecordObject;
  const { name, uid, resourceVersion, generation, creationTimestamp, deletionTimestamp } = metadata;
  const signed = signedFacts(spec);
  return {
    ...(apiVersion !== undefined && { apiVersion: share(apiVersion) }),
    ...(kind !== undefined && { kind: share(kind) }),
    metadata: {
      name,
      uid,
      resourceVersion,
      creationTimestamp,
      ...(generation !== undefined && { generation }),
      ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    },
    spec: withoutBodies(spec, share),
    ...(status !== undefined && { status: { ...status, ...(status.conditions !== undefined && { conditions: share(status.conditions) }) } }),
    ...(signed !== undefined && { signed: share(signed) }),
  };
};

const withoutBodies = ({ envelope: _, chunk: __, ...spec }: OffboardingRecordSpec, share: Share): OffboardingRecordSpec => ({
  ...spec,
  ...(spec.outcome !== undefined && { outcome: share(spec.outcome) }),
  ...(spec.identity !== undefined && { identity: { ...spec.identity, namespace: share(spec.identity.namespace) } }),
  ...(spec.offboarding !== undefined && { offboarding: { ...spec.offboarding, namespace: share(spec.offboarding.namespace) } }),
});

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
  /** The connectors that a run still needs, by name; none once it has ended. */
  connector: ({ spec, status }: OffboardingObject): readonly string[] => {
    const dependencies = status?.completedAt === undefined ? (status?.target?.dependencies ?? spec.identity?.dependencies ?? []) : [];
    return [...new Set(dependencies.flatMap(({ vault, googleCloud }) => (vault ?? googleCloud)?.connectorRef.name ?? []))];
  },
};

export const workloadIdentityIndexers = {
  identity: (object: WorkloadIdentityObject): readonly string[] => [[namespaceOf(object), object.spec.serviceAccount.name].join('/')],
  user: (object: WorkloadIdentityObject): readonly string[] => certificateUsers(object.spec.kubernetes?.certificates),
  /** The OffboardingRecord whose name it uses again, or means to. */
  supersedes: ({ spec }: WorkloadIdentityObject): readonly string[] => (spec.supersedes === undefined ? [] : [spec.supersedes.record]),
};

export const offboardingWaiverIndexers = {
  /** The Offboarding it names, as `namespace/name`. */
  run: (waiver: OffboardingWaiverObject): readonly string[] => [`${namespaceOf(waiver)}/${waiver.spec.offboardingRef.name}`],
};

export const recordIndexers = {
  /** The UID of the Offboarding whose end it is of. */
  run: ({ spec }: OffboardingRecordObject): readonly string[] => (spec.offboarding === undefined ? [] : [spec.offboarding.uid]),
  /** `namespace/name` of the ServiceAccount. */
  identity: ({ spec }: OffboardingRecordObject): readonly string[] =>
    spec.identity === undefined ? [] : [[spec.identity.namespace, spec.identity.name].join('/')],
  user: ({ signed }: OffboardingRecordObject): readonly string[] => certificateUsers(signed?.certificates),
};
