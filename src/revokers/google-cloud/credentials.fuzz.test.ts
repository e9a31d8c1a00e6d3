import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holders, membersOf } from '../../../test/fuzz/members.ts';
import type { Member } from '../../../test/fuzz/members.ts';
import { holds } from '../../../test/fuzz/property.ts';
import type { Standing } from './account.ts';
import { toInventory, waysToMint } from './credentials.ts';
import type { Facts } from './facts.ts';
import type { Holder } from './members.ts';
import { mayMint } from './minting.ts';
import { conditionKey, readPolicy } from './policies.ts';

const email = 'agent@acme.iam.gserviceaccount.com';
const account = { email, uniqueId: '107', disabled: false, description: '', etag: 'a' };

const roles = fc.constantFrom('roles/viewer', 'roles/editor', 'roles/iam.serviceAccountTokenCreator', 'roles/storage.objectViewer', 'projects/acme/roles/custom');
const conditions = fc.constantFrom(undefined, { title: 'a', expression: 'true' }, { expression: 'false', title: 'a' });

interface Binding {
  readonly role: string;
  readonly members: readonly Member[];
  readonly condition: object | undefined;
}

interface Place {
  readonly name: string;
  readonly bindings: readonly Binding[] | undefined;
  readonly granted: boolean;
  readonly own: boolean;
}

const names = ['projects/acme', 'folders/42', '//storage.googleapis.com/b', '//iam.googleapis.com/projects/acme/serviceAccounts/108', '//iam.googleapis.com/projects/acme/serviceAccounts/107'];

const placesOf = (holder: Holder): fc.Arbitrary<readonly Place[]> =>
  fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...names),
      // Google has one for each role and condition.
      bindings: fc.option(fc.uniqueArray(fc.record({ role: roles, members: membersOf(holder, 4), condition: conditions }), { maxLength: 3, selector: ({ role, condition }) => JSON.stringify([role, condition]) }), { nil: undefined, freq: 6 }),
      granted: fc.constantFrom(true, true, false),
    }).map((place) => ({ ...place, own: place.name.endsWith('/107') })),
    { maxLength: 4, selector: ({ name }) => name },
  );

const standingOf = ({ account: held }: Holder): Standing => {
  if (held === undefined) return { state: 'None' };
  const named = { project: 'acme', email };
  return held.holdsEmail ? { ...named, state: 'Current', account } : { ...named, state: 'Recreated', uniqueId: '107', successor: { ...account, uniqueId: '108' } };
};

interface World {
  readonly holder: Holder;
  readonly places: readonly Place[];
  readonly rest: Pick<Facts, 'sharers' | 'keys' | 'hmacKeys' | 'unreadable' | 'searched' | 'tokens'>;
}

const worlds: fc.Arbitrary<World> = holders.chain((holder) =>
  fc.record({
    holder: fc.constant(holder),
    places: placesOf(holder),
    rest: fc.record({
      sharers: standingOf(holder).state === 'Current' ? fc.constantFrom<readonly string[]>([], ['user:b (roles/x)']) : fc.constant([]),
      keys: fc.uniqueArray(fc.constantFrom('k1', 'k2', 'k3')).map((ids) => ids.map((id) => ({ id, validBefore: '', disabled: false }))),
      hmacKeys: fc.uniqueArray(fc.constantFrom('GOOG1', 'GOOG2')).map((ids) => ids.map((accessId) => ({ accessId, email, active: true, etag: '' }))),
      unreadable: fc.subarray(['//bigquery.googleapis.com/projects/acme/datasets/d', '//compute.googleapis.com/x']),
      searched: fc.boolean(),
      tokens: fc.constantFrom('MayLive' as const, 'Over' as const, 'None' as const),
    }),
  }),
);

const factsOf = ({ holder, places, rest }: World): Facts => ({
  dependency: { connectorRef: { name: 'google' }, serviceAccount: { email } },
  holder,
  standing: standingOf(holder),
  ...rest,
  resources: places.map(({ bindings, ...place }) => ({ ...place, policy: bindings && readPolicy({ version: 3, etag: 'x', bindings: bindings.map(({ role, members, condition }) => ({ role, members: members.map(({ member }) => member), ...(condition && { condition }) })) }) })),
  tokensEnd: new Date('2027-01-01T00:00:00Z'),
  probed: 'No',
});

/** What means the identity, each once in a binding, but for what a shared account was given itself. */
const ownOf = ({ bindings = [] }: Place, isShared: boolean): readonly Member[] =>
  bindings.flatMap(({ members }) => [...new Map(members.map((each) => [each.member, each])).values()].filter(({ kind }) => kind !== 'Inherited' && kind !== 'Other' && !(isShared && kind === 'Account')));

describe('an inventory of Google Cloud', () => {
  it('has each role of the identity on each resource, in every form, and nobody else\'s', () => {
    holds(
      fc.property(worlds, (world) => {
        const { credentials } = toInventory(factsOf(world));
        for (const place of world.places) {
          const own = ownOf(place, world.rest.sharers.length > 0);
          const found = credentials.filter(({ id, class: kind }) => kind === 'Binding' && id.startsWith(`${place.name} `));
          const expected = own.map(({ kind }) => (kind === 'SharedName' ? 'SharedAcrossClusters' : place.granted ? 'Revoke' : 'NotGranted'));
          const ends = found.map(({ end }) => (end.by === 'Person' ? end.reason : end.by));
          expect(ends.toSorted()).toEqual(expected.toSorted());
          if (new Set(found.map(({ id }) => id)).size !== found.length) throw new Error('one is there twice');
        }
      }),
      400,
    );
  });

  it('has each key of the account, the account itself, and what only a search shows, each once', () => {
    holds(
      fc.property(worlds, (world) => {
        const facts = factsOf(world);
        const { credentials } = toInventory(facts);
        const of = (kind: string): readonly string[] => credentials.filter((each) => each.class === kind).map(({ end }) => (end.by === 'Person' ? end.reason : end.by));
        const isCurrent = facts.standing.state === 'Current';
        const isShared = world.rest.sharers.length > 0;
        const each = isShared ? 'SharedAccount' : 'Revoke';
        expect(of('ServiceAccountKey')).toEqual(isCurrent ? world.rest.keys.map(() => each) : []);
        expect(of('HmacKey')).toEqual(isCurrent ? world.rest.hmacKeys.map(() => each) : []);
        expect(of('SearchedBinding')).toEqual(world.rest.unreadable.map(() => 'UnsupportedResource'));
        expect(of('ServiceAccount')).toEqual(facts.standing.state === 'Recreated' ? ['Revoke', 'IdentityRecreated'] : isCurrent && !isShared ? ['Revoke'] : []);
      }),
    );
  });

  it('waits for tokens wherever some may live, or could still be made', () => {
    holds(
      fc.property(worlds, (world) => {
        const facts = factsOf(world);
        const tokens = toInventory(facts).credentials.find((each) => each.class === 'AccessTokens');
        const isShared = world.rest.sharers.length > 0;
        const ways = waysToMint(facts);
        for (const { name, bindings = [], own } of world.places) {
          const isOne = bindings.some(({ role, members }) => mayMint(name, role) && members.some(({ kind }) => kind === 'ServiceAccount' || kind === 'SharedName' || (kind === 'Account' && !isShared)));
          // Tokens of an account that is disabled are refused with it.
          if (ways.some((way) => way.endsWith(` on ${name}`)) !== (isOne && (!own || isShared))) throw new Error(`on ${name} a way is lost, or is none`);
        }
        for (const { id } of world.rest.keys) if (ways.includes(`the key ${id}`) !== isShared) throw new Error(`the key ${id}`);
        return (tokens !== undefined) === (ways.length > 0 || isShared || world.rest.tokens === 'MayLive') && (tokens === undefined || tokens.end.by === 'Expiry');
      }),
      400,
    );
  });

  it('lets nothing that is not known or cannot be proven go unsaid', () => {
    holds(
      fc.property(worlds, (world) => {
        const { findings } = toInventory(factsOf(world));
        const says = (type: string, object?: string): boolean => findings.some((each) => each.type === type && (object === undefined || each.object === object));
        for (const { name, bindings, own } of world.places) {
          const crowd = (bindings ?? []).some(({ members }) => members.some(({ kind }) => kind === 'Inherited'));
          if (crowd !== says('Inherited', name)) throw new Error(`whoever has ${name} as one of many`);
          if (bindings === undefined && !own && !says('NotEnumerated', name)) throw new Error(`there is no ${name}`);
        }
        if (!world.rest.searched && !says('NotEnumerated', 'other resources')) throw new Error('others are not looked for');
        if (world.rest.tokens !== 'None' && !says('NotProvable', 'access tokens')) throw new Error('what was made with tokens is not known');
        if (world.holder.pools.length === 0 && !says('NotEnumerated', 'roles of the ServiceAccount itself')) throw new Error('no pool is known');
        if (world.holder.pools.length > 0 && world.holder.serviceAccount.uid === undefined && !says('NotEnumerated', 'roles of the ServiceAccount by its UID')) throw new Error('no UID is known');
        if (world.rest.sharers.length > 0 && !says('Shared', email)) throw new Error('others use it as well');
      }),
    );
  });
});

describe('a role', () => {
  const any = fc.oneof(roles, fc.constantFrom('roles/browser', 'roles/iam.serviceAccountViewer', 'roles/owner', 'roles/compute.serviceAgent', 'organizations/1/roles/x'), fc.string().map((text) => `roles/${text}`));

  it('of a service account may let make tokens of it, unless it only lets look', () => {
    const viewers = ['roles/viewer', 'roles/browser', 'roles/iam.serviceAccountViewer', 'roles/iam.securityReviewer', 'roles/iam.roleViewer'];
    holds(fc.property(any, (role) => mayMint('//iam.googleapis.com/projects/acme/serviceAccounts/108', role) === !viewers.includes(role)));
  });

  it('of what is above one may where nobody knows what it gives, and of what is beside it does not', () => {
    const custom = fc.constantFrom('projects/acme/roles/x', 'organizations/1/roles/y', 'roles/x.serviceAgent', 'roles/iam.serviceAccountUser', 'roles/owner');
    holds(fc.property(custom, fc.constantFrom('projects/acme', 'folders/1', 'organizations/1'), any, (role, resource, other) => mayMint(resource, role) && !mayMint('//storage.googleapis.com/b', other)));
  });
});

describe('a condition', () => {
  it('is the same in whatever order its fields come, and another with anything else in it', () => {
    const condition = fc.dictionary(fc.constantFrom('title', 'expression', 'description', 'x'), fc.oneof(fc.constantFrom('a', 'b', ''), fc.jsonValue({ maxDepth: 1 })), { maxKeys: 4 });
    const sorted = (value: object): string => JSON.stringify(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)), (_, inner: unknown) => (typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).toSorted()) : inner));
    holds(
      fc.property(condition, condition, (one, other) => {
        if (conditionKey(one) !== conditionKey(Object.fromEntries(Object.entries(one).toReversed()))) throw new Error('by the order of its fields');
        if (conditionKey(undefined) === conditionKey(one)) throw new Error('one that is there is none');
        return (conditionKey(one) === conditionKey(other)) === (sorted(one) === sorted(other));
      }),
    );
  });
});
