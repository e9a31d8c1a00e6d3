/** The parts of an Offboarding's status that follow from the others: for columns, selectors and people. */
import { conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { DependencyStatus, OffboardingSpec, OffboardingStatus, Phase, Summary } from '../api/v1alpha1/index.ts';
import type { Fact } from './conditions.ts';
import type { Tracked } from './credential.ts';
import { type Settling, latest, residualOf, timeOf } from './residual.ts';
import type { Verdict } from './verdict.ts';

const countOf = (tracked: Tracked): number => tracked.status.count ?? 1;

const countWhere = (tracked: readonly Tracked[], matches: (entry: Tracked) => boolean): number =>
  tracked.filter(matches).reduce((sum, entry) => sum + countOf(entry), 0);

/** `before` is what stands while nothing is tracked, as in a process that could not look yet. */
export const summaryOf = (tracked: readonly Tracked[], dependencies: readonly DependencyStatus[], before?: Summary): Summary => {
  const { waived: _, ...counts } = tracked.length === 0 && before !== undefined ? before : countsOf(tracked, dependencies);
  const waived = dependencies.filter(({ state }) => state === 'Waived').length;
  return { ...counts, ...(waived === 0 ? {} : { waived }) };
};

const countsOf = (tracked: readonly Tracked[], dependencies: readonly DependencyStatus[]): Summary => ({
  total: countWhere(tracked, () => true),
  confirmed: countWhere(tracked, ({ status }) => status.state === 'Confirmed'),
  unknown: countWhere(tracked, ({ status }) => status.state === 'Unknown'),
  unrevocable: countWhere(tracked, ({ credential, status }) => credential.end.by === 'Expiry' && status.state === 'Waiting'),
  notProvable: dependencies.flatMap(({ findings }) => findings ?? []).filter(({ type }) => type === 'NotProvable').length,
});

/** What is tracked of one dependency, and whether all of it could be asked. */
export interface TrackedThere extends Settling {
  readonly tracked: readonly Tracked[];
  readonly known: boolean;
}

/**
 * The latest time at which something not yet confirmed could still work: `unknown` while something is there that nobody
 * gave an end, or nobody could look; undefined when nothing is left.
 */
export const residualUntil = (dependencies: readonly TrackedThere[]): string | undefined => {
  if (dependencies.some(({ known }) => !known)) return 'unknown';
  return timeOf(latest(dependencies.flatMap((each) => each.tracked.map(({ status, absentSince }) => residualOf(status, each, absentSince !== undefined)))));
};

/** Where the run is, in one word. */
export const phaseOf = (status: OffboardingStatus, verdict: Verdict): Phase => {
  if (verdict.kind === 'Confirmed' || verdict.kind === 'Waived') return 'Complete';
  switch (verdict.reason) {
    case reasons.planOnly:
      return 'Planned';
    case reasons.suspended:
      return 'Suspended';
    case reasons.cancelled:
      return 'Cancelled';
    case reasons.superseded:
      return 'Superseded';
    case reasons.resurrected:
      return 'Resurrected';
    case reasons.soaking:
      return 'Soaking';
    case reasons.waitingForOtherRun:
    case reasons.waitingForExpiry:
      return 'Waiting';
    default:
      break;
  }
  if (verdict.kind === 'Stalled') return 'Blocked';
  if (status.revokeStartedAt === undefined) return 'Pending';
  return verdict.reason === reasons.revoking ? 'Revoking' : 'Verifying';
};

/** Whether anything can be locked, what cannot and why and what is said of what is, and what is wrong with a lock that had held. */
export interface Lockability {
  readonly lockable: boolean;
  readonly explanation: string;
  /** The run is cancelled, or being so: no lock of it holds, whatever was locked. */
  readonly takenBack?: boolean;
  readonly lost?: { readonly known: boolean; readonly message: string };
}

/** The conditions behind Ready: how far the run is, whatever it waits for. */
export const progressFacts = (
  spec: OffboardingSpec,
  status: OffboardingStatus,
  verdict: Verdict,
  lock: Lockability,
): readonly Fact[] => {
  const { dependencies = [] } = status;
  // An Emergency starts without those that cannot be asked.
  const inventoried = dependencies.length > 0 && dependencies.every(({ credentials }) => credentials !== undefined);
  const planned: Fact =
    inventoried && (status.startedAt !== undefined || dependencies.every(({ lastError }) => lastError === undefined))
      ? fact(conditionTypes.planned, 'True', reasons.planComplete, 'every dependency was inventoried and checked')
      : fact(conditionTypes.planned, 'False', reasons.pending, 'the inventory is not complete');
  if (spec.mode === 'Plan') return [planned];
  const { kind } = verdict.unrecorded ?? verdict;
  return [
    planned,
    lockFact(status, lock),
    status.revokedAt === undefined
      ? fact(conditionTypes.revoked, 'False', reasons.pending, 'not every revoke was accepted yet')
      : fact(conditionTypes.revoked, 'True', reasons.revokesAccepted, 'every revoke was accepted'),
    kind === 'Confirmed'
      ? fact(conditionTypes.verified, 'True', reasons.fixedPoint, 'all is gone, and a last look found nothing new')
      : kind === 'Waived'
        ? fact(conditionTypes.verified, 'False', reasons.waived, 'not everything is proven gone; what is left is given up')
        : fact(conditionTypes.verified, 'False', reasons.pending, 'not everything is proven gone'),
    ...recordFact(status, verdict),
  ];
};

const lockFact = ({ lockedAt }: OffboardingStatus, { lockable, explanation, takenBack, lost }: Lockability): Fact => {
  const { locked } = conditionTypes;
  if (!lockable) return fact(locked, 'False', reasons.notLockable, explanation);
  if (takenBack === true) return fact(locked, 'False', reasons.cancelled, 'the run is cancelled, and holds no lock any more');
  if (lockedAt === undefined) return fact(locked, 'False', reasons.pending, 'not every dependency that can be locked is locked yet');
  if (lost !== undefined) return fact(locked, lost.known ? 'False' : 'Unknown', reasons.lockLost, lost.message);
  return fact(locked, 'True', reasons.lockHeld, `every dependency that can be locked is locked${explanation === '' ? '' : `; ${explanation}`}`);
};

/** None of a run that ended and has no record, as when another took over. */
const recordFact = ({ completedAt, recordRef }: OffboardingStatus, { reason, message, unrecorded }: Verdict): readonly Fact[] => {
  const { recordSigned } = conditionTypes;
  if (completedAt !== undefined) {
    return recordRef === undefined ? [] : [fact(recordSigned, 'True', reasons.recordStored, `OffboardingRecord "${recordRef.name}", ${recordRef.digest}`)];
  }
  if (unrecorded !== undefined) return [fact(recordSigned, 'False', reason, message)];
  const earlier = recordRef === undefined ? '' : `; OffboardingRecord "${recordRef.name}" is of an earlier one`;
  return [fact(recordSigned, 'False', reasons.pending, `the run is not at its end${earlier}`)];
};

const fact = (type: string, status: Fact['status'], reason: string, message: string): Fact => ({ type, status, reason, message });

/** Whether a run that was asked to cancel did. Undefined when it was not asked. */
export const cancelFact = (spec: OffboardingSpec, status: OffboardingStatus, verdict: Verdict, refusal: string | undefined): Fact | undefined => {
  if (spec.cancel === undefined) return undefined;
  const { reason, message } = verdict.unrecorded ?? verdict;
  if (reason === reasons.cancelled) return fact(conditionTypes.cancelled, 'True', reasons.cancelled, message);
  const why = refusal ?? (status.revokeStartedAt !== undefined ? revokingHasBegun : status.completedAt === undefined ? undefined : 'the run had ended');
  if (why === undefined) return fact(conditionTypes.cancelled, 'Unknown', reasons.pending, `not every lock is taken back yet: ${message}`);
  return fact(conditionTypes.cancelled, 'False', reasons.cannotCancel, `cannot be cancelled: ${why}`);
};

export const revokingHasBegun = 'revoking has begun, and what was revoked cannot be given back';
