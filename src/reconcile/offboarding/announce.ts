/** Tells people what changed: events on the Offboarding, a line in the log. Nothing is told twice. */
import { conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { parseDuration } from '../../runtime/duration.ts';
import type { OffboardingObject } from '../objects.ts';
import type { Context, Run } from './run.ts';

export const announce = (run: Run, verdict: Verdict, context: Context): void => {
  const { offboarding } = run;
  announceOverdue(run, context);
  const before = offboarding.status?.conditions?.find(({ type }) => type === conditionTypes.ready);
  if (before?.reason === verdict.reason && (verdict.kind !== 'Stalled' || before.message === verdict.message)) return;
  const { name, namespace } = offboarding.metadata;
  context.log.info('Offboarding changed', { offboarding: `${namespace ?? ''}/${name}`, reason: verdict.reason, message: verdict.message });
  const event = eventOf(verdict);
  // A Plan writes its own status and nothing else, and an event is a write.
  if (event === undefined || offboarding.spec.mode === 'Plan') return;
  context.events.record({ regarding: offboarding, action: 'Offboard', note: verdict.message, ...event });
};

const eventOf = ({ kind, reason }: Verdict): { readonly type: 'Normal' | 'Warning'; readonly reason: string } | undefined => {
  switch (kind) {
    case 'Confirmed':
      return { type: 'Normal', reason: 'Completed' };
    case 'Stalled':
      return { type: 'Warning', reason };
    case 'Idle':
      return { type: 'Normal', reason };
    case 'Reconciling':
      return reason === reasons.dependencyUnavailable ? { type: 'Warning', reason } : undefined;
  }
};

const announceOverdue = ({ offboarding, draft }: Run, { clock, events }: Context): void => {
  const at = deadlineOf(offboarding);
  if (at === undefined || draft.completedAt !== undefined || clock.now().getTime() < at) return;
  events.record({
    regarding: offboarding,
    type: 'Warning',
    reason: 'Overdue',
    action: 'Offboard',
    note: `Not finished within the deadline of ${offboarding.spec.deadline ?? ''}; work goes on`,
  });
};

/** When the run becomes overdue, in milliseconds since the epoch. A Plan has no deadline. */
export const deadlineOf = ({ metadata, spec }: OffboardingObject): number | undefined =>
  spec.deadline === undefined || spec.mode === 'Plan'
    ? undefined
    : Date.parse(metadata.creationTimestamp) + parseDuration(spec.deadline);
