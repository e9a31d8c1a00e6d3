import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { attempt, expectAlive, expectRefused, identityOf, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ args: ['--kubernetes-settle=1s', '--token-secrets'] });
});
afterAll(async () => {
  await stage.stop();
});

const lifecycle = (namespace: string, name: string): Promise<string> =>
  stage.cluster.kubectl(['get', 'wid', name, '-n', namespace, '-o', 'jsonpath={.status.lifecycleState}']);
const inventoried = (namespace: string, name: string): Promise<string> =>
  stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=30s', `wid/${name}`, '-n', namespace]);

describe('a WorkloadIdentity', () => {
  it('counts what it holds, and names no token of it', async () => {
    const agent = await createBuildAgent(stage.cluster, 'counted');
    await stage.apply(identityOf(agent));
    await inventoried('counted', agent.name);
    const text = await waitFor(async () => {
      const json = await stage.cluster.kubectl(['get', 'wid', agent.name, '-n', 'counted', '-o', 'json']);
      return json.includes('"credentials": 5') || json.includes('"credentials": 6') ? json : undefined;
    });
    const { status } = JSON.parse(text) as { status: { lifecycleState: string; serviceAccountUID: string } };
    expect(status).toMatchObject({ lifecycleState: 'Active', serviceAccountUID: agent.uid });
    expect(stage.operator().log()).not.toContain(agent.tokens.legacy);
  });

  it('that is deleted from git is held until all its access is gone', async () => {
    const agent = await createBuildAgent(stage.cluster, 'pruned');
    await stage.apply(identityOf(agent));
    await inventoried('pruned', agent.name);
    await stage.cluster.kubectl(['delete', 'wid', agent.name, '-n', 'pruned', '--timeout=60s']);
    await expectRefused(agent);
  });

  it('swept away together with its account and bindings still ends true, as found absent by UID', async () => {
    const agent = await createBuildAgent(stage.cluster, 'swept');
    await stage.apply(identityOf(agent));
    await inventoried('swept', agent.name);
    // In this order: the operator is quick enough to end the account before a sweep that begins with the identity gets there.
    await stage.cluster.kubectl([
      'delete', `serviceaccount/${agent.name}`, `rolebinding/${agent.name}-edit`, `wid/${agent.name}`, '-n', 'swept', '--timeout=60s',
    ]);
    await expectRefused(agent);
    const list = JSON.parse(await stage.cluster.kubectl(['get', 'offboardings', '-n', 'swept', '-o', 'json'])) as {
      readonly items: readonly { readonly status: NonNullable<Parameters<typeof readyOf>[0]> }[];
    };
    const [run] = list.items;
    expect(readyOf(run?.status)?.status).toBe('True');
    expect(run?.status.dependencies?.[0]?.credentials?.find(({ class: name }) => name === 'ServiceAccount')).toMatchObject({ uid: agent.uid, foundAbsent: true });
  });

  it('in a namespace that is deleted is retired from the operator\'s own, and the namespace goes', async () => {
    const agent = await createBuildAgent(stage.cluster, 'terminating');
    await stage.apply(identityOf(agent));
    await inventoried('terminating', agent.name);
    await stage.cluster.kubectl(['delete', 'namespace', 'terminating', '--timeout=90s']);
    expect((await attempt(agent)).slice(3)).toEqual([403, 403]);
    const runs = await stage.cluster.kubectl(['get', 'offboardings', '-n', 'offboard-system', '-o', 'jsonpath={.items[*].status.identity}']);
    expect(runs).toContain('terminating/build-agent-7');
  });

  it('that expires is retired, and says so', async () => {
    const agent = await createBuildAgent(stage.cluster, 'expiring');
    await stage.apply(identityOf(agent, `lifecycle: {expiresAt: "${new Date(Date.now() + 3_000).toISOString()}"}`));
    await waitFor(async () => (await lifecycle('expiring', agent.name)) === 'Retired', { timeout: 60_000 });
    await expectRefused(agent);
  });

  it('with onDelete Orphan goes at once and leaves all access as it is', async () => {
    const agent = await createBuildAgent(stage.cluster, 'orphaned');
    await stage.apply(identityOf(agent, 'lifecycle: {onDelete: Orphan}'));
    await inventoried('orphaned', agent.name);
    await stage.cluster.kubectl(['delete', 'wid', agent.name, '-n', 'orphaned', '--timeout=20s']);
    await expectAlive(agent);
  });
});

describe('a second run for an identity', () => {
  it('waits for the first and then finds nothing left', async () => {
    const agent = await createBuildAgent(stage.cluster, 'twice');
    await stage.apply(offboardingOf(agent, 'first', 'soak: 4s'));
    await stage.reason('twice', 'first', 'Soaking');
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    await stage.reason('twice', 'plan', 'PlanOnly');
    await stage.reason('twice', 'first', 'ConfirmedWithUnprovable');
    await stage.apply(offboardingOf(agent, 'second'));
    const status = await stage.reason('twice', 'second', 'ConfirmedWithUnprovable');
    expect(status.dependencies?.[0]?.credentials?.find(({ class: name }) => name === 'ServiceAccount')).toMatchObject({ foundAbsent: true });
  });
});

describe('an account that never existed', () => {
  it('is unknown, not gone, until somebody says that this is fine', async () => {
    await stage.cluster.kubectl(['create', 'namespace', 'ghost']);
    await stage.apply(offboardingOf({ namespace: 'ghost', name: 'nobody' }));
    const status = await stage.reason('ghost', 'retire', 'IdentityUnknown');
    expect(readyOf(status)?.message).toContain('mayBeAbsent');
    await stage.cluster.kubectl(['delete', 'offboarding', 'retire', '-n', 'ghost', '--timeout=20s']);
    await stage.apply(offboardingOf({ namespace: 'ghost', name: 'nobody' }).replace('{name: nobody}', '{name: nobody, mayBeAbsent: true}'));
    await stage.reason('ghost', 'retire', 'ConfirmedWithUnprovable');
  });
});

describe('token Secrets, where the operator may list them', () => {
  it('are ended one by one, and no byte of a token is shown anywhere', async () => {
    const agent = await createBuildAgent(stage.cluster, 'secrets');
    await stage.apply(offboardingOf(agent));
    const status = await stage.reason('secrets', 'retire', 'ConfirmedWithUnprovable');
    expect(status.dependencies?.[0]?.credentials?.find(({ class: name }) => name === 'TokenSecret')).toMatchObject({ state: 'Confirmed' });
    expect(await stage.exists('secret', `${agent.name}-token`, '-n', 'secrets')).toBe(false);
    const secret = agent.tokens.legacy.slice(-40);
    const everything = `${JSON.stringify(status)}${stage.operator().log()}${await stage.cluster.kubectl(['get', 'events', '-A', '-o', 'json'])}`;
    expect(everything).not.toContain(secret);
  });
});
