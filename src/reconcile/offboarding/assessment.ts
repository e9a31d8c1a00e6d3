/** Where one dependency of a run is: the one answer that its state in the status and the run's verdict are made from. */
import { assess } from '../../policy/dependency.ts';
import type { Assessment } from '../../policy/dependency.ts';
import { obstacleOf } from '../../policy/obstacle.ts';
import { verdictOf } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { isWaived, underWaiver } from '../../policy/waiver.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { remember } from './run.ts';
import type { Context, Run } from './run.ts';

export const assessment = (run: Run, revoker: Revoker, { clock }: Context): Assessment => {
  const { settleTime } = revoker;
  const waiver = run.waivers.get(revoker.name);
  const { tracked, failure, enumerated } = remember(run, revoker, {});
  if (run.draft.revokeStartedAt === undefined) return beforeRevokes(run, revoker);
  return underWaiver(assess(tracked, { failure, enumerated, settleTime }), waiver, {
    tracked,
    settleTime,
    monotonic: clock.monotonic(),
    complete: isWaived(run.offboarding.status),
  });
};

const beforeRevokes = (run: Run, revoker: Revoker): Assessment => {
  const memory = remember(run, revoker, {});
  const { failure, tracked } = memory;
  if (failure !== undefined) {
    const state = failure.kind === 'NeedsPerson' || failure.kind === 'Invalid' ? 'Blocked' : 'Unknown';
    return { state, reason: failure.reason, message: failure.message };
  }
  const found = `${tracked.length} credentials found`;
  if (run.draft.lockedAt !== undefined) return { state: 'Locked', reason: 'Locked', message: found };
  const obstacle = obstacleOf(memory, run.offboarding.spec.urgency, run.waivers.has(revoker.name));
  return obstacle ?? { state: 'Pending', reason: 'Pending', message: found };
};

/** The verdict of a run whose revokes have begun, from what this process knows. */
export const verdictNow = (run: Run, context: Context): Verdict =>
  verdictOf(
    context.revokers.map((revoker) => ({
      name: revoker.name,
      assessment: assessment(run, revoker, context),
      unprovable: remember(run, revoker, {}).findings.some(({ type }) => type === 'NotProvable'),
    })),
  );
