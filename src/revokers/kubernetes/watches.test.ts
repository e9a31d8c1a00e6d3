import { describe, expect, it } from 'vitest';

import type { RoleBinding, Subject } from '../../kube/objects.ts';
import { createIntern, projectBinding } from './bindings.ts';
import { changedKeys } from './watches.ts';

const account = (name: string): Subject => ({ kind: 'ServiceAccount', namespace: 'ci', name });
const devs: Subject = { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'devs' };
const binding = (...subjects: readonly Subject[]) => {
  const raw: RoleBinding = {
    metadata: { name: 'x', namespace: 'ci', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
    subjects,
  };
  return projectBinding('RoleBinding', raw, createIntern());
};
const names = (keys: readonly string[]): readonly string[] =>
  keys.map((key) => key.slice(key.lastIndexOf(':') + 1)).sort();

describe('changedKeys', () => {
  const one = binding(account('a'));
  const two = binding(account('a'), account('b'));

  it('are all of a binding that came or went', () => {
    expect(names(changedKeys(undefined, two, two))).toEqual(['a', 'b']);
    expect(names(changedKeys(undefined, undefined, two))).toEqual(['a', 'b']);
  });

  it("are those who took somebody's place, and those who lost it", () => {
    expect(names(changedKeys(one, binding(account('b')), one))).toEqual(['a', 'b']);
    expect(names(changedKeys(two, binding(account('a'), account('c')), two))).toEqual(['b', 'c']);
  });

  it('are all when the number of subjects changed: whose is alone on it now may have changed', () => {
    expect(names(changedKeys(two, one, two))).toEqual(['a', 'b']);
    expect(names(changedKeys(one, binding(account('a'), devs), one))).toEqual(['a']);
  });

  it("are nobody's when nothing changed for anybody", () => {
    expect(changedKeys(two, binding(account('b'), account('a')), two)).toEqual([]);
  });
});
