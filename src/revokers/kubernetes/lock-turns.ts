/**
 * Takes turns at the ConfigMap of the lock, so that a thousand runs that lock at the same moment write it once or twice:
 *
 *   read it ──▶ one patch: who comes, who goes, and a name that nobody bears ──▶ try by that name ──▶ each is told what was seen
 *     ▲                 │ somebody else wrote                                       whether it holds
 *     └─────────────────┘
 *
 * Nothing but data is ever written. The name is new each time: only what was stored with it, or before, is shown to be seen.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import type { ConfigMap } from '../../kube/objects.ts';
import { configMaps } from '../../kube/resources.ts';
import { createBatcher } from '../../runtime/batcher.ts';
import type { Clock } from '../../runtime/clock.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Observation } from '../revoker.ts';
import { describeFailure } from './errors.ts';
import type { AccountName } from './identity.ts';
import { changesOf, holds, type LockData, nonceOf, withChanges, withRoom } from './lock-entries.ts';
import { howToInstall, lockConfigMap } from './lock-policies.ts';
import type { LockTrial } from './lock-trial.ts';

/** What one wants of a turn. `Try` changes nothing of who is locked. */
export interface Wish {
  readonly kind: 'Add' | 'Remove' | 'Try';
  readonly account: AccountName;
}

export interface Turn {
  /** Who was locked at the end of it, for whom there was room; undefined where there is no ConfigMap. */
  readonly data: LockData | undefined;
  /** Whether the lock was seen to hold what is in `data`; undefined where nobody asked for that. */
  readonly seen?: Observation;
}

/** Rejects where it could not be read or written. */
export type TakeTurn = (wish: Wish, signal: AbortSignal) => Promise<Turn>;

export interface TurnOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly namespace: string;
  readonly trial: LockTrial;
  /** 16 hexadecimal digits, others each time. */
  readonly random: () => string;
}

/** Milliseconds that the first waits for others. */
const wait = 5;
const longestTurn = 5_000;
/** Somebody else writes this ConfigMap once in a while, if at all. */
const attempts = 5;

export const createTurns = (options: TurnOptions): TakeTurn => {
  const turns = createBatcher<Wish, Turn>({
    clock: options.clock,
    wait,
    limit: longestTurn,
    run: async (_, wishes, signal) => {
      const turn = await takeTurn(options, wishes, signal);
      return wishes.map(() => turn);
    },
  });
  // A ConfigMap that is full takes nobody in any more, which must not keep those in it from being seen and let out.
  return (wish, signal) => turns.submit(wish.kind === 'Add' ? 'add' : 'keep', wish, signal);
};

const takeTurn = async (options: TurnOptions, wishes: readonly Wish[], signal: AbortSignal): Promise<Turn> => {
  const { namespace, random, trial } = options;
  for (let attempt = 1; ; attempt += 1) {
    const found = await read(options, signal);
    if (found === undefined) {
      if (wishes.some(({ kind }) => kind === 'Add')) throw noConfigMap(namespace);
      return { data: undefined };
    }
    const { add: all, remove } = wanted(wishes);
    const add = withRoom(found.data, all);
    const isTried = wishes.some(({ kind, account }) => kind === 'Add' || (kind === 'Try' && holds(found.data, account)));
    const nonce = { namespace, name: isTried ? nonceOf(random()) : undefined };
    try {
      // Nobody is locked here: what somebody only asks about is not worth a write.
      const isIdle = !isTried && remove.every((account) => !holds(found.data, account));
      const data = isIdle ? found.data : await write(options, found, changesOf(found.data, { add, remove, nonce }), signal);
      if (nonce.name === undefined) return { data };
      return { data, seen: await tried(trial, { namespace, name: nonce.name }, signal) };
    } catch (error) {
      if (!isConflict(error) || attempt >= attempts) throw error;
    }
  }
};

/** What was stored stays stored when it could not be tried. */
const tried = async (trial: LockTrial, nonce: AccountName, signal: AbortSignal): Promise<Observation> => {
  try {
    return await trial(nonce, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return { state: 'Unknown', method: 'none', message: describeFailure(error) };
  }
};

/** Of two who want the opposite, the one that came last has its way. */
const wanted = (wishes: readonly Wish[]): { readonly add: readonly AccountName[]; readonly remove: readonly AccountName[] } => {
  const last = new Map(wishes.flatMap((wish) => (wish.kind === 'Try' ? [] : [[`${wish.account.namespace}/${wish.account.name}`, wish] as const])));
  const accountsOf = (kind: Wish['kind']): readonly AccountName[] => [...last.values()].filter((wish) => wish.kind === kind).map(({ account }) => account);
  return { add: accountsOf('Add'), remove: accountsOf('Remove') };
};

interface Found {
  readonly data: LockData;
  readonly resourceVersion: string;
}

const keyOf = (namespace: string) => ({ namespace, name: lockConfigMap });

const read = async ({ client, namespace }: TurnOptions, signal: AbortSignal): Promise<Found | undefined> => {
  try {
    return foundIn(await client.get<ConfigMap>(configMaps, keyOf(namespace), { signal }), namespace);
  } catch (error) {
    if (isNotFound(error, configMaps, lockConfigMap)) return undefined;
    throw error;
  }
};

const write = async ({ client, namespace }: TurnOptions, found: Found, changes: Readonly<Record<string, string | null>>, signal: AbortSignal): Promise<LockData> => {
  if (Object.keys(changes).length === 0) return found.data;
  const body = { metadata: { resourceVersion: found.resourceVersion }, data: changes };
  const { data } = foundIn(await client.patch<ConfigMap>(configMaps, keyOf(namespace), { type: 'merge', body }, { signal }), namespace);
  const expected = withChanges(found.data, changes);
  const isStored = Object.keys(changes).every((key) => data[key] === expected[key]);
  if (!isStored) throw retryable('NotStored', `configmap ${lockConfigMap} is not as it was written: something changes what is stored in it`);
  return data;
};

/** The answer of a proxy may be anything. */
const foundIn = (object: Partial<ConfigMap>, namespace: string): Found => {
  const { metadata, data = {} } = object;
  const isData = typeof data === 'object' && Object.values(data).every((value) => typeof value === 'string');
  if (metadata?.name !== lockConfigMap || metadata.namespace !== namespace || !isData) {
    throw retryable('Garbage', `the answer is not configmap ${lockConfigMap} of namespace ${namespace}`);
  }
  return { data, resourceVersion: metadata.resourceVersion };
};

export const noConfigMap = (namespace: string): Error =>
  needsPerson(
    reasons.lockNotInstalled,
    `configmap "${lockConfigMap}" in namespace "${namespace}" is missing, so nobody is locked: ${howToInstall}`,
  );
