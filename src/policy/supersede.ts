/** What the records of a name mean to a WorkloadIdentity that has it: whether it may be used, and what to do where it may not. */
import { reasons } from '../api/v1alpha1/conditions.ts';
import { standingTombstone, tombstoneOf } from './tombstone.ts';
import type { RecordFacts } from './tombstone.ts';
import { reconciling, stalled } from './verdict.ts';
import type { Verdict } from './verdict.ts';

export interface NameClaim {
  /** UID of the WorkloadIdentity. */
  readonly uid: string;
  readonly account: { readonly namespace: string; readonly name: string };
  /** `spec.supersedes.record`. */
  readonly record: string | undefined;
  /** The records of its own ends since it said that, as far as its runs are still there. */
  readonly ends?: readonly string[];
}

export interface NameRecords {
  readonly get: (name: string) => RecordFacts | undefined;
  /** All of one name, as `namespace/name`. */
  readonly of: (identity: string) => readonly RecordFacts[];
  /** The name of the last record of all. */
  readonly head: () => string | undefined;
}

/** Undefined where the name is free, or is this identity's again. */
export const nameVerdict = ({ uid, account, record, ends = [] }: NameClaim, records: NameRecords): Verdict | undefined => {
  const own = records.of(`${account.namespace}/${account.name}`);
  const standing = standingTombstone(own);
  if (record === undefined) return standing === undefined ? undefined : nameRetired(account, standing);
  const found = records.get(record);
  if (found?.status?.supersededBy?.uid === uid) return undefined;
  // One that was there once may be gone by its retention; which number was never given is known.
  if (found === undefined && record > (records.head() ?? '')) return mismatch(record, `there is no OffboardingRecord "${record}"`, own);
  if (found !== undefined && !isOf(found, account)) return mismatch(record, otherIdentity(found), own);
  if (ends.includes(record)) return mismatch(record, `OffboardingRecord "${record}" is of the end of this very WorkloadIdentity, which asked for it before`, own);
  if (standing === undefined) return undefined;
  if (standing.metadata.name !== record) return mismatch(record, `OffboardingRecord "${record}" is not the last end of this name`, own);
  return reconciling(reasons.superseding, `the lock on the name is about to come off, which OffboardingRecord "${record}" will say; it waits for a run of the same name that is under way`);
};

/** The record that says to be superseded by this identity, for the record of its own end. Of one that is gone, nobody can tell. */
export const supersededRecord = ({ uid, record, account }: NameClaim, { get }: Pick<NameRecords, 'get'>): string | undefined => {
  const found = record === undefined ? undefined : get(record);
  return found !== undefined && isOf(found, account) && found.status?.supersededBy?.uid === uid ? record : undefined;
};

const isOf = ({ spec }: RecordFacts, { namespace, name }: NameClaim['account']): boolean => spec.identity?.namespace === namespace && spec.identity.name === name;

const otherIdentity = ({ metadata, spec }: RecordFacts): string =>
  spec.identity === undefined
    ? `OffboardingRecord "${metadata.name}" is a part of another, and of no identity itself`
    : `OffboardingRecord "${metadata.name}" is of ServiceAccount "${spec.identity.name}" in namespace "${spec.identity.namespace}"`;

const nameRetired = ({ name }: NameClaim['account'], { metadata, spec }: RecordFacts): Verdict =>
  stalled(
    reasons.nameRetired,
    `ServiceAccount "${name}" was retired${spec.completedAt === undefined ? '' : ` at ${spec.completedAt}`} (OffboardingRecord "${metadata.name}"), and the lock keeps it from being made again. ` +
      `To use the name again on purpose, set spec.supersedes.record to "${metadata.name}"; else delete this WorkloadIdentity, or choose another name`,
  );

const mismatch = (record: string, why: string, own: readonly RecordFacts[]): Verdict => {
  const last = tombstoneOf(own)?.metadata.name;
  const instead = last === undefined ? 'no identity of this name was retired, so that nothing is to be superseded' : `the last end of this name is OffboardingRecord "${last}"`;
  return stalled(
    reasons.recordMismatch,
    `spec.supersedes.record: ${why}; ${instead}. Nothing was released. supersedes cannot be changed: delete this WorkloadIdentity and create it anew${last === undefined || last === record ? ' without it' : ` with "${last}"`}`,
  );
};
