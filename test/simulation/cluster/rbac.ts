/** Who may do what, as the bindings that are stored say. */
import type { PolicyRule, ResourceAttributes, Role, RoleBinding, RoleRef, Subject, SubjectAccessReview } from '../../../src/kube/objects.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../src/kube/resources.ts';
import { kindFor } from './kinds.ts';
import type { Entry, Store } from './store.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  readonly uid?: string;
}

const serviceAccountPrefix = 'system:serviceaccount:';

export const userOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string => `${serviceAccountPrefix}${namespace}:${name}`;

export const groupsOf = (namespace: string): readonly string[] => ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];

type Question = Pick<SubjectAccessReview['spec'], 'resourceAttributes' | 'nonResourceAttributes'>;

const namespacedBindings = kindFor(roleBindings);
const clusterBindings = kindFor(clusterRoleBindings);

/** A subject without a namespace is of the binding's own. */
const isSubject = ({ kind, name, namespace }: Subject, own: string | undefined, user: User): boolean => {
  switch (kind) {
    case 'ServiceAccount':
      return user.name === `${serviceAccountPrefix}${namespace ?? own ?? ''}:${name}`;
    case 'User':
      return user.name === name;
    default:
      return kind === 'Group' && user.groups.includes(name);
  }
};

const has = (list: readonly string[] | undefined, value: string): boolean => list !== undefined && (list.includes('*') || list.includes(value));

const covers = (rule: PolicyRule, { resourceAttributes: of, nonResourceAttributes: path }: Question): boolean => {
  if (of === undefined) {
    if (path === undefined || !has(rule.verbs, path.verb)) return false;
    return rule.nonResourceURLs?.some((url) => url === '*' || url === path.path || (url.endsWith('*') && path.path.startsWith(url.slice(0, -1)))) === true;
  }
  if (!has(rule.verbs, of.verb ?? '') || !has(rule.apiGroups, of.group ?? '')) return false;
  const resource = of.subresource === undefined ? (of.resource ?? '') : `${of.resource ?? ''}/${of.subresource}`;
  const fits = has(rule.resources, resource) || (of.subresource !== undefined && rule.resources?.includes(`*/${of.subresource}`) === true);
  if (!fits) return false;
  return rule.resourceNames === undefined || rule.resourceNames.length === 0 || (of.name !== undefined && rule.resourceNames.includes(of.name));
};

const rulesOf = (store: Store, { kind, name }: RoleRef, namespace: string | undefined): readonly PolicyRule[] => {
  const found = kind === 'Role' ? store.find(kindFor(roles), namespace, name) : store.find(kindFor(clusterRoles), undefined, name);
  return (found?.object as Role | undefined)?.rules ?? [];
};

const bindingOf = (entry: Entry): RoleBinding => entry.object as unknown as RoleBinding;

/** Why it is allowed, in the words of the authorizer; undefined when it is not. */
export const whyAllowed = (store: Store, user: User, question: Question): string | undefined => {
  const { namespace } = question.resourceAttributes ?? {};
  const all = namespace === undefined ? store.entries(clusterBindings) : [...store.entries(clusterBindings), ...store.entries(namespacedBindings)];
  for (const entry of all) {
    if (entry.namespace !== undefined && entry.namespace !== namespace) continue;
    const { subjects = [], roleRef } = bindingOf(entry);
    const subject = subjects.find((each) => isSubject(each, entry.namespace, user));
    if (subject === undefined || !rulesOf(store, roleRef, entry.namespace).some((rule) => covers(rule, question))) continue;
    const where = entry.namespace === undefined ? entry.name : `${entry.name}/${entry.namespace}`;
    const whom = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? entry.namespace ?? ''}` : subject.name;
    return `RBAC: allowed by ${entry.kind.kind} "${where}" of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} "${whom}"`;
  }
  return undefined;
};

/** A binding that names somebody. */
export interface Grant {
  readonly kind: 'RoleBinding' | 'ClusterRoleBinding';
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  /** `Group`: every account of the namespace, or of the cluster, has it as well. */
  readonly through: 'Itself' | 'Group';
  /** Its role is there and allows something. */
  readonly effective: boolean;
}

export const grantsTo = (store: Store, user: User): readonly Grant[] => {
  const alone = { ...user, groups: [] };
  return [...store.entries(clusterBindings), ...store.entries(namespacedBindings)].flatMap((entry) => {
    const { subjects = [], roleRef, metadata } = bindingOf(entry);
    const named = subjects.filter((each) => isSubject(each, entry.namespace, user));
    if (named.length === 0) return [];
    return [{
      kind: entry.namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
      namespace: entry.namespace,
      name: entry.name,
      uid: metadata.uid,
      through: named.some((each) => isSubject(each, entry.namespace, alone)) ? 'Itself' : 'Group',
      effective: rulesOf(store, roleRef, entry.namespace).length > 0,
    }];
  });
};

/** What was taken from the operator; whatever is left out is all of it. */
export interface Right {
  /** `*` is every verb. */
  readonly verb: string;
  readonly group?: string;
  /** The plural, with a subresource behind a slash; `*` is every one. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * Whether what was taken is a part of what is asked for. So whoever asks for all namespaces is told no when one was taken: he would
 * be allowed the rest one by one.
 */
export const meets = (taken: Right, { verb, group = '', resource, subresource, namespace, name }: ResourceAttributes): boolean =>
  (taken.verb === '*' || taken.verb === verb) &&
  (taken.group === undefined || taken.group === group) &&
  (taken.resource === '*' || taken.resource === (subresource === undefined ? resource : `${resource ?? ''}/${subresource}`)) &&
  (taken.namespace === undefined || namespace === undefined || taken.namespace === namespace) &&
  (taken.name === undefined || name === undefined || taken.name === name);
