/** The command line on a real API server, without an operator: which cluster, as whom, what is asked of it, and what it refuses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlPlane } from '../env/control-plane.ts';
import { startControlPlane } from '../env/control-plane.ts';
import { installCli } from '../env/offboard-cli.ts';
import type { Ended, OffboardCli } from '../env/offboard-cli.ts';
import { installOffboard } from './install.ts';
import { person, writesOurKinds } from './people.ts';

let cluster: ControlPlane;
let cli: OffboardCli;
let withoutCrds: readonly Ended[];

beforeAll(async () => {
  [cluster, cli] = await Promise.all([startControlPlane(), installCli()]);
  withoutCrds = await Promise.all([offboard('status'), offboard('status', 'x', '-n', 'ci'), offboard('records')]);
  await installOffboard(cluster);
  await cluster.kubectl(['apply', '-f', 'config/rbac/people.yaml']);
  await apply(`
{apiVersion: v1, kind: Namespace, metadata: {name: ci}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: prod}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: build-agent-7, namespace: ci}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: old-robot, namespace: ci}}
---
{apiVersion: offboard.dev/v1alpha1, kind: WorkloadIdentity, metadata: {name: build-agent-7, namespace: ci}, spec: {serviceAccount: {name: build-agent-7}}}
`);
});
afterAll(async () => {
  cli.remove();
  await cluster.stop();
});

const offboard = (...args: readonly string[]): Promise<Ended> => cli.run(cluster.kubeconfig, args);
const apply = (yaml: string): Promise<string> => cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: yaml });
const get = async (name: string, namespace: string): Promise<Readonly<Record<string, unknown>>> => JSON.parse(await cluster.kubectl(['get', 'offboarding', name, '-n', namespace, '-o', 'json'])) as Readonly<Record<string, unknown>>;

describe('a cluster without Offboard', () => {
  it('is said to be one, with the way out', () => {
    for (const { code, out, err } of withoutCrds) {
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(/^offboard (status|records): the cluster at https:\/\/127\.0\.0\.1:\d+ does not know Offboard's kinds: its CRDs are not installed there \(kubectl apply --server-side -f crds\/\)/);
    }
  });
});

describe('kubectl offboard start', () => {
  it('makes what it says, when it is more than a dry run', async () => {
    const tried = await offboard('start', 'build-agent-7', '-n', 'ci', '--soak', '1d', '--dry-run', '-o', 'yaml');
    expect(tried).toMatchObject({ code: 0, err: '' });
    expect(load(tried.out)).toMatchObject({ kind: 'Offboarding', metadata: { name: 'build-agent-7-retired', namespace: 'ci' }, spec: { soak: '24h', requestedBy: { username: 'admin' } } });
    expect(await cluster.kubectl(['get', 'offboardings', '-A'])).toBe('');

    const started = await offboard('start', 'build-agent-7', '-n=ci', '--soak', '1d', '--reason', 'OwnerLeft', '--name', 'gone');
    expect(started).toEqual({ code: 0, out: 'offboarding.offboard.dev/gone created\n', err: 'To see how far it is: kubectl offboard status gone -n ci --watch\n' });
    expect(await get('gone', 'ci')).toMatchObject({ spec: { workloadIdentityRef: { name: 'build-agent-7' }, reason: 'OwnerLeft', mode: 'Enforce', soak: '24h', requestedBy: { username: 'admin' }, enforcedBy: { username: 'admin' } } });
    expect(await offboard('start', 'build-agent-7', '-n', 'ci', '--name', 'gone')).toMatchObject({ code: 2, err: expect.stringContaining('there is an Offboarding "gone" in namespace ci already: kubectl offboard status gone -n ci shows it') as string });
  });

  it('takes a manifest, also from standard input, and an account that no WorkloadIdentity names', async () => {
    const manifest = { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name: 'from-a-file', namespace: 'ci' }, spec: { workloadIdentityRef: { name: 'build-agent-7' }, reason: 'Retired', mode: 'Plan' } };
    writeFileSync(join(cluster.folder, 'offboarding.json'), JSON.stringify(manifest));
    expect(await offboard('start', '-f', join(cluster.folder, 'offboarding.json'))).toMatchObject({ code: 0, out: 'offboarding.offboard.dev/from-a-file created\n' });
    expect(await cli.run(cluster.kubeconfig, ['start', '-f', '-', '--name', 'from-input', '-o', 'json'], JSON.stringify(manifest))).toMatchObject({ code: 0, out: expect.stringContaining('"name": "from-input"') as string });
    expect(await offboard('start', '--service-account', 'old-robot', '-n', 'ci', '--mode', 'Plan')).toMatchObject({ code: 0, out: 'offboarding.offboard.dev/old-robot-plan created\n' });
    expect(await get('old-robot-plan', 'ci')).toMatchObject({ spec: { identity: { serviceAccount: { name: 'old-robot' } }, mode: 'Plan' } });
  });

  it('says of an identity that is not there what may have been meant, and what the API server says of a spec', async () => {
    expect((await offboard('start', 'build-agent-77', '-n', 'ci')).err).toBe('offboard start: there is no WorkloadIdentity "build-agent-77" in namespace ci: did you mean build-agent-7?\n');
    expect((await offboard('start', 'build-agent-7', '-n', 'prod')).err).toBe('offboard start: there is no WorkloadIdentity "build-agent-7" in namespace prod; there is one in ci: -n ci\n');
    expect((await offboard('start', 'old-robot', '-n', 'ci')).err).toBe('offboard start: there is no WorkloadIdentity "old-robot" in namespace ci; the ServiceAccount of that name is retired by kubectl offboard start --service-account old-robot -n ci\n');
    expect(await offboard('start', 'build-agent-7', '-n', 'ci', '--soak', '999h')).toMatchObject({ code: 2, err: expect.stringContaining('soak must be at most 168h') as string });
    expect(await offboard('start', 'a/b', '-n', 'ci')).toMatchObject({ code: 2, err: expect.stringContaining('spec.workloadIdentityRef.name: Invalid value: "a/b"') as string });
  });

  it('does not claim to be somebody else where the cluster cannot stamp, and is refused as the policies refuse', async () => {
    const tenant = await person(cluster, 'tenant', { in: { ci: [writesOurKinds] } });
    expect(await cli.run(tenant.kubeconfig, ['start', 'build-agent-7', '-n', 'ci', '--name', 'mine'])).toMatchObject({ code: 2, err: expect.stringContaining('user "tenant" needs the verb "delete" on workloadidentities.offboard.dev "build-agent-7" in namespace "ci"') as string });
    await cluster.kubectl(['create', 'rolebinding', 'old-clusters', '--clusterrole=admin', '--user=elder', '-n', 'ci']);
    const claims = await offboard('start', 'build-agent-7', '-n', 'ci', '--name', 'claimed', '--as', 'elder', '--as-group', 'system:authenticated', '--dry-run', '-o', 'json');
    expect(claims.code === 0 ? (JSON.parse(claims.out) as unknown) : claims.err).toMatchObject({ spec: { requestedBy: { username: 'elder' } } });
  });
});

describe('kubectl offboard status and why, before Offboard has looked', () => {
  it('show what there is, in one namespace or in all', async () => {
    const here = await offboard('status', '-n', 'ci');
    expect(here).toMatchObject({ code: 0, err: '' });
    expect(here.out).toMatch(/^NAME +IDENTITY +PHASE +CONFIRMED +WAITING ON +RESIDUAL +AGE\n/);
    expect(here.out).toMatch(/^gone +build-agent-7 +Pending +\d+s$/m);
    expect((await offboard('status', '-A')).out).toMatch(/^ci +gone +build-agent-7/m);
    expect(await offboard('status', '-n', 'prod')).toEqual({ code: 0, out: '', err: 'no Offboardings in namespace prod\n' });
    const list = JSON.parse((await offboard('status', '-A', '-o', 'json')).out) as { readonly items: readonly { readonly kind: string; readonly metadata: Readonly<Record<string, unknown>> }[] };
    expect(list.items.map(({ kind }) => kind)).toContain('Offboarding');
    expect(list.items[0]?.metadata).not.toHaveProperty('managedFields');

    const one = await offboard('status', 'gone', '-A');
    expect(one).toMatchObject({ code: 1, err: '', out: expect.stringMatching(/^build-agent-7 \(ci\) {2}OwnerLeft, asked by admin \d+s ago +Pending\n/) as string });
    expect(await offboard('why', 'gone', '-n', 'ci')).toMatchObject({ code: 1, out: expect.stringContaining('Offboard has not looked at this run yet.') as string });
    expect(await offboard('status', 'gone', '-n', 'ci', '--watch', '--timeout', '1s')).toMatchObject({ code: 1, err: 'not over after 1s: kubectl offboard why gone -n ci\n' });
  });

  it('find a name that is nearly right, is that of an identity, or is elsewhere', async () => {
    expect((await offboard('status', 'gome', '-n', 'ci')).err).toBe('offboard status: there is no Offboarding "gome" in namespace ci: did you mean gone?\n');
    expect((await offboard('why', 'old-robot', '-n', 'ci')).err).toContain('the identity of that name is retired by old-robot-plan');
    expect((await offboard('cancel', 'gone', '--reason', 'x')).err).toBe('offboard cancel: there is no Offboarding "gone" in namespace default; there is one in ci: -n ci\n');
    await offboard('start', '--service-account', 'default-not', '-n', 'prod', '--name', 'gone', '--mode', 'Plan');
    await apply(`{apiVersion: offboard.dev/v1alpha1, kind: Offboarding, metadata: {name: gone, namespace: prod}, spec: {identity: {serviceAccount: {name: x}}, reason: Retired, mode: Plan}}`);
    expect((await offboard('status', 'gone', '-A')).err).toBe('offboard status: there are Offboardings "gone" in ci, prod: say which with -n\n');
  });
});

describe('which cluster, as whom, and in which namespace', () => {
  it('is read as kubectl reads it: from several files, by the context, with its namespace', async () => {
    const other = cluster.kubeconfigFor({ as: 'nobody' });
    const text = await cluster.kubectl(['config', 'view', '--raw', '-o', 'json']);
    const config = JSON.parse(text) as { contexts: { name: string; context: object }[]; users: { name: string; user: object }[]; 'current-context'?: string };
    // Of one name, the first file's user counts, who may nothing.
    config.users.push({ name: 'of-ci', user: config.users[0]?.user ?? {} });
    config.contexts.push({ name: 'of-ci', context: { ...config.contexts[0]?.context, user: 'of-ci', namespace: 'ci' } });
    delete config['current-context'];
    const file = join(cluster.folder, 'second');
    writeFileSync(file, JSON.stringify(config));

    const several = `${other}:${file}:${join(cluster.folder, 'none')}`;
    expect((await cli.run(several, ['status', '--context', 'of-ci'])).out).toMatch(/^gone /m);
    expect((await cli.run(file, ['status', '--context', 'of-ci', '-n', 'prod'])).out).toMatch(/^gone +x /m);
    expect((await cli.run('/nowhere', ['-n', 'ci', 'status', '--kubeconfig', cluster.kubeconfig])).out).toMatch(/^gone /m);
    expect((await cli.run(file, ['status'])).err).toContain('has no current-context: kubectl config use-context NAME');
    expect((await cli.run(file, ['status', '--context', 'nope'])).err).toContain("has no entry 'nope' in contexts");
    expect((await offboard('status', '-n', 'ci', '--as-group', 'x')).err).toContain('--as-group needs --as');
  });

  it('who lacks a permission is told which, and who gives it how; and that command is all it takes', async () => {
    const refused = await offboard('status', '-n', 'ci', '--as', 'bob', '--as-group', 'system:authenticated');
    expect(refused).toMatchObject({ code: 2, out: '' });
    const [, command = ''] = /^offboard status: bob lacks the verb "list" on offboardings\.offboard\.dev in namespace ci\. Somebody who manages access there can grant it: (kubectl .*)\n$/.exec(refused.err) ?? [];
    expect(command).toBe('kubectl create rolebinding offboard-view --clusterrole=offboard-view --user=bob -n ci');
    expect(await cli.shell(cluster.kubeconfig, command)).toMatchObject({ code: 0 });
    expect(await cli.shell(cluster.kubeconfig, 'for try in $(seq 50); do kubectl offboard status -n ci --as bob && exit; sleep 0.2; done; exit 9')).toMatchObject({ code: 0, out: expect.stringContaining('gone') as string });
    expect((await offboard('records', '--as', 'bob')).err).toContain('kubectl create clusterrolebinding offboard-records --clusterrole=offboard-records --user=bob');
  });

  it('a server that does not answer is named', async () => {
    const nowhere = join(cluster.folder, 'nowhere');
    writeFileSync(nowhere, JSON.stringify({ 'current-context': 'x', contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }], clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:1' } }], users: [{ name: 'x', user: {} }] }));
    const { code, err } = await cli.run(nowhere, ['status']);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(/did not get through to https:\/\/127\.0\.0\.1:1: .*kubectl config current-context/) as string });
    expect((await cli.run(cluster.kubeconfigFor({ token: 'not-a-token' }), ['status'])).err).toMatch(/refuses these credentials: .*Log in again/);
  });
});

describe('kubectl offboard records, of a cluster that has none', () => {
  it('says so', async () => {
    expect(await offboard('records')).toEqual({ code: 0, out: '', err: 'there are no records\n' });
    expect(await offboard('records', '--identity', 'ci/x')).toMatchObject({ code: 1, out: '' });
  });
});

describe('what a shell completes', () => {
  it('is asked by kubectl itself, and by bash, down to the names that the cluster has', async () => {
    const kubectlAsks = async (...words: readonly string[]): Promise<readonly string[]> => (await cli.shell(cluster.kubeconfig, `kubectl __complete offboard ${words.map((word) => `'${word}'`).join(' ')}`)).out.split('\n');
    expect(await kubectlAsks('sta')).toEqual(expect.arrayContaining([expect.stringMatching(/^start\t/), expect.stringMatching(/^status\t/), ':4']));
    expect(await kubectlAsks('why', '-n', 'ci', 'go')).toContain('gone');
    expect(await kubectlAsks('why', '-n', 'pro')).toContain('prod');
    expect(await kubectlAsks('start', '-n', 'ci', '')).toContain('build-agent-7');
    expect(await kubectlAsks('why', '--kubeconfig', '/nowhere', '')).toContain(':4');

    const bashAsks = async (line: string): Promise<string> =>
      (await cli.shell(cluster.kubeconfig, `set -eu; source <(kubectl offboard completion bash); COMP_WORDS=(offboard ${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _offboard; echo "\${COMPREPLY[*]}"`)).out.trim();
    expect(await bashAsks('wa')).toBe('waive');
    expect(await bashAsks(`status -n ci fr`)).toBe('from-a-file from-input');
    expect(await bashAsks(`status --wa`)).toBe('--watch');
  });
});
