/** What the reconciler of records works with. Reads are from the cache unless they say otherwise. */
import type { PublicKeys } from '../../evidence/keys.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { isWaived } from '../../policy/waiver.ts';
import type { Registry } from '../../revokers/registry.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Random } from '../../runtime/random.ts';
import type { OffboardingObject, OffboardingRecordObject, WorkloadIdentityObject } from '../objects.ts';
import type { Ledger } from './ledger.ts';

export interface RecordsView {
  readonly get: (name: string) => OffboardingRecordObject | undefined;
  /** All of one identity, `namespace/name` of its ServiceAccount. */
  readonly of: (identity: string) => readonly OffboardingRecordObject[];
  readonly list: () => readonly OffboardingRecordObject[];
  /** The name of the last record of all. */
  readonly head: () => string | undefined;
}

export interface RecordContext {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly registry: Registry;
  readonly records: RecordsView;
  /** Every Offboarding for this identity. */
  readonly runsFor: (identity: string) => readonly OffboardingObject[];
  /** Does this while no record is being stored. */
  readonly between: Ledger['between'];
  /** Every WorkloadIdentity that says to supersede the record of this name. */
  readonly claimants: (record: string) => readonly WorkloadIdentityObject[];
  /** The public keys that are published in the cluster. */
  readonly publicKeys: (signal: AbortSignal) => Promise<PublicKeys>;
  /** Identities whose lock is about to come off by the hand of their tombstone. */
  readonly releasing: Set<string>;
  /** The answer of a write, so that the next look does not start from before it. */
  readonly keep: (raw: KubeObject) => void;
  /** Milliseconds for which a record stays after the end that it tells of; 0 for ever. */
  readonly retention: number;
  /** Told each time that something came back. */
  readonly onReturned: () => void;
}

/** `namespace/name` of the ServiceAccount. */
export const identityOfRecord = ({ spec }: OffboardingRecordObject): string => `${spec.identity?.namespace ?? ''}/${spec.identity?.name ?? ''}`;

/** The run that has the identity in hand, and its lock with it. */
export const runUnderWay = (identity: string, { runsFor }: Pick<RecordContext, 'runsFor'>): OffboardingObject | undefined =>
  runsFor(identity).find(({ spec, status }) => spec.mode === 'Enforce' && status?.startedAt !== undefined && (status.completedAt === undefined || isWaived(status)));
