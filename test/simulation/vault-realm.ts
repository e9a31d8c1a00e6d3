/** Vault as a system in which an identity can get in: by a login, by tokens, and by the database users of its leases. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { Dependency } from '../../src/api/v1alpha1/index.ts';
import { connectors, secrets, serviceAccounts, workloadIdentities } from '../../src/kube/resources.ts';
import type { WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Cluster } from './cluster/cluster.ts';
import { between, chance, streamOf } from './engine/random.ts';
import type { Scheduler } from './engine/scheduler.ts';
import { keyOf, neighbour } from './people.ts';
import type { IdentityPlan, Setting } from './plan.ts';
import type { Person, Realm } from './realm.ts';
import { lookedAtAgainAfter } from './realm.ts';
import { certificateOf } from './vault/certificates.ts';
import { connectorManifest, dependencyFor, secretManifest, vaultSecret } from './vault/manifests.ts';
import { createVaultServer } from './vault/server.ts';
import type { AgentOptions } from './vault/people.ts';
import { createSharing } from './vault/sharing.ts';
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
  readonly setting?: Pick<Setting, 'inMemory' | 'searched'>;
}

const settleTime = 12_000;
/** Longer than any run, in milliseconds: of who stays, nothing ends by itself. */
const aDay = 86_400_000;
const roleOf = ({ namespace, name }: Person): string => `${namespace}-${name}`;

const declarationOf = (identity: Person, { sharedLeases, appRole, certificate }: IdentityPlan): Dependency =>
  dependencyFor(roleOf(identity), {
    exclusive: !sharedLeases, ...(appRole && { appRole: roleOf(identity) }), ...(certificate && { serialNumber: certificateOf(roleOf(identity)).serial }),
  });

export const createVaultRealm = ({ scheduler, random, epoch, namespace, cluster, setting }: OutsideOptions): OutsideRealm => {
  const review = (jwt: string): Account | undefined => {
    const token = cluster.tokens.find(jwt);
    return token === undefined || !cluster.servers.some((_, index) => cluster.tokens.worksAt(index, jwt)) ? undefined : { uid: token.uid, namespace: token.namespace, name: token.name };
  };
  const vault = createVaultServer({ scheduler, random, epoch, review, storage: setting?.inMemory === true ? 'memory' : 'raft' });
  const admin = cluster.as('kubernetes-admin');
  let operatorToken = vault.people.operatorToken();
  admin.create(secrets, secretManifest(namespace, operatorToken.id));
  admin.create(connectors, connectorManifest({ timing: { settle: `${String(settleTime / 1000)}s`, timeout: '5s' } }));

  /** What keeps all in memory has no standby. */
  const standby: typeof vault.knobs.standby = (...how) => { if (setting?.inMemory !== true) vault.knobs.standby(...how); };
  /** As whoever runs Vault does when the operator's token is of no use any more. */
  const handOver = (token: Token): void => {
    operatorToken = token;
    admin.patch(secrets, { namespace, name: vaultSecret.name }, { data: { [vaultSecret.key]: btoa(token.id) } });
  };
  /** Every ServiceAccount of that name that ever was. */
  const uids = new Map<string, Set<string>>();
  const held = new Map<string, Token[]>();
  const retired = new Set<string>();
  /** No lock stops who logs in by one. */
  const appRoles = new Map<string, { readonly login: () => Token | undefined; readonly more: () => unknown }>();
  const accountOf = (one: Person): Account | undefined => {
    const uid = admin.get(serviceAccounts, one)?.metadata.uid;
    return uid === undefined ? undefined : { ...one, uid };
  };
  const begin = (one: Person, account: Account, options: AgentOptions): void => {
    uids.set(keyOf(one), (uids.get(keyOf(one)) ?? new Set()).add(account.uid));
    vault.people.addAgent(account, roleOf(one), options);
  };
  const firstLogin = (one: Person): void => {
    const jwt = admin.requestToken(one);
    cluster.tokens.use(0, jwt.text);
    keep(one, vault.people.login(jwt.text, roleOf(one)));
  };
  const lease = (one: Person, token: Token): void => {
    vault.people.lease(token, roleOf(one), ...(retired.has(keyOf(one)) ? [] : [aDay]));
  };
  const keep = (one: Person, token: Token | undefined): void => {
    if (token === undefined) return;
    held.set(keyOf(one), [...(held.get(keyOf(one)) ?? []), token].slice(-6));
    lease(one, token);
  };
  /** Of who logged in by an AppRole: nothing in them says whose they are, and they end with the one that made them. */
  const endWithParent = new Set<string>();
  const childOf = (token: Token): Token | undefined => {
    const child = vault.people.child(token);
    if (child !== undefined && (token.path.startsWith('auth/approle/') || endWithParent.has(token.accessor))) endWithParent.add(child.accessor);
    return child;
  };
  /** By the leases that they are behind. */
  const usersOf = (identity: Person): readonly string[] =>
    [...(uids.get(keyOf(identity)) ?? [])].flatMap((uid) => vault.truth.working(uid).flatMap(({ what, credential }) => (what === 'User' ? [credential] : [])));
  const tokenOf = ({ namespace: home, name }: Person) => cluster.tokens.all().findLast((token) => token.name === name && token.namespace === home);
  const isNeighbours = (owner = ''): boolean => [...uids].some(([key, mine]) => !retired.has(key) && mine.has(owner));
  const usersOfRetired = (): readonly string[] => vault.truth.working().flatMap(({ what, credential, owner }) => (what === 'User' && !isNeighbours(owner) ? [credential] : []));
  const plans = new Map<string, IdentityPlan>();
  const declareOwn = (identity: Person): void => {
    const { spec } = (admin.get(workloadIdentities, identity) ?? {}) as unknown as Partial<WorkloadIdentityObject>;
    const [plan, declared] = [plans.get(keyOf(identity)), spec?.dependencies ?? []];
    if (spec === undefined || plan === undefined) return;
    const others = declared.filter(({ name }) => name !== 'vault');
    const own = { ...declared.find(({ name }) => name === 'vault'), ...declarationOf(identity, { ...plan, sharedLeases: false }) };
    admin.patch(workloadIdentities, identity, { spec: { dependencies: [...others, own] } });
  };
  const sharing = createSharing({ vault, now: scheduler.now, accountOf, jwtOfNeighbour: () => admin.requestToken(neighbour).text, declareOwn });

  const realm: Realm = {
    name: 'vault',
    servers: [vault.wire],
    settleTime,
    propagation: 0,
    welcome: (one) => {
      const account = accountOf(one);
      if (account === undefined) return;
      begin(one, account, { tokenTtl: aDay });
      firstLogin(one);
    },
    settle: (identity, plan) => {
      const account = accountOf(identity);
      if (account === undefined) return;
      retired.add(keyOf(identity));
      plans.set(keyOf(identity), plan);
      begin(identity, account, plan.sharedRole ? { sharedWith: [neighbour.name], tokenTtl: aDay } : {});
      if (!plan.idle) firstLogin(identity);
      sharing.begin(identity, plan);
      if (plan.certificate) {
        const { serial, pem } = certificateOf(roleOf(identity));
        vault.people.addCertificate(serial, pem, account);
      }
      if (!plan.appRole) return;
      const { roleId, secretId } = vault.people.addAppRole(roleOf(identity), account);
      const { id } = secretId();
      appRoles.set(keyOf(identity), { login: () => vault.people.loginByAppRole(roleId, id), more: secretId });
      keep(identity, vault.people.loginByAppRole(roleId, id));
    },
    staysOpen: (identity) => appRoles.has(keyOf(identity)) || (sharing.until[reasons.sharedEntity]?.(identity) ?? -Infinity) + lookedAtAgainAfter > scheduler.now(),
    waysIn: (identity) => [...(uids.get(keyOf(identity)) ?? [])].flatMap((uid) =>
      vault.truth.working(uid).flatMap(({ what, credential, orphan }) => (orphan === true ? [] : [{ id: `${what} ${credential}`, credential, atSource: true }]))),
    onChange: (listener) => { vault.truth.onChange(listener); },
    isLocked: () => undefined,
    isStuck: { [reasons.revocationStuck]: (identity) => usersOf(identity).some(vault.knobs.isStuckBehind) },
    free: (identity) => { usersOf(identity).forEach(vault.knobs.unstickBehind); },
    acts: {
      AskForMore: (identity) => {
        const jwt = tokenOf(identity);
        if (jwt !== undefined) keep(identity, vault.people.login(jwt.text, roleOf(identity)));
        appRoles.get(keyOf(identity))?.more();
      },
      Unshare: sharing.end,
    },
    sharedUntil: sharing.until,
    act: (identity, chances) => {
      const jwt = tokenOf(identity);
      if (jwt !== undefined && chance(chances, 0.3)) keep(identity, vault.people.login(jwt.text, roleOf(identity)));
      if (chance(chances, 0.2)) keep(identity, appRoles.get(keyOf(identity))?.login());
      const token = held.get(keyOf(identity))?.at(-1);
      if (token === undefined) return;
      if (chance(chances, 0.3)) lease(identity, token);
      if (chance(chances, 0.1)) keep(identity, childOf(token));
    },
    ends: ({ method, path, body }) => {
      const isRole = method === 'DELETE' && path.includes('/auth/');
      if (method === 'GET' || (!isRole && !/\/(auth\/token|sys\/leases)\/revoke/.test(path))) return undefined;
      const { accessor, lease_id: lease } = JSON.parse(body ?? '{}') as Readonly<Record<string, string | undefined>>;
      const wanted = isRole ? path.slice(path.indexOf('/auth/') + 1) : accessor === undefined ? lease : `auth/token accessor ${accessor}`;
      return ({ id }) => id === wanted;
    },
    // Nobody can log in as an account that is gone, whatever Vault would say; its tokens are followed.
    unfollowed: ({ id }, uid) => (id.startsWith('Login ') && (uid === undefined || !id.endsWith(uid))) || endWithParent.has(id.slice('Token auth/token accessor '.length)),
    gives: () => false,
    listed: ({ path, body }) => {
      if (path.endsWith('?list=true')) return /\/(auth\/token\/accessors|sys\/leases\/lookup\/.+)\?/.exec(path)?.[1];
      const alias = path.endsWith('/identity/lookup/entity') ? /"alias_name":"([^"]+)"/.exec(body ?? '')?.[1] : undefined;
      return alias === undefined ? undefined : `alias ${alias}`;
    },
    lists: (identity, uid = '') => {
      // Of another life nobody knows but by what is left of it.
      const lives = uids.get(keyOf(identity))?.has(uid) === true ? [uid] : [];
      return ['auth/token/accessors', `sys/leases/lookup/database/creds/${roleOf(identity)}`, ...lives.map((life) => `alias ${life}`)];
    },
    ofOthers: () => vault.truth.working().flatMap(({ what, credential, owner }) => (isNeighbours(owner) ? [`${what} ${credential}`] : [])).join(', '),
    knobs: [
      { name: 'Sealed', on: () => { vault.knobs.seal(); return vault.knobs.unseal; } },
      { name: 'Standby', on: (chances) => { standby(between(chances, 500, 15_000)); return () => { standby(undefined); }; } },
      { name: 'Balanced', on: (chances) => {
        const salt = String(chances());
        standby(between(chances, 20_000, 90_000), true, (path) => chance(streamOf(0, path + salt), 0.5));
        return () => { standby(undefined); };
      } },
      { name: 'ListsFromStandby', on: (chances) => {
        standby(between(chances, 20_000, 90_000), true, (path) => path.startsWith('sys/leases/lookup/') || path === 'auth/token/accessors');
        return () => { standby(undefined); };
      } },
      // One that tells how far it is, and answers all the same.
      { name: 'Heedless', on: (chances) => { standby(between(chances, 500, 15_000), false); return () => { standby(undefined); }; } },
      { name: 'LoggedOut', on: () => {
        vault.knobs.revokeOperatorToken(operatorToken);
        return () => { handOver(vault.people.operatorToken()); };
      } },
      { name: 'LateLeases', on: accepting('Lease', (chances) => ({ kind: 'Late', after: between(chances, 1_000, 20_000) })) },
      { name: 'LateTokens', on: accepting('Token', (chances) => ({ kind: 'Late', after: between(chances, 1_000, 20_000) })) },
      { name: 'LeasesStay', on: accepting('Lease', () => ({ kind: 'Ignored' })) },
      { name: 'TokensStay', on: accepting('Token', () => ({ kind: 'Ignored' })) },
      ...(['Entity', 'AuthRole', 'SecretId', 'Certificate'] as const).flatMap((what) => [
        { name: `Late${what}`, on: accepting(what, (chances) => ({ kind: 'Late', after: between(chances, 1_000, 20_000) })) },
        { name: `${what}Stays`, on: accepting(what, () => ({ kind: 'Ignored' })) },
      ]),
      { name: 'LateAndFails', on: accepting('Lease', (chances) => ({ kind: 'Fails', after: between(chances, 1_000, 20_000) })) },
      { name: 'GivesUp', on: () => {
        vault.knobs.database('refuses');
        for (const user of usersOfRetired()) vault.knobs.giveUpOn(user);
        return () => { vault.knobs.database('up'); };
      } },
      { name: 'UsersOwn', on: () => {
        const users = usersOfRetired();
        users.forEach(vault.knobs.stickBehind);
        return () => { users.forEach(vault.knobs.unstickBehind); };
      } },
      // Nobody mends it: it takes a person at the database.
      { name: 'UsersStay', on: () => {
        for (const user of usersOfRetired()) vault.knobs.stickBehind(user);
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
  return {
    realm,
    dependencyOf: declarationOf,
  };
};
