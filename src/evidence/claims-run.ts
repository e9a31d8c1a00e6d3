/** Whether the times of a run, its locks and its last looks are in the order that they must be. */
import { isAfter } from './claims-time.ts';
import type { Predicate, RecordedCredential, RecordedDependency } from './predicate.ts';

/** Of a run that was not cancelled. */
export const runProblems = (predicate: Predicate): readonly string[] => {
  const { run, dependencies } = predicate;
  const { urgency, lockedAt, revokeStartedAt = run.completedAt } = run;
  // In an Emergency a lock that fails holds nothing up.
  const isLocked = urgency === 'Routine' || dependencies.every(({ lock }) => lock !== 'NotLocked');
  return [
    ...(isAfter(run.startedAt, revokeStartedAt) ? ['revoking began before the run did'] : []),
    ...(isAfter(revokeStartedAt, run.completedAt) ? ['it ended before revoking began'] : []),
    ...(isLocked && lockedAt === undefined ? ['revoking began, and nothing says when it was locked'] : []),
    ...(urgency === 'Routine' && lockedAt !== undefined && isAfter(lockedAt, revokeStartedAt) ? ['revoking began before it was locked'] : []),
    ...dependencies.flatMap((dependency) => lookProblems(dependency, predicate).map((problem) => `${dependency.name}: ${problem}`)),
  ];
};

/** The last look for more comes when everything is gone, also what lets the identity in here. */
const lookProblems = (dependency: RecordedDependency, predicate: Predicate): readonly string[] => {
  const { state, credentials, enumeratedAt } = dependency;
  const { run } = predicate;
  if (state !== 'Confirmed') return [];
  if (enumeratedAt === undefined) return ['it is Confirmed, and nobody looked whether there is more'];
  const late = (each: RecordedCredential): boolean => each.confirmedAt !== undefined && isAfter(each.confirmedAt, enumeratedAt);
  const early = credentials.find(late);
  const issuing = issuersOf(dependency, predicate).find(late);
  return [
    ...(run.revokeStartedAt !== undefined && isAfter(run.revokeStartedAt, enumeratedAt) ? ['the last look for more was before revoking began'] : []),
    ...(isAfter(enumeratedAt, run.completedAt) ? ['the last look for more was after the run had ended'] : []),
    ...(early === undefined ? [] : [`${early.id}: it was not confirmed at the last look for more`]),
    ...(issuing === undefined ? [] : [`${issuing.id} was not confirmed at the last look for more here, and lets in here`]),
  ];
};

/** The kinds of system that take the word of the cluster for who somebody is, so that a login there may succeed until that is over. */
export const trusting: readonly string[] = ['vault', 'google-cloud'];
/** The classes of credential that the cluster gives its word by. */
export const issuing: readonly string[] = ['ServiceAccount', 'BoundTokens', 'TokenSecret'];

/** Not those of another account that took the name; nor of a cluster that was given up, which nobody waits for. */
const issuersOf = ({ kind }: RecordedDependency, { identity, dependencies }: Predicate): readonly RecordedCredential[] =>
  trusting.includes(kind)
    ? dependencies
        .filter(({ kind: other, state }) => other === 'kubernetes' && state === 'Confirmed')
        .flatMap(({ credentials }) => credentials)
        .filter((each) => issuing.includes(each.class) && (each.class !== 'ServiceAccount' || each.uid === identity.serviceAccount.uid))
    : [];
