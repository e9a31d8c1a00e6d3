/** The oracle and the calm check, each shown to fail: what nobody has seen to fail proves nothing. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { installOffboard } from '../integration/install.ts';
import { complaints, expectCalm } from './calm.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { identityOf, offboardingOf } from './stage.ts';

let cluster: ControlPlane;
let oracle: Oracle;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  oracle = await startOracle(cluster);
});
afterAll(async () => {
  // Everything below is wrong on purpose.
  await oracle.stop().catch(() => undefined);
  await cluster.stop();
});

const apply = (yaml: string): Promise<string> => cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: yaml });
const say = (object: string, namespace: string, status: object): Promise<string> =>
  cluster.kubectl(['patch', object, '-n', namespace, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]);
const ready = { observedGeneration: 1, conditions: [{ type: 'Ready', status: 'True', reason: 'Confirmed', message: 'trust me', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' }] };

describe('the oracle', () => {
  it('names every credential that works while Ready=True', async () => {
    const agent = await createBuildAgent(cluster, 'lied-about');
    await oracle.guard(agent);
    await apply(offboardingOf(agent));
    await say('offboarding/retire', agent.namespace, { ...ready, identity: `${agent.namespace}/${agent.name}` });
    await expect(oracle.judged(agent)).rejects.toThrow(/said Ready=True/);
    const wrong = (await oracle.wrong()).join('\n');
    for (const { name } of agent.paths) expect(wrong).toContain(`${name} still works`);
    for (const label of ['requested token', 'legacy token', 'ServiceAccount']) expect(wrong).toMatch(new RegExp(`${label} is still`));
  });

  it('holds a WorkloadIdentity that is let go to the same', async () => {
    const agent = await createBuildAgent(cluster, 'let-go');
    await oracle.guard(agent);
    await apply(identityOf(agent));
    await cluster.kubectl(['delete', 'wid', agent.name, '-n', agent.namespace]);
    await waitFor(async () => (await oracle.wrong()).some((what) => what.includes('WorkloadIdentity let-go/build-agent-7 was let go, and')));
  });

  it('has nothing against a claim that is true', async () => {
    const agent = await createBuildAgent(cluster, 'truly-gone');
    await oracle.guard(agent);
    await cluster.kubectl(['delete', 'serviceaccount,rolebinding', '--all', '-n', agent.namespace]);
    await cluster.kubectl(['delete', 'rolebinding', '--all', '-n', `${agent.namespace}-artifacts`]);
    await cluster.kubectl(['delete', 'clusterrolebinding', `${agent.namespace}-${agent.name}-nodes`]);
    const run = { ...agent, namespace: 'default' };
    await apply(offboardingOf(run));
    await say('offboarding/retire', run.namespace, { ...ready, identity: `${agent.namespace}/${agent.name}` });
    await waitFor(() => oracle.claims(agent) > 0);
    expect((await oracle.wrong()).filter((what) => what.includes(agent.namespace))).toEqual([]);
  });

  it('misses the access of a neighbour that is taken away', async () => {
    await cluster.kubectl(['create', 'rolebinding', 'neighbour', '-n', 'default', '--clusterrole=view', '--user=neighbour']);
    const path = oracle.asUser('the neighbour', 'neighbour', '/api/v1/namespaces/default/configmaps');
    await waitFor(async () => (await path.attempt()) === 200);
    oracle.keep([path]);
    await cluster.kubectl(['delete', 'rolebinding', 'neighbour', '-n', 'default']);
    await waitFor(async () => (await oracle.wrong()).some((what) => what.startsWith('the neighbour lost its access')), { timeout: 20_000 });
  });
});

describe('calm', () => {
  const served = '{"level":"info","message":"Serving health and metrics"}\n';

  /** An operator as its metrics show it: so many requests more each time somebody looks. */
  const fake = async (step: number, log = served): Promise<{ readonly operator: OperatorProcess; readonly close: () => void }> => {
    let requests = 0;
    const server = createServer((_, response) => {
      requests += step;
      response.end(`# TYPE rest_client_requests_total counter\nrest_client_requests_total{code="200"} ${requests}\n# TYPE offboard_reconcile_total counter\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const process = { running: () => true } as OperatorProcess['process'];
    return { operator: { startedAt: 0, url, process, log: () => log, stop: () => Promise.resolve('') }, close: () => server.close() };
  };

  it('is not what spins, and says how fast', async () => {
    const { operator, close } = await fake(20);
    await expect(expectCalm(operator, { window: 1_000, within: 2_000 })).rejects.toThrow(/did not hold within 2000 ms; last it made \d+ requests and 0 reconciles in/);
    close();
  });

  it('is what rests, unless its log complains', async () => {
    const resting = await fake(0);
    await expectCalm(resting.operator, { window: 500 });
    resting.close();
    const complaining = await fake(0, `${served}{"level":"error","message":"An object could not be read"}\n`);
    await expect(expectCalm(complaining.operator, { window: 100 })).rejects.toThrow('An object could not be read');
    complaining.close();
  });

  it('takes exception to stacks, warnings of the runtime, bugs and restarts', () => {
    const odd = ['(node:1) Warning: something', '{"level":"warn","error":{"reason":"Unexpected"}}', '{"level":"warn","error":{"stack":["at x"]}}', served.trim()];
    for (const line of odd) expect(complaints(`${served}${line}\n`)).toHaveLength(1);
    expect(complaints(`${served}{"level":"warn","message":"A look failed","error":{"reason":"Conflict"}}\n`)).toEqual([]);
  });
});
