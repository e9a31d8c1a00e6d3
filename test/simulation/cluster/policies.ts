/** The policies of the lock, as the API server stores them. */
import { type Expected, expectedPolicies } from '../../../src/revokers/kubernetes/lock-policies.ts';

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
