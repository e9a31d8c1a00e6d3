/** The few reads that this revoker makes, each a quorum read; those of many objects are shared by all runs. */
import { isExpired, toOutcome } from '../../kube/errors.ts';
import type { KubeClient, ListQuery } from '../../kube/client.ts';
import type { KubeObject, Role, RoleBinding, ServiceAccount } from '../../kube/objects.ts';
import {
  clusterRoleBindings,
  clusterRoles,
  type Resource,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
} from '../../kube/resources.ts';
import { createCoalescer } from '../../runtime/coalesce.ts';
import type { Clock } from '../../runtime/clock.ts';
import { withDeadline } from '../../runtime/with-deadline.ts';
import { type Binding, createIntern, type Intern, type Kept, keysOf, projectBinding, resourceOf } from './bindings.ts';
import type { Account, TokenSecret } from './credentials.ts';
import { type Asked, classifyError, classifyObject } from './errors.ts';
import type { AccountName, SubjectKey } from './identity.ts';
import type { Grant } from './ids.ts';
import { managerOf } from './manager.ts';

/** What a quorum read of one object gave. */
export type Read<T> =
  | { readonly state: 'Present'; readonly object: T }
  | { readonly state: 'Absent' }
  /** `error` is what to throw where an answer is needed. */
  | { readonly state: 'Unknown'; readonly message: string; readonly error: unknown };

/** Every binding of the cluster, and legacy token Secret, by whom it concerns. */
export interface ClusterView {
  readonly bindingsOf: (key: SubjectKey) => readonly Binding[];
  /** `undefined` when Secrets are not listed. */
  readonly tokenSecretsOf: ((account: AccountName) => readonly TokenSecret[]) | undefined;
}

/** A view that was read after it was asked for. */
export interface Sweep extends ClusterView {
  readonly bindingByUid: (uid: string) => Binding | undefined;
}

export interface ClusterReader {
  readonly account: (name: AccountName, signal: AbortSignal) => Promise<Read<ServiceAccount>>;
  /** Metadata only: the data of a Secret never enters the process. */
  readonly tokenSecret: (key: AccountName, signal: AbortSignal) => Promise<Read<KubeObject>>;
  readonly binding: (
    key: Pick<Binding, 'kind' | 'namespace' | 'name'>,
    signal: AbortSignal,
  ) => Promise<Read<RoleBinding>>;
  readonly role: (grant: Grant, signal: AbortSignal) => Promise<Read<Role>>;
  /** Starts after the call, and is shared with everybody who asked before it started. */
  readonly sweep: (signal: AbortSignal) => Promise<Sweep>;
}

/** Milliseconds for all pages of all lists of a sweep. */
const sweepDeadline = 60_000;
/** A list whose resource version the server forgot half-way is begun anew, so often. */
const sweepAttempts = 3;

export const legacyTokenSelector = 'type=kubernetes.io/service-account-token';
const accountAnnotation = 'kubernetes.io/service-account.name';
const accountUidAnnotation = 'kubernetes.io/service-account.uid';

export const createClusterReader = (options: {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly tokenSecrets: boolean;
}): ClusterReader => {
  const { client, clock, tokenSecrets } = options;
  const sweeps = createCoalescer((signal) =>
    withDeadline(clock, sweepDeadline, 'listing all bindings', signal, (bounded) =>
      sweep(client, tokenSecrets, bounded),
    ),
  );
  const read = <T extends KubeObject>(asked: Asked, signal: AbortSignal): Promise<Read<T>> =>
    readObject<T>(client, asked, signal);
  return {
    account: (name, signal) => read({ resource: serviceAccounts, ...pick(name) }, signal),
    tokenSecret: (key, signal) => readObject(client, { resource: secrets, ...pick(key) }, signal, true),
    binding: ({ kind, namespace, name }, signal) =>
      read({ resource: resourceOf(kind), name, ...(namespace !== undefined && { namespace }) }, signal),
    role: (grant, signal) => read(roleAddress(grant), signal),
    sweep: (signal) => sweeps.read(signal),
  };
};

const pick = ({ namespace, name }: AccountName): AccountName => ({ namespace, name });

const roleAddress = ({ roleKind, roleName, namespace }: Grant): Asked =>
  roleKind === 'Role' && namespace !== undefined
    ? { resource: roles, namespace, name: roleName }
    : { resource: clusterRoles, name: roleName };

const readObject = async <T extends KubeObject>(
  client: KubeClient,
  asked: Asked,
  signal: AbortSignal,
  metadataOnly = false,
): Promise<Read<T>> => {
  const { resource, namespace, name } = asked;
  try {
    const key = { name, ...(namespace !== undefined && { namespace }) };
    const object = await client.get<T>(resource, key, { signal, ...(metadataOnly && { metadataOnly }) });
    const verdict = classifyObject(object, asked);
    if (verdict.state === 'Present') return { state: 'Present', object };
    const message = verdict.state === 'Unknown' ? verdict.message : '';
    return { state: 'Unknown', message, error: new Error(message) };
  } catch (error) {
    const verdict = classifyError(error, asked);
    if (verdict.state === 'Absent') return { state: 'Absent' };
    return { state: 'Unknown', message: verdict.state === 'Unknown' ? verdict.message : '', error };
  }
};

/** The object, or nothing; what could not be told is thrown as the outcome that it means. */
export const presentOrThrow = <T>(read: Read<T>): T | undefined => {
  if (read.state === 'Unknown') throw toOutcome(read.error);
  return read.state === 'Present' ? read.object : undefined;
};

const itself: Intern = (text) => text;
const none: readonly string[] = [];

export const projectAccount = ({ metadata }: ServiceAccount, intern: Intern = itself): Kept<Account> => {
  const manager = managerOf(metadata);
  return {
    namespace: intern(metadata.namespace ?? ''),
    name: intern(metadata.name),
    uid: intern(metadata.uid),
    resourceVersion: metadata.resourceVersion,
    terminating: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? none,
    manager: manager && intern(manager),
  };
};

/** `undefined` for a Secret that names no ServiceAccount: no token is ever put into it. */
export const projectTokenSecret = ({ metadata }: KubeObject, intern: Intern = itself): Kept<TokenSecret> | undefined => {
  const account = metadata.annotations?.[accountAnnotation];
  if (account === undefined || metadata.namespace === undefined) return undefined;
  const accountUid = metadata.annotations?.[accountUidAnnotation];
  const manager = managerOf(metadata);
  return {
    namespace: intern(metadata.namespace),
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    account: intern(account),
    accountUid: accountUid && intern(accountUid),
    manager: manager && intern(manager),
  };
};

/** How an index finds the Secrets of a ServiceAccount. */
export const secretKey = ({ namespace, name }: AccountName): string => [namespace, name].join('/');

const sweep = async (client: KubeClient, tokenSecrets: boolean, signal: AbortSignal): Promise<Sweep> => {
  const intern = createIntern();
  const [inNamespaces, inCluster, secretList] = await Promise.all([
    collect(
      client,
      roleBindings,
      {},
      (raw: RoleBinding) => projectBinding('RoleBinding', raw, intern),
      signal,
    ),
    collect(
      client,
      clusterRoleBindings,
      {},
      (raw: RoleBinding) => projectBinding('ClusterRoleBinding', raw, intern),
      signal,
    ),
    tokenSecrets
      ? collect(
          client,
          secrets,
          { fieldSelector: legacyTokenSelector, metadataOnly: true },
          (raw: KubeObject) => projectTokenSecret(raw, intern),
          signal,
        )
      : undefined,
  ]);
  const bindings = [...inNamespaces, ...inCluster];
  const byKey = groupMany(bindings, keysOf);
  const byUid = new Map(bindings.map((binding) => [binding.uid, binding]));
  const secretsByAccount =
    secretList && groupMany(secretList, ({ namespace, account }) => [secretKey({ namespace, name: account })]);
  return {
    bindingsOf: (key) => byKey.get(key) ?? [],
    bindingByUid: (uid) => byUid.get(uid),
    tokenSecretsOf: secretsByAccount && ((account) => secretsByAccount.get(secretKey(account)) ?? []),
  };
};

/** What to keep of an object; `undefined` keeps nothing of it. */
export type Projection<Raw, Kept> = (raw: Raw) => Kept | undefined;

/** All of a list, made small page by page. */
export const collect = async <Raw extends KubeObject, Kept>(
  client: KubeClient,
  resource: Resource,
  query: ListQuery,
  project: Projection<Raw, Kept>,
  signal: AbortSignal,
): Promise<readonly Kept[]> => {
  for (let attempt = 1; ; attempt += 1) {
    const kept: Kept[] = [];
    try {
      for await (const page of client.listPages<Raw>(resource, query, { signal })) {
        for (const raw of page.items) {
          const item = project(raw);
          if (item !== undefined) kept.push(item);
        }
      }
      return kept;
    } catch (error) {
      if (!isExpired(error) || attempt >= sweepAttempts) throw toOutcome(error);
    }
  }
};

const groupMany = <T, K>(items: readonly T[], keys: (item: T) => readonly K[]): ReadonlyMap<K, readonly T[]> => {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    for (const key of keys(item)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [item]);
      else group.push(item);
    }
  }
  return groups;
};
