/**
 * Google Cloud as a dependency: the service account that the identity acts as, its keys, and its roles on what it names or what is
 * found, by every form in which it is a member of a policy.
 */
import type { Dependency, GoogleCloudDependency, Target } from '../../api/v1alpha1/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { foreignUid } from '../foreign-uid.ts';
import type { Controls, DependencyKind, LockCapability, Revoker } from '../revoker.ts';
import { createRunner, observing, type Operation, outcomeOfRevoke, type ReportedOperation, type Runner } from '../runner.ts';
import type { ImpersonationProbe } from './api.ts';
import type { GoogleConnectors } from './connectors.ts';
import { discover } from './discover.ts';
import { takeInventory } from './inventory.ts';
import { lock, observeLock, takeControl, unlock } from './lock.ts';
import type { Look } from './look.ts';
import { observe } from './observe.ts';
import { missingPermissions } from './permissions.ts';
import { revoke } from './revoke.ts';
import { createServerMemories } from './server-memory.ts';

export interface GoogleCloudKindOptions {
  readonly connectors: GoogleConnectors;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether the cluster knows the UID as that of another ServiceAccount: whoever names an identity may pin any. */
  readonly isForeign: (account: Target['serviceAccount']) => boolean;
  /** Tries to act as the service account, where the operator is set up for that. */
  readonly probe?: ImpersonationProbe;
  /** Told after each call of the contract. */
  readonly onOperation?: (operation: ReportedOperation) => void;
}

type GoogleOperation = Exclude<Operation, 'usage' | 'dropControls'>;

/** Milliseconds in which each call ends, one way or another; each request has a shorter one of its own. */
const deadlines: Readonly<Record<GoogleOperation, number>> = {
  inventory: 100_000,
  preflight: 60_000,
  discover: 100_000,
  lock: 60_000,
  unlock: 60_000,
  takeControls: 60_000,
  observeLock: 30_000,
  revoke: 60_000,
  // Whether tokens can still be made is told by all that an inventory reads.
  observe: 100_000,
};

interface Bound {
  readonly run: Runner<GoogleOperation>;
  readonly look: (target: Target, signal: AbortSignal) => Promise<Look>;
}

export const createGoogleCloudKind = ({ connectors, clock, random, isForeign, probe, onOperation }: GoogleCloudKindOptions): DependencyKind => {
  const memoryOf = createServerMemories({ clock, random });
  const run = createRunner({ clock, deadlines, ...(onOperation && { onOperation }) });
  return {
    kind: 'google-cloud',
    bind: (dependency) => {
      const { googleCloud } = dependency;
      if (googleCloud === undefined) return undefined;
      const look: Bound['look'] = async (target, signal) => {
        const connection = await connectors.connect(googleCloud, target, signal);
        if (isForeign(target.serviceAccount)) throw foreignUid('in the cluster', target.serviceAccount);
        const memory = memoryOf(connection.client, connection.settings.maxConcurrent);
        return { connection, dependency: googleCloud, target, memory, clock, signal, ...(probe && { probe }) };
      };
      return bindRevoker({ run, look }, dependency, googleCloud, connectors);
    },
  };
};

const bindRevoker = (bound: Bound, { name, after }: Dependency, googleCloud: GoogleCloudDependency, connectors: GoogleConnectors): Revoker => {
  const { run, look } = bound;
  const { settleTime, maxConcurrent } = connectors.settings(googleCloud.connectorRef.name);
  return {
    kind: 'google-cloud',
    name,
    ...(after && { after }),
    issuers: ['kubernetes'],
    settleTime,
    concurrency: maxConcurrent,
    lock: lockOf(bound, googleCloud),
    ...(googleCloud.probe === true && { controls: controlsOf(bound, googleCloud) }),
    inventory: (target, freshness, signal) => run('inventory', signal, async (bounded) => takeInventory(await look(target, bounded), freshness)),
    // What runs as the identity runs in the cluster, whose revoker tells it.
    usage: async (_, signal) => {
      signal.throwIfAborted();
      return Promise.resolve([]);
    },
    preflight: (target, credentials, signal) => run('preflight', signal, async (bounded) => missingPermissions(await look(target, bounded), credentials)),
    discover: (target, signal) => run('discover', signal, async (bounded) => discover(await look(target, bounded))),
    revoke: (credential, target, signal) => run('revoke', signal, async (bounded) => revoke(await look(target, bounded), credential), outcomeOfRevoke),
    observe: (credential, target, signal) => observing(run, 'observe', signal, async (bounded) => observe(await look(target, bounded), credential)),
  };
};

/** The token that was tried is in our memory alone, and ends by itself within ten minutes. */
const controlsOf = ({ run, look }: Bound, { serviceAccount }: GoogleCloudDependency): Controls => ({
  tries: () => `logins as ${serviceAccount?.email ?? 'the service account'}`,
  take: (target, signal) =>
    run('takeControls', signal, async (bounded) => {
      await takeControl(await look(target, bounded));
      // One that was refused is told by the inventory.
      return [];
    }),
  drop: () => Promise.resolve(undefined),
});

const lockOf = ({ run, look }: Bound, { serviceAccount }: GoogleCloudDependency): LockCapability =>
  serviceAccount === undefined
    ? {
        kind: 'NotLockable',
        explanation: 'the identity names no service account that could be disabled; its roles are taken out one by one, and each works until then',
      }
    : {
        kind: 'Lockable',
        lock: (target, signal) => run('lock', signal, async (bounded) => lock(await look(target, bounded))),
        unlock: (target, signal) => run('unlock', signal, async (bounded) => unlock(await look(target, bounded))),
        observeLock: (target, signal) => observing(run, 'observeLock', signal, async (bounded) => observeLock(await look(target, bounded))),
      };
