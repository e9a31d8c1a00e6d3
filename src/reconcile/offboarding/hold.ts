/** What holds a run before it may act: another run for the same identity, or a person who suspended it. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { whoHolds } from '../../policy/holder.ts';
import type { Contender } from '../../policy/holder.ts';
import { idle, reconciling } from '../../policy/verdict.ts';
import { isWaived } from '../../policy/waiver.ts';
import type { OffboardingObject } from '../objects.ts';
import { dropControls } from './controls.ts';
import { next, stop, timestamp, withDraft } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

/** A run that has started ends when another takes over; then, suspended or not, it never acts again. */
export const giveWay = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  if (run.draft.startedAt === undefined) return next(run);
  const hold = whoHolds(contender(run.offboarding), others(run, context));
  if (hold.kind !== 'GiveWay') return next(run);
  // The other run makes its own, if it is to try anything.
  const left = await dropControls(run, context, signal);
  // An Emergency does not wait for that: it ends by itself within minutes, and the other run drops what it is to try at its own end.
  if (left !== undefined && hold.to.urgency !== 'Emergency') return stop(run, left);
  context.claims.delete(identityOf(run));
  return stop(
    withDraft(run, { completedAt: timestamp(context.clock) }),
    idle(reasons.superseded, `superseded by Offboarding "${hold.to.name}" in namespace "${hold.to.namespace}"`),
  );
};

export const suspend = (run: TargetedRun): Progress =>
  run.offboarding.spec.suspend === true
    ? stop(run, idle(reasons.suspended, 'suspended: set spec.suspend to false to go on'))
    : next(run);

/** The last step before the run starts: from here on it is the only one that acts for this identity. */
export const claim = (run: TargetedRun, context: Context): Progress => {
  if (run.draft.startedAt !== undefined) return next(run);
  const identity = identityOf(run);
  const claimedBy = context.claims.get(identity);
  const hold = whoHolds(contender(run.offboarding), others(run, context));
  const { uid, name } = run.offboarding.metadata;
  const other = hold.kind === 'WaitFor' ? hold.other : claimedBy?.uid === uid ? undefined : claimedBy;
  if (other !== undefined) {
    return stop(
      run,
      reconciling(reasons.waitingForOtherRun, `Offboarding "${other.name}" already retires ${identity}; this one goes on after it`),
    );
  }
  context.claims.set(identity, { uid, name });
  return next(withDraft(run, { startedAt: timestamp(context.clock) }));
};

const identityOf = ({ draft }: TargetedRun): string =>
  `${draft.target.serviceAccount.namespace}/${draft.target.serviceAccount.name}`;

const others = (run: TargetedRun, { cluster }: Context): readonly Contender[] =>
  cluster
    .runsFor(identityOf(run))
    .filter(({ metadata, spec }) => metadata.uid !== run.offboarding.metadata.uid && spec.mode === 'Enforce')
    .map(contender);

const contender = ({ metadata, spec, status }: OffboardingObject): Contender => ({
  uid: metadata.uid,
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  createdAt: metadata.creationTimestamp,
  urgency: spec.urgency ?? 'Routine',
  suspended: spec.suspend === true,
  waived: isWaived(status),
  waits:
    status?.startedAt === undefined &&
    status?.conditions?.some(({ reason }) => reason === reasons.waitingForOtherRun) === true,
  status: status ?? {},
});
