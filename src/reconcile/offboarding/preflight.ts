/** May we do all of it? Nothing is touched before the answer is yes, and a Plan ends here. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { obstacleOf } from '../../policy/obstacle.ts';
import { idle, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { failureVerdict } from './inventory.ts';
import { next, recordFailure, remember, stop } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const preflight = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.startedAt !== undefined) return next(run);
  const { target } = run.draft;
  for (const revoker of context.revokers) {
    const { tracked, findings } = remember(run, revoker, {});
    const credentials = tracked.map(({ credential }) => credential);
    try {
      const [missing, uses] = await Promise.all([
        revoker.preflight(target, credentials, signal),
        revoker.usage(target, signal),
      ]);
      remember(run, revoker, { missing, findings: [...uses, ...findings] });
    } catch (error) {
      const failure = recordFailure(run, revoker, error);
      if (!run.waivers.has(revoker.name)) return stop(run, failureVerdict(revoker.name, failure));
    }
  }
  const obstacle = firstObstacle(run, context);
  if (run.offboarding.spec.mode === 'Enforce') return obstacle === undefined ? next(run) : stop(run, obstacle);
  const message =
    obstacle === undefined
      ? 'the plan is in the status; set spec.mode to Enforce to carry it out'
      : `the plan is in the status; it would be held: ${obstacle.message}`;
  return stop(run, idle(reasons.planOnly, message));
};

const firstObstacle = (run: TargetedRun, { revokers }: Context): Verdict | undefined => {
  for (const revoker of revokers) {
    const obstacle = obstacleOf(remember(run, revoker, {}), run.offboarding.spec.urgency, run.waivers.has(revoker.name));
    if (obstacle !== undefined) return stalled(obstacle.reason, `${revoker.name}: ${obstacle.message}`);
  }
  return undefined;
};
