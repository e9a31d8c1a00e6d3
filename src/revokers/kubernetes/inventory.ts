/** Reads what there is, once for all, and leaves it to the pure part to tell what of it is a credential. */
import type { Target } from '../../api/v1alpha1/index.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { retryable } from '../../runtime/outcome.ts';
import type { Freshness, Inventory } from '../revoker.ts';
import type { Binding } from './bindings.ts';
import { type ClusterReader, type ClusterView, presentOrThrow, projectAccount } from './client.ts';
import { type Account, type OwnBinding, toInventory, userKeysOf } from './credentials.ts';
import { accountGroupKeys, type AccountName, type SubjectKey } from './identity.ts';
import { bindingId } from './ids.ts';
import type { Permissions } from './permissions.ts';
import { decideEnd } from './shared-bindings.ts';
import { inUseFindings, type WorkloadReader } from './workloads.ts';

/** What the watches know. */
export interface CachedCluster {
  /** The watches that have not listed yet; nothing is known before that. */
  readonly unsynced: () => readonly string[];
  readonly account: (name: AccountName) => Account | undefined;
  readonly view: ClusterView;
}

export interface Sources {
  readonly reader: ClusterReader;
  readonly workloads: WorkloadReader;
  readonly permissions: Permissions;
  readonly cached: CachedCluster;
}

const concurrency = 4;

export const takeInventory = async (
  sources: Sources,
  target: Target,
  freshness: Freshness,
  signal: AbortSignal,
): Promise<Inventory> => {
  const { account, view, inUse } =
    freshness === 'Fresh' ? await readFresh(sources, target, signal) : readCached(sources, target);
  const tokenSecrets = view.tokenSecretsOf?.(target.serviceAccount);
  return toInventory({
    target,
    account,
    bindings: await ownBindings(sources, view, userKeysOf(target), signal),
    inherited: sorted(accountGroupKeys(target.serviceAccount.namespace).flatMap(view.bindingsOf)),
    tokenSecrets: tokenSecrets && [...tokenSecrets].sort((one, other) => compare(one.name, other.name)),
    inUse,
  });
};

interface Look {
  readonly account: Account | undefined;
  readonly view: ClusterView;
  readonly inUse: Inventory['findings'];
}

const readFresh = async (
  { reader, workloads }: Sources,
  { serviceAccount }: Target,
  signal: AbortSignal,
): Promise<Look> => {
  const [account, view, running, templates] = await Promise.all([
    reader.account(serviceAccount, signal),
    reader.sweep(signal),
    workloads.podsOf(serviceAccount, signal),
    workloads.templatesOf(serviceAccount, signal),
  ]);
  const present = presentOrThrow(account);
  return { account: present && projectAccount(present), view, inUse: inUseFindings(running, templates) };
};

const readCached = ({ cached }: Sources, { serviceAccount }: Target): Look => {
  const unsynced = cached.unsynced();
  if (unsynced.length > 0) throw retryable('NotSynced', `the watches have not listed yet: ${unsynced.join(', ')}`);
  return { account: cached.account(serviceAccount), view: cached.view, inUse: [] };
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
