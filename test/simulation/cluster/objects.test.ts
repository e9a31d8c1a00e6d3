import { describe, expect, it } from 'vitest';

import { addFinalizer, removeFinalizer } from '../../../src/kube/finalizers.ts';
import { isAlreadyExists, isConflict, isExpired, isNamespaceTerminating, isNotFound, isRbacForbidden } from '../../../src/kube/errors.ts';
import { createLeaseLock } from '../../../src/kube/lease.ts';
import type { KubeObject, Pod } from '../../../src/kube/objects.ts';
import { configMaps, leases, namespaces, offboardings, offboardingWaivers, pods, secrets, serviceAccounts } from '../../../src/kube/resources.ts';
import { createServerVersion } from '../../../src/kube/version.ts';
import { type ClusterWorld, createClusterWorld, operatorNamespace } from './world.ts';

const never = new AbortController().signal;
const failure = async (world: ClusterWorld, work: Promise<unknown>): Promise<unknown> =>
  world.ended(work.then(() => { throw new Error('it was not refused'); }, (error: unknown) => error));

const run = { metadata: { name: 'run' }, spec: { mode: 'Plan' }, status: { phase: 'Forged' } };

describe('an object', () => {
  it('is created with a UID, a version and a time of the server, and with no status but the default', async () => {
    const world = createClusterWorld();
    const made = await world.ended(world.client.create<KubeObject>(offboardings, 'ci', run));
    expect(made).toMatchObject({ kind: 'Offboarding', apiVersion: 'offboard.dev/v1alpha1', metadata: { name: 'run', namespace: 'ci', generation: 1, creationTimestamp: '2026-11-23T10:00:00Z', uid: expect.stringMatching(/^00000000-/) as string } });
    expect(made).toMatchObject({ status: { observedGeneration: -1 } });
    expect(await world.ended(world.client.get(offboardings, { namespace: 'ci', name: 'run' }))).toEqual(made);
    expect(isAlreadyExists(await failure(world, world.client.create(offboardings, 'ci', run)))).toBe(true);
  });

  it('is the same in each universe', async () => {
    const texts = await Promise.all([1, 2].map(async () => {
      const world = createClusterWorld();
      return JSON.stringify(await world.ended(world.client.create(offboardings, 'ci', run)));
    }));
    expect(texts[0]).toBe(texts[1]);
  });

  it('that is not there is told by its name', async () => {
    const world = createClusterWorld();
    expect(isNotFound(await failure(world, world.client.get(serviceAccounts, { namespace: 'ci', name: 'x' })), serviceAccounts, 'x')).toBe(true);
    expect(isNotFound(await failure(world, world.client.delete(offboardings, { namespace: 'ci', name: 'x' })), offboardings, 'x')).toBe(true);
    expect(isNotFound(await failure(world, world.client.create(configMaps, 'nowhere', { metadata: { name: 'x' } })), namespaces, 'nowhere')).toBe(true);
  });

  it('has a status that is written apart', async () => {
    const world = createClusterWorld();
    const key = { namespace: 'ci', name: 'run' };
    const { metadata } = await world.ended(world.client.create<KubeObject>(offboardings, 'ci', run));
    const body = { metadata: { labels: { a: 'b' } }, spec: { mode: 'Other' }, status: { phase: 'Seen' } };
    const status = await world.ended(world.client.patch<KubeObject>(offboardings, key, { type: 'merge', subresource: 'status', body }));
    expect(status).toMatchObject({ spec: { mode: 'Plan' }, status: { phase: 'Seen' }, metadata: { generation: 1 } });
    expect(status.metadata.labels).toBeUndefined();
    const main = await world.ended(world.client.patch<KubeObject>(offboardings, key, { type: 'merge', body: { ...body, status: { phase: 'Forged' } } }));
    expect(main).toMatchObject({ spec: { mode: 'Other' }, status: { phase: 'Seen' }, metadata: { generation: 2, labels: { a: 'b' }, uid: metadata.uid } });
  });

  it('is not written where nothing changes', async () => {
    const world = createClusterWorld();
    const key = { namespace: 'ci', name: 'run' };
    const { metadata } = await world.ended(world.client.create<KubeObject>(offboardings, 'ci', run));
    const version = world.cluster.version();
    const same = await world.ended(world.client.patch<KubeObject>(offboardings, key, { type: 'merge', body: { spec: { mode: 'Plan', other: null } } }));
    expect([same.metadata.resourceVersion, world.cluster.version()]).toEqual([metadata.resourceVersion, version]);
  });

  it('is written by who saw it last', async () => {
    const world = createClusterWorld();
    const key = { namespace: 'ci', name: 'run' };
    const { metadata } = await world.ended(world.client.create<KubeObject>(offboardings, 'ci', run));
    const write = (body: unknown) => world.client.patch<KubeObject>(offboardings, key, { type: 'json', body, subresource: 'status' });
    const guarded = [{ op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion }, { op: 'add', path: '/status', value: { phase: 'One' } }];
    await world.ended(write(guarded));
    expect(isConflict(await failure(world, write(guarded)))).toBe(true);
    expect(await failure(world, write([{ op: 'test', path: '/status/phase', value: 'Two' }]))).toMatchObject({ code: 422 });
    expect(await failure(world, world.client.patch(offboardings, key, { type: 'merge', body: { metadata: { uid: 'another' } } }))).toMatchObject({ code: 422 });
  });

  it('is deleted as the one that was seen', async () => {
    const world = createClusterWorld();
    const key = { namespace: 'ci', name: 'bot' };
    const { metadata: { uid, resourceVersion } } = await world.ended(world.client.create<KubeObject>(serviceAccounts, 'ci', { metadata: { name: 'bot' } }));
    expect(isConflict(await failure(world, world.client.delete(serviceAccounts, key, { uid: 'another' })))).toBe(true);
    expect(isConflict(await failure(world, world.client.delete(serviceAccounts, key, { uid, resourceVersion: '1' })))).toBe(true);
    await world.ended(world.client.delete(serviceAccounts, key, { uid, resourceVersion }));
    expect(isNotFound(await failure(world, world.client.get(serviceAccounts, key)), serviceAccounts, 'bot')).toBe(true);
  });

  it('stays while a finalizer holds it, and goes with the last one', async () => {
    const world = createClusterWorld();
    const key = { namespace: 'ci', name: 'run' };
    const made = await world.ended(world.client.create<KubeObject>(offboardings, 'ci', run));
    const held = await world.ended(addFinalizer(world.client, offboardings, made, 'a/b'));
    await world.ended(world.client.delete(offboardings, key));
    const marked = await world.ended(world.client.get<KubeObject>(offboardings, key));
    expect(marked.metadata).toMatchObject({ finalizers: ['a/b'], deletionTimestamp: '2026-11-23T10:00:00Z', generation: 2, uid: held.metadata.uid });
    expect(await failure(world, addFinalizer(world.client, offboardings, marked, 'c/d'))).toMatchObject({ code: 422 });
    expect(await failure(world, world.client.create(offboardings, 'ci', run))).toMatchObject({ reason: 'AlreadyExists', message: expect.stringContaining('is being deleted') as string });
    expect(await world.ended(removeFinalizer(world.client, offboardings, marked, 'a/b'))).toBeUndefined();
    expect(world.cluster.as('alice').get(offboardings, key)).toBeUndefined();
  });

  it('is not created by a dry run', async () => {
    const world = createClusterWorld();
    const path = `/api/v1/namespaces/${operatorNamespace}/serviceaccounts?dryRun=All`;
    const answer = await world.ended(world.transport.request({ verb: 'create', resource: 'serviceaccounts', method: 'POST', path, body: { metadata: { name: 'x' } } }));
    expect(answer).toMatchObject({ kind: 'ServiceAccount', metadata: { name: 'x' } });
    expect(world.cluster.as('alice').get(serviceAccounts, { namespace: operatorNamespace, name: 'x' })).toBeUndefined();
  });
});

describe('an object of ours', () => {
  const key = { namespace: 'ci', name: 'run' };

  it('is stored with what its definition fills in, and with who asked for it', () => {
    const alice = createClusterWorld().cluster.as('alice');
    const spec = { mode: 'Plan', requestedBy: { username: 'forged' }, enforcedBy: { username: 'forged' } };
    const who = { username: 'alice', groups: ['system:authenticated'] };
    const made = alice.create(offboardings, { metadata: key, spec });
    expect(made['spec']).toEqual({ mode: 'Plan', requestedBy: who, urgency: 'Routine', soak: '0s', suspend: false });
    expect(made.metadata.finalizers).toBeUndefined();
    const enforced = alice.patch(offboardings, key, { spec: { mode: 'Enforce', cancel: { reason: 'x' } } });
    expect(enforced).toMatchObject({ spec: { enforcedBy: who, cancel: { requestedBy: who } }, metadata: { finalizers: ['offboard.dev/offboarding'], generation: 2 } });
    expect(alice.create(offboardingWaivers, { metadata: key, spec: {} })['spec']).toMatchObject({ approvedBy: who });
  });

  it('is not stamped by an older cluster', () => {
    const alice = createClusterWorld({ stamps: false }).cluster.as('alice');
    const made = alice.create(offboardings, { metadata: key, spec: { mode: 'Enforce' } });
    expect(made['spec']).not.toHaveProperty('requestedBy');
    expect(made.metadata.finalizers).toBeUndefined();
  });
});

describe('a list', () => {
  const fill = (world: ClusterWorld): void => {
    const alice = world.cluster.as('alice');
    for (const name of ['c', 'a', 'b']) alice.create(secrets, { type: name === 'a' ? 'x/y' : 'Opaque', data: { token: 'c2VjcmV0' }, metadata: { name, namespace: 'ci', labels: { is: name } } });
    alice.create(secrets, { type: 'Opaque', metadata: { name: 'a', namespace: 'ops' } });
  };
  const namesOf = (items: readonly KubeObject[]): readonly string[] => items.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);

  it('is in order, and of one version through all its pages', async () => {
    const world = createClusterWorld();
    fill(world);
    const before = String(world.cluster.version());
    const names: string[] = [];
    const walk = async (): Promise<void> => {
      for await (const { items, resourceVersion } of world.client.listPages<KubeObject>(secrets, { pageSize: 2 })) {
        expect(resourceVersion).toBe(before);
        names.push(...namesOf(items));
        world.cluster.as('alice').create(secrets, { metadata: { name: `later-${String(names.length)}`, namespace: 'ci' } });
      }
    };
    await world.ended(walk());
    expect(names).toEqual(['ci/a', 'ci/b', 'ci/c', 'ops/a']);
  });

  it('is refused with 410 where its version was forgotten half-way', async () => {
    const world = createClusterWorld();
    fill(world);
    const walk = async (): Promise<void> => {
      for await (const { items } of world.client.listPages<KubeObject>(secrets, { pageSize: 2 })) {
        world.cluster.as('alice').create(secrets, { metadata: { name: `after-${items[0]?.metadata.name ?? ''}`, namespace: 'ci' } });
        world.cluster.compact();
      }
    };
    expect(isExpired(await failure(world, walk()))).toBe(true);
  });

  it('shows what is asked for, and no more of it', async () => {
    const world = createClusterWorld();
    fill(world);
    const { items } = await world.ended(world.client.list<KubeObject>(secrets, { fieldSelector: 'type=x/y', metadataOnly: true }));
    expect(namesOf(items)).toEqual(['ci/a']);
    expect(items[0]).not.toHaveProperty('data');
    expect(namesOf((await world.ended(world.client.list<KubeObject>(secrets, { namespace: 'ci', labelSelector: 'is!=a' }))).items)).toEqual(['ci/b', 'ci/c']);
    expect((await world.ended(world.client.list(secrets, { labelSelector: 'is=nothing', metadataOnly: true }))).items).toEqual([]);
    expect(await failure(world, world.client.list(secrets, { fieldSelector: 'data.x=1' }))).toMatchObject({ code: 400 });
  });

  it('finds pods by their account, which is default where none is named', async () => {
    const world = createClusterWorld();
    world.cluster.as('alice').create(pods, { metadata: { name: 'p', namespace: 'ci' }, spec: {} });
    const { items } = await world.ended(world.client.list<Pod>(pods, { namespace: 'ci', fieldSelector: 'spec.serviceAccountName=default' }));
    expect(items).toHaveLength(1);
  });
});

describe('a cluster', () => {
  it('tells its version, and what it does not serve', async () => {
    const world = createClusterWorld();
    expect(await world.ended(createServerVersion(world.transport)(never))).toBe('v1.36.3');
    expect(await failure(world, world.transport.request({ verb: 'get', resource: 'x', method: 'GET', path: '/apis/x/v1/y' }))).toMatchObject({ code: 404, reason: 'NotServed' });
  });

  it('takes a right from the operator, and gives it back', async () => {
    const world = createClusterWorld();
    const giveBack = world.cluster.take({ verb: 'list', resource: 'secrets', namespace: 'ci' });
    expect(isRbacForbidden(await failure(world, world.client.list(secrets, { namespace: 'ci' })))).toBe(true);
    expect(isRbacForbidden(await failure(world, world.client.list(secrets, {})))).toBe(true);
    await world.ended(world.client.list(secrets, { namespace: 'ops' }));
    giveBack();
    await world.ended(world.client.list(secrets, {}));
  });

  it('keeps the lock of the leader', async () => {
    const world = createClusterWorld();
    const lock = createLeaseLock({ client: world.client, namespace: operatorNamespace, name: 'leader' });
    expect(await world.ended(lock.get())).toBeUndefined();
    const at = new Date(0);
    const record = { holderIdentity: 'a', leaseDurationSeconds: 15, acquireTime: at, renewTime: at, leaseTransitions: 0, version: '' };
    const held = await world.ended(lock.create(record));
    const renewed = await world.ended(lock.update({ ...held, renewTime: new Date(1_000) }));
    expect(renewed.renewTime).toEqual(new Date(1_000));
    expect(isConflict(await failure(world, lock.update({ ...held, holderIdentity: 'b' })))).toBe(true);
    expect(world.cluster.as('alice').list(leases)).toHaveLength(1);
  });

  it('tells every change of the truth as it is stored', async () => {
    const world = createClusterWorld();
    const seen: string[] = [];
    world.cluster.onChange(({ type, object, previous, by, from, at, resource }) => seen.push([type, resource.plural, object.metadata.name, previous?.metadata.name ?? '-', by, from, Math.round(at / 1000)].join(' ')));
    const { metadata } = world.cluster.as('alice').create(serviceAccounts, { metadata: { name: 'bot', namespace: 'ci' } });
    await world.ended(world.client.delete(serviceAccounts, { namespace: 'ci', name: 'bot' }, { uid: metadata.uid }));
    expect(seen).toEqual(['ADDED serviceaccounts bot - alice people 0', 'DELETED serviceaccounts bot bot system:serviceaccount:offboard-system:offboard operator-0.1 0']);
  });

  it('ends a namespace with all that is in it, but for what is held', async () => {
    const world = createClusterWorld();
    const alice = world.cluster.as('alice');
    const key = { namespace: 'ci', name: 'run' };
    alice.create(offboardings, { metadata: { ...key, finalizers: ['a/b'] } });
    alice.create(serviceAccounts, { metadata: { namespace: 'ci', name: 'bot' } });
    alice.remove(namespaces, { name: 'ci' });
    expect(isNamespaceTerminating(await failure(world, world.client.create(configMaps, 'ci', { metadata: { name: 'x' } })))).toBe(true);
    await world.pass(6_000);
    expect(alice.list(serviceAccounts, 'ci')).toEqual([]);
    expect(alice.get(namespaces, { name: 'ci' })).toMatchObject({ status: { conditions: [{ type: 'NamespaceContentRemaining', message: expect.stringContaining('offboardings.offboard.dev has 1') as string }] } });
    alice.patch(offboardings, key, { metadata: { finalizers: null } });
    await world.pass(6_000);
    expect(alice.get(namespaces, { name: 'ci' })).toBeUndefined();
  });
});
