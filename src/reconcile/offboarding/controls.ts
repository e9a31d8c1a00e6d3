/**
 * What is tried before the lock, so that it can be tried again after the end and its refusal means something; and that what was made for
 * it goes with the run. It lives in the memory of one process: after a restart the rest of the run goes by observation alone, and says so.
 */
import type { Finding } from '../../api/v1alpha1/index.ts';
import { toOutcome } from '../../kube/errors.ts';
import { told } from '../../policy/told.ts';
import { reconciling, stalled } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Revoker } from '../../revokers/revoker.ts';
import { keyOf } from '../objects.ts';
import { failureVerdict } from './inventory.ts';
import { recordFailure, remember } from './run.ts';
import type { Context, Run, TargetedRun } from './run.ts';
import { reasons } from '../../api/v1alpha1/conditions.ts';

/** At each look before the lock: what was taken may be over by then. Undefined when nothing stands in the way of going on. */
export const takeControls = async (run: TargetedRun, revoker: Revoker, signal: AbortSignal): Promise<Verdict | undefined> => {
  const { controls, name } = revoker;
  const { failure, findings } = remember(run, revoker, {});
  if (controls === undefined || failure !== undefined) return undefined;
  try {
    const untried = await controls.take(run.draft.target, signal);
    remember(run, revoker, { controlled: true, findings: [...untried, ...findings.filter(({ type }) => type !== 'NotProbed')] });
    return undefined;
  } catch (error) {
    const failed = recordFailure(run, revoker, toOutcome(error));
    const object = controls.tries(run.draft.target);
    // Where nobody waits for it, that is why nothing is tried.
    if (object !== undefined) remember(run, revoker, { findings: withUntried(findings, object, failed.message) });
    return failureVerdict(name, failed);
  }
};

const withUntried = (findings: readonly Finding[], object: string, why: string): readonly Finding[] => [
  { type: 'NotProbed', object, message: told(`nothing is tried, and its end is only observed: ${why}`, 1_024) },
  ...findings.filter(({ type }) => type !== 'NotProbed'),
];

/** After the lock or the first revoke, in a process that did not take them: nothing can be tried any more. */
export const missControls = (run: TargetedRun, revoker: Revoker): void => {
  const { controlled, findings, inventoried } = remember(run, revoker, {});
  const object = revoker.controls?.tries(run.draft.target);
  if (object === undefined || controlled || !inventoried) return;
  const known = findings.some(({ type }) => type === 'NotProbed');
  const why = 'what worked before the lock is in the memory of one process alone, and this one, such as one that was started since, has nothing';
  remember(run, revoker, { controlled: true, findings: known ? findings : withUntried(findings, object, why) });
};

/** Of every dependency, in this process or another. Undefined when nothing is left; else why the run cannot end yet. */
export const dropControls = async ({ offboarding, draft: { target }, revokers }: Run, { events, log }: Context, signal: AbortSignal): Promise<Verdict | undefined> => {
  if (target === undefined) return undefined;
  const answers = await Promise.all(
    revokers.map(async ({ name, controls }): Promise<Verdict | undefined> => {
      try {
        const left = await controls?.drop(target, signal);
        if (left === undefined) return undefined;
        log.warn('What was made to be tried could not be removed', { offboarding: keyOf(offboarding), left });
        events.record({ regarding: offboarding, type: 'Warning', reason: 'CanaryLeft', action: 'Offboard', note: `${name}: ${left}` });
        return undefined;
      } catch (error) {
        if (signal.aborted) throw error;
        const { kind, reason, message } = toOutcome(error);
        const told = `${name}: what was made to be tried is not gone: ${message}`;
        return kind === 'NeedsPerson' || kind === 'Invalid' ? stalled(reason, told) : reconciling(reasons.dependencyUnavailable, told);
      }
    }),
  );
  return answers.find((answer) => answer !== undefined);
};
