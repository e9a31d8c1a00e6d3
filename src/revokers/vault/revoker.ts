/**
 * A HashiCorp Vault or an OpenBao as a dependency: the identity's logins, its tokens, and what it names there (leases, auth
 * roles, AppRoles, certificates).
 */
import type { Dependency, Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { foreignUid } from '../foreign-uid.ts';
import type { DependencyKind, LockCapability, Revoker } from '../revoker.ts';
import { createRunner, observing, type Operation, outcomeOfRevoke, type ReportedOperation, type Runner } from '../runner.ts';
import type { VaultConnection } from './client.ts';
import type { VaultConnectors } from './connectors.ts';
import { discover } from './discover.ts';
import { takeInventory } from './inventory.ts';
import { lock, observeLock, unlock } from './lock.ts';
import type { AccountNow, Look } from './look.ts';
import { observe } from './observe.ts';
import { missingPermissions, neededFor } from './permissions.ts';
import { revoke } from './revoke.ts';
import { createServerMemories } from './server-memory.ts';

export interface VaultKindOptions {
  readonly connectors: VaultConnectors;
  readonly clock: Clock;
  /** Whether the cluster knows the UID as that of another ServiceAccount: whoever names an identity may pin any. */
  readonly isForeign: (account: Target['serviceAccount']) => boolean;
  /** Asked only where tokens tell of another life of the account than the target. */
  readonly accountNow: AccountNow;
  /** Told after each call of the contract. */
  readonly onOperation?: (operation: ReportedOperation) => void;
}

type VaultOperation = Exclude<Operation, 'usage' | 'takeControls' | 'dropControls'>;

/**
 * Milliseconds in which each call ends, one way or another; each request has a shorter one of its own. An inventory may wait
 * for a sweep that others began, and then for its own.
 */
const deadlines: Readonly<Record<VaultOperation, number>> = {
  inventory: 100_000,
  preflight: 30_000,
  discover: 60_000,
  lock: 60_000,
  unlock: 60_000,
  observeLock: 30_000,
  revoke: 45_000,
  observe: 45_000,
};

interface Bound {
  readonly run: Runner<VaultOperation>;
  readonly connect: (target: Target, signal: AbortSignal) => Promise<VaultConnection>;
  readonly look: (target: Target, signal: AbortSignal) => Promise<Look>;
}

export const createVaultKind = ({ connectors, clock, isForeign, accountNow, onOperation }: VaultKindOptions): DependencyKind => {
  const memoryOf = createServerMemories(clock);
  const run = createRunner({ clock, deadlines, ...(onOperation && { onOperation }) });
  return {
    kind: 'vault',
    bind: (dependency) => {
      const { vault } = dependency;
      if (vault === undefined) return undefined;
      const connect: Bound['connect'] = async (target, signal) => {
        const connection = await connectors.connect(vault, target, signal);
        if (isForeign(target.serviceAccount)) throw foreignUid('in the cluster', target.serviceAccount);
        return connection;
      };
      /** Everything that is read for one question is no older than its beginning. */
      const look: Bound['look'] = async (target, signal) => {
        const now = clock.now();
        const connection = await connect(target, signal);
        const { client, settings } = connection;
        const mark = await client.watermark(signal);
        return { connection, dependency: vault, target, memory: memoryOf(client, settings.maxConcurrent), accountNow, mark, now, signal };
      };
      return bindRevoker({ run, connect, look }, dependency, vault, connectors);
    },
  };
};

const bindRevoker = (bound: Bound, { name, after }: Dependency, vault: VaultDependency, connectors: VaultConnectors): Revoker => {
  const { run, connect, look } = bound;
  const { settleTime, maxConcurrent } = connectors.settings(vault.connectorRef.name);
  return {
    kind: 'vault',
    name,
    ...(after && { after }),
    issuers: ['kubernetes'],
    settleTime,
    concurrency: maxConcurrent,
    lock: lockOf(bound),
    inventory: (target, freshness, signal) => run('inventory', signal, async (bounded) => takeInventory(await look(target, bounded), freshness)),
    // What runs as the identity runs in the cluster, whose revoker tells it.
    usage: async (_, signal) => {
      signal.throwIfAborted();
      return Promise.resolve([]);
    },
    preflight: (target, credentials, signal) =>
      run('preflight', signal, async (bounded) => {
        const { client, settings } = await connect(target, bounded);
        return missingPermissions(client, neededFor(vault, settings.kubernetesAuthMounts, credentials), bounded);
      }),
    discover: (target, signal) => run('discover', signal, async (bounded) => discover(await look(target, bounded))),
    revoke: (credential, target, signal) => run('revoke', signal, async (bounded) => revoke(await look(target, bounded), credential), outcomeOfRevoke),
    observe: (credential, target, signal) => observing(run, 'observe', signal, async (bounded) => observe(await look(target, bounded), credential)),
  };
};

/**
 * Also of a connector that names no mount, where there is no login to refuse, and of one that nobody granted: whether there is
 * such a connector, and what it says, must not be told by what can be locked.
 */
const lockOf = ({ run, look }: Bound): LockCapability => ({
  kind: 'Lockable',
  lock: (target, signal) => run('lock', signal, async (bounded) => lock(await look(target, bounded))),
  unlock: (target, signal) => run('unlock', signal, async (bounded) => unlock(await look(target, bounded))),
  observeLock: (target, signal) => observing(run, 'observeLock', signal, async (bounded) => observeLock(await look(target, bounded))),
});
