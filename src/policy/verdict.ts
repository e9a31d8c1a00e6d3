/** What one look at a run concluded: the one value that its conditions, phase and next look are made from. */
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { DependencyState } from '../api/v1alpha1/index.ts';
import type { OutcomeError } from '../runtime/outcome.ts';
import type { Assessment } from './dependency.ts';
import { told } from './told.ts';

/**
 * - `Confirmed`: the promise is kept.
 * - `Waived`: it is not, and people gave up what is left, until a time. Work goes on.
 * - `Reconciling`: work goes on by itself.
 * - `Stalled`: a person must act.
 * - `Idle`: somebody wants it so (a plan, a suspended, cancelled or superseded run).
 */
export interface Verdict {
  readonly kind: 'Confirmed' | 'Waived' | 'Reconciling' | 'Stalled' | 'Idle';
  /** A condition's reason. */
  readonly reason: string;
  readonly message: string;
  /** True when the run was complete with waivers before: then Ready says so, and Reconciling or Stalled why. */
  readonly reopened?: true;
  /** What it is once its record is stored: all of it but the record is done. */
  readonly unrecorded?: Verdict;
}

/** With the message as the status will hold it, so that one look can tell from it whether the next says anything new. */
const verdict = (kind: Verdict['kind'], reason: string, message: string): Verdict => ({ kind, reason, message: told(message) });

export const reconciling = (reason: string, message: string): Verdict => verdict('Reconciling', reason, message);
export const stalled = (reason: string, message: string): Verdict => verdict('Stalled', reason, message);
export const idle = (reason: string, message: string): Verdict => verdict('Idle', reason, message);

export const verdictOfError = (error: OutcomeError): Verdict => {
  switch (error.kind) {
    case 'Invalid':
    case 'NeedsPerson':
      return stalled(error.reason, error.message);
    case 'Waiting':
      return reconciling(error.reason, error.message);
    case 'Retryable':
      return reconciling(reasons.dependencyUnavailable, error.message);
  }
};

/** The end that a run has come to, while its record is not stored. */
export const unrecordedVerdict = (end: Verdict, error: OutcomeError): Verdict => {
  const isForAPerson = error.kind === 'NeedsPerson' || error.kind === 'Invalid';
  const { kind, reason, message } = isForAPerson ? stalled(error.reason, error.message) : reconciling(reasons.recording, `${end.message}; the record of it is not stored yet: ${error.message}`);
  return { kind, reason, message, unrecorded: end };
};

/** Which dependency speaks for the run: the one that most needs attention. One that is Pending or Locked by now waits for others. */
const attention: readonly DependencyState[] = ['Blocked', 'Unknown', 'Revoking', 'Settling', 'Waiting', 'Pending', 'Locked'];

/** The verdict of a run whose revokes have begun. */
export const verdictOf = (
  dependencies: readonly { readonly name: string; readonly assessment: Assessment; readonly unprovable: boolean }[],
): Verdict => {
  for (const state of attention) {
    const found = dependencies.find(({ assessment }) => assessment.state === state);
    if (found === undefined) continue;
    const message = `${found.name}: ${found.assessment.message}`;
    return state === 'Blocked' ? stalled(found.assessment.reason, message) : reconciling(found.assessment.reason, message);
  }
  const waived = dependencies.filter(({ assessment }) => assessment.state === 'Waived');
  if (waived.length > 0) {
    const left = waived.map(({ name, assessment }) => `${name}: ${assessment.message}`).join('; ');
    return { kind: 'Waived', reason: reasons.completedWithWaivers, message: `proven gone but for what was given up: ${left}` };
  }
  return dependencies.some(({ unprovable }) => unprovable)
    ? {
        kind: 'Confirmed',
        reason: reasons.confirmedWithUnprovable,
        message: 'every credential is proven gone; what cannot be observed is named in the findings',
      }
    : { kind: 'Confirmed', reason: reasons.confirmed, message: 'every credential is proven gone' };
};
