/** How long it took to end an identity's access: what the objective of the alerts is about. */
import type { OffboardingStatus } from '../api/v1alpha1/index.ts';

/**
 * Seconds from when the first revoke was about to be sent until all that anybody can end was proven gone. What can only be waited for,
 * such as a client certificate, is not in it. Undefined where nothing was revoked, or the run has not ended.
 */
export const timeToAllGone = ({ revokeStartedAt, completedAt, dependencies = [] }: OffboardingStatus): number | undefined => {
  if (revokeStartedAt === undefined || completedAt === undefined) return undefined;
  const credentials = dependencies.flatMap((dependency) => dependency.credentials ?? []);
  const waitedOut = credentials.some(({ strength }) => strength === 'WaitedOut');
  const proven = credentials.flatMap(({ strength, confirmedAt }) => (strength === 'WaitedOut' || confirmedAt === undefined ? [] : Date.parse(confirmedAt)));
  // Where nothing was waited for, the end of the run is the time; it has the last enumeration in it, and the storing of the record.
  const end = waitedOut ? Math.max(Date.parse(revokeStartedAt), ...proven) : Date.parse(completedAt);
  return Math.max(0, (end - Date.parse(revokeStartedAt)) / 1000);
};
