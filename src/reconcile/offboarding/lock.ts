/**
 * Stops every dependency that can be locked from issuing more credentials; a lock counts when it was seen to hold. One that cannot
 * be locked now keeps none of the others from being locked. It holds the first revoke of a Routine run; in an Emergency it is only
 * tried again, at each look, while everything else is revoked.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { toOutcome } from '../../kube/errors.ts';
import { reconciling } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { retryable } from '../../runtime/outcome.ts';
import { failureVerdict } from './inventory.ts';
import { next, recordFailure, remember, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const lock = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.lockedAt !== undefined) return next(run);
  const lockable = run.revokers.filter((revoker) => revoker.lock.kind === 'Lockable');
  // Stored before anything is locked: whoever cancels the run takes the locks back of one that is known to have begun.
  if (lockable.length > 0 && run.offboarding.status?.startedAt === undefined) {
    return stop(run, reconciling(reasons.starting, `about to lock ${lockable.map(({ name }) => name).join(', ')}`), { again: 0 });
  }
  const answers = await Promise.all(lockable.map((revoker) => lockOne(run, revoker, signal)));
  // What is given up does not keep the others from being locked and revoked.
  const [obstacle] = answers.filter((answer) => answer !== undefined);
  if (obstacle === undefined) return next(withDraft(run, { lockedAt: timestamp(context.clock) }));
  return run.offboarding.spec.urgency === 'Emergency' ? next(run) : stop(run, obstacle);
};

/** Undefined when it is locked, or when nobody waits for that. */
const lockOne = async (run: TargetedRun, revoker: Revoker, signal: AbortSignal): Promise<Verdict | undefined> => {
  const { lock: kind, name } = revoker;
  const { failure, locked } = remember(run, revoker, {});
  if (kind.kind === 'NotLockable' || locked) return undefined;
  const givenUp = run.waivers.has(name);
  // One that could not be inventoried in this very look is not asked again.
  if (failure !== undefined) return givenUp ? undefined : failureVerdict(name, failure);
  try {
    const { target } = run.draft;
    await kind.lock(target, signal);
    const observation = await kind.observeLock(target, signal);
    if (observation.state !== 'Present') {
      throw retryable('NotLocked', `the lock is not confirmed: ${observation.message ?? 'it was not seen to hold'}`);
    }
    remember(run, revoker, { locked: true });
    return undefined;
  } catch (error) {
    const why = recordFailure(run, revoker, toOutcome(error));
    return givenUp ? undefined : failureVerdict(name, why);
  }
};
