/** Where a WorkloadIdentity is in its life, and what its end needs. */
import { conditionOf, conditionTypes } from '../api/v1alpha1/conditions.ts';
import type { LifecycleState, OffboardingStatus } from '../api/v1alpha1/index.ts';

/** An Enforce run for the identity. Times are RFC 3339. */
export interface RunOfIdentity {
  readonly namespace: string;
  readonly name: string;
  /** As the API server says. */
  readonly createdAt: string;
  /** UID of the WorkloadIdentity that the run was resolved from; undefined for an inline identity. */
  readonly workloadIdentityUid: string | undefined;
  readonly status: Pick<OffboardingStatus, 'startedAt' | 'completedAt' | 'conditions'>;
  /** Standing: complete only by waivers, all in force at this moment. Lapsed: not all are, and the run is about to reopen. */
  readonly waivers: 'None' | 'Standing' | 'Lapsed';
}

/** How long before its end an identity is shown as Expiring, in milliseconds. */
export const expiringWindow = 24 * 3_600_000;

export const isConfirmed = ({ status }: RunOfIdentity): boolean =>
  conditionOf(status, conditionTypes.ready)?.status === 'True';

/** What waivers have completed is still worked on, and is not retired. */
export const isUnderWay = ({ status, waivers }: RunOfIdentity): boolean => status.completedAt === undefined || waivers !== 'None';

/** The run that speaks for the identity: the one under way, else the one that confirmed its end last. */
export const runOf = (uid: string, runs: readonly RunOfIdentity[]): RunOfIdentity | undefined =>
  runs.find(({ status }) => status.completedAt === undefined) ??
  runs.find(isUnderWay) ??
  runs
    .filter((run) => run.workloadIdentityUid === uid && isConfirmed(run))
    .toSorted((a, b) => (a.status.completedAt ?? '').localeCompare(b.status.completedAt ?? ''))
    .at(-1);

export const lifecycleState = (
  run: RunOfIdentity | undefined,
  expiresAt: number | undefined,
  now: number,
): LifecycleState => {
  if (run !== undefined) return isUnderWay(run) ? 'Offboarding' : 'Retired';
  return expiresAt !== undefined && expiresAt - now <= expiringWindow ? 'Expiring' : 'Active';
};

/**
 * What the deletion of a WorkloadIdentity waits for. Only a run that ended after the deletion was asked for releases it: an older one says
 * nothing about what was granted since. When the deletion was asked for is told by another clock than when a run ended; so it is one that
 * was created since, by the same clock, or that the deletion was seen to wait for. A waiver releases it while it is in force, and not a
 * moment longer.
 */
export const onDeletion = (
  deletedAt: string,
  runs: readonly RunOfIdentity[],
  waitedFor: Pick<RunOfIdentity, 'namespace' | 'name'> | undefined,
): { readonly kind: 'Release' } | { readonly kind: 'WaitFor'; readonly run: RunOfIdentity } | { readonly kind: 'Create' } => {
  const after = Date.parse(deletedAt);
  const endedSince = ({ createdAt, namespace, name }: RunOfIdentity): boolean =>
    Date.parse(createdAt) >= after || (waitedFor?.namespace === namespace && waitedFor.name === name);
  if (runs.some((run) => isConfirmed(run) && run.status.completedAt !== undefined && run.waivers !== 'Lapsed' && endedSince(run))) return { kind: 'Release' };
  const run = runs.find((each) => isUnderWay(each) && each.waivers !== 'Standing');
  return run === undefined ? { kind: 'Create' } : { kind: 'WaitFor', run };
};
