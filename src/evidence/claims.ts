/**
 * Whether what a record claims adds up, by itself. Nothing is asked of it that an honest run can fail: how long an absence held is taken
 * from the clock that nobody sets; times of day come from clocks that differ and are set, and must agree but for `clocksMayDiffer`.
 */
import { credentialProblems } from './claims-credential.ts';
import { runProblems } from './claims-run.ts';
import { isAfter } from './claims-time.ts';
import { wholeProblems } from './claims-whole.ts';
import type { Predicate, RecordedDependency } from './predicate.ts';

/** Every one of what does not add up, in words. The credentials of chunks are to be in their dependencies. */
export const claimProblems = (predicate: Predicate): readonly string[] => {
  const { outcome, people, run } = predicate;
  return [
    ...(isAfter(run.startedAt, run.completedAt) ? ['it ended before it started'] : []),
    ...wholeProblems(predicate),
    ...outcomeProblems(predicate),
    ...(people.cancel?.accepted === true && outcome !== 'Cancelled' ? ['a cancel was accepted, and the run went on'] : []),
    ...duplicates(predicate.dependencies.map(({ name }) => name)).map((name) => `${name}: it is there twice`),
    ...predicate.dependencies.flatMap((dependency) => dependencyProblems(dependency, predicate).map((problem) => `${dependency.name}: ${problem}`)),
  ];
};

const outcomeProblems = (predicate: Predicate): readonly string[] => {
  switch (predicate.outcome) {
    case 'Cancelled':
      return cancelledProblems(predicate);
    case 'Abandoned':
      return predicate.people.glassBroken ? [] : ['it was abandoned, and nobody took the finalizer off'];
    default:
      return completedProblems(predicate);
  }
};

const duplicates = (names: readonly string[]): readonly string[] => names.filter((name, index) => names.indexOf(name) !== index);

const cancelledProblems = ({ people, run, dependencies }: Predicate): readonly string[] => [
  ...(people.cancel?.accepted === true ? [] : ['it was cancelled, and nobody asked for that']),
  ...(run.revokeStartedAt === undefined && run.revokedAt === undefined ? [] : ['it was cancelled after revoking had begun']),
  ...dependencies.flatMap(({ name, credentials }) =>
    credentials.filter(({ revokeRequestedAt }) => revokeRequestedAt !== undefined).map(({ id }) => `${name}: it was cancelled, and ${id} was asked to end`),
  ),
];

const completedProblems = (predicate: Predicate): readonly string[] => {
  const { outcome, dependencies, run } = predicate;
  const unconfirmed = dependencies.filter(({ state }) => state !== 'Confirmed');
  const isUnprovable = dependencies.some(({ findings }) => findings.some(({ type }) => type === 'NotProvable'));
  return [
    ...(run.revokeStartedAt === undefined ? ['it is complete, and revoking never began'] : []),
    ...runProblems(predicate),
    ...(outcome === 'Confirmed' && isUnprovable ? ['it says Confirmed, and names access whose end nobody can observe'] : []),
    ...(outcome === 'CompletedWithWaivers' ? waiverProblems(predicate) : unconfirmed.map(({ name, state }) => `${name}: it is ${state}, and the run says ${outcome}`)),
  ];
};

/** Whoever asked for the run cannot give up a part of it. */
const waiverProblems = ({ dependencies, people, run }: Predicate): readonly string[] => {
  const waived = dependencies.filter(({ state }) => state === 'Waived');
  const requester = people.requestedBy?.username;
  return [
    ...(waived.length === 0 ? ['it says CompletedWithWaivers, and nothing is waived'] : []),
    ...(requester === undefined ? ['nobody is known to have asked for it, so nobody can have waived a part of it'] : []),
    ...dependencies.filter(({ state }) => state === 'Open').map(({ name }) => `${name}: it is open, and nobody gave it up`),
    ...waived.flatMap(({ name }) => {
      const [waiver] = people.waivers.filter(({ dependency }) => dependency === name);
      if (waiver === undefined) return [`${name}: it is waived, and there is no waiver`];
      return [
        ...(waiver.approvedBy === requester ? [`${name}: whoever asked for the run waived it`] : []),
        ...(isAfter(run.completedAt, waiver.expiresAt) ? [`${name}: its waiver had ended`] : []),
      ];
    }),
  ];
};

const dependencyProblems = (dependency: RecordedDependency, predicate: Predicate): readonly string[] => {
  const { state, credentials } = dependency;
  const open = credentials.filter((credential) => credential.state !== 'Confirmed');
  return [
    ...(state === 'Confirmed' ? open.map(({ id, state: left }) => `${id}: it is ${left}, and the dependency is Confirmed`) : []),
    ...credentials.flatMap((credential) => credentialProblems(credential, dependency, predicate.run).map((problem) => `${credential.id}: ${problem}`)),
  ];
};
