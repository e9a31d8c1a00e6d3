/**
 * Kubernetes itself as a dependency: the ServiceAccount and the tokens bound to it, legacy token Secrets, the bindings
 * that name it or the users of its certificates, and the access that is left.
 */
import type { Target } from '../../api/v1alpha1/index.ts';
import type { ApiServers } from '../../kube/api-servers.ts';
import type { BoundCanaries } from '../../kube/canary.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Reflector } from '../../kube/reflector.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { LockCapability, Residue, Revoker } from '../revoker.ts';
import { createRunner, observing, type Operation, outcomeOfRevoke, type ReportedOperation, type Runner } from '../runner.ts';
import { createAccessReview } from './access-review.ts';
import { createClusterReader, presentOrThrow } from './client.ts';
import type { Account } from './credentials.ts';
import { describeFailure } from './errors.ts';
import type { AccountName, ChangedIdentity } from './identity.ts';
import { type CachedCluster, takeInventory } from './inventory.ts';
import { type ClusterLock, createClusterLock, neededForLock } from './lock.ts';
import { createLockWatches, type LockChange, type LockWatches } from './lock-watches.ts';
import { observe, toldGone } from './observe.ts';
import { createPermissions, neededFor } from './permissions.ts';
import { createCanaryProbe } from './probe.ts';
import { revoke } from './revoke.ts';
import { tokenCache } from './token-cache.ts';
import { createWatches, type WatchOptions } from './watches.ts';
import { createWorkloadReader } from './workloads.ts';

export interface RevokerOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /**
   * Milliseconds for which `Absent` must hold. A token is cached by each API server for exactly 10 s from its first
   * use; what of that is not awaited is told as what outlasts the end. 15 s is ample.
   */
  readonly settleTime: number;
  /** Whether legacy token Secrets are listed (by metadata alone) and ended one by one. Needs `list secrets`. */
  readonly tokenSecrets: boolean;
  readonly cached: CachedCluster;
  /** The operator's own ServiceAccount, where it runs as one. */
  readonly ownAccount?: AccountName;
  /** What stops an identity from coming back. Without it nothing is locked. */
  readonly lock?: LockSettings & { readonly watches: LockWatches };
  /** By what identities are tried that ask for it; without, none is. */
  readonly probes?: { readonly canaries: BoundCanaries; readonly apiServers: ApiServers };
  /** Told after each call of the contract. */
  readonly onOperation?: (operation: ReportedOperation) => void;
}

export interface LockSettings {
  /** The operator's own, where the ConfigMap of the lock is. */
  readonly namespace: string;
  /** On each of which a lock must be seen to hold. */
  readonly servers: ApiServers;
  /** Whether a record holds the lock of that account, which is then not taken back. */
  readonly isTombstone?: (namespace: string, name: string) => boolean;
}

export type KubernetesRevokerOptions = Omit<RevokerOptions, 'cached' | 'lock'> & WatchOptions & { readonly lock?: LockSettings };

export interface KubernetesRevoker {
  readonly revoker: Revoker;
  /** To be run, and awaited, by whoever made them; `Cached` inventories fail until all of them have listed. */
  readonly reflectors: readonly Reflector<unknown>[];
  /** To be run, and awaited, too. Nobody waits for their first list: what needs it says so. */
  readonly lockReflectors: readonly Reflector<unknown>[];
  /** Whether the policies of the lock are as they should be; undefined when that cannot be told now. */
  readonly lockInstalled: () => boolean | undefined;
  /** Calls `listener` after what a lock stands on was changed: whoever relies on one looks again. */
  readonly onLockChange: (listener: (change: LockChange) => void) => void;
  /** Calls `listener` after something that may be a credential of that identity came, went or changed. */
  readonly onIdentityChange: (listener: (identity: ChangedIdentity) => void) => void;
  /** Every ServiceAccount, as the watch knows it. */
  readonly serviceAccounts: {
    readonly get: (namespace: string, name: string) => Account | undefined;
    /** Whether the UID is known to be that of another one. */
    readonly isForeign: (account: Target['serviceAccount']) => boolean;
    /** The UID of the one that is there now, by a quorum read; undefined when there is none. Rejects with an `OutcomeError`. */
    readonly now: (account: Target['serviceAccount'], signal: AbortSignal) => Promise<string | undefined>;
  };
}

export const createKubernetesRevoker = (options: KubernetesRevokerOptions): KubernetesRevoker => {
  const { cached, reflectors, onIdentityChange, isForeign } = createWatches(options);
  const { lock, ...rest } = options;
  const watches = lock && createLockWatches(options, lock.namespace);
  const reader = createClusterReader(options);
  return {
    revoker: assembleRevoker({ ...rest, cached, ...(lock && watches && { lock: { ...lock, watches } }) }),
    reflectors,
    lockReflectors: watches?.reflectors ?? [],
    lockInstalled: () => (watches === undefined || watches.blind() !== undefined ? undefined : watches.wrong() === undefined),
    onLockChange: (listener) => {
      watches?.onChange(listener);
    },
    onIdentityChange,
    serviceAccounts: {
      get: (namespace, name) => cached.account({ namespace, name }),
      isForeign,
      now: async (account, signal) => presentOrThrow(await reader.account(account, signal))?.metadata.uid,
    },
  };
};

type ClusterOperation = Exclude<Operation, 'discover'>;

/** Milliseconds in which each call ends, one way or another. An inventory may wait for one sweep that others began. */
const deadlines: Readonly<Record<ClusterOperation, number>> = {
  inventory: 90_000,
  usage: 30_000,
  preflight: 30_000,
  lock: 30_000,
  unlock: 30_000,
  observeLock: 30_000,
  takeControls: 30_000,
  dropControls: 30_000,
  revoke: 30_000,
  observe: 30_000,
};

const cached: Residue = {
  kind: 'TokenCache',
  milliseconds: tokenCache,
  awaited: true,
  message: 'an API server that has accepted a token goes on to accept it for ten seconds',
};

/**
 * Whoever may ask for a token says for how long, and an API server gives it up to 2^32 s unless it was told otherwise
 * (--service-account-max-token-expiration). Those that pods are given last a year, lest old clients fail (--service-account-extend-token-expiration).
 */
const offline: Residue = {
  kind: 'OfflineVerifier',
  awaited: false,
  message:
    'a system that checks tokens by their signature alone, and never asks this cluster, accepts one until the time that the token itself names: ' +
    'of one that a pod was given that is at most a year, of one that was asked for, any time at all',
};

const offlineSecret: Residue = {
  kind: 'OfflineVerifier',
  awaited: false,
  message: 'a system that checks tokens by their signature alone, and never asks this cluster, accepts the token of such a Secret for ever',
};

/** Where Secrets are not listed there may have been such a one. */
const residuesOf = (tokenSecrets: boolean): NonNullable<Revoker['residues']> => {
  const unseen: Residue = { ...offline, message: `${offline.message}; and of one in a Secret, which were not listed, for ever` };
  return { BoundTokens: [cached, tokenSecrets ? offline : unseen], TokenSecret: [cached, offlineSecret] };
};

export const assembleRevoker = (options: RevokerOptions): Revoker => {
  const { client, clock, tokenSecrets, cached, ownAccount, lock, probes } = options;
  const lockRights = lock === undefined ? [] : neededForLock(lock.namespace, lock.servers.discovers);
  const reader = createClusterReader({ client, clock, tokenSecrets });
  const permissions = createPermissions({ client, clock });
  const workloads = createWorkloadReader({ client, clock });
  const tail = Math.max(0, tokenCache - options.settleTime);
  const sources = { reader, permissions, cached, tail };
  const probe = probes && createCanaryProbe({ ...probes, clock });
  const observers = { reader, clock, probe, accessReview: createAccessReview({ client, clock, reader }) };
  const actors = { client, reader, cached, ownAccount };
  const run = createRunner({ ...options, deadlines });
  return {
    kind: 'kubernetes',
    name: 'kubernetes',
    issues: ['ServiceAccount', 'BoundTokens', 'TokenSecret'],
    tail,
    settleTime: options.settleTime,
    residues: residuesOf(tokenSecrets),
    concurrency: 8,
    lock: lockOf(lock && createClusterLock({ client, clock, ...lock }), run),
    inventory: (target, freshness, signal) =>
      run('inventory', signal, (bounded) => takeInventory(sources, target, freshness, bounded)),
    usage: (target, signal) => run('usage', signal, (bounded) => workloads.usageOf(target.serviceAccount, bounded)),
    preflight: (target, credentials, signal) =>
      run('preflight', signal, (bounded) => permissions.missing([...neededFor(target, credentials, tokenSecrets), ...lockRights], bounded)),
    ...(probe && {
      controls: {
        tries: probe.tries,
        take: (target, signal) => run('takeControls', signal, (bounded) => probe.take(target, bounded)),
        drop: (target, signal) => run('dropControls', signal, (bounded) => probe.drop(target, bounded)),
      },
    }),
    logsRequests: true,
    revoke: (credential, target, signal, requestId) =>
      run(
        'revoke',
        signal,
        (bounded) => revoke({ ...actors, requestId }, credential, target, bounded),
        outcomeOfRevoke,
      ),
    toldGone: (credential) => toldGone(cached, credential),
    observe: async (credential, target, signal) => {
      try {
        return await run(
          'observe',
          signal,
          (bounded) => observe(observers, credential, target, bounded),
          ({ state }) => state,
        );
      } catch (error) {
        return { state: 'Unknown', method: 'none', message: describeFailure(error) };
      }
    },
  };
};

const lockOf = (lock: ClusterLock | undefined, run: Runner<ClusterOperation>): LockCapability => {
  if (lock === undefined) return { kind: 'NotLockable', explanation: 'this operator was assembled without a lock' };
  return {
    kind: 'Lockable',
    stays: true,
    lock: (target, signal) => run('lock', signal, (bounded) => lock.lock(target, bounded)),
    unlock: (target, signal) => run('unlock', signal, (bounded) => lock.unlock(target, bounded)),
    observeLock: (target, signal) => observing(run, 'observeLock', signal, (bounded) => lock.observe(target, bounded)),
  };
};
