/** Stops every dependency that can be locked from issuing more credentials; a lock counts when it was seen to hold. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { toOutcome } from '../../kube/errors.ts';
import { reconciling, verdictOfError } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { next, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const lock = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.lockedAt !== undefined) return next(run);
  for (const revoker of context.revokers) {
    const obstacle = await lockOne(run, revoker, signal);
    // What is given up does not keep the others from being locked and revoked.
    if (obstacle !== undefined && !run.waivers.has(revoker.name)) return stop(run, obstacle);
  }
  return next(withDraft(run, { lockedAt: timestamp(context.clock) }));
};

const lockOne = async ({ draft: { target } }: TargetedRun, { lock: kind, name }: Revoker, signal: AbortSignal): Promise<Verdict | undefined> => {
  if (kind.kind === 'NotLockable') return undefined;
  try {
    await kind.lock(target, signal);
    const observation = await kind.observeLock(target, signal);
    if (observation.state === 'Present') return undefined;
    const why = observation.message ?? 'it was not seen to hold';
    return reconciling(reasons.dependencyUnavailable, `${name}: the lock is not confirmed: ${why}`);
  } catch (error) {
    return verdictOfError(toOutcome(error));
  }
};
