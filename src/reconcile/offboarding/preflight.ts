/** May we do all of it? Nothing is touched before the answer is yes, and a Plan ends here. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Failure } from '../../policy/dependency.ts';
import { obstacleOf } from '../../policy/obstacle.ts';
import { idle, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { discover } from './discover.ts';
import { failureVerdict, holding } from './inventory.ts';
import { next, recordFailure, remember, stop } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const preflight = async (run: TargetedRun, _: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.startedAt !== undefined) return next(run);
  const failures = new Map<string, Failure | undefined>();
  await Promise.all(
    run.revokers.map(async (revoker) => {
      failures.set(revoker.name, await ask(run, revoker, signal));
    }),
  );
  if (run.offboarding.spec.mode === 'Plan') await Promise.all(run.revokers.map((revoker) => discover(run, revoker, signal)));
  const failed = holding(run, ({ name }) => {
    const failure = failures.get(name);
    return failure === undefined ? undefined : failureVerdict(name, failure);
  });
  if (failed !== undefined) return stop(run, failed);
  const obstacle = holding(run, (revoker) => obstacleTo(run, revoker, failures.get(revoker.name)));
  if (run.offboarding.spec.mode === 'Enforce') return obstacle === undefined ? next(run) : stop(run, obstacle);
  const message =
    obstacle === undefined
      ? 'the plan is in the status; set spec.mode to Enforce to carry it out'
      : `the plan is in the status; it would be held: ${obstacle.message}`;
  return stop(run, idle(reasons.planOnly, message));
};

/** A waiver gives the answers about permissions up. Whether workloads still run has to be known all the same, but in an Emergency. */
const ask = async (run: TargetedRun, revoker: Revoker, signal: AbortSignal): Promise<Failure | undefined> => {
  const { target } = run.draft;
  const waived = run.waivers.has(revoker.name);
  const { failure: before, tracked, findings } = remember(run, revoker, {});
  // An Emergency goes on without one that could not be inventoried, and it is not asked for more.
  if (before !== undefined && !waived) return before;
  const credentials = tracked.map(({ credential }) => credential);
  const [missing, uses] = await Promise.allSettled([revoker.preflight(target, credentials, signal), revoker.usage(target, signal)]);
  if (missing.status === 'fulfilled') remember(run, revoker, { missing: missing.value });
  if (uses.status === 'fulfilled') remember(run, revoker, { findings: [...uses.value, ...findings] });
  for (const { answer, givenUp } of [
    { answer: uses, givenUp: waived && run.offboarding.spec.urgency === 'Emergency' },
    { answer: missing, givenUp: waived },
  ]) {
    if (answer.status === 'fulfilled') continue;
    const failure = recordFailure(run, revoker, answer.reason);
    if (!givenUp) return failure;
  }
  return undefined;
};

const obstacleTo = (run: TargetedRun, revoker: Revoker, failure: Failure | undefined): Verdict | undefined => {
  if (failure !== undefined) return failureVerdict(revoker.name, failure);
  const obstacle = obstacleOf(remember(run, revoker, {}), run.offboarding.spec.urgency, run.waivers.has(revoker.name));
  return obstacle === undefined ? undefined : stalled(obstacle.reason, `${revoker.name}: ${obstacle.message}`);
};
