/**
 * What there is to end, as the watches show it. Before the start: anew at each look. After it: what is tracked stays tracked,
 * a new process takes it up from the status, and what the watches show meanwhile is added at once. They may be late: what
 * they did not show yet is found by the fresh look that ends each run (verify.ts).
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Finding } from '../../api/v1alpha1/index.ts';
import { track } from '../../policy/credential.ts';
import type { Failure } from '../../policy/dependency.ts';
import { mergeCached, resume, withTimes } from '../../policy/tracking.ts';
import { reconciling, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Inventory, Revoker } from '../../revokers/revoker.ts';
import { next, recordFailure, remember, stop, storedDependency } from './run.ts';
import type { Context, Progress, TargetedRun } from './run.ts';

export const inventory = async (run: TargetedRun, context: Context, signal: AbortSignal): Promise<Progress> => {
  const pins = await Promise.all(run.revokers.map(async (revoker) => [revoker.name, await inventoryOne(run, revoker, context, signal)] as const));
  const pinned = withPins(run, new Map(pins));
  // A Plan tells of all others what can be told of them; what failed here stops it there.
  if (run.draft.startedAt !== undefined || run.offboarding.spec.mode === 'Plan') return next(pinned);
  const held = holding(run, (revoker) => {
    const { failure } = remember(run, revoker, {});
    return failure === undefined || run.waivers.has(revoker.name) ? undefined : failureVerdict(revoker.name, failure);
  });
  return held === undefined ? next(pinned) : stop(pinned, held);
};

/** From here on the run goes by what was found under the names of its target. */
const withPins = (run: TargetedRun, pins: ReadonlyMap<string, Inventory['pinned']>): TargetedRun => {
  const { target } = run.draft;
  if ([...pins.values()].every((pin) => pin === undefined)) return run;
  const dependencies = target.dependencies?.map((each) => ({ ...each, ...pins.get(each.name) }));
  return { ...run, draft: { ...run.draft, target: { ...target, ...(dependencies && { dependencies }) } } };
};

/**
 * What holds a run before the first revoke: an obstacle in any of its dependencies. In an Emergency a dependency holds up only
 * itself, so that one that is down does not protect the access to all others; the run is held when none is left.
 */
export const holding = ({ offboarding: { spec }, revokers }: TargetedRun, obstacle: (revoker: Revoker) => Verdict | undefined): Verdict | undefined => {
  const obstacles = revokers.map(obstacle);
  const isEmergency = spec.urgency === 'Emergency' && spec.mode === 'Enforce';
  return isEmergency && obstacles.includes(undefined) ? undefined : obstacles.find((each) => each !== undefined);
};

/** What a failure means while nothing was touched yet. */
export const failureVerdict = (name: string, { kind, reason, message }: Failure): Verdict =>
  kind === 'NeedsPerson' || kind === 'Invalid'
    ? stalled(reason, `${name}: ${message}`)
    : reconciling(reasons.dependencyUnavailable, `${name}: ${message}`);

const inventoryOne = async (run: TargetedRun, revoker: Revoker, context: Context, signal: AbortSignal): Promise<Inventory['pinned']> => {
  const known = remember(run, revoker, {});
  const { target, startedAt } = run.draft;
  const monotonic = context.clock.monotonic();
  try {
    const { credentials, findings, pinned } = await revoker.inventory(target, 'Cached', signal);
    if (startedAt !== undefined && known.inventoried) {
      const { tracked, foundNew } = mergeCached(known.tracked, credentials, monotonic);
      remember(run, revoker, { tracked: withTimes(tracked, context.clock.now()), failure: undefined, ...(foundNew ? { enumeratedAt: undefined } : {}) });
      return pinned;
    }
    const stored = storedDependency(run, revoker);
    const tracked =
      startedAt === undefined
        ? credentials.map(track)
        : withTimes(resume(stored?.credentials ?? [], credentials, monotonic, revoker.settleTime), context.clock.now());
    const before = startedAt === undefined ? [] : standing(stored?.findings);
    remember(run, revoker, {
      tracked,
      findings: together(before, findings),
      failure: undefined,
      enumeratedAt: undefined,
      inventoried: true,
    });
    return pinned;
  } catch (error) {
    recordFailure(run, revoker, error);
    return undefined;
  }
};

/** Who used the identity when the run began, and what could not be tried then: neither is asked again. */
export const standing = (findings: readonly Finding[] | undefined): readonly Finding[] =>
  (findings ?? []).filter(({ type }) => type === 'InUse' || type === 'NotProbed');

/** What a dependency goes on to tell is told once. */
export const together = (before: readonly Finding[], now: readonly Finding[]): readonly Finding[] => {
  const isTold = (finding: Finding): boolean =>
    now.some(({ type, object, message }) => type === finding.type && object === finding.object && message === finding.message);
  return [...before.filter((finding) => !isTold(finding)), ...now];
};
