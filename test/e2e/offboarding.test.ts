import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { pastTheLock } from '../env/past-the-lock.ts';
import { attempt, expectAlive, expectRefused, identityOf, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
});
afterAll(async () => {
  await stage.stop();
});

describe('an identity that is retired', () => {
  it('has no access path left when its Offboarding is Ready, and kubectl wait sees it', async () => {
    const agent = await createBuildAgent(stage.cluster, 'retired');
    await stage.apply(identityOf(agent));
    await stage.apply(`
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: retire, namespace: retired}
spec: {workloadIdentityRef: {name: ${agent.name}}, reason: Retired, mode: Enforce}
`);
    await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', 'offboarding/retire', '-n', 'retired']);
    await expectRefused(agent);
    const run = await stage.run('retired', 'retire');
    expect(readyOf(run?.status)).toMatchObject({ status: 'True', reason: 'ConfirmedWithUnprovable' });
    expect(run?.status?.target?.serviceAccount.uid).toBe(agent.uid);
    expect(run?.metadata.finalizers ?? []).toEqual([]);
    expect(run?.spec.requestedBy).toMatchObject({ username: 'admin' });
    const columns = await stage.cluster.kubectl(['get', 'offboardings', '-n', 'retired']);
    expect(columns).toMatch(/NAME\s+IDENTITY\s+PHASE\s+CONFIRMED\s+RESIDUAL UNTIL\s+AGE/);
    expect(columns).toMatch(/retire\s+retired\/build-agent-7\s+Complete\s+6\/6/);
    const events = await stage.cluster.kubectl(['get', 'events', '-n', 'retired', '-o', 'jsonpath={.items[*].reason}']);
    expect(events).toContain('Completed');
  });

  it('that comes back is told, and its new account is left alone', async () => {
    const create = () => stage.cluster.kubectl(['create', 'serviceaccount', 'build-agent-7', '-n', 'retired']);
    await expect(create()).rejects.toThrow('serviceaccount retired/build-agent-7 is offboarded');
    await pastTheLock(stage.cluster, 'identity', create);
    const status = await stage.reason('retired', 'retire', 'Resurrected');
    expect(readyOf(status)).toMatchObject({ status: 'False' });
    expect(await stage.exists('serviceaccount', 'build-agent-7', '-n', 'retired')).toBe(true);
  });
});

describe('a plan', () => {
  it('names what would end and ends nothing', async () => {
    const agent = await createBuildAgent(stage.cluster, 'planned');
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    await stage.cluster.kubectl(['wait', '--for=condition=Planned', '--timeout=30s', 'offboarding/plan', '-n', 'planned']);
    const status = await stage.reason('planned', 'plan', 'PlanOnly');
    expect(status.dependencies?.[0]?.credentials?.map(({ class: name }) => name)).toEqual(
      expect.arrayContaining(['ServiceAccount', 'BoundTokens', 'RoleBinding', 'ClusterRoleBinding', 'Access']),
    );
    await expectAlive(agent);
  });
});

describe('a person', () => {
  it('cancels in the soak, and everything still works', async () => {
    const agent = await createBuildAgent(stage.cluster, 'soaking');
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h'));
    await stage.reason('soaking', 'retire', 'Soaking');
    await stage.cluster.kubectl(['patch', 'offboarding', 'retire', '-n', 'soaking', '--type=merge', '-p', '{"spec":{"cancel":{"reason":"wrong agent"}}}']);
    await stage.reason('soaking', 'retire', 'Cancelled');
    await expectAlive(agent);
    await stage.cluster.kubectl(['delete', 'offboarding', 'retire', '-n', 'soaking', '--timeout=20s']);
  });

  it('shortens a soak, and the run goes on', async () => {
    await stage.apply(offboardingOf({ namespace: 'soaking', name: 'build-agent-7' }, 'again', 'soak: 1h'));
    await stage.reason('soaking', 'again', 'Soaking');
    await stage.cluster.kubectl(['patch', 'offboarding', 'again', '-n', 'soaking', '--type=merge', '-p', '{"spec":{"soak":"0s"}}']);
    await stage.reason('soaking', 'again', 'ConfirmedWithUnprovable');
  });

  it('suspends, lets an emergency take over, and the suspended run says so', async () => {
    const agent = await createBuildAgent(stage.cluster, 'suspended');
    await stage.apply(offboardingOf(agent, 'slow', 'soak: 1h'));
    await stage.reason('suspended', 'slow', 'Soaking');
    await stage.cluster.kubectl(['patch', 'offboarding', 'slow', '-n', 'suspended', '--type=merge', '-p', '{"spec":{"suspend":true}}']);
    await stage.reason('suspended', 'slow', 'Suspended');
    await stage.apply(offboardingOf(agent, 'now', 'urgency: Emergency'));
    await stage.reason('suspended', 'slow', 'Superseded');
    await stage.reason('suspended', 'now', 'ConfirmedWithUnprovable');
    await expectRefused(agent);
  });

  it('who deletes a run does not stop it', async () => {
    const agent = await createBuildAgent(stage.cluster, 'deleted-run');
    await stage.apply(offboardingOf(agent));
    await stage.cluster.kubectl(['delete', 'offboarding', 'retire', '-n', 'deleted-run', '--timeout=60s']);
    await expectRefused(agent);
  });
});

describe('what keeps a run from its end', () => {
  it('is a pod that runs as the identity, until it is gone', async () => {
    const agent = await createBuildAgent(stage.cluster, 'in-use');
    await stage.apply(`
apiVersion: v1
kind: Pod
metadata: {name: runner, namespace: in-use}
spec: {serviceAccountName: ${agent.name}, containers: [{name: c, image: none.example/none}]}
`);
    await stage.apply(offboardingOf(agent));
    const status = await stage.reason('in-use', 'retire', 'InUse');
    expect(readyOf(status)?.message).toContain('runner');
    await expectAlive(agent);
    await stage.cluster.kubectl(['patch', 'offboarding', 'retire', '-n', 'in-use', '--type=merge', '-p', '{"spec":{"urgency":"Emergency"}}']);
    const ended = await stage.reason('in-use', 'retire', 'ConfirmedWithUnprovable');
    expect(ended.dependencies?.[0]?.findings?.map(({ type }) => type)).toContain('InUse');
    await expectRefused(agent);
  });

  it('is a finalizer of somebody else, while the account can still mint', async () => {
    const agent = await createBuildAgent(stage.cluster, 'held');
    const patch = (value: string): Promise<string> =>
      stage.cluster.kubectl(['patch', 'serviceaccount', agent.name, '-n', 'held', '--type=merge', '-p', `{"metadata":{"finalizers":${value}}}`]);
    await patch('["example.com/mine"]');
    await stage.apply(offboardingOf(agent));
    const status = await stage.reason('held', 'retire', 'HeldByFinalizer');
    expect(readyOf(status)?.message).toContain('example.com/mine');
    await patch('null');
    await stage.reason('held', 'retire', 'ConfirmedWithUnprovable');
  });

  it('is an account that is re-created half-way: it is left alone, and its old grants go', async () => {
    const agent = await createBuildAgent(stage.cluster, 'recreated');
    await stage.apply(identityOf(agent));
    await waitFor(async () => (await stage.cluster.kubectl(['get', 'wid', agent.name, '-n', 'recreated', '-o', 'jsonpath={.status.serviceAccountUID}'])) === agent.uid);
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 3s').replace('identity: {serviceAccount: {name: build-agent-7}}', 'workloadIdentityRef: {name: build-agent-7}'));
    await stage.reason('recreated', 'retire', 'Soaking');
    await stage.cluster.kubectl(['delete', 'serviceaccount', agent.name, '-n', 'recreated']);
    await pastTheLock(stage.cluster, 'identity', () => stage.cluster.kubectl(['create', 'serviceaccount', agent.name, '-n', 'recreated']));
    await stage.reason('recreated', 'retire', 'IdentityRecreated');
    expect((await attempt(agent)).slice(2)).toEqual([403, 403, 403]);
    expect(await stage.exists('serviceaccount', agent.name, '-n', 'recreated')).toBe(true);
    await stage.cluster.kubectl(['delete', 'serviceaccount', agent.name, '-n', 'recreated']);
    await stage.reason('recreated', 'retire', 'ConfirmedWithUnprovable');
  });

  it('is a client certificate, until it has run out; its bindings go at once', async () => {
    const agent = await createBuildAgent(stage.cluster, 'certificate');
    await stage.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: by-certificate, namespace: certificate}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: agent-cn}]
`);
    const notAfter = new Date(Date.now() + 8_000).toISOString();
    const identity = `identity: {serviceAccount: {name: ${agent.name}}, kubernetes: {certificates: [{commonName: agent-cn, notAfter: "${notAfter}"}]}}`;
    await stage.apply(offboardingOf(agent).replace(/identity: .*/, identity));
    const waiting = await stage.reason('certificate', 'retire', 'WaitingForExpiry');
    expect(waiting.summary).toMatchObject({ unrevocable: 1 });
    expect(waiting.residualUntil).toBe(notAfter.replace(/\.\d+Z$/, 'Z'));
    expect(await stage.exists('rolebinding', 'by-certificate', '-n', 'certificate')).toBe(false);
    const metrics = await (await fetch(`${stage.operator().url}/metrics`)).text();
    expect(metrics).toMatch(/offboard_waiting_revocations\{revoker="kubernetes",reason="expiry"\} 1/);
    await stage.reason('certificate', 'retire', 'ConfirmedWithUnprovable');
    expect(Date.now()).toBeGreaterThan(Date.parse(notAfter));
  });
});

describe('others', () => {
  it('on a shared binding keep their access', async () => {
    const agent = await createBuildAgent(stage.cluster, 'shared');
    await stage.cluster.kubectl(['create', 'rolebinding', 'both', '-n', 'shared', '--clusterrole=view', `--serviceaccount=shared:${agent.name}`, '--serviceaccount=shared:other']);
    await stage.apply(offboardingOf(agent));
    await stage.reason('shared', 'retire', 'ConfirmedWithUnprovable');
    const subjects = await stage.cluster.kubectl(['get', 'rolebinding', 'both', '-n', 'shared', '-o', 'jsonpath={.subjects[*].name}']);
    expect(subjects).toBe('other');
  });
});
