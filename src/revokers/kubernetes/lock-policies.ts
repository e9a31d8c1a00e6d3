/** Whether the policies of the lock, and their bindings, are in the cluster as this version installs them. */
import manifests from './lock-manifests.json' with { type: 'json' };

/** How whoever must do that installs them. */
export const howToInstall = 'kubectl apply --server-side -f config/policies/lock.yaml, or upgrade the Helm release';
export const lockConfigMap = 'offboard-lock';
/** The one that denies what the lock is tried by. */
export const identityPolicy = 'offboard-lock-identity';

const kinds = { ValidatingAdmissionPolicy: 'validatingadmissionpolicy', ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybinding' } as const;
export type LockKind = keyof typeof kinds;

/** One of them, with what it must say. */
export interface Expected {
  readonly kind: LockKind;
  readonly name: string;
  readonly spec: unknown;
}

/** All of them, of an operator in that namespace. */
export const expectedPolicies = (operatorNamespace: string): readonly Expected[] =>
  manifests.map(({ kind, name, spec }) => ({
    kind: kind as LockKind,
    name,
    spec: 'paramRef' in spec ? { ...spec, paramRef: { ...spec.paramRef, namespace: operatorNamespace } } : spec,
  }));

/** As kubectl takes it. */
export const nameOfPolicy = ({ kind, name }: Pick<Expected, 'kind' | 'name'>): string => `${kinds[kind]}/${name}`;

/**
 * Where a stored spec differs from what is expected, as a path; undefined when it says the same. What the API server fills in counts as
 * said. What it does not is a difference, also a field that this version does not know: a selector more is a lock less.
 */
export const differenceOf = (expected: Expected, stored: unknown): string | undefined =>
  differs(filled(expected.kind, expected.spec), filled(expected.kind, stored), 'spec');

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the API server says where a manifest says nothing (admissionregistration.k8s.io/v1). */
const matchDefaults = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} };
const ruleDefaults = { scope: '*' };

const filled = (kind: LockKind, spec: unknown): unknown => {
  if (!isFields(spec)) return spec;
  if (kind === 'ValidatingAdmissionPolicy') return { failurePolicy: 'Fail', ...spec, matchConstraints: filledMatch(spec['matchConstraints']) };
  return spec['matchResources'] === undefined ? spec : { ...spec, matchResources: filledMatch(spec['matchResources']) };
};

const filledMatch = (match: unknown): unknown => {
  if (!isFields(match)) return match;
  const rules = match['resourceRules'];
  const resourceRules: unknown = Array.isArray(rules) ? rules.map((rule: unknown) => (isFields(rule) ? { ...ruleDefaults, ...rule } : rule)) : rules;
  return { ...matchDefaults, ...match, ...(resourceRules === undefined ? {} : { resourceRules }) };
};

const differs = (expected: unknown, stored: unknown, path: string): string | undefined => {
  if (Array.isArray(expected) && Array.isArray(stored)) {
    if (expected.length !== stored.length) return path;
    return firstOf(expected.map((each: unknown, index) => () => differs(each, stored[index], `${path}[${String(index)}]`)));
  }
  if (isFields(expected) && isFields(stored)) {
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(stored)])];
    return firstOf(keys.map((key) => () => differs(expected[key], stored[key], `${path}.${key}`)));
  }
  return expected === stored ? undefined : path;
};

const firstOf = (looks: readonly (() => string | undefined)[]): string | undefined => {
  for (const look of looks) {
    const found = look();
    if (found !== undefined) return found;
  }
  return undefined;
};

/**
 * For people, to the command. `wrong` is where it differs, or `missing`. What was changed has to go first: to apply a manifest takes
 * no field away that somebody else has added. The pin keeps the others from harm meanwhile.
 */
export const whatIsWrong = (policies: readonly { readonly name: string; readonly wrong: 'missing' | (string & {}) | undefined }[]): string | undefined => {
  const found = policies.filter(({ wrong }) => wrong !== undefined);
  if (found.length === 0) return undefined;
  const changed = found.filter(({ wrong }) => wrong !== 'missing').map(({ name }) => name);
  const said = found.map(({ name, wrong }) => (wrong === 'missing' ? `${name} is missing` : `${name} was changed (${wrong ?? ''})`));
  return `${said.join(', ')}: ${changed.length === 0 ? '' : `kubectl delete ${changed.join(' ')}, then `}${howToInstall}`;
};
