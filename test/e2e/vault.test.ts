/** Identities that have access through Vault are retired there too, and nobody else is. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../env/control-plane.ts';
import { changeRun, done } from './runs.ts';
import { expectAlive, identityOf } from './stage.ts';
import { dependencyOf, leasedUser, retire, startVaultStage, vaultOf, vaultToken } from './vault-stage.ts';
import type { VaultStage } from './vault-stage.ts';

let stage: VaultStage;

beforeAll(async () => {
  stage = await startVaultStage();
  const neighbour = await stage.world.addAgent('neighbour', { namespace: 'neighbours' });
  const token = await neighbour.login();
  stage.oracle.keep([vaultToken('the neighbour’s Vault token', token), leasedUser('the neighbour’s PostgreSQL user', await token.lease())]);
});
afterAll(async () => {
  await stage.stop();
});

it.concurrent('a leased database user, its token and what came of that are gone before Ready is said', async () => {
  const agent = await stage.addAgent('seven');
  await stage.apply(retire(agent));
  const { dependencies = [] } = await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  expect(dependencies.map(({ name, state }) => `${name} ${state}`)).toEqual(['kubernetes Confirmed', 'vault Confirmed']);
  const vault = dependencies.find(({ name }) => name === 'vault');
  expect(new Set(vault?.credentials?.map((credential) => credential.class))).toEqual(new Set(['Login', 'Token', 'Lease', 'AuthRole']));
  expect(vault?.credentials?.find(({ id }) => id.includes(agent.lease.id))).toMatchObject({ class: 'Lease', state: 'Confirmed' });
  expect(vault?.findings?.map(({ type }) => type)).toContain('NotProvable');
  expect(await agent.lease.login()).toBe('refused');
});

it.concurrent('an identity that never logged in cannot do so once its run is locked, and can again when that is cancelled', async () => {
  const agent = await stage.addAgent('newcomer');
  const other = await stage.world.addAgent('never-before', { namespace: agent.namespace });
  const account = { ...agent, name: 'never-before', vault: other };
  // Under the lock of the cluster none would be made.
  const token = await other.serviceAccountToken();
  await stage.apply(retire(account, 'soak: 1h'));
  await stage.reason(agent.namespace, 'retire', 'Soaking');
  expect((await other.tryLogin(token)).status).toBe(403);
  expect((await agent.vault.tryLogin()).status).toBe(200);
  await changeRun(stage, agent, { cancel: { reason: 'needed after all' } });
  await stage.reason(agent.namespace, 'retire', 'Cancelled');
  expect((await other.tryLogin(token)).status).toBe(200);
  await expectAlive(agent);
});

it.concurrent('the cancel of a locked run gives the tokens their life back', async () => {
  const agent = await stage.addAgent('spared');
  await stage.apply(retire(agent, 'soak: 1h'));
  await stage.reason(agent.namespace, 'retire', 'Soaking');
  expect(await agent.token.use()).toBe(403);
  expect(await agent.lease.login()).toBe('ok');
  await changeRun(stage, agent, { cancel: { reason: 'needed after all' } });
  await stage.reason(agent.namespace, 'retire', 'Cancelled');
  expect(await agent.token.use()).toBe(200);
});

it.concurrent('a plan touches nothing and lists everything', async () => {
  const agent = await stage.addAgent('planned');
  await stage.apply(retire(agent, 'mode: Plan'));
  await stage.reason(agent.namespace, 'retire', 'PlanOnly');
  expect(((await vaultOf(stage, agent))?.credentials ?? []).filter((credential) => credential.class === 'Lease').length).toBe(2);
  await expectAlive(agent);
});

it.concurrent('what waits for Vault is not touched before Vault is proven gone', async () => {
  const agent = await stage.addAgent('ordered');
  await stage.world.stick(agent.lease);
  const second = dependencyOf(agent, 'after: [vault], ').replace('name: vault', 'name: later').replace(/leases: .*?\]/, 'leases: []');
  await stage.apply(retire(agent, 'urgency: Emergency', `${dependencyOf(agent)}, ${second}`));
  await stage.reason(agent.namespace, 'retire', 'RevocationStuck');
  const status = (await stage.run(agent.namespace, 'retire'))?.status;
  expect(status?.dependencies?.find(({ name }) => name === 'later')?.credentials?.filter(({ revokeRequestedAt }) => revokeRequestedAt !== undefined)).toEqual([]);
  await stage.world.unstick(agent.lease);
  await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
});

it.concurrent('leases that may be somebody else’s hold the run, and nothing is touched', async () => {
  const agent = await stage.addAgent('sharing');
  await stage.apply(retire(agent, '', dependencyOf(agent).replace(', exclusive: true', '')));
  await stage.reason(agent.namespace, 'retire', 'SharedLeasePath');
  await expectAlive(agent);
});

it.concurrent('a role that lets others in holds the run, and stays as it is', async () => {
  const agent = await stage.addAgent('roommate', { sharedWith: ['another'] });
  await stage.apply(retire(agent));
  const { dependencies = [] } = await stage.reason(agent.namespace, 'retire', 'SharedRole');
  expect(JSON.stringify(dependencies)).toContain(agent.vault.role);
  expect((await stage.world.bao.call('GET', `auth/kubernetes/role/${agent.vault.role}`)).status).toBe(200);
});

it.concurrent('the deletion of a WorkloadIdentity waits until Vault is done', async () => {
  const agent = await stage.addAgent('declared');
  await stage.apply(identityOf(agent, `dependencies: [${dependencyOf(agent)}]`));
  await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', 'wid/declared', '-n', agent.namespace]);
  // Taken out while it holds credentials: it is retired all the same.
  await stage.cluster.kubectl(['patch', 'wid', 'declared', '-n', agent.namespace, '--type=merge', '-p', '{"spec":{"dependencies":[]}}']);
  await waitFor(
    async () => (await stage.cluster.kubectl(['get', 'wid', 'declared', '-n', agent.namespace, '-o', 'jsonpath={.status.dependencies[?(@.name=="vault")].declared}'])) === 'false',
    { what: 'the dependency to be undeclared', timeout: 60_000 },
  );
  await stage.cluster.kubectl(['delete', 'wid', 'declared', '-n', agent.namespace, '--timeout=90s']);
  await stage.oracle.judged(agent);
});
