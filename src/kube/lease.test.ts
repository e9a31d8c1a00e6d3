import { describe, expect, it } from 'vitest';

import type { LeaderRecord } from '../runtime/lease-claim.ts';
import type { KubeClient, Patch } from './client.ts';
import { ApiError } from './errors.ts';
import { createLeaseLock } from './lease.ts';
import { fromMicroTime, toMicroTime } from './micro-time.ts';

const at = new Date('2026-11-23T10:00:00.123Z');

const record: LeaderRecord = {
  holderIdentity: 'pod-1', leaseDurationSeconds: 15, acquireTime: at, renewTime: at, leaseTransitions: 3, version: '7',
};

const spec = {
  holderIdentity: 'pod-1', leaseDurationSeconds: 15,
  acquireTime: '2026-11-23T10:00:00.123000Z', renewTime: '2026-11-23T10:00:00.123000Z', leaseTransitions: 3,
};

const lease = (resourceVersion: string): object => ({
  metadata: { name: 'leader', namespace: 'offboard-system', uid: 'uid', resourceVersion }, spec,
});

const setup = (answer: object) => {
  const calls: unknown[] = [];
  const reply = (...call: unknown[]): Promise<unknown> => {
    calls.push(call);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const client = {
    get: (_: unknown, key: unknown) => reply('get', key),
    create: (_: unknown, namespace: string, body: unknown) => reply('create', namespace, body),
    patch: (_: unknown, key: unknown, patch: Patch) => reply('patch', key, patch),
  } as unknown as KubeClient;
  return { calls, lock: createLeaseLock({ client, namespace: 'offboard-system', name: 'leader' }) };
};

const key = { namespace: 'offboard-system', name: 'leader' };

describe('MicroTime', () => {
  it('has exactly six digits of a second, there and back', () => {
    expect(toMicroTime(at)).toBe('2026-11-23T10:00:00.123000Z');
    expect(fromMicroTime('2026-11-23T10:00:00.123456Z')).toEqual(at);
    expect(fromMicroTime(null)).toBeUndefined();
    expect(fromMicroTime('yesterday')).toBeUndefined();
  });
});

describe('a lease lock', () => {
  it('reads the record', async () => {
    const { calls, lock } = setup(lease('7'));
    expect(await lock.get()).toEqual(record);
    expect(calls).toEqual([['get', key]]);
  });

  it('reads a lease that nobody ever held', async () => {
    expect(await setup({ ...lease('7'), spec: undefined }).lock.get()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 0, leaseTransitions: 0, version: '7' });
  });

  it('has no record when this very lease is not there', async () => {
    const details = { name: 'leader', group: 'coordination.k8s.io', kind: 'leases' };
    expect(await setup(new ApiError(404, 'NotFound', 'not found', { details })).lock.get()).toBeUndefined();
  });

  it('does not take any other 404 for that', async () => {
    await expect(setup(new ApiError(404, 'NotFound', 'namespaces not found')).lock.get()).rejects.toThrow(ApiError);
  });

  it('creates the lease', async () => {
    const { calls, lock } = setup(lease('8'));
    expect(await lock.create({ ...record, version: '' })).toEqual({ ...record, version: '8' });
    expect(calls).toEqual([['create', 'offboard-system', { metadata: { name: 'leader', namespace: 'offboard-system' }, spec }]]);
  });

  it('changes only the version that was read', async () => {
    const { calls, lock } = setup(lease('8'));
    expect(await lock.update(record)).toEqual({ ...record, version: '8' });
    expect(calls).toEqual([['patch', key, { type: 'merge', body: { metadata: { resourceVersion: '7' }, spec } }]]);
  });

  it('never changes a lease that was not read: an empty version would hold for any', async () => {
    const { calls, lock } = setup(lease('8'));
    await expect(lock.update({ ...record, version: '' })).rejects.toThrow('version that was read');
    expect(calls).toEqual([]);
  });
});
