import fc from 'fast-check';
import { describe, it } from 'vitest';
import { holds } from '../../../test/fuzz/property.ts';
import { differenceOf, expectedPolicies, howToInstall, nameOfPolicy, whatIsWrong } from './lock-policies.ts';
import type { Expected } from './lock-policies.ts';

type Json = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/** What an API server (1.36) stores where nothing is said. */
const usual: Json = { failurePolicy: 'Fail', matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {}, scope: '*' };

const withUsual = (value: unknown, ...keys: readonly string[]): Json => ({ ...Object.fromEntries(keys.map((key) => [key, usual[key]])), ...(value as Json) });

const stored = ({ kind, spec }: Expected): Json => {
  const isPolicy = kind === 'ValidatingAdmissionPolicy';
  const field = isPolicy ? 'matchConstraints' : 'matchResources';
  const match = withUsual((spec as Json)[field], 'matchPolicy', 'namespaceSelector', 'objectSelector');
  const rules = match['resourceRules'] as readonly unknown[] | undefined;
  const filled = { ...match, ...(rules && { resourceRules: rules.map((rule) => withUsual(rule, 'scope')) }) };
  return { ...(isPolicy ? withUsual(spec, 'failurePolicy') : (spec as Json)), [field]: filled };
};

const namespaces = fc.constantFrom('offboard-system', 'ops', 'kube-system', 'constructor');
const policies = namespaces.chain((namespace) => fc.constantFrom(...expectedPolicies(namespace)));

/** All places of a document, itself left out. */
const pathsIn = (value: unknown, at: Path = []): readonly Path[] => {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Array.isArray(value) ? value.map((_, index) => index) : Object.keys(value);
  return keys.flatMap((key) => [[...at, key], ...pathsIn((value as Readonly<Record<string | number, unknown>>)[key], [...at, key])]);
};

const valueAt = (value: unknown, path: Path): unknown => path.reduce<unknown>((so, key) => (so as Readonly<Record<string | number, unknown>>)[key], value);

/** A copy with something else in one place. */
const changed = (value: unknown, [key, ...rest]: Path, change: (container: unknown, key: string | number) => unknown): unknown => {
  if (key === undefined) return value;
  if (rest.length === 0) return change(value, key);
  const inner = changed((value as Readonly<Record<string | number, unknown>>)[key], rest, change);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...(value as Json), [key]: inner };
};

const without = (container: unknown, key: string | number): unknown =>
  Array.isArray(container) ? container.toSpliced(Number(key), 1) : Object.fromEntries(Object.entries(container as Json).filter(([name]) => name !== key));

const withIn = (container: unknown, key: string | number, value: unknown): unknown =>
  Array.isArray(container) ? container.with(Number(key), value) : { ...(container as Json), [key]: value };

const values = fc.oneof(fc.constantFrom('', 'true', 'Ignore', 'Allow', 'Warn', 'Audit', 'Exact', 'Namespaced', '*', null, false, 0, [], {}, [''], ['*'], ['Warn'], { matchLabels: { a: 'b' } }), fc.jsonValue({ maxDepth: 2 }));

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** `spec.a[0].b` */
const shown = (path: Path): string => path.reduce<string>((so, key) => (typeof key === 'number' ? `${so}[${String(key)}]` : `${so}.${key}`), 'spec');

const isWithin = (path: string, place: string): boolean => path === place || place.startsWith(`${path}.`) || place.startsWith(`${path}[`) || path.startsWith(`${place}.`) || path.startsWith(`${place}[`);

const mustSee = (expected: Expected, spec: unknown, place: Path): void => {
  const seen = differenceOf(expected, spec);
  if (seen === undefined) throw new Error(`${shown(place)} of ${nameOfPolicy(expected)} is another, and that was not seen`);
  if (!isWithin(seen, shown(place))) throw new Error(`${shown(place)} is another, and ${seen} is told`);
};

describe('a policy of the lock in the cluster', () => {
  it('is the one that is expected, with what the API server fills in and without, in whatever order its fields come', () => {
    const shuffled = (value: unknown, by: number): unknown => {
      if (Array.isArray(value)) return value.map((each) => shuffled(each, by));
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner, by)] as const);
      return Object.fromEntries([...entries.slice(by % (entries.length + 1)), ...entries.slice(0, by % (entries.length + 1))]);
    };
    holds(fc.property(policies, fc.boolean(), fc.nat({ max: 5 }), (expected, isFilled, by) => differenceOf(expected, shuffled(isFilled ? stored(expected) : expected.spec, by)) === undefined));
  });

  it('is not, once any value in it is another', () => {
    holds(
      fc.property(policies, fc.nat(), values, (expected, pick, value) => {
        const spec = stored(expected);
        const paths = pathsIn(spec);
        const place = paths[pick % paths.length] ?? [];
        if (same(valueAt(spec, place), value)) return;
        mustSee(expected, changed(spec, place, (container, key) => withIn(container, key, value)), place);
      }),
      1_000,
    );
  });

  it('is not, once anything is taken out of it that the API server does not fill in', () => {
    holds(
      fc.property(policies, fc.nat(), (expected, pick) => {
        const spec = stored(expected);
        const paths = pathsIn(spec);
        const place = paths[pick % paths.length] ?? [];
        const last = place.at(-1);
        const isFilledIn = typeof last === 'string' && Object.hasOwn(usual, last) && same(valueAt(spec, place), usual[last]);
        const tampered = changed(spec, place, without);
        if (isFilledIn) return differenceOf(expected, tampered) === undefined;
        // What follows in a list moves up, so that the list itself differs.
        mustSee(expected, tampered, typeof last === 'number' ? place.slice(0, -1) : place);
        return true;
      }),
      600,
    );
  });

  it('is not, once anything is put into it, whatever it is called', () => {
    const names = fc.oneof(fc.constantFrom('excludeResourceRules', 'matchConditions', 'resourceNames', 'selector', 'namespaceSelector', 'objectSelector', 'matchExpressions', 'auditAnnotations', 'toString', 'constructor'), fc.string({ minLength: 1, maxLength: 12 }));
    holds(
      fc.property(policies, fc.nat(), names, values, (expected, pick, name, value) => {
        const spec = stored(expected);
        const containers = [[], ...pathsIn(spec)].filter((path) => typeof valueAt(spec, path) === 'object');
        const place = containers[pick % containers.length] ?? [];
        const container = valueAt(spec, place);
        if (!Array.isArray(container) && (Object.hasOwn(container as Json, name) || name === '__proto__')) return;
        const more = Array.isArray(container) ? [...(container as readonly unknown[]), value] : { ...(container as Json), [name]: value };
        const [first, ...rest] = place;
        const tampered = first === undefined ? more : changed(spec, [first, ...rest], (outer, key) => withIn(outer, key, more));
        mustSee(expected, tampered, Array.isArray(container) ? place : [...place, name]);
      }),
      600,
    );
  });

  it('is none of the others, nor that of an operator elsewhere where it says in which namespace its lock is', () => {
    holds(
      fc.property(namespaces, namespaces, fc.nat(), fc.nat(), (namespace, another, one, other) => {
        const [here, there] = [expectedPolicies(namespace), expectedPolicies(another)];
        const [expected, found] = [here[one % here.length], there[other % there.length]];
        if (expected === undefined || found === undefined) return true;
        const isIt = nameOfPolicy(expected) === nameOfPolicy(found) && (namespace === another || expected.kind === 'ValidatingAdmissionPolicy');
        return isIt ? differenceOf(expected, stored(found)) === undefined : differenceOf(expected, stored(found)) !== undefined;
      }),
    );
  });

  it('is nothing that is no policy at all', () => {
    holds(fc.property(policies, fc.oneof(fc.jsonValue(), fc.constant(undefined)), (expected, spec) => differenceOf(expected, spec) !== undefined));
  });
});

describe('what is said of the policies of a lock', () => {
  const looks = fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[a-z]{2,8}\/[a-z]{2,8}$/), wrong: fc.constantFrom(undefined, 'missing', 'spec.failurePolicy', 'spec.missing') }), { maxLength: 10, selector: ({ name }) => name });

  it('names each that is wrong and no other, and has just what was changed deleted', () => {
    holds(
      fc.property(looks, (all) => {
        const said = whatIsWrong(all);
        const wrong = all.filter((each) => each.wrong !== undefined);
        if (said === undefined) return wrong.length === 0;
        if (!said.endsWith(howToInstall)) throw new Error('it does not end with what to do');
        const [found = '', command = ''] = said.split(': ');
        const deleted = /kubectl delete ([^,]*), then/.exec(command)?.[1]?.split(' ') ?? [];
        const told = found.split(', ').map((each) => each.split(' ')[0]);
        return told.join() === wrong.map(({ name }) => name).join() && deleted.join() === wrong.filter(({ wrong: how }) => how !== 'missing').map(({ name }) => name).join();
      }),
    );
  });
});
