/**
 * Who an identity is to the API server: the user names it authenticates as, and how the subjects of bindings name it.
 */
import type { Target } from '../../api/v1alpha1/index.ts';
import type { Subject } from '../../kube/objects.ts';

/** A ServiceAccount by name. */
export interface AccountName {
  readonly namespace: string;
  readonly name: string;
}

/** Whose credentials changed: a ServiceAccount, or a user that is none (the common name of a certificate). */
export type ChangedIdentity = AccountName | { readonly user: string };

const prefix = 'system:serviceaccount:';
const allAccounts = 'system:serviceaccounts';
export const rbacGroup = 'rbac.authorization.k8s.io';

/** The user name that every token of a ServiceAccount authenticates as. */
export const accountUser = (account: AccountName): string => `${prefix}${account.namespace}:${account.name}`;

/** The ServiceAccount behind a user name, if it is one's. */
export const accountOfUser = (user: string): AccountName | undefined => {
  if (!user.startsWith(prefix)) return undefined;
  const [namespace, name, ...rest] = user.slice(prefix.length).split(':');
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined;
};

/** Every user name of the target: the ServiceAccount's first, then its certificates'. */
export const usersOf = (target: Target): readonly string[] => [
  ...new Set([accountUser(target.serviceAccount), ...(target.certificates ?? []).map((one) => one.commonName)]),
];

/** The groups the API server puts a user into by itself. The groups in a certificate (its O fields) cannot be known. */
export const groupsOfUser = (user: string): readonly string[] => {
  const account = accountOfUser(user);
  return account === undefined
    ? ['system:authenticated']
    : [allAccounts, `${allAccounts}:${account.namespace}`, 'system:authenticated'];
};

/** What a subject stands for, as one string to look bindings up by. */
export type SubjectKey = `user ${string}` | `group ${string}`;

/** Joined, since V8 keeps a string that was concatenated as the whole and its parts, and there is a key for each identity. */
export const userKey = (user: string): SubjectKey => ['user', user].join(' ') as SubjectKey;

/** The groups that every ServiceAccount of the namespace is in, but for those that everybody is in. */
export const accountGroupKeys = (namespace: string): readonly SubjectKey[] => [
  `group ${allAccounts}`,
  `group ${allAccounts}:${namespace}`,
];

/**
 * The key of a subject, or none when it can be nobody's we look for. A `ServiceAccount` without a namespace means the
 * binding's own (it does grant), and the `User` form of a ServiceAccount means that ServiceAccount.
 */
export const subjectKey = (
  { kind, name, namespace }: Pick<Subject, 'kind' | 'name'> & { readonly namespace?: string | undefined },
  bindingNamespace: string | undefined,
): SubjectKey | undefined => {
  switch (kind) {
    case 'ServiceAccount': {
      const own = namespace === undefined || namespace === '' ? bindingNamespace : namespace;
      return own === undefined ? undefined : userKey(accountUser({ namespace: own, name }));
    }
    case 'User':
      return userKey(name);
    case 'Group':
      return name === allAccounts || name.startsWith(`${allAccounts}:`)
        ? `group ${name}`
        : undefined;
    default:
      return undefined;
  }
};

/** Whose credentials a subject's key concerns; nobody in particular for a group. */
export const identityOfKey = (key: SubjectKey): ChangedIdentity | undefined => {
  if (key.startsWith('group ')) return undefined;
  const user = key.slice('user '.length);
  return accountOfUser(user) ?? { user };
};
