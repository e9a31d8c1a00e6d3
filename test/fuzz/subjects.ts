/** Whom bindings name: one identity in every form, and all who only look like it. */
import fc from 'fast-check';
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { RoleBinding, Subject } from '../../src/kube/objects.ts';
import type { BindingKind } from '../../src/revokers/kubernetes/bindings.ts';

const rbacGroup = 'rbac.authorization.k8s.io';

const until = '2027-03-01T00:00:00Z';

/** Among its certificates one that is called as a group is. */
export const identity: Target & { readonly certificates: readonly { readonly commonName: string; readonly notAfter: string }[] } = {
  serviceAccount: { namespace: 'ci', name: 'agent', uid: 'uid-agent' },
  certificates: ['agent.example.com', 'Агент', 'system:serviceaccounts:ci'].map((commonName) => ({ commonName, notAfter: until })),
};

const user = (name: string): Subject => ({ kind: 'User', apiGroup: rbacGroup, name });
const group = (name: string): Subject => ({ kind: 'Group', apiGroup: rbacGroup, name });
const account = (name: string, namespace?: string): Subject => ({ kind: 'ServiceAccount', name, ...(namespace !== undefined && { namespace }) });

/** Where a binding is: a ServiceAccount without a namespace is one of there, and nobody in the whole cluster. */
export const places = fc.constantFrom<string | undefined>('ci', 'ops', undefined);

export const ownForms = (place: string | undefined): fc.Arbitrary<Subject> =>
  fc.constantFrom(
    account('agent', 'ci'),
    ...(place === 'ci' ? [account('agent'), account('agent', '')] : []),
    user('system:serviceaccount:ci:agent'),
    ...identity.certificates.map(({ commonName }) => user(commonName)),
  );

const names = ['agent', 'Agent', 'agent-7', 'my-agent', 'agen', 'agent.', 'аgent', 'agent\u200b', '*', 'agent.example.com', 'agent.example.com.', 'Агент', 'АГЕНТ', 'ci', ''];
const users = [
  ...names.filter((name) => name !== 'agent.example.com' && name !== 'Агент'),
  'ci:agent', 'ci/agent', 'system:serviceaccount:ci', 'system:serviceaccount:ci:', 'system:serviceaccount:ci:agent:7', 'system:serviceaccount:ci-2:agent', 'system:serviceaccount::agent', 'system:serviceaccounts:ci:agent',
  'System:serviceaccount:ci:agent', 'system:serviceaccount:CI:agent', 'system:serviceaccount:ci:agent ', ' system:serviceaccount:ci:agent', 'system:serviceaccount:ci:*', 'xsystem:serviceaccount:ci:agent',
];
const groups = ['agent', 'agent.example.com', 'system:serviceaccount:ci:agent', 'system:serviceaccounts', 'system:serviceaccounts:ci', 'system:serviceaccounts:ci-2', 'system:authenticated'];

/** Namesakes elsewhere, names that begin or end alike, other cases and look-alikes, groups, and what nobody knows. */
export const otherForms = (place: string | undefined): fc.Arbitrary<Subject> =>
  fc.oneof(
    fc.constantFrom(...names.filter((name) => name !== 'agent')).map((name) => account(name, 'ci')),
    fc.tuple(fc.constantFrom(...names), fc.constantFrom('ops', 'ci-2', 'CI', 'c', 'ci:agent', '*')).map(([name, namespace]) => account(name, namespace)),
    fc.constantFrom(...(place === 'ci' ? names.filter((name) => name !== 'agent') : names)).map((name) => account(name)),
    fc.constantFrom(...users).map(user),
    fc.constantFrom(...groups).map(group),
    fc.constantFrom('serviceaccount', 'user', 'ServiceAccounts', '').map((kind) => ({ kind, name: 'agent', namespace: 'ci' })),
  );

export interface Named {
  readonly subject: Subject;
  readonly own: boolean;
}

export interface PlacedBinding {
  readonly kind: BindingKind;
  readonly raw: RoleBinding;
  readonly subjects: readonly Named[];
}

const subjectsAt = (place: string | undefined): fc.Arbitrary<readonly Named[]> =>
  fc.array(fc.oneof(ownForms(place).map((subject) => ({ subject, own: true })), { weight: 2, arbitrary: otherForms(place).map((subject) => ({ subject, own: false })) }), { maxLength: 6 });

/** A binding, with whose each of its subjects is. */
export const bindings = places.chain((place) =>
  fc.record({ subjects: subjectsAt(place), name: fc.constantFrom('b', 'b:1', 'B'), uid: fc.uuid(), roleKind: fc.constantFrom('Role', 'ClusterRole') }).map(({ subjects, name, uid, roleKind }): PlacedBinding => ({
    kind: place === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    raw: {
      metadata: { name, uid, resourceVersion: '1', creationTimestamp: '2026-11-23T10:00:00Z', ...(place !== undefined && { namespace: place }) },
      roleRef: { apiGroup: rbacGroup, kind: place === undefined ? 'ClusterRole' : roleKind, name: 'edit' },
      ...(subjects.length > 0 && { subjects: subjects.map(({ subject }) => subject) }),
    },
    subjects,
  })),
);
