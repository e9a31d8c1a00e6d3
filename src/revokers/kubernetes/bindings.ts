/**
 * RoleBindings and ClusterRoleBindings in a form small enough to keep every one of a big cluster, with all that is
 * needed to tell whose they are.
 */
import type { RoleBinding, Subject } from '../../kube/objects.ts';
import { clusterRoleBindings, type Resource, roleBindings } from '../../kube/resources.ts';
import { rbacGroup, subjectKey, type SubjectKey } from './identity.ts';
import { managerOf } from './manager.ts';

export type BindingKind = 'RoleBinding' | 'ClusterRoleBinding';
export type RoleKind = 'Role' | 'ClusterRole';

/** One subject of a binding that may be somebody's we look for, with its place in the list. */
export interface PlacedSubject {
  readonly index: number;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface Binding {
  readonly kind: BindingKind;
  /** Absent on a ClusterRoleBinding. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly roleKind: RoleKind;
  readonly roleName: string;
  /** ServiceAccounts, users, and the groups of all ServiceAccounts; other groups are only counted. */
  readonly subjects: readonly PlacedSubject[];
  readonly subjectCount: number;
  readonly manager?: string | undefined;
}

/** A projection as a store holds it: flat, and all fields always there, since there are tens of thousands of them. */
export type Kept<T> = T & { readonly resourceVersion: string };

/** Gives back an equal string that others hold already: names repeat a thousandfold in bindings. */
export type Intern = (text: string) => string;

/** Remembers at most `limit` strings; forgetting costs memory, never correctness. */
export const createIntern = (limit = 50_000): Intern & { readonly forget: () => void } => {
  const known = new Map<string, string>();
  const intern: Intern = (text) => {
    const same = known.get(text);
    if (same !== undefined) return same;
    if (known.size >= limit) known.clear();
    known.set(text, text);
    return text;
  };
  return Object.assign(intern, {
    forget: () => {
      known.clear();
    },
  });
};

/** @param share is for those who keep many: several bindings of one identity have the same subjects. */
export const projectBinding = (
  kind: BindingKind,
  raw: RoleBinding,
  intern: Intern,
  share: <T>(value: T) => T = (value) => value,
): Kept<Binding> => {
  const { namespace, name, uid, resourceVersion } = raw.metadata;
  const all = raw.subjects ?? [];
  const manager = managerOf(raw.metadata);
  return {
    kind,
    namespace: namespace && intern(namespace),
    name,
    uid,
    resourceVersion,
    roleKind: raw.roleRef.kind === 'ClusterRole' ? 'ClusterRole' : 'Role',
    roleName: intern(raw.roleRef.name),
    subjects: share(placeSubjects(all, namespace, intern)),
    subjectCount: all.length,
    manager: manager && intern(manager),
  };
};

/** As two passes, so that the array has room for no more than it holds. */
const placeSubjects = (all: readonly Subject[], bindingNamespace: string | undefined, intern: Intern): readonly PlacedSubject[] =>
  all
    .map((subject, index) => ({ subject, index }))
    .filter(({ subject }) => subjectKey(subject, bindingNamespace) !== undefined)
    .map(({ subject: { kind, name, namespace }, index }) => ({
      index,
      kind: intern(kind),
      name: intern(name),
      namespace: namespace && intern(namespace),
    }));

/** What it can be looked up by, each key once. */
export const keysOf = (binding: Binding): readonly SubjectKey[] => {
  const keys = new Set<SubjectKey>();
  for (const subject of binding.subjects) {
    const key = subjectKey(subject, binding.namespace);
    if (key !== undefined) keys.add(key);
  }
  return [...keys];
};

/** The subjects that are one of `users`. */
export const ownSubjects = (binding: Binding, users: ReadonlySet<SubjectKey>): readonly PlacedSubject[] =>
  binding.subjects.filter((subject) => {
    const key = subjectKey(subject, binding.namespace);
    return key !== undefined && users.has(key);
  });

/** The subjects of a binding as the server gave them, parted into ours and the others', each in order. */
export const partSubjects = (
  raw: RoleBinding,
  users: ReadonlySet<SubjectKey>,
): { readonly ours: readonly Subject[]; readonly others: readonly Subject[] } => {
  const ours: Subject[] = [];
  const others: Subject[] = [];
  for (const subject of raw.subjects ?? []) {
    const key = subjectKey(subject, raw.metadata.namespace);
    (key !== undefined && users.has(key) ? ours : others).push(subject);
  }
  return { ours, others };
};

/** A subject as the API server stores it, for a JSON patch that tests before it removes. */
export const storedSubject = (subject: PlacedSubject): Subject =>
  subject.kind === 'ServiceAccount'
    ? {
        kind: subject.kind,
        name: subject.name,
        ...(subject.namespace !== undefined && { namespace: subject.namespace }),
      }
    : { kind: subject.kind, apiGroup: rbacGroup, name: subject.name };

export const resourceOf = (kind: BindingKind): Resource =>
  kind === 'RoleBinding' ? roleBindings : clusterRoleBindings;
