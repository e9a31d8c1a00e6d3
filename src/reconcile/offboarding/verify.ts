/**
 * Looks until everything is believed to be gone, then enumerates again. What is new goes back to be revoked; the end is a
 * fixed point: all confirmed, and a fresh enumeration, begun after that, finds nothing new.
 */
import type { Finding } from '../../api/v1alpha1/index.ts';
import { believableFrom, isOpen, observed, trackedKey } from '../../policy/credential.ts';
import type { Sighting, Tracked } from '../../policy/credential.ts';
import { mergeFresh, withTimes } from '../../policy/tracking.ts';
import { isOnItsWay } from '../../policy/waiver.ts';
import type { Inventory, Observation, Revoker } from '../../revokers/revoker.ts';
import type { Clock } from '../../runtime/clock.ts';
import { mapBounded } from '../../runtime/concurrency.ts';
import { assessment, issuersEndedAt, verdictNow, waitsFor } from './assessment.ts';
import { dropControls } from './controls.ts';
import { standing, together } from './inventory.ts';
import { recordFailure, remember, stop, timestamp } from './run.ts';
import type { Context, Progress, TargetedRun, When } from './run.ts';

export const verify = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  const begun = run.revokers.filter((revoker) => waitsFor(run, revoker, context).length === 0);
  // All are observed before the first is enumerated: the end of one may be what the last look at another waits for.
  await Promise.all(begun.map((revoker) => observeOne(run, revoker, context, signal)));
  await Promise.all(begun.map((revoker) => enumerateOne(run, revoker, context, signal)));
  const verdict = verdictNow(run, context);
  // What was made to be tried goes before the run says that it has ended.
  const left = verdict.kind === 'Confirmed' || verdict.kind === 'Waived' ? await dropControls(run, context, signal) : undefined;
  return left === undefined ? stop(run, verdict, nextLook(run, begun, context)) : stop(run, left);
};

const observeOne = async (run: TargetedRun, revoker: Revoker, context: Context, signal: AbortSignal): Promise<void> => {
  await observeDue(run, revoker, context, signal);
  // With a settle time of zero the second observation is due at once.
  if (revoker.settleTime === 0) await observeDue(run, revoker, context, signal);
};

/** While a login may still succeed, a last look would have to be taken again. What only enumerations can confirm is asked for all the same. */
const enumerateOne = async (run: TargetedRun, revoker: Revoker, context: Context, signal: AbortSignal): Promise<void> => {
  const { failure, tracked } = remember(run, revoker, {});
  const now = context.clock.monotonic();
  const open = tracked.filter(isOpen);
  const givenUp = run.waivers.has(revoker.name) && !isOnItsWay(tracked, revoker.settleTime, now);
  if (failure !== undefined || (!givenUp && !open.every((entry) => entry.aggregate === true || isStill(entry, open)))) return;
  const ended = issuersEndedAt(run, revoker, context);
  if (open.length > 0 || (ended !== undefined && ended <= now)) await enumerate(run, revoker, context, signal);
};

/**
 * It is there after all that was done about it, or ends with what is. What that lives by may be there again, such as what was confirmed gone with an account that
 * somebody has undeleted since: an enumeration tells.
 */
const isStill = ({ credential, status }: Tracked, open: readonly Tracked[]): boolean =>
  status.state === 'Present' || (credential.end.by === 'Others' && open.some((other) => other.status.state === 'Present'));

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
      // What is to be tried is tried from the first absence on.
      const mayBeTold = entry.absentSince === undefined && entry.status.method === undefined && run.draft.target.probe !== true;
      const told = mayBeTold ? revoker.toldGone?.(entry.credential) : undefined;
      const observation = told ?? (await revoker.observe(entry.credential, run.draft.target, signal));
      const after = observed(entry, stamp(observation, askedAt, clock), revoker.settleTime);
      seen.set(trackedKey(entry.credential), after);
      const { revokeRequestedAt, confirmedAt } = after.status;
      if (revokeRequestedAt !== undefined && confirmedAt !== undefined) {
        onConfirmed({ revoker: revoker.kind, seconds: (Date.parse(confirmedAt) - Date.parse(revokeRequestedAt)) / 1000 });
      }
    },
    signal,
  );
  const { settledBy = revoker.settleTime } = remember(run, revoker, {});
  const confirms = [...seen.values()].some(({ status }) => status.state === 'Confirmed');
  remember(run, revoker, {
    tracked: tracked.map((entry) => seen.get(trackedKey(entry.credential)) ?? entry),
    ...(confirms && { settledBy: Math.min(settledBy, revoker.settleTime) }),
  });
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
    const inventory = await revoker.inventory(run.draft.target, 'Fresh', signal);
    const { credentials, findings } = inventory;
    const merged = mergeFresh(tracked, credentials, clock.monotonic());
    const after = merged.tracked.map((entry) =>
      entry.aggregate === true && isOpen(entry) ? observed(entry, stamp(enumerated(entry, inventory), askedAt, clock), revoker.settleTime) : entry,
    );
    const isLast = !merged.foundNew && !after.some(isOpen);
    const told = together(standing(before), findings);
    const last = isLast ? { enumeratedAt: askedAt, enumeratedOn: timestamp(clock) } : { enumeratedAt: undefined };
    remember(run, revoker, { tracked: withTimes(after, clock.now()), findings: isLast ? [...untried(run, revoker, after, told), ...told] : told, ...last });
  } catch (error) {
    recordFailure(run, revoker, error);
  }
};

/** What was to be tried, and is believed gone by the word of its dependency alone: why is told once. */
const untried = ({ draft: { target } }: TargetedRun, { controls }: Revoker, tracked: readonly Tracked[], findings: readonly Finding[]): readonly Finding[] => {
  const object = controls?.tries(target);
  if (object === undefined || tracked.some(({ status }) => status.strength === 'Probed') || findings.some(({ type }) => type === 'NotProbed')) return [];
  const worked = tracked.some(({ contradictedSince }) => contradictedSince !== undefined);
  const why = worked
    ? 'it still worked when it was tried last, within a settle time of the first word that it was gone, and could not be tried any more'
    : 'what worked before the lock was over before it was refused for as long as the settle time';
  return [{ type: 'NotProbed', object, message: `its end is only observed: ${why}` }];
};

/** A count that was kept of one place, by the UID there, is not proven gone by the answer of another. */
const enumerated = ({ credential: { uid } }: Tracked, { origin }: Inventory): Observation => {
  const method = 'enumeration';
  if (uid === undefined || uid === origin) return { state: 'Absent', method };
  return { state: 'Unknown', method, message: `they were seen in ${uid}, and ${origin ?? 'nobody knows what'} answers now` };
};

/**
 * When looking again can change anything, over all dependencies: the last settle time of one that runs out, the next expiry, the
 * end of what keeps the last look from being taken. Where something is still there or could not be asked, back-off says when.
 */
const nextLook = (run: TargetedRun, begun: readonly Revoker[], context: Context): When => {
  const waits: number[] = [];
  let pause: When['pause'];
  for (const revoker of run.revokers) {
    const isReleased = !begun.includes(revoker) && waitsFor(run, revoker, context).length === 0;
    const wait = isReleased ? 0 : nextLookAt(run, revoker, context);
    if (typeof wait === 'number') waits.push(wait);
    else if (wait !== undefined && pause !== 'Reconciling') pause = wait;
  }
  return { ...(waits.length === 0 ? {} : { again: Math.max(Math.min(...waits), 0) }), ...(pause === undefined ? {} : { pause }) };
};

/** Milliseconds, or the back-off to go by; undefined when it waits for others. */
const nextLookAt = (run: TargetedRun, revoker: Revoker, context: Context): number | When['pause'] => {
  const { clock } = context;
  const { tracked, failure } = remember(run, revoker, {});
  if (failure === undefined && waitsFor(run, revoker, context).length > 0) return undefined;
  const open = tracked.filter(isOpen);
  if (failure !== undefined || open.some(({ status }) => status.state === 'Present' || status.state === 'Unknown')) {
    const { state } = assessment(run, revoker, context);
    return state === 'Blocked' || state === 'Waived' ? 'Stalled' : 'Reconciling';
  }
  const settled = open.flatMap((entry) => believableFrom(entry, revoker.settleTime) ?? []);
  if (settled.length > 0) return Math.max(...settled) - clock.monotonic();
  const expiries = open.flatMap(({ credential: { end } }) => (end.by === 'Expiry' ? [end.at.getTime()] : []));
  if (expiries.length > 0) return Math.min(...expiries) - clock.now().getTime();
  const ended = issuersEndedAt(run, revoker, context);
  return ended !== undefined && ended > clock.monotonic() ? ended - clock.monotonic() : undefined;
};
