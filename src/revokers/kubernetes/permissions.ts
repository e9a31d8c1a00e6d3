/** What the operator may and may not do, as the API server itself answers. */
import type { Target } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { ResourceAttributes, SelfSubjectAccessReview } from '../../kube/objects.ts';
import {
  apiVersionOf,
  clusterRoleBindings,
  clusterRoles,
  pods,
  qualifiedName,
  type Resource,
  roleBindings,
  roles,
  secrets,
  selfSubjectAccessReviews,
  serviceAccounts,
  subjectAccessReviews,
  tokenReviews,
} from '../../kube/resources.ts';
import type { Clock } from '../../runtime/clock.ts';
import { createKeyedCoalescer } from '../../runtime/coalesce.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import { createTimedMemory } from '../../runtime/timed-memory.ts';
import type { Credential, MissingPermission } from '../revoker.ts';
import { locate, parseGrant } from './ids.ts';
import { workloadResources } from './workloads.ts';

export interface Permission {
  readonly verb: string;
  readonly resource: Resource;
  readonly subresource?: string;
  /** Absent: cluster-wide. */
  readonly namespace?: string;
  /** Absent: all of them. */
  readonly name?: string;
}

export interface Permissions {
  /** Rejects when it could not be told. */
  readonly allowed: (permission: Permission, signal: AbortSignal) => Promise<boolean>;
  /** Those of `permissions` that we do not have. */
  readonly missing: (permissions: readonly Permission[], signal: AbortSignal) => Promise<readonly MissingPermission[]>;
}

/** Milliseconds. A grant that was taken back meanwhile shows as a refused call, which is handled where it is made. */
const trustAllowed = 30_000;
/** Long enough for runs that ask together, short enough for a person who has just granted it. */
const trustDenied = 3_000;
const maxRemembered = 5_000;
const concurrency = 8;

export const createPermissions = ({
  client,
  clock,
}: {
  readonly client: KubeClient;
  readonly clock: Clock;
}): Permissions => {
  const known = createTimedMemory<boolean>(clock, maxRemembered);
  const asked = createKeyedCoalescer(async (key, signal) => {
    const answer = await ask(client, JSON.parse(key) as ResourceAttributes, signal);
    known.set(key, answer, clock.monotonic() + (answer ? trustAllowed : trustDenied));
    return answer;
  });
  const review = async (attributes: ResourceAttributes, signal: AbortSignal): Promise<boolean> => {
    const key = JSON.stringify(attributes);
    return known.get(key) ?? asked.read(key, signal);
  };
  const allowed: Permissions['allowed'] = async (permission, signal) => {
    for (const attributes of widestFirst(permission)) if (await review(attributes, signal)) return true;
    return false;
  };
  return {
    allowed,
    missing: async (permissions, signal) => {
      const unique = new Map(permissions.map((permission) => [describePermission(permission), permission]));
      const answers = await mapBounded(
        [...unique.values()],
        concurrency,
        async (permission) => ((await allowed(permission, signal)) ? [] : [describeMissing(permission)]),
        signal,
      );
      return answers.flat();
    },
  };
};

/** A grant for everything is shared by all runs, so it is asked for first; the narrow ones only where that fails. */
const widestFirst = ({ verb, resource, subresource, namespace, name }: Permission): readonly ResourceAttributes[] => {
  const wide: ResourceAttributes = {
    verb,
    group: resource.group,
    version: resource.version,
    resource: resource.plural,
    ...(subresource !== undefined && { subresource }),
  };
  const inNamespace = namespace === undefined ? wide : { ...wide, namespace };
  return [
    wide,
    ...(namespace === undefined ? [] : [inNamespace]),
    ...(name === undefined ? [] : [{ ...inNamespace, name }]),
  ];
};

const ask = async (
  client: KubeClient,
  resourceAttributes: ResourceAttributes,
  signal: AbortSignal,
): Promise<boolean> => {
  const { status } = await client
    .review<SelfSubjectAccessReview>(
      selfSubjectAccessReviews,
      {
        apiVersion: apiVersionOf(selfSubjectAccessReviews),
        kind: selfSubjectAccessReviews.kind,
        spec: { resourceAttributes },
      },
      { signal },
    )
    .catch((error: unknown) => {
      throw toOutcome(error);
    });
  if (status?.allowed === true) return true;
  if (status?.allowed !== false) throw retryable('AccessReview', 'the API server did not answer an access review');
  // An authorizer that failed may be the one that would have allowed it.
  if (status.evaluationError)
    throw retryable('AccessReview', `an access review could not be evaluated: ${status.evaluationError}`);
  return false;
};

/** `delete rolebindings.rbac.authorization.k8s.io in namespace "ci"`. */
export const describePermission = ({ verb, resource, subresource, namespace, name }: Permission): string => {
  const part = subresource === undefined ? '' : `/${subresource}`;
  const what = `${verb} ${qualifiedName(resource)}${part}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`;
  if (!resource.namespaced && namespace === undefined) return what;
  return namespace === undefined ? `${what} in all namespaces` : `${what} in namespace ${JSON.stringify(namespace)}`;
};

const describeMissing = (permission: Permission): MissingPermission => {
  const described = describePermission(permission);
  return { permission: described, line: ruleFor(permission), message: `may not ${described}` };
};

/** As a line for the `rules` of a Role or ClusterRole, and where that has to be bound. */
const ruleFor = ({ verb, resource: { group, plural, namespaced }, subresource, namespace, name }: Permission): string => {
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const names = name === undefined ? '' : `, resourceNames: [${JSON.stringify(name)}]`;
  const where = namespace === undefined ? (namespaced ? '  # in all namespaces' : '') : `  # in namespace ${namespace}`;
  return `- {apiGroups: ["${group}"], resources: ["${resource}"], verbs: ["${verb}"]${names}}${where}`;
};

/** Everything that ending, and proving the end of, these credentials takes. */
export const neededFor = (
  target: Target,
  credentials: readonly Credential[],
  tokenSecrets: boolean,
): readonly Permission[] => {
  const { namespace } = target.serviceAccount;
  return [
    { verb: 'get', resource: serviceAccounts, namespace },
    { verb: 'list', resource: roleBindings },
    { verb: 'list', resource: clusterRoleBindings },
    { verb: 'get', resource: clusterRoles },
    { verb: 'create', resource: subjectAccessReviews },
    ...[pods, ...workloadResources].map((resource): Permission => ({ verb: 'list', resource, namespace })),
    ...(tokenSecrets
      ? [
          { verb: 'list', resource: secrets },
          { verb: 'get', resource: secrets, namespace },
        ]
      : []),
    ...(target.probe === true ? neededToProbe(namespace) : []),
    ...credentials.flatMap(neededForOne),
  ];
};

/** To make a canary, to try it and to end it. */
const neededToProbe = (namespace: string): readonly Permission[] => [
  { verb: 'create', resource: serviceAccounts, subresource: 'token', namespace },
  { verb: 'create', resource: secrets, namespace },
  { verb: 'delete', resource: secrets, namespace },
  { verb: 'create', resource: tokenReviews },
];

const neededForOne = (credential: Credential): readonly Permission[] => {
  const located = locate(credential);
  if (located === undefined || 'user' in located) {
    return (credential.grants ?? []).flatMap((text) => {
      const grant = parseGrant(text);
      return grant?.roleKind === 'Role' && grant.namespace !== undefined
        ? [{ verb: 'get', resource: roles, namespace: grant.namespace }]
        : [];
    });
  }
  const resource = resources[located.class];
  const verbs = ['get', ...(credential.end.by === 'Revoke' ? ['delete'] : [])];
  if ('cut' in located) return verbs.map((verb) => ({ verb, resource }));
  const { namespace } = located;
  return verbs.map((verb) => ({
    verb,
    resource,
    ...(namespace !== undefined && { namespace }),
    // A delete may be granted for single names; messages name the object then, so only where that is likely.
    ...(located.class === 'ServiceAccount' && verb === 'delete' && { name: located.name }),
  }));
};

const resources = {
  ServiceAccount: serviceAccounts,
  BoundTokens: serviceAccounts,
  TokenSecret: secrets,
  RoleBinding: roleBindings,
  ClusterRoleBinding: clusterRoleBindings,
} as const;
