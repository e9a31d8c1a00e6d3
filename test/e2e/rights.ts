/** What the operator's account was granted, one by one, and which of it was used, as the audit log of the API server tells. */
import { loadAll } from 'js-yaml';
import type { PolicyRule, RoleBinding } from '../../src/kube/objects.ts';
import { type AuditEvent, requestsOf } from '../env/audit.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { renderChart } from '../env/helm.ts';
import { operatorUser } from '../env/operator-account.ts';

export interface Right {
  /** As a reason of the authorizer names it: `ClusterRole "offboard"`. */
  readonly role: string;
  readonly verb: string;
  readonly apiGroup: string;
  /** With its subresource. */
  readonly resource: string;
  /** Absent: all of them. */
  readonly name?: string;
  /** For people. */
  readonly text: string;
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
}

export const rightsOf = async (cluster: ControlPlane): Promise<readonly Right[]> => {
  const all = await cluster.kubectl(['get', 'clusterrolebindings,rolebindings,clusterroles,roles', '-A', '-o', 'json']);
  return rightsIn((JSON.parse(all) as { readonly items: readonly (Role & RoleBinding)[] }).items);
};

/** Those that a release with these values grants. */
export const rightsGranted = async (values: object): Promise<readonly Right[]> =>
  rightsIn((loadAll(await renderChart({ values })) as (Role & RoleBinding)[]).filter(({ kind }) => /^(Cluster)?Role(Binding)?$/.test(kind)));

/** Of the roles that are bound to the operator's account. */
const rightsIn = (objects: readonly (Role & RoleBinding)[]): readonly Right[] =>
  objects
    .filter(({ subjects = [] }) => subjects.some(({ kind, namespace, name }) => kind === 'ServiceAccount' && namespace === 'offboard-system' && name === 'offboard'))
    .flatMap(({ roleRef, metadata }) => {
      const role = objects.find((each) => each.kind === roleRef.kind && each.metadata.name === roleRef.name && (roleRef.kind === 'ClusterRole' || each.metadata.namespace === metadata.namespace));
      return (role?.rules ?? []).flatMap((rule) => expand(rule, `${roleRef.kind} "${roleRef.name}"`));
    });

const expand = ({ verbs, apiGroups = [], resources = [], resourceNames }: PolicyRule, role: string): readonly Right[] =>
  verbs.flatMap((verb) =>
    apiGroups.flatMap((apiGroup) =>
      resources.flatMap((resource) =>
        (resourceNames ?? [undefined]).map((name) => ({
          role,
          verb,
          apiGroup,
          resource,
          ...(name === undefined ? {} : { name }),
          text: `${role}: ${verb} ${resource}${apiGroup === '' ? '' : `.${apiGroup}`}${name === undefined ? '' : ` ${name}`}`,
        })),
      ),
    ),
  );

/** Those of the rights that no request of the operator was allowed by, for people. */
export const unusedOf = async (cluster: ControlPlane, rights: readonly Right[]): Promise<readonly string[]> => {
  const all = await operatorRequests(cluster);
  const bound = await boundRoles(cluster, all);
  const isUsed = (right: Right): boolean =>
    right.verb === 'bind' ? bound.has(`${right.resource}/${right.name ?? ''}`) : all.some((event) => uses(right, event));
  return rights.filter((right) => !isUsed(right)).map(({ text }) => text);
};

export const operatorRequests = async ({ auditLog = '' }: ControlPlane): Promise<readonly AuditEvent[]> => {
  const all: AuditEvent[] = [];
  for await (const event of requestsOf(auditLog, operatorUser)) all.push(event);
  return all;
};

/** Why the authorizer allowed it. */
export const reasonOf = ({ annotations }: AuditEvent): string => annotations?.['authorization.k8s.io/reason'] ?? '';

const isOfCanary = ({ role }: Right, name = ''): boolean => role === 'ClusterRole "offboard-canaries"' && name.startsWith('offboard-canary-');

const uses = (right: Right, { objectRef = {}, verb, ...event }: AuditEvent): boolean => {
  const { resource = '', subresource, apiGroup = '', name } = objectRef;
  return (
    // Where two roles allow a request the authorizer names one of them; a right to one thing alone is used by asking for that. Secrets of
    // canaries may be deleted also by whom it is granted to delete all.
    (right.name !== undefined || isOfCanary(right, name) || reasonOf({ objectRef, verb, ...event }).includes(` of ${right.role} to `)) &&
    verb === right.verb &&
    apiGroup === right.apiGroup &&
    [resource, ...(subresource === undefined ? [] : [subresource])].join('/') === right.resource &&
    (right.name === undefined || name === right.name)
  );
};

/** `bind` is asked for within a change of a binding, which is refused without it: the roles of those that were changed. */
const boundRoles = async (cluster: ControlPlane, all: readonly AuditEvent[]): Promise<ReadonlySet<string>> => {
  const changed = all.filter(({ verb, objectRef, responseStatus }) => verb === 'patch' && objectRef?.resource?.endsWith('rolebindings') && responseStatus?.code === 200);
  const roles = changed.map(async ({ objectRef: { resource = '', namespace = 'default', name = '' } = {} }) => {
    const role = await cluster.kubectl(['get', resource, name, '-n', namespace, '-o', 'jsonpath={.roleRef.kind}/{.roleRef.name}']);
    return role.replace('ClusterRole/', 'clusterroles/').replace('Role/', 'roles/');
  });
  return new Set(await Promise.all(roles));
};
