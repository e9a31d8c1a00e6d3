/** The lock as the operator sets it, sees it and takes it back, on two API servers and by its own account. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Target } from '../../src/api/v1alpha1/index.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { neededForLock } from '../../src/revokers/kubernetes/lock.ts';
import { createLockTrial } from '../../src/revokers/kubernetes/lock-trial.ts';
import type { LockChange } from '../../src/revokers/kubernetes/lock-watches.ts';
import { createPermissions } from '../../src/revokers/kubernetes/permissions.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import { createAccountCall, denied, type LockWorld, never, openLockWorld, operatorNamespace, type Started, untilDenied } from './lock-world.ts';

let world: LockWorld;
let operator: Started;
const tombstones = new Set<string>();
const targetOf = (name: string, namespace = 'default'): Target => ({ serviceAccount: { namespace, name } });
const bot = targetOf('bot');

beforeAll(async () => {
  world = await openLockWorld(await startControlPlane({ replicas: 2, controllerManager: false }));
  operator = await world.start({ isTombstone: (namespace, name) => tombstones.has(`${namespace}/${name}`) });
}, 180_000);
afterAll(() => world.stop());

const reset = async (): Promise<void> => {
  const data = await world.data();
  await world.write(Object.fromEntries(Object.keys(data ?? {}).map((key) => [key, null])));
  await waitFor(async () => (await operator.lock.observeLock(bot, never())).state === 'Absent', { what: 'nobody being locked' });
};
beforeEach(reset);
afterEach(async () => {
  if ((await observed()).method === 'watch/validatingadmissionpolicies') await mend();
});

/** As the message says it: what was changed goes, and all of it is applied. */
const mend = async (): Promise<void> => {
  const { message = '' } = await observed();
  const [, changed] = /kubectl delete ([^,]*), then/.exec(message) ?? [];
  if (changed !== undefined) await world.cluster.kubectl(['delete', ...changed.split(' ')]);
  await world.cluster.kubectl(['apply', '--server-side', '-f', 'config/policies/lock.yaml']);
  await waitFor(async () => (await observed()).method !== 'watch/validatingadmissionpolicies', { what: 'the policies being mended' });
};

const observed = (target = bot) => operator.lock.observeLock(target, never());
const lock = (target = bot) => operator.lock.lock(target, never());
const unlock = (target = bot) => operator.lock.unlock(target, never());
const percentile = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
const told = (times: readonly number[]): string => {
  const sorted = times.toSorted((a, b) => a - b);
  return [0, 0.5, 1].map((share) => percentile(sorted, share).toFixed(1)).join(' / ');
};

describe('a lock', () => {
  it('is seen on both API servers, and taken back to the byte', async () => {
    await world.write({ default: '\nsomebody\n', other: '\nx\n', [operatorNamespace]: '\nbeside\n' });
    const before = JSON.stringify(await world.data());
    expect(await observed()).toMatchObject({ state: 'Absent', method: 'get/configmaps' });
    await lock();
    expect(await observed()).toEqual({ state: 'Present', method: 'dry-run/serviceaccounts', message: 'tried on 2 API servers' });
    expect(await denied(world, 'default', 'bot')).toBe(true);
    await lock();
    await unlock();
    expect(JSON.stringify(await world.data())).toBe(before);
    expect(await observed()).toMatchObject({ state: 'Absent' });
    await unlock();
    expect(JSON.stringify(await world.data())).toBe(before);
  });

  it('of an account beside the operator is not mistaken for a try, nor a try for one', async () => {
    const beside = targetOf('beside', operatorNamespace);
    await lock(beside);
    expect(await observed(beside)).toMatchObject({ state: 'Present' });
    await lock();
    expect((await world.data())?.[operatorNamespace]?.split('\n').filter((name) => name !== '')).toEqual(['beside', expect.stringMatching(/^offboard-lock-test\./) as string]);
    await unlock(beside);
    expect(await observed(beside)).toMatchObject({ state: 'Absent' });
    expect(await observed()).toMatchObject({ state: 'Present' });
    await unlock();
    expect(await world.data()).toBeUndefined();
  });

  it('of a thousand at once takes few writes', async () => {
    const versions = new Set<string>();
    const all = Array.from({ length: 1_000 }, (_, index) => targetOf(`bot-${String(index)}`, `ns-${String(index % 20)}`));
    await Promise.all(all.map(async (target) => {
      await lock(target);
      const { state } = await observed(target);
      expect(state).toBe('Present');
      versions.add((await world.data())?.[operatorNamespace] ?? '');
    }));
    expect(versions.size).toBeLessThan(6);
    await Promise.all(all.map((target) => unlock(target)));
    expect(await world.data()).toBeUndefined();
  });

  it('is kept while a record holds it', async () => {
    await lock();
    tombstones.add('default/bot');
    await unlock();
    expect(await observed()).toMatchObject({ state: 'Present' });
    tombstones.clear();
    await unlock();
    expect(await observed()).toMatchObject({ state: 'Absent' });
  });

  it('holds on each server soon after it was written, and ends as soon', async () => {
    const lags: Record<string, number[]> = { 'locked on A': [], 'locked on B': [], 'unlocked on A': [], 'unlocked on B': [] };
    for (let turn = 0; turn < 15; turn += 1) {
      const name = `lag-${String(turn)}`;
      for (const [what, value, wanted] of [['locked', `\n${name}\n`, 'offboard-lock-identity'], ['unlocked', null, 'allowed']] as const) {
        await world.write({ default: value });
        const start = performance.now();
        await Promise.all(['A', 'B'].map(async (server, replica) => {
          await waitFor(async () => (await world.ask(createAccountCall('default', name), replica)) === wanted, { interval: 1, what: `${what} on ${server}` });
          lags[`${what} on ${server}`]?.push(performance.now() - start);
        }));
      }
    }
    for (const [what, times] of Object.entries(lags)) console.log(`lock lag, ms (min / median / max of ${String(times.length)}): ${what} ${told(times)}`);
    expect(Math.max(...Object.values(lags).flat())).toBeLessThan(2_000);
  });
});

describe('a lock that somebody touches', () => {
  const changes: LockChange[] = [];
  beforeAll(() => {
    operator.kubernetes.onLockChange((change) => changes.push(change));
  });
  beforeEach(async () => {
    await lock();
    expect(await observed()).toMatchObject({ state: 'Present' });
    changes.length = 0;
  });

  it.each<readonly [string, readonly string[], string]>([
    ['a deleted policy', ['delete', 'validatingadmissionpolicy', 'offboard-lock-identity'], 'validatingadmissionpolicy/offboard-lock-identity is missing'],
    ['a policy that denies less', ['patch', 'validatingadmissionpolicy', 'offboard-lock-pods', '--type=merge', '-p', '{"spec":{"matchConditions":[{"name":"x","expression":"false"}]}}'], 'validatingadmissionpolicy/offboard-lock-pods was changed (spec.matchConditions)'],
    ['a removed binding', ['delete', 'validatingadmissionpolicybinding', 'offboard-lock-bindings'], 'validatingadmissionpolicybinding/offboard-lock-bindings is missing'],
    ['a binding that warns', ['patch', 'validatingadmissionpolicybinding', 'offboard-lock-secrets', '--type=merge', '-p', '{"spec":{"validationActions":["Warn"]}}'], 'validatingadmissionpolicybinding/offboard-lock-secrets was changed (spec.validationActions[0])'],
    ['a removed pin', ['delete', 'validatingadmissionpolicybinding', 'offboard-lock-pin'], 'validatingadmissionpolicybinding/offboard-lock-pin is missing'],
  ])('is lost within a second by %s, held again when that is mended, and not set meanwhile', async (_, command, message) => {
    await world.cluster.kubectl(command);
    await waitFor(() => changes.includes('All'), { timeout: 1_000, interval: 5, what: 'being told' });
    expect(await observed()).toEqual({ state: 'Absent', method: 'watch/validatingadmissionpolicies', message: expect.stringContaining(message) as string });
    await expect(lock(targetOf('next'))).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LockNotInstalled' });
    await mend();
    await waitFor(async () => (await observed()).state === 'Present', { what: 'the lock being seen again' });
  });

  it('is lost by an entry that goes, and tells whose', async () => {
    await world.write({ default: null });
    await waitFor(() => changes.length > 0, { timeout: 1_000, interval: 5, what: 'being told' });
    expect(changes).toEqual([[{ namespace: 'default', name: 'bot' }]]);
    expect(await observed()).toEqual({ state: 'Absent', method: 'get/configmaps', message: 'configmap "offboard-lock" does not name it' });
  });

  it('is lost with the ConfigMap, and set again only when that is there', async () => {
    await world.cluster.kubectl(['delete', 'configmap', 'offboard-lock', '-n', operatorNamespace]);
    await waitFor(() => changes.includes('All'), { timeout: 1_000, interval: 5, what: 'being told' });
    expect(await observed()).toMatchObject({ state: 'Absent', message: expect.stringContaining('configmap "offboard-lock" in namespace "offboard-system" is missing') as string });
    await expect(lock()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LockNotInstalled' });
    await unlock();
    await world.cluster.kubectl(['apply', '--server-side', '-f', 'config/policies/lock.yaml']);
    await lock();
    expect(await observed()).toMatchObject({ state: 'Present' });
  });

  it('is shown by the try alone not to hold, where the policy is gone or denies nothing', async () => {
    const trial = createLockTrial({ clock: systemClock, servers: operator.servers });
    const nonce = { namespace: operatorNamespace, name: 'tried-by-the-test' };
    await world.write({ [operatorNamespace]: `\n${nonce.name}\n` });
    await untilDenied(world, nonce.namespace, nonce.name);
    expect(await trial(nonce, never())).toMatchObject({ state: 'Present' });
    for (const [kind, what, body] of [
      ['validatingadmissionpolicy', 'offboard-lock-identity', '{"spec":{"validations":[{"expression":"true"}]}}'],
      ['validatingadmissionpolicybinding', 'offboard-lock-identity', '{"spec":{"validationActions":["Audit"]}}'],
    ] as const) {
      await world.cluster.kubectl(['patch', kind, what, '--type=merge', '-p', body]);
      await waitFor(async () => (await world.askAll(createAccountCall(nonce.namespace, nonce.name))) === 'allowed', { what: 'the policy denying nothing' });
      expect(await trial(nonce, never())).toMatchObject({ state: 'Absent', message: expect.stringContaining('#130887') as string });
      await waitFor(async () => (await observed()).state === 'Absent', { what: 'the change being seen' });
      await mend();
      await untilDenied(world, nonce.namespace, nonce.name);
    }
    await world.cluster.kubectl(['delete', 'validatingadmissionpolicy', 'offboard-lock-identity']);
    await waitFor(async () => (await observed()).method === 'watch/validatingadmissionpolicies', { what: 'the change being seen' });
    await waitFor(async () => (await world.askAll(createAccountCall(nonce.namespace, nonce.name))) === 'allowed', { what: 'the policy being gone' });
    expect(await trial(nonce, never())).toMatchObject({ state: 'Absent' });
  });
});

describe('an API server', () => {
  it('that never answered is named and not waited for; one that did, and does not, leaves it open', async () => {
    const started = await world.start({ more: ['https://127.0.0.1:1'] });
    await started.lock.lock(bot, never());
    expect(await started.lock.observeLock(bot, never())).toEqual({ state: 'Present', method: 'dry-run/serviceaccounts', message: 'tried on 2 API servers; not tried, as it cannot be reached: 127.0.0.1:1' });
    world.cluster.pauseApiServer(1);
    try {
      await started.lock.lock(targetOf('other'), never());
      expect(await started.lock.observeLock(targetOf('other'), never())).toMatchObject({ state: 'Unknown', message: expect.stringContaining(new URL(world.cluster.urls[1] ?? '').host) as string });
    } finally {
      world.cluster.resumeApiServer(1);
    }
    await waitFor(async () => (await started.lock.observeLock(targetOf('other'), never())).state === 'Present', { timeout: 20_000, what: 'the lock being seen on both again' });
  });
});

describe('twenty thousand identities in five hundred namespaces', () => {
  it('fit into the ConfigMap, and cost little to write and to try', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `build-agent-number-${String(index).padStart(2, '0')}`);
    await world.write(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`namespace-${String(index)}`, `\n${names.join('\n')}\n`])));
    const size = Buffer.byteLength(JSON.stringify(await world.data()));
    const times: number[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      const start = performance.now();
      await lock(targetOf(`late-${String(turn)}`));
      expect(await observed(targetOf(`late-${String(turn)}`))).toMatchObject({ state: 'Present' });
      times.push(performance.now() - start);
    }
    console.log(`20,000 locked: ${String(size)} bytes; lock and see it, ms (min / median / max of 20): ${told(times)}`);
    expect(size).toBeLessThan(2 ** 20);
    expect(await world.askAll(createAccountCall('namespace-499', 'build-agent-number-39'))).not.toBe('allowed');
  });
});

describe('a namespace in which more names are retired than anybody has', () => {
  it('is told that it has its part of the lock, and keeps nobody else from being locked, seen and let go', async () => {
    const names = Array.from({ length: 2_088 }, (_, index) => String(index).padStart(250, 'x'));
    const first = targetOf(names[0] ?? '', 'greedy');
    await world.write({ greedy: `\n${names.join('\n')}\n` });
    await expect(lock(targetOf('y'.repeat(250), 'greedy'))).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LockFull', message: expect.stringContaining('namespace "greedy" has its part of it') as string });
    await Promise.all([lock(), expect(lock(targetOf('y'.repeat(250), 'greedy'))).rejects.toMatchObject({ reason: 'LockFull' })]);
    expect(await observed()).toMatchObject({ state: 'Present' });
    expect(await world.askAll(createAccountCall('default', 'bot'))).not.toBe('allowed');
    await unlock(first);
    expect(await observed(first)).toMatchObject({ state: 'Absent' });
    await lock(targetOf('y'.repeat(250), 'greedy'));
  });
});

describe('the operator itself', () => {
  it('may make no account but as a try in its own namespace', async () => {
    const kubeconfig = world.cluster.kubeconfigFor({ token: operator.token });
    const create = (namespace: string, ...more: readonly string[]): Promise<string> => world.cluster.kubectl(['create', 'serviceaccount', 'mine', '-n', namespace, ...more], { kubeconfig });
    await expect(create(operatorNamespace)).rejects.toThrow('Offboard makes and changes no ServiceAccounts or Secrets');
    await expect(create('default', '--dry-run=server')).rejects.toThrow('cannot create resource');
    await create(operatorNamespace, '--dry-run=server');
  });

  it('has all the rights that it asks for, and names those that it lacks', async () => {
    const { revoker } = operator.kubernetes;
    expect(await revoker.preflight(bot, [], never())).toEqual([]);
    await world.cluster.kubectl(['delete', 'rolebinding', 'offboard-lock', '-n', operatorNamespace]);
    const lesser = await world.cluster.kubectl(['auth', 'can-i', '--list', '-n', operatorNamespace], { kubeconfig: world.cluster.kubeconfigFor({ token: operator.token }) });
    expect(lesser).not.toContain('offboard-lock');
    const missing = await lacking();
    expect(missing).toEqual(['get configmaps "offboard-lock"', 'patch configmaps "offboard-lock"', 'create serviceaccounts'].map((what) => `${what} in namespace "offboard-system"`));
  });

  /** By a process that has not asked before. */
  const lacking = async (): Promise<readonly string[]> => {
    const config = loadKubeConfig({ path: world.cluster.kubeconfigFor({ token: operator.token }), clock: systemClock });
    const transport = createTransport({ config, clock: systemClock, version: 'test' });
    const permissions = createPermissions({ client: createKubeClient(transport), clock: systemClock });
    const missing = await permissions.missing(neededForLock(operatorNamespace, true), never());
    await transport.close();
    return missing.map(({ permission }) => permission);
  };
});
