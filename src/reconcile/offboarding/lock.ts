/** Stops every dependency that can be locked from issuing more credentials; a lock counts when it was seen to hold. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { toOutcome } from '../../kube/errors.ts';
import { reconciling, verdictOfError } from '../../policy/verdict.ts';
import { next, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const lock = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.lockedAt !== undefined) return next(run);
  for (const revoker of context.revokers) {
    if (revoker.lock.kind === 'NotLockable') continue;
    try {
      await revoker.lock.lock(run.draft.target, signal);
      const observation = await revoker.lock.observeLock(run.draft.target, signal);
      if (observation.state !== 'Present') {
        const why = observation.message ?? 'it was not seen to hold';
        return stop(run, reconciling(reasons.dependencyUnavailable, `${revoker.name}: the lock is not confirmed: ${why}`));
      }
    } catch (error) {
      return stop(run, verdictOfError(toOutcome(error)));
    }
  }
  return next(withDraft(run, { lockedAt: timestamp(context.clock) }));
};
