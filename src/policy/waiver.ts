/**
 * What a waiver does: a person, who is not the one who asked for the run, gives one dependency up until a time. It changes what
 * Ready needs, and nothing else: what is observed stays as it is, what is not gone goes on being ended.
 */
import { conditionOf, conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { CredentialStatus, DependencyWaiver, OffboardingSpec, OffboardingStatus, OffboardingWaiverSpec } from '../api/v1alpha1/index.ts';
import { believableFrom, isOpen, needsRevoke } from './credential.ts';
import type { Tracked } from './credential.ts';
import type { Assessment } from './dependency.ts';
import type { Credential } from '../revokers/revoker.ts';
import { idle, stalled } from './verdict.ts';
import type { Verdict } from './verdict.ts';

interface Named {
  readonly name: string;
  readonly uid: string;
  readonly deletionTimestamp?: string;
}

export interface WaiverFacts {
  readonly metadata: Named;
  readonly spec: OffboardingWaiverSpec;
}

/** The run as a waiver sees it. */
export interface WaivedRun {
  readonly metadata: Named;
  readonly spec: Pick<OffboardingSpec, 'mode' | 'requestedBy'>;
  readonly status?: OffboardingStatus;
}

/** A waiver that counts. */
export type Waiver = DependencyWaiver;

/** Those that count, by dependency. */
export type Waivers = ReadonlyMap<string, Waiver>;

const readyReason = (status: OffboardingStatus | undefined): string | undefined =>
  conditionOf(status, conditionTypes.ready)?.reason;

/** True of a run that is complete only because waivers say so: it is worked on as before, and ends when it is confirmed. */
export const isWaived = (status: OffboardingStatus | undefined): boolean =>
  status?.completedAt !== undefined && readyReason(status) === reasons.completedWithWaivers;

/** True once nothing more is done for it. */
export const hasEnded = (status: OffboardingStatus | undefined): boolean =>
  status?.completedAt !== undefined && !isWaived(status);

/** True from the end of its last waiver until it is confirmed, or waived again. */
export const isReopened = (status: OffboardingStatus | undefined): boolean =>
  isWaived(status) || readyReason(status) === reasons.reopened;

/** Why a waiver does not count for the run that it names, for as long as that can be said without looking at a clock. */
const defectOf = ({ metadata, spec }: WaiverFacts, run: WaivedRun | undefined, dependencies: readonly string[]): Verdict | undefined => {
  const { name, uid } = spec.offboardingRef;
  if (run?.metadata.uid !== uid) {
    const other = run === undefined ? '' : `; the one of that name has UID ${run.metadata.uid}`;
    return stalled(reasons.runNotFound, `spec.offboardingRef: there is no Offboarding "${name}" with UID ${uid} in this namespace${other}`);
  }
  if (!dependencies.includes(spec.dependency)) {
    return stalled(reasons.dependencyNotFound, `spec.dependency: the run has no "${spec.dependency}"; it has ${dependencies.join(', ')}`);
  }
  const approver = spec.approvedBy?.username ?? '';
  if (approver === '') return stalled(reasons.unattributed, 'spec.approvedBy: nobody is known to have approved it; create it anew');
  const requester = run.spec.requestedBy?.username ?? '';
  if (requester === '') {
    return stalled(reasons.requesterUnknown, `Offboarding "${name}" does not say who asked for it, so that nobody can be known to be somebody else`);
  }
  if (approver === requester) {
    return stalled(reasons.approvedByRequester, `"${approver}" asked for Offboarding "${name}"; somebody else must approve what it leaves out`);
  }
  if (metadata.deletionTimestamp !== undefined) return idle(reasons.notNeeded, 'the waiver is being deleted');
  return undefined;
};

/** An end that cannot be read is one that has passed. */
const isOver = ({ spec }: WaiverFacts, now: Date): boolean => !(now.getTime() < Date.parse(spec.expiresAt));

const needless = ({ spec }: WaiverFacts, run: WaivedRun): Verdict | undefined => {
  if (run.spec.mode === 'Plan') return idle(reasons.notNeeded, 'a Plan ends nothing, so there is nothing to give up');
  const { status } = run;
  if (status?.dependencies?.find(({ name }) => name === spec.dependency)?.state === 'Confirmed') {
    return idle(reasons.notNeeded, `every credential of "${spec.dependency}" is proven gone`);
  }
  return hasEnded(status) ? idle(reasons.notNeeded, `the run has ended: ${readyReason(status) ?? ''}`) : undefined;
};

/** What the conditions of a waiver are. `run` is what has the name in its namespace. */
export const waiverVerdict = (
  waiver: WaiverFacts,
  run: WaivedRun | undefined,
  context: { readonly dependencies: readonly string[]; readonly now: Date },
): Verdict => {
  const { spec } = waiver;
  const defect = defectOf(waiver, run, context.dependencies);
  if (defect !== undefined || run === undefined) return defect ?? idle(reasons.notNeeded, 'the run is gone');
  return (
    needless(waiver, run) ??
    (isOver(waiver, context.now)
      ? idle(reasons.expired, `it ended at ${spec.expiresAt}; the run needs the proof for "${spec.dependency}" again`)
      : {
          kind: 'Confirmed',
          reason: reasons.inForce,
          message: `until ${spec.expiresAt} Offboarding "${run.metadata.name}" may end without the proof for "${spec.dependency}"`,
        })
  );
};

/** The waivers that count for a run now, by dependency: of several the one that lasts longest. */
export const waiversInForce = (
  waivers: readonly WaiverFacts[],
  run: WaivedRun,
  context: { readonly dependencies: readonly string[]; readonly now: Date },
): Waivers => {
  if (run.spec.mode === 'Plan') return new Map();
  const inForce = waivers
    .filter((waiver) => defectOf(waiver, run, context.dependencies) === undefined && !isOver(waiver, context.now))
    .toSorted((a, b) => Date.parse(a.spec.expiresAt) - Date.parse(b.spec.expiresAt) || a.metadata.name.localeCompare(b.metadata.name));
  return new Map(
    inForce.map(({ metadata, spec: { approvedBy, dependency, expiresAt } }) => [
      dependency,
      { name: metadata.name, approvedBy: approvedBy?.username ?? '', expiresAt },
    ]),
  );
};

/** True while each dependency that a run has given up has a waiver in force. The status may not have caught up with the clock. */
export const waiversStand = (status: OffboardingStatus | undefined, waivers: Waivers): boolean =>
  !isWaived(status) || (status?.dependencies ?? []).every(({ name, state }) => state !== 'Waived' || waivers.has(name));

/** When the next of them ends, in milliseconds since the epoch. */
export const nextEnd = (waivers: Waivers): number | undefined =>
  waivers.size === 0 ? undefined : Math.min(...[...waivers.values()].map(({ expiresAt }) => Date.parse(expiresAt)));

/**
 * Something that was not asked to end yet, or that was seen absent and can be believed soon: no waiver is needed for that. What
 * came back waits out its pause before it is asked for again, and is not on its way.
 */
export const isOnItsWay = (tracked: readonly Tracked[], settleTime: number, monotonic: number): boolean =>
  tracked.some(
    (entry) =>
      isOpen(entry) &&
      ((needsRevoke(entry) && entry.status.revokeRequestedAt === undefined && entry.status.returned === undefined) || (believableFrom(entry, settleTime) ?? 0) > monotonic),
  );

/**
 * A waiver gives up what is stuck, and nothing that is on its way. Once the run is complete it stays so, lest something that comes
 * and goes makes it Ready by turns.
 */
export const underWaiver = (
  assessment: Assessment,
  waiver: Waiver | undefined,
  context: { readonly tracked: readonly Tracked[]; readonly settleTime: number; readonly monotonic: number; readonly complete: boolean },
): Assessment => {
  if (waiver === undefined || assessment.state === 'Confirmed') return assessment;
  const { tracked, settleTime, monotonic, complete } = context;
  if (!complete && (assessment.state === 'Settling' || isOnItsWay(tracked, settleTime, monotonic))) return assessment;
  const { approvedBy, expiresAt } = waiver;
  return { state: 'Waived', reason: assessment.reason, message: `given up until ${expiresAt}, approved by ${approvedBy}: ${assessment.message}` };
};

/**
 * Whether what is there now is what a complete run has left, by what its status lists. What was confirmed and is back, and another
 * account of the name, are not: they came after the end. A class that is only counted may hold anything of that class.
 */
export const isLeftOver = (
  credential: Credential,
  listed: readonly Pick<CredentialStatus, 'id' | 'uid' | 'class' | 'state' | 'returned' | 'count'>[],
): boolean =>
  listed.some((entry) => {
    if (entry.state === 'Confirmed' && entry.returned === undefined) return false;
    if (entry.count !== undefined) return entry.class === credential.class;
    const isStranger = credential.end.by === 'Person' && credential.end.reason === reasons.identityRecreated;
    return entry.id === credential.id && (!isStranger || entry.uid === credential.uid);
  });
