/**
 * Looks until everything is believed to be gone, then enumerates again. What is new goes back to be revoked; the end is a
 * fixed point: all confirmed, and a fresh enumeration, begun after that, finds nothing new.
 */
import { believableFrom, isOpen, observed, trackedKey } from '../../policy/credential.ts';
import type { Sighting, Tracked } from '../../policy/credential.ts';
import { mergeFresh } from '../../policy/tracking.ts';
import { isOnItsWay } from '../../policy/waiver.ts';
import type { Observation, Revoker } from '../../revokers/revoker.ts';
import type { Clock } from '../../runtime/clock.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { verdictNow } from './assessment.ts';
import { usesAmong } from './inventory.ts';
import { recordFailure, remember, stop } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const verify = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  await Promise.all(context.revokers.map((revoker) => verifyOne(run, revoker, context, signal)));
  return stop(run, verdictNow(run, context), nextLook(run, context));
};

const verifyOne = async (run: TargetedRun, revoker: Revoker, context: Context, signal: AbortSignal): Promise<void> => {
  await observeDue(run, revoker, context, signal);
  // With a settle time of zero the second observation is due at once.
  if (revoker.settleTime === 0) await observeDue(run, revoker, context, signal);
  const memory = remember(run, revoker, {});
  const givenUp = run.waivers.has(revoker.name) && !isOnItsWay(memory.tracked, revoker.settleTime, context.clock.monotonic());
  const waitsForEnumeration = givenUp || memory.tracked.filter(isOpen).every((entry) => entry.aggregate === true);
  if (memory.failure === undefined && waitsForEnumeration) await enumerate(run, revoker, context, signal);
};

/**
 * What has no life of its own is looked at only once all the others are absent: until then the answer is known. What is
 * absent is looked at again only when a second absence would be believed.
 */
const observeDue = async (run: TargetedRun, revoker: Revoker, context: Context, signal: AbortSignal): Promise<void> => {
  const isFollower = ({ credential }: Tracked): boolean => credential.end.by === 'Others';
  await observeSome(run, revoker, context, signal, (entry) => !isFollower(entry));
  const left = remember(run, revoker, {}).tracked.some(
    (entry) => entry.credential.end.by === 'Revoke' && (entry.status.state === 'Present' || entry.status.state === 'Unknown'),
  );
  if (!left) await observeSome(run, revoker, context, signal, isFollower);
};

const observeSome = async (
  run: TargetedRun,
  revoker: Revoker,
  { clock, onConfirmed }: Context,
  signal: AbortSignal,
  which: (entry: Tracked) => boolean,
): Promise<void> => {
  const { tracked } = remember(run, revoker, {});
  const due = tracked.filter((entry) => {
    const from = believableFrom(entry, revoker.settleTime);
    return isOpen(entry) && entry.aggregate !== true && which(entry) && (from === undefined || from <= clock.monotonic());
  });
  const seen = new Map<string, Tracked>();
  await mapBounded(
    due,
    revoker.concurrency,
    async (entry) => {
      const askedAt = clock.monotonic();
      // The first absence may be one that we were told, where nothing was asked yet; the one that confirms it is asked for.
      const told = entry.absentSince === undefined && entry.status.method === undefined ? revoker.toldGone?.(entry.credential) : undefined;
      const observation = told ?? (await revoker.observe(entry.credential, run.draft.target, signal));
      const after = observed(entry, stamp(observation, askedAt, clock), revoker.settleTime);
      seen.set(trackedKey(entry.credential), after);
      const { revokeRequestedAt, confirmedAt } = after.status;
      if (revokeRequestedAt !== undefined && confirmedAt !== undefined) {
        onConfirmed({ revoker: revoker.name, seconds: (Date.parse(confirmedAt) - Date.parse(revokeRequestedAt)) / 1000 });
      }
    },
    signal,
  );
  remember(run, revoker, { tracked: tracked.map((entry) => seen.get(trackedKey(entry.credential)) ?? entry) });
};

const stamp = (observation: Observation, askedAt: number, clock: Clock): Sighting => ({
  ...observation,
  askedAt,
  answeredAt: clock.monotonic(),
  at: clock.now(),
});

/** The last question: is there anything else? It also answers for those that are only known as a count. */
const enumerate = async (run: TargetedRun, revoker: Revoker, { clock }: Context, signal: AbortSignal): Promise<void> => {
  const { tracked, findings: before } = remember(run, revoker, {});
  const askedAt = clock.monotonic();
  try {
    const { credentials, findings } = await revoker.inventory(run.draft.target, 'Fresh', signal);
    const sighting = stamp({ state: 'Absent', method: 'enumeration' }, askedAt, clock);
    const merged = mergeFresh(tracked, credentials, clock.monotonic());
    const after = merged.tracked.map((entry) =>
      entry.aggregate === true && isOpen(entry) ? observed(entry, sighting, revoker.settleTime) : entry,
    );
    remember(run, revoker, { tracked: after, findings: [...usesAmong(before), ...findings], enumerated: !merged.foundNew && !after.some(isOpen) });
  } catch (error) {
    recordFailure(run, revoker, error);
  }
};

/**
 * Milliseconds until looking again can change anything: the last settle time that runs out, or the next expiry. Undefined
 * when something is still there or could not be asked: then back-off says when.
 */
const nextLook = (run: TargetedRun, { revokers, clock }: Context): number | undefined => {
  const waits: number[] = [];
  for (const revoker of revokers) {
    const { tracked, failure } = remember(run, revoker, {});
    if (failure !== undefined) return undefined;
    const open = tracked.filter(isOpen);
    if (open.some(({ status }) => status.state === 'Present' || status.state === 'Unknown')) return undefined;
    const settled = open.flatMap((entry) => believableFrom(entry, revoker.settleTime) ?? []);
    if (settled.length > 0) waits.push(Math.max(...settled) - clock.monotonic());
    else {
      const expiries = open.flatMap(({ status }) => (status.expiresAt === undefined ? [] : [Date.parse(status.expiresAt)]));
      if (expiries.length > 0) waits.push(Math.min(...expiries) - clock.now().getTime());
    }
  }
  return waits.length === 0 ? undefined : Math.max(Math.min(...waits), 0);
};
