/**
 * Where one dependency of a run is: the one answer that its state in the status and the run's verdict are made from. And what it
 * waits for in the others: to be revoked (`after`), and to be looked at for the last time (`issuers`).
 */
import { assess } from '../../policy/dependency.ts';
import type { Assessment } from '../../policy/dependency.ts';
import { issuingEndedAt } from '../../policy/issuers.ts';
import { obstacleOf } from '../../policy/obstacle.ts';
import { verdictOf } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { isWaived, underWaiver } from '../../policy/waiver.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { remember } from './run.ts';
import type { Context, Run } from './run.ts';

export const assessment = (run: Run, revoker: Revoker, context: Context): Assessment => assessOnce(run, revoker, { ...context, assessed: new Map() });

/** Each dependency that others wait for is assessed once for one answer, however many wait for it. */
interface Assessing extends Context {
  readonly assessed: Map<string, Assessment>;
}

const assessOnce = (run: Run, revoker: Revoker, context: Assessing): Assessment => {
  const known = context.assessed.get(revoker.name);
  if (known !== undefined) return known;
  const answer = assessOne(run, revoker, context);
  context.assessed.set(revoker.name, answer);
  return answer;
};

const assessOne = (run: Run, revoker: Revoker, context: Assessing): Assessment => {
  if (run.draft.revokeStartedAt === undefined) return beforeRevokes(run, revoker);
  const { settleTime, name, lock } = revoker;
  const { tracked, failure, enumeratedAt, ...memory } = remember(run, revoker, {});
  const locked = memory.locked || (run.draft.lockedAt !== undefined && lock.kind === 'Lockable');
  const ended = endOfIssuers(run, revoker, context);
  const enumerated = enumeratedAt !== undefined && ended !== undefined && enumeratedAt >= ended;
  const issuers = openIssuers(run, revoker, context);
  const after = othersFirst(run, revoker, context);
  return underWaiver(assess(tracked, { failure, enumerated, settleTime, issuers, after, locked }), run.waivers.get(name), {
    tracked,
    settleTime,
    monotonic: context.clock.monotonic(),
    complete: isWaived(run.offboarding.status),
  });
};

const beforeRevokes = (run: Run, revoker: Revoker): Assessment => {
  const memory = remember(run, revoker, {});
  const { failure, locked, tracked } = memory;
  if (failure !== undefined) {
    const state = failure.kind === 'NeedsPerson' || failure.kind === 'Invalid' ? 'Blocked' : 'Unknown';
    return { state, reason: failure.reason, message: failure.message };
  }
  const found = `${tracked.length} credentials found`;
  if (run.draft.lockedAt !== undefined || locked) return { state: 'Locked', reason: 'Locked', message: found };
  const obstacle = obstacleOf(memory, run.offboarding.spec.urgency, run.waivers.has(revoker.name));
  return obstacle ?? { state: 'Pending', reason: 'Pending', message: found };
};

/** The verdict of a run whose revokes have begun, from what this process knows. */
export const verdictNow = (run: Run, context: Context): Verdict =>
  verdictOf(
    run.revokers.map((revoker) => ({
      name: revoker.name,
      assessment: assessment(run, revoker, context),
      unprovable: remember(run, revoker, {}).findings.some(({ type }) => type === 'NotProvable'),
    })),
  );

/** The dependencies that must be proven gone before anything is revoked here, and are not. What was begun goes on, whatever comes. */
export const waitsFor = (run: Run, revoker: Revoker, context: Context): readonly string[] => othersFirst(run, revoker, { ...context, assessed: new Map() });

const othersFirst = (run: Run, revoker: Revoker, context: Assessing): readonly string[] => {
  const { after = [] } = revoker;
  if (after.length === 0) return after;
  const hasBegun = remember(run, revoker, {}).tracked.some(({ status }) => status.revokeRequestedAt !== undefined);
  return hasBegun ? [] : after.filter((name) => !isOver(run, name, context));
};

const isOver = (run: Run, name: string, context: Assessing): boolean => {
  const other = named(run, name);
  if (other === undefined) return false;
  const { state } = assessOnce(run, other, context);
  return state === 'Confirmed' || state === 'Waived';
};

const named = ({ revokers }: Run, wanted: string): Revoker | undefined => revokers.find(({ name }) => name === wanted);

/** Those whose credentials may still let the identity in here. */
const openIssuers = (run: Run, revoker: Revoker, context: Assessing): readonly string[] =>
  (revoker.issuers ?? []).filter((name) => endedAt(run, name, context) === undefined);

/** Monotonic time after which the last enumeration must begin; undefined while a login may still come. */
export const issuersEndedAt = (run: Run, revoker: Revoker, context: Context): number | undefined => endOfIssuers(run, revoker, { ...context, assessed: new Map() });

const endOfIssuers = (run: Run, revoker: Revoker, context: Assessing): number | undefined => {
  const all = (revoker.issuers ?? []).map((name) => endedAt(run, name, context));
  const ends = all.filter((at) => at !== undefined);
  return ends.length < all.length ? undefined : Math.max(Number.NEGATIVE_INFINITY, ...ends);
};

/** An issuer that was given up is not waited for. */
const endedAt = (run: Run, name: string, context: Assessing): number | undefined => {
  const issuer = named(run, name);
  if (issuer === undefined) return undefined;
  const { inventoried, tracked } = remember(run, issuer, {});
  const ended = issuingEndedAt({ issues: issuer.issues ?? [], tail: issuer.tail ?? 0, inventoried, tracked });
  if (ended !== undefined) return ended;
  return run.waivers.has(name) && assessOnce(run, issuer, context).state === 'Waived' ? Number.NEGATIVE_INFINITY : undefined;
};
