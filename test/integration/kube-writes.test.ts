/** Finalizers, events and the lease lock on a real API server, which has the last word on what they may write. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { KubeClient } from '../../src/kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../src/kube/errors.ts';
import { createEventRecorder, type RecordedEvent } from '../../src/kube/events.ts';
import { addFinalizer, removeFinalizer } from '../../src/kube/finalizers.ts';
import { createLeaseLock } from '../../src/kube/lease.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { clusterRoles, events, namespaces } from '../../src/kube/resources.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { LeaderRecord } from '../../src/runtime/lease-claim.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type ConfigMap, configMaps, connect, type Connection, type LoggedLine, recordingLogger } from './kube-connection.ts';

const ours = 'offboard.dev/hold';
const theirs = 'example.com/hold';

let cluster: ControlPlane;
let connection: Connection;
let client: KubeClient;

beforeAll(async () => {
  cluster = await startControlPlane();
  connection = connect(cluster.kubeconfig);
  ({ client } = connection);
}, 120_000);

afterAll(async () => {
  await connection.close();
  await cluster.stop();
});

const create = (name: string, finalizers: readonly string[] = []): Promise<ConfigMap> =>
  client.create<ConfigMap>(configMaps, 'default', { metadata: { name, finalizers } });
const read = (name: string): Promise<ConfigMap> => client.get<ConfigMap>(configMaps, { namespace: 'default', name });
const touch = (name: string): Promise<ConfigMap> =>
  client.patch<ConfigMap>(configMaps, { namespace: 'default', name }, { type: 'merge', body: { data: { touched: 'yes' } } });
const remove = (name: string): Promise<void> => client.delete(configMaps, { namespace: 'default', name });
const whyNot = (call: Promise<unknown>): Promise<unknown> => call.then(() => undefined, (error: unknown) => error);

describe('a finalizer', () => {
  it('goes on and off, and leaves those of others alone', async () => {
    const bare = await create('on-and-off');
    const held = await addFinalizer(client, configMaps, bare, ours);
    expect(held.metadata.finalizers).toEqual([ours]);
    const shared = await client.patch<ConfigMap>(configMaps, { namespace: 'default', name: 'on-and-off' }, {
      type: 'merge', body: { metadata: { finalizers: [theirs, ours] } },
    });
    const left = await removeFinalizer(client, configMaps, shared, ours);
    expect(left?.metadata.finalizers).toEqual([theirs]);
    const back = await addFinalizer(client, configMaps, left ?? shared, ours);
    expect(back.metadata.finalizers).toEqual([theirs, ours]);
  });

  it('is not put on an object that has changed since it was read', async () => {
    const stale = await create('changed');
    await touch('changed');
    expect(isConflict(await whyNot(addFinalizer(client, configMaps, stale, ours)))).toBe(true);
    expect((await read('changed')).metadata.finalizers).toBeUndefined();
  });

  it('is not taken off an object that has changed since it was read', async () => {
    const stale = await create('changed-too', [ours]);
    await touch('changed-too');
    expect(isConflict(await whyNot(removeFinalizer(client, configMaps, stale, ours)))).toBe(true);
    expect((await read('changed-too')).metadata.finalizers).toEqual([ours]);
  });

  it('ends an object that is being deleted when it is the last one', async () => {
    await create('ending', [ours, theirs]);
    await remove('ending');
    const withoutOurs = await removeFinalizer(client, configMaps, await read('ending'), ours);
    expect(withoutOurs?.metadata.finalizers).toEqual([theirs]);
    expect(await removeFinalizer(client, configMaps, await read('ending'), theirs)).toBeUndefined();
    expect(isNotFound(await whyNot(read('ending')), configMaps, 'ending')).toBe(true);
  });

  it('is gone with its object', async () => {
    const gone = await create('gone', [ours]);
    const freed = await removeFinalizer(client, configMaps, gone, ours);
    await remove('gone');
    expect(await removeFinalizer(client, configMaps, gone, ours)).toBeUndefined();
    await create('gone', [ours]);
    expect(await removeFinalizer(client, configMaps, gone, ours)).toBeUndefined();
    expect((await read('gone')).metadata.finalizers).toEqual([ours]);
    expect((await read('gone')).metadata.uid).not.toBe(freed?.metadata.uid);
  });

  it('is not put on what is being deleted', async () => {
    await create('too-late', [theirs]);
    await remove('too-late');
    await expect(addFinalizer(client, configMaps, await read('too-late'), ours)).rejects.toMatchObject({ code: 422 });
  });
});

describe('an event', () => {
  const setup = () => {
    const lines: LoggedLine[] = [];
    const recorder = createEventRecorder({
      client, clock: systemClock, log: recordingLogger(lines), reportingController: 'offboard.dev/operator', reportingInstance: 'test_1',
    });
    const say = (regarding: KubeObject, more: Partial<RecordedEvent> = {}): void => {
      recorder.record({ regarding, type: 'Warning', reason: 'Blocked', action: 'Offboard', note: 'a pod still runs', ...more });
    };
    return { flush: recorder.flush, lines, say };
  };

  it('is shown by kubectl describe', async () => {
    const { flush, lines, say } = setup();
    say(await create('described'));
    await flush();
    expect(lines).toEqual([]);
    expect(await cluster.kubectl(['describe', 'configmap', 'described'])).toMatch(/Warning\s+Blocked\s+\S+\s+offboard\.dev\/operator\s+a pod still runs/);
  });

  it('is taken with the longest note, type, reason and name that there can be', async () => {
    const { flush, lines, say } = setup();
    say(await create('x'.repeat(253)), { note: '€'.repeat(5_000), reason: 'R'.repeat(500), action: 'A'.repeat(500) });
    await flush();
    expect(lines).toEqual([]);
  });

  it('is taken about objects without a namespace, and with names that events may not have', async () => {
    const { flush, lines, say } = setup();
    say(await client.create(clusterRoles, undefined, { metadata: { name: 'Example:Role@1' }, rules: [] }));
    await flush();
    expect(lines).toEqual([]);
    const { items } = await client.list<KubeObject & { readonly regarding: { readonly name: string } }>(events, {
      namespace: 'default', fieldSelector: 'reportingController=offboard.dev/operator',
    });
    expect(items.map(({ regarding }) => regarding.name)).toContain('Example:Role@1');
  });

  it('is dropped without a word in a namespace that is ending', async () => {
    const { flush, lines, say } = setup();
    await client.create(namespaces, undefined, { metadata: { name: 'ending' } });
    const held = await client.create(configMaps, 'ending', { metadata: { name: 'held', finalizers: [theirs] } });
    await client.delete(namespaces, { name: 'ending' });
    await waitFor(
      async () => isTerminating(await whyNot(client.create(configMaps, 'ending', { metadata: { name: 'one-more' } }, {}))),
      { what: 'the namespace taking nothing new' },
    );
    say(held);
    await flush();
    expect(lines).toEqual([]);
  });
});

const isTerminating = (error: unknown): boolean => error instanceof Error && error.message.includes('is being terminated');

describe('a lease lock', () => {
  const at = new Date('2026-11-23T10:00:00.123Z');
  const record: LeaderRecord = {
    holderIdentity: 'one', leaseDurationSeconds: 15, acquireTime: at, renewTime: at, leaseTransitions: 0, version: '',
  };
  const lockNamed = (name: string) => createLeaseLock({ client, namespace: 'default', name });

  it('is there once it is created, and only once', async () => {
    const lock = lockNamed('created');
    expect(await lock.get()).toBeUndefined();
    const created = await lock.create(record);
    expect(created).toEqual({ ...record, version: created.version });
    expect(await lock.get()).toEqual(created);
    expect(isAlreadyExists(await whyNot(lock.create({ ...record, holderIdentity: 'two' })))).toBe(true);
  });

  it('changes for the one who saw it last', async () => {
    const lock = lockNamed('contended');
    const seen = await lock.create(record);
    const taken = await lock.update({ ...seen, holderIdentity: 'two', leaseTransitions: 1 });
    expect(taken).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
    expect(isConflict(await whyNot(lock.update({ ...seen, renewTime: systemClock.now() })))).toBe(true);
    expect(await lock.get()).toEqual(taken);
  });

  it('is released by an empty holder', async () => {
    const lock = lockNamed('released');
    const released = await lock.update({ ...(await lock.create(record)), holderIdentity: '', leaseDurationSeconds: 1 });
    expect(released.holderIdentity).toBe('');
    expect(await lock.get()).toEqual(released);
  });

  it('keeps what others wrote into the Lease', async () => {
    const lock = lockNamed('annotated');
    await lock.create(record);
    await cluster.kubectl(['annotate', 'lease', 'annotated', 'example.com/note=kept']);
    const seen = await lock.get();
    await lock.update({ ...record, version: seen?.version ?? '', holderIdentity: 'two' });
    expect(await cluster.kubectl(['get', 'lease', 'annotated', '-o', 'yaml'])).toMatch(/example\.com\/note: kept[\s\S]*holderIdentity: two/);
  });
});
