/**
 * The last step: the evidence of the end is signed and stored, and only then the run has ended. A process that dies in between leaves
 * a record that the next one finds, and takes the time of the end from. A run that somebody let go before its end leaves one as well.
 */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { Outcome, RecordRef } from '../../api/v1alpha1/index.ts';
import { toOutcome } from '../../kube/errors.ts';
import { unrecordedVerdict } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { isWaived, waiversStand } from '../../policy/waiver.ts';
import { keyOf } from '../objects.ts';
import type { End, StoredRecord } from '../record/ledger.ts';
import { evidenceOf } from './evidence.ts';
import { timestamp, withDraft } from './run.ts';
import type { Context, Run } from './run.ts';

interface Ended {
  readonly run: Run;
  readonly verdict: Verdict;
}

/** The run at its end, once the record of that is stored; what is not an end stays as it is. */
export const record = async (run: Run, verdict: Verdict, context: Context, signal: AbortSignal): Promise<Ended> => {
  const outcome = outcomeOf(run, verdict);
  if (outcome === undefined) return { run, verdict };
  const { status } = run.offboarding;
  const { recordRef } = run.draft;
  // It is complete with waivers, and was when it was looked at last.
  if (verdict.kind === 'Waived' && isWaived(status) && recordRef?.outcome === outcome && status?.completedAt !== undefined) {
    return { run: withDraft(run, { completedAt: status.completedAt }), verdict };
  }
  try {
    const { name, digest, completedAt } = await store(run, outcome, context, signal);
    return { run: withDraft(run, { completedAt, recordRef: { name, digest, outcome } }), verdict };
  } catch (error) {
    if (signal.aborted) throw error;
    context.log.warn('The record of an Offboarding could not be stored', { offboarding: keyOf(run.offboarding), error });
    return withoutRecord(run, unrecordedVerdict(verdict, toOutcome(error)));
  }
};

const store = async (run: Run, outcome: Outcome, context: Context, signal: AbortSignal): Promise<StoredRecord> => {
  const { recordRef, target } = run.draft;
  const predicate = evidenceOf(run, { outcome, completedAt: timestamp(context.clock), versions: await context.versions(signal) }, context);
  const end: End = {
    run: { uid: run.offboarding.metadata.uid, outcome },
    ...(recordRef === undefined ? {} : { after: recordRef.name }),
    ...(target?.supersedes === undefined ? {} : { supersedes: target.supersedes }),
    predicate,
  };
  return context.ledger.append(end, signal);
};

/**
 * Of a run that is gone, with its finalizer taken off: what had come of it, as far as this process knows, and what was left. The record holds
 * the lock on, and watches. Gives its name; undefined where nothing had been locked, or all locks were about to come off.
 */
export const recordAbandoned = async (run: Run, context: Context, signal: AbortSignal): Promise<string | undefined> => {
  const { lockedAt, revokeStartedAt } = run.draft;
  const isUnlocking = conditionOf(run.offboarding.status, conditionTypes.cancelled)?.status === 'Unknown';
  if ((lockedAt ?? revokeStartedAt) === undefined || isUnlocking) return undefined;
  return (await store(run, 'Abandoned', context, signal)).name;
};

/** A run that was cancelled before it started has touched nothing, and leaves nothing. */
const outcomeOf = ({ draft }: Run, { kind, reason }: Verdict): RecordRef['outcome'] | undefined => {
  if (kind === 'Confirmed') return reason === reasons.confirmedWithUnprovable ? 'ConfirmedWithUnprovable' : 'Confirmed';
  if (kind === 'Waived') return 'CompletedWithWaivers';
  return reason === reasons.cancelled && draft.startedAt !== undefined ? 'Cancelled' : undefined;
};

/** One that waivers have completed stays so while they stand, also where the better end cannot be recorded yet. */
const withoutRecord = (run: Run, verdict: Verdict): Ended => {
  const { completedAt: _, ...open } = run.draft;
  const { status } = run.offboarding;
  const ready = status?.conditions?.find(({ reason }) => reason === reasons.completedWithWaivers);
  if (status?.completedAt !== undefined && ready !== undefined && isWaived(status) && waiversStand(status, run.waivers)) {
    return { run: withDraft(run, { completedAt: status.completedAt }), verdict: { kind: 'Waived', reason: ready.reason, message: ready.message } };
  }
  return { run: { ...run, draft: open }, verdict };
};
