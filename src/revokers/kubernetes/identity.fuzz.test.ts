import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, holdsInTime } from '../../../test/fuzz/property.ts';
import { bindings, identity, otherForms, ownForms, places } from '../../../test/fuzz/subjects.ts';
import type { PlacedBinding } from '../../../test/fuzz/subjects.ts';
import { qualifiedName } from '../../kube/resources.ts';
import { createIntern, keysOf, ownSubjects, partSubjects, projectBinding } from './bindings.ts';
import type { Binding } from './bindings.ts';
import { isSole, userKeysOf } from './credentials.ts';
import { accountGroupKeys, accountOfUser, accountUser, groupsOfUser, identityOfKey, subjectKey, userKey, usersOf } from './identity.ts';
import type { Permission } from './permissions.ts';
import { decideEnd } from './shared-bindings.ts';

const mine = userKeysOf(identity);
const projected = ({ kind, raw }: PlacedBinding): Binding => projectBinding(kind, raw, createIntern());
const plain = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,12}[a-z0-9])?$/);
const userNames = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), plain, fc.array(fc.constantFrom('ci', 'agent', '', 'serviceaccounts', '/'), { maxLength: 4 }).map((parts) => ['system', 'serviceaccount', ...parts].join(':')));

describe('a subject of a binding', () => {
  it('is the identity in each of its forms, and in no other', () => {
    const either = places.chain((place) => fc.record({ place: fc.constant(place), own: ownForms(place), other: otherForms(place) }));
    holds(
      fc.property(either, ({ place, own, other }) => {
        const [its, another] = [subjectKey(own, place), subjectKey(other, place)];
        return its !== undefined && mine.has(its) && (another === undefined || !mine.has(another));
      }),
      1_000,
    );
  });

  it('is found in its place, and parted from the others', () => {
    holds(
      fc.property(bindings, (placed) => {
        const binding = projected(placed);
        const own = placed.subjects.flatMap((named, index) => (named.own ? [index] : []));
        expect(ownSubjects(binding, mine).map(({ index }) => index)).toEqual(own);
        const { ours, others } = partSubjects(placed.raw, mine);
        expect(ours).toEqual(placed.subjects.filter((each) => each.own).map(({ subject }) => subject));
        expect(others).toEqual(placed.subjects.filter((each) => !each.own).map(({ subject }) => subject));
        if (keysOf(binding).some((key) => mine.has(key)) !== own.length > 0) throw new Error('it is looked up by other subjects than it has');
      }),
      400,
    );
  });

  it('has the whole binding only where there is no other', () => {
    holds(fc.property(bindings, (placed) => isSole(projected(placed), mine) === (placed.subjects.length > 0 && placed.subjects.every(({ own }) => own))), 400);
  });
});

describe('a user', () => {
  it('is the ServiceAccount that has its name whole, or none', () => {
    holds(
      fc.property(userNames, (name) => {
        const account = accountOfUser(name);
        if (account === undefined) return;
        if (accountUser(account) !== name) throw new Error(`${account.namespace}/${account.name}`);
        if (account.namespace === '' || account.name === '' || `${account.namespace}${account.name}`.includes(':')) throw new Error('it has no name');
      }),
      400,
    );
  });

  it('of a ServiceAccount leads back to it', () => {
    holds(fc.property(plain, plain, (namespace, name) => { expect(accountOfUser(accountUser({ namespace, name }))).toEqual({ namespace, name }); }));
  });

  it('leads back to whom its key concerns, and no group to anybody', () => {
    holds(
      fc.property(userNames, plain, (name, namespace) => {
        expect(identityOfKey(userKey(name))).toEqual(accountOfUser(name) ?? { user: name });
        expect(accountGroupKeys(namespace).map(identityOfKey)).toEqual([undefined, undefined]);
      }),
    );
  });

  it('of an identity is its account first, and each certificate once', () => {
    holds(
      fc.property(plain, plain, fc.array(fc.record({ commonName: userNames, notAfter: fc.constant('2027-03-01T00:00:00Z') }), { maxLength: 5 }), (namespace, name, certificates) => {
        const users = usersOf({ serviceAccount: { namespace, name }, certificates });
        if (users[0] !== accountUser({ namespace, name }) || new Set(users).size !== users.length) throw new Error('one is missing, or there twice');
        for (const { commonName } of certificates) if (!users.includes(commonName)) throw new Error(`${commonName} is none`);
        if (users.length > certificates.length + 1) throw new Error('there is one more');
      }),
    );
  });

  it('is in the groups that the API server puts it into, and in those of no other namespace', () => {
    holds(
      fc.property(userNames, fc.constantFrom('ci', 'agent', 'ops'), (name, other) => {
        const groups = groupsOfUser(name);
        const account = accountOfUser(name);
        if (!groups.includes('system:authenticated')) throw new Error('it is not authenticated');
        for (const key of accountGroupKeys(other)) {
          const isIts = account !== undefined && (key === 'group system:serviceaccounts' || account.namespace === other);
          if (groups.map((group) => `group ${group}`).includes(key) !== isIts) throw new Error(key);
        }
      }),
      400,
    );
  });
});

describe('the grant of a binding', () => {
  it('is ended by us only where nobody else has it, or where we may write the binding and grant its role', async () => {
    const roleStates = fc.constantFrom('Present' as const, 'Absent' as const, 'Unknown' as const);
    await holdsInTime(
      fc.asyncProperty(bindings, fc.boolean(), fc.boolean(), roleStates, async (placed, mayPatch, mayBind, state) => {
        const binding = projected(placed);
        const asked: Permission[] = [];
        const allowed = (permission: Permission): Promise<boolean> => {
          asked.push(permission);
          return Promise.resolve(permission.verb === 'patch' ? mayPatch : mayBind);
        };
        const role = () => Promise.resolve(state === 'Present' ? { state, object: { ...placed.raw, rules: [] } } : state === 'Absent' ? { state } : { state, message: 'x', error: new Error('x') });
        const context = { permissions: { allowed, missing: () => Promise.resolve([]) }, reader: { role } as unknown as Parameters<typeof decideEnd>[0]['reader'] };
        const end = await decideEnd(context, binding, mine, new AbortController().signal);
        if (isSole(binding, mine)) {
          expect({ by: end.by, asked }).toEqual({ by: 'Revoke', asked: [] });
          return;
        }
        const { namespace, roleKind } = binding;
        expect(asked.map(({ verb, resource, namespace: where, name }) => [verb, qualifiedName(resource), where, name])).toEqual([
          ['patch', `${binding.kind.toLowerCase()}s.rbac.authorization.k8s.io`, namespace, undefined],
          ['bind', `${roleKind.toLowerCase()}s.rbac.authorization.k8s.io`, namespace, 'edit'],
        ]);
        const expected = mayPatch && mayBind ? 'Revoke' : state === 'Absent' ? 'DanglingRoleRef' : 'SharedBinding';
        expect(end.by === 'Person' ? end.reason : end.by).toBe(expected);
      }),
    );
  });
});
