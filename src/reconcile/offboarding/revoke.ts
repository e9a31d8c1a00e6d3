/**
 * Asks for the end of every credential. The intent is stored first, in a write of its own: only a credential whose
 * stored status says `revokeRequestedAt` is ever revoked, so a process that dies forgets nothing it has begun.
 */
import { createHash } from 'node:crypto';
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { isDue, needsRevoke, notRequested, refused, requested, sent, trackedKey } from '../../policy/credential.ts';
import type { Tracked } from '../../policy/credential.ts';
import { toOutcome } from '../../kube/errors.ts';
import { reconciling } from '../../policy/verdict.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import type { OutcomeError } from '../../runtime/outcome.ts';
import { waitsFor } from './assessment.ts';
import { next, recordFailure, remember, stop, storedDependency, timestamp, withDraft } from './run.ts';
import type { Context, Progress, Run, TargetedRun } from './run.ts';

export const revoke = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  // The write that should have stored an earlier intent may have failed.
  if (recordIntent(run, context) > 0) run.memory.unstoredIntent = true;
  if (run.memory.unstoredIntent || run.draft.revokeStartedAt === undefined) {
    const started = run.draft.revokeStartedAt ?? timestamp(context.clock);
    const count = toBeRevoked(run);
    return stop(withDraft(run, { revokeStartedAt: started }), reconciling(reasons.revoking, `about to revoke ${count} credentials`), { again: 0 });
  }
  const free = run.revokers.filter((revoker) => waitsFor(run, revoker, context).length === 0);
  await Promise.all(free.map((revoker) => revokeAll(run, revoker, context, signal)));
  if (run.draft.revokedAt !== undefined || !allAccepted(run)) return next(run);
  return next(withDraft(run, { revokedAt: timestamp(context.clock) }));
};

/** Marks what is to be revoked and was not asked for yet, where nothing must be gone before. Returns how many. */
const recordIntent = (run: TargetedRun, context: Context): number => {
  const { clock } = context;
  let count = 0;
  for (const revoker of run.revokers) {
    if (waitsFor(run, revoker, context).length > 0) continue;
    const tracked = remember(run, revoker, {}).tracked.map((entry) => {
      if (!isDue(entry, clock.monotonic()) || entry.status.revokeRequestedAt !== undefined) return entry;
      count += 1;
      return requested(entry, clock.now(), revoker.logsRequests === true ? requestIdOf(run, entry) : undefined);
    });
    remember(run, revoker, { tracked });
  }
  return count;
};

/** What was about to be asked for and was not stored: by the next look somebody may have suspended or cancelled the run. */
export const forgetIntents = (run: Run): void => {
  for (const revoker of run.revokers) {
    const stored = new Set(storedDependency(run, revoker)?.credentials?.filter(({ revokeRequestedAt }) => revokeRequestedAt !== undefined).map(trackedKey));
    const { tracked } = remember(run, revoker, {});
    remember(run, revoker, { tracked: tracked.map((entry) => (stored.has(trackedKey(entry.credential)) || entry.accepted === true ? entry : notRequested(entry))) });
  }
};

/** The same for every request to end this credential, whoever sends it: whoever has the record finds them all in the dependency's log. */
const requestIdOf = ({ offboarding }: TargetedRun, { credential }: Tracked): string =>
  `offboard-${createHash('sha256').update(`${offboarding.metadata.uid} ${trackedKey(credential)}`).digest('hex').slice(0, 32)}`;

const toBeRevoked = (run: TargetedRun): number =>
  run.revokers.flatMap((revoker) => remember(run, revoker, {}).tracked).filter((entry) => needsRevoke(entry) && entry.accepted !== true).length;

const revokeAll = async (run: TargetedRun, revoker: Revoker, { clock }: Context, signal: AbortSignal): Promise<void> => {
  const memory = remember(run, revoker, {});
  const due = memory.tracked.filter((entry) => isDue(entry, clock.monotonic()));
  const errors: OutcomeError[] = [];
  const answered = new Map<string, Tracked>();
  await mapBounded(
    due,
    revoker.concurrency,
    async (entry) => {
      try {
        const answer = await revoker.revoke(entry.credential, run.draft.target, signal, entry.status.requestId);
        if (typeof answer === 'object') {
          answered.set(trackedKey(entry.credential), refused(entry, answer, clock.monotonic()));
          return;
        }
        const goneBefore = answer === 'NothingThere' && entry.requestedHere === true && entry.accepted !== true;
        const status = goneBefore ? { ...entry.status, foundAbsent: true } : entry.status;
        answered.set(trackedKey(entry.credential), sent({ ...entry, status }, clock.monotonic()));
      } catch (error) {
        errors.push(toOutcome(error));
      }
    },
    signal,
  );
  remember(run, revoker, {
    tracked: memory.tracked.map((entry) => answered.get(trackedKey(entry.credential)) ?? entry),
  });
  const worst = errors.find(({ kind }) => kind === 'NeedsPerson' || kind === 'Invalid') ?? errors[0];
  if (worst !== undefined) recordFailure(run, revoker, worst);
};

/** What a new process has not inventoried yet it cannot speak for. */
const allAccepted = (run: TargetedRun): boolean =>
  run.revokers.every((revoker) => {
    const { inventoried, tracked } = remember(run, revoker, {});
    return inventoried && tracked.every((entry) => !needsRevoke(entry) || entry.accepted === true);
  });
