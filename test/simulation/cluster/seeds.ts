/** What is in a cluster into which Offboard was installed just now. */
import { configMaps, namespaces, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../../src/kube/resources.ts';
import { type Expected, expectedPolicies, lockConfigMap } from '../../../src/revokers/kubernetes/lock-policies.ts';
import { isFailure } from './failure.ts';
import { type Kind, kindFor } from './kinds.ts';
import type { Author, Writes } from './writes.ts';

const fields = (value: unknown): Readonly<Record<string, unknown>> => (typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {});

/** As the API server completes a spec before it stores it. */
const completed = (spec: unknown): object => {
  const match = fields(spec)['matchConstraints'];
  if (match === undefined) return fields(spec);
  const rules = fields(match)['resourceRules'];
  const resourceRules = Array.isArray(rules) ? rules.map((rule: unknown) => ({ scope: '*', ...fields(rule) })) : rules;
  return { ...fields(spec), matchConstraints: { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {}, ...fields(match), resourceRules } };
};

const known = new Map<string, readonly Expected[]>();

/** Of an operator in that namespace, as they are stored. Made once: universes begin by the thousand. */
export const lockPolicies = (namespace: string): readonly Expected[] => {
  const policies = known.get(namespace) ?? expectedPolicies(namespace).map((each) => ({ ...each, spec: completed(each.spec) }));
  known.set(namespace, policies);
  return policies;
};

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
