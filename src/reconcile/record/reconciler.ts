/**
 * One look at one OffboardingRecord: does it stand for its name, is it as it was signed, did anything come back, does the lock hold.
 *
 *   chunk? ──▶ nothing
 *   to be retired? ──▶ lock off, gone
 *   stands for its name ──▶ superseded? ──▶ as signed? ──▶ anything back? ──▶ lock lost? put it back
 *   watches no more ──▶ as signed?
 *
 * The status is written when something is new, and nothing else is: it tells, and never revokes.
 */
import type { OffboardingRecordStatus } from '../../api/v1alpha1/index.ts';
import { offboardingRecords } from '../../kube/resources.ts';
import { conditionsOf } from '../../policy/conditions.ts';
import { intactFact, isRoot, restOf, resurrectedFact, returnedAfter } from '../../policy/tombstone.ts';
import type { LockState, Round, Soundness } from '../../policy/tombstone.ts';
import type { ReconcileResult } from '../../runtime/controller.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { writeStatus } from '../status.ts';
import { announce, announceLockLost } from './announce.ts';
import { identityOfRecord, runUnderWay } from './context.ts';
import type { RecordContext } from './context.ts';
import { createRecordMemories } from './memory.ts';
import type { RecordMemory } from './memory.ts';
import { createRetirement } from './retire.ts';
import { mendedAfter, soundness } from './sound.ts';
import { announceSuperseded, supersede } from './supersede.ts';
import { lockAgain, lockOf, lookForReturns } from './watch.ts';

export interface RecordReconciler {
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  /** At its next look the signature is checked, too. */
  readonly makeDue: (record: OffboardingRecordObject) => void;
  readonly askElsewhere: (record: OffboardingRecordObject) => void;
  /** Deletes what is past its time, the oldest first, and what belongs to nothing. `enqueue` has the record looked at. */
  readonly tidy: (enqueue: (key: string) => void, signal: AbortSignal) => Promise<void>;
}

export const createRecordReconciler = (context: RecordContext): RecordReconciler => {
  const memories = createRecordMemories(context);
  const retirement = createRetirement(context);
  return {
    makeDue: memories.makeDue,
    askElsewhere: memories.askElsewhere,
    tidy: retirement.tidy,
    reconcile: async (key, signal) => {
      const name = key.slice(key.indexOf('/') + 1);
      const record = context.records.get(name);
      if (record === undefined || !isRoot(record) || record.metadata.deletionTimestamp !== undefined) {
        const wasThere = memories.forget(name);
        const isOurs = retirement.over(name);
        if (wasThere && !isOurs && record === undefined) context.log.warn('A record was deleted, and not since it was past its time', { record: name });
        return { kind: 'done' };
      }
      if (retirement.isRetiring(name)) return retirement.retire(record, signal);
      return lookAt(record, memories.of(record), context, signal);
    },
  };
};

/** What one look saw. */
interface Seen {
  readonly sound: Soundness;
  /** None of what rests. */
  readonly round: Round;
  readonly lock: LockState | undefined;
  readonly supersededBy: OffboardingRecordStatus['supersededBy'];
}

const lookAt = async (record: OffboardingRecordObject, memory: RecordMemory, context: RecordContext, signal: AbortSignal): Promise<ReconcileResult> => {
  if (isAboutToEnd(record, context)) return { kind: 'again', after: endsWithin };
  const rests = restOf(record, context.records.of(identityOfRecord(record))) !== undefined;
  const supersededBy = rests ? undefined : await supersede(record, context, signal);
  const sound = await soundness(record, memory, context, signal);
  const watches = !rests && supersededBy === undefined;
  const round = watches ? await lookForReturns(record, memory, context, signal) : { looks: [], everywhere: true };
  const lock = watches && runUnderWay(identityOfRecord(record), context) === undefined ? await lockOf(record, context, signal) : undefined;
  const seen: Seen = { sound, round, lock, supersededBy };
  // A restored backup has no status: what is told of such a record is written when its turn has come, once.
  const canWait = record.status === undefined && sound.kind === 'Unchecked' && supersededBy === undefined && round.looks.every((look) => 'unseen' in look || look.present.length === 0);
  if (canWait && lock?.state !== 'Lost') return whenAgain(record, memory, seen, context);
  const last = lock?.state === 'Lost' ? await withLock(record, seen, context, signal) : seen;
  await conclude(context.records.get(record.metadata.name) ?? record, last, context, signal);
  return whenAgain(record, memory, last, context);
};

/** Its own run is about to say that it has ended, which wakes this up: all that there is to tell is told then, in one write. */
const isAboutToEnd = (record: OffboardingRecordObject, context: RecordContext): boolean =>
  record.status === undefined && record.spec.outcome !== 'Abandoned' && context.runsFor(identityOfRecord(record)).some(({ metadata, status }) => metadata.uid === record.spec.offboarding?.uid && status?.completedAt === undefined);

/** Milliseconds. */
const endsWithin = 60_000;

/**
 * That it was lost is told and written before it is put back, so that it can be seen afterwards. One that this record was never seen to
 * have, as after a run that could not be locked, is just put there.
 */
const withLock = async (record: OffboardingRecordObject, seen: Seen, context: RecordContext, signal: AbortSignal): Promise<Seen> => {
  if (record.status?.conditions !== undefined) {
    announceLockLost(record, seen.lock, context);
    await conclude(record, seen, context, signal);
  }
  try {
    await lockAgain(record, context, signal);
    return { ...seen, lock: await lockOf(record, context, signal) };
  } catch (error) {
    if (signal.aborted) throw error;
    context.log.warn('A lock that was lost could not be put back', { record: record.metadata.name, error });
    return seen;
  }
};

const conclude = async (record: OffboardingRecordObject, seen: Seen, context: RecordContext, signal: AbortSignal): Promise<void> => {
  const status = statusOf(record, seen, context);
  context.keep(await writeStatus(context.client, offboardingRecords, record, status, signal));
  announce(record, status, context);
  if (seen.supersededBy !== undefined && record.status?.supersededBy === undefined) announceSuperseded(record, seen.supersededBy, context);
};

const statusOf = (record: OffboardingRecordObject, { sound, round, lock, supersededBy }: Seen, { clock, records }: RecordContext): OffboardingRecordStatus => {
  const { metadata, status } = record;
  const generation = metadata.generation ?? 0;
  const returned = returnedAfter(status?.returned ?? [], round.looks, clock.now());
  const by = supersededBy ?? status?.supersededBy;
  const now: OffboardingRecordStatus = { ...(by === undefined ? {} : { supersededBy: by }), ...(returned.length === 0 ? {} : { returned }) };
  const rest = restOf({ ...record, status: now }, records.of(identityOfRecord(record)));
  const facts = [intactFact(sound, lock, rest, record), resurrectedFact(returned, rest, round, record)];
  return { observedGeneration: generation, ...now, conditions: conditionsOf(facts, status?.conditions ?? [], generation, clock.now()) };
};

/** Milliseconds, while the lock is lost or could not be looked at. */
const lockAgainAfter = 60_000;

/** Most is told by the watches; what is not has a time of its own. */
const whenAgain = (record: OffboardingRecordObject, memory: RecordMemory, { sound, lock }: Seen, { clock }: RecordContext): ReconcileResult => {
  const now = clock.monotonic();
  const waits = [
    ...(lock?.state === 'Lost' || lock?.state === 'Unknown' ? [lockAgainAfter] : []),
    ...(sound.kind === 'Unchecked' ? [Math.max(memory.checkAt - now, 1)] : []),
    ...(sound.kind === 'Changed' ? [mendedAfter] : []),
    ...(record.signed?.elsewhere === true ? [Math.max(memory.elsewhereAt - now, 1)] : []),
  ];
  return waits.length === 0 ? { kind: 'done' } : { kind: 'again', after: Math.min(...waits) };
};
