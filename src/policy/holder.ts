/** One run per identity: which of several Offboardings may act. */
import type { OffboardingSpec, OffboardingStatus } from '../api/v1alpha1/index.ts';

/** What the decision needs to know of an Offboarding. Plan runs never take part. */
export interface Contender {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly createdAt: string;
  readonly urgency: NonNullable<OffboardingSpec['urgency']>;
  readonly suspended: boolean;
  /** True when it is complete only because waivers say so: it still acts, until another wants to. */
  readonly waived: boolean;
  /** True once it has passed its own preflight and waits for the holder: a run that cannot start supersedes nobody. */
  readonly waits: boolean;
  readonly status: Pick<OffboardingStatus, 'startedAt' | 'lockedAt' | 'revokeStartedAt' | 'completedAt'>;
}

export type Hold =
  | { readonly kind: 'Hold' }
  /** Another run acts; this one goes on after it. */
  | { readonly kind: 'WaitFor'; readonly other: Contender }
  /** This run gives way to another for good. */
  | { readonly kind: 'GiveWay'; readonly to: Contender };

const isActive = (run: Contender): boolean => run.status.startedAt !== undefined && (run.status.completedAt === undefined || run.waived);

/** An Emergency has no soak: between its lock and its first revoke it is at work. */
const isSoaking = (run: Contender): boolean => run.urgency !== 'Emergency' && run.status.lockedAt !== undefined && run.status.revokeStartedAt === undefined;

/**
 * An Emergency supersedes a Routine run; any newer Enforce run supersedes one that is suspended or soaking; and any other takes over
 * what waivers have completed.
 */
const supersedes = (challenger: Contender, holder: Contender): boolean =>
  challenger.waits &&
  !challenger.suspended &&
  (holder.waived ||
    (challenger.urgency === 'Emergency' && holder.urgency === 'Routine') ||
    (isNewer(challenger, holder) && (holder.suspended || isSoaking(holder))));

const isNewer = (a: Contender, b: Contender): boolean =>
  a.createdAt === b.createdAt ? a.uid > b.uid : a.createdAt > b.createdAt;

/** `others` are the other Enforce runs for the same identity. Every run that asks gets an answer that fits the others'. */
export const whoHolds = (run: Contender, others: readonly Contender[]): Hold => {
  if (isActive(run)) {
    const challenger = others.find((other) => supersedes(other, run));
    return challenger === undefined ? { kind: 'Hold' } : { kind: 'GiveWay', to: challenger };
  }
  const holder = others.find(isActive);
  return holder === undefined ? { kind: 'Hold' } : { kind: 'WaitFor', other: holder };
};
