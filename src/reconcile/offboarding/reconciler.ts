/**
 * One look at one Offboarding: read it, walk its steps until one says stop, write the status once, let go of the finalizer
 * when it has ended.
 *
 *   cancel → resolve → giveWay → suspend → inventory → preflight → claim → lock → soak → revoke → verify → record
 *                                            ▲                                            │
 *                                            └─────── until nothing new is found ─────────┘
 *
 * A run that waivers have completed is Ready and is still walked, by what it has left:
 *
 *   open ──what is left is given up──▶ complete with waivers ──all is gone──▶ confirmed
 *     ▲                                  │  │
 *     └──a waiver expires, is deleted────┘  └──something new comes──▶ resurrected
 *
 * Status is the only memory: every step knows from it what is done already. The first irreversible call comes in a later
 * look than the write that announces it.
 */
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { toOutcome } from '../../kube/errors.ts';
import { addFinalizer, removeFinalizer } from '../../kube/finalizers.ts';
import { offboardings } from '../../kube/resources.ts';
import { needsRevoke } from '../../policy/credential.ts';
import { maxReturns } from '../../policy/tracking.ts';
import { verdictOfError } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { hasEnded, isReopened, isWaived, nextEnd } from '../../policy/waiver.ts';
import { jitter } from '../../runtime/random.ts';
import type { Random } from '../../runtime/random.ts';
import type { ReconcileResult } from '../../runtime/controller.ts';
import type { OffboardingObject } from '../objects.ts';
import { writeStatus } from '../status.ts';
import { announce, announceGone, deadlineOf } from './announce.ts';
import { verdictNow } from './assessment.ts';
import { cancel } from './cancel.ts';
import { cameBack, finished, recordOf } from './finish.ts';
import { isBroken, mayGo } from './glass.ts';
import { claim, giveWay, suspend } from './hold.ts';
import { inventory } from './inventory.ts';
import { lock } from './lock.ts';
import { preflight } from './preflight.ts';
import { record, recordAbandoned } from './record.ts';
import { resolve } from './resolve.ts';
import { forgetIntents, revoke } from './revoke.ts';
import { boundTo, timestamp, withDraft } from './run.ts';
import type { Context, Draft, Progress, Run, RunMemory, Step, When } from './run.ts';
import { soak } from './soak.ts';
import { summarise } from './summarise.ts';
import { verify } from './verify.ts';

/** From a known target to the end, in order. */
const steps: readonly Step[] = [giveWay, suspend, inventory, preflight, claim, lock, soak, revoke, verify];

export interface OffboardingReconciler {
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  /** True once this process has looked at the run of that UID, and while it goes on. */
  readonly hasLookedAt: (uid: string) => boolean;
}

export interface OffboardingReconcilerOptions {
  readonly context: Context;
  readonly random: Random;
  readonly read: (key: string) => OffboardingObject | undefined;
}

export const createOffboardingReconciler = ({ context, random, read }: OffboardingReconcilerOptions): OffboardingReconciler => {
  const memories = new Map<string, RunMemory>();
  /** What was there at the last look, for as long as there is something to do. */
  const last = new Map<string, OffboardingObject>();
  /** Those that this process has looked at since they ended. */
  const ended = new Set<string>();

  const forget = (key: string): void => {
    const uid = last.get(key)?.metadata.uid;
    last.delete(key);
    if (uid !== undefined) memories.delete(uid);
    for (const [identity, holder] of context.claims) if (holder.uid === uid) context.claims.delete(identity);
  };

  /** Gone, or another of the same name: then what was there last may have gone before its end. Throws where that could not be recorded. */
  const leave = async (key: string, now: OffboardingObject | undefined, signal: AbortSignal): Promise<void> => {
    const before = last.get(key);
    if (before === undefined || before.metadata.uid === now?.metadata.uid) return;
    if (isLost(before)) announceGone(before, await recordAbandoned(runOf(key, before), context, signal), context);
    forget(key);
  };

  const memoryFor = (key: string, offboarding: OffboardingObject): RunMemory => {
    const { uid } = offboarding.metadata;
    last.set(key, offboarding);
    const memory = memories.get(uid) ?? { dependencies: new Map(), unstoredIntent: false, looks: 0, lastReason: '', lookedAt: 0, restUntil: 0 };
    memories.set(uid, memory);
    return memory;
  };

  const runOf = (key: string, offboarding: OffboardingObject): Run => ({
    offboarding,
    memory: memoryFor(key, offboarding),
    draft: draftOf(offboarding),
    ...boundTo(offboarding, offboarding.status?.target, context),
  });

  const reconcile = async (key: string, signal: AbortSignal): Promise<ReconcileResult> => {
    const offboarding = read(key);
    await leave(key, offboarding, signal);
    if (offboarding === undefined || !hasEnded(offboarding.status)) ended.delete(key);
    if (offboarding === undefined) return { kind: 'done' };
    // What has ended is told by its status alone: another process may have ended it, and seen more than this one.
    if (hasEnded(offboarding.status)) forget(key);
    const run = runOf(key, offboarding);
    const rest = run.memory.restUntil - context.clock.monotonic();
    if (rest > 0) return { kind: 'again', after: rest };
    run.memory.lookedAt = context.clock.monotonic();
    const look = await lookAt(run, !ended.has(key), context, signal);
    last.set(key, await conclude(look, context, signal));
    if (look.run.draft.completedAt === undefined || look.verdict.kind === 'Waived') return whenAgain(look, random, context);
    forget(key);
    ended.add(key);
    return watchesOn(look, context) ? { kind: 'again', after: jitter(random, betweenWatches, 0.2) } : { kind: 'done' };
  };

  return { reconcile, hasLookedAt: (uid) => (memories.get(uid)?.lastReason ?? '') !== '' };
};

/** It was to be held, and is gone all the same. */
const isLost = ({ spec, status = {} }: OffboardingObject): boolean =>
  spec.mode !== 'Plan' && !mayGo(status, conditionOf(status, conditionTypes.ready)?.reason ?? '');

/** What one look concluded, and when to look again, where a step knows. */
interface Look extends When {
  readonly run: Run;
  readonly verdict: Verdict;
}

/** A run that is complete only by waivers is walked as if it were not: it ends when all is confirmed, and reopens when they end. */
const lookAt = async (run: Run, isFirstLook: boolean, context: Context, signal: AbortSignal): Promise<Look> => {
  const { status } = run.offboarding;
  if (hasEnded(status)) return { run, verdict: await finished(run, context, isFirstLook, signal) };
  const { completedAt, ...open } = run.draft;
  const walked = await walk({ ...run, draft: open }, context, signal);
  const look = isWaived(status) ? await sinceWaived(walked, context, signal) : walked;
  // Only a complete run can say so, and it stays complete: nothing that came after its end is its business.
  if (look.verdict.reason === reasons.resurrected) return { ...look, run: withDraft(look.run, { completedAt: completedAt ?? timestamp(context.clock) }) };
  const ended = { ...look, ...(await record(look.run, look.verdict, context, signal)) };
  const isOpen = ended.verdict.kind === 'Reconciling' || ended.verdict.kind === 'Stalled';
  return isOpen && isReopened(status) ? { ...ended, verdict: { ...ended.verdict, reopened: true } } : ended;
};

/** What is put back of that which was given up is revoked, in a look of its own, and does not take the end back meanwhile. */
const sinceWaived = async (look: Look, context: Context, signal: AbortSignal): Promise<Look> => {
  if (look.verdict.kind === 'Idle') return look;
  const back = await cameBack(look.run, signal);
  if (back !== undefined) return { run: look.run, verdict: back };
  const now = look.verdict.kind === 'Reconciling' ? verdictNow(look.run, context) : look.verdict;
  return now.kind === 'Waived' ? { ...look, verdict: now } : look;
};

/** A Plan takes part in nothing but the first steps: it holds no identity and cannot be suspended or superseded. */
const walk = async (run: Run, context: Context, signal: AbortSignal): Promise<Look> => {
  try {
    const begun = await cancel(run, context, signal);
    if (begun.kind === 'stop') return begun;
    let progress: Progress = await resolve(begun.run, context, signal);
    for (const step of steps) {
      if (progress.kind === 'stop') return progress;
      progress = await step(progress.run, context, signal);
    }
    if (progress.kind === 'stop') return progress;
    throw new Error('the last step did not say stop');
  } catch (error) {
    if (signal.aborted) throw error;
    context.log.warn('A look at an Offboarding failed', { offboarding: run.offboarding.metadata.name, error });
    return { run, verdict: verdictOfError(toOutcome(error)) };
  }
};

const draftOf = ({ status }: OffboardingObject): Draft => {
  const { target, identity, startedAt, lockedAt, lockLostAt, revokeStartedAt, revokedAt, completedAt, recordRef } = status ?? {};
  return {
    ...(target === undefined ? {} : { target }),
    ...(identity === undefined ? {} : { identity }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(lockedAt === undefined ? {} : { lockedAt }),
    ...(lockLostAt === undefined ? {} : { lockLostAt }),
    ...(revokeStartedAt === undefined ? {} : { revokeStartedAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    ...(completedAt === undefined ? {} : { completedAt }),
    ...(recordRef === undefined ? {} : { recordRef }),
  };
};

/** The finalizer stands before the status says that the run has started, and goes after the status says that it has ended. */
const conclude = async ({ run, verdict }: Look, context: Context, signal: AbortSignal): Promise<OffboardingObject> => {
  const { client, keep } = context.cluster;
  const free = mayGo(run.draft, verdict.reason);
  let object = run.offboarding;
  if (object.spec.mode === 'Enforce' && !free && object.metadata.deletionTimestamp === undefined && !isBroken(object)) {
    object = await addFinalizer(client, offboardings, object, offboardingFinalizer, { signal });
    keep(object);
  }
  const status = summarise(run, verdict, context);
  object = await writeStatus(client, offboardings, object, status, signal).catch((error: unknown) => {
    forgetIntents(run);
    throw error;
  });
  run.memory.unstoredIntent = false;
  keep(object);
  announce(run, verdict, status, context);
  if (!free) return object;
  const released = await removeFinalizer(client, offboardings, object, offboardingFinalizer, { signal });
  if (released !== undefined) keep(released);
  return released ?? object;
};

/**
 * Milliseconds. Whoever brings back what was retired outside of the cluster, as by the undelete of an account, changes nothing here that
 * would wake the run up.
 */
const betweenWatches = 3_600_000;

/** Of a run that is confirmed: something of it is in a system that has no watch, and no record watches that. */
const watchesOn = ({ run, verdict }: Look, context: Context): boolean =>
  verdict.kind === 'Confirmed' && recordOf(run, context) === undefined && run.revokers.length > context.registry.forTarget(undefined).length;

const firstPause = { Stalled: 15_000, Waived: 15_000, Reconciling: 500 } as const;
const longestPause = { Stalled: 240_000, Waived: 240_000, Reconciling: 120_000 } as const;

/** A person's problem is looked at again within five minutes, our own and the provider's with back-off. */
const whenAgain = ({ run, verdict, again, pause }: Look, random: Random, context: Context): ReconcileResult => {
  const { memory } = run;
  memory.looks = memory.lastReason === verdict.reason ? memory.looks + 1 : 0;
  memory.lastReason = verdict.reason;
  // What settles is looked at when it has; what is in trouble beside it, by back-off.
  const byBackOff = again === undefined || pause !== undefined ? pauseAfter(verdict, pause, memory.looks) : undefined;
  const times = [again, byBackOff, untilDeadline(run, context), untilWaiverEnds(run, context), untilDue(run, context)];
  const waits = times.filter((wait) => wait !== undefined);
  if (waits.length === 0) return { kind: 'done' };
  const after = Math.min(...waits);
  memory.restUntil = after > 0 && keepsReturning(memory) ? context.clock.monotonic() + shortestRest : 0;
  return { kind: 'again', after: after === 0 ? 0 : after + jitter(random, after * 0.01, 1) };
};

/** Whoever puts back or replaces what is revoked, many times a second, wakes the run up each time. It does not follow him. */
const shortestRest = 1_000;

const keepsReturning = ({ dependencies }: RunMemory): boolean =>
  [...dependencies.values()].some(({ tracked }) => tracked.some(({ status }) => (status.returned ?? 0) >= maxReturns));

/** A dependency that works on by itself is not left alone for as long as one that waits for a person and speaks for the run. */
const pauseAfter = ({ kind, reason }: Verdict, pause: When['pause'], looks: number): number | undefined => {
  if ((reason === reasons.invalidSpec && pause === undefined) || kind === 'Confirmed' || kind === 'Idle') return undefined;
  const by = pause ?? kind;
  return Math.min(firstPause[by] * 2 ** looks, longestPause[by]);
};

/**
 * What came back is revoked again when its pause is over, also while the run waits for a person. A pause that ended while this
 * very look was under way has not been used yet.
 */
const untilDue = ({ draft, memory }: Run, { clock }: Context): number | undefined => {
  if (draft.revokeStartedAt === undefined) return undefined;
  const ends = [...memory.dependencies.values()]
    .flatMap(({ tracked }) => tracked)
    .flatMap((entry) => (entry.notBefore !== undefined && entry.notBefore > memory.lookedAt && needsRevoke(entry) ? [entry.notBefore] : []));
  return ends.length === 0 ? undefined : Math.max(Math.min(...ends) - clock.monotonic(), 1);
};

const untilDeadline = ({ offboarding }: Run, { clock }: Context): number | undefined => {
  const at = deadlineOf(offboarding);
  const left = at === undefined ? 0 : at - clock.now().getTime();
  return left > 0 ? left : undefined;
};

const untilWaiverEnds = ({ waivers }: Run, { clock }: Context): number | undefined => {
  const at = nextEnd(waivers);
  return at === undefined ? undefined : Math.max(1, at - clock.now().getTime());
};
