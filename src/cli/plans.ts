/**
 * An Offboarding in mode Plan, for as long as somebody reads it: made, followed until it says all that it can, and removed whatever happens.
 * Offboard looks, with its own logins; whoever asks needs none.
 */
import type { OffboardingSpec } from '../api/v1alpha1/index.ts';
import { conditionOf, conditionTypes } from '../api/v1alpha1/conditions.ts';
import { ApiError, isNotFound } from '../kube/errors.ts';
import { offboardings } from '../kube/resources.ts';
import { sleep } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import type { Random } from '../runtime/random.ts';
import type { Cluster } from './cluster.ts';
import { CannotError, UsageError, wordsOf } from './command.ts';
import type { Io } from './command.ts';
import type { Flags } from './flags.ts';
import type { RunObject } from './runs.ts';
import { quoted } from './shell.ts';

export interface PlanRequest {
  /** What it is for, in its name. */
  readonly name: string;
  readonly spec: Omit<OffboardingSpec, 'mode'>;
  /** Milliseconds until it is read as far as it is. */
  readonly timeout: number;
  /** It stays, for whoever wants to look at it, or to have it carried out. */
  readonly keep?: boolean;
}

export const timeoutFlag = {
  timeout: { type: 'string', value: 'TIME', text: 'how long to wait for the plan, such as 90s or 2m (default: 2m)', completes: 'nothing' },
} as const satisfies Flags;

/** Milliseconds. @throws UsageError */
export const readTimeout = ({ timeout = '2m' }: { readonly timeout?: string | undefined }): number => {
  const [, digits, unit] = /^([1-9][0-9]{0,4})(s|m)$/.exec(timeout) ?? [];
  if (digits === undefined) throw new UsageError(`--timeout must be a time such as 90s or 2m, not "${timeout}"`);
  return Number(digits) * (unit === 'm' ? 60_000 : 1_000);
};

/** Milliseconds. An operator that is there writes its first word within a moment. */
const patience = 20_000;
const between = 300;
/** Nobody waits for a removal, or for the answer to a create, for longer. */
const shortly = 10_000;

/** Resolves to the plan as it was last, whether it is complete or not: see {@link standing}. */
export const planned = async ({ client, namespace, signal }: Cluster, { name, spec, timeout, keep = false }: PlanRequest, io: Io, random: Random = systemRandom): Promise<RunObject> => {
  const key = { namespace, name: nameOf(name, random) };
  let removes = !keep;
  try {
    // Not ended by Ctrl-C: what may have been made has to be removed, and an answer says that it was.
    await client.create<RunObject>(offboardings, namespace, { metadata: key, spec: { ...spec, mode: 'Plan' } }, { timeout: shortly }).catch((error: unknown) => {
      // It was refused: one of that name would be somebody else's.
      if (error instanceof ApiError && error.code >= 400 && error.code < 500) removes = false;
      throw error;
    });
    const plan = await follow(() => client.get<RunObject>(offboardings, key, { signal }), timeout, io);
    if (keep) io.err(`kept: Offboarding ${quoted(key.name)} in namespace ${quoted(namespace)}\n`);
    return plan;
  } finally {
    if (removes) await remove({ client }, key, io);
  }
};

const remove = async ({ client }: Pick<Cluster, 'client'>, key: { readonly namespace: string; readonly name: string }, io: Io): Promise<void> => {
  try {
    await client.delete(offboardings, key, {}, { timeout: shortly });
  } catch (error) {
    if (isNotFound(error, offboardings, key.name)) return;
    io.err(`The plan was left behind, which changes nothing: ${wordsOf(error)}. Remove it: kubectl delete offboarding ${quoted(key.name)} -n ${quoted(key.namespace)}\n`);
  }
};

const follow = async (get: () => Promise<RunObject>, timeout: number, { clock, signal }: Io): Promise<RunObject> => {
  const began = clock.monotonic();
  for (;;) {
    const plan = await get();
    const stands = standing(plan);
    const passed = clock.monotonic() - began;
    if (stands === 'Complete' || stands === 'Held' || (stands === 'Waiting' && passed >= timeout)) return plan;
    if (stands === 'Unseen' && passed >= Math.min(patience, timeout)) {
      throw new CannotError(`nobody has answered the plan within ${String(Math.round(passed / 1_000))} s: is Offboard running? kubectl get deployments -A -l app.kubernetes.io/name=offboard`);
    }
    await sleep(clock, between, signal);
  }
};

/**
 * Unseen: no word of the operator yet. Waiting: it still asks. Complete: every dependency was asked. Held: somebody must act before more of
 * it can be told, or a dependency does not answer.
 */
export const standing = ({ metadata: { generation = 0 }, status }: Pick<RunObject, 'metadata' | 'status'>): 'Unseen' | 'Waiting' | 'Complete' | 'Held' => {
  if (status?.observedGeneration !== generation) return 'Unseen';
  const is = (type: string): boolean => conditionOf(status, type)?.status === 'True';
  if (is(conditionTypes.planned)) return 'Complete';
  if (is(conditionTypes.stalled)) return 'Held';
  return status.dependencies?.some(({ attempts = 0 }) => attempts >= enough) === true ? 'Held' : 'Waiting';
};

/** Failures in a row, some seconds apart. */
const enough = 4;

/** As the API server makes one of `generateName`; made here, so that what may be there can be removed whatever was answered. */
const nameOf = (prefix: string, random: Random): string => {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  const end = Array.from({ length: 8 }, () => alphabet[Math.floor(random() * alphabet.length)] ?? 'x').join('');
  return `${prefix.slice(0, 200).replace(/[-.]+$/, '')}-${end}`;
};
