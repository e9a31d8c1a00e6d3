/** The conditions of every kind, in the form that kstatus, `kubectl wait` and people expect. */
import { conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { Condition } from '../api/v1alpha1/index.ts';
import { inWholeSeconds } from '../runtime/clock.ts';
import { told } from './told.ts';
import type { Verdict } from './verdict.ts';

/** A condition as it should be now; when it last changed follows from what was there before. */
export interface Fact {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Ready, and Reconciling or Stalled while true: what a verdict means to a machine. */
export const factsOf = (verdict: Verdict): readonly Fact[] => {
  const { kind, reason, message } = verdict;
  const ready: Fact = { type: conditionTypes.ready, ...readyOf(verdict) };
  switch (kind) {
    case 'Confirmed':
    case 'Waived':
    case 'Idle':
      return [ready];
    case 'Reconciling':
      return [ready, { type: conditionTypes.reconciling, status: 'True', reason, message }];
    case 'Stalled':
      return [ready, { type: conditionTypes.stalled, status: 'True', reason, message }];
  }
};

/** What Ready says of a verdict. */
export const readyOf = ({ kind, reason, message, reopened }: Verdict): Omit<Fact, 'type'> =>
  reopened === true
    ? { status: 'False', reason: reasons.reopened, message: `open again, for a waiver is not in force any more: ${message}` }
    : { status: kind === 'Confirmed' || kind === 'Waived' ? 'True' : 'False', reason, message };

/** Every condition speaks of this generation; its transition time moves only when its status does. */
export const conditionsOf = (
  facts: readonly Fact[],
  previous: readonly Condition[],
  generation: number,
  now: Date,
): readonly Condition[] =>
  facts.map((fact) => {
    const before = previous.find(({ type }) => type === fact.type);
    return {
      ...fact,
      message: told(fact.message),
      observedGeneration: generation,
      lastTransitionTime:
        before?.status === fact.status ? before.lastTransitionTime : inWholeSeconds(now),
    };
  });
