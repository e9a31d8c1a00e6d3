/** Tells people what changed of a record: events on it, a line in the log. Nothing is told twice. */
import { conditionOf, conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { OffboardingRecordStatus } from '../../api/v1alpha1/index.ts';
import { isThere, named } from '../../policy/tombstone.ts';
import type { LockState, Returned } from '../../policy/tombstone.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { identityOfRecord } from './context.ts';
import type { RecordContext } from './context.ts';

export const announce = (record: OffboardingRecordObject, status: OffboardingRecordStatus, context: RecordContext): void => {
  const before = (record.status?.returned ?? []).filter(isThere);
  const now = (status.returned ?? []).filter(isThere);
  const added = now.filter((entry) => !includes(before, entry));
  const identity = identityOfRecord(record);
  if (added.length > 0) {
    context.onReturned();
    tell(record, 'Warning', conditionTypes.resurrected, `${named(added)} of ${identity} came back after the end; nothing was revoked. Create a new Offboarding to retire it again`, context);
  }
  if (before.length > 0 && now.length === 0) {
    tell(record, 'Normal', reasons.goneAgain, `${named(before)} of ${identity} came back after the end, and is gone again`, context);
  }
  announceChanged(record, status, context);
};

const includes = (entries: readonly Returned[], { dependency, id }: Returned): boolean => entries.some((entry) => entry.dependency === dependency && entry.id === id);

const announceChanged = (record: OffboardingRecordObject, status: OffboardingRecordStatus, context: RecordContext): void => {
  const now = conditionOf(status, conditionTypes.intact);
  if (now?.reason !== reasons.recordChanged || conditionOf(record.status, conditionTypes.intact)?.message === now.message) return;
  tell(record, 'Warning', reasons.recordChanged, now.message, context);
};

export const announceLockLost = (record: OffboardingRecordObject, lock: LockState | undefined, context: RecordContext): void => {
  const before = conditionOf(record.status, conditionTypes.intact);
  if (lock === undefined || before?.reason === reasons.lockLost) return;
  tell(record, 'Warning', reasons.lockLost, `${lock.message}; Offboard puts it back. Whatever was let in meanwhile is told as Resurrected`, context);
};

const tell = (record: OffboardingRecordObject, type: 'Normal' | 'Warning', reason: string, note: string, { events, log }: RecordContext): void => {
  log[type === 'Warning' ? 'warn' : 'info'](note, { record: record.metadata.name, identity: identityOfRecord(record) });
  events.record({ regarding: record, type, reason, action: 'Watch', note });
};
