/** What the steps of a run share: the object, the status as it grows, and what this process saw so far. */
import type { DependencyStatus, Finding, OffboardingStatus, Target } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Failure } from '../../policy/dependency.ts';
import type { Tracked } from '../../policy/credential.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Waivers } from '../../policy/waiver.ts';
import type { MissingPermission, Revoker } from '../../revokers/revoker.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { OffboardingObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../objects.ts';

/** What this process knows of one dependency of a run. */
export interface DependencyMemory {
  readonly tracked: readonly Tracked[];
  readonly findings: readonly Finding[];
  readonly missing: readonly MissingPermission[];
  /** The last failure, until a look without one. */
  readonly failure: Failure | undefined;
  /** Failed looks in a row. */
  readonly attempts: number;
  /** True once a fresh inventory of this process succeeded. */
  readonly inventoried: boolean;
  /** True when the last thing that happened is a fresh enumeration, begun after all was confirmed, that found nothing new. */
  readonly enumerated: boolean;
}

/**
 * What a process knows of a run beyond its status: the observations with their monotonic times. It is gone with the
 * process, and then every settle time begins anew.
 */
export interface RunMemory {
  readonly dependencies: Map<string, DependencyMemory>;
  /** True while there is an intent to revoke in here that was not stored yet: nothing may be revoked meanwhile. */
  unstoredIntent: boolean;
  /** Looks in a row that ended the same way: what back-off is reckoned from. */
  looks: number;
  lastReason: string;
  /** Monotonic time at which the last look began. */
  lookedAt: number;
  /** Monotonic time before which nothing is looked at, whatever wakes the run up. */
  restUntil: number;
}

/** The parts of the status that the steps write; the rest follows from them. */
export type Draft = Pick<
  OffboardingStatus,
  'target' | 'identity' | 'startedAt' | 'lockedAt' | 'revokeStartedAt' | 'revokedAt' | 'completedAt'
>;

export interface Run {
  readonly offboarding: OffboardingObject;
  readonly memory: RunMemory;
  readonly draft: Draft;
  /** What people have given up of it, as of this look. */
  readonly waivers: Waivers;
  /** Why it was not cancelled, when it was asked to. */
  readonly cannotCancel?: string;
}

/** A run whose target is known. */
export interface TargetedRun extends Run {
  readonly draft: Draft & { readonly target: Target };
}

/** How one step ended: go on with the next one, or stop here for now. `again` is in milliseconds. */
export type Progress<R extends Run = TargetedRun> =
  | { readonly kind: 'next'; readonly run: R }
  | { readonly kind: 'stop'; readonly run: Run; readonly verdict: Verdict; readonly again?: number };

export const next = <R extends Run>(run: R): Progress<R> => ({ kind: 'next', run });

export const stop = (run: Run, verdict: Verdict, again?: number): Progress<never> => ({
  kind: 'stop',
  run,
  verdict,
  ...(again === undefined ? {} : { again }),
});

export const withDraft = <R extends Run>(run: R, change: Draft): R => ({ ...run, draft: { ...run.draft, ...change } });

/** How the steps reach the objects that the operator watches. Reads are from the cache unless they say otherwise. */
export interface Cluster {
  readonly client: KubeClient;
  readonly workloadIdentity: (namespace: string, name: string) => WorkloadIdentityObject | undefined;
  /** Every Offboarding for this identity (`namespace/name` of its ServiceAccount). */
  readonly runsFor: (identity: string) => readonly OffboardingObject[];
  /** Every waiver that names an Offboarding of this key, whether it counts or not. */
  readonly waiversFor: (key: string) => readonly OffboardingWaiverObject[];
  /** The answer of a write, so that the next look does not start from before it. */
  readonly keep: (offboarding: OffboardingObject) => void;
}

export interface Context {
  readonly cluster: Cluster;
  readonly revokers: readonly Revoker[];
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** Told of each credential that is confirmed, with the seconds since its revoke was asked for. */
  readonly onConfirmed: (revocation: { readonly revoker: string; readonly seconds: number }) => void;
  /** The operator's own ServiceAccount and namespace, which it never retires. */
  readonly operator: { readonly namespace: string; readonly serviceAccount: string };
  /** Which run acts for an identity, from before the status that says so is stored. */
  readonly claims: Map<string, { readonly uid: string; readonly name: string }>;
}

export type Step = (run: TargetedRun, context: Context, signal: AbortSignal) => Progress | Promise<Progress>;

const nothingKnown: DependencyMemory = {
  tracked: [],
  findings: [],
  missing: [],
  failure: undefined,
  attempts: 0,
  inventoried: false,
  enumerated: false,
};

/** Changes what is known of a dependency, and returns it. */
export const remember = (run: Run, revoker: Revoker, change: Partial<DependencyMemory>): DependencyMemory => {
  const memory = { ...(run.memory.dependencies.get(revoker.name) ?? nothingKnown), ...change };
  run.memory.dependencies.set(revoker.name, memory);
  return memory;
};

/** Status is quiet: a failure that goes on keeps the words it has there, but for every power of two. */
export const recordFailure = (run: Run, revoker: Revoker, error: unknown): Failure => {
  const { kind, reason, message } = toOutcome(error);
  const attempts = remember(run, revoker, {}).attempts + 1;
  const stored = storedDependency(run, revoker)?.lastError;
  const goesOn = stored?.code === reason && attempts !== powerOfTwo(attempts);
  const failure: Failure = { kind, reason, message: goesOn ? stored.message : message };
  remember(run, revoker, { failure, attempts, enumerated: false });
  return failure;
};

/** The largest power of two that is not above `n`. */
export const powerOfTwo = (n: number): number => (n < 1 ? 0 : 2 ** Math.floor(Math.log2(n)));

export const storedDependency = (run: Run, revoker: Revoker): DependencyStatus | undefined =>
  run.offboarding.status?.dependencies?.find(({ name }) => name === revoker.name);

export const timestamp = (clock: Clock): string => clock.now().toISOString();
