import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import type { Dependency, WorkloadIdentitySpec } from '../api/v1alpha1/index.ts';
import { allDependencies, declaredDependencies } from './dependencies.ts';
import { orderDefect } from './order.ts';
import type { Ordered } from './order.ts';

type Declared = NonNullable<WorkloadIdentitySpec['dependencies']>[number];

const someOf = (...all: readonly string[]) => fc.option(fc.subarray([...all], { minLength: 1 }), { nil: undefined });
const connectorRef = fc.constantFrom('prod', 'other').map((name) => ({ name }));
const vault = fc.record({ connectorRef, roles: someOf('r1', 'r2'), leases: someOf('database/creds/a', 'database/creds/b'), appRoles: someOf('one', 'two') }).map(({ connectorRef: ref, roles, leases, appRoles }) => ({
  vault: { connectorRef: ref, ...(roles && { roles }), ...(leases && { leases: leases.map((prefix) => ({ prefix, exclusive: true })) }), ...(appRoles && { appRoles: appRoles.map((name) => ({ name })) }) },
}));
const account = fc.record(
  { email: fc.constantFrom('a@x.iam.gserviceaccount.com', 'b@x.iam.gserviceaccount.com'), uniqueId: fc.constantFrom('1', '2'), onRetire: fc.constantFrom('Delete' as const, 'KeepDisabled' as const) },
  { requiredKeys: ['email'] },
);
const google = fc.record({ connectorRef, serviceAccount: fc.option(account, { nil: undefined }), resources: someOf('projects/a', 'projects/b') }).map(({ connectorRef: ref, serviceAccount, resources }) => ({
  googleCloud: { connectorRef: ref, ...(serviceAccount && { serviceAccount }), ...(resources && { resources }) },
}));

/** What is declared next: by the places of names that there were before, also of those that we made, so that they are taken again. */
interface Change {
  readonly name: number;
  readonly after: readonly number[];
  readonly system: Pick<Declared, 'vault' | 'googleCloud'>;
}
const place = fc.nat({ max: 5 });
const change: fc.Arbitrary<Change> = fc.record({ name: place, after: fc.array(place, { maxLength: 2 }), system: fc.oneof(vault, google) });
const histories = fc.array(fc.array(change, { maxLength: 3 }), { minLength: 1, maxLength: 4 });

interface Look {
  readonly declared: readonly Declared[];
  readonly stored: readonly Dependency[];
  readonly all: readonly Dependency[];
}

/** As the schema takes it: each name once, and in `after` only others that are declared. */
const declaredBy = (changes: readonly Change[], names: readonly string[]): readonly Declared[] => {
  const nameAt = (at: number): string => names[at % names.length] ?? '';
  const systems = new Map(changes.map((each) => [nameAt(each.name), each]));
  return [...systems].map(([name, { after, system }]) => ({ name, after: [...new Set(after.map(nameAt))].filter((other) => other !== name && systems.has(other)), ...system }));
};

/** One look after another, each from what the one before stored. */
const looks = (history: readonly (readonly Change[])[]): readonly Look[] =>
  history.reduce<readonly Look[]>((so, changes) => {
    const stored = so.at(-1)?.all ?? [];
    const declared = declaredBy(changes, ['vault', `v${'x'.repeat(62)}`, ...stored.flatMap(({ name, undeclared }) => (undeclared === true ? [name] : []))]);
    return [...so, { declared, stored, all: allDependencies(declared, stored) }];
  }, []);

/** Everything that one names, each by itself: what must not be forgotten. */
const partsOf = ({ vault: inVault, googleCloud }: Pick<Dependency, 'vault' | 'googleCloud'>): readonly string[] => {
  const { connectorRef: ref, roles = [], leases = [], appRoles = [] } = inVault ?? { connectorRef: { name: '' } };
  const ofVault = [...roles.map((role) => `role ${role}`), ...leases.map(({ prefix }) => `lease ${prefix}`), ...appRoles.map(({ name, mount = 'approle' }) => `appRole ${mount} ${name}`)].map((part) => `${ref.name} ${part}`);
  const { resources = [], serviceAccount } = googleCloud ?? {};
  const places = [...(serviceAccount === undefined ? [] : ['']), ...resources];
  // A pinned account covers the same that was not pinned, and no other.
  const owners = serviceAccount === undefined ? [''] : [serviceAccount.email, ...(serviceAccount.uniqueId === undefined ? [] : [`${serviceAccount.email} ${serviceAccount.uniqueId}`])];
  return [...ofVault, ...owners.flatMap((owner) => places.map((resource) => `${googleCloud?.connectorRef.name ?? ''} account ${owner} in ${resource}`)), ...(serviceAccount === undefined ? [] : resources.map((resource) => `${googleCloud?.connectorRef.name ?? ''} account  in ${resource}`))];
};

const sound = (all: readonly Ordered[]): boolean => orderDefect([{ name: 'kubernetes' }, ...all]) === undefined;

const holdsAtEachLook = (check: (look: Look) => void, runs: number): void => {
  holds(fc.property(histories, (history) => { looks(history).forEach(check); }), runs);
};

describe('whatever is declared, taken out and declared again', () => {
  it('nothing that was named is forgotten, and what is declared stays as it is', () => {
    holdsAtEachLook(({ declared, stored, all }) => {
      expect(all.slice(0, declared.length)).toEqual(declaredDependencies(declared));
      const kept = new Set(all.flatMap(partsOf));
      for (const part of [...stored, ...declared].flatMap(partsOf)) if (!kept.has(part)) throw new Error(`forgot ${part}`);
      for (const { undeclared } of all.slice(declared.length)) if (undeclared !== true) throw new Error('it is not declared');
    }, 400);
  });

  it('each has a name of its own that a name can be', () => {
    holdsAtEachLook(({ declared, stored, all }) => {
      const made = all.filter(({ undeclared }) => undeclared === true).map(({ name }) => ({ name, vault: { connectorRef: { name: 'new' } } }));
      // Also where somebody declares those that we would have made.
      for (const each of [all, ...made.map((one) => allDependencies([...declared, one], stored)), allDependencies([...declared, ...made], stored)]) {
        const names = each.map(({ name }) => name);
        if (new Set(names).size !== names.length) throw new Error(`one name twice: ${names.join()}`);
        for (const name of names) if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) || name === 'kubernetes') throw new Error(name);
      }
    }, 200);
  });

  it('the next look at the same is the same', () => {
    holdsAtEachLook(({ declared, all }) => {
      expect(allDependencies(declared, all)).toEqual(all);
    }, 200);
  });

  it('what was taken out keeps its order, unless that would be a cycle, wherever in the list it is', () => {
    const order = fc.shuffledSubarray(['a', 'b', 'c', 'd'], { minLength: 2 });
    const edges = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('a', 'b', 'c', 'd', 'kubernetes', 'gone')), { maxLength: 5 });
    holds(
      fc.property(order, fc.nat({ max: 3 }), edges, (names, isDeclared, waits) => {
        const entries = names.map((name) => ({ name, after: [...new Set(waits.flatMap(([one, other]) => (one === name && other !== name ? [other] : [])))], vault: { connectorRef: { name }, roles: ['r'] } }));
        const isThere = (name: string): boolean => name === 'kubernetes' || names.includes(name);
        const declared = entries.slice(0, isDeclared).map((each) => ({ ...each, after: each.after.filter(isThere) }));
        const all = allDependencies(declared, entries.slice(isDeclared));
        const wanted = [...declared, ...entries.slice(isDeclared)].map(({ name, after }) => ({ name, after: after.filter(isThere) }));
        const ofDeclared = declared.map(({ name, after }) => ({ name, after: after.filter((other) => declared.some((each) => each.name === other)) }));
        if (sound(ofDeclared) && !sound(all)) throw new Error('no order can be kept');
        if (sound(wanted)) expect(all.map(({ name, after = [] }) => ({ name, after }))).toEqual(wanted);
      }),
      600,
    );
  });
});

describe('any order', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const edges = fc.array(fc.record({ one: fc.constantFrom(...names), other: fc.constantFrom(...names, 'nobody'), by: fc.constantFrom('after' as const, 'issuers' as const) }), { maxLength: 8 });

  it('is sound exactly where each can come after all that it waits for, in whatever order they are listed', () => {
    holds(
      fc.property(fc.shuffledSubarray(names, { minLength: 5 }), fc.oneof(edges, edges.map((all) => all.filter(({ one, other }) => one < other && other !== 'nobody'))), (listed, waits) => {
        const all = listed.map((name) => ({ name, ...Object.fromEntries((['after', 'issuers'] as const).map((by) => [by, waits.flatMap((wait) => (wait.one === name && wait.by === by ? [wait.other] : []))])) }));
        // One after another is done, as a run would.
        const done = new Set<string>();
        for (const _ of names) for (const name of listed) if (waits.every(({ one, other }) => one !== name || done.has(other))) done.add(name);
        if ((orderDefect(all) === undefined) !== (done.size === names.length)) throw new Error(orderDefect(all) ?? 'it is said to be sound');
      }),
      600,
    );
  });
});
