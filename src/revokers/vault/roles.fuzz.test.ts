import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../../test/fuzz/property.ts';
import { coverageOf, readRole } from './roles.ts';
import type { AuthRole } from './roles.ts';

const agent = { namespace: 'ci', name: 'agent' };

const part = fc.constantFrom('agent', 'ci', 'a', 'ag', 'ent', '-7', 'A', '.', '');
const patterns = fc.oneof(
  fc.constantFrom('agent', 'ci', '*', 'agent*', '*agent', 'ci*', '*ci', 'Agent', 'agent-*', 'a*t', 'c*i', 'agent.', '[a-z]*', 'a?ent', '^agent$', '(agent)', ''),
  fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('*')),
);
/** Most of them the account's own. */
const lists = (own: string): fc.Arbitrary<readonly string[]> => fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(own) }, patterns), { minLength: 1, maxLength: 3 });
const roles: fc.Arbitrary<AuthRole> = fc.record({ names: lists('agent'), namespaces: lists('ci'), selector: fc.constantFrom('', '', '', '{"matchLabels":{"team":"a"}}'), aliasSource: fc.constant('serviceaccount_uid'), tokenType: fc.constant('default') });

const others = fc.record({ namespace: fc.constantFrom('ci', 'ci-2', 'c', 'CI', 'ops', 'aci', 'ci.'), name: fc.constantFrom('agent', 'agent-7', 'Agent', 'agen', 'my-agent', 'agent.', 'ci', 'b') }).filter(({ namespace, name }) => namespace !== agent.namespace || name !== agent.name);

/** As a regular expression says it, which with few stars ends soon enough. */
const matches = (pattern: string, text: string): boolean => new RegExp(`^${pattern.replace(/[.?^$()[\]-]/g, String.raw`\$&`).replaceAll('*', '.*')}$`, 's').test(text);
const letsIn = ({ names, namespaces, selector }: AuthRole, { namespace, name }: typeof agent): boolean =>
  names.some((pattern) => matches(pattern, name)) && (selector !== '' || namespaces.some((pattern) => matches(pattern, namespace)));

describe('a role of a Kubernetes auth mount', () => {
  it('gives an account nothing exactly where it does not let it in', () => {
    holds(fc.property(roles, (role) => (coverageOf(role, agent).covers === 'None') === !letsIn(role, agent)), 1_000);
  });

  it('is an account\'s own only where it lets nobody else in', () => {
    holds(
      fc.property(roles, others, (role, other) => {
        if (letsIn(role, other) && coverageOf(role, agent).covers === 'Only') throw new Error(`it also lets ${other.namespace}/${other.name} in`);
      }),
      1_000,
    );
  });

  it('is its own where it names it alone, however often', () => {
    holds(fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), (names, namespaces) => {
      const role = { names: Array<string>(names).fill('agent'), namespaces: Array<string>(namespaces).fill('ci'), selector: '', aliasSource: '', tokenType: '' };
      expect(coverageOf(role, agent)).toEqual({ covers: 'Only' });
    }));
  });

  it('is told in no time, however many stars it has', () => {
    const stars = fc.integer({ min: 1, max: 2_000 }).map((count) => `${'*a'.repeat(count)}*b`);
    holds(fc.property(stars, (pattern) => coverageOf({ names: [pattern], namespaces: ['*'], selector: '', aliasSource: '', tokenType: '' }, { namespace: 'ci', name: 'a'.repeat(253) }).covers === 'None'));
  });
});

describe('the answer about a role', () => {
  const whole = { bound_service_account_names: ['agent'], bound_service_account_namespaces: ['ci'], bound_service_account_namespace_selector: '', alias_name_source: 'serviceaccount_uid', token_type: 'default' };

  it('is what it says', () => {
    holds(
      fc.property(roles, ({ names, namespaces, selector, ...rest }) => {
        const { aliasSource, tokenType } = rest;
        expect(readRole({ bound_service_account_names: names, bound_service_account_namespaces: namespaces, bound_service_account_namespace_selector: selector, alias_name_source: aliasSource, token_type: tokenType, token_policies: ['x'] })).toEqual({ names, namespaces, selector, aliasSource, tokenType });
      }),
      100,
    );
  });

  it('is none where it cannot be read whom it lets in', () => {
    const fields = fc.constantFrom('bound_service_account_names', 'bound_service_account_namespaces', 'bound_service_account_namespace_selector');
    const garbage = fc.oneof(fc.constantFrom(0, true, {}, [1], ['ci', null], [['ci']], { matchLabels: {} }), fc.jsonValue({ maxDepth: 2 })).filter((value) => value !== null && typeof value !== 'string' && !(Array.isArray(value) && value.every((each) => typeof each === 'string')));
    holds(fc.property(fields, garbage, (field, value) => readRole({ ...whole, [field]: value }) === undefined), 400);
  });
});
