import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import type { Target } from '../../api/v1alpha1/index.ts';
import type { ApiServer } from '../../kube/api-servers.ts';
import { ApiError, errorFromStatus } from '../../kube/errors.ts';
import type { ConfigMap } from '../../kube/objects.ts';
import { configMaps, serviceAccounts } from '../../kube/resources.ts';
import type { Transport } from '../../kube/transport.ts';
import { createClusterLock } from './lock.ts';
import { classifyRefusal } from './lock-trial.ts';
import type { LockChange } from './lock-watches.ts';

const never = new AbortController().signal;
const ops = 'offboard-system';
const key = { namespace: ops, name: 'offboard-lock' };
const targetOf = (name: string, namespace = 'ci'): Target => ({ serviceAccount: { namespace, name } });
const bot = targetOf('bot');

const setUp = () => {
  const kube = createFakeKube();
  kube.put(configMaps, { metadata: key });
  const clock = createFakeClock();
  const requests: string[] = [];
  kube.onRequest((verb, resource) => requests.push(`${verb} ${resource.plural}`));
  /** What a server does instead of an answer, by name. */
  const faults = new Map<string, () => Promise<unknown>>();
  const server = (name: string): ApiServer => {
    const transport: Transport = {
      request: ({ body, signal }) => faults.get(name)?.() ?? kube.client.create(serviceAccounts, ops, body, signal && { signal }),
      stream: () => {
        throw new Error('nothing is watched');
      },
      close: () => Promise.resolve(),
    };
    return { name, transport, withToken: () => transport };
  };
  const servers = [server('a:1'), server('b:1')];
  const told: { wrong: string | undefined; blind: string | undefined } = { wrong: undefined, blind: undefined };
  let listener: (change: LockChange) => void = () => undefined;
  const tombstones = new Set<string>();
  let serial = 0;
  const lock = createClusterLock({
    client: kube.client, clock, namespace: ops, servers: { all: () => Promise.resolve(servers), discovers: true, close: () => Promise.resolve() },
    watches: { reflectors: [], wrong: () => told.wrong, blind: () => told.blind, onChange: (next) => (listener = next) },
    isTombstone: (namespace, name) => tombstones.has(`${namespace}/${name}`),
    random: () => String((serial += 1)).padStart(16, '0'),
  });
  /** Time goes on until it has ended. */
  const ended = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false;
    const settled = promise.finally(() => (over = true));
    settled.catch(() => undefined);
    await clock.advanceUntil(() => over, 60_000);
    return settled;
  };
  return {
    kube, clock, faults, told, tombstones, requests,
    change: (change: LockChange) => {
      listener(change);
    },
    lock: (target = bot) => ended(lock.lock(target, never)),
    unlock: (target = bot) => ended(lock.unlock(target, never)),
    observe: (target = bot) => ended(lock.observe(target, never)),
    all: <T>(work: (raw: typeof lock) => Promise<T>) => ended(work(lock)),
    data: () => (kube.find(configMaps, key) as ConfigMap | undefined)?.data,
  };
};

const unreachable = (): Promise<never> => Promise.reject(new ApiError(0, 'Transport', 'connect ECONNREFUSED'));

describe('the lock', () => {
  it('is written with a name to try by, in one patch for all who ask at once, and tried once', async () => {
    const { all, requests, data } = setUp();
    const targets = ['a', 'b', 'c'].map((name) => targetOf(name));
    const seen = await all(async (lock) => Promise.all(targets.map(async (target) => {
      await lock.lock(target, never);
      return lock.observe(target, never);
    })));
    expect(seen.map(({ state }) => state)).toEqual(['Present', 'Present', 'Present']);
    expect(requests).toEqual(['get configmaps', 'patch configmaps', 'create serviceaccounts', 'create serviceaccounts']);
    expect(data()).toEqual({ ci: '\na\nb\nc\n', [ops]: '\noffboard-lock-test.0000000000000001\n' });
  });

  it('is tried again after half a minute, by another name', async () => {
    const { lock, observe, clock, requests, data } = setUp();
    await lock();
    requests.length = 0;
    await clock.advance(29_000);
    expect([(await observe()).state, requests]).toEqual(['Present', []]);
    await clock.advance(1_001);
    expect((await observe()).state).toBe('Present');
    expect(requests).toHaveLength(4);
    expect(data()?.[ops]).toBe('\noffboard-lock-test.0000000000000002\n');
  });

  it('counts only for who was locked by the time it was tried', async () => {
    const { lock, observe, kube, requests } = setUp();
    await lock();
    kube.put(configMaps, { metadata: key, data: { ci: '\nbot\nnew\n' } });
    requests.length = 0;
    expect((await observe(targetOf('new'))).state).toBe('Present');
    expect(requests).toContain('patch configmaps');
    expect(await observe(targetOf('nobody'))).toMatchObject({ state: 'Absent', method: 'get/configmaps' });
  });

  it('is looked at anew when somebody has touched it', async () => {
    for (const change of ['All', [{ namespace: 'ci', name: 'bot' }]] as const) {
      const { lock, observe, requests, ...world } = setUp();
      await lock();
      requests.length = 0;
      world.change([{ namespace: 'ci', name: 'another' }]);
      await observe();
      expect(requests, 'what others lost is no matter').toEqual([]);
      world.change(change);
      await observe();
      expect(requests).toHaveLength(4);
    }
  });

  it('is neither set nor seen where its policies are not as they should be, and open where that is not known', async () => {
    const { lock, observe, told } = setUp();
    await lock();
    told.wrong = 'validatingadmissionpolicy/x is missing: install it';
    expect(await observe()).toEqual({ state: 'Absent', method: 'watch/validatingadmissionpolicies', message: told.wrong });
    await expect(lock()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LockNotInstalled', message: told.wrong });
    told.blind = 'not watched';
    expect(await observe()).toMatchObject({ state: 'Unknown', message: 'not watched' });
    await expect(lock()).rejects.toMatchObject({ kind: 'Retryable' });
  });

  it('is written anew when somebody else was quicker, and not for ever', async () => {
    const { lock, kube, requests, data } = setUp();
    let left = 2;
    kube.onRequest((verb, { plural }) => {
      requests.push(verb);
      if (verb === 'patch' && (left -= 1) >= 0) kube.put(configMaps, { metadata: { ...key, uid: 'same' }, data: { other: `\n${String(left)}\n` } });
      expect(plural).toBeDefined();
    });
    await lock();
    expect(data()).toMatchObject({ ci: '\nbot\n', other: '\n0\n' });
    left = 100;
    await expect(lock(targetOf('other'))).rejects.toMatchObject({ code: 409 });
  });

  it('is not taken back where a record holds it, nor where there is nothing to take back', async () => {
    const { lock, unlock, observe, tombstones, kube, data } = setUp();
    await lock();
    tombstones.add('ci/bot');
    await unlock();
    expect((await observe()).state).toBe('Present');
    tombstones.clear();
    await unlock();
    expect(data()).toEqual({});
    kube.drop(configMaps, key);
    await unlock();
    expect(await observe()).toMatchObject({ state: 'Absent', message: expect.stringContaining('is missing') as string });
    await expect(lock()).rejects.toMatchObject({ reason: 'LockNotInstalled' });
  });
});

describe('a server', () => {
  it('that admits what is locked is asked again for a while, and then the lock does not hold', async () => {
    const { lock, observe, faults, clock } = setUp();
    const admit = (): Promise<unknown> => Promise.resolve({ kind: 'ServiceAccount', metadata: { name: 'offboard-lock-test.0000000000000001' } });
    let late = 3;
    faults.set('b:1', () => ((late -= 1) < 0 ? faults.get('nobody')?.() : admit()) as Promise<unknown>);
    faults.set('b:1', admit);
    const start = clock.monotonic();
    await lock();
    expect(clock.monotonic() - start).toBeGreaterThan(2_000);
    expect(await observe()).toMatchObject({ state: 'Absent', message: expect.stringContaining('API server b:1 does not deny what is locked') as string });
    expect(late).toBe(3);
    faults.clear();
    await clock.advance(3_001);
    expect((await observe()).state).toBe('Present');
  });

  it('that cannot be reached is named, unless it was reached just now', async () => {
    const { lock, observe, faults, clock, change } = setUp();
    faults.set('b:1', unreachable);
    await lock();
    expect(await observe()).toEqual({ state: 'Present', method: 'dry-run/serviceaccounts', message: 'tried on 1 API server; not tried, as it cannot be reached: b:1' });
    faults.clear();
    change('All');
    expect((await observe()).message).toBe('tried on 2 API servers');
    faults.set('b:1', unreachable);
    change('All');
    expect(await observe()).toMatchObject({ state: 'Unknown', message: 'API server b:1: connect ECONNREFUSED' });
    await clock.advance(60_001);
    expect((await observe()).state).toBe('Present');
    faults.set('a:1', unreachable);
    await clock.advance(60_001);
    expect(await observe()).toMatchObject({ state: 'Unknown', message: 'no API server could be reached: a:1, b:1' });
  });
});

describe('a refusal', () => {
  const answer = (code: number, reason: string, causes?: readonly object[], message = 'x'): ApiError =>
    errorFromStatus({ kind: 'Status', status: 'Failure', code, reason, message, details: { name: 'n', kind: 'serviceaccounts', ...(causes && { causes }) } }, code, { verb: 'create' });
  const words = (policy: string): string => `ValidatingAdmissionPolicy '${policy}' with binding 'any' denied request: it is so`;

  it('counts only by the policy itself', () => {
    expect(classifyRefusal(answer(403, 'Forbidden', [{ message: words('offboard-lock-identity') }]))).toEqual({ kind: 'Denied' });
  });

  it.each<readonly [string, unknown, string]>([
    ['a missing right', answer(403, 'Forbidden', undefined, words('offboard-lock-identity')), 'Other'],
    ['another policy', answer(403, 'Forbidden', [{ message: words('other') }]), 'Other'],
    ['another policy that quotes this one', answer(403, 'Forbidden', [{ message: `ValidatingAdmissionPolicy 'other' with binding 'b' denied request: ${words('offboard-lock-identity')}` }]), 'Other'],
    ['a webhook that quotes it', answer(403, 'Forbidden', [{ message: `denied: ${words('offboard-lock-identity')}` }]), 'Other'],
    ['a webhook that gives its cause', answer(403, 'Forbidden', [{ message: words('offboard-lock-identity') }], `admission webhook "a.example.com" denied the request: ${words('offboard-lock-identity')}`), 'Other'],
    ['a policy behind another', answer(403, 'Forbidden', [{ message: words('other') }, { message: words('offboard-lock-identity') }]), 'Other'],
    ['another status', answer(422, 'Invalid', [{ message: words('offboard-lock-identity') }]), 'Other'],
    ['a name that is taken', answer(409, 'AlreadyExists'), 'Other'],
    ['an overload', answer(429, 'TooManyRequests'), 'Other'],
    ['a server in trouble', answer(503, 'ServiceUnavailable'), 'Other'],
    ['a page', errorFromStatus('<html>', 403, {}), 'Other'],
    ['a refused token', answer(401, 'Unauthorized'), 'Other'],
    ['no connection', new ApiError(0, 'Transport', 'x'), 'Unreachable'],
    ['no answer', new ApiError(0, 'Timeout', 'x'), 'Unreachable'],
    ['no token of our own', new ApiError(0, 'Credentials', 'x'), 'Other'],
    ['something unexpected', new TypeError('x'), 'Other'],
  ])('is open for %s', (_, error, kind) => {
    expect(classifyRefusal(error).kind).toBe(kind);
  });
});
