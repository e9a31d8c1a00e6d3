import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import { offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ args: ['--kubernetes-settle=3s'] });
});
afterAll(async () => {
  await stage.stop();
});

describe('the operator process', () => {
  it('finishes on SIGTERM within ten seconds, with nothing to complain about, and frees its lease', async () => {
    const started = performance.now();
    expect(await stage.operator().stop('SIGTERM')).toBe('exit code 0');
    expect(performance.now() - started).toBeLessThan(10_000);
    const holder = await stage.cluster.kubectl(['get', 'lease', 'offboard-leader', '-n', 'offboard-system', '-o', 'jsonpath={.spec.holderIdentity}']);
    expect(holder).toBe('');
    await stage.restartOperator('SIGTERM');
  });

  it('leads alone; the second one takes over when the first is killed', async () => {
    const second = await startOperator(stage.cluster, { args: ['--kubernetes-settle=1s'] });
    try {
      const leads = async (url: string): Promise<boolean> => /leader_election_master_status\{name="offboard"\} 1/.test(await (await fetch(`${url}/metrics`)).text());
      await waitFor(() => leads(stage.operator().url), { timeout: 30_000 });
      expect(await leads(second.url)).toBe(false);
      const figures = await (await fetch(`${second.url}/metrics`)).text();
      expect(figures).not.toContain('offboard_oldest_unconfirmed_revocation_seconds');
      await stage.operator().process.kill('SIGKILL');
      await waitFor(() => leads(second.url), { timeout: 40_000 });
      const agent = await createBuildAgent(stage.cluster, 'failover');
      await stage.apply(offboardingOf(agent));
      await stage.reason('failover', 'retire', 'ConfirmedWithUnprovable');
    } finally {
      await second.stop();
    }
    await stage.restartOperator('SIGKILL');
  });

  it('is not ready on a cluster with older CRDs, says which is missing, and is once it is there', async () => {
    await stage.cluster.kubectl(['delete', 'crd', 'offboardingwaivers.offboard.dev']);
    const port = await freePort();
    const starting = startOperator(stage.cluster, { args: [`--port=${String(port)}`] });
    const readyz = (): Promise<string> => fetch(`http://127.0.0.1:${String(port)}/readyz`).then((answer) => answer.text());
    const missing = 'offboardingwaivers (the API server does not know offboardingwaivers.offboard.dev: install the CRDs of this version)';
    await waitFor(async () => (await readyz()) === `not listed yet: ${missing}\n`, { timeout: 20_000, what: 'what is missing' });
    await stage.cluster.kubectl(['apply', '--server-side', '-f', 'crds/']);
    await (await starting).stop();
  });

  it('refuses wrong flags with their names, and explains the right ones', async () => {
    await expect(startOperator(stage.cluster, { args: ['--kubernetes-settle=soon'] })).rejects.toThrow('--kubernetes-settle: "soon" is not a duration');
  });
});

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
};
