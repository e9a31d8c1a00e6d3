/**
 * Stops every dependency that can be locked from issuing more credentials; a lock counts when it was seen to hold. One that cannot
 * be locked now keeps none of the others from being locked. It holds the first revoke of a Routine run; in an Emergency it is only
 * tried again, at each look, while everything else is revoked.
 *
 *   not locked ──what is to be tried worked, locked, seen to hold──▶ locked ──seen not to hold──▶ lost ──put back, seen to hold──▶ locked
 *
 * A process that takes a locked run up goes on revoking, and ends nothing before it has seen the lock itself.
 */
import { conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import { toOutcome } from '../../kube/errors.ts';
import { reconciling } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Observation, Revoker } from '../../revokers/revoker.ts';
import { type OutcomeError, retryable } from '../../runtime/outcome.ts';
import { missControls, takeControls } from './controls.ts';
import { failureVerdict } from './inventory.ts';
import { next, recordFailure, remember, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const lock = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.lockedAt !== undefined) return lookAgain(run, context, signal);
  const lockable = run.revokers.filter((revoker) => revoker.lock.kind === 'Lockable');
  // Stored before anything is locked: whoever cancels the run takes the locks back of one that is known to have begun.
  if ((lockable.length > 0 || run.revokers.some(({ controls }) => controls !== undefined)) && run.offboarding.status?.startedAt === undefined) {
    return stop(run, reconciling(reasons.starting, `about to lock ${lockable.map(({ name }) => name).join(', ')}`), { again: 0 });
  }
  // What is tried after the first revoke proves nothing about before.
  const toTry = run.draft.revokeStartedAt === undefined ? run.revokers : [];
  if (run.draft.revokeStartedAt !== undefined) for (const revoker of run.revokers) missControls(run, revoker);
  const untried = await Promise.all(toTry.map((revoker) => takeControls(run, revoker, signal)));
  const held = toTry.flatMap((revoker, index) => (run.waivers.has(revoker.name) ? [] : (untried[index] ?? [])));
  const [first] = held;
  if (first !== undefined && run.offboarding.spec.urgency !== 'Emergency') return stop(run, first);
  const answers = await Promise.all(lockable.map((revoker) => lockOne(run, revoker, signal)));
  // What is given up does not keep the others from being locked and revoked.
  const [obstacle] = answers.filter((answer) => answer !== undefined);
  for (const revoker of lockable) if (run.waivers.has(revoker.name) && !remember(run, revoker, {}).locked) remember(run, revoker, { lockLost: givenUp });
  if (obstacle === undefined) return next(withDraft(run, { lockedAt: timestamp(context.clock) }));
  return run.offboarding.spec.urgency === 'Emergency' ? next(run) : stop(run, obstacle);
};

/**
 * A lock that stays is observed at each look, and put back where it can be. One that is lost holds a Routine run that has revoked nothing
 * yet; what has begun goes on, and ends when the lock is back.
 */
const lookAgain = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  for (const revoker of run.revokers) missControls(run, revoker);
  const lost: Verdict[] = [];
  for (const revoker of run.revokers) {
    const { lock: kind, name } = revoker;
    if (kind.kind === 'NotLockable' || kind.stays !== true) continue;
    const held = await kind.observeLock(run.draft.target, signal);
    if (held.state === 'Present') {
      remember(run, revoker, { ...seenToHold(held), lockLost: undefined });
      continue;
    }
    const { sawLock } = remember(run, revoker, { locked: false, lockLost: held });
    if (held.state === 'Unknown') {
      // That it held is the word of another process alone: nothing is Ready by that.
      if (sawLock !== true) recordFailure(run, revoker, notSeen(held));
      continue;
    }
    lost.push(reconciling(reasons.lockLost, `${name}: ${held.message ?? 'the lock does not hold any more'}`));
    const again = await lockOne(run, revoker, signal);
    if (again !== undefined) lost.push(again);
    else if (remember(run, revoker, {}).locked) remember(run, revoker, { lockLost: undefined });
  }
  for (const revoker of run.revokers) await lockLate(run, revoker, signal);
  const [first] = lost;
  if (first === undefined) return next(run);
  const isKnown = run.offboarding.status?.conditions?.some(({ type, status }) => type === conditionTypes.locked && status === 'False') === true;
  const marked = isKnown ? run : withDraft(run, { lockLostAt: timestamp(context.clock) });
  const left = run.revokers.some((revoker) => remember(run, revoker, {}).lockLost !== undefined);
  const holds = left && run.draft.revokeStartedAt === undefined && run.offboarding.spec.urgency !== 'Emergency';
  return holds ? stop(marked, lost.at(-1) ?? first) : next(marked);
};

const givenUp: Observation = { state: 'Absent', method: 'none', message: 'it could not be locked, and a waiver gave that up' };

/** What a waiver had given up is locked once the waiver has ended. Whoever tells that it cannot be keeps the run from its end. */
const lockLate = async (run: TargetedRun, revoker: Revoker, signal: AbortSignal): Promise<void> => {
  const { lock: kind, name } = revoker;
  const { locked, lockLost } = remember(run, revoker, {});
  if (kind.kind === 'NotLockable' || kind.stays === true || locked || (lockLost === undefined && !saysGivenUp(run, name))) return;
  remember(run, revoker, { lockLost: lockLost ?? givenUp });
  if (run.waivers.has(name)) return;
  await lockOne(run, revoker, signal);
  if (remember(run, revoker, {}).locked) remember(run, revoker, { lockLost: undefined });
};

/** As another process left it. */
const saysGivenUp = ({ offboarding: { status } }: TargetedRun, name: string): boolean =>
  status?.conditions?.some(({ type, status: is, message }) => type === conditionTypes.locked && is === 'False' && message.startsWith(`${name}: ${givenUp.message ?? ''}`)) === true;

/** Undefined when it is locked, or when nobody waits for that. */
const lockOne = async (run: TargetedRun, revoker: Revoker, signal: AbortSignal): Promise<Verdict | undefined> => {
  const { lock: kind, name } = revoker;
  const { failure, locked } = remember(run, revoker, {});
  if (kind.kind === 'NotLockable' || locked) return undefined;
  const isGivenUp = run.waivers.has(name);
  // One that could not be inventoried in this very look is not asked again.
  if (failure !== undefined) return isGivenUp ? undefined : failureVerdict(name, failure);
  try {
    const { target } = run.draft;
    await kind.lock(target, signal);
    const observation = await kind.observeLock(target, signal);
    if (observation.state !== 'Present') throw notSeen(observation);
    remember(run, revoker, seenToHold(observation));
    return undefined;
  } catch (error) {
    const why = recordFailure(run, revoker, toOutcome(error));
    return isGivenUp ? undefined : failureVerdict(name, why);
  }
};

const seenToHold = ({ message }: Observation) => ({ locked: true, sawLock: true, lockSaid: message }) as const;

const notSeen = ({ message = 'it was not seen to hold' }: Observation): OutcomeError => retryable('NotLocked', `the lock is not confirmed: ${message}`);
