/** Two Vault nodes on raft: one is killed, or frozen, in the middle of runs, and the other goes on answering. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../env/control-plane.ts';
import { changeRun, done } from './runs.ts';
import { addSoakingAgent, startVaultStage, vaultOf } from './vault-stage.ts';
import type { VaultAgent, VaultStage } from './vault-stage.ts';

let stage: VaultStage;

beforeAll(async () => {
  stage = await startVaultStage({ world: { storage: 'raft', nodes: 2 } });
});
afterAll(async () => {
  await stage.stop();
});

const soaking = (name: string): Promise<VaultAgent> => addSoakingAgent(stage, name);
const goOn = (agent: VaultAgent): Promise<string> => changeRun(stage, agent, { soak: '0s' });

const standbyOf = async (): Promise<{ readonly active: number; readonly standby: number; readonly address: string }> => {
  const active = await stage.world.bao.activeNode();
  const standby = 1 - active;
  return { active, standby, address: stage.world.bao.urls[standby] ?? '' };
};

/** Once the operator has logged in there: what a node was told just now, the other learns a moment later. */
const connectTo = async (address: string): Promise<void> => {
  await stage.connect({ address });
  await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=90s', 'connector/vault']);
};

it('a run by way of the standby is as true as by the active node', async () => {
  const { address } = await standbyOf();
  await connectTo(address);
  const agent = await soaking('standby');
  await goOn(agent);
  await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
});

it('a standby whose active node is frozen proves nothing, though it answers', async () => {
  const { active, address } = await standbyOf();
  await connectTo(address);
  const agent = await soaking('frozen');
  stage.world.bao.pause(active);
  await goOn(agent);
  await waitFor(async () => (await vaultOf(stage, agent))?.lastError !== undefined, { what: 'the run to notice', timeout: 60_000 });
  expect(stage.oracle.claims(agent)).toBe(0);
  stage.world.bao.resume(active);
  await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
});

it('revokes that were accepted before every node was killed are carried out, or asked for again', { timeout: 400_000 }, async () => {
  const { bao } = stage.world;
  const agent = await soaking('killed');
  await goOn(agent);
  await waitFor(async () => (await stage.run(agent.namespace, 'retire'))?.status?.revokeStartedAt !== undefined, { what: 'the revokes to begin', interval: 20 });
  await Promise.all([bao.kill(0), bao.kill(1)]);
  expect((await stage.run(agent.namespace, 'retire'))?.status?.completedAt).toBeUndefined();
  await Promise.all([bao.start(0), bao.start(1)]);
  // Whoever could not be asked for long is asked again within two minutes.
  await stage.reason(agent.namespace, 'retire', done, 300_000);
  await stage.oracle.judged(agent);
  expect(await agent.lease.login()).toBe('refused');
});
