import { describe, expect, it } from 'vitest';

import type { RoleBinding, Subject } from '../../kube/objects.ts';
import {
  type Binding,
  createIntern,
  keysOf,
  ownSubjects,
  partSubjects,
  projectBinding,
  storedSubject,
} from './bindings.ts';
import { userKey } from './identity.ts';

const rbac = 'rbac.authorization.k8s.io';
const bot = userKey('system:serviceaccount:ci:bot');
const subjects: readonly Subject[] = [
  { kind: 'Group', apiGroup: rbac, name: 'devs' },
  { kind: 'ServiceAccount', name: 'bot' },
  { kind: 'ServiceAccount', name: 'bot', namespace: 'ops' },
  { kind: 'User', apiGroup: rbac, name: 'system:serviceaccount:ci:bot' },
  { kind: 'ServiceAccount', name: 'bot', namespace: 'ci' },
  { kind: 'Group', apiGroup: rbac, name: 'system:serviceaccounts:ci' },
];
const raw = (list: readonly Subject[] | undefined): RoleBinding => ({
  metadata: { name: 'x', namespace: 'ci', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'edit' },
  ...(list && { subjects: list }),
});
const project = (list: readonly Subject[] | undefined): Binding =>
  projectBinding('RoleBinding', raw(list), createIntern());

describe('projectBinding', () => {
  it('keeps those who can be looked for, with their places, and counts the others', () => {
    const binding = project(subjects);
    expect(binding).toMatchObject({
      kind: 'RoleBinding',
      namespace: 'ci',
      name: 'x',
      uid: 'u',
      roleKind: 'ClusterRole',
      roleName: 'edit',
      subjectCount: 6,
    });
    expect(binding.subjects.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5]);
  });

  it('finds the account in every form, and nobody of the same name elsewhere', () => {
    expect(ownSubjects(project(subjects), new Set([bot])).map(({ index }) => index)).toEqual([1, 3, 4]);
    expect(keysOf(project(subjects))).toEqual([
      bot,
      userKey('system:serviceaccount:ops:bot'),
      'group system:serviceaccounts:ci',
    ]);
  });

  it('takes no subjects for none', () => {
    expect(project(undefined)).toMatchObject({ subjects: [], subjectCount: 0 });
  });

  it('writes subjects as the API server stores them', () => {
    expect(project(subjects).subjects.map(storedSubject)).toEqual(subjects.slice(1));
  });
});

describe('partSubjects', () => {
  it('keeps the others as they are, in their order, also what we do not know', () => {
    const odd = { kind: 'User', apiGroup: rbac, name: 'bob', later: { field: 1 } };
    const { ours, others } = partSubjects(raw([...subjects, odd]), new Set([bot]));
    expect(ours).toEqual([subjects[1], subjects[3], subjects[4]]);
    expect(others).toEqual([subjects[0], subjects[2], subjects[5], odd]);
  });
});

describe('createIntern', () => {
  it('gives equal strings back, and forgets rather than grows', () => {
    const intern = createIntern(2);
    expect([intern('a'), intern('b'), intern('c'), intern('a')]).toEqual(['a', 'b', 'c', 'a']);
  });
});
