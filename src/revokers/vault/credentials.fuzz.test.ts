import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../../test/fuzz/property.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { Credential } from '../revoker.ts';
import { isOwnToken, toInventory } from './credentials.ts';
import type { Facts, NamedPrefix } from './credentials.ts';
import type { Entity, TokenFacts } from './errors.ts';
import { aliasesOn, foreignAliases, ownEntityIds, refuseOwn } from './identity.ts';
import type { Login } from './identity.ts';

const serviceAccount = { namespace: 'ci', name: 'agent', uid: 'uid-1' };
const mounts = [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }, { path: 'k8s/two', aliasSource: 'serviceaccount_name' }] as const;

const aliasOf = (name: string, mount: string): Entity['aliases'][number] => ({ id: `id of ${name}`, name, mountAccessor: `accessor of ${mount}`, mountPath: `auth/${mount}/`, metadata: {} });
const ownAliases = mounts.flatMap(({ path }) => [aliasOf('uid-1', path), aliasOf('ci/agent', path)]);
/** Namesakes on other mounts, and others on ours. */
const foreign = fc.constantFrom(aliasOf('uid-1', 'other'), aliasOf('ci/agent', 'oidc'), aliasOf('uid-2', 'kubernetes'), aliasOf('ci-2/agent', 'kubernetes'), aliasOf('ci/agent-7', 'k8s/two'), aliasOf('UID-1', 'kubernetes'), aliasOf('', 'kubernetes'));

interface OfEntity {
  readonly entity: Entity;
  readonly isShared: boolean;
}

const entities: fc.Arbitrary<OfEntity> = fc
  .record({ id: fc.constantFrom('e-1', 'e-2', 'e-3'), own: fc.subarray(ownAliases, { minLength: 1 }), others: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(foreign, { minLength: 1, maxLength: 2 })), merged: fc.subarray(['m-1', 'm-2']), disabled: fc.boolean() })
  .map(({ id, own, others, merged, disabled }) => ({ entity: { id, disabled, aliases: [...own, ...others], mergedIds: merged.map((each) => `${id} ${each}`), metadata: {} }, isShared: others.length > 0 }));

interface World {
  readonly logins: readonly Login[];
  readonly entities: readonly OfEntity[];
  readonly uid: string | undefined;
}

/** Each alias is of one entity at most, and each entity is there once. */
const worlds: fc.Arbitrary<World> = fc
  .record({ entities: fc.uniqueArray(entities, { maxLength: 2, selector: ({ entity }) => entity.id }), uid: fc.constantFrom('uid-1', 'uid-1', undefined) })
  .map(({ entities: all, uid }) => {
    const { uid: _, ...unknown } = serviceAccount;
    const logins = mounts.flatMap((mount) => aliasesOn(mount, uid === undefined ? unknown : serviceAccount)).map((login): Login => {
      const mountAccessor = `accessor of ${login.mount}`;
      const its = all.find(({ entity }) => entity.aliases.some(({ name, mountAccessor: on }) => name === login.alias && on === mountAccessor));
      return { ...login, mountAccessor, ...(its && { entity: its.entity }) };
    });
    const reached = all.filter(({ entity }) => logins.some((login) => login.entity === entity));
    // An alias by UID is another's where nobody knows the UID.
    return { logins, uid, entities: reached.map(({ entity, isShared }) => ({ entity, isShared: isShared || (uid === undefined && entity.aliases.some(({ name }) => name === 'uid-1')) })) };
  });

const login = (path: string, meta: Readonly<Record<string, string>>): Omit<TokenFacts, 'accessor'> => ({ entityId: '', path, meta });
const asAgent = (uid?: string): Readonly<Record<string, string>> => ({ role: 'x', service_account_namespace: 'ci', service_account_name: 'agent', ...(uid !== undefined && { service_account_uid: uid }) });

const ownTokens = ({ entities: all, uid }: World): fc.Arbitrary<Omit<TokenFacts, 'accessor'>> => {
  const ids = all.filter(({ isShared }) => !isShared).flatMap(({ entity }) => [entity.id, ...entity.mergedIds]);
  const byLogin = mounts.flatMap(({ path }) => [undefined, '', 'uid-1', ...(uid === undefined ? ['uid-9'] : [])].map((seen) => login(`auth/${path}/login`, asAgent(seen))));
  const byEntity = ids.flatMap((entityId) => ['auth/token/create', 'auth/oidc/login'].map((path) => ({ ...login(path, {}), entityId })));
  return fc.constantFrom(...byLogin, ...byEntity, login('auth/approle/login', { role_name: 'own' }), login('auth/ci/approle/login', { role_name: 'own' }));
};

const otherTokens = ({ entities: all, uid }: World): fc.Arbitrary<Omit<TokenFacts, 'accessor'>> => {
  const shared = all.filter(({ isShared }) => isShared).map(({ entity }) => ({ ...login('auth/token/create', {}), entityId: entity.id }));
  return fc.constantFrom(
    ...shared,
    login('auth/token/create', asAgent('uid-1')),
    ...['auth/other/login', 'auth/kubernetes/login/x', 'auth/kubernetes', 'kubernetes/login', 'auth/k8s/login', 'AUTH/kubernetes/login'].map((path) => login(path, asAgent('uid-1'))),
    ...(uid === undefined ? [] : [login('auth/kubernetes/login', asAgent('uid-9')), login('auth/kubernetes/login', asAgent('UID-1'))]),
    login('auth/kubernetes/login', { ...asAgent('uid-1'), service_account_namespace: 'ci-2' }),
    login('auth/kubernetes/login', { ...asAgent('uid-1'), service_account_name: 'agent-7' }),
    login('auth/kubernetes/login', { ...asAgent('uid-1'), service_account_name: 'Agent' }),
    login('auth/kubernetes/login', { service_account_uid: 'uid-1' }),
    login('auth/approle/login', { role_name: 'shared' }),
    login('auth/approle/login', { role_name: 'Own' }),
    login('auth/approle/login', {}),
    login('auth/kubernetes/login', { role_name: 'own' }),
    login('auth/approle-2/login', { role_name: 'own' }),
    ...['e-9', '', 'e-1 ', 'm-1', '__proto__'].map((entityId) => ({ ...login('auth/token/create', {}), entityId })),
  );
};

const dependency: Facts['dependency'] = { connectorRef: { name: 'vault' }, appRoles: [{ name: 'own', exclusive: true }, { mount: 'ci/approle', name: 'own', exclusive: true }, { name: 'shared' }] };

const factsOf = ({ logins, uid }: Pick<World, 'logins' | 'uid'>, given: Partial<Facts> = {}): Facts => {
  const { uid: _, ...unknown } = serviceAccount;
  return { origin: 'here', target: { serviceAccount: uid === undefined ? unknown : serviceAccount }, dependency, mounts, logins, tokens: [], danglingAccessors: 0, prefixes: [], roles: [], appRoles: [], certificates: [], ...given };
};

const nobody: World = { logins: [], entities: [], uid: 'uid-1' };
const classOf = (credentials: readonly Credential[], ...classes: readonly string[]): readonly Credential[] => credentials.filter((each) => classes.includes(each.class));

describe('a token of a Vault', () => {
  const worldsWithTokens = worlds.chain((world) => fc.record({ world: fc.constant(world), own: fc.array(ownTokens(world), { maxLength: 4 }), others: fc.array(otherTokens(world), { maxLength: 6 }) }));

  it('is the identity\'s in every form in which it can be, and no other\'s is', () => {
    holds(
      fc.property(worldsWithTokens, ({ world, own, others }) => {
        const tokens = [...own.map((token, index) => ({ ...token, accessor: `own-${index}` })), ...others.map((token, index) => ({ ...token, accessor: `other-${index}` }))];
        const { credentials } = toInventory(factsOf(world, { tokens }));
        expect(classOf(credentials, 'Token').map(({ id }) => id)).toEqual(own.map((_, index) => `auth/token accessor own-${index}`));
        expect(tokens.filter(isOwnToken(factsOf(world))).map(({ accessor }) => accessor)).toEqual(own.map((_, index) => `own-${index}`));
      }),
      600,
    );
  });
});

describe('an entity', () => {
  it('is the identity\'s only where each of its aliases is, and what was merged into it with it', () => {
    holds(
      fc.property(worlds, ({ logins, entities: all }) => {
        for (const { entity, isShared } of all) if (foreignAliases(entity, logins).length > 0 !== isShared) throw new Error(entity.id);
        expect([...ownEntityIds(logins)].toSorted()).toEqual(all.filter(({ isShared }) => !isShared).flatMap(({ entity }) => [entity.id, ...entity.mergedIds]).toSorted());
      }),
      400,
    );
  });

  it('that others have as well is left to a person, who is told whose it is', () => {
    holds(
      fc.property(worlds, ({ logins, uid, entities: all }) => {
        for (const { id, end, seen } of classOf(toInventory(factsOf({ logins, uid })).credentials, 'Login')) {
          const its = logins.find(({ mount, alias }) => id === `auth/${mount} alias ${alias}`)?.entity;
          const isShared = all.find(({ entity }) => entity === its)?.isShared ?? false;
          if (isShared !== (end.by === 'Person' && end.reason === 'SharedEntity')) throw new Error(`${id} ends by ${end.by}`);
          if (seen !== (its !== undefined && !its.disabled)) throw new Error(`${id} is ${seen ? '' : 'not '}seen`);
        }
      }),
      400,
    );
  });

  it('that Offboard itself has is never gone on with', () => {
    holds(
      fc.property(worlds, fc.constantFrom('e-1', 'e-2', 'e-3', 'e-1 m-1', 'e-9', ''), ({ logins, entities: all }, entityId) => {
        const isIts = entityId !== '' && all.some(({ entity }) => entity.id === entityId || entity.mergedIds.includes(entityId));
        let isRefused = false;
        try {
          refuseOwn(logins, { entityId });
        } catch (error) {
          isRefused = error instanceof OutcomeError && error.reason === 'ProtectedIdentity';
        }
        return isRefused === isIts;
      }),
    );
  });
});

describe('an inventory of a Vault', () => {
  const leases = fc.uniqueArray(fc.constantFrom('1', '2', 'sub/1', 'sub/2'), { maxLength: 4 });
  const prefixes: fc.Arbitrary<readonly NamedPrefix[]> = fc.uniqueArray(
    fc.record({ prefix: fc.constantFrom('database/creds/a', 'database/creds/a/sub', 'aws/creds/a'), exclusive: fc.boolean(), ids: leases }).map(({ prefix, exclusive, ids }) => ({ prefix, exclusive, leaseIds: ids.map((id) => `${prefix}/${id}`) })),
    { maxLength: 3, selector: ({ prefix }) => prefix },
  );
  /** As they are listed: what is under one prefix is under that above it as well. */
  const nested = prefixes.map((all) => all.map((named) => ({ ...named, leaseIds: [...new Set(all.flatMap(({ leaseIds }) => leaseIds).filter((id) => id.startsWith(`${named.prefix}/`)))] })));

  it('has every lease under a prefix that is the identity\'s, and leaves those of another to a person', () => {
    holds(
      fc.property(nested, (all) => {
        const { credentials } = toInventory(factsOf(nobody, { prefixes: all }));
        const own = new Set(all.filter(({ exclusive }) => exclusive).flatMap(({ leaseIds }) => leaseIds));
        expect(new Set(classOf(credentials, 'Lease').map(({ id }) => id))).toEqual(own);
        const shared = all.filter(({ exclusive, leaseIds }) => !exclusive && leaseIds.length > 0);
        expect(classOf(credentials, 'SharedLeases').map(({ id, end }) => [id, end.by])).toEqual(shared.map(({ prefix }) => [`leases under ${prefix}`, 'Person']));
      }),
      300,
    );
  });

  const secretIds = fc.uniqueArray(fc.constantFrom('s-1', 's-2'));
  const appRoles = fc.array(fc.record({ exclusive: fc.boolean(), exists: fc.boolean(), needsSecretId: fc.boolean(), secretIds, batchTokens: fc.boolean() }), { maxLength: 3 }).map((all) => all.map((each, index) => ({ ...each, mount: 'approle', name: `role-${index}` })));
  const role = fc.record({ names: fc.constantFrom<readonly string[]>(['agent'], ['agent', 'b'], ['b']), namespaces: fc.constantFrom<readonly string[]>(['ci'], ['*']), selector: fc.constant(''), aliasSource: fc.constantFrom('serviceaccount_uid', 'serviceaccount_name'), tokenType: fc.constantFrom('default', 'batch', 'default-batch') });
  const named = fc.record({ mount: fc.constantFrom(...mounts), role: fc.option(role, { nil: undefined }) });
  // Also more than all that is told of them.
  const many = fc.array(named, { minLength: 60, maxLength: 80, size: 'max' });
  const roles = fc.oneof({ weight: 4, arbitrary: fc.array(named, { maxLength: 5 }) }, many).map((all) => all.map(({ mount, role: its }, index) => ({ mount, name: `role-${index}`, ...(its && { role: its }) })));
  const certificates = fc.array(fc.constantFrom('Valid' as const, 'Expired' as const, 'Revoked' as const, 'NotStored' as const), { maxLength: 2 }).map((all) => all.map((state, index) => ({ mount: 'pki', serialNumber: `0${index}`, state })));
  const whole = fc.record({ world: worlds, prefixes: nested, roles, appRoles, certificates, danglingAccessors: fc.nat({ max: 1 }) });

  it('names each of its credentials once, all of them at the place that answered', () => {
    holds(
      fc.property(whole, ({ world, ...given }) => {
        const { credentials, origin } = toInventory(factsOf(world, given));
        const keys = credentials.map(({ id, class: kind }) => `${kind} ${id}`);
        if (new Set(keys).size !== keys.length) throw new Error('one is there twice');
        if (credentials.some(({ uid }) => uid !== 'here') || origin !== 'here') throw new Error('it was seen elsewhere');
      }),
    );
  });

  it('lists each role that lets the identity in, and says of each that does not, or says how many more there are', () => {
    holds(
      fc.property(whole, ({ world, ...given }) => {
        const { credentials, findings } = toInventory(factsOf(world, given));
        const more = Number(/^(\d+) more/.exec(findings.at(-1)?.message ?? '')?.[1] ?? 0);
        let unsaid = 0;
        for (const { mount, name, role: its } of given.roles) {
          const id = `auth/${mount.path}/role/${name}`;
          const listed = credentials.find((each) => each.class === 'AuthRole' && each.id === id);
          const letsIn = its === undefined || its.names.includes('agent');
          if ((listed !== undefined) !== letsIn) throw new Error(`${id} is lost`);
          const isShared = its !== undefined && (its.names.length > 1 || its.namespaces.includes('*'));
          if (listed !== undefined && (listed.end.by === 'Person') !== isShared) throw new Error(`${id} ends by ${listed.end.by}`);
          if (!letsIn && !findings.some(({ object }) => object === id)) unsaid += 1;
        }
        if (unsaid > more) throw new Error(`${unsaid} are not told of, and ${more} are said to be`);
      }),
    );
  });

  it('has each secret id of a role of its own, and lets no way to log in go unsaid', () => {
    holds(
      fc.property(appRoles, (all) => {
        const { credentials } = toInventory(factsOf(nobody, { appRoles: all }));
        for (const { name, exclusive, exists, needsSecretId, secretIds: ids } of all) {
          const id = `auth/approle/role/${name}`;
          const whole_ = classOf(credentials, 'AppRole').find((each) => each.id === id);
          const own = classOf(credentials, 'SecretId').filter((each) => each.id.startsWith(`${id} `));
          if (exclusive && own.length !== ids.length) throw new Error(`a secret id of ${name} is lost`);
          if (!exclusive && own.length > 0) throw new Error('it ends those of others');
          const isOpen = exists && !needsSecretId;
          if ((isOpen || (!exclusive && ids.length > 0)) && whole_?.end.by !== 'Person') throw new Error(`nobody is told of ${name}`);
        }
      }),
    );
  });

  it('says that something cannot be proven wherever any of it cannot', () => {
    holds(
      fc.property(whole, ({ world, ...given }) => {
        const { findings } = toInventory(factsOf(world, given));
        const isUnprovable = given.prefixes.length > 0 || given.certificates.length > 0 || given.appRoles.some(({ batchTokens }) => batchTokens) || world.entities.length > 0;
        return findings.some(({ type }) => type === 'NotProvable') === isUnprovable;
      }),
    );
  });
});
