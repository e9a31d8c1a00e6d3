/** Reads what there is, once for all, and leaves it to the pure part to tell what of it is a credential. */
import type { Target } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import type { Freshness, Inventory } from '../revoker.ts';
import type { Binding, BindingKind, Kept } from './bindings.ts';
import { type ClusterReader, type ClusterView, presentOrThrow, projectAccount } from './client.ts';
import { type Account, type OwnBinding, toInventory, userKeysOf } from './credentials.ts';
import { accountGroupKeys, type AccountName, type SubjectKey } from './identity.ts';
import { bindingId } from './ids.ts';
import type { Permissions } from './permissions.ts';
import { decideEnd } from './shared-bindings.ts';

/** What the watches know. */
export interface CachedCluster {
  /** The watches that have not listed yet; nothing is known before that. */
  readonly unsynced: () => readonly string[];
  readonly account: (name: AccountName) => Account | undefined;
  readonly binding: (key: {
    readonly kind: BindingKind;
    readonly namespace?: string;
    readonly name: string;
  }) => Kept<Binding> | undefined;
  /** The API server told that this very object was deleted. */
  readonly sawDeleted: (uid: string) => boolean;
  readonly view: ClusterView;
  /** How many objects the view is made from. */
  readonly size: () => number;
  /** Resolves when the view shows everything that was there when this was called; rejects when that could not be shown. */
  readonly catchUp: (signal: AbortSignal) => Promise<void>;
}

export interface Sources {
  readonly reader: ClusterReader;
  readonly permissions: Permissions;
  readonly cached: CachedCluster;
  /** Milliseconds for which an API server may take a token after its end is believed. */
  readonly tail: number;
}

const concurrency = 4;

export const takeInventory = async (
  sources: Sources,
  target: Target,
  freshness: Freshness,
  signal: AbortSignal,
): Promise<Inventory> => {
  const { account, view } =
    freshness === 'Fresh' ? await readFresh(sources, target, signal) : readCached(sources, target);
  const tokenSecrets = view.tokenSecretsOf?.(target.serviceAccount);
  return toInventory({
    target,
    account,
    bindings: await ownBindings(sources, view, userKeysOf(target), signal),
    inherited: sorted(accountGroupKeys(target.serviceAccount.namespace).flatMap(view.bindingsOf)),
    tokenSecrets: tokenSecrets && [...tokenSecrets].sort((one, other) => compare(one.name, other.name)),
    tail: sources.tail,
  });
};

interface Look {
  readonly account: Account | undefined;
  readonly view: ClusterView;
}

/** Up to a page of each, listing is no more work than to show that the watches are current. */
const smallCluster = 500;

const readFresh = async (sources: Sources, { serviceAccount }: Target, signal: AbortSignal): Promise<Look> => {
  const [account, view] = await Promise.all([
    sources.reader.account(serviceAccount, signal),
    currentView(sources, signal),
  ]);
  const present = presentOrThrow(account);
  return { account: present && projectAccount(present), view };
};

/** The watches' own index, once it is shown to lack nothing; where that cannot be shown, everything is listed. */
const currentView = async ({ reader, cached }: Sources, signal: AbortSignal): Promise<ClusterView> => {
  if (cached.unsynced().length > 0 || cached.size() <= smallCluster) return reader.sweep(signal);
  try {
    await cached.catchUp(signal);
    return cached.view;
  } catch {
    signal.throwIfAborted();
    return reader.sweep(signal);
  }
};

const readCached = ({ cached }: Sources, { serviceAccount }: Target): Look => {
  const unsynced = cached.unsynced();
  if (unsynced.length > 0) throw retryable('NotSynced', `the watches have not listed yet: ${unsynced.join(', ')}`);
  return { account: cached.account(serviceAccount), view: cached.view };
};

const ownBindings = (
  sources: Sources,
  view: ClusterView,
  users: ReadonlySet<SubjectKey>,
  signal: AbortSignal,
): Promise<readonly OwnBinding[]> =>
  mapBounded(
    sorted([...users].flatMap(view.bindingsOf)),
    concurrency,
    async (binding) => ({ binding, end: await decideEnd(sources, binding, users, signal) }),
    signal,
  );

/** Each once, in an order that does not depend on the server's. */
const sorted = (bindings: readonly Binding[]): readonly Binding[] =>
  [...new Map(bindings.map((binding) => [binding.uid, binding])).values()].sort((one, other) =>
    compare(bindingId(one), bindingId(other)),
  );

const compare = (one: string, other: string): number => (one < other ? -1 : Number(one > other));
