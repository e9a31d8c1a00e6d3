/** Vault as a system in which an identity can get in: by a login, by tokens, and by the database users of its leases. */
import { connectors, secrets, serviceAccounts } from '../../src/kube/resources.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Cluster } from './cluster/cluster.ts';
import { between, chance, streamOf } from './engine/random.ts';
import type { Scheduler } from './engine/scheduler.ts';
import { neighbour } from './people.ts';
import type { IdentityPlan } from './plan.ts';
import type { Person, Realm } from './realm.ts';
import { connectorManifest, dependencyFor, secretManifest } from './vault/manifests.ts';
import { createVaultServer } from './vault/server.ts';
import type { Account, Token } from './vault/storage.ts';

export interface OutsideRealm {
  readonly realm: Realm;
  /** The entry of the identity's dependencies. */
  readonly dependencyOf: (identity: Person, plan: IdentityPlan) => object;
}

export interface OutsideOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly epoch: number;
  readonly namespace: string;
  readonly cluster: Cluster;
}

const settleTime = 12_000;
const roleOf = ({ name }: { readonly name: string }): string => `ci-${name}`;

export const createVaultRealm = ({ scheduler, random, epoch, namespace, cluster }: OutsideOptions): OutsideRealm => {
  const review = (jwt: string): Account | undefined => {
    const token = cluster.tokens.find(jwt);
    return token === undefined || !cluster.servers.some((_, index) => cluster.tokens.worksAt(index, jwt)) ? undefined : { uid: token.uid, namespace: token.namespace, name: token.name };
  };
  const vault = createVaultServer({ scheduler, random, epoch, review });
  const admin = cluster.as('kubernetes-admin');
  const operatorToken = vault.people.operatorToken();
  admin.create(secrets, secretManifest(namespace, operatorToken.id));
  admin.create(connectors, connectorManifest({ timing: { settle: `${String(settleTime / 1000)}s`, timeout: '5s' } }));

  /** Every ServiceAccount of that name that ever was. */
  const uids = new Map<string, Set<string>>();
  const held = new Map<string, Token[]>();
  const begin = ({ namespace: home, name }: Person, { idle }: { readonly idle: boolean }): void => {
    const account = admin.get(serviceAccounts, { namespace: home, name });
    if (account === undefined) return;
    const { uid } = account.metadata;
    uids.set(name, (uids.get(name) ?? new Set()).add(uid));
    vault.people.addAgent({ uid, namespace: home, name }, roleOf({ name }));
    if (idle) return;
    const jwt = admin.requestToken({ namespace: home, name });
    cluster.tokens.use(0, jwt.text);
    keep(name, vault.people.login(jwt.text, roleOf({ name })));
  };
  const keep = (name: string, token: Token | undefined): void => {
    if (token === undefined) return;
    held.set(name, [...(held.get(name) ?? []), token].slice(-6));
    vault.people.lease(token, roleOf({ name }));
  };
  const tokenOf = ({ namespace: home, name }: Person) => cluster.tokens.all().findLast((token) => token.name === name && token.namespace === home);
  begin({ namespace: 'ci', name: neighbour }, { idle: false });

  const realm: Realm = {
    name: 'vault',
    servers: [vault.wire],
    settleTime,
    propagation: 0,
    settle: begin,
    waysIn: ({ name }) => [...(uids.get(name) ?? [])].flatMap((uid) =>
      vault.truth.working(uid).flatMap(({ what, credential, orphan }) => (orphan === true ? [] : [{ id: `${what} ${credential}`, credential, atSource: true }]))),
    onChange: (listener) => { vault.truth.onChange(listener); },
    isLocked: () => undefined,
    acts: {
      AskForMore: (identity) => {
        const jwt = tokenOf(identity);
        if (jwt !== undefined) keep(identity.name, vault.people.login(jwt.text, roleOf(identity)));
      },
    },
    act: (identity, chances) => {
      const { name } = identity;
      const jwt = tokenOf(identity);
      if (jwt !== undefined && chance(chances, 0.3)) keep(name, vault.people.login(jwt.text, roleOf(identity)));
      const token = held.get(name)?.at(-1);
      if (token === undefined) return;
      if (chance(chances, 0.3)) vault.people.lease(token, roleOf(identity));
      if (chance(chances, 0.1)) keep(name, vault.people.child(token));
    },
    isIrreversible: ({ method, path }) => method !== 'GET' && method !== 'LIST' && (/\/(auth\/token|sys\/leases)\/revoke/.test(path) || (method === 'DELETE' && path.includes('/auth/'))),
    gives: () => false,
    isEnumeration: ({ method, path }) => method === 'LIST' || path.includes('list=true'),
    ofOthers: () => [...(uids.get(neighbour) ?? [])].flatMap((uid) => vault.truth.working(uid).map(({ what, credential }) => `${what} ${credential}`)).join(', '),
    knobs: [
      { name: 'Sealed', on: () => { vault.knobs.seal(); return vault.knobs.unseal; } },
      { name: 'Standby', on: (chances) => { vault.knobs.standby(between(chances, 500, 15_000)); return () => { vault.knobs.standby(undefined); }; } },
      { name: 'Balanced', on: (chances) => {
        const salt = String(chances());
        vault.knobs.standby(between(chances, 20_000, 90_000), true, (path) => chance(streamOf(0, path + salt), 0.5));
        return () => { vault.knobs.standby(undefined); };
      } },
      { name: 'ListsFromStandby', on: (chances) => {
        vault.knobs.standby(between(chances, 20_000, 90_000), true, (path) => path.startsWith('sys/leases/lookup/') || path === 'auth/token/accessors');
        return () => { vault.knobs.standby(undefined); };
      } },
      { name: 'LateLeases', on: accepting('Lease', (chances) => ({ kind: 'Late', after: between(chances, 1_000, 20_000) })) },
      { name: 'LateTokens', on: accepting('Token', (chances) => ({ kind: 'Late', after: between(chances, 1_000, 20_000) })) },
      { name: 'LeasesStay', on: accepting('Lease', () => ({ kind: 'Ignored' })) },
      { name: 'TokensStay', on: accepting('Token', () => ({ kind: 'Ignored' })) },
      { name: 'LateAndFails', on: accepting('Lease', (chances) => ({ kind: 'Fails', after: between(chances, 1_000, 20_000) })) },
      { name: 'GivesUp', on: () => {
        vault.knobs.database('refuses');
        const mine = uids.get(neighbour);
        for (const { what, credential, owner = '' } of vault.truth.working()) if (what === 'User' && mine?.has(owner) !== true) vault.knobs.giveUpOn(credential);
        return () => { vault.knobs.database('up'); };
      } },
      // Nobody mends it: it takes a person at the database.
      { name: 'UsersStay', on: () => {
        const mine = uids.get(neighbour);
        for (const { what, credential, owner = '' } of vault.truth.working()) if (what === 'User' && mine?.has(owner) !== true) vault.knobs.stickBehind(credential);
        return () => undefined;
      } },
      { name: 'DatabaseRefuses', on: () => { vault.knobs.database('refuses'); return () => { vault.knobs.database('up'); }; } },
      { name: 'DatabaseDown', on: () => { vault.knobs.database('down'); return () => { vault.knobs.database('up'); }; } },
      { name: 'NoRights', on: () => { vault.knobs.withdraw(); return vault.knobs.giveBack; } },
      ...(['auth/token/revoke-accessor', 'auth/token/lookup-accessor', 'sys/leases/lookup', 'sys/leases/revoke'] as const).map((path) => ({ name: `No ${path}`, on: () => { vault.knobs.withdraw(path); return vault.knobs.giveBack; } })),
      { name: 'DanglingAccessor', on: () => { vault.knobs.leaveDangling(); return () => undefined; } },
    ],
  };
  type Turn = Parameters<typeof vault.knobs.accept>;
  function accepting(what: Turn[0], how: (chances: Random) => Turn[1]): (chances: Random) => () => void {
    return (chances) => {
      vault.knobs.accept(what, how(chances));
      return () => { vault.knobs.accept(what, { kind: 'Done' }); };
    };
  }
  return { realm, dependencyOf: (identity) => dependencyFor(roleOf(identity)) };
};
