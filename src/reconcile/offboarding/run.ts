/** What the steps of a run share: the object, the status as it grows, and what this process saw so far. */
import type { DependencyStatus, Finding, OffboardingStatus, Target, Undeclared } from '../../api/v1alpha1/index.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import type { KubeClient } from '../../kube/client.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { Failure } from '../../policy/dependency.ts';
import type { Tracked } from '../../policy/credential.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Waivers } from '../../policy/waiver.ts';
import { powerOfTwo } from '../../policy/told.ts';
import { waiversInForce } from '../../policy/waiver.ts';
import type { Registry } from '../../revokers/registry.ts';
import type { MissingPermission, Observation, Revoker } from '../../revokers/revoker.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import { keyOf } from '../objects.ts';
import type { OffboardingObject, OffboardingRecordObject, OffboardingWaiverObject, WorkloadIdentityObject } from '../objects.ts';
import type { Ledger } from '../record/ledger.ts';

/** What this process knows of one dependency of a run. */
export interface DependencyMemory {
  readonly tracked: readonly Tracked[];
  readonly findings: readonly Finding[];
  readonly missing: readonly MissingPermission[];
  /** What the identity does not name, and what could not be looked for; undefined until a Plan has looked. */
  readonly discovered?: { readonly undeclared: readonly Undeclared[]; readonly findings: readonly Finding[]; readonly failed: boolean };
  /** The last failure, until a look without one. */
  readonly failure: Failure | undefined;
  /** Failed looks in a row. */
  readonly attempts: number;
  /** True once a fresh inventory of this process succeeded. */
  readonly inventoried: boolean;
  /**
   * When the last enumeration began (monotonic), where that is the last thing that happened: it began after all was confirmed, and
   * found nothing new.
   */
  readonly enumeratedAt: number | undefined;
  /** When that was done, for people (RFC 3339). */
  readonly enumeratedOn?: string;
  /** Milliseconds: the shortest settle time by which something was confirmed. A Connector may have another one by now, or be gone. */
  readonly settledBy?: number;
  /** True once this process has seen the lock to hold, and while it does. */
  readonly locked: boolean;
  /** True once this process has seen it to hold, whatever became of it since. */
  readonly sawLock?: true;
  /** In whose words it holds: where it was tried, and where not. */
  readonly lockSaid?: string | undefined;
  /** Why a lock that had held does not any more, or why nobody can tell. */
  readonly lockLost: Observation | undefined;
  /** True once this process has tried what is to be tried after the end. */
  readonly controlled: boolean;
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
  'target' | 'identity' | 'startedAt' | 'lockedAt' | 'lockLostAt' | 'revokeStartedAt' | 'revokedAt' | 'completedAt' | 'recordRef'
>;

export interface Run {
  readonly offboarding: OffboardingObject;
  readonly memory: RunMemory;
  readonly draft: Draft;
  /** One for each dependency of its target, as far as that is known. */
  readonly revokers: readonly Revoker[];
  /** What people have given up of it, as of this look. */
  readonly waivers: Waivers;
  /** Why it was not cancelled, when it was asked to. */
  readonly cannotCancel?: string;
  /** It is given up: its locks are being taken back, or were. */
  readonly cancels?: true;
}

/** A run whose target is known. */
export interface TargetedRun extends Run {
  readonly draft: Draft & { readonly target: Target };
}

/** Milliseconds after which to look again, and by which back-off, where that is not the verdict's own. */
export interface When {
  readonly again?: number;
  readonly pause?: 'Reconciling' | 'Stalled';
}

/** How one step ended: go on with the next one, or stop here for now. */
export type Progress<R extends Run = TargetedRun> =
  | { readonly kind: 'next'; readonly run: R }
  | ({ readonly kind: 'stop'; readonly run: Run; readonly verdict: Verdict } & When);

export const next = <R extends Run>(run: R): Progress<R> => ({ kind: 'next', run });

export const stop = (run: Run, verdict: Verdict, when: When = {}): Progress<never> => ({ kind: 'stop', run, verdict, ...when });

export const withDraft = <R extends Run>(run: R, change: Draft): R => ({ ...run, draft: { ...run.draft, ...change } });

/** How the steps reach the objects that the operator watches. Reads are from the cache unless they say otherwise. */
export interface Cluster {
  readonly client: KubeClient;
  readonly workloadIdentity: (namespace: string, name: string) => WorkloadIdentityObject | undefined;
  /** Every Offboarding for this identity (`namespace/name` of its ServiceAccount). */
  readonly runsFor: (identity: string) => readonly OffboardingObject[];
  /** Every waiver that names an Offboarding of this key, whether it counts or not. */
  readonly waiversFor: (key: string) => readonly OffboardingWaiverObject[];
  /** The OffboardingRecord of this name. */
  readonly record?: (name: string) => OffboardingRecordObject | undefined;
  /** The answer of a write, so that the next look does not start from before it. */
  readonly keep: (offboarding: OffboardingObject) => void;
}

export interface Context {
  readonly cluster: Cluster;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly log: Logger;
  /** Told of each credential that is confirmed: the kind of dependency, and the seconds since its revoke was asked for. */
  readonly onConfirmed: (revocation: { readonly revoker: string; readonly seconds: number }) => void;
  /** Told of each run that ends with all proven gone. */
  readonly onAllGone: (run: { readonly urgency: string; readonly seconds: number }) => void;
  /** The operator's own ServiceAccount and namespace, which it never retires. */
  readonly operator: { readonly namespace: string; readonly serviceAccount: string };
  /** Which run acts for an identity, from before the status that says so is stored. */
  readonly claims: Map<string, { readonly uid: string; readonly name: string }>;
  /** Where the ends of runs are recorded. */
  readonly ledger: Pick<Ledger, 'append'>;
  /** Of Offboard and of the API server, for the records. */
  readonly versions: (signal: AbortSignal) => Promise<Predicate['versions']>;
}

export type Step = (run: TargetedRun, context: Context, signal: AbortSignal) => Progress | Promise<Progress>;

const nothingKnown: DependencyMemory = {
  tracked: [],
  findings: [],
  missing: [],
  failure: undefined,
  attempts: 0,
  inventoried: false,
  enumeratedAt: undefined,
  locked: false,
  lockLost: undefined,
  controlled: false,
};

/** The revokers of a target, and what people have given up of it. */
export const boundTo = (
  offboarding: OffboardingObject,
  target: Target | undefined,
  { registry, cluster, clock }: Context,
): Pick<Run, 'revokers' | 'waivers'> => {
  const revokers = registry.forTarget(target);
  const dependencies = revokers.map(({ name }) => name);
  return { revokers, waivers: waiversInForce(cluster.waiversFor(keyOf(offboarding)), offboarding, { dependencies, now: clock.now() }) };
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
  remember(run, revoker, { failure, attempts, enumeratedAt: undefined });
  return failure;
};

export const storedDependency = (run: Run, revoker: Revoker): DependencyStatus | undefined =>
  run.offboarding.status?.dependencies?.find(({ name }) => name === revoker.name);

export const timestamp = (clock: Clock): string => clock.now().toISOString();
