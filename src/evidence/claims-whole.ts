/** Whether a record speaks of all that it must: what nobody wrote down, nobody has proven. */
import { isAfter } from './claims-time.ts';
import type { Predicate, RecordedDependency } from './predicate.ts';

/** The cluster itself, which every identity has to do with. */
const cluster = 'kubernetes';

export const wholeProblems = (predicate: Predicate): readonly string[] => {
  const { identity, dependencies } = predicate;
  const named = [cluster, ...(identity.dependencies ?? []).map(({ name }) => name)];
  return [
    ...named.filter((each) => !dependencies.some(({ name }) => name === each)).map((name) => `${name}: it is to be ended there, and nothing is said of it`),
    ...accountProblems(predicate),
    ...certificateProblems(predicate),
  ];
};

const confirmedCluster = (dependencies: readonly RecordedDependency[]): RecordedDependency | undefined =>
  dependencies.find(({ name, state }) => name === cluster && state === 'Confirmed');

/** It is revoked in every run, also where it is gone before. */
const accountProblems = ({ identity, dependencies }: Predicate): readonly string[] => {
  const { uid } = identity.serviceAccount;
  const confirmed = confirmedCluster(dependencies);
  if (confirmed === undefined || uid === undefined) return [];
  const accounts = confirmed.credentials.filter((each) => each.class === 'ServiceAccount' && (each.uid === uid || each.count !== undefined));
  const isUnasked = accounts.some(({ revokeRequestedAt, foundAbsent, returned, count }) => count === undefined && revokeRequestedAt === undefined && foundAbsent !== true && returned === undefined);
  return [
    ...(accounts.length === 0 ? [`${cluster}: nothing is said of the ServiceAccount itself`] : []),
    ...(isUnasked ? [`${cluster}: the ServiceAccount itself was neither asked to end nor gone before`] : []),
  ];
};

/** Nobody can revoke a certificate: where the cluster is confirmed, each had its time. */
const certificateProblems = ({ identity, dependencies, run }: Predicate): readonly string[] => {
  const confirmed = confirmedCluster(dependencies);
  if (confirmed === undefined) return [];
  return (identity.certificates ?? []).flatMap(({ commonName, notAfter }) => [
    ...(hasCertificate(confirmed, commonName) ? [] : [`${cluster}: there is a certificate of "${commonName}", and nothing is said of it`]),
    ...(isAfter(notAfter, run.completedAt) ? [`${cluster}: the certificate of "${commonName}" was valid after the run had ended`] : []),
  ]);
};

/** Of many, only how many there are may be known. */
const hasCertificate = ({ credentials }: RecordedDependency, commonName: string): boolean =>
  credentials.some((each) => each.class === 'Certificate' && (each.count !== undefined || each.id.endsWith(` ${commonName}`)));
