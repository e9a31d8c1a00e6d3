/**
 * Raw JSON shapes, as the API server sends them: times are strings, unknown fields stay where they are. Nothing here is
 * ever filled with defaults, so an object can be compared, projected and patched without losing what we do not know.
 */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Who last wrote which fields; the manager's name tells a person who keeps putting something back. */
export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: unknown;
}

/** Times are RFC 3339 strings. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly ManagedFieldsEntry[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** Points at one object; `uid` makes it that one and not a later one of the same name. */
export interface ObjectReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly fieldPath?: string;
}

/**
 * Whom a binding names. A `ServiceAccount` without `namespace` in a RoleBinding means the binding's own namespace, and
 * it does grant (measured). `apiGroup` is empty for ServiceAccounts, `rbac.authorization.k8s.io` otherwise.
 */
export interface Subject {
  readonly kind: string;
  readonly apiGroup?: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface RoleRef {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

/** RoleBinding and ClusterRoleBinding alike; only the former has a namespace. */
export interface RoleBinding extends KubeObject {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface Role extends KubeObject {
  readonly rules?: readonly PolicyRule[];
  readonly aggregationRule?: unknown;
}

export interface ServiceAccount extends KubeObject {
  readonly secrets?: readonly ObjectReference[];
  readonly automountServiceAccountToken?: boolean;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly serviceAccount?: string;
  readonly nodeName?: string;
}

export interface Pod extends KubeObject {
  readonly spec: PodSpec;
  readonly status?: { readonly phase?: string };
}

/** Everything that stamps pods out of a template, but for CronJob. */
export interface Workload extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly metadata?: Partial<ObjectMeta>; readonly spec?: PodSpec };
  };
}

export interface CronJob extends KubeObject {
  readonly spec?: { readonly suspend?: boolean; readonly jobTemplate?: { readonly spec?: Workload['spec'] } };
}

/** `renewTime` and `acquireTime` are MicroTime: RFC 3339 with exactly six digits of a second. */
export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number;
  };
}

export interface ResourceAttributes {
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly verb?: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface AccessReviewStatus {
  readonly allowed: boolean;
  readonly denied?: boolean;
  /** Names the binding that grants, when one does. */
  readonly reason?: string;
  readonly evaluationError?: string;
}

/** A review is asked, not stored: its metadata is empty. */
export interface SubjectAccessReview {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly spec: {
    readonly user?: string;
    readonly uid?: string;
    /** Always send these: without them a grant through a group is answered `allowed: false`. */
    readonly groups?: readonly string[];
    readonly resourceAttributes?: ResourceAttributes;
    readonly nonResourceAttributes?: { readonly path: string; readonly verb: string };
  };
  readonly status?: AccessReviewStatus;
}

export interface SelfSubjectAccessReview {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly spec: Omit<SubjectAccessReview['spec'], 'user' | 'uid' | 'groups'>;
  readonly status?: AccessReviewStatus;
}

/** All that whoever asks may do in one namespace, as far as the authorizers can list it. */
export interface SelfSubjectRulesReview {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly spec: { readonly namespace: string };
  readonly status?: {
    readonly resourceRules: readonly {
      readonly verbs: readonly string[];
      readonly apiGroups?: readonly string[];
      readonly resources?: readonly string[];
      /** None: any. */
      readonly resourceNames?: readonly string[];
    }[];
    /** An authorizer could not list its rules: there may be more. */
    readonly incomplete: boolean;
  };
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  /** The resource's plural for most errors, its kind for some. */
  readonly kind?: string;
  readonly uid?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly StatusCause[];
}

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** A `BOOKMARK` holds an object with nothing but `metadata.resourceVersion`. An in-stream `ERROR` is thrown instead. */
export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}
