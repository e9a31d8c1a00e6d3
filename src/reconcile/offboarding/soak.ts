/** The time in which everything can still be taken back. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { reconciling } from '../../policy/verdict.ts';
import { parseDuration } from '../../runtime/duration.ts';
import { next, stop } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

/** Milliseconds. The lock is what the soak is about, and is looked at again and again. */
const betweenLooks = 60_000;

export const soak = (run: TargetedRun, { clock }: Context): Progress => {
  const { spec } = run.offboarding;
  const { lockedAt, revokeStartedAt } = run.draft;
  if (revokeStartedAt !== undefined || lockedAt === undefined || spec.urgency === 'Emergency') return next(run);
  const until = Date.parse(lockedAt) + parseDuration(spec.soak ?? '0s');
  const left = until - clock.now().getTime();
  if (left <= 0) return next(run);
  const at = new Date(until).toISOString();
  return stop(run, reconciling(reasons.soaking, `reversible until ${at}; then the first revoke is sent`), { again: Math.min(left, betweenLooks) });
};
