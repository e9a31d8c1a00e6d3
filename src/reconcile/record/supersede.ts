/** A name is used again on purpose: the lock on it comes off, and the record says for whom and who asked. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { OffboardingRecordStatus } from '../../api/v1alpha1/index.ts';
import { isNotFound } from '../../kube/errors.ts';
import { workloadIdentities } from '../../kube/resources.ts';
import type { OffboardingRecordObject, WorkloadIdentityObject } from '../objects.ts';
import { identityOfRecord, runUnderWay } from './context.ts';
import type { RecordContext } from './context.ts';
import { readSigned } from './sound.ts';
import { unlock } from './watch.ts';

/**
 * The lock comes off before that is written down: a process that dies in between leaves a record that still watches, and the next look
 * does it again. A run of the same name that is under way has the lock in hand; its end wakes this up.
 */
export const supersede = async (record: OffboardingRecordObject, context: RecordContext, signal: AbortSignal): Promise<OffboardingRecordStatus['supersededBy']> => {
  const claimant = context.claimants(record.metadata.name).filter((identity) => claims(identity, record)).toSorted(byAge)[0];
  if (claimant === undefined || runUnderWay(identityOfRecord(record), context) !== undefined) return undefined;
  const identity = await readAgain(claimant, context, signal);
  if (identity === undefined || !claims(identity, record) || !(await isSaidSince(identity, record, context, signal))) return undefined;
  await unlock(record, context, signal);
  const { namespace = '', name, uid } = identity.metadata;
  const requestedBy = identity.spec.supersedes?.requestedBy?.username;
  return { namespace, name, uid, ...(requestedBy === undefined ? {} : { requestedBy }), at: context.clock.now().toISOString() };
};

const claims = ({ metadata, spec }: WorkloadIdentityObject, record: OffboardingRecordObject): boolean =>
  metadata.deletionTimestamp === undefined &&
  spec.supersedes?.record === record.metadata.name &&
  `${metadata.namespace ?? ''}/${spec.serviceAccount.name}` === identityOfRecord(record);

/**
 * Nobody takes back an end of its own that was yet to come: what it asks for must have been said after that began. What is not known to be
 * signed releases nothing.
 */
const isSaidSince = async ({ metadata: { uid, generation = 0 } }: WorkloadIdentityObject, record: OffboardingRecordObject, context: RecordContext, signal: AbortSignal): Promise<boolean> => {
  const opened = await readSigned(record.metadata.name, context, signal);
  if ('problem' in opened) return false;
  const { workloadIdentity: retired } = opened.predicate.identity;
  return retired?.uid !== uid || generation > retired.generation;
};

const byAge = ({ metadata: one }: WorkloadIdentityObject, { metadata: other }: WorkloadIdentityObject): number =>
  one.creationTimestamp.localeCompare(other.creationTimestamp) || one.name.localeCompare(other.name);

/** The watch may show it a little longer than it is there, and a lock that came off for nobody would stay off. */
const readAgain = async ({ metadata }: WorkloadIdentityObject, { client }: RecordContext, signal: AbortSignal): Promise<WorkloadIdentityObject | undefined> => {
  const { namespace = '', name, uid } = metadata;
  try {
    const now = await client.get<WorkloadIdentityObject>(workloadIdentities, { namespace, name }, { signal });
    return now.metadata.uid === uid ? now : undefined;
  } catch (error) {
    if (isNotFound(error, workloadIdentities, name)) return undefined;
    throw error;
  }
};

/** On both: whoever looks at one of them learns of it. */
export const announceSuperseded = (record: OffboardingRecordObject, by: NonNullable<OffboardingRecordStatus['supersededBy']>, context: RecordContext): void => {
  const { events, log, claimants } = context;
  const asked = by.requestedBy === undefined ? 'nobody knows who asked for it' : `${by.requestedBy} asked for it`;
  const note = `WorkloadIdentity "${by.name}" in namespace "${by.namespace}" uses the name of OffboardingRecord "${record.metadata.name}" again; the lock is off, and ${asked}`;
  log.info('A retired name is used again on purpose', { record: record.metadata.name, workloadIdentity: `${by.namespace}/${by.name}`, requestedBy: by.requestedBy });
  const identity = claimants(record.metadata.name).find(({ metadata }) => metadata.uid === by.uid);
  for (const regarding of [record, identity]) {
    if (regarding !== undefined) events.record({ regarding, type: 'Normal', reason: reasons.superseded, action: 'Supersede', note });
  }
};
