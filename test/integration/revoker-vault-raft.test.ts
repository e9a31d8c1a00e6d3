/** The Vault revoker on two nodes that share one storage, one of which may be behind, or the only one that answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { waitFor } from '../env/wait-for.ts';
import { type Case, connectorsTo, createTestClient, openCase, type TestClient, testSettings } from './vault-connection.ts';

let world: VaultWorld;
let operator: string;
const opened: TestClient[] = [];

beforeAll(async () => {
  world = await startVaultWorld({ storage: 'raft', nodes: 2 });
  operator = await world.operator.token();
});
afterAll(async () => {
  await Promise.all(opened.map(({ close }) => close()));
  await world.stop();
});

/** As it is now: on a busy machine the nodes may change places between two tests. */
const standbyNow = async (): Promise<number> => 1 - (await world.bao.activeNode());

/** Nobody logs in by Kubernetes here: what is tried is the leases, as a node tells of them. */
const clientAt = (node: number, timeout = '30s'): TestClient => {
  const client = createTestClient(world.bao, () => operator, { address: world.bao.urls[node] ?? '', timeout });
  opened.push(client);
  return client;
};
const caseAt = (node: number, prefix: string, timeout?: string): Case => {
  return openCase(connectorsTo(clientAt(node, timeout).client, { ...testSettings, kubernetesAuthMounts: [] }), { namespace: 'ci', name: 'bot', uid: 'u' }, { leases: [{ prefix, exclusive: true }] });
};

describe('a standby', () => {
  it('lists every lease that was given before it was asked, and sees each end at once', async () => {
    const agent = await world.addAgent('writer');
    const token = await agent.token();
    const one = caseAt(await standbyNow(), agent.prefix);
    for (let round = 0; round < 20; round += 1) {
      const lease = await token.lease();
      const credential = await one.find(lease.id);
      expect(await one.revoke(credential)).toBe('Accepted');
      expect(await one.observe(credential)).toMatchObject({ state: 'Absent' });
      expect(await one.inventory()).toMatchObject({ credentials: [] });
    }
  });

  it('never takes a login for refused that is not, whatever was so a moment before', async () => {
    const standby = await standbyNow();
    const active = 1 - standby;
    await world.bao.ask('POST', 'sys/auth/kubernetes', { type: 'kubernetes' }, undefined, { node: active });
    const { data } = await world.bao.ask<{ readonly data: Readonly<Record<string, { readonly accessor: string }>> }>('GET', 'sys/auth', undefined, undefined, { node: active });
    const alias = { name: 'uid-of-bot', mount_accessor: data['kubernetes/']?.accessor };
    const made = await world.bao.ask<{ readonly data: { readonly canonical_id: string } }>('POST', 'identity/entity-alias', alias, undefined, { node: active });
    const one = openCase(connectorsTo(clientAt(standby).client), { namespace: 'ci', name: 'bot', uid: 'uid-of-bot' });
    const login = await one.find('auth/kubernetes alias uid-of-bot');
    for (let round = 0; round < 20; round += 1) {
      const disabled = round % 2 === 0;
      await world.bao.ask('POST', `identity/entity/id/${made.data.canonical_id}`, { disabled }, undefined, { node: active });
      expect((await one.observe(login)).state, `round ${String(round)}`).toBe(disabled ? 'Absent' : 'Present');
    }
  });

  it('proves nothing while the active node is frozen, whatever it still tells', async () => {
    const agent = await world.addAgent('frozen');
    const lease = await (await agent.token()).lease();
    const standby = await standbyNow();
    const one = caseAt(standby, agent.prefix, '2s');
    // On a slow machine it may not be through with all of it in so little time at first.
    const credential = await waitFor(() => one.find(lease.id), { what: 'the lease to be found', timeout: 60_000 });
    world.bao.pause(1 - standby);
    const told = await world.bao.call('POST', 'sys/leases/lookup', { lease_id: lease.id }, operator, { node: standby });
    const [observation, inventory, revoke] = await Promise.allSettled([one.observe(credential), one.inventory(), one.revoke(credential)]);
    world.bao.resume(1 - standby);
    expect(told.status).toBe(200);
    expect(observation).toMatchObject({ status: 'fulfilled', value: { state: 'Unknown' } });
    expect(inventory).toMatchObject({ status: 'rejected', reason: { kind: 'Retryable' } });
    expect(revoke).toMatchObject({ status: 'rejected', reason: { kind: 'Retryable' } });
    expect(await lease.login()).toBe('ok');
  });
});
