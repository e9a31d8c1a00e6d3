/** What a check found: for people by way of the CLI, for machines as JSON. */
import type { ChainReport } from './chain.ts';
import type { SignatureState } from './check.ts';
import type { Predicate } from './predicate.ts';

/** - `signature`, `digest`, `fields`, `schema`, `chunks`, `claims`: of one record. - `chain`: of several. - `input`: it is no evidence. */
export type Check = 'input' | 'signature' | 'schema' | 'fields' | 'chunks' | 'claims' | 'chain';

export interface Problem {
  readonly check: Check;
  readonly message: string;
}

/** What its credentials rest on, counted; an entry for a class counts as many as it stands for. */
export interface Counts {
  readonly credentials: number;
  readonly probed: number;
  readonly observed: number;
  readonly waitedOut: number;
  readonly waived: number;
  readonly open: number;
}

/** What people decided, which is to be read before anything else. */
export interface Decisions {
  readonly requestedBy?: string;
  /** It was Offboard itself. */
  readonly isOffboard?: true;
  readonly enforcedBy?: string;
  /** In words: waivers, cancels, broken glass, a name that was used again, and that nobody is known to have asked. */
  readonly attention: readonly string[];
}

export interface RecordReport {
  /** Where it was read. */
  readonly source: string;
  /** What it says of itself, where that could be read. */
  readonly name?: string;
  readonly digest?: string;
  readonly says?: Pick<Predicate, 'outcome'> & {
    readonly cluster: string;
    /** `namespace/name`. */
    readonly identity: string;
    readonly run: string;
    readonly completedAt: string;
    readonly decisions: Decisions;
    /** In words: what nobody could observe, list or try, a lock that was lost or never was, what may outlast the end. */
    readonly limits: readonly string[];
    readonly counts: Counts;
  };
  readonly signature: SignatureState;
  readonly keyid?: string;
  readonly problems: readonly Problem[];
}

export interface Report {
  /**
   * - `Proven`: all of it holds, and is signed by who is trusted.
   * - `DoesNotHold`: something does not.
   * - `NotProven`: nothing is wrong, and it is not known who signed it, as nobody was said to be trusted; or something could not be read;
   *   or there is nothing.
   */
  readonly verdict: 'Proven' | 'DoesNotHold' | 'NotProven';
  readonly records: readonly RecordReport[];
  readonly chains: readonly ChainReport[];
  /** Of no record in particular. */
  readonly problems: readonly Problem[];
  /** What could not be checked, in words. */
  readonly unreadable: readonly string[];
  readonly notes: readonly string[];
}

export const decisionsOf = ({ people, outcome, record: { supersedes } }: Predicate): Decisions => {
  const { requestedBy, enforcedBy, cancel, waivers, glassBroken } = people;
  const unasked = requestedBy === undefined ? ['nobody is known to have asked for it'] : [];
  const waived = waivers.map(
    ({ name, dependency, approvedBy, expiresAt, reason }) => `${dependency} was given up by ${approvedBy} until ${expiresAt} (waiver ${name})${reason === undefined ? '' : `: ${reason}`}`,
  );
  const isOffboard = requestedBy?.isOffboard === true;
  const unknown = isOffboard && waived.length > 0 ? ['whoever gave that up may be who deleted the identity, or let it expire: only the audit log tells'] : [];
  const cancelled = cancel === undefined ? [] : [`${cancel.requestedBy?.username ?? 'somebody'} ${cancel.accepted ? 'cancelled it' : 'asked too late to cancel it'}: ${cancel.reason}`];
  return {
    ...(requestedBy === undefined ? {} : { requestedBy: requestedBy.username }),
    ...(isOffboard ? { isOffboard } : {}),
    ...(enforcedBy === undefined ? {} : { enforcedBy: enforcedBy.username }),
    attention: [
      ...waived,
      ...unknown,
      ...cancelled,
      ...(outcome === 'Abandoned' ? ['it was given up before its end by somebody who took the finalizer off; what is not confirmed may still work'] : []),
      ...(glassBroken && outcome !== 'Abandoned' ? ['somebody took the finalizer off, so that the run could have been deleted before its end'] : []),
      ...unasked,
      ...(supersedes === undefined ? [] : [`the name of record ${supersedes} was used again by it, on purpose`]),
    ],
  };
};

export const limitsOf = ({ outcome, run, dependencies }: Predicate): readonly string[] => [
  ...(run.lockLostAt === undefined ? [] : [`a lock was seen not to hold, last at ${run.lockLostAt}`]),
  // Whoever cancels a run has its locks taken back.
  ...dependencies.flatMap(({ name, lock, lockMessage }) =>
    outcome === 'Cancelled' || lockWords[lock] === undefined ? [] : [`${name}: ${lockWords[lock]}${lockMessage === undefined ? '' : `: ${lockMessage}`}`],
  ),
  ...dependencies.flatMap(({ name, findings, outlasting }) => [
    ...findings.flatMap(({ type, object, message }) => (findingWords[type] === undefined ? [] : [`${name}: ${findingWords[type]}: ${object === undefined ? '' : `${object}: `}${message}`])),
    ...outlasting.map(({ until, message }) => `${name}: may outlast it, ${until === undefined ? 'with no end that is known' : `until ${until}`}: ${message}`),
  ]),
];

/** Of each but one that held to the end. */
const lockWords: Readonly<Partial<Record<Predicate['dependencies'][number]['lock'], string>>> = {
  NotLocked: 'not locked: it could give out more until the end',
  NotLockable: 'it has no lock, and could give out more until the end',
  Unknown: 'nobody could see at the end whether it was locked',
};

/** Of those that say what was not looked at, or could not be. */
const findingWords: Readonly<Partial<Record<Predicate['dependencies'][number]['findings'][number]['type'], string>>> = {
  NotProvable: 'not provable',
  NotEnumerated: 'not listed',
  NotProbed: 'not tried',
};

export const countsOf = ({ dependencies }: Predicate): Counts => {
  const all = dependencies.flatMap(({ credentials }) => credentials);
  const sum = (which: (credential: (typeof all)[number]) => boolean): number => all.filter(which).reduce((total, { count = 1 }) => total + count, 0);
  return {
    credentials: sum(() => true),
    probed: sum(({ strength }) => strength === 'Probed'),
    observed: sum(({ strength }) => strength === 'Observed'),
    waitedOut: sum(({ strength }) => strength === 'WaitedOut'),
    waived: sum(({ strength }) => strength === 'Waived'),
    open: sum(({ strength }) => strength === undefined),
  };
};
