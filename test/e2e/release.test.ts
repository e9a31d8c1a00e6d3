/**
 * The life of a release: installed as it was before, upgraded and uninstalled while runs are under way, installed again, and gone for good
 * by the commands of docs/uninstall.md. There is no kubelet, so the operator is a process of ours, with the account that the chart gives it.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { documented, wordsOf } from '../docs/documented.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { chartFolder, helm } from '../env/helm.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { requireTools } from '../env/tools/locate.ts';
import { versionBefore } from '../env/version-before.ts';
import { person, writesOurKinds } from '../integration/people.ts';
import { done } from './runs.ts';
import { expectAlive, expectRefused, identityOf, offboardingOf, readyOf } from './stage.ts';

const namespace = 'offboard-system';
const args = ['--kubernetes-settle=1s'];
const folder = mkdtempSync(join(tmpdir(), 'offboard-release-'));
let cluster: ControlPlane;
let operator: OperatorProcess | undefined;
const agents: Record<string, BuildAgent> = {};

beforeAll(async () => {
  cluster = await startControlPlane({ audit: true });
});
afterAll(async () => {
  await operator?.stop();
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

const kubectl = (...words: readonly string[]): Promise<string> => cluster.kubectl(words);
const apply = (yaml: string): Promise<string> => cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: yaml });
const release = (...words: readonly string[]): Promise<string> => helm([...words, '--namespace', namespace, '--kubeconfig', cluster.kubeconfig]);
const asShown = (command: string): Promise<string> => helm([...wordsOf(command), '--kubeconfig', cluster.kubeconfig]);
const change = (what: readonly string[], in_: string, body: object): Promise<string> => kubectl('patch', ...what, '-n', in_, '--type=merge', '-p', JSON.stringify(body));

const start = async (entry?: string): Promise<void> => {
  const token = (await kubectl('create', 'token', 'offboard', '-n', namespace, '--duration=24h')).trim();
  operator = await startOperator(cluster, { kubeconfig: cluster.kubeconfigFor({ token }), args, ownKey: true, ...(entry === undefined ? {} : { entry }) });
};

const stop = async (): Promise<void> => {
  await operator?.stop();
  operator = undefined;
};

const agent = (name: string): BuildAgent => {
  const found = agents[name];
  if (found === undefined) throw new Error(`nobody is called ${name}`);
  return found;
};

const makeAgent = async (name: string): Promise<BuildAgent> => (agents[name] = await createBuildAgent(cluster, name));

const run = async (in_: string, name = 'retire'): Promise<OffboardingObject | undefined> => {
  const text = await kubectl('get', 'offboarding', name, '-n', in_, '-o', 'json', '--ignore-not-found');
  if (text === '') return undefined;
  const object = JSON.parse(text) as OffboardingObject;
  expect(kstatusViolations(object)).toEqual([]);
  return object;
};

const becomes = (in_: string, reason: string, name = 'retire'): Promise<unknown> =>
  waitFor(async () => readyOf((await run(in_, name))?.status)?.reason === reason, { what: `${in_}/${name} to be ${reason}`, timeout: 150_000, interval: 300 });

/** In force once nobody but who may has what was just installed act. */
const guarded = async (): Promise<void> => {
  await kubectl('wait', '--for=condition=Established', '--timeout=30s', 'crd/offboardings.offboard.dev', 'crd/workloadidentities.offboard.dev', 'crd/offboardingrecords.offboard.dev');
  const tried = offboardingOf({ namespace: 'default', name: 'tried' });
  const mark = ['create', '--dry-run=server', '-o', 'jsonpath={.spec.requestedBy.username}{.spec.enforcedBy.username}{.metadata.finalizers}', '-f', '-'];
  await waitFor(async () => (await cluster.kubectl(mark, { stdin: tried }).catch(String)) === 'adminadmin["offboard.dev/offboarding"]', { what: 'the policies to stamp and hold', timeout: 60_000 });
  await waitFor(() => cluster.kubectl(['create', '--dry-run=server', '-f', '-'], { stdin: tried.replaceAll('default', 'kube-system') }).then(() => false, () => true), { what: 'the policies to refuse', timeout: 60_000 });
};

const hold = (who: BuildAgent, held: boolean): Promise<string> =>
  change(['serviceaccount', who.name], who.namespace, { metadata: { finalizers: held ? ['example.com/mine'] : null } });

const keyOf = (): Promise<string> => kubectl('get', 'secret', 'offboard-signing-key', '-n', namespace, '-o', 'jsonpath={.data.key\\.pem}');
const publicKeys = async (): Promise<readonly string[]> =>
  Object.keys(JSON.parse(await kubectl('get', 'configmap', 'offboard-signing-keys', '-n', namespace, '-o', 'jsonpath={.data}')) as object);

/** As the page has them. */
const shell = async (commands: string, kubeconfig = cluster.kubeconfig): Promise<string> => {
  const PATH = `${await requireTools()}:${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], { cwd: folder, env: { PATH, KUBECONFIG: kubeconfig, HOME: cluster.folder } });
  return stdout;
};

it('begins as it was before', async () => {
  const before = await versionBefore(join(folder, 'before'));
  console.log(`Upgrades from ${before.name}.`);
  await release('install', 'offboard', before.chart, '--create-namespace');
  await guarded();
  await start(before.entry);
  await Promise.all(['ended', 'upgraded', 'uninstalled', 'stuck', 'pruned'].map(makeAgent));
  for (const name of ['stuck', 'pruned']) await hold(agent(name), true);
  await apply(offboardingOf(agent('ended')));
  for (const name of ['upgraded', 'uninstalled']) await apply(offboardingOf(agent(name), 'retire', 'soak: 1h'));
  await apply(offboardingOf(agent('stuck')));
  await apply(identityOf(agent('pruned')));
  await kubectl('wait', '--for=condition=Ready', '--timeout=60s', 'wid/build-agent-7', '-n', 'pruned');
  await kubectl('delete', 'wid', 'build-agent-7', '-n', 'pruned', '--wait=false');
  await becomes('ended', done);
  for (const name of ['upgraded', 'uninstalled']) await becomes(name, 'Soaking');
  await becomes('stuck', 'HeldByFinalizer');
});

it('goes on after an upgrade, by the same key', async () => {
  const [key, published] = [await keyOf(), await publicKeys()];
  expect(published).toHaveLength(1);
  await release('upgrade', 'offboard', chartFolder);
  await stop();
  await start();
  expect(await keyOf()).toBe(key);
  expect(readyOf((await run('ended'))?.status)).toMatchObject({ status: 'True', reason: done });
  await change(['offboarding', 'retire'], 'upgraded', { spec: { soak: '0s' } });
  await becomes('upgraded', done);
  await expectRefused(agent('upgraded'));
  expect(await publicKeys()).toEqual(published);
  await expectAlive(agent('uninstalled'));
});

it('drops nothing when it is uninstalled, and says of nothing that it is over', async () => {
  const before = JSON.parse(await kubectl('get', 'offboardings,workloadidentities,offboardingrecords', '-A', '-o', 'json')) as { readonly items: readonly OffboardingObject[] };
  const notes = await asShown(documented('docs/uninstall.md', 'What stays', 'helm uninstall'));
  for (const kept of ['CustomResourceDefinition] offboardings.offboard.dev', 'ValidatingAdmissionPolicy] offboard-finalizers', 'ConfigMap] offboard-lock']) expect(notes).toContain(kept);
  // It has some seconds left, without any right.
  await hold(agent('stuck'), false);
  await stop();
  const after = JSON.parse(await kubectl('get', 'offboardings,workloadidentities,offboardingrecords', '-A', '-o', 'json')) as { readonly items: readonly OffboardingObject[] };
  const names = (objects: typeof before): readonly string[] => objects.items.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`);
  expect(names(after)).toEqual(names(before));
  const ready = after.items.filter(({ status }) => readyOf(status)?.status === 'True').map(({ metadata }) => metadata.namespace);
  expect(ready.toSorted()).toEqual(['ended', 'upgraded']);
  expect(await shell(documented('docs/uninstall.md', 'Before'))).toMatch(/^Offboarding uninstalled\/retire\n/m);
  expect((await kubectl('get', 'serviceaccount,role,rolebinding', '-n', namespace, '-o', 'name')).match(/\/offboard/g)).toBeNull();
});

it('leaves what it guards guarded while nobody runs it', async () => {
  const everything = { on: ['workloadidentities.offboard.dev', 'offboardings.offboard.dev'], verbs: ['delete'] };
  const makes = { on: ['serviceaccounts', 'rolebindings.rbac.authorization.k8s.io'], verbs: ['create'] };
  const tenant = await person(cluster, 'tenant', { in: Object.fromEntries(['ended', 'uninstalled', 'pruned'].map((each) => [each, [writesOurKinds, everything, makes]])) });
  const on = ['patch', 'offboarding', 'retire', '-n', 'uninstalled', '--type=merge', '-p'];
  await expect(tenant.kubectl([...on, '{"status":{"conditions":[]}}', '--subresource=status'])).rejects.toThrow('only Offboard writes the status');
  await expect(tenant.kubectl([...on, '{"metadata":{"finalizers":null}}'])).rejects.toThrow('needs the verb "breakglass"');
  await expect(tenant.kubectl([...on, '{"spec":{"soak":"0s"}}'])).rejects.toThrow('needs the verb "delete" on serviceaccounts');
  await expect(tenant.kubectl(['create', 'serviceaccount', 'build-agent-7', '-n', 'ended'])).rejects.toThrow('is offboarded');
  await tenant.kubectl(['delete', 'offboarding', 'retire', '-n', 'uninstalled', '--wait=false']);
  expect((await run('uninstalled'))?.metadata).toMatchObject({ finalizers: ['offboard.dev/offboarding'] });
  expect((await kubectl('get', 'wid', 'build-agent-7', '-n', 'pruned', '-o', 'name')).trim()).not.toBe('');
});

it('goes on when it is installed again, and every run ends by the proof', async () => {
  const key = await keyOf();
  await asShown(documented('docs/uninstall.md', 'Back again'));
  await guarded();
  await start();
  await hold(agent('pruned'), false);
  await becomes('stuck', done);
  await change(['offboarding', 'retire'], 'uninstalled', { spec: { soak: '0s' } });
  await kubectl('wait', '--for=delete', '--timeout=150s', 'offboarding/retire', '-n', 'uninstalled');
  await kubectl('wait', '--for=delete', '--timeout=150s', 'wid/build-agent-7', '-n', 'pruned');
  for (const name of ['ended', 'upgraded', 'uninstalled', 'stuck', 'pruned']) await expectRefused(agent(name));
  expect((await kubectl('get', 'offboardingrecords', '-o', 'name')).trim().split('\n')).toHaveLength(5);
  expect(await keyOf()).toBe(key);
  expect(await publicKeys()).toHaveLength(1);
});

it('is got out of by who is named, once it is gone for good, and leaves nothing then', async () => {
  await makeAgent('ci');
  await apply(offboardingOf(agent('ci'), 'build-agent-7-retired', 'soak: 1h'));
  await becomes('ci', 'Soaking', 'build-agent-7-retired');
  await release('uninstall', 'offboard');
  await stop();
  await kubectl('delete', 'offboarding', 'build-agent-7-retired', '-n', 'ci', '--wait=false');
  const alice = await person(cluster, 'alice@example.com');
  const way = documented('docs/uninstall.md', 'Never back: the way out', 'kubectl patch');
  await expect(shell(way, alice.kubeconfig)).rejects.toThrow('Forbidden');
  await shell(documented('docs/uninstall.md', 'Never back: the way out', 'kubectl get'));
  await shell(documented('docs/uninstall.md', 'Never back: the way out', 'kubectl create'));
  expect(readFileSync(join(folder, 'build-agent-7-retired.yaml'), 'utf8')).toContain('reason: Soaking');
  await waitFor(() => shell(way, alice.kubeconfig).then(() => true, () => false), { what: 'the way out' });
  expect(await run('ci', 'build-agent-7-retired')).toBeUndefined();
  const trace = readFileSync(cluster.auditLog ?? '', 'utf8').split('\n').filter((line) => line.includes('alice@example.com takes off offboard.dev/offboarding'));
  expect(trace.map((line) => (JSON.parse(line) as { readonly responseStatus?: { readonly code: number } }).responseStatus?.code)).toContain(200);
  expect(await shell(documented('docs/uninstall.md', 'Before'))).toBe('');
  await shell(documented('docs/uninstall.md', 'Nothing left'));
  expect(readFileSync(join(folder, 'records.yaml'), 'utf8').match(/kind: OffboardingRecord$/gm)).toHaveLength(5);
  expect(readFileSync(join(folder, 'signing-keys.yaml'), 'utf8')).toContain('BEGIN PUBLIC KEY');
  const kinds = 'crd,namespace,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding,mutatingadmissionpolicy,mutatingadmissionpolicybinding';
  expect((await kubectl('get', kinds, '-o', 'name')).split('\n').filter((name) => name.includes('offboard'))).toEqual([]);
  await kubectl('create', 'serviceaccount', 'build-agent-7', '-n', 'ended');
});
