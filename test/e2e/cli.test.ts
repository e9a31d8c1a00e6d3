/** The command line, run by kubectl as people run it, beside a real operator. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { installCli } from '../env/offboard-cli.ts';
import type { Ended, OffboardCli } from '../env/offboard-cli.ts';
import { person } from '../integration/people.ts';
import { expectAlive, expectRefused, identityOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let cli: OffboardCli;

beforeAll(async () => {
  [stage, cli] = await Promise.all([startStage(), installCli()]);
});
afterAll(async () => {
  cli.remove();
  await stage.stop();
});

const offboard = (...args: readonly string[]): Promise<Ended> => cli.run(stage.cluster.kubeconfig, args);
const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);
const anAgent = async (namespace: string): Promise<BuildAgent> => {
  const agent = await createBuildAgent(stage.cluster, namespace);
  await stage.apply(identityOf(agent));
  return agent;
};

describe('an identity that is retired from the command line', () => {
  it('is followed to its end, which is then explained, listed and checked', async () => {
    const agent = await anAgent('cli-end');
    const started = await offboard('start', agent.name, '-n', agent.namespace, '--wait', '--timeout', '2m');
    expect(started, started.err).toMatchObject({ code: 0, err: '' });
    const log = started.out.split('\n');
    expect(log[0]).toBe('offboarding.offboard.dev/build-agent-7-retired created');
    expect(log.filter((line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}kubernetes {2}confirmed {2}/.test(line))).toHaveLength(1);
    expect(started.out).toMatch(/\n\nbuild-agent-7 \(cli-end\) {2}Retired, asked by admin \d+s ago +Complete\n\n {2}kubernetes {2}✔ confirmed/);
    await expectRefused(agent);

    const name = 'build-agent-7-retired';
    expect(await offboard('status', name, '-n', agent.namespace)).toMatchObject({ code: 0, err: '' });
    const why = await offboard('why', name, '-n', agent.namespace);
    expect(why).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^build-agent-7 \(cli-end\) is done, since \d+s: every credential is proven gone[\s\S]+It rests on: \d+ credentials, \d+ observed gone\.\n/) as string });
    const records = await offboard('records', '--identity', 'cli-end/build-agent-7');
    expect(records).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^NAME .*\n0000000001 +cli-end\/build-agent-7 +Confirmed/) as string });
    expect(records.out).toContain('1 record, none missing');
    // The very lines that are shown to be copied.
    const [verify = ''] = /kubectl offboard verify .*/.exec(why.out) ?? [];
    await cli.shell(stage.cluster.kubeconfig, `kubectl get configmap offboard-signing-keys -n offboard-system -o jsonpath='{.data.*}' > key.pub`);
    expect(await cli.shell(stage.cluster.kubeconfig, verify.replace('FILE', 'key.pub'))).toMatchObject({ code: 0, out: expect.stringContaining('proven: 1 record') as string });
    expect(await offboard('cancel', name, '-n', agent.namespace, '--reason', 'too late')).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/^offboard cancel: revoking began \d+s ago, and what was revoked cannot be given back \(asked to end: kubernetes \d+\)\. It has ended since\n$/) as string });
  });
});

describe('a run that is cancelled from the command line', () => {
  it('says until when that can be, and leaves the identity alive', async () => {
    const agent = await anAgent('cli-cancel');
    await offboard('start', agent.name, '-n', agent.namespace, '--soak', '1h');
    await stage.reason(agent.namespace, 'build-agent-7-retired', 'Soaking');
    expect((await offboard('status', 'build-agent-7-retired', '-n', agent.namespace)).out).toMatch(/reversible until \S+ \(in (1h|59m\d*s?)\); then the first revoke is sent/);
    const why = await offboard('why', 'build-agent-7-retired', '-n', agent.namespace);
    expect(why).toMatchObject({ code: 1, out: expect.stringContaining('kubectl offboard cancel build-agent-7-retired --reason WHY -n cli-cancel') as string });

    expect(await offboard('cancel', 'build-agent-7-retired', '-n', agent.namespace)).toMatchObject({ code: 2, err: expect.stringContaining('say why, for the audit: --reason TEXT') as string });
    const cancelled = await offboard('cancel', 'build-agent-7-retired', '-n', agent.namespace, '--reason', 'still needed');
    expect(cancelled).toMatchObject({ code: 0, err: '', out: 'offboarding.offboard.dev/build-agent-7-retired cancelled by admin before anything was revoked: still needed\n' });
    await expectAlive(agent);
    expect(await offboard('cancel', 'build-agent-7-retired', '-n', agent.namespace, '--reason', 'x')).toMatchObject({ code: 1, err: expect.stringContaining('it is cancelled already') as string });
  });
});

describe('a dependency that is given up from the command line', () => {
  it('is, by somebody who did not ask, and only by one who may', async () => {
    const agent = await anAgent('cli-waive');
    const held = (finalizers: readonly string[] | null) => kubectl('patch', 'serviceaccount', agent.name, '-n', agent.namespace, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers } }));
    await held(['example.com/mine']);
    await offboard('start', agent.name, '-n', agent.namespace);
    await stage.reason(agent.namespace, 'build-agent-7-retired', 'HeldByFinalizer');
    const why = await offboard('why', 'build-agent-7-retired', '-n', agent.namespace);
    expect(why).toMatchObject({ code: 1, err: '', out: expect.stringMatching(/^kubernetes is blocked: .*\n[\s\S]*Since \d+s, looked at again within 5 minutes\./) as string });
    const [line = ''] = /kubectl offboard waive .*/.exec(why.out) ?? [];

    expect(await cli.shell(stage.cluster.kubeconfig, line)).toMatchObject({ code: 2, err: expect.stringContaining('admin asked for this run, so somebody else must give it up') as string });
    const reads = { on: ['offboardings.offboard.dev', 'offboardingwaivers.offboard.dev'], verbs: ['get', 'list', 'create'] };
    const visitor = await person(stage.cluster, 'visitor', { in: { [agent.namespace]: [reads] } });
    expect(await cli.shell(visitor.kubeconfig, line)).toMatchObject({ code: 2, err: expect.stringContaining('needs the verb "waive" on offboardings.offboard.dev "build-agent-7-retired"') as string });
    const boss = await person(stage.cluster, 'boss', { in: { [agent.namespace]: [reads, { on: ['offboardings.offboard.dev'], verbs: ['waive'] }] } });
    const waived = await cli.shell(boss.kubeconfig, line);
    expect(waived, waived.err).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^offboardingwaiver\.offboard\.dev\/build-agent-7-retired-kubernetes created, until \S+\nit is in force: /) as string });
    expect(await cli.shell(boss.kubeconfig, line)).toMatchObject({ code: 2, err: expect.stringContaining('there is a waiver "build-agent-7-retired-kubernetes" in namespace cli-waive already') as string });

    await stage.reason(agent.namespace, 'build-agent-7-retired', 'CompletedWithWaivers');
    const done = await offboard('why', 'build-agent-7-retired', '-n', agent.namespace);
    expect(done.code).toBe(0);
    expect(done.out.replaceAll(/\s+/g, ' ')).toMatch(/ is done, since \d+s: .* approved by boss: .* It rests on: \d+ credentials, \d+ observed gone, \d+ not gone\. /);
    await held(null);
    await stage.reason(agent.namespace, 'build-agent-7-retired', 'ConfirmedWithUnprovable');
  });
});

describe('a run that is watched while the API server is away', () => {
  it('is watched on when that is back', async () => {
    const agent = await anAgent('cli-away');
    await offboard('start', agent.name, '-n', agent.namespace, '--soak', '20s');
    const watched = cli.shell(stage.cluster.kubeconfig, `kubectl offboard status build-agent-7-retired -n ${agent.namespace} --watch --timeout 2m >watched.log 2>&1`);
    const log = (): string => readFileSync(join(cli.folder, 'watched.log'), 'utf8');
    await waitFor(() => existsSync(join(cli.folder, 'watched.log')) && log().includes('Soaking'), { what: 'the run to be seen soaking', timeout: 30_000 });
    await stage.cluster.killApiServer();
    await waitFor(() => /Z {2}cannot be asked: .*\n/.test(log()), { what: 'the trouble to be told', timeout: 30_000 });
    await stage.cluster.restartApiServer();
    const { code } = await watched;
    expect(code, log()).toBe(0);
    await expectRefused(agent);
  });
});
