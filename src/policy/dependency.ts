/** What one dependency's credentials add up to, for its state in status and for the run's verdict. */
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { DependencyState } from '../api/v1alpha1/index.ts';
import { believableFrom, isOpen, needsRevoke } from './credential.ts';
import type { Tracked } from './credential.ts';
import { maxReturns } from './tracking.ts';

export interface Assessment {
  readonly state: DependencyState;
  /** CamelCase, one of the constants or the revoker's own reason for a person. */
  readonly reason: string;
  readonly message: string;
}

export interface Failure {
  readonly kind: 'Invalid' | 'NeedsPerson' | 'Waiting' | 'Retryable';
  readonly reason: string;
  readonly message: string;
}

export interface Circumstances {
  readonly failure: Failure | undefined;
  /** True when a last enumeration that counts found nothing new. */
  readonly enumerated: boolean;
  readonly settleTime: number;
  /** The dependencies that must be proven gone before anything is revoked here, and are not. */
  readonly after?: readonly string[];
  /** The dependencies whose credentials still let the identity in here. */
  readonly issuers?: readonly string[];
  readonly locked?: boolean;
}

/**
 * The state once revoking has begun. One check a line, the worst first: a person, then what could not be asked, then
 * what waits for others, then what is still there, then time.
 */
export const assess = (tracked: readonly Tracked[], context: Circumstances): Assessment => {
  const open = tracked.filter(isOpen);
  return (
    failedForAPerson(context.failure) ??
    blocked(open) ??
    unavailable(open, context.failure) ??
    waitingForOthers(context) ??
    present(open) ??
    settling(open, context.settleTime) ??
    expiring(open) ??
    confirmed(context)
  );
};

const failedForAPerson = (failure: Failure | undefined): Assessment | undefined =>
  failure !== undefined && (failure.kind === 'NeedsPerson' || failure.kind === 'Invalid')
    ? { state: 'Blocked', reason: failure.reason, message: failure.message }
    : undefined;

/** The first that needs a person gives the reason; the first of another kind is told along with it. */
const blocked = (open: readonly Tracked[]): Assessment | undefined => {
  const all = open.flatMap((entry) => blockedBy(entry) ?? []);
  const [first] = all;
  if (first === undefined) return undefined;
  const other = all.find(({ reason }) => reason !== first.reason);
  return other === undefined ? first : { ...first, message: `${first.message}. Also, ${other.message}` };
};

const blockedBy = (entry: Tracked): Assessment | undefined => {
  const { credential, status } = entry;
  if (credential.end.by === 'Person') {
    if (status.state === 'Absent') return undefined;
    const { reason, message } = credential.end;
    const manager = reason === reasons.identityRecreated ? credential.manager : undefined;
    return { state: 'Blocked', reason, message: manager === undefined ? message : `${message}. It is managed by ${manager}` };
  }
  if (entry.blockedBy !== undefined) {
    return { state: 'Blocked', reason: entry.blockedBy, message: `${credential.id}: ${status.message ?? 'still there'}` };
  }
  if ((status.returned ?? 0) < maxReturns) return undefined;
  return {
    state: 'Blocked',
    reason: reasons.managedElsewhere,
    message: `${credential.id} came back ${status.returned ?? 0} times: ${credential.manager ?? 'something'} keeps putting it back; remove it there`,
  };
};

const unavailable = (open: readonly Tracked[], failure: Failure | undefined): Assessment | undefined => {
  if (failure !== undefined) return { state: 'Unknown', reason: reasons.dependencyUnavailable, message: failure.message };
  const unknown = open.find(({ status }) => status.state === 'Unknown' && status.method !== undefined);
  if (unknown === undefined) return undefined;
  const { id, message } = unknown.status;
  return { state: 'Unknown', reason: reasons.dependencyUnavailable, message: `${id}: ${message ?? 'could not be observed'}` };
};

const present = (open: readonly Tracked[]): Assessment | undefined => {
  const left = open.filter(({ status }) => status.state === 'Present' || status.state === 'Unknown');
  const [first] = left;
  if (first === undefined) return undefined;
  const unsent = left.filter(needsRevoke).length;
  const what = first.status.message === undefined ? first.status.id : `${first.status.id}: ${first.status.message}`;
  return {
    state: 'Revoking',
    reason: reasons.revoking,
    message: `${left.length} still there${unsent === left.length ? '' : ', waiting for it to take effect'}; first: ${what}`,
  };
};

const settling = (open: readonly Tracked[], settleTime: number): Assessment | undefined => {
  const last = open
    .filter(({ status }) => status.state === 'Absent')
    .toSorted((a, b) => (believableFrom(a, settleTime) ?? 0) - (believableFrom(b, settleTime) ?? 0))
    .at(-1)?.status;
  if (last?.absentSince === undefined) return undefined;
  const believedAt = new Date(Date.parse(last.absentSince) + settleTime).toISOString();
  return {
    state: 'Settling',
    reason: reasons.settling,
    message: `${last.id}: absent since ${last.absentSince}, believed at ${believedAt}`,
  };
};

const expiring = (open: readonly Tracked[]): Assessment | undefined => {
  const last = open
    .filter(({ status }) => status.state === 'Waiting')
    .toSorted((a, b) => (a.status.expiresAt ?? '').localeCompare(b.status.expiresAt ?? ''))
    .at(-1)?.status;
  if (last === undefined) return undefined;
  return {
    state: 'Waiting',
    reason: reasons.waitingForExpiry,
    message: `${last.id} cannot be revoked by anyone and works until ${last.expiresAt ?? 'an unknown time'}`,
  };
};

const waitingForOthers = ({ after = [], locked = false }: Circumstances): Assessment | undefined =>
  after.length === 0
    ? undefined
    : { state: locked ? 'Locked' : 'Pending', reason: reasons.pending, message: `nothing is revoked here before ${after.join(', ')} is confirmed` };

const confirmed = ({ enumerated, issuers = [] }: Circumstances): Assessment => {
  if (enumerated) return { state: 'Confirmed', reason: reasons.confirmed, message: 'every credential is proven gone' };
  const last = issuers.length === 0 ? 'looking for new ones' : `the last look comes once ${issuers.join(', ')} is confirmed`;
  return { state: 'Settling', reason: reasons.settling, message: `every known credential is gone; ${last}` };
};
