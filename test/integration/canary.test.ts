/**
 * The probe of the Kubernetes revoker on a real control plane with two API servers, by the operator's own account with the rights that the
 * chart gives it and within the policies that are installed. The figures of its timeline are printed.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Target } from '../../src/api/v1alpha1/index.ts';
import { createApiServers } from '../../src/kube/api-servers.ts';
import { canaryName, createBoundCanaries } from '../../src/kube/canary.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { reviewToken, tryToken, type TokenVerdict } from '../../src/kube/token-review.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { assembleRevoker } from '../../src/revokers/kubernetes/revoker.ts';
import type { Credential, Observation } from '../../src/revokers/revoker.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { startProxy } from '../env/proxy.ts';
import { installOffboard } from './install.ts';

const never = new AbortController().signal;
const namespace = 'ci';
const probeMethod = 'probe/tokenreview+selfsubjectreview';

let cluster: ControlPlane;
let token: string;
let serial = 0;
/** Milliseconds by which a test has moved time on. */
let ahead = 0;
const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  cluster = await startControlPlane({ replicas: 2 });
  await installOffboard(cluster);
  token = await installOperatorAccount(cluster, { canaryNamespaces: [namespace] });
  await cluster.kubectl(['create', 'namespace', 'elsewhere']);
});
afterEach(async () => {
  ahead = 0;
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(async () => {
  await cluster.stop();
});

/** As one process of the operator has it. */
const start = (kubeconfig = cluster.kubeconfigFor({ token }), urls = cluster.urls) => {
  const options = { config: loadKubeConfig({ path: kubeconfig, clock }), clock, version: 'test' };
  const transport = createTransport(options);
  const apiServers = createApiServers({ ...options, transport, urls });
  cleanups.push(transport.close, apiServers.close);
  const client = createKubeClient(transport);
  const canaries = createBoundCanaries({ client, transport, clock });
  const { controls, ...revoker } = assembleRevoker({
    client, clock, settleTime: 1_000, tokenSecrets: false, probes: { canaries, apiServers },
    cached: {
      unsynced: () => ['everything'], sawDeleted: () => false, size: () => 0, catchUp: () => Promise.reject(new Error('nothing is watched')),
      binding: () => undefined, account: () => undefined, view: { bindingsOf: () => [], tokenSecretsOf: undefined },
    },
  });
  if (controls === undefined) throw new Error('there are no controls');
  return { revoker, controls, canaries, apiServers };
};

interface Subject {
  readonly name: string;
  readonly uid: string;
  readonly target: Target;
  readonly tokens: Credential;
}

const anAccount = async (where = namespace): Promise<Subject> => {
  const name = `agent-${String((serial += 1))}`;
  await cluster.kubectl(['create', 'serviceaccount', name, '-n', where]);
  const uid = await cluster.kubectl(['get', 'serviceaccount', name, '-n', where, '-o', 'jsonpath={.metadata.uid}']);
  const id = `tokens of serviceaccounts/${where}/${name}`;
  return { name, uid, target: { serviceAccount: { namespace: where, name, uid }, probe: true }, tokens: { id, uid, class: 'BoundTokens', end: { by: 'Others' }, seen: true } };
};

const end = ({ name, target }: Subject): Promise<string> => cluster.kubectl(['delete', 'serviceaccount', name, '-n', target.serviceAccount.namespace]);
const secretOf = async ({ uid }: Subject): Promise<string> =>
  cluster.kubectl(['get', 'secret', canaryName(uid), '-n', namespace, '--ignore-not-found', '-o', 'json']);
const observe = ({ revoker }: Pick<ReturnType<typeof start>, 'revoker'>, { tokens, target }: Subject): Promise<Observation> => revoker.observe(tokens, target, never);
/** Until the answer to the last success is forgotten. */
const untilAbsent = (process: ReturnType<typeof start>, subject: Subject): Promise<Observation> =>
  waitFor(async () => {
    const seen = await observe(process, subject);
    return seen.state === 'Absent' ? seen : undefined;
  }, { what: 'the canary to be refused everywhere', timeout: 20_000 });

describe('a probe', () => {
  it('works at both API servers before, is dead at the source at once, and refused by effect when the caches have forgotten it', async () => {
    const process = start();
    const subject = await anAccount();
    const before = Date.now();
    expect(await process.controls.take(subject.target, never)).toEqual([]);
    const after = Date.now();
    expect(await observe(process, subject)).toMatchObject({ state: 'Present', method: 'via-serviceaccount' });
    await end(subject);
    const first = await observe(process, subject);
    expect(first).toMatchObject({ state: 'Present', method: probeMethod, tried: { servers: 2, deadAtSource: true } });
    expect(first.message).toMatch(/^dead at source; API server 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ still accepts it from its cache \(up to 10 s\)$/);
    const last = await untilAbsent(process, subject);
    expect(last).toMatchObject({ method: probeMethod, tried: { refusals: 6, servers: 2, deadAtSource: true } });
    expect(last.tried?.controlAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(last.tried?.controlAt.getTime()).toBeLessThanOrEqual(after);
    await process.controls.drop(subject.target, never);
    expect(await secretOf(subject)).toBe('');
    expect(await observe(process, subject), 'the canary is forgotten').toMatchObject({ state: 'Absent', method: 'via-serviceaccount (no positive control)' });
  });

  it('is dead at the source long before a cache tells, on each API server', async () => {
    const { canaries, apiServers } = start();
    const subject = await anAccount();
    const account = { namespace, name: subject.name, uid: subject.uid };
    const made = await canaries.make(account, never);
    if ('impossible' in made) throw new Error(made.impossible);
    const servers = await apiServers.all(never);
    expect(servers).toHaveLength(2);
    const usedAt = performance.now();
    const taken = await Promise.all(servers.flatMap((server) => [reviewToken(server, account, made.token, undefined, never), tryToken(server, account, made.token, never)]));
    expect(taken.map(({ said }) => said)).toEqual(['Taken', 'Taken', 'Taken', 'Taken']);
    const audiences = taken[0]?.said === 'Taken' ? taken[0].audiences : [];
    expect(audiences).toEqual(['https://kubernetes.default.svc.cluster.local']);
    await end(subject);
    const endedAt = performance.now();
    let nonce = 0;
    const refusedAfter = async (look: () => Promise<TokenVerdict>, since: number): Promise<number> => {
      await waitFor(async () => (await look()).said === 'Refused', { what: 'a refusal', timeout: 15_000 });
      return Math.round(performance.now() - since);
    };
    const figures = await Promise.all(servers.map(async (server) => ({
      source: await refusedAfter(() => reviewToken(server, account, made.token, [...audiences, `nonce-${String((nonce += 1))}`], never), endedAt),
      review: await refusedAfter(() => reviewToken(server, account, made.token, undefined, never), usedAt),
      effect: await refusedAfter(() => tryToken(server, account, made.token, never), usedAt),
    })));
    console.log(`dead at the source, ms after the end; refused from memory, ms after the first use: ${JSON.stringify(figures)}`);
    for (const { source, review, effect } of figures) {
      expect(source).toBeLessThan(2_000);
      expect(Math.min(review, effect)).toBeGreaterThan(9_000);
      expect(Math.max(review, effect)).toBeLessThan(13_000);
    }
    expect(await reviewToken(servers[0] ?? { transport: servers[1]?.transport as never }, account, made.token, undefined, never)).toEqual({ said: 'Refused', cause: 'Account' });
    await canaries.remove(account, never);
  });

  it('is refused for the old account where there is a new one of its name', async () => {
    const process = start();
    const subject = await anAccount();
    await process.controls.take(subject.target, never);
    await end(subject);
    await cluster.kubectl(['create', 'serviceaccount', subject.name, '-n', namespace]);
    expect(await untilAbsent(process, subject)).toMatchObject({ method: probeMethod, tried: { servers: 2, deadAtSource: true } });
    expect(await process.controls.take(subject.target, never), 'one that was taken lasts').toEqual([]);
    await process.controls.drop(subject.target, never);
    expect(await process.controls.take(subject.target, never)).toMatchObject([{ type: 'NotProbed', message: expect.stringContaining('another ServiceAccount has its name') as string }]);
    expect(await secretOf(subject), 'and nothing is left of that').toBe('');
  });

  it('does not believe a proxy that answers 404 for an account that is there; where there is no probe, all that is told is that it was asked', async () => {
    const subject = await anAccount();
    const lie = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404, reason: 'NotFound', message: `serviceaccounts "${subject.name}" not found`, details: { name: subject.name, kind: 'serviceaccounts' } };
    let lies = false;
    const proxy = await startProxy(cluster, {
      token,
      onRequest: ({ method, path }) =>
        lies && method === 'GET' && path.includes(`/serviceaccounts/${subject.name}`) ? { status: 404, headers: { 'content-type': 'application/json' }, body: JSON.stringify(lie) } : true,
    });
    cleanups.push(proxy.stop);
    const process = start(proxy.kubeconfig, [cluster.urls[1] ?? '']);
    expect(await process.controls.take(subject.target, never)).toEqual([]);
    lies = true;
    expect(await observe(process, subject)).toMatchObject({ state: 'Present', method: probeMethod, message: expect.stringContaining('says that the ServiceAccount is gone, and a token of it still works') as string });
    expect(await process.revoker.observe(subject.tokens, { serviceAccount: subject.target.serviceAccount }, never)).toEqual({ state: 'Absent', method: 'via-serviceaccount' });
    expect(await observe(start(proxy.kubeconfig), subject)).toEqual({ state: 'Absent', method: 'via-serviceaccount (no positive control)' });
    await process.controls.drop(subject.target, never);
  });

  it('cannot tell while an API server does not answer', async () => {
    const process = start();
    const subject = await anAccount();
    await process.controls.take(subject.target, never);
    await end(subject);
    cluster.pauseApiServer(1);
    try {
      expect(['Unknown', 'Present']).toContain((await observe(process, subject)).state);
      // What the other one had in its cache is over by now.
      await waitFor(async () => (await observe(process, subject)).state === 'Unknown', { what: 'nothing but the doubt to be left', timeout: 25_000 });
    } finally {
      cluster.resumeApiServer(1);
    }
    expect(await untilAbsent(process, subject)).toMatchObject({ tried: { servers: 2 } });
    await process.controls.drop(subject.target, never);
  });

  it('proves nothing by a canary that has run out', async () => {
    const process = start();
    const subject = await anAccount();
    await process.controls.take(subject.target, never);
    await end(subject);
    ahead = 585_000;
    expect(await observe(process, subject)).toEqual({ state: 'Absent', method: 'via-serviceaccount (no positive control)' });
    await process.controls.drop(subject.target, never);
    expect(await secretOf(subject)).toBe('');
  });
});

describe('the canary', () => {
  it('is bound to an empty Secret, which another process finds and removes; and ends with it, while the account lives', async () => {
    const process = start();
    const other = start();
    const subject = await anAccount();
    await process.controls.take(subject.target, never);
    const stored = JSON.parse(await secretOf(subject)) as object;
    expect(stored).toMatchObject({ type: 'offboard.dev/canary', metadata: { labels: { 'app.kubernetes.io/managed-by': 'offboard' } } });
    expect(stored).not.toHaveProperty('data');
    await other.controls.drop(subject.target, never);
    expect(await secretOf(subject)).toBe('');
    // Here the token is known, and is seen to be refused.
    await process.controls.drop(subject.target, never);
    await other.controls.drop(subject.target, never);
  });

  it('goes with its account where no process is left to remove it', async () => {
    const process = start();
    const subject = await anAccount();
    await process.controls.take(subject.target, never);
    await end(subject);
    await waitFor(async () => (await secretOf(subject)) === '', { what: 'the garbage collector to take the Secret', timeout: 60_000 });
    expect(await untilAbsent(process, subject), 'and is refused for the account all the same').toMatchObject({ tried: { servers: 2, deadAtSource: true } });
  });

  it('is refused at the source as soon as its Secret is gone, which is no end of the account', async () => {
    const process = start();
    const subject = await anAccount();
    const account = { namespace, name: subject.name, uid: subject.uid };
    const made = await process.canaries.make(account, never);
    if ('impossible' in made) throw new Error(made.impossible);
    await process.canaries.remove(account, never);
    for (const server of await process.apiServers.all(never)) {
      const verdict = await waitFor(async () => {
        const seen = await reviewToken(server, account, made.token, ['https://kubernetes.default.svc.cluster.local', `nonce-${String(Math.random())}`], never);
        return seen.said === 'Refused' ? seen : undefined;
      }, { what: 'a refusal' });
      expect(verdict).toEqual({ said: 'Refused', cause: 'Secret' });
    }
  });

  it('is not made of another account than the one that is meant', async () => {
    const subject = await anAccount();
    const { canaries } = start();
    const stranger = { namespace, name: subject.name, uid: '00000000-0000-4000-8000-000000000000' };
    expect(await canaries.make(stranger, never)).toEqual({ impossible: 'another ServiceAccount has its name by now' });
    await canaries.remove(stranger, never);
    const gone = { ...stranger, name: 'never-was' };
    expect(await canaries.make(gone, never)).toEqual({ impossible: 'it was gone before the run could try it' });
    await canaries.remove(gone, never);
  });

  it('is not made where nobody granted it, and what is missing is named', async () => {
    const process = start();
    const subject = await anAccount('elsewhere');
    const missing = await process.revoker.preflight(subject.target, [], never);
    expect(missing.map(({ permission }) => permission)).toEqual([
      'create serviceaccounts/token in namespace "elsewhere"', 'create secrets in namespace "elsewhere"', 'delete secrets in namespace "elsewhere"',
    ]);
    await expect(process.controls.take(subject.target, never)).rejects.toMatchObject({
      kind: 'NeedsPerson', reason: 'PermissionMissing', message: expect.stringContaining('bind the ClusterRole offboard-canaries there') as string,
    });
    const granted = await anAccount();
    expect(await process.revoker.preflight(granted.target, [], never)).toEqual([]);
  });

  it('that cannot be made, since the namespace is ending, is told; and with the namespace whatever was made is gone', async () => {
    const process = start();
    const ending = await anAccount();
    await process.controls.take(ending.target, never);
    const holder = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'holder', namespace, finalizers: ['example.com/hold'] } };
    await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(holder) });
    const late = await anAccount();
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    expect(await start().controls.take(late.target, never)).toMatchObject([{ type: 'NotProbed', message: expect.stringContaining('its namespace is being deleted') as string }]);
    await untilAbsent(process, ending);
    // By then the right to delete it may be gone, too.
    await waitFor(() => start().controls.drop(ending.target, never).then(() => true), { what: 'the Secret to be seen gone in a namespace that is held', timeout: 30_000 });
    await waitFor(async () => (await cluster.kubectl(['get', 'rolebindings', '-n', namespace, '-o', 'name'])) === '', { what: 'the right to go', timeout: 30_000 });
    await waitFor(() => start().controls.drop(ending.target, never).then(() => true), { what: 'the Secret to be seen gone without the right', timeout: 30_000 });
    await cluster.kubectl(['patch', 'configmap', 'holder', '-n', namespace, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await cluster.kubectl(['wait', '--for=delete', `namespace/${namespace}`, '--timeout=60s']);
    await start().controls.drop(ending.target, never);
  });
});

it('may not delete tokens of accounts where it may not find them', async () => {
  const subject = await anAccount('elsewhere');
  const legacy = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token', metadata: { name: 'legacy', namespace: 'elsewhere', annotations: { 'kubernetes.io/service-account.name': subject.name } } };
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(legacy) });
  const binding = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'canaries', namespace: 'elsewhere' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'offboard-canaries' }, subjects: [{ kind: 'ServiceAccount', name: 'offboard', namespace: 'offboard-system' }] };
  await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(binding) });
  const kubeconfig = cluster.kubeconfigFor({ token });
  await waitFor(() => cluster.kubectl(['auth', 'can-i', 'delete', 'secrets', '-n', 'elsewhere'], { kubeconfig }), { what: 'the right' });
  await expect(cluster.kubectl(['delete', 'secret', 'legacy', '-n', 'elsewhere'], { kubeconfig })).rejects.toThrow('Offboard deletes no Secrets but its own canaries');
});

it('a token of ten minutes is our wish: whoever asks for one of 41 years gets it', async () => {
  const { name } = await anAccount('elsewhere');
  const [, claims = ''] = (await cluster.kubectl(['create', 'token', name, '-n', 'elsewhere', '--duration=360000h'])).split('.');
  const { exp, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { readonly exp: number; readonly iat: number };
  expect(exp - iat).toBe(360_000 * 3_600);
});
