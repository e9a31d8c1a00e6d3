/** Tells people what changed: events on the Offboarding, a line in the log. Nothing is told twice. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { OffboardingStatus } from '../../api/v1alpha1/index.ts';
import type { RecordedEvent } from '../../kube/events.ts';
import { readyOf } from '../../policy/conditions.ts';
import { timeToAllGone } from '../../policy/time-to-all-gone.ts';
import type { Verdict } from '../../policy/verdict.ts';
import { hasEnded } from '../../policy/waiver.ts';
import { parseDuration } from '../../runtime/duration.ts';
import { keyOf } from '../objects.ts';
import type { OffboardingObject } from '../objects.ts';
import type { Context, Run } from './run.ts';

export const announce = (run: Run, verdict: Verdict, status: OffboardingStatus, context: Context): void => {
  const { offboarding } = run;
  announceOverdue(run, context);
  measureEnd(run, verdict, status, context);
  // A Plan writes its own status and nothing else, and an event is a write.
  if (offboarding.spec.mode === 'Enforce') {
    announceConditions(run, status, context);
    announceStuck(run, verdict, status, context);
    announceLockLost(run, status, context);
  }
  const before = conditionOf(offboarding.status, conditionTypes.ready);
  const { reason, message } = readyOf(verdict);
  if (before?.reason === reason && (verdict.kind !== 'Stalled' || before.message === message)) return;
  const { name, namespace } = offboarding.metadata;
  context.log.info('Offboarding changed', { offboarding: `${namespace ?? ''}/${name}`, reason, message });
  const event = eventOf(verdict, before?.reason === reasons.reopened);
  if (event === undefined || offboarding.spec.mode === 'Plan') return;
  context.events.record({ regarding: offboarding, action: 'Offboard', note: message, ...event });
};

/** Once for each run, when it becomes so. */
const measureEnd = ({ offboarding }: Run, { kind }: Verdict, status: OffboardingStatus, { onAllGone }: Context): void => {
  if (kind !== 'Confirmed' || hasEnded(offboarding.status) || offboarding.spec.mode === 'Plan') return;
  const seconds = timeToAllGone(status);
  if (seconds !== undefined) onAllGone({ urgency: offboarding.spec.urgency ?? 'Routine', seconds });
};

/** What people did to the run, and what came of it: told when it becomes so. */
const announceConditions = ({ offboarding }: Run, status: OffboardingStatus, { events, log }: Context): void => {
  const tell = (type: string, reason: string, told: string): void => {
    const now = conditionOf(status, type);
    if (now === undefined || now.reason !== reason || conditionOf(offboarding.status, type)?.message === now.message) return;
    log.warn(now.message, { offboarding: keyOf(offboarding) });
    events.record({ regarding: offboarding, type: 'Warning', reason: told, action: 'Offboard', note: now.message });
  };
  tell(conditionTypes.cancelled, reasons.cannotCancel, reasons.cannotCancel);
  tell(conditionTypes.glassBroken, reasons.finalizerRemoved, conditionTypes.glassBroken);
};

/** A lock that was lost is told also where it is back already. */
const announceLockLost = ({ offboarding }: Run, status: OffboardingStatus, { events, log }: Context): void => {
  if (status.lockLostAt === undefined || status.lockLostAt === offboarding.status?.lockLostAt) return;
  const locked = conditionOf(status, conditionTypes.locked);
  const note = locked?.status === 'True' ? 'The lock did not hold for a while, and was put back' : (locked?.message ?? 'The lock does not hold any more');
  log.warn(note, { offboarding: keyOf(offboarding) });
  events.record({ regarding: offboarding, type: 'Warning', reason: reasons.lockLost, action: 'Offboard', note });
};

/** What a dependency took and cannot carry out is told when it begins, also where something else speaks for the run. */
const announceStuck = ({ offboarding }: Run, verdict: Verdict, status: OffboardingStatus, { events }: Context): void => {
  const stuckIn = ({ dependencies = [] }: OffboardingStatus) =>
    dependencies.flatMap(({ name, credentials = [] }) =>
      credentials.filter(({ reason }) => reason === reasons.revocationStuck).map(({ id, message = '' }) => ({ name, id, message })),
    );
  const before = stuckIn(offboarding.status ?? {});
  for (const name of new Set(stuckIn(status).map((each) => each.name))) {
    if (before.some((each) => each.name === name)) continue;
    const first = stuckIn(status).find((each) => each.name === name);
    const note = `${name}: ${first?.id ?? ''}: ${first?.message ?? ''}`;
    if (verdict.reason === reasons.revocationStuck && verdict.message.startsWith(`${name}: `)) continue;
    events.record({ regarding: offboarding, type: 'Warning', reason: reasons.revocationStuck, action: 'Offboard', note });
  }
};

/** A run that went while access may be left, as with a finalizer that was taken off: nobody else tells of it any more. */
export const announceGone = (offboarding: OffboardingObject, record: string | undefined, { events, log }: Context): void => {
  const { status = {} } = offboarding;
  const left = status.startedAt === undefined ? 'nothing was revoked' : `${status.progress ?? 'nothing'} was proven gone`;
  log.warn('An Offboarding is gone before its end', { offboarding: keyOf(offboarding), identity: status.identity, left, record });
  events.record({
    regarding: offboarding,
    type: 'Warning',
    reason: 'GoneBeforeItsEnd',
    action: 'Offboard',
    note: `The Offboarding is gone, and ${left} of ${status.identity ?? 'the identity'}; ${record === undefined ? 'nobody watches what is left' : `OffboardingRecord "${record}" says what is left, keeps the name locked and watches it`}`,
  });
};

const eventOf = ({ kind, reason, reopened }: Verdict, wasOpen: boolean): Pick<RecordedEvent, 'type' | 'reason'> | undefined => {
  if (reopened === true && !wasOpen) return { type: 'Warning', reason: reasons.reopened };
  switch (kind) {
    case 'Confirmed':
      return { type: 'Normal', reason: 'Completed' };
    case 'Waived':
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
