/** The leader's record in a `coordination.k8s.io/v1` Lease. Every write holds only for the version that was read. */
import type { LeaderLock, LeaderRecord } from '../runtime/lease-claim.ts';
import type { KubeClient } from './client.ts';
import { ApiError, isNotFound } from './errors.ts';
import { fromMicroTime, toMicroTime } from './micro-time.ts';
import type { Lease } from './objects.ts';
import { leases } from './resources.ts';

export interface LeaseLockOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
}

export const createLeaseLock = ({ client, namespace, name }: LeaseLockOptions): LeaderLock => ({
  get: async () => {
    try {
      return toRecord(await client.get<Lease>(leases, { namespace, name }));
    } catch (error) {
      if (isNotFound(error, leases, name)) return undefined;
      throw error;
    }
  },
  create: async (record) =>
    toRecord(await client.create<Lease>(leases, namespace, { metadata: { name, namespace }, spec: toSpec(record) })),
  update: async (record) => {
    if (record.version === '') throw new ApiError(0, 'Invalid', 'a Lease can only be updated from a version that was read');
    // A merge patch with the version in it: fields that others may have added stay.
    const body = { metadata: { resourceVersion: record.version }, spec: toSpec(record) };
    return toRecord(await client.patch<Lease>(leases, { namespace, name }, { type: 'merge', body }));
  },
});

const toSpec = (record: LeaderRecord): NonNullable<Lease['spec']> => ({
  holderIdentity: record.holderIdentity,
  leaseDurationSeconds: record.leaseDurationSeconds,
  acquireTime: toMicroTime(record.acquireTime),
  renewTime: toMicroTime(record.renewTime),
  leaseTransitions: record.leaseTransitions,
});

const toRecord = ({ metadata, spec = {} }: Lease): LeaderRecord => ({
  holderIdentity: spec.holderIdentity ?? '',
  leaseDurationSeconds: spec.leaseDurationSeconds ?? 0,
  acquireTime: fromMicroTime(spec.acquireTime) ?? new Date(0),
  renewTime: fromMicroTime(spec.renewTime) ?? new Date(0),
  leaseTransitions: spec.leaseTransitions ?? 0,
  version: metadata.resourceVersion,
});
