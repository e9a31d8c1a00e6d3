/**
 * When a credential is believed to be gone.
 *
 *   Present ──absent──▶ Absent ──absent again, a settle time later──▶ Confirmed
 *      ▲                  │ ▲                                            │
 *      └─────present──────┘ └ could not tell: Unknown, the span goes on  │
 *      └───────────────────seen again in a fresh enumeration─────────────┘
 *
 * The span is measured on the monotonic clock of this process, from the answer to the first absence to the asking of
 * the last: a settle time is never taken shorter than it was.
 */
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { CredentialStatus, Probe, Strength } from '../api/v1alpha1/index.ts';
import type { Credential, CredentialEnd, Observation, Refusal } from '../revokers/revoker.ts';
import { powerOfTwo, told } from './told.ts';

const longestMessage = 1_024;

/** An observation with its times. Monotonic milliseconds, but for `at`. */
export interface Sighting extends Observation {
  readonly askedAt: number;
  readonly answeredAt: number;
  /** Wall-clock time of the answer. */
  readonly at: Date;
}

/** One credential of a run: what the revoker said it is, and what we believe of it. */
export interface Tracked {
  readonly credential: Credential;
  readonly status: CredentialStatus;
  /** Monotonic time of the answer that first found it absent, in this process. */
  readonly absentSince?: number;
  /** True when it was tried, and refused, from that first absence on. */
  readonly refusedThroughout?: boolean;
  /** Monotonic time from which on it was tried and worked, while its dependency said that it was gone; until it is refused. */
  readonly contradictedSince?: number;
  /** Monotonic time of the answer that confirmed it, or at which this process took it up as confirmed. */
  readonly confirmedAt?: number;
  /** The dependency took the last revoke and cannot carry it out. Stands until it takes one that it can, or the credential is gone. */
  readonly refusal?: Refusal;
  /** Why it is still there, when only a person can change that: a condition's reason. */
  readonly blockedBy?: string;
  /** True when this very process wrote the intent down, so that an answer "nothing there" means it was gone before us. */
  readonly requestedHere?: true;
  /** True once this process sent a revoke and it was accepted. Says nothing about the outcome. */
  readonly accepted?: true;
  /** Accepted revokes that this process sent. */
  readonly sent?: number;
  /** Not revoked again before this monotonic time: what keeps coming back must not make us spin. */
  readonly notBefore?: number;
  /**
   * An entry that stands for a whole class which was too long for the status, after a restart: its members are no longer
   * known one by one, so only a fresh enumeration that finds none of them counts as an observation.
   */
  readonly aggregate?: true;
}

export const trackedKey = (credential: { readonly id: string; readonly uid?: string }): string =>
  `${credential.id} ${credential.uid ?? ''}`;

export const isOpen = (tracked: Tracked): boolean => tracked.status.state !== 'Confirmed';

/** Starts to track a credential that an inventory just listed. */
export const track = (credential: Credential): Tracked => ({ credential, status: initialStatus(credential) });

const initialStatus = (credential: Credential): CredentialStatus => ({
  id: credential.id,
  ...(credential.uid === undefined ? {} : { uid: credential.uid }),
  class: credential.class,
  // Held to be there until it was observed not to be, whether it was listed or only known from the target.
  state: credential.end.by === 'Expiry' ? 'Waiting' : 'Present',
  ...(credential.grants === undefined || credential.grants.length === 0 ? {} : { grants: credential.grants.slice(0, 16) }),
  ...(credential.end.by === 'Expiry' ? { expiresAt: credential.end.at.toISOString() } : {}),
  ...(credential.end.by === 'Person' ? { reason: credential.end.reason, message: told(credential.end.message, longestMessage) } : {}),
});

/** What we believe after one more observation. Never believes less than it was shown, never more. */
export const observed = (tracked: Tracked, sighting: Sighting, settleTime: number): Tracked => {
  switch (sighting.state) {
    case 'Absent':
      return isContradicted(tracked, sighting) ? notBelieved(tracked, sighting) : observedAbsent(tracked, sighting, settleTime);
    case 'Present':
      return observedPresent(tracked, sighting, settleTime);
    case 'Unknown':
      return observedUnknown(tracked, sighting);
  }
};

/**
 * It was tried and worked while the dependency said that it was gone, and was never refused since: what the dependency says by itself is
 * not believed any more. In the status, which the next process goes by, that is a try without a refusal.
 */
const isContradicted = ({ status: { probe } }: Tracked, { tried }: Sighting): boolean =>
  tried === undefined && probe !== undefined && probe.deadAt === undefined && probe.refusedAt === undefined;

const contradiction =
  'it still worked when it was tried last, while its dependency said that it was gone, and it cannot be tried any more: that it is gone is not believed. ' +
  'See to it that what answers for the dependency tells the truth, and that it is gone; then have somebody else approve a waiver';

const notBelieved = (tracked: Tracked, sighting: Sighting): Tracked => {
  const unknown = observedUnknown(tracked, sighting);
  return { ...unknown, blockedBy: reasons.contradicted, status: withWords(unknown.status, contradiction, reasons.contradicted) };
};

const observedUnknown = (tracked: Tracked, sighting: Sighting): Tracked => {
  const status = { ...tracked.status, state: 'Unknown' as const, method: sighting.method };
  if (tracked.refusal !== undefined) return { ...tracked, status };
  // What held it may be gone by now: nobody is sent after a finalizer that could not be seen.
  const { blockedBy: _, ...rest } = tracked;
  return { ...rest, status: withWords(status, sighting.message) };
};

const observedAbsent = (tracked: Tracked, sighting: Sighting, settleTime: number): Tracked => {
  const { blockedBy: _, refusal: __, contradictedSince, ...others } = tracked;
  const rest = contradictedSince === undefined || sighting.tried !== undefined ? others : { ...others, contradictedSince };
  const before = withoutFuture(tracked.status, sighting.at);
  const status = withWords({ ...before, method: sighting.method, ...probed(before.probe, sighting) }, undefined);
  const refusedThroughout = sighting.tried !== undefined && tracked.refusedThroughout !== false;
  if (tracked.absentSince === undefined) {
    return {
      ...rest,
      absentSince: sighting.answeredAt,
      refusedThroughout,
      status: { ...status, state: 'Absent', absentSince: sighting.at.toISOString() },
    };
  }
  const absentFor = Math.floor(sighting.askedAt - tracked.absentSince);
  if (absentFor < settleTime) return { ...rest, refusedThroughout, status: { ...status, state: 'Absent' } };
  const strength = strengthOf(tracked.credential, status, refusedThroughout);
  return {
    ...rest,
    refusedThroughout,
    confirmedAt: sighting.answeredAt,
    status: { ...status, state: 'Confirmed', confirmedAt: sighting.at.toISOString(), absentFor, strength },
  };
};

/** It is gone: until when it would have worked is over, and a time of that kind which has not come yet was an estimate. */
const withoutFuture = ({ residualUntil: _, expiresAt, ...status }: CredentialStatus, at: Date): CredentialStatus =>
  expiresAt === undefined || Date.parse(expiresAt) > at.getTime() ? status : { ...status, expiresAt };

/** What went before its time, or outlived it, was not waited out: that it is gone was only seen. */
const strengthOf = ({ end }: Credential, { expiresAt }: CredentialStatus, refusedThroughout: boolean): Strength =>
  end.by === 'Expiry' && expiresAt !== undefined ? 'WaitedOut' : refusedThroughout ? 'Probed' : 'Observed';

/** What was tried of it until now. Refusals count from the first time that it was refused everywhere. */
const probed = (before: Probe | undefined, { tried, state, at }: Sighting): { readonly probe?: Probe } => {
  if (tried === undefined) return before === undefined ? {} : { probe: before };
  const now = at.toISOString();
  const deadAt = before?.deadAt ?? (tried.deadAtSource ? now : undefined);
  const isRefused = state === 'Absent';
  const refusedAt = before?.refusedAt ?? (isRefused ? now : undefined);
  const lastRefusedAt = isRefused ? now : before?.lastRefusedAt;
  const refusals = (before?.refusals ?? 0) + (isRefused ? tried.refusals : 0);
  return {
    probe: {
      controlAt: tried.controlAt.toISOString(),
      ...(deadAt === undefined ? {} : { deadAt }),
      ...(refusedAt === undefined ? {} : { refusedAt }),
      ...(lastRefusedAt === undefined ? {} : { lastRefusedAt }),
      ...(refusals === 0 ? {} : { refusals }),
      servers: tried.servers,
    },
  };
};

const observedPresent = (before: Tracked, sighting: Sighting, settleTime: number): Tracked => {
  const tracked = asSeen(hasReturned(before) ? cameBack(before, sighting.answeredAt) : before, sighting);
  const { absentSince: _, blockedBy: __, refusedThroughout: ___, contradictedSince, ...others } = tracked;
  const since = worksThough(sighting) ? (contradictedSince ?? sighting.answeredAt) : undefined;
  const rest = since === undefined ? others : { ...others, contradictedSince: since };
  // Where the source cannot be told from what is late, what has ended a moment ago may work for a moment longer.
  const isLag = since !== undefined && sighting.tried?.deadAtSource === undefined && sighting.askedAt - since < settleTime;
  const { end } = tracked.credential;
  const now = { ...stillThere(tracked.status, sighting, isLag), method: sighting.method };
  if (end.by === 'Person') return { ...rest, ...blocking(sighting.reason), status: withWords(now, end.message, end.reason) };
  // What the dependency said when it could not carry a revoke out says more than that it is still there.
  if (tracked.refusal !== undefined) return { ...rest, blockedBy: tracked.refusal.refused, status: now };
  return { ...rest, ...blocking(sighting.reason), status: withWords(now, sighting.message, sighting.reason) };
};

/** Tried, and it works, and not from a cache alone: whatever else its dependency says. */
const worksThough = ({ tried }: Sighting): boolean => tried !== undefined && tried.deadAtSource !== true;

/** What was seen of its end does not count any more. One that only a cache still lets in is dead at its source all the same. */
const stillThere = (status: CredentialStatus, sighting: Sighting, isLag: boolean): CredentialStatus => {
  const { absentSince: _, confirmedAt: __, absentFor: ___, strength: ____, residualUntil: _____, probe, ...rest } = status;
  const { deadAt, controlAt } = probe ?? {};
  const known = sighting.tried?.deadAtSource !== true || controlAt === undefined ? undefined : { controlAt, ...(deadAt === undefined ? {} : { deadAt }) };
  const worksUntil = sighting.worksUntil?.toISOString();
  return { ...rest, ...(isLag ? {} : probed(known, sighting)), ...(worksUntil === undefined ? {} : { residualUntil: worksUntil }) };
};

/**
 * What ends by itself is waited for until the end that is known now. Where none is, and where it has outlived it, it is just there:
 * there is no time that could be promised to anyone.
 */
const asSeen = (tracked: Tracked, { expiresAt, at }: Sighting): Tracked => {
  const { credential, status } = tracked;
  if (credential.end.by !== 'Expiry') return { ...tracked, status: { ...status, state: 'Present' } };
  const state = expiresAt !== undefined && at < expiresAt ? 'Waiting' : 'Present';
  return ending({ ...tracked, status: { ...status, state } }, { by: 'Expiry', at: expiresAt ?? credential.end.at });
};

/** Milliseconds. A time that is reckoned anew at each look differs by a little, which is nothing new to anybody. */
const sameTime = 1_000;

/** The end of it as it is known now, which is where the status has its time from, as long as that is waited for. */
export const ending = ({ credential, status, ...rest }: Tracked, end: CredentialEnd): Tracked => {
  const { expiresAt: before, ...others } = status;
  const after = { ...rest, credential: { ...credential, end } };
  if (end.by !== 'Expiry' || status.state === 'Present') return { ...after, status: others };
  const isSame = before !== undefined && Math.abs(Date.parse(before) - end.at.getTime()) < sameTime;
  return { ...after, status: { ...others, expiresAt: isSame ? before : end.at.toISOString() } };
};

const blocking = (reason: string | undefined): Pick<Tracked, 'blockedBy'> => (reason === undefined ? {} : { blockedBy: reason });

/** It was revoked and seen to be gone, and is there again under the same UID: somebody put a subject back into a binding. */
const hasReturned = ({ credential, status, absentSince }: Tracked): boolean =>
  credential.end.by === 'Revoke' && status.revokeRequestedAt !== undefined && absentSince !== undefined;

const longestPause = 300_000;

/** Milliseconds before what came back, or does not go, is revoked once more: doubled each time. */
const pauseAfter = (times: number): number => Math.min(1_000 * 2 ** Math.max(0, times - 1), longestPause);

/** One more return of a credential that is revoked: it counts, and is revoked again after a pause that grows. */
export const cameBack = (tracked: Tracked, monotonic: number, before = tracked.status.returned ?? 0): Tracked => {
  const returned = before + 1;
  return { ...tracked, notBefore: monotonic + pauseAfter(returned), status: { ...tracked.status, returned } };
};

/** A revoke was accepted. It is sent again only after a pause, whatever wakes the run up meanwhile. */
export const sent = (tracked: Tracked, monotonic: number): Tracked => {
  const { refusal, blockedBy, ...rest } = tracked;
  const after: Tracked = { ...rest, ...pausedAfterSending(tracked, monotonic), accepted: true };
  if (refusal === undefined) return blockedBy === undefined ? after : { ...after, blockedBy };
  return { ...after, status: withWords(after.status, undefined) };
};

/**
 * A revoke was taken and cannot be carried out for now. It is sent again after a pause that grows. Status is quiet: the words of a
 * refusal that goes on change with every power of two.
 */
export const refused = (tracked: Tracked, refusal: Refusal, monotonic: number): Tracked => {
  const paused = pausedAfterSending(tracked, monotonic);
  const goesOn = tracked.refusal?.refused === refusal.refused && paused.sent !== powerOfTwo(paused.sent);
  const standing = goesOn ? (tracked.refusal ?? refusal) : refusal;
  return {
    ...tracked,
    ...paused,
    refusal: standing,
    blockedBy: standing.refused,
    status: withWords(tracked.status, standing.message, standing.refused),
  };
};

const pausedAfterSending = (tracked: Tracked, monotonic: number): { readonly sent: number; readonly notBefore: number } => {
  const times = (tracked.sent ?? 0) + 1;
  return { sent: times, notBefore: monotonic + pauseAfter(times) };
};

const withWords = (status: CredentialStatus, message: string | undefined, reason?: string): CredentialStatus => {
  const { message: _, reason: __, ...rest } = status;
  return {
    ...rest,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message: told(message, longestMessage) }),
  };
};

/** Writes the intent to revoke down. Nothing irreversible is sent before this is stored. */
export const requested = (tracked: Tracked, now: Date, requestId?: string): Tracked => ({
  ...tracked,
  requestedHere: true,
  status: { ...tracked.status, revokeRequestedAt: now.toISOString(), ...(requestId === undefined ? {} : { requestId }) },
});

/** As it was before. */
export const notRequested = ({ requestedHere: _, ...tracked }: Tracked): Tracked => {
  const { revokeRequestedAt: __, requestId: ___, ...status } = tracked.status;
  return { ...tracked, status };
};

/** True when a revoke is to be sent, once the intent is stored. */
export const needsRevoke = ({ credential, status }: Tracked): boolean =>
  credential.end.by === 'Revoke' && (status.state === 'Present' || status.state === 'Unknown') && status.absentSince === undefined;

/** True when that is to be now. */
export const isDue = (entry: Tracked, monotonic: number): boolean =>
  needsRevoke(entry) && (entry.notBefore === undefined || entry.notBefore <= monotonic);

/** Monotonic time from which one more absence confirms it; undefined when it was not seen absent. */
export const believableFrom = (tracked: Tracked, settleTime: number): number | undefined =>
  tracked.absentSince === undefined ? undefined : tracked.absentSince + settleTime;
