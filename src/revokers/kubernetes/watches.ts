/**
 * What is known of the whole cluster without asking: small projections of every ServiceAccount, binding and (where they
 * are listed) legacy token Secret, and whose credentials a change concerns. What is believed of it is only what was shown to
 * be current, and that the API server itself told of an object's end.
 */
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject, RoleBinding, ServiceAccount } from '../../kube/objects.ts';
import { createReflector, type Reflector, type ReflectorMetrics } from '../../kube/reflector.ts';
import { qualifiedName, type Resource, secrets, serviceAccounts } from '../../kube/resources.ts';
import type { Change, Stored } from '../../kube/store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import { createShare, type Share } from '../../runtime/share.ts';
import {
  type Binding,
  type BindingKind,
  createIntern,
  type Intern,
  type Kept,
  keysOf,
  projectBinding,
  resourceOf,
} from './bindings.ts';
import { createDeletions } from './deletions.ts';
import { legacyTokenSelector, projectAccount, projectTokenSecret, secretKey } from './client.ts';
import type { Account, TokenSecret } from './credentials.ts';
import { type ChangedIdentity, identityOfKey, type SubjectKey } from './identity.ts';
import type { CachedCluster } from './inventory.ts';

export interface WatchOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tokenSecrets: boolean;
  readonly metrics?: ReflectorMetrics;
}

export interface Watches {
  /** To be run, and awaited, by whoever made them. */
  readonly reflectors: readonly Reflector<unknown>[];
  readonly cached: CachedCluster;
  /** Whether the UID is known to be that of another ServiceAccount. */
  readonly isForeign: (account: { readonly namespace: string; readonly name: string; readonly uid?: string }) => boolean;
  /** Calls `listener` after something that may be a credential of that identity came, went or changed. */
  readonly onIdentityChange: (listener: (identity: ChangedIdentity) => void) => void;
}

const bySubject = 'subject';
const byAccount = 'account';

export const createWatches = (given: WatchOptions): Watches => {
  const listeners: ((identity: ChangedIdentity) => void)[] = [];
  const tell = (identities: readonly ChangedIdentity[]): void => {
    for (const identity of identities) for (const listener of listeners) listener(identity);
  };
  const intern = createIntern();
  const share = createShare(10_000);
  const metrics: ReflectorMetrics = {
    onRun: (watch) => given.metrics?.onRun(watch),
    onConnected: (state) => given.metrics?.onConnected(state),
    onList: (listing) => {
      given.metrics?.onList(listing);
      // Nearly all that repeats is in the first lists.
      if (!reflectors.every((reflector) => reflector.synced())) return;
      intern.forget();
      share.forget();
    },
  };
  const options = { ...given, metrics };
  const deletions = createDeletions();
  const onDeleted = deletions.add;
  const accounts = reflect<ServiceAccount, Kept<Account>>(options, serviceAccounts, {
    project: (raw) => projectAccount(raw, intern),
    onDeleted,
    onChange: (change) => {
      tell(changedAccounts(change));
    },
  });
  const shared = { intern, share, tell, onDeleted };
  const inNamespaces = reflectBindings(options, 'RoleBinding', shared);
  const inCluster = reflectBindings(options, 'ClusterRoleBinding', shared);
  const tokenSecrets = options.tokenSecrets ? reflectSecrets(options, shared) : undefined;
  const viewed = [inNamespaces, inCluster, ...(tokenSecrets ? [tokenSecrets] : [])];
  const reflectors: readonly Reflector<unknown>[] = [accounts, ...viewed];
  return {
    reflectors,
    onIdentityChange: (listener) => {
      listeners.push(listener);
    },
    isForeign: ({ namespace, name, uid }) =>
      uid !== undefined &&
      accounts.store.get(namespace, name)?.uid !== uid &&
      // Of one that was retired here, and that is asked for often from then on.
      !deletions.has(uid) &&
      accounts.store.list().some((account) => account.uid === uid),
    cached: {
      unsynced: () =>
        reflectors.filter((reflector) => !reflector.synced()).map(({ resource }) => qualifiedName(resource)),
      account: ({ namespace, name }) => accounts.store.get(namespace, name),
      binding: ({ kind, namespace, name }) => (kind === 'RoleBinding' ? inNamespaces : inCluster).store.get(namespace, name),
      sawDeleted: deletions.has,
      size: () => viewed.reduce((sum, { store }) => sum + store.size, 0),
      catchUp: async (signal) => {
        await Promise.all(viewed.map((reflector) => reflector.catchUp(signal)));
      },
      view: {
        bindingsOf: (key) => [
          ...inNamespaces.store.byIndex(bySubject, key),
          ...inCluster.store.byIndex(bySubject, key),
        ],
        tokenSecretsOf:
          tokenSecrets && ((account) => tokenSecrets.store.byIndex(byAccount, secretKey(account))),
      },
    },
  };
};

interface Reflection<Raw, T> {
  readonly project: (raw: Raw) => T | undefined;
  readonly onChange: (change: Change<T>) => void;
  readonly onDeleted: (uid: string) => void;
  readonly index?: { readonly name: string; readonly valuesOf: (value: T) => readonly string[] };
  readonly query?: { readonly fieldSelector: string; readonly metadataOnly: true };
}

const reflect = <Raw extends KubeObject, T extends Stored>(
  options: WatchOptions,
  resource: Resource,
  reflection: Reflection<Raw, T>,
): Reflector<T> => {
  const { client, clock, random, log, metrics } = options;
  const { project, onChange, onDeleted, index, query } = reflection;
  return createReflector<T>({
    client,
    clock,
    random,
    log,
    resource,
    ...(query && { query }),
    project: (raw) => project(raw as Raw),
    onChange,
    onDeleted,
    ...(index && { indexers: { [index.name]: index.valuesOf } }),
    ...(metrics && { metrics }),
  });
};

interface Shared {
  readonly intern: Intern;
  readonly share: Share;
  readonly tell: (identities: readonly ChangedIdentity[]) => void;
  readonly onDeleted: (uid: string) => void;
}

const reflectBindings = (
  options: WatchOptions,
  kind: BindingKind,
  { intern, share, tell, onDeleted }: Shared,
): Reflector<Kept<Binding>> =>
  reflect<RoleBinding, Kept<Binding>>(options, resourceOf(kind), {
    project: (raw) => projectBinding(kind, raw, intern, share),
    onDeleted,
    index: { name: bySubject, valuesOf: (binding) => keysOf(binding).map(intern) },
    onChange: ({ type, object, previous }) => {
      tell(identitiesOf(changedKeys(previous, type === 'set' ? object : undefined, object)));
    },
  });

const reflectSecrets = (options: WatchOptions, { intern, tell, onDeleted }: Shared): Reflector<Kept<TokenSecret>> =>
  reflect<KubeObject, Kept<TokenSecret>>(options, secrets, {
    // Data is never asked for: the server leaves it out, and the client refuses an answer that has it.
    query: { fieldSelector: legacyTokenSelector, metadataOnly: true },
    project: (raw) => projectTokenSecret(raw, intern),
    onDeleted,
    index: { name: byAccount, valuesOf: ({ namespace, account }) => [secretKey({ namespace, name: account })] },
    onChange: ({ object, previous }) => {
      const names = new Set([object.account, previous?.account ?? object.account]);
      tell([...names].map((name) => ({ namespace: object.namespace, name })));
    },
  });

/** Not what changes all the time and means nothing here, such as annotations. */
const changedAccounts = ({ type, object, previous }: Change<Kept<Account>>): readonly ChangedIdentity[] => {
  const same = type === 'set' && previous?.uid === object.uid && previous.terminating === object.terminating;
  return same ? [] : [{ namespace: object.namespace, name: object.name }];
};

/**
 * Who is concerned when a binding becomes another: those who came or went, and everybody on it when the number of
 * subjects changed, since a binding that was shared may be one's own by now. `gone` is what was there last.
 */
export const changedKeys = (
  previous: Binding | undefined,
  next: Binding | undefined,
  gone: Binding,
): readonly SubjectKey[] => {
  if (next === undefined) return keysOf(gone);
  if (previous === undefined) return keysOf(next);
  const before = new Set(keysOf(previous));
  const after = new Set(keysOf(next));
  const everybody = [...new Set([...before, ...after])];
  return previous.subjectCount === next.subjectCount
    ? everybody.filter((key) => before.has(key) !== after.has(key))
    : everybody;
};

const identitiesOf = (keys: readonly SubjectKey[]): readonly ChangedIdentity[] =>
  keys.flatMap((key) => identityOfKey(key) ?? []);
