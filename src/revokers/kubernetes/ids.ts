/**
 * What each credential is called. An id is all that is left of a credential after a restart (with its UID, class and
 * grants), so every id that leads somewhere can be read back.
 */
import { createHash } from 'node:crypto';

import { limit } from '../../runtime/redact.ts';
import type { Credential } from '../revoker.ts';
import type { Binding, BindingKind, RoleKind } from './bindings.ts';
import type { AccountName } from './identity.ts';

/** The longest id that the API takes, and the longest grant. */
const longest = 1024;
const digestTail = /…sha256:[0-9a-f]{64}$/;

export const accountId = (account: AccountName): string => `serviceaccounts/${account.namespace}/${account.name}`;
export const tokensId = (account: AccountName): string => `tokens of ${accountId(account)}`;
export const secretId = (secret: AccountName): string => `secrets/${secret.namespace}/${secret.name}`;
export const certificateId = (user: string): string => `certificate of user ${user}`;
export const accessId = (user: string): string => `access review of ${user}`;

/** The names of bindings have no limit of their own: an over-long one is cut, and told apart by its digest. */
export const bindingId = (binding: Pick<Binding, 'kind' | 'namespace' | 'name'>): string => {
  const id =
    binding.namespace === undefined
      ? `clusterrolebindings/${binding.name}`
      : `rolebindings/${binding.namespace}/${binding.name}`;
  if (id.length <= longest) return id;
  return `${limit(id, longest - 99)}sha256:${createHash('sha256').update(id).digest('hex')}`;
};

/** Where a credential's object is. */
export type Locator =
  | {
      readonly class: 'ServiceAccount' | 'BoundTokens' | 'TokenSecret';
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly class: BindingKind; readonly namespace?: string; readonly name: string }
  /** A binding whose id may be cut: only its UID leads to it. */
  | { readonly class: BindingKind; readonly cut: true }
  | { readonly class: 'Certificate' | 'Access'; readonly user: string };

/** Reads an id back; `undefined` when it is none of this revoker's. Names never hold a `/`. */
export const locate = (credential: Pick<Credential, 'id' | 'class'>): Locator | undefined => {
  const { id, class: kind } = credential;
  switch (kind) {
    case 'ServiceAccount':
      return inNamespace('serviceaccounts/', id, (name) => ({ class: kind, ...name }));
    case 'BoundTokens':
      return inNamespace('tokens of serviceaccounts/', id, (name) => ({ class: kind, ...name }));
    case 'TokenSecret':
      return inNamespace('secrets/', id, (name) => ({ class: kind, ...name }));
    case 'RoleBinding':
      if (digestTail.test(id)) return { class: kind, cut: true };
      return inNamespace('rolebindings/', id, (name) => ({ class: kind, ...name }));
    case 'ClusterRoleBinding': {
      if (digestTail.test(id)) return { class: kind, cut: true };
      const name = after('clusterrolebindings/', id);
      return name === undefined || name.includes('/') ? undefined : { class: kind, name };
    }
    case 'Certificate':
      return ofUser('certificate of user ', id, (user) => ({ class: kind, user }));
    case 'Access':
      return ofUser('access review of ', id, (user) => ({ class: kind, user }));
    default:
      return undefined;
  }
};

const after = (prefix: string, id: string): string | undefined =>
  id.startsWith(prefix) && id.length > prefix.length ? id.slice(prefix.length) : undefined;

const inNamespace = (prefix: string, id: string, make: (name: AccountName) => Locator): Locator | undefined => {
  const [namespace, name, ...rest] = after(prefix, id)?.split('/') ?? [];
  return namespace && name && rest.length === 0 ? make({ namespace, name }) : undefined;
};

const ofUser = (prefix: string, id: string, make: (user: string) => Locator): Locator | undefined => {
  const user = after(prefix, id);
  return user === undefined ? undefined : make(user);
};

/** A role where it is granted. Without a namespace it is granted in all of them. */
export interface Grant {
  readonly roleKind: RoleKind;
  readonly roleName: string;
  readonly namespace?: string | undefined;
}

/** `ClusterRole/edit in ci`, or `ClusterRole/view in all namespaces`. */
export const grantText = (grant: Grant): string =>
  limit(`${grant.roleKind}/${grant.roleName} in ${grant.namespace ?? 'all namespaces'}`, longest);

/** Reads {@link grantText} back: a namespace has no blank in it, so the last ` in ` is ours. */
export const parseGrant = (text: string): Grant | undefined => {
  const match = /^(Role|ClusterRole)\/([^]+) in (all namespaces|[-a-z0-9]+)$/.exec(text);
  const [, roleKind, roleName, where] = match ?? [];
  if ((roleKind !== 'Role' && roleKind !== 'ClusterRole') || roleName === undefined) return undefined;
  if (where === 'all namespaces') return roleKind === 'ClusterRole' ? { roleKind, roleName } : undefined;
  return where === undefined ? undefined : { roleKind, roleName, namespace: where };
};
