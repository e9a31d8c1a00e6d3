import { readFileSync } from 'node:fs';

import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { differenceOf, type Expected, expectedPolicies, nameOfPolicy } from './lock-policies.ts';

const all = expectedPolicies('ops');
const find = (kind: Expected['kind'], name: string): Expected => {
  const found = all.find((each) => each.kind === kind && each.name === name);
  if (found === undefined) throw new Error(`${kind} ${name} is not expected`);
  return found;
};
const policy = find('ValidatingAdmissionPolicy', 'offboard-lock-identity');
const binding = find('ValidatingAdmissionPolicyBinding', 'offboard-lock-identity');

type Json = Record<string, unknown>;

/** As an API server stores it (1.36), with all that it fills in. */
const stored = ({ kind, spec }: Expected): Json => {
  const copy = structuredClone(spec) as Json;
  const fill = (match: unknown): object => {
    const { resourceRules, ...rest } = match as { resourceRules?: readonly object[] };
    return { namespaceSelector: {}, objectSelector: {}, matchPolicy: 'Equivalent', ...rest, ...(resourceRules && { resourceRules: resourceRules.map((rule) => ({ ...rule, scope: '*' })) }) };
  };
  return kind === 'ValidatingAdmissionPolicy' ? { ...copy, matchConstraints: fill(copy['matchConstraints']) } : { ...copy, matchResources: fill(copy['matchResources']) };
};

const at = (path: string, value: unknown) => (spec: Json): Json => {
  const parts = path.split('.');
  const last = parts.pop() ?? '';
  const parent = parts.reduce<Json>((json, part) => json[part] as Json, spec);
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
  return spec;
};

describe('the policies of the lock', () => {
  it('are those of the manifest, each with its binding, for the namespace of this operator', () => {
    const manifests = loadAll(readFileSync(new URL('../../../config/policies/lock.yaml', import.meta.url), 'utf8')) as readonly { kind: string; metadata: { name: string }; spec?: unknown }[];
    const names = manifests.filter(({ spec }) => spec !== undefined).map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
    expect(all.map(nameOfPolicy)).toEqual(names);
    expect(names).toHaveLength(10);
    expect(binding.spec).toMatchObject({ paramRef: { name: 'offboard-lock', namespace: 'ops', parameterNotFoundAction: 'Allow' }, validationActions: ['Deny'] });
  });

  it.each(all)('$kind $name is as expected with what the API server fills in, and without', (expected) => {
    expect(differenceOf(expected, stored(expected))).toBeUndefined();
    expect(differenceOf(expected, expected.spec)).toBeUndefined();
  });

  it.each<readonly [string, (spec: Json) => Json, string]>([
    ['does not fail', at('failurePolicy', 'Ignore'), 'spec.failurePolicy'],
    ['asks something else', at('validations.0.expression', 'true'), 'spec.validations[0].expression'],
    ['asks nothing', at('validations', []), 'spec.validations'],
    ['asks more', at('validations', [{ expression: '!variables.locked', reason: 'Forbidden', messageExpression: "''" }, { expression: 'true' }]), 'spec.validations'],
    ['takes another variable', at('variables.1.expression', 'false'), 'spec.variables[1].expression'],
    ['matches fewer operations', at('matchConstraints.resourceRules.0.operations', ['UPDATE']), 'spec.matchConstraints.resourceRules[0].operations[0]'],
    ['matches fewer resources', at('matchConstraints.resourceRules.0.resources', ['serviceaccounts']), 'spec.matchConstraints.resourceRules[0].resources'],
    ['matches names', at('matchConstraints.resourceRules.0.resourceNames', ['x']), 'spec.matchConstraints.resourceRules[0].resourceNames'],
    ['matches a scope', at('matchConstraints.resourceRules.0.scope', 'Cluster'), 'spec.matchConstraints.resourceRules[0].scope'],
    ['excludes', at('matchConstraints.excludeResourceRules', [{}]), 'spec.matchConstraints.excludeResourceRules'],
    ['selects namespaces', at('matchConstraints.namespaceSelector', { matchLabels: { a: 'b' } }), 'spec.matchConstraints.namespaceSelector.matchLabels'],
    ['selects objects', at('matchConstraints.objectSelector', { matchLabels: { a: 'b' } }), 'spec.matchConstraints.objectSelector.matchLabels'],
    ['matches exactly', at('matchConstraints.matchPolicy', 'Exact'), 'spec.matchConstraints.matchPolicy'],
    ['has a condition', at('matchConditions', [{ name: 'x', expression: 'false' }]), 'spec.matchConditions'],
    ['has another kind of parameter', at('paramKind.kind', 'Secret'), 'spec.paramKind.kind'],
    ['has no parameter', at('paramKind', undefined), 'spec.paramKind'],
    ['annotates', at('auditAnnotations', [{ key: 'x', valueExpression: "'x'" }]), 'spec.auditAnnotations'],
    ['says what nobody knows yet', at('somethingNew', true), 'spec.somethingNew'],
  ])('a policy that %s is not the one', (_, tamper, path) => {
    expect(differenceOf(policy, tamper(stored(policy)))).toBe(path);
  });

  it.each<readonly [string, (spec: Json) => Json, string]>([
    ['warns', at('validationActions', ['Warn']), 'spec.validationActions[0]'],
    ['denies and warns', at('validationActions', ['Deny', 'Warn']), 'spec.validationActions'],
    ['is of another policy', at('policyName', 'x'), 'spec.policyName'],
    ['reads another ConfigMap', at('paramRef.name', 'x'), 'spec.paramRef.name'],
    ['reads one of another namespace', at('paramRef.namespace', 'x'), 'spec.paramRef.namespace'],
    ['selects ConfigMaps', at('paramRef.selector', {}), 'spec.paramRef.selector'],
    ['denies all without it', at('paramRef.parameterNotFoundAction', 'Deny'), 'spec.paramRef.parameterNotFoundAction'],
    ['has no parameter', at('paramRef', undefined), 'spec.paramRef'],
    ['leaves out a namespace more', at('matchResources.namespaceSelector.matchExpressions.0.values', ['kube-system', 'ci']), 'spec.matchResources.namespaceSelector.matchExpressions[0].values'],
    ['leaves out none', at('matchResources.namespaceSelector', {}), 'spec.matchResources.namespaceSelector.matchExpressions'],
    ['matches some resources', at('matchResources.resourceRules', [{}]), 'spec.matchResources.resourceRules'],
    ['matches everything', at('matchResources', undefined), 'spec.matchResources'],
  ])('a binding that %s is not the one', (_, tamper, path) => {
    expect(differenceOf(binding, tamper(stored(binding)))).toBe(path);
  });

  it.each([undefined, null, 'x', []])('is not %j', (spec) => {
    expect(differenceOf(policy, spec)).toBe('spec');
    expect(differenceOf(binding, spec)).toBe('spec');
  });
});
