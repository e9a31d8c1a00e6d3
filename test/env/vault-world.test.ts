import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from './control-plane.ts';
import type { Method } from './openbao-call.ts';
import { startVaultWorld, type VaultWorld } from './vault-world.ts';

describe('Vault, with PostgreSQL and a cluster', () => {
  let cluster: ControlPlane;
  let world: VaultWorld;
  beforeAll(async () => {
    cluster = await startControlPlane({ controllerManager: false });
    world = await startVaultWorld({ cluster, rawStorage: true });
  });
  afterAll(async () => {
    await world.stop();
    await cluster.stop();
  });

  const lookup = (id: string) => world.bao.call('POST', 'sys/leases/lookup', { lease_id: id });
  const revoke = async (id: string, sync: boolean): Promise<number> => (await world.bao.call('POST', 'sys/leases/revoke', { lease_id: id, sync })).status;
  const mountAccessor = async (): Promise<string> => {
    const { data } = await world.bao.ask<{ readonly data: Readonly<Record<string, { readonly accessor: string }>> }>('GET', 'sys/auth');
    return data['kubernetes/']?.accessor ?? '';
  };

  it('lets an agent log in by its ServiceAccount and lease a database user, until its token is revoked', async () => {
    const agent = await world.addAgent('leaver');
    const token = await agent.login();
    const lease = await token.lease();
    expect([await token.use(), await lease.login()]).toEqual([200, 'ok']);
    await world.bao.ask('POST', 'auth/token/revoke-accessor', { accessor: token.accessor });
    expect(await token.use()).toBe(403);
    await waitFor(async () => (await lease.login()) === 'refused', { what: 'the database user being gone' });
    expect(await lookup(lease.id)).toMatchObject({ status: 400, body: { errors: ['invalid lease'] } });
  });

  it('still takes a login for some seconds after the ServiceAccount is gone, as the API server remembers its answer', async () => {
    const agent = await world.addAgent('deleted');
    const jwt = await agent.serviceAccountToken();
    await agent.login(jwt);
    await cluster.kubectl(['delete', 'serviceaccount', 'deleted', '-n', 'ci']);
    expect(await (await agent.login(jwt)).use()).toBe(200);
  });

  it('stops every token and login of an entity that is disabled, and lets them go on when it is not', async () => {
    const agent = await world.addAgent('paused');
    const token = await agent.login();
    const [child, batch] = [await token.child(), await token.child('batch')];
    const use = () => Promise.all([token, child, batch].map((each) => each.use()));
    await world.bao.ask('POST', `identity/entity/id/${token.entityId}`, { disabled: true });
    expect(await use()).toEqual([403, 403, 403]);
    expect((await agent.tryLogin()).status).toBe(403);
    await world.bao.ask('POST', `identity/entity/id/${token.entityId}`, { disabled: false });
    expect(await use()).toEqual([200, 200, 200]);
  });

  it('refuses the first login of all where a disabled entity was put in its place', async () => {
    const agent = await world.addAgent('newcomer');
    const operator = await world.operator.token();
    const alias = { name: await agent.uid(), mount_accessor: await mountAccessor() };
    const { data } = await world.bao.ask<{ readonly data: { readonly canonical_id: string } }>('POST', 'identity/entity-alias', alias, operator);
    await world.bao.ask('POST', `identity/entity/id/${data.canonical_id}`, { disabled: true }, operator);
    expect(await agent.tryLogin()).toMatchObject({ status: 403, body: { errors: ['permission denied'] } });
    await world.bao.ask('DELETE', `identity/entity/id/${data.canonical_id}`, undefined, operator);
    expect(await (await agent.login()).use()).toBe(200);
  });

  it('names the alias by namespace and name where its role says so', async () => {
    const agent = await world.addAgent('by-name', { aliasSource: 'serviceaccount_name' });
    const { entityId } = await agent.login();
    const found = await world.bao.ask('POST', 'identity/lookup/entity', { alias_name: 'ci/by-name', alias_mount_accessor: await mountAccessor() });
    expect(found).toMatchObject({ data: { id: entityId } });
  });

  it('lists leases by folder, so that one prefix is not the beginning of another', async () => {
    const [seven, seventy] = await Promise.all([world.addAgent('7'), world.addAgent('70')]);
    const [lease, other] = await Promise.all([(await seven.token()).lease(), (await seventy.token()).lease()]);
    const list = await world.bao.ask<{ readonly data: { readonly keys: readonly string[] } }>('LIST', `sys/leases/lookup/${seven.prefix}`);
    expect(list.data.keys.map((key) => `${seven.prefix}/${key}`)).toEqual([lease.id]);
    expect(other.id.startsWith(`${seventy.prefix}/`)).toBe(true);
  });

  it('keeps a lease whose user the database does not drop, and ends it when it can', async () => {
    const agent = await world.addAgent('stuck');
    const lease = await (await agent.token()).lease();
    await world.stick(lease);
    expect(await revoke(lease.id, true)).toBe(400);
    expect(await revoke(lease.id, false)).toBe(202);
    expect([(await lookup(lease.id)).status, await lease.login()]).toEqual([200, 'ok']);
    await world.unstick(lease);
    expect([await revoke(lease.id, true), await lease.login()]).toEqual([204, 'refused']);
  });

  it('does nothing about a lease that it gave up on unless it is asked to wait', async () => {
    const agent = await world.addAgent('given-up');
    const lease = await (await agent.token()).lease();
    await world.stick(lease);
    await world.giveUpOn([lease]);
    await world.unstick(lease);
    expect(await revoke(lease.id, false)).toBe(202);
    expect(await lookup(lease.id)).toMatchObject({ status: 200, body: { data: { revoke_error: 'out of retries: marked by a test' } } });
    expect(await lease.login()).toBe('ok');
    expect([await revoke(lease.id, true), await lease.login()]).toEqual([204, 'refused']);
  });

  it('ends open sessions only where the role says so, and says it before it drops the user', async () => {
    const [left, ended] = await Promise.all([world.addAgent('sessions-left'), world.addAgent('sessions-ended', { endSessions: true })]);
    const ask = async (agent: typeof left): Promise<() => Promise<unknown>> => {
      const lease = await (await agent.token()).lease();
      const session = await world.postgres.session(lease.user, lease.password);
      expect(await revoke(lease.id, true)).toBe(204);
      return () => session.query('select 1 as one').finally(session.close);
    };
    expect(await (await ask(left))()).toEqual([{ one: 1 }]);
    await expect((await ask(ended))()).rejects.toThrow(/terminat|not queryable/);
  });

  it('destroys secret ids of an AppRole, and revokes certificates by serial number', async () => {
    const role = await world.addAppRole('ci-deployer', ['default']);
    const { secretId, accessor } = await role.secretId();
    const token = await role.login(secretId);
    const certificate = await world.issue('ci-deployer.example.com');
    const operator = await world.operator.token();
    await world.bao.ask('POST', `auth/approle/role/${role.name}/secret-id-accessor/destroy`, { secret_id_accessor: accessor }, operator);
    await expect(role.login(secretId)).rejects.toThrow('400');
    expect(await token.use()).toBe(200);
    expect(await certificate.isRevoked()).toBe(false);
    await world.bao.ask('POST', 'pki/revoke', { serial_number: certificate.serialNumber }, operator);
    expect(await certificate.isRevoked()).toBe(true);
  });

  describe('the policy of the operator', () => {
    const status = async (method: Method, path: string, body?: object): Promise<number> =>
      (await world.bao.call(method, path, body, await world.operator.token())).status;

    it('ends nobody else at once, and reads and issues no secret', async () => {
      const { prefix } = await world.addAgent('bystander');
      expect(await status('POST', `sys/leases/revoke-prefix/${prefix}`, {})).toBe(403);
      expect(await status('POST', `sys/leases/revoke-force/${prefix}`, {})).toBe(403);
      expect(await status('GET', prefix)).toBe(403);
      expect(await status('GET', 'secret/data/ci-bystander')).toBe(403);
      expect(await status('POST', 'pki/issue/ci', { common_name: 'a.example.com' })).toBe(403);
      expect(await status('POST', 'auth/token/create', {})).toBe(403);
      expect(await status('PUT', 'sys/policies/acl/own', { policy: '' })).toBe(403);
      expect(await status('POST', 'auth/kubernetes/role/ci-bystander', { token_policies: ['root'] })).toBe(403);
      expect(await status('POST', 'auth/approle/role/ci-deployer/secret-id', {})).toBe(403);
    });

    it('is given by each way to log in', async () => {
      const accessors = async (token: string) => (await world.bao.call('LIST', 'auth/token/accessors', undefined, token)).status;
      const { mount, roleId, secretId } = world.operator.appRole;
      const byAppRole = await world.bao.ask<{ readonly auth: { readonly client_token: string } }>('POST', `auth/${mount}/login`, { role_id: roleId, secret_id: await secretId() }, '');
      expect(await accessors(byAppRole.auth.client_token)).toBe(200);
      const { mount: kubernetes, role, audience } = world.operator.kubernetes;
      await cluster.kubectl(['create', 'namespace', 'offboard-system']);
      await cluster.kubectl(['create', 'serviceaccount', 'offboard', '-n', 'offboard-system']);
      const jwt = (await cluster.kubectl(['create', 'token', 'offboard', '-n', 'offboard-system', `--audience=${audience}`])).trim();
      const byKubernetes = await world.bao.ask<{ readonly auth: { readonly client_token: string } }>('POST', `auth/${kubernetes}/login`, { role, jwt }, '');
      expect(await accessors(byKubernetes.auth.client_token)).toBe(200);
    });

    it('can lose one right and get it back', async () => {
      await world.withdraw('sys/leases/revoke');
      expect(await status('POST', 'sys/leases/revoke', { lease_id: 'a/b', sync: true })).toBe(403);
      await world.giveBack();
      expect(await status('POST', 'sys/leases/revoke', { lease_id: 'a/b', sync: true })).toBe(204);
      await expect(world.withdraw('sys/leases')).resolves.toBeUndefined();
      await world.giveBack();
      await expect(world.withdraw('no/such/path')).rejects.toThrow('No policy names no/such/path.');
    });
  });
});
