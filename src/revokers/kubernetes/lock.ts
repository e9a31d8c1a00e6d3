/**
 * Stops the API servers from issuing anything to the identity: its name goes into the ConfigMap that the admission policies of the
 * lock read (config/policies/lock.yaml). It counts as locked only while all of these are seen:
 *
 *   its name is in the ConfigMap ── the policies and their bindings are as installed ── every API server in reach denies what was
 *   (read anew)                     (watched)                                           locked with it or after it (tried)
 *
 * What was tried serves all who ask within half a minute, unless somebody has touched the lock since.
 */
import { randomBytes } from 'node:crypto';

import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { ApiServers } from '../../kube/api-servers.ts';
import type { KubeClient } from '../../kube/client.ts';
import { configMaps, endpointSlices, serviceAccounts, validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from '../../kube/resources.ts';
import type { Target } from '../../api/v1alpha1/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { Observation } from '../revoker.ts';
import type { AccountName } from './identity.ts';
import { holds, whyNotLockable } from './lock-entries.ts';
import { lockConfigMap } from './lock-policies.ts';
import { createLockTrial, lockTrialMethod } from './lock-trial.ts';
import { createTurns, noConfigMap, type Turn } from './lock-turns.ts';
import type { LockWatches } from './lock-watches.ts';
import type { Permission } from './permissions.ts';

export interface LockOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** The operator's own. */
  readonly namespace: string;
  readonly servers: ApiServers;
  readonly watches: LockWatches;
  /** Whether a record holds the lock of that account: then it is never taken back. */
  readonly isTombstone?: (namespace: string, name: string) => boolean;
  /** 16 hexadecimal digits, others each time. */
  readonly random?: () => string;
}

export interface ClusterLock {
  readonly lock: (target: Target, signal: AbortSignal) => Promise<void>;
  readonly unlock: (target: Target, signal: AbortSignal) => Promise<void>;
  readonly observe: (target: Target, signal: AbortSignal) => Promise<Observation>;
}

/** Milliseconds for which a try that was well serves others, and one that was not. */
const trustHeld = 30_000;
const trustNotHeld = 3_000;

export const createClusterLock = (options: LockOptions): ClusterLock => {
  const { clock, namespace, servers, watches, isTombstone = () => false, random = () => randomBytes(8).toString('hex') } = options;
  const takeTurn = createTurns({ ...options, trial: createLockTrial({ clock, servers }), random });
  /** Grows with each change of the policies, and each entry that went: what was tried before that is worth nothing. */
  let changes = 0;
  let last: (Turn & { readonly until: number }) | undefined;
  watches.onChange((change) => {
    changes += 1;
    const { data } = last ?? {};
    if (change === 'All' || data === undefined || change.some((account) => holds(data, account))) last = undefined;
  });

  const turn = async (kind: 'Add' | 'Remove' | 'Try', account: AccountName, signal: AbortSignal): Promise<Turn> => {
    const before = changes;
    const taken = await takeTurn({ kind, account }, signal);
    const trust = taken.seen?.state === 'Present' ? trustHeld : trustNotHeld;
    // Somebody has touched it meanwhile, before it was tried or after.
    if (before !== changes || kind === 'Remove') last = undefined;
    else if (taken.seen !== undefined) last = { ...taken, until: clock.monotonic() + trust };
    return taken;
  };
  const known = (account: AccountName): Observation | undefined =>
    last?.data !== undefined && last.until > clock.monotonic() && holds(last.data, account) ? last.seen : undefined;

  return {
    lock: async ({ serviceAccount }, signal) => {
      const refusal = whyNotLockable(serviceAccount, namespace);
      if (refusal !== undefined) throw refusal;
      const blind = watches.blind();
      if (blind !== undefined) throw retryable('NotWatched', blind);
      const wrong = watches.wrong();
      if (wrong !== undefined) throw needsPerson(reasons.lockNotInstalled, wrong);
      if (known(serviceAccount)?.state === 'Present') return;
      const { data } = await turn('Add', serviceAccount, signal);
      if (data !== undefined && !holds(data, serviceAccount)) throw noRoom(serviceAccount);
    },
    unlock: async ({ serviceAccount }, signal) => {
      if (!isTombstone(serviceAccount.namespace, serviceAccount.name)) await turn('Remove', serviceAccount, signal);
    },
    observe: async ({ serviceAccount }, signal) => {
      const method = 'watch/validatingadmissionpolicies';
      const blind = watches.blind();
      if (blind !== undefined) return { state: 'Unknown', method, message: blind };
      const wrong = watches.wrong();
      if (wrong !== undefined) return { state: 'Absent', method, message: wrong };
      const sooner = known(serviceAccount);
      if (sooner !== undefined) return sooner;
      const { data, seen } = await turn('Try', serviceAccount, signal);
      const read = { state: 'Absent', method: 'get/configmaps' } as const;
      if (data === undefined) return { ...read, message: noConfigMap(namespace).message };
      if (!holds(data, serviceAccount)) return { ...read, message: `configmap "${lockConfigMap}" does not name it` };
      return seen ?? { state: 'Unknown', method: lockTrialMethod, message: 'it was not tried' };
    },
  };
};

const noRoom = ({ namespace }: AccountName): Error =>
  needsPerson(
    'LockFull',
    `configmap "${lockConfigMap}" is half full, and namespace "${namespace}" has its part of it: what is left is for others. ` +
      'A lock ends with its record, and a record with --record-retention; who retires so many names there is in .spec.requestedBy of the Offboardings',
  );

/** All that it takes; `discovers` where the API servers are not configured. */
export const neededForLock = (namespace: string, discovers: boolean): readonly Permission[] => [
  { verb: 'get', resource: configMaps, namespace, name: lockConfigMap },
  { verb: 'patch', resource: configMaps, namespace, name: lockConfigMap },
  { verb: 'create', resource: serviceAccounts, namespace },
  ...[validatingAdmissionPolicies, validatingAdmissionPolicyBindings].flatMap((resource) => ['list', 'watch'].map((verb) => ({ verb, resource }))),
  ...(discovers ? [{ verb: 'list', resource: endpointSlices, namespace: 'default' }] : []),
];
