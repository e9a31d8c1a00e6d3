import { describe, expect, it } from 'vitest';

import { isAdmissionDenied, isDeniedByLock } from '../../../src/kube/errors.ts';
import type { Target } from '../../../src/api/v1alpha1/index.ts';
import { clusterRoleBindings, configMaps, pods, roleBindings, secrets, serviceAccounts, validatingAdmissionPolicyBindings } from '../../../src/kube/resources.ts';
import { createClusterLock } from '../../../src/revokers/kubernetes/lock.ts';
import { createLockWatches } from '../../../src/revokers/kubernetes/lock-watches.ts';
import { silentLog } from '../../fakes/world.ts';
import { streamOf } from '../engine/random.ts';
import type { Hands } from './cluster.ts';
import { type ClusterWorld, createClusterWorld, operatorNamespace } from './world.ts';

const never = new AbortController().signal;
const lockKey = { namespace: operatorNamespace, name: 'offboard-lock' };
const bot = { namespace: 'ci', name: 'bot' };
const rbac = 'rbac.authorization.k8s.io';
const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: 'view' };
const subject = { kind: 'ServiceAccount', ...bot };

const lock = (world: ClusterWorld, data: object): void => {
  world.cluster.as('offboard').patch(configMaps, lockKey, { data });
};
const locked = async (): Promise<{ readonly world: ClusterWorld; readonly alice: Hands }> => {
  const world = createClusterWorld();
  const alice = world.cluster.as('alice');
  for (const name of ['bot', 'other']) alice.create(serviceAccounts, { metadata: { namespace: 'ci', name } });
  alice.create(roleBindings, { metadata: { namespace: 'ci', name: 'has it' }, roleRef, subjects: [subject] });
  alice.create(secrets, { type: 'kubernetes.io/service-account-token', metadata: { namespace: 'ci', name: 'bot-token', annotations: { 'kubernetes.io/service-account.name': 'bot' } } });
  await world.pass(100);
  lock(world, { ci: '\nbot\n' });
  await world.pass(100);
  return { world, alice };
};
const refusal = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};

/** The real lock, on watches of its own. */
const realLock = async (world: ClusterWorld) => {
  const { client, apiServers, process: { clock } } = world;
  const watches = createLockWatches({ client, clock, random: streamOf(1, 'watches'), log: silentLog }, operatorNamespace);
  const stop = new AbortController();
  for (const reflector of watches.reflectors) void reflector.run(stop.signal);
  await Promise.all(watches.reflectors.map((reflector) => world.ended(reflector.waitForSync(stop.signal))));
  let serial = 0;
  const random = (): string => String((serial += 1)).padStart(16, '0');
  const target: Target = { serviceAccount: { ...bot, uid: 'any' } };
  const real = createClusterLock({ client, clock, namespace: operatorNamespace, servers: apiServers, watches, random });
  return { watches, lock: () => world.ended(real.lock(target, never)), observe: () => world.ended(real.observe(target, never)), unlock: () => world.ended(real.unlock(target, never)), stop: () => { stop.abort(new Error('stop')); } };
};

describe('what is locked', () => {
  it.each<readonly [string, string, (alice: Hands) => unknown]>([
    ['is not created again', 'offboard-lock-identity', (alice) => { alice.remove(serviceAccounts, bot); return alice.create(serviceAccounts, { metadata: bot }); }],
    ['is given no token', 'offboard-lock-identity', (alice) => alice.requestToken(bot)],
    ['runs in no new pod', 'offboard-lock-pods', (alice) => alice.create(pods, { metadata: { namespace: 'ci', name: 'p' }, spec: { serviceAccountName: 'bot' } })],
    ['has no new token Secret', 'offboard-lock-secrets', (alice) => alice.create(secrets, { type: 'kubernetes.io/service-account-token', metadata: { namespace: 'ci', name: 's', annotations: { 'kubernetes.io/service-account.name': 'bot' } } })],
    ['has no token put back into a Secret', 'offboard-lock-secrets', (alice) => alice.patch(secrets, { namespace: 'ci', name: 'bot-token' }, { data: { token: 'bmV3' } })],
    ['is bound by no new binding', 'offboard-lock-bindings', (alice) => alice.create(roleBindings, { metadata: { namespace: 'ops', name: 'b' }, roleRef, subjects: [subject] })],
    ['is bound by no binding of its own namespace that leaves that out', 'offboard-lock-bindings', (alice) => alice.create(roleBindings, { metadata: { namespace: 'ci', name: 'b' }, roleRef, subjects: [{ kind: 'ServiceAccount', name: 'bot' }] })],
    ['is bound by no binding of the cluster, as a user', 'offboard-lock-bindings', (alice) => alice.create(clusterRoleBindings, { metadata: { name: 'b' }, roleRef, subjects: [{ apiGroup: rbac, kind: 'User', name: 'system:serviceaccount:ci:bot' }] })],
  ])('%s', async (_, policy, act) => {
    const { alice } = await locked();
    const error = refusal(() => act(alice));
    expect(isDeniedByLock(error) && isAdmissionDenied(error)).toBe(true);
    expect(error).toMatchObject({ code: 403, reason: 'Forbidden', message: expect.stringContaining(`ValidatingAdmissionPolicy '${policy}' with binding '${policy}' denied request: `) as string });
  });

  it.each<readonly [string, (alice: Hands) => unknown]>([
    ['of another name', (alice) => alice.requestToken({ namespace: 'ci', name: 'other' })],
    ['of another namespace', (alice) => alice.create(serviceAccounts, { metadata: { namespace: 'ops', name: 'bot' } })],
    ['that only takes away', (alice) => alice.patch(roleBindings, { namespace: 'ci', name: 'has it' }, { subjects: [] })],
    ['that leaves the subjects as they are', (alice) => alice.patch(roleBindings, { namespace: 'ci', name: 'has it' }, { metadata: { labels: { a: 'b' } } })],
    ['that marks a token as invalid', (alice) => alice.patch(secrets, { namespace: 'ci', name: 'bot-token' }, { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': '2026-11-23' } } })],
  ])('keeps nobody from a write %s', async (_, act) => {
    const { alice } = await locked();
    expect(refusal(() => act(alice))).not.toBeInstanceOf(Error);
  });

  it('is known to each server a little later', async () => {
    const world = createClusterWorld();
    world.cluster.as('alice').create(serviceAccounts, { metadata: bot });
    world.cluster.servers[1]?.lock.setLag(200);
    lock(world, { ci: '\nbot\n' });
    const denies = (server: number): boolean => isDeniedByLock(refusal(() => world.cluster.as('alice', server).requestToken(bot)));
    expect([denies(0), denies(1)]).toEqual([false, false]);
    await world.pass(15);
    expect([denies(0), denies(1)]).toEqual([true, false]);
    await world.pass(200);
    expect([denies(0), denies(1)]).toEqual([true, true]);
    world.cluster.servers[1]?.lock.freeze();
    lock(world, { ci: null });
    await world.pass(1_000);
    expect([denies(0), denies(1)]).toEqual([false, true]);
    world.cluster.servers[1]?.restart();
    expect(denies(1)).toBe(false);
  });

  it('is not, a second after somebody has removed the binding of a policy', async () => {
    const { world, alice } = await locked();
    alice.remove(validatingAdmissionPolicyBindings, { name: 'offboard-lock-identity' });
    expect(isDeniedByLock(refusal(() => alice.requestToken(bot)))).toBe(true);
    await world.pass(1_000);
    expect(isDeniedByLock(refusal(() => alice.requestToken(bot)))).toBe(false);
  });
});

describe('the lock of the operator', () => {
  it('finds the cluster sound, holds on every server, and is taken back', async () => {
    const world = createClusterWorld();
    const real = await realLock(world);
    expect([real.watches.wrong(), real.watches.blind()]).toEqual([undefined, undefined]);
    await real.lock();
    expect(await real.observe()).toMatchObject({ state: 'Present', message: 'tried on 2 API servers' });
    await world.pass(50);
    expect(isDeniedByLock(refusal(() => world.cluster.as('alice').create(serviceAccounts, { metadata: bot })))).toBe(true);
    await real.unlock();
    expect(await real.observe()).toMatchObject({ state: 'Absent' });
    real.stop();
  });

  it('sees a server that sees it no more, and a policy that somebody has removed', async () => {
    const world = createClusterWorld();
    const real = await realLock(world);
    world.cluster.servers[1]?.lock.freeze();
    await real.lock();
    expect(await real.observe()).toMatchObject({ state: 'Absent', message: expect.stringContaining('b.sim:6443 does not deny') as string });
    world.cluster.servers[1]?.restart();
    await world.pass(4_000);
    expect((await real.observe()).state).toBe('Present');
    world.cluster.as('alice').remove(validatingAdmissionPolicyBindings, { name: 'offboard-lock-pods' });
    await world.pass(100);
    expect(await real.observe()).toMatchObject({ state: 'Absent', message: expect.stringContaining('offboard-lock-pods is missing') as string });
    real.stop();
  });
});
