/** One kind of object as the API server addresses it: enough to build a path and to recognise its objects in answers. */
export interface Resource {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The name in the path, also what `Status.details.kind` holds for this resource. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const define = (group: string, version: string, plural: string, kind: string, namespaced: boolean): Resource =>
  Object.freeze({ group, version, plural, kind, namespaced });

export const namespaces = define('', 'v1', 'namespaces', 'Namespace', false);
export const serviceAccounts = define('', 'v1', 'serviceaccounts', 'ServiceAccount', true);
export const configMaps = define('', 'v1', 'configmaps', 'ConfigMap', true);
export const secrets = define('', 'v1', 'secrets', 'Secret', true);
export const pods = define('', 'v1', 'pods', 'Pod', true);
export const replicationControllers = define('', 'v1', 'replicationcontrollers', 'ReplicationController', true);

export const deployments = define('apps', 'v1', 'deployments', 'Deployment', true);
export const statefulSets = define('apps', 'v1', 'statefulsets', 'StatefulSet', true);
export const daemonSets = define('apps', 'v1', 'daemonsets', 'DaemonSet', true);
export const replicaSets = define('apps', 'v1', 'replicasets', 'ReplicaSet', true);
export const jobs = define('batch', 'v1', 'jobs', 'Job', true);
export const cronJobs = define('batch', 'v1', 'cronjobs', 'CronJob', true);

const rbac = 'rbac.authorization.k8s.io';
export const roles = define(rbac, 'v1', 'roles', 'Role', true);
export const clusterRoles = define(rbac, 'v1', 'clusterroles', 'ClusterRole', false);
export const roleBindings = define(rbac, 'v1', 'rolebindings', 'RoleBinding', true);
export const clusterRoleBindings = define(rbac, 'v1', 'clusterrolebindings', 'ClusterRoleBinding', false);

const authorization = 'authorization.k8s.io';
export const subjectAccessReviews = define(authorization, 'v1', 'subjectaccessreviews', 'SubjectAccessReview', false);
export const selfSubjectAccessReviews = define(
  authorization, 'v1', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false,
);
export const selfSubjectRulesReviews = define(authorization, 'v1', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false);

const authentication = 'authentication.k8s.io';
export const tokenRequests = define(authentication, 'v1', 'tokenrequests', 'TokenRequest', false);
export const tokenReviews = define(authentication, 'v1', 'tokenreviews', 'TokenReview', false);
export const selfSubjectReviews = define(authentication, 'v1', 'selfsubjectreviews', 'SelfSubjectReview', false);

const admission = 'admissionregistration.k8s.io';
export const validatingAdmissionPolicies = define(admission, 'v1', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', false);
export const validatingAdmissionPolicyBindings = define(
  admission, 'v1', 'validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', false,
);

/** The `events.k8s.io` form: the core one is the same object without `series` aggregation semantics. */
export const events = define('events.k8s.io', 'v1', 'events', 'Event', true);
/** Where a Service's servers are. */
export const endpointSlices = define('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice', true);
export const leases = define('coordination.k8s.io', 'v1', 'leases', 'Lease', true);

const offboard = 'offboard.dev';
export const workloadIdentities = define(offboard, 'v1alpha1', 'workloadidentities', 'WorkloadIdentity', true);
export const offboardings = define(offboard, 'v1alpha1', 'offboardings', 'Offboarding', true);
export const connectors = define(offboard, 'v1alpha1', 'connectors', 'Connector', false);
export const offboardingWaivers = define(offboard, 'v1alpha1', 'offboardingwaivers', 'OffboardingWaiver', true);

export const offboardingRecords = define(offboard, 'v1alpha1', 'offboardingrecords', 'OffboardingRecord', false);

/** `group/version`, or `v1` for the core group: the `apiVersion` field of an object. */
export const apiVersionOf = (resource: Resource): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;

/** `plural.group`, or just the plural for the core group: how kubectl and RBAC messages name a resource. */
export const qualifiedName = (resource: Resource): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
