/** Who uses the server beside the operator: those who run it, and workloads that log in and are given things. At once, and by no wire. */
import { readdirSync, readFileSync } from 'node:fs';

import { type Policy, readPolicy } from './acl.ts';
import { letsIn } from './identity.ts';
import { logIn, logInByAppRole, makeToken } from './logins.ts';
import { leaseTtl } from './routes.ts';
import type { Parts } from './state.ts';
import type { Account, AuthRole, Entity, Token } from './storage.ts';
import { findToken } from './tokens.ts';

export interface AgentOptions {
  readonly aliasSource?: AuthRole['aliasSource'];
  /** Other ServiceAccounts that its role names too, exactly or by a glob. */
  readonly sharedWith?: readonly string[];
  /** Milliseconds of its tokens; an hour unless told. */
  readonly tokenTtl?: number;
  /** Beside its own. */
  readonly policies?: readonly string[];
}

export interface People {
  /** Gives it an auth role, a policy and a database role, all of this name. One that lost its role is given it again. */
  readonly addAgent: (account: Account, role: string, options?: AgentOptions) => void;
  /** Another account that the role lets in by its names, such as one that was made anew. */
  readonly addAccount: (account: Account) => void;
  readonly accounts: () => readonly Account[];
  /** The token, or undefined when it is refused. */
  readonly login: (jwt: string, role: string) => Token | undefined;
  /** Whether such a login would succeed now. */
  readonly admits: (jwt: string, role: string) => boolean;
  /** The lease of a new database user; undefined when it is refused. */
  readonly lease: (token: Token, role: string, ttl?: number) => { readonly id: string; readonly user: string; readonly password: string } | undefined;
  readonly child: (token: Token) => Token | undefined;
  readonly orphan: (token: Token) => Token | undefined;
  /** Whether a request with it is let in now. */
  readonly isTaken: (token: Token) => boolean;
  readonly revokeToken: (accessor: string) => void;
  /** As an administrator, at once, and whatever is asked of others: enables, or disables, the entity of the account. */
  readonly setDisabled: (account: Account, disabled: boolean) => void;
  readonly deleteEntity: (account: Account) => void;
  readonly entity: (account: Account) => Entity | undefined;
  /** Whoever logs in by this alias of the mount for AppRoles is that same entity from now on. False where it has none yet. */
  readonly join: (account: Account, alias: string) => boolean;
  /** The account's own alias is taken out of its entity. */
  readonly partFrom: (account: Account) => void;
  /** The role lets in those of these names from now on. */
  readonly letIn: (role: string, names: readonly string[]) => void;
  /** Ends what it was leased under the prefix. */
  readonly endLeases: (account: Account, prefix: string) => void;
  readonly hasToken: (accessor: string) => boolean;
  readonly hasRole: (role: string) => boolean;
  /** `sys/leases/revoke-force`: the leases are forgotten, the users stay. */
  readonly forceLeases: (prefix: string) => void;
  readonly addAppRole: (name: string, owner: Account | undefined) => { readonly roleId: string; readonly secretId: () => { readonly id: string; readonly accessor: string } };
  readonly loginByAppRole: (roleId: string, secretId: string) => Token | undefined;
  readonly addCertificate: (serial: string, pem: string, owner: Account | undefined) => void;
  /** A new token of the operator's, with the policies that we publish. */
  readonly operatorToken: (id?: string) => Token;
  readonly operatorPolicies: OperatorPolicies;
  /** What a server has to have that lost its storage, but for tokens and entities. */
  readonly setUp: () => void;
}

export interface OperatorPolicies {
  readonly names: readonly string[];
  /** Takes a path, as the policy names it, out of the operator's rights, or all but the right to ask for them. */
  readonly withdraw: (path?: string) => void;
  readonly giveBack: () => void;
}

const folder = new URL('../../../config/vault/', import.meta.url);

const published: readonly (readonly [string, Policy])[] = readdirSync(folder)
  .filter((file) => file.endsWith('.hcl'))
  .sort()
  .map((file) => [`offboard-${file.replace('.hcl', '')}`, readPolicy(readFileSync(new URL(file, folder), 'utf8'))]);

const kubernetesMount = 'kubernetes';
const appRoleMount = 'approle';
/** Milliseconds for which a token of the operator, or of an AppRole, lives. */
const aDay = 24 * 3_600_000;

const agentPolicy = (role: string): Policy =>
  new Map([
    [`database/creds/${role}`, ['read']],
    ['auth/token/create', ['update']],
    ['auth/token/create-orphan', ['update', 'sudo']],
  ]);

export const createPeople = (parts: Parts): People => {
  const { core, policies, mounts, identity, leases, tokens, review } = parts;
  const { store } = core;
  const accounts = new Map<string, Account>();
  const roles = new Map<string, AuthRole>();
  const operatorPolicies = createOperatorPolicies(parts);
  const writeRole = (name: string, role: AuthRole): void => {
    store.write(({ authRoles }) => authRoles.set(`${kubernetesMount}/${name}`, role));
    policies.write(name, agentPolicy(name));
  };
  const entityOf = ({ uid, namespace, name }: Account) => {
    const accessor = mounts.get(kubernetesMount)?.accessor ?? '';
    const { storage } = store.active();
    return identity.byAlias(storage, accessor, uid) ?? identity.byAlias(storage, accessor, `${namespace}/${name}`);
  };
  /** As it is now, if it is taken. */
  const taken = ({ id }: Token): Token | undefined => (core.isSealed() ? undefined : findToken(store.active().storage, id, core.now()));
  return {
    accounts: () => [...accounts.values()],
    addAccount: (account) => { accounts.set(account.uid, account); },
    addAgent: (account, name, { aliasSource = 'serviceaccount_uid', sharedWith = [], tokenTtl = 3_600_000, policies: more = [] } = {}) => {
      accounts.set(account.uid, account);
      const role: AuthRole = { names: [account.name, ...sharedWith], namespaces: [account.namespace], aliasSource, policies: [name, ...more], ttl: tokenTtl };
      roles.set(name, role);
      writeRole(name, role);
    },
    login: (jwt, role) => {
      if (core.isSealed()) return undefined;
      const outcome = logIn(parts, kubernetesMount, role, jwt);
      return 'token' in outcome ? outcome.token : undefined;
    },
    admits: (jwt, name) => {
      const account = review(jwt);
      const role = store.active().storage.authRoles.get(`${kubernetesMount}/${name}`);
      return account !== undefined && role !== undefined && letsIn(role, account) && entityOf(account)?.disabled !== true;
    },
    lease: (token, role, ttl = leaseTtl) => {
      const now = taken(token);
      if (now === undefined || !policies.aclOf(now.policies).allowed(`database/creds/${role}`).has('read')) return undefined;
      const issued = leases.issue(now.accessor, role, ttl, now.owner);
      return typeof issued === 'string' ? undefined : { id: issued.lease.id, user: issued.lease.user, password: issued.password };
    },
    child: (token) => {
      const maker = taken(token);
      return maker && makeToken(parts, maker, false);
    },
    orphan: (token) => {
      const maker = taken(token);
      return maker && makeToken(parts, maker, true);
    },
    isTaken: (token) => taken(token) !== undefined,
    revokeToken: (accessor) => { tokens.end(accessor); },
    setDisabled: (account, disabled) => {
      const entity = entityOf(account);
      if (entity !== undefined) identity.update(entity.id, { disabled });
    },
    deleteEntity: (account) => {
      const entity = entityOf(account);
      if (entity !== undefined) identity.remove(entity.id);
    },
    entity: entityOf,
    join: (account, name) => {
      const entity = entityOf(account);
      if (entity !== undefined) identity.join(entity.id, { name, mountAccessor: mounts.get(appRoleMount)?.accessor ?? '', mountPath: `auth/${appRoleMount}/`, metadata: null });
      return entity !== undefined;
    },
    partFrom: (account) => {
      const entity = entityOf(account);
      if (entity !== undefined) identity.part(entity.id, mounts.get(kubernetesMount)?.accessor ?? '');
    },
    letIn: (name, names) => {
      const role = roles.get(name);
      if (role === undefined) return;
      roles.set(name, { ...role, names });
      if (store.active().storage.authRoles.has(`${kubernetesMount}/${name}`)) writeRole(name, { ...role, names });
    },
    endLeases: ({ uid }, prefix) => {
      for (const { leaseId, owner } of [...core.database.users.values()]) if (owner === uid && leaseId.startsWith(`${prefix}/`)) leases.revoke(leaseId, true);
    },
    hasToken: (accessor) => store.active().storage.tokens.has(accessor),
    hasRole: (role) => store.active().storage.authRoles.has(`${kubernetesMount}/${role}`),
    forceLeases: leases.force,
    addAppRole: (name, owner) => {
      const [key, roleId] = [`${appRoleMount}/${name}`, core.newUuid()];
      policies.write(name, agentPolicy(name));
      store.write(({ appRoles }) => appRoles.set(key, { roleId, bindSecretId: true, policies: [name], ttl: aDay, owner: owner?.uid }));
      return {
        roleId,
        secretId: () => {
          const made = { role: key, id: core.newUuid(), accessor: core.newUuid() };
          store.write(({ secretIds }) => secretIds.set(made.accessor, made));
          return made;
        },
      };
    },
    loginByAppRole: (roleId, secretId) => {
      const outcome = logInByAppRole(parts, appRoleMount, roleId, secretId);
      return 'token' in outcome ? outcome.token : undefined;
    },
    addCertificate: (serial, pem, owner) => { store.write(({ certificates }) => certificates.set(serial, { serial, pem, revokedAt: 0, owner: owner?.uid })); },
    operatorToken: (id) =>
      tokens.make({
        ...(id !== undefined && { id }), entityId: '', path: 'auth/token/create-orphan', meta: null, policies: operatorPolicies.names, parent: undefined, ttl: aDay, owner: undefined,
      }),
    operatorPolicies,
    setUp: () => {
      for (const [path, type] of [[kubernetesMount, 'kubernetes'], [appRoleMount, 'approle'], ['token', 'token']] as const) {
        mounts.set(path, { path, type, accessor: `auth_${type}_${core.newId(8).toLowerCase()}` });
      }
      operatorPolicies.giveBack();
      for (const [name, role] of roles) writeRole(name, role);
    },
  };
};

const createOperatorPolicies = ({ policies }: Parts): OperatorPolicies => ({
  names: published.map(([name]) => name),
  withdraw: (path) => {
    for (const [name, policy] of published) {
      policies.write(name, path === undefined ? new Map([['sys/capabilities-self', ['update']]]) : new Map([...policy].map(([each, held]) => [each, each === path ? ['deny'] : held])));
    }
  },
  giveBack: () => {
    for (const [name, policy] of published) policies.write(name, policy);
  },
});
