/** Whoever logs in, and what comes of a token once it is there: by the wire and by people in the same way. */
import type { WireAnswer } from '../engine/wire.ts';
import { refused } from './answers.ts';
import { carryOut } from './core.ts';
import { aliasOf, type Identity, letsIn } from './identity.ts';
import type { Mount, Parts } from './state.ts';
import type { Account, Store, Token } from './storage.ts';

/** A token, or the answer that says why there is none. */
export type Outcome = { readonly token: Token } | { readonly refusal: WireAnswer };

const no = (refusal: WireAnswer): Outcome => ({ refusal });

export const logIn = (parts: Parts, mountPath: string, roleName: string, jwt: string): Outcome => {
  const { core: { store }, mounts, review, tokens, identity } = parts;
  const { storage } = store.active();
  const mount = mounts.get(mountPath);
  const role = storage.authRoles.get(`${mountPath}/${roleName}`);
  if (mount === undefined || role === undefined) return no(refused(400, `invalid role name "${roleName}"`));
  const account = review(jwt);
  if (account === undefined) return no(refused(403, 'permission denied'));
  if (!letsIn(role, account)) return no(refused(403, 'service account name not authorized'));
  const about = aboutOf(account);
  const alias = { name: aliasOf(account, role.aliasSource), mountAccessor: mount.accessor, mountPath: `auth/${mountPath}/`, metadata: about };
  const entity = identity.meet(alias);
  if (entity.disabled) return no(refused(403, 'permission denied'));
  const wish = {
    entityId: entity.id, path: `auth/${mountPath}/login`, meta: { ...about, role: roleName }, policies: role.policies, parent: undefined, ttl: role.ttl, owner: account.uid,
  };
  return { token: tokens.make(wish) };
};

const aboutOf = ({ namespace, name, uid }: Account): Readonly<Record<string, string>> => ({
  service_account_name: name,
  service_account_namespace: namespace,
  service_account_secret_name: '',
  service_account_uid: uid,
});

export interface Admission {
  readonly core: { readonly store: Pick<Store, 'active'> };
  readonly mounts: ReadonlyMap<string, Mount>;
  readonly identity: Pick<Identity, 'byAlias'>;
}

/** Whether a login by this token of a ServiceAccount would succeed now, by that role. Changes nothing. */
export const wouldLogIn = ({ core: { store }, mounts, identity }: Admission, mountPath: string, roleName: string, account: Account): boolean => {
  const { storage } = store.active();
  const mount = mounts.get(mountPath);
  const role = storage.authRoles.get(`${mountPath}/${roleName}`);
  if (mount === undefined || role === undefined || !letsIn(role, account)) return false;
  return identity.byAlias(storage, mount.accessor, aliasOf(account, role.aliasSource))?.disabled !== true;
};

export const logInByAppRole = ({ core: { store }, tokens, mounts, identity }: Parts, mountPath: string, roleId: string, secretId: string): Outcome => {
  const { storage } = store.active();
  const [key, role] = [...storage.appRoles].find(([path, { roleId: id }]) => path.startsWith(`${mountPath}/`) && id === roleId) ?? [];
  if (key === undefined || role === undefined) return no(refused(400, 'invalid role or secret ID'));
  const isKnown = !role.bindSecretId || [...storage.secretIds.values()].some((each) => each.role === key && each.id === secretId);
  if (!isKnown) return no(refused(400, 'invalid role or secret ID'));
  const meta = { role_name: key.slice(mountPath.length + 1) };
  const entity = identity.meet({ name: roleId, mountAccessor: mounts.get(mountPath)?.accessor ?? '', mountPath: `auth/${mountPath}/`, metadata: null });
  if (entity.disabled) return no(refused(403, 'permission denied'));
  return { token: tokens.make({ entityId: entity.id, path: `auth/${mountPath}/login`, meta, policies: role.policies, parent: undefined, ttl: role.ttl, owner: role.owner }) };
};

/** An orphan belongs to nobody whom the server knows, and outlives its maker. */
export const makeToken = ({ tokens }: Parts, maker: Token, orphan: boolean, ttl = 3_600_000): Token =>
  tokens.make({
    entityId: orphan ? '' : maker.entityId,
    path: orphan ? 'auth/token/create-orphan' : 'auth/token/create',
    meta: null,
    policies: maker.policies,
    parent: orphan ? undefined : maker.accessor,
    ttl,
    owner: maker.owner,
  });

/** False where there is none. */
export const revokeAccessor = ({ core, tokens }: Parts, accessor: string): boolean => {
  if (!core.store.active().storage.tokens.has(accessor)) return false;
  carryOut(core, 'Token', () => { tokens.end(accessor); });
  return true;
};
