/**
 * The commands of the README, the guides, the runbooks and the command line's reference, as they stand there, on a real API server
 * with a real operator. Those of the reader's own (a namespace, a name) are put in. `test/docs/commands.test.ts` holds that none is left out.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documented, documentedBlock, shownOutput } from '../docs/documented.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { pastTheLock } from '../env/past-the-lock.ts';
import { installPublicKeys } from '../env/signing-key.ts';
import { installOffboard } from '../integration/install.ts';
import { person } from '../integration/people.ts';
import { filled, hasJq, inNamespace, openShell, shapeOf } from './docs-shell.ts';
import type { Shell } from './docs-shell.ts';
import { expectAlive, expectRefused, identityOf, offboardingOf } from './stage.ts';

let cluster: ControlPlane;
let shell: Shell;
let operator: OperatorProcess | undefined;

beforeAll(async () => {
  cluster = await startControlPlane();
  shell = await openShell(cluster.kubeconfig);
});
afterAll(async () => {
  await operator?.stop();
  shell.remove();
  await cluster.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => cluster.kubectl(args);
const apply = (yaml: string): Promise<string> => cluster.kubectl(['apply', '-f', '-'], { stdin: yaml });
const ready = (run: string, namespace: string, reason: string): Promise<string> =>
  kubectl('wait', `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=${reason}`, '--timeout=150s', `offboarding/${run}`, '-n', namespace);
const file = (name: string): string => readFileSync(join(shell.folder, name), 'utf8');

/** In the foreground, until it says where it serves. */
const untilItServes = async (command: string): Promise<void> => {
  const child = spawn('bash', ['-c', command], { detached: true, env: { ...process.env, ARGS: '--port=0' } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { said += chunk; });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    const url = await waitFor(() => /"url":"(http:[^"]+)"/.exec(said)?.[1], { what: 'the operator to serve', timeout: 150_000 });
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: 'the operator to be ready', timeout: 60_000 });
  } catch (error) {
    throw new Error(`${String(error)}\n${said}`);
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await ended;
  }
};

describe('an installation from a checkout', () => {
  it('has the CRDs and policies, a key, and an operator that runs as who started it', async () => {
    await shell.run(documented('README.md', 'Install it', 'kubectl create namespace'));
    await shell.run(documented('README.md', 'Install it', 'kubectl apply --server-side'));
    await shell.run(documented('docs/reference/guards.md', 'Guards'));
    await installOffboard(cluster);
    await installPublicKeys(cluster);
    await shell.run(documented('docs/record.md', 'Keys', 'openssl genpkey'));
    await shell.run(documented('docs/record.md', 'Keys', 'openssl pkey -in'));
    await shell.run(documented('docs/record.md', 'Keys', 'kubectl create secret'));
    const mine = file('signing-key.pub');
    await shell.run(documented('README.md', 'Install it', 'kubectl get secret'));
    expect(file('signing-key.pub')).toBe(mine);
    await untilItServes(filled(documented('README.md', 'Install it', 'KUBECONFIG=~/.kube/config make run'), { '~/.kube/config': cluster.kubeconfig }));
    operator = await startOperator(cluster, { args: ['--kubernetes-settle=1s'], ownKey: true });
  });
});

describe('the README', () => {
  it('shows a retirement, followed to its end, and its record checked', async () => {
    const agent = await createBuildAgent(cluster, 'ci');
    await apply(documentedBlock('README.md', 'Use it', 'yaml'));
    const listed = await shell.run(documented('README.md', 'Use it', 'kubectl get offboardings'));
    expect(shapeOf(listed)[0]).toBe(shapeOf(shownOutput('README.md', 'Use it', 'kubectl get offboardings'))[0]);
    await shell.run(documented('README.md', 'Use it', 'kubectl wait'));
    await expectRefused(agent);
    const status = shapeOf(await shell.run(documented('README.md', 'Use it', 'kubectl offboard status')));
    expect(status).toEqual(expect.arrayContaining([...shapeOf(shownOutput('README.md', 'Use it', 'kubectl offboard status'))]));
    await shell.run(documented('README.md', 'Use it', 'kubectl get offboardingrecords'));
    const verified = shapeOf(await shell.run(documented('README.md', 'Use it', 'kubectl offboard verify')));
    expect(verified).toEqual(expect.arrayContaining([...shapeOf(shownOutput('README.md', 'Use it', 'kubectl offboard verify'))]));
  });
});

describe('what is said of records', () => {
  it('holds, offline and from the cluster', async () => {
    await shell.run(documented('docs/record.md', 'The record of a retirement'));
    const verified = await shell.run(documented('docs/reference/cli.md', 'kubectl offboard verify', 'kubectl offboard verify records.yaml'));
    const [head = '', digest = ''] = /\d{10}@(sha256:[0-9a-f]{64})/.exec(verified) ?? [];
    await shell.run(filled(documented('docs/record.md', 'The chain'), { '0000000042@sha256:…': head }));
    const id = await shell.run(documented('docs/record.md', 'Keys', 'openssl pkey -pubin'));
    expect(verified).toContain(`signature ok (key ${id.slice(0, 16)})`);

    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard verify', 'kubectl get offboardingrecords'));
    copyFileSync(join(shell.folder, 'signing-key.pub'), join(shell.folder, '2027.pub'));
    await shell.run('openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out 2026.pub');
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard verify', 'kubectl get ofr'));
    const trusted = join(shell.folder, '.config/offboard/trusted-keys.pem');
    mkdirSync(dirname(trusted), { recursive: true });
    copyFileSync(join(shell.folder, 'signing-key.pub'), trusted);
    await shell.run(filled(documented('docs/reference/cli.md', 'kubectl offboard verify', 'kubectl offboard verify --from-cluster'), { 'sha256:2c26b46b68ff...': digest }));
  });

  it('is what kubectl and the command line list', async () => {
    for (const listed of [await shell.run(documented('docs/tombstones.md', 'Tombstones')), await shell.run(documented('docs/runbooks/record-changed.md', 'See which, and what differs')), await shell.run(documented('docs/runbooks/record-missing.md', 'See which'))]) expect(listed).toContain('0000000001');
    expect(await shell.run(documented('docs/tombstones.md', 'Tombstones', 'kubectl get offboardingrecords '))).toMatch(/ INTACT .* RESURRECTED/);
    expect(await shell.run(documented('docs/reference/cli.md', 'kubectl offboard records'))).toContain('ci/build-agent-7');
    await shell.run(documented('docs/report.md', 'The report: a record to be read', 'kubectl offboard report build-agent-7-retired'));
    await shell.run(filled(documented('docs/report.md', 'The report: a record to be read', 'kubectl offboard report record/'), { '0000000042': '0000000001' }));
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard report', 'kubectl offboard report build-agent-7-retired'));
    await shell.run(filled(documented('docs/reference/cli.md', 'kubectl offboard report', 'kubectl offboard report 42'), { ' 42 ': ' 1 ' }));
    expect(file('report.html')).toContain('build-agent-7');
    expect(await shell.run(documented('docs/runbooks/slow-ends.md', 'See where the time goes'))).toMatch(hasJq ? /^\d+\tci\tbuild-agent-7-retired$/m : /"kind"/);
  });

  it('names what came back, and lets the name be used again on purpose', async () => {
    await pastTheLock(cluster, 'identity', () => kubectl('create', 'serviceaccount', 'build-agent-7', '-n', 'ci'));
    await kubectl('wait', '--for=condition=Resurrected', '--timeout=60s', 'offboardingrecord/0000000001');
    const seen = documented('docs/runbooks/resurrected.md', 'See what came back');
    await waitFor(async () => /Resurrected/.test(await shell.run(seen)), { what: 'the event of the return' });
    expect(await shell.run(seen)).toMatch(hasJq ? /^0000000001 serviceaccounts\/ci\/build-agent-7$/m : /"kind"/);
    await kubectl('delete', 'serviceaccount', 'build-agent-7', '-n', 'ci');
    await apply(filled(documentedBlock('docs/tombstones.md', 'Using a name again', 'yaml'), { '0000000042': '0000000001' }));
    await waitFor(() => kubectl('create', 'serviceaccount', 'build-agent-7', '-n', 'ci').then(() => true, () => false), { what: 'the name to be free', timeout: 60_000 });
  });
});

describe('the guide of the cluster', () => {
  it('retires an identity from the first look to the last', async () => {
    const agent = await createBuildAgent(cluster, 'guide');
    await shell.run(inNamespace('guide', documented('docs/kubernetes.md', 'Look first')));
    await expectAlive(agent);
    await shell.run(inNamespace('guide', documented('docs/kubernetes.md', 'Retire it')));
    await expectRefused(agent);
    expect(await shell.run(documented('docs/probe.md', 'What is left behind'))).toBe('');
  });
});

describe('the reference of the command line', () => {
  it('has a run soak, be cancelled, and be asked for again in a hurry', async () => {
    const agent = await createBuildAgent(cluster, 'cli');
    const here = (commands: string): string => inNamespace('cli', commands);
    await apply(identityOf(agent));
    await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard start', 'kubectl offboard start build-agent-7 -n ci --soak')));
    await ready('build-agent-7-retired', 'cli', 'Soaking');
    expect(await shell.run(documented('docs/reference/cli.md', 'kubectl offboard status', 'kubectl offboard status -A'))).toMatch(/^cli +build-agent-7-retired .* Soaking/m);
    // Neither of them is over.
    await shell.run(here(filled(documented('docs/reference/cli.md', 'kubectl offboard why'), { 'build-agent-4': 'build-agent-7' })), { code: 1 });
    await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard cancel')));
    await expectAlive(agent);
    await kubectl('delete', 'offboarding', 'build-agent-7-retired', '-n', 'cli');

    const tried = await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard start', 'kubectl offboard start build-agent-7 -n ci --dry-run')));
    expect(tried).toContain('workloadIdentityRef');
    writeFileSync(join(shell.folder, 'offboarding.yaml'), offboardingOf(agent, 'from-a-file', 'mode: Plan'));
    writeFileSync(join(shell.folder, 'identity.yaml'), identityOf(agent));
    await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard discover', 'kubectl offboard discover build-agent-7 -n ci')));
    await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard plan', 'kubectl offboard plan build-agent-7')));
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard plan', 'kubectl offboard plan -f'));
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard start', 'kubectl offboard start -f'));
    await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard start', 'kubectl offboard start build-agent-7 -n ci --emergency')));
    await expectRefused(agent);
    await shell.run(here(documented('docs/reference/cli.md', 'kubectl offboard status', 'kubectl offboard status build-agent-7-retired')));
  });

  it('gives up what cannot be reached, and takes that back', async () => {
    await kubectl('apply', '-f', 'config/samples/connector.yaml');
    const agent = { namespace: 'ci', name: 'build-agent-4' };
    await kubectl('create', 'serviceaccount', agent.name, '-n', agent.namespace);
    await apply(identityOf(agent, 'dependencies: [{name: vault, vault: {connectorRef: {name: vault-prod}, roles: [ci-build-agent-4]}}]'));
    await apply(offboardingOf(agent, 'build-agent-4-retired').replace(/identity: .*/, 'workloadIdentityRef: {name: build-agent-4}'));
    await waitFor(async () => (await shell.run(`${documented('docs/reference/cli.md', 'kubectl offboard why')} || true`)).startsWith('vault '), { what: 'vault to be named', timeout: 90_000 });
    const boss = await person(cluster, 'boss', {
      in: { ci: [{ on: ['offboardings.offboard.dev'], verbs: ['get', 'waive'] }, { on: ['offboardingwaivers.offboard.dev'], verbs: ['get', 'create', 'delete'] }] },
    });
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard waive'), { kubeconfig: boss.kubeconfig });
  });

  it('completes', async () => {
    mkdirSync(join(shell.folder, 'bin'));
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard completion', 'source'));
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard completion', 'kubectl offboard completion kubectl'));
    await shell.run(documented('docs/reference/cli.md', 'kubectl offboard completion', '  chmod'));
    expect(file('bin/kubectl_complete-offboard')).not.toBe('');
  });
});

describe('the runbooks', () => {
  it('show a run that is late, and what it waits for', async () => {
    const agent = await createBuildAgent(cluster, 'late');
    await apply(offboardingOf(agent, 'run', 'soak: 1h\n  deadline: 1s'));
    await waitFor(async () => (await shell.run(documented('docs/runbooks/overdue.md', 'See which', 'kubectl get events'))).includes('offboarding/run'), { what: 'the event Overdue', timeout: 60_000 });
    expect(await shell.run(documented('docs/runbooks/overdue.md', 'See which', 'kubectl get offboardings'))).toMatch(/^late +run /m);
    const one = { RUN: 'run', NAMESPACE: 'late' };
    await shell.run(filled(documented('docs/runbooks/overdue.md', 'See which', 'kubectl offboard status'), one), { code: 1 });
    await shell.run(documented('docs/runbooks/revocation-unconfirmed.md', 'See which', 'kubectl get offboardings'));
    await shell.run(filled(documented('docs/runbooks/revocation-unconfirmed.md', 'See which', 'kubectl offboard status'), one), { code: 1 });
    expect(await shell.run(filled(documented('docs/runbooks/revocation-unconfirmed.md', 'See which', 'kubectl get offboarding RUN'), one))).toMatch(hasJq ? /^kubernetes\t/m : /"kind"/);
  });

  it('show a Connector that is down, and what is unknown for that', async () => {
    expect(await shell.run(documented('docs/runbooks/connector-down.md', 'See which, and why', 'kubectl get connectors'))).toContain('vault-prod');
    const message = await shell.run(filled(documented('docs/runbooks/connector-down.md', 'See which, and why', 'kubectl get connector.offboard.dev'), { NAME: 'vault-prod' }));
    expect(message.trim()).not.toBe('');
    expect(await shell.run(documented('docs/runbooks/unknown.md', 'See which, and why'))).toContain('build-agent-4-retired');
  });

  it('show whether the lock is there, and whether the operator sees and leads', async () => {
    const lock = await shell.run(documented('docs/runbooks/lock-missing.md', 'See what is missing'));
    for (const name of ['/offboard-lock-identity ', 'offboard-lock ']) expect(lock).toContain(name);
    expect(await shell.run(documented('docs/runbooks/operator-blind.md', 'See why', 'kubectl get --raw'))).toContain('readyz check passed');
    expect(await shell.run(documented('docs/runbooks/operator-blind.md', 'See why', 'kubectl auth'))).toBe('yes\n');
    await kubectl('apply', '-k', 'config/manager');
    await waitFor(async () => (await shell.run(documented('docs/runbooks/no-leader.md', 'See why', 'kubectl get'))).includes('pod/offboard-'), { what: 'the pods' });
    expect(await shell.run(documented('docs/runbooks/no-leader.md', 'See why', 'kubectl get'))).toContain('/offboard-leader ');
    expect(await shell.run(documented('docs/runbooks/no-leader.md', 'See why', 'kubectl describe'))).toMatch(/^Status: +Pending$/m);
  });
});
