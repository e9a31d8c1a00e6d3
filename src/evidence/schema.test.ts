import { describe, expect, it } from 'vitest';
import schema from '../../docs/record.schema.json' with { type: 'json' };
import { canonicalJson } from './canonical.ts';
import type { Predicate } from './predicate.ts';
import { schemas } from './schema.ts';
import { statementOf } from './statement.ts';

type Whole<T> = T extends readonly (infer Item)[] ? readonly Whole<Item>[] : T extends object ? { readonly [Key in keyof T]-?: Whole<T[Key]> } : T;

const at = '2026-11-23T10:00:00.000Z';
const digest = `sha256:${'0'.repeat(64)}`;
const person = { username: 'alice@example.com' };

/** With everything that the type has: a field that is added there does not compile until it is here. */
const maximal: Whole<Predicate> = {
  record: { name: '0000000002', cluster: 'c', previous: { name: '0000000001', digest }, revises: '0000000001', supersedes: '0000000001' },
  outcome: 'CompletedWithWaivers',
  identity: {
    serviceAccount: { namespace: 'ci', name: 'agent', uid: 'u' },
    workloadIdentity: { namespace: 'ci', name: 'agent', uid: 'w', generation: 1 },
    certificates: [{ commonName: 'agent', notAfter: '2027-03-01T01:00:00+01:00' }],
    dependencies: [{ name: 'vault', declared: '{"name":"vault"}' }],
    probe: true,
  },
  run: {
    namespace: 'ci', name: 'run', uid: 'r', reason: 'Retired', urgency: 'Routine', soak: '1h',
    createdAt: '2026-11-23T10:00:00Z', startedAt: at, lockedAt: at, lockLostAt: at, revokeStartedAt: at, revokedAt: at, completedAt: at,
  },
  people: {
    requestedBy: { ...person, isOffboard: true },
    enforcedBy: person,
    cancel: { requestedBy: person, reason: 'changed our mind', accepted: false },
    waivers: [{ name: 'w', dependency: 'vault', approvedBy: 'bob@example.com', expiresAt: at, reason: 'stuck' }],
    glassBroken: true,
  },
  dependencies: [
    {
      name: 'vault', kind: 'vault', state: 'Waived', message: 'stuck', settleMilliseconds: 11_000, enumeratedAt: at, lock: 'Locked', lockMessage: 'tried on 2 API servers',
      credentials: [
        {
          id: 'i', uid: 'u', class: 'Lease', state: 'Confirmed', strength: 'Probed', grants: ['g'], method: 'm', expiresAt: at, residualUntil: at, foundAt: at,
          revokeRequestedAt: at, requestId: 'q', absentSince: at, confirmedAt: at, absentMilliseconds: 11_000, foundAbsent: true, returned: 1, count: 2,
          digest: '0'.repeat(64), probe: { controlAt: at, deadAt: at, refusedAt: at, lastRefusedAt: at, refusals: 2, servers: 2 }, message: 'm',
        },
      ],
      outlasting: [{ class: 'Lease', kind: 'OfflineVerifier', until: at, message: 'm' }],
      findings: [{ type: 'NotProvable', object: 'o', message: 'm' }],
    },
  ],
  versions: { offboard: '0.1.0', kubernetes: 'v1.36.2' },
  chunks: [{ name: `chunk-${'0'.repeat(40)}`, digest, dependency: 'vault', count: 1 }],
};

type Path = readonly (string | number)[];

/** The paths of all members of objects. */
const pathsOf = (value: unknown, path: Path = []): readonly Path[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([key, member]) => {
        const here = [...path, Array.isArray(value) ? Number(key) : key];
        return [...(Array.isArray(value) ? [] : [here]), ...pathsOf(member, here)];
      });

const changed = (value: unknown, path: Path, change: (holder: Record<string, unknown>, key: string) => void): Predicate => {
  const copy = structuredClone(value);
  const holder = path.slice(0, -1).reduce<unknown>((each, key) => (each as Record<string | number, unknown>)[key], copy);
  change(holder as Record<string, unknown>, String(path.at(-1)));
  return copy as Predicate;
};

/** The names of all properties, wherever in the schema. */
const propertiesOf = (part: unknown): readonly string[] =>
  typeof part !== 'object' || part === null
    ? []
    : Object.entries(part).flatMap(([key, value]: [string, unknown]) => [...(key === 'properties' ? Object.keys(value as object) : []), ...propertiesOf(value)]);

const { statement } = schemas();
const problemsOf = (predicate: Predicate): readonly string[] => {
  const typed = statement(JSON.parse(canonicalJson({ ...statementOf(maximal), predicate })));
  return 'problems' in typed ? typed.problems : [];
};

describe('the schema of a record', () => {
  it('knows everything that the type has', () => {
    expect(problemsOf(maximal)).toEqual([]);
  });

  it('knows nothing that the type has not', () => {
    const members = propertiesOf(schema);
    const known = new Set(pathsOf(maximal).map((path) => path.at(-1)));
    expect(members.length).toBeGreaterThan(80);
    expect(members.filter((member) => !known.has(member))).toEqual([]);
  });

  it.each(pathsOf(maximal).map((path) => [path.join('.'), path] as const))('lets %s be of no other kind, nor have a stranger beside it', (_, path) => {
    const wrong = changed(maximal, path, (holder, key) => {
      holder[key] = typeof holder[key] === 'number' ? 'x' : -1;
    });
    expect(problemsOf(wrong)).not.toEqual([]);
    const stranger = changed(maximal, path, (holder) => {
      holder['stranger'] = 1;
    });
    expect(problemsOf(stranger).join()).toContain('must not have "stranger"');
  });

  it.each(['revises', 'supersedes'] as const)('knows what it %s by the name of a record alone', (reference) => {
    for (const name of ['1', '00000000010', 'chunk-00', '0000000001\n']) {
      expect(problemsOf({ ...maximal, record: { ...maximal.record, [reference]: name } })).toEqual([`predicate.record.${reference} must match pattern "^[0-9]{10}$"`]);
    }
  });

  it('names what is missing, and the place of it', () => {
    const { state: _, ...without } = maximal.dependencies[0] ?? { state: 'Open' };
    expect(problemsOf({ ...maximal, dependencies: [without] } as unknown as Predicate)).toEqual(["predicate.dependencies.0 must have required property 'state'"]);
  });
});
