/** Whether what a record claims of one credential adds up. */
import { clocksMayDiffer, isAfter } from './claims-time.ts';
import type { Predicate, RecordedCredential, RecordedDependency } from './predicate.ts';

type Run = Predicate['run'];

export const credentialProblems = (credential: RecordedCredential, dependency: RecordedDependency, run: Run): readonly string[] => [
  ...(credential.state === 'Confirmed' ? confirmedProblems(credential, dependency, run) : openProblems(credential, dependency)),
  ...((credential.count === undefined) === (credential.digest === undefined) ? [] : ['it stands for others, and does not say for how many and for which']),
];

const openProblems = ({ strength, confirmedAt }: RecordedCredential, { state }: RecordedDependency): readonly string[] => [
  ...(confirmedAt === undefined ? [] : ['it is open, and has a time at which it was confirmed']),
  ...(state === 'Waived' && strength !== 'Waived' ? ['it was given up, and does not say so'] : []),
  ...(state !== 'Waived' && strength !== undefined ? [`it is open, and says that it is ${strength}`] : []),
];

interface End {
  readonly run: Run;
  readonly confirmedAt: string;
  readonly settleMilliseconds: number;
}

/** Two absences that span the settle time, after it was asked to end, by what its strength says. */
const confirmedProblems = (credential: RecordedCredential, { settleMilliseconds }: RecordedDependency, run: Run): readonly string[] => {
  const { absentSince, confirmedAt, absentMilliseconds, revokeRequestedAt, foundAbsent } = credential;
  if (absentSince === undefined || confirmedAt === undefined || absentMilliseconds === undefined) return ['it is Confirmed, and was not seen absent twice'];
  return [
    ...(absentMilliseconds < settleMilliseconds ? [`it was absent for ${absentMilliseconds} ms, and is believed gone after ${settleMilliseconds} ms`] : []),
    ...(isAfter(absentSince, confirmedAt) ? ['it was confirmed before it was first seen absent'] : []),
    ...(absentMilliseconds > Date.parse(confirmedAt) - Date.parse(absentSince) + clocksMayDiffer ? [`it was absent for ${absentMilliseconds} ms, and there are not as many between its times`] : []),
    ...(isAfter(confirmedAt, run.completedAt) ? ['it was confirmed after the run had ended'] : []),
    ...(revokeRequestedAt !== undefined && foundAbsent !== true && isAfter(revokeRequestedAt, confirmedAt) ? ['it was confirmed before it was asked to end'] : []),
    ...strengthProblems(credential, { run, confirmedAt, settleMilliseconds }),
  ];
};

const strengthProblems = (credential: RecordedCredential, end: End): readonly string[] => {
  const { strength, expiresAt } = credential;
  const { confirmedAt } = end;
  if (strength === undefined) return ['it is Confirmed, and does not say what that rests on'];
  switch (strength) {
    case 'Probed':
      return probedProblems(credential, end);
    case 'Observed':
      return [];
    case 'WaitedOut':
      // One that stands for others does not say the time of each.
      if (expiresAt === undefined) return credential.count === undefined ? ['it was waited out, and does not say until when'] : [];
      return isAfter(expiresAt, confirmedAt) ? ['it was waited out, and its time was not over'] : [];
    case 'Waived':
      return ['it is Confirmed, and says that it was given up'];
  }
};

/** A refusal means something only when the same try worked before; the last of them is what confirms. */
const probedProblems = ({ probe, revokeRequestedAt, absentSince = '' }: RecordedCredential, { run, confirmedAt, settleMilliseconds }: End): readonly string[] => {
  if (probe?.refusedAt === undefined) return ['it is Probed, and was not tried and refused'];
  const { controlAt, refusedAt, lastRefusedAt, refusals = 0 } = probe;
  const begun = [run.lockedAt, run.revokeStartedAt, revokeRequestedAt].filter((at) => at !== undefined);
  return [
    ...(begun.some((at) => isAfter(controlAt, at)) ? ['it is Probed, and the try that worked was not before the lock and the revoke'] : []),
    ...(refusals < 2 ? [`it is Probed, and was refused ${refusals} times; it takes two`] : []),
    ...(isAfter(controlAt, refusedAt) ? ['it is Probed, and was refused before it worked'] : []),
    ...(isAfter(refusedAt, absentSince) ? ['it is Probed, and was not refused from its first absence on'] : []),
    // A record of an earlier version does not say.
    ...(lastRefusedAt === undefined || lastRefusedAt === confirmedAt ? [] : ['it is Probed, and was not refused when it was confirmed']),
    ...(lastRefusedAt === refusedAt && settleMilliseconds > 0 ? ['it is Probed, and was refused in one look alone'] : []),
  ];
};
