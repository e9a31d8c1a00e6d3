import { describe, expect, it } from 'vitest';

import { below, createSeededRandom, printedSeed } from '../../../test/fakes/random.ts';
import { conditionKey, type Policy, readPolicy, tripleKey, triplesOf, withoutTriples } from './policies.ts';

const condition = { title: 'until 2030', expression: 'request.time < timestamp("2030-01-01T00:00:00Z")' };

const policyOf = (document: object): Policy => {
  const policy = readPolicy(document);
  if (policy === undefined) throw new Error('not a policy');
  return policy;
};

const bindingsOf = (document: object | undefined): unknown => (document as { readonly bindings?: unknown } | undefined)?.bindings;

describe('a policy', () => {
  it('that is empty has an etag and nothing else', () => {
    expect(readPolicy({ etag: 'x' })).toMatchObject({ etag: 'x', bindings: [] });
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'etag'],
    ['no etag', { bindings: [] }],
    ['an empty etag', { etag: '', bindings: [] }],
    ['bindings that are none', { etag: 'x', bindings: {} }],
    ['a binding without a role', { etag: 'x', bindings: [{ members: ['user:a'] }] }],
    ['members that are no texts', { etag: 'x', bindings: [{ role: 'r', members: [1] }] }],
    ['conditions by a version that does not tell all of them', { etag: 'x', version: 1, bindings: [{ role: 'r', members: ['user:a'], condition }] }],
    ['a condition by no version', { etag: 'x', bindings: [{ role: 'r', members: ['user:a'], condition }] }],
    ['a role that stands for one whose condition is not told', { etag: 'x', version: 1, bindings: [{ role: 'roles/viewer_withcond_1a2b3c', members: ['user:a'] }] }],
  ])('is not one that could be written back: %s', (_, body) => {
    expect(readPolicy(body)).toBeUndefined();
  });

  it('tells conditions apart by what they say, and not by the order of their fields', () => {
    expect(conditionKey({ expression: condition.expression, title: condition.title })).toBe(conditionKey(condition));
    expect(conditionKey({ ...condition, description: '' })).not.toBe(conditionKey(condition));
    expect(conditionKey(undefined)).toBe('');
  });
});

describe('a removal', () => {
  const document = {
    kind: 'storage#policy',
    version: 3,
    etag: 'BwX=',
    bindings: [
      { role: 'roles/viewer', members: ['user:b', 'serviceAccount:me', 'user:a'], future: { kept: true } },
      { role: 'roles/viewer', members: ['serviceAccount:me'], condition },
      { members: ['user:b', 'serviceAccount:me'], role: 'roles/editor', condition },
    ],
    auditConfigs: [{ service: 'allServices', auditLogConfigs: [{ logType: 'DATA_READ' }] }],
  };
  const mine = { member: 'serviceAccount:me', condition: conditionKey(condition) };

  it('takes out just the asked members of just the asked bindings, and keeps all else as it was parsed', () => {
    const before = JSON.stringify(document);
    const after = withoutTriples(policyOf(document), [{ ...mine, role: 'roles/viewer', condition: '' }]);
    expect(JSON.stringify(after)).toBe(JSON.stringify({ ...document, bindings: [{ ...document.bindings[0], members: ['user:b', 'user:a'] }, document.bindings[1], document.bindings[2]] }));
    expect(JSON.stringify(document), 'what was read is what it was').toBe(before);
  });

  it('takes a binding out that has no member left', () => {
    const after = withoutTriples(policyOf(document), [{ ...mine, role: 'roles/viewer' }]);
    expect(bindingsOf(after)).toEqual([document.bindings[0], document.bindings[2]]);
  });

  it('writes version 3 and the etag, whatever version was read', () => {
    const after = withoutTriples(policyOf({ etag: 'x', version: 1, bindings: [{ role: 'r', members: ['a', 'me'] }] }), [{ role: 'r', member: 'me', condition: '' }]);
    expect(after).toEqual({ etag: 'x', version: 3, bindings: [{ role: 'r', members: ['a'] }] });
  });

  it('has nothing to write where none of the asked is there', () => {
    expect(withoutTriples(policyOf(document), [{ role: 'roles/owner', member: 'serviceAccount:me', condition: '' }])).toBeUndefined();
    expect(withoutTriples(policyOf(document), [])).toBeUndefined();
  });

  it('is not written where it would change anything else, as when what was read is not what is changed', () => {
    const lying: Policy = { ...policyOf(document), bindings: [{ role: 'roles/viewer', members: ['serviceAccount:me', 'user:c'] }, ...policyOf(document).bindings.slice(1)] };
    const before = { ...lying, bindings: [...lying.bindings, { role: 'roles/owner', members: ['user:z'] }] };
    expect(() => withoutTriples(before, [{ role: 'roles/viewer', member: 'serviceAccount:me', condition: '' }])).toThrow('would have changed another member');
  });

  it('leaves every neighbour byte for byte, in any policy', () => {
    const random = createSeededRandom(printedSeed('policies'));
    for (let round = 0; round < 200; round += 1) {
      const conditions = [undefined, condition, { ...condition, title: 'other' }, { expression: condition.expression, title: condition.title }];
      const bindings = Array.from({ length: 1 + below(random, 12) }, () => {
        const chosen = conditions[below(random, conditions.length)];
        const members = Array.from({ length: below(random, 9) }, () => `user:m${String(below(random, 12))}`);
        return { role: `roles/r${String(below(random, 4))}`, members, ...(chosen && { condition: chosen }), ...(random() < 0.2 && { extra: below(random, 100) }) };
      });
      const policy = policyOf({ version: 3, etag: `e${String(round)}`, other: { kept: round }, bindings });
      const triples = triplesOf(policy);
      const asked = triples.filter(() => random() < 0.3);
      const left = new Set(asked.map(tripleKey));
      const after = withoutTriples(policy, asked);
      const expected = bindings.flatMap((binding) => {
        const members = binding.members.filter((member) => !left.has(tripleKey({ role: binding.role, member, condition: conditionKey(binding.condition) })));
        return members.length === binding.members.length ? [binding] : members.length === 0 ? [] : [{ ...binding, members }];
      });
      if (asked.length === 0) expect(after).toBeUndefined();
      else expect(JSON.stringify(after)).toBe(JSON.stringify({ version: 3, etag: `e${String(round)}`, other: { kept: round }, bindings: expected }));
    }
  });

  it('from 1,500 members takes one, in its place', () => {
    const members = Array.from({ length: 1_500 }, (_, index) => `user:person-${String(index)}@example.com`);
    const after = withoutTriples(policyOf({ etag: 'x', bindings: [{ role: 'r', members }] }), [{ role: 'r', member: members[750] ?? '', condition: '' }]);
    expect(bindingsOf(after)).toEqual([{ role: 'r', members: members.toSpliced(750, 1) }]);
  });
});
