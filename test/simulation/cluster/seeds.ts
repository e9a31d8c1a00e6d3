/** What is in a cluster into which Offboard was installed just now. */
import { configMaps, namespaces, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../../src/kube/resources.ts';
import { lockConfigMap } from '../../../src/revokers/kubernetes/lock-policies.ts';
import { isFailure } from './failure.ts';
import { type Kind, kindFor } from './kinds.ts';
import { lockPolicies } from './policies.ts';
import type { Author, Writes } from './writes.ts';

export const seed = (writes: Writes, namespace: string, more: readonly string[], author: Author): void => {
  const put = (kind: Kind, where: string | undefined, body: object): void => {
    const made = writes.create(kind, where, body, author);
    if (isFailure(made)) throw new Error(made.message);
  };
  for (const name of new Set(['default', 'kube-system', namespace, ...more])) {
    put(kindFor(namespaces), undefined, { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } });
  }
  for (const { kind, name, spec } of lockPolicies(namespace)) {
    const isPolicy = kind === 'ValidatingAdmissionPolicy';
    const status = isPolicy ? { status: { observedGeneration: 1, typeChecking: {} } } : {};
    put(kindFor(isPolicy ? validatingAdmissionPolicies : validatingAdmissionPolicyBindings), undefined, { metadata: { name }, spec, ...status });
  }
  put(kindFor(configMaps), namespace, { metadata: { name: lockConfigMap, namespace } });
};
