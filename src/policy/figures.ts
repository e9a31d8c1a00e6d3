/** All runs and identities in figures: what the leader's metrics show at a scrape. */
import { conditionOf, conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { CredentialStatus, LifecycleState, OffboardingSpec, OffboardingStatus, Target, WorkloadIdentityStatus } from '../api/v1alpha1/index.ts';
import { type Settling, residualOf } from './residual.ts';
import { hasEnded } from './waiver.ts';
import { parseDuration } from '../runtime/duration.ts';

export interface RunFigures {
  /** Credentials of runs that have not ended, by kind of dependency and state. */
  readonly revocations: readonly { readonly revoker: string; readonly state: string; readonly count: number }[];
  /** Seconds since the oldest request to revoke that is not confirmed, less the settle time; what only waits does not count. */
  readonly oldestUnconfirmed: readonly { readonly revoker: string; readonly seconds: number }[];
  /** Seconds for which access may be left at most, and the credentials of which nobody can say. What is waived or suspended counts. */
  readonly residual: readonly { readonly revoker: string; readonly seconds: number; readonly unknown: number }[];
  /** Credentials whose revoke was taken and cannot be carried out; what is suspended or waived does not count. */
  readonly stuck: readonly { readonly revoker: string; readonly count: number }[];
  /** Credentials that wait for something that is nobody's fault. */
  readonly waiting: readonly { readonly revoker: string; readonly reason: 'expiry' | 'suspended' | 'waived'; readonly count: number }[];
  /** Runs that are held before the first revoke, by the reason of their Ready condition. */
  readonly held: readonly { readonly reason: string; readonly count: number }[];
  readonly overdue: number;
  /** Runs whose lock was lost and is not back. */
  readonly unlocked: number;
  /** Dependencies that waivers in force give up, also of runs that are complete by them. */
  readonly waived: readonly { readonly revoker: string; readonly count: number }[];
  /** Objects whose finalizer somebody took off, and that are still there. */
  readonly unheld: readonly { readonly kind: 'Offboarding' | 'WorkloadIdentity'; readonly count: number }[];
  readonly identities: readonly { readonly state: LifecycleState; readonly count: number }[];
}

/** What else can hold a run: the reasons that revokers and the API server give. With `reasons`, the closed set of a label. */
const reasonsOfOthers = ['SharedBinding', 'DanglingRoleRef', 'AdmissionDenied', 'Rejected'] as const;

const knownReasons: ReadonlySet<string> = new Set<string>([...Object.values(reasons), ...reasonsOfOthers]);

interface CountedRun {
  readonly metadata: { readonly uid: string; readonly creationTimestamp: string };
  readonly spec: OffboardingSpec;
  readonly status?: OffboardingStatus;
}

interface CountedIdentity {
  readonly status?: WorkloadIdentityStatus;
}

/** The dependencies of a run, and all kinds that there are. Names are the users', so that figures go by kind. */
export interface Kinds {
  readonly kinds: readonly string[];
  readonly forTarget: (target: Target | undefined) => readonly (Settling & { readonly name: string; readonly kind: string })[];
}

/**
 * Each kind has a figure of what is unconfirmed and of what is stuck, also when nothing is under way. `isHere`: this process has looked at the
 * run of that UID, so that what its status says to be absent was seen by it.
 */
export const runFigures = (
  runs: readonly CountedRun[],
  identities: readonly CountedIdentity[],
  known: Kinds,
  now: Date,
  isHere: (uid: string) => boolean = () => true,
): RunFigures => {
  const open = runs.filter(({ spec, status }) => spec.mode === 'Enforce' && status?.completedAt === undefined);
  const revoking = open.filter(({ status }) => status?.revokeStartedAt !== undefined);
  const held = open.filter(({ status }) => status?.revokeStartedAt === undefined);
  const credentials = revoking.flatMap((run) => credentialsOf(run, known, isHere(run.metadata.uid)));
  const kinds = [...new Set([...known.kinds, ...credentials.map(({ revoker }) => revoker)])];
  const stuck = credentials.filter((each) => each.credential.reason === reasons.revocationStuck && !waits(each));
  return {
    revocations: tally(credentials, ({ revoker, credential }) => ({ revoker, state: credential.state })),
    oldestUnconfirmed: kinds.map((revoker) => ({ revoker, seconds: oldest(credentials.filter((each) => each.revoker === revoker), now) })),
    residual: kinds.map((revoker) => ({ revoker, ...residualIn(credentials.filter((each) => each.revoker === revoker), now) })),
    stuck: kinds.map((revoker) => ({ revoker, count: total(stuck.filter((each) => each.revoker === revoker)) })),
    waiting: tally(
      credentials.filter(waits),
      ({ revoker, suspended, waived }) => ({ revoker, reason: suspended ? ('suspended' as const) : waived ? ('waived' as const) : ('expiry' as const) }),
    ),
    held: tally(held.map((run) => ({ run, credential: single })), ({ run }) => ({ reason: readyReason(run) })),
    overdue: open.filter((run) => isOverdue(run, now)).length,
    unlocked: open.filter(isUnlocked).length,
    waived: tally(runs.flatMap((run) => waivedOf(run, known)), ({ revoker }) => ({ revoker })),
    unheld: [
      ...tally(runs.filter(isUnheld).map(() => ({ credential: single })), () => ({ kind: 'Offboarding' as const })),
      ...tally(identities.filter(isUnheld).map(() => ({ credential: single })), () => ({ kind: 'WorkloadIdentity' as const })),
    ],
    identities: tally(
      identities.map(({ status }) => ({ state: status?.lifecycleState ?? 'Active', credential: single })),
      ({ state }) => ({ state }),
    ),
  };
};

const residualIn = (credentials: readonly OpenCredential[], now: Date): { readonly seconds: number; readonly unknown: number } => {
  const ends = credentials.map((each) => ({ each, until: residualOf(each.credential, each, each.isHere) }));
  const times = ends.flatMap(({ until }) => (typeof until === 'number' ? [(until - now.getTime()) / 1000] : []));
  return { seconds: Math.max(0, ...times), unknown: total(ends.flatMap(({ each, until }) => (until === 'unknown' ? [each] : []))) };
};

interface Counted {
  readonly credential: Pick<CredentialStatus, 'count'>;
}

const single: Counted['credential'] = {};

interface OpenCredential extends Counted, Settling {
  readonly revoker: string;
  readonly suspended: boolean;
  readonly waived: boolean;
  readonly isHere: boolean;
  readonly credential: CredentialStatus;
}

const stranger = { kind: 'other', settleTime: 0 };

const kindsOf = ({ status }: CountedRun, { forTarget }: Kinds) => {
  const all = new Map(forTarget(status?.target).map((each) => [each.name, each]));
  return (name: string): Settling & { readonly kind: string } => all.get(name) ?? stranger;
};

const credentialsOf = (run: CountedRun, known: Kinds, isHere: boolean): readonly OpenCredential[] => {
  const of = kindsOf(run, known);
  return (run.status?.dependencies ?? []).flatMap(({ name, state, credentials = [] }) =>
    credentials.map((credential) => ({
      ...of(name),
      revoker: of(name).kind,
      suspended: run.spec.suspend === true,
      waived: state === 'Waived',
      isHere,
      credential,
    })),
  );
};

const waivedOf = (run: CountedRun, known: Kinds): readonly (Counted & { readonly revoker: string })[] => {
  if (hasEnded(run.status)) return [];
  const of = kindsOf(run, known);
  return (run.status?.dependencies ?? [])
    .filter(({ state }) => state === 'Waived')
    .map(({ name }) => ({ revoker: of(name).kind, credential: single }));
};

const isUnheld = ({ status }: { readonly status?: Pick<OffboardingStatus, 'conditions'> }): boolean =>
  conditionOf(status, conditionTypes.glassBroken) !== undefined;

/** What only runs out, a run that somebody suspended, what was given up: late is what they are meant to be, so no alarm. */
const waits = ({ credential, suspended, waived }: OpenCredential): boolean =>
  credential.state !== 'Confirmed' && (suspended || waived || credential.state === 'Waiting');

const oldest = (credentials: readonly OpenCredential[], now: Date): number =>
  credentials
    .filter((each) => each.credential.state !== 'Confirmed' && !waits(each))
    .reduce((most, { credential: { revokeRequestedAt }, settleTime }) => {
      const since = revokeRequestedAt === undefined ? 0 : (now.getTime() - Date.parse(revokeRequestedAt) - settleTime) / 1000;
      return Math.max(most, since);
    }, 0);

const total = (items: readonly Counted[]): number => items.reduce((sum, { credential }) => sum + (credential.count ?? 1), 0);

const readyReason = ({ status }: CountedRun): string => {
  const reason = conditionOf(status, conditionTypes.ready)?.reason ?? reasons.starting;
  return knownReasons.has(reason) ? reason : 'other';
};

/** What a waiver has given up says so in the same words, and is no alarm. */
const isUnlocked = ({ status }: CountedRun): boolean => {
  const locked = conditionOf(status, conditionTypes.locked);
  return locked?.status !== 'True' && locked?.reason === reasons.lockLost && status?.dependencies?.every(({ state }) => state !== 'Waived') === true;
};

const isOverdue = ({ metadata, spec }: CountedRun, now: Date): boolean => {
  if (spec.deadline === undefined) return false;
  try {
    return now.getTime() >= Date.parse(metadata.creationTimestamp) + parseDuration(spec.deadline);
  } catch {
    // The schema refuses such a deadline. One that came in some other way must not take all other figures with it.
    return false;
  }
};

/** Sums items by their labels; an entry that stands for a whole class counts as many. */
const tally = <Item extends Counted, Labels extends Readonly<Record<string, string>>>(
  items: readonly Item[],
  labelsOf: (item: Item) => Labels,
): readonly (Labels & { readonly count: number })[] => {
  const sums = new Map<string, Labels & { readonly count: number }>();
  for (const item of items) {
    const labels = labelsOf(item);
    const key = JSON.stringify(labels);
    sums.set(key, { ...labels, count: (sums.get(key)?.count ?? 0) + (item.credential.count ?? 1) });
  }
  return [...sums.values()];
};
