/** The Vault revoker on a real OpenBao in front of a real PostgreSQL. That access is gone is always told by trying it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type Agent, startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import type { VaultDependency } from '../../src/api/v1alpha1/index.ts';
import type { VaultClient } from '../../src/revokers/vault/client.ts';
import type { VaultConnectors } from '../../src/revokers/vault/connectors.ts';
import { type Case, connectorsTo, createTestClient, openCase, type TestClientOptions } from './vault-connection.ts';

let cluster: ControlPlane;
let world: VaultWorld;
let token: string;
let connectors: VaultConnectors;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  world = await startVaultWorld({ cluster, rawStorage: true });
  token = await world.operator.token();
  connectors = connectorsTo(clientOf());
});
afterAll(async () => {
  await Promise.all(closing.map((close) => close()));
  await world.stop();
  await cluster.stop();
});

const closing: (() => Promise<void>)[] = [];
const clientOf = (options?: TestClientOptions): VaultClient => {
  const { client, close } = createTestClient(world.bao, () => token, options);
  closing.push(close);
  return client;
};
const caseOf = async (agent: Agent, named: Omit<VaultDependency, 'connectorRef'> = {}): Promise<Case> =>
  openCase(connectors, { namespace: agent.namespace, name: agent.name, uid: await agent.uid() }, named);
const exclusively = ({ prefix }: Agent): Omit<VaultDependency, 'connectorRef'> => ({ leases: [{ prefix, exclusive: true }] });
const ids = async (one: Case): Promise<readonly string[]> => (await one.inventory()).credentials.map(({ id }) => id);
const mountAccessor = async (): Promise<string> => {
  const { data } = await world.bao.ask<{ readonly data: Readonly<Record<string, { readonly accessor: string }>> }>('GET', 'sys/auth');
  return data['kubernetes/']?.accessor ?? '';
};

describe('an identity that was at work', () => {
  it('has its logins, tokens, leases and role listed, and all of them ended', async () => {
    const agent = await world.addAgent('worker');
    const bystander = await world.addAgent('worker-2');
    const theirs = await bystander.login();
    const theirLease = await theirs.lease();
    const [mine, again] = [await agent.login(), await agent.login()];
    const child = await mine.child();
    const [lease, childLease] = [await mine.lease(), await child.lease()];
    const one = await caseOf(agent, { ...exclusively(agent), roles: [agent.role] });
    const uid = await agent.uid();

    const { credentials } = await one.inventory();
    expect(credentials.map(({ id }) => id).sort()).toEqual(
      [
        `auth/kubernetes alias ${uid}`,
        `auth/kubernetes/role/${agent.role}`,
        ...[mine, again, child].map(({ accessor }) => `auth/token accessor ${accessor}`),
        lease.id,
        childLease.id,
      ].sort(),
    );
    expect(new Set(credentials.map((credential) => credential.uid)).size).toBe(1);
    expect(await Promise.all([mine.use(), child.use(), lease.login(), childLease.login()])).toEqual([200, 200, 'ok', 'ok']);

    expect(new Set(Object.values(await one.endAll()))).toEqual(new Set(['Absent']));
    expect(await Promise.all([mine.use(), again.use(), child.use(), lease.login(), childLease.login()])).toEqual([403, 403, 403, 'refused', 'refused']);
    expect((await agent.tryLogin()).status).toBe(400);
    expect((await one.inventory()).credentials.filter(({ seen }) => seen)).toEqual([]);
    expect(await Promise.all([theirs.use(), theirLease.login()])).toEqual([200, 'ok']);
  });
});

describe('the lock', () => {
  it('stops tokens of every kind and new logins, and gives all back as it was', async () => {
    const agent = await world.addAgent('paused-worker');
    const service = await agent.login();
    const [child, batch] = [await service.child(), await service.child('batch')];
    const use = () => Promise.all([service, child, batch].map((each) => each.use()));
    const one = await caseOf(agent);
    const entity = async () => (await world.bao.ask<{ readonly data: object }>('GET', `identity/entity/id/${service.entityId}`)).data;
    await world.bao.ask('POST', `identity/entity/id/${service.entityId}`, { metadata: { team: 'build' } });
    const { last_update_time: _, ...before } = (await entity()) as Record<string, unknown>;

    expect(await one.observeLock()).toMatchObject({ state: 'Absent' });
    await one.lock();
    expect(await one.observeLock()).toMatchObject({ state: 'Present' });
    expect(await use()).toEqual([403, 403, 403]);
    expect((await agent.tryLogin()).status).toBe(403);

    await one.unlock();
    expect(await use()).toEqual([200, 200, 200]);
    const { last_update_time: __, ...after } = (await entity()) as Record<string, unknown>;
    expect(after).toEqual(before);
  });

  it('refuses the first login of all, and takes that back', async () => {
    const agent = await world.addAgent('never-seen');
    const one = await caseOf(agent);
    await one.lock();
    expect(await agent.tryLogin()).toMatchObject({ status: 403, body: { errors: ['permission denied'] } });
    await one.lock();
    await one.unlock();
    expect(await (await agent.login()).use()).toBe(200);
  });

  it('holds whatever happens between its steps', async () => {
    const agent = await world.addAgent('racer');
    const accessor = await mountAccessor();
    const uid = await agent.uid();
    const entityId = async () => (await world.bao.ask<{ readonly data?: { readonly id: string } } | undefined>('POST', 'identity/lookup/entity', { alias_name: uid, alias_mount_accessor: accessor }))?.data?.id;
    const tokens: { use: () => Promise<number> }[] = [];
    const meddle: Readonly<Record<string, () => Promise<void>>> = {
      'a login': async () => {
        const service = await agent.login();
        tokens.push(service, await service.child('batch'));
      },
      'the entity being deleted': async () => {
        await world.bao.ask('DELETE', `identity/entity/id/${(await entityId()) ?? ''}`);
      },
      'the entity being merged into another': async () => {
        const { data } = await world.bao.ask<{ readonly data: { readonly id: string } }>('POST', 'identity/entity', { name: 'the other' });
        await world.bao.ask('POST', 'identity/entity/merge', { from_entity_ids: [await entityId()], to_entity_id: data.id });
      },
    };
    for (const [what, happens] of Object.entries(meddle)) {
      let left = true;
      const client = clientOf({
        onRequest: async ({ method, path }) => {
          if (!left || method !== 'POST' || !/^identity\/entity(-alias$|\/id\/)/.test(path)) return;
          left = false;
          await happens();
        },
      });
      const one = openCase(connectorsTo(client), { namespace: 'ci', name: agent.name, uid });
      await one.lock();
      expect(left, what).toBe(false);
      expect((await agent.tryLogin()).status, what).toBe(403);
      expect(await one.observeLock(), what).toMatchObject({ state: 'Present' });
      expect(await Promise.all(tokens.map((each) => each.use())), what).not.toContain(200);
      await world.bao.ask('POST', `identity/entity/id/${(await entityId()) ?? ''}`, { disabled: false });
    }
    expect(tokens.length).toBe(2);
  });
});

describe('a lease that its database does not let go', () => {
  it('is refused with the words of the database, goes on being tried, and ends when the database lets it', async () => {
    const agent = await world.addAgent('owner');
    const lease = await (await agent.login()).lease();
    await world.stick(lease);
    const one = await caseOf(agent, exclusively(agent));
    const credential = await one.find(lease.id);
    const answer = await one.revoke(credential);
    expect(answer).toMatchObject({ refused: 'RevocationStuck' });
    expect(JSON.stringify(answer)).toContain('cannot be dropped');
    expect(JSON.stringify(answer)).not.toContain(lease.password);
    expect(await one.observe(credential)).toMatchObject({ state: 'Present', method: 'leases/lookup' });
    expect(await lease.login()).toBe('ok');
    await world.unstick(lease);
    expect(await one.revoke(credential)).toBe('Accepted');
    expect(await one.observe(credential)).toMatchObject({ state: 'Absent' });
    expect(await lease.login()).toBe('refused');
  });

  it('is said to be stuck when the server has given up, and ends only by a revoke that waits', async () => {
    const agent = await world.addAgent('given-up');
    const lease = await (await agent.login()).lease();
    await world.stick(lease);
    const one = await caseOf(agent, exclusively(agent));
    const credential = await one.find(lease.id);
    await world.giveUpOn([lease]);
    expect(await one.find(lease.id)).toMatchObject({ seen: true });
    expect(await one.observe(credential)).toMatchObject({ state: 'Present', reason: 'RevocationStuck' });
    expect(await one.revoke(credential)).toMatchObject({ refused: 'RevocationStuck' });
    expect(await one.observe(credential)).toMatchObject({ state: 'Present', reason: 'RevocationStuck' });
    await world.unstick(lease);
    expect(await one.revoke(credential)).toBe('Accepted');
    expect(await one.observe(credential)).toMatchObject({ state: 'Absent' });
    expect(await lease.login()).toBe('refused');
  });
});

describe('what is not the identity\'s alone', () => {
  it('is told and left alone: a prefix that nobody called exclusive', async () => {
    const agent = await world.addAgent('sharer');
    const lease = await (await agent.login()).lease();
    const one = await caseOf(agent, { leases: [{ prefix: agent.prefix }] });
    const shared = await one.find(`leases under ${agent.prefix}`);
    expect(shared.end).toMatchObject({ by: 'Person', reason: 'SharedLeasePath' });
    await expect(one.revoke(shared)).rejects.toMatchObject({ kind: 'NeedsPerson' });
    expect(await one.observe(shared)).toMatchObject({ state: 'Present' });
    expect(await lease.login()).toBe('ok');
    await world.bao.ask('POST', 'sys/leases/revoke', { lease_id: lease.id, sync: true });
    expect(await one.observe(shared)).toMatchObject({ state: 'Absent' });
    expect(await ids(one)).not.toContain(shared.id);
  });

  it.each([
    ['names another ServiceAccount too', ['other'], 'SharedRole', 'bound_service_account_names'],
    ['names it by a glob', ['glob-*'], 'SharedRole', 'bound_service_account_names'],
  ])('is told and left alone: a role that %s', async (what, sharedWith, reason, field) => {
    const agent = await world.addAgent(`glob-${String(what.length)}`, { sharedWith });
    const one = await caseOf(agent, { roles: [agent.role] });
    const role = await one.find(`auth/kubernetes/role/${agent.role}`);
    expect(role.end).toMatchObject({ by: 'Person', reason });
    expect(JSON.stringify(role.end)).toContain(field);
    await expect(one.revoke(role)).rejects.toMatchObject({ kind: 'NeedsPerson' });
    await expect(one.revoke({ ...role, end: { by: 'Revoke' } })).rejects.toMatchObject({ kind: 'NeedsPerson' });
    expect((await agent.tryLogin()).status).toBe(200);
  });

  it('is told and left alone: an entity that somebody else logs in by as well', async () => {
    const agent = await world.addAgent('merged');
    const mine = await agent.login();
    const appRole = await world.addAppRole('human', ['default']);
    const theirs = await appRole.login((await appRole.secretId()).secretId);
    await world.bao.ask('POST', 'identity/entity/merge', { from_entity_ids: [theirs.entityId], to_entity_id: mine.entityId });
    const one = await caseOf(agent);
    const { credentials } = await one.inventory();
    expect(credentials.find(({ class: kind }) => kind === 'Login')?.end).toMatchObject({ by: 'Person', reason: 'SharedEntity' });
    expect(credentials.filter(({ class: kind }) => kind === 'Token').map(({ id }) => id)).toEqual([`auth/token accessor ${mine.accessor}`]);
    await one.lock();
    expect(await one.observeLock()).toMatchObject({ state: 'Present' });
    expect(await theirs.use()).toBe(200);
  });
});
