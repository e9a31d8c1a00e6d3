/** The Vault revoker on a real OpenBao in front of a real PostgreSQL. That access is gone is always told by trying it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type Agent, startVaultWorld, type VaultToken, type VaultWorld } from '../env/vault-world.ts';
import type { VaultDependency } from '../../src/api/v1alpha1/index.ts';
import type { VaultClient } from '../../src/revokers/vault/client.ts';
import type { VaultConnectors } from '../../src/revokers/vault/connectors.ts';
import { type Case, connectorsTo, createTestClient, openCase, type TestClientOptions, testSettings } from './vault-connection.ts';

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
const clientOf = ({ token: own, ...options }: TestClientOptions & { readonly token?: string } = {}): VaultClient => {
  const { client, close } = createTestClient(world.bao, () => own ?? token, options);
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

describe('a database that is away', () => {
  it('is told where it is down, and ends what it held when it is back', async () => {
    const agent = await world.addAgent('down');
    const lease = await (await agent.login()).lease();
    const one = await caseOf(agent, exclusively(agent));
    const credential = await one.find(lease.id);
    await world.postgres.shutDown();
    const answer = await one.revoke(credential).finally(() => world.postgres.startAgain());
    expect(answer).toMatchObject({ refused: 'RevocationStuck' });
    expect(JSON.stringify(answer)).not.toContain(world.postgres.superuser.password);
    expect(await one.revoke(credential)).toBe('Accepted');
    expect([(await one.observe(credential)).state, await lease.login()]).toEqual(['Absent', 'refused']);
  });

  it('is waited for no longer than one request may take where it hangs', async () => {
    const agent = await world.addAgent('hanging');
    const lease = await (await agent.login()).lease();
    const one = await caseOf(agent, exclusively(agent));
    const impatient = openCase(connectorsTo(clientOf({ timeout: '1s' })), { namespace: 'ci', name: agent.name, uid: await agent.uid() }, exclusively(agent));
    const credential = await one.find(lease.id);
    const { user, password } = world.postgres.superuser;
    const session = await world.postgres.session(user, password);
    await session.query('begin; lock table pg_authid in share row exclusive mode');
    await expect(impatient.revoke(credential)).rejects.toMatchObject({ kind: 'Retryable' });
    const meanwhile = await one.observe(credential);
    await session.query('rollback').finally(session.close);
    expect(meanwhile).toMatchObject({ state: 'Present' });
    await waitFor(async () => (await one.observe(credential)).state === 'Absent', { what: 'the revoke that nobody waited for', timeout: 20_000 });
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
    await world.bao.ask('POST', role.id, { bound_service_account_names: ['other'] });
    expect(await one.observe(role)).toMatchObject({ state: 'Absent' });
    const { credentials, findings } = await one.inventory();
    expect(credentials.map(({ id }) => id)).not.toContain(role.id);
    expect(findings.find(({ object }) => object === role.id)?.message).toContain('bound_service_account_names (other)');
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

describe('what the identity names besides', () => {
  it('ends the secret ids and tokens of an AppRole of its own', async () => {
    const agent = await world.addAgent('robot');
    const role = await world.addAppRole('ci-robot-role', [agent.role]);
    const [first, second] = [await role.secretId(), await role.secretId()];
    const used = await role.login(first.secretId);
    const named = [{ mount: 'approle', name: role.name }];
    const shared = await caseOf(agent, { appRoles: named });
    const whole = await shared.find('auth/approle/role/ci-robot-role');
    expect(whole.end).toMatchObject({ by: 'Person', reason: 'SharedRole' });
    expect(await ids(shared)).not.toContain(`auth/token accessor ${used.accessor}`);
    expect(await shared.observe(whole)).toMatchObject({ state: 'Present' });

    const one = await caseOf(agent, { appRoles: [{ ...named[0], name: role.name, exclusive: true }] });
    const ended = await one.endAll();
    expect(Object.keys(ended)).toEqual(
      expect.arrayContaining([
        `auth/token accessor ${used.accessor}`,
        ...[first, second].map(({ accessor }) => `auth/approle/role/ci-robot-role secret id accessor ${accessor}`),
      ]),
    );
    expect(new Set(Object.values(ended))).toEqual(new Set(['Absent']));
    expect(await shared.observe(whole)).toMatchObject({ state: 'Absent' });
    expect(await ids(shared)).not.toContain(whole.id);
    expect(await used.use()).toBe(403);
    await expect(role.login(second.secretId)).rejects.toThrow('invalid role or secret ID');
    const gone = { id: `auth/approle/role/ci-robot-role secret id accessor ${first.accessor}`, uid: (await one.find(`auth/kubernetes alias ${await agent.uid()}`)).uid ?? '', class: 'SecretId', end: { by: 'Revoke' }, seen: true } as const;
    expect(await one.revoke(gone)).toBe('NothingThere');
  });

  it('says of an AppRole without secret ids that a person must delete it', async () => {
    const agent = await world.addAgent('open-robot');
    const role = await world.addAppRole('ci-open-role', [agent.role]);
    await world.bao.ask('POST', 'auth/approle/role/ci-open-role', { bind_secret_id: false, token_bound_cidrs: ['127.0.0.1/32'] });
    const one = await caseOf(agent, { appRoles: [{ mount: 'approle', name: role.name, exclusive: true }] });
    const open = await one.find('auth/approle/role/ci-open-role');
    expect(open.end).toMatchObject({ by: 'Person', reason: 'SharedRole' });
    expect(await one.observe(open)).toMatchObject({ state: 'Present' });
    await world.bao.ask('DELETE', 'auth/approle/role/ci-open-role');
    expect(await one.observe(open)).toMatchObject({ state: 'Absent' });
  });

  it('revokes a certificate of a granted name, and tells nothing of another', async () => {
    const agent = await world.addAgent('certified');
    const [mine, theirs] = [await world.issue('ci-certified'), await world.issue('payroll')];
    const one = await caseOf(agent, { certificates: [{ mount: 'pki', serialNumber: mine.serialNumber }] });
    const certificate = await one.find(`pki/cert/${mine.serialNumber}`);
    expect(await one.observe(certificate)).toMatchObject({ state: 'Present' });
    expect(await one.revoke(certificate)).toBe('Accepted');
    expect([await mine.isRevoked(), (await one.observe(certificate)).state]).toEqual([true, 'Absent']);
    expect(await one.revoke(certificate)).toBe('NothingThere');

    const reaching = await caseOf(agent, { certificates: [{ mount: 'pki', serialNumber: theirs.serialNumber }] });
    await expect(reaching.inventory()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'NotGranted' });
    await expect(reaching.revoke({ ...certificate, id: `pki/cert/${theirs.serialNumber}` })).rejects.toMatchObject({ reason: 'NotGranted' });
    expect(await theirs.isRevoked()).toBe(false);
  });

  it('takes a certificate for ended when its time is over, since the server does not revoke it then', async () => {
    const agent = await world.addAgent('expired');
    const { data } = await world.bao.ask<{ readonly data: { readonly serial_number: string } }>('POST', 'pki/issue/ci', { common_name: 'ci-expired', ttl: '2s' });
    const one = await caseOf(agent, { certificates: [{ mount: 'pki', serialNumber: data.serial_number }] });
    const certificate = await one.find(`pki/cert/${data.serial_number}`);
    expect([certificate.seen, (await one.observe(certificate)).state]).toEqual([true, 'Present']);
    await waitFor(async () => (await one.observe(certificate)).state === 'Absent', { what: 'the end of the certificate' });
    expect(await world.bao.ask('POST', 'pki/revoke', { serial_number: data.serial_number })).toMatchObject({ data: null, warnings: [expect.stringContaining('already expired')] });
    expect(await one.revoke(certificate)).toBe('NothingThere');
    expect(await one.find(certificate.id)).toMatchObject({ seen: false });
  });

  it('says of a certificate that is not stored that nobody can see its end', async () => {
    const agent = await world.addAgent('unstored');
    const one = await caseOf(agent, { certificates: [{ mount: 'pki', serialNumber: '00:11:22' }] });
    const certificate = await one.find('pki/cert/00:11:22');
    expect(certificate.end).toMatchObject({ by: 'Person', reason: 'CertificateNotStored' });
    expect(await one.observe(certificate)).toMatchObject({ state: 'Unknown' });
  });

  it('says which field of a role does not let the identity in, and of which other aliases and batch tokens it makes', async () => {
    const agent = await world.addAgent('mismatched', { aliasSource: 'serviceaccount_name' });
    const other = await world.addAgent('mismatched-2');
    await world.bao.ask('POST', `auth/kubernetes/role/${agent.role}`, { token_type: 'batch' });
    const one = await caseOf(agent, { roles: [agent.role, other.role, 'nowhere'] });
    const { credentials, findings } = await one.inventory();
    expect(credentials.map(({ id }) => id)).not.toContain(`auth/kubernetes/role/${other.role}`);
    expect(findings.find(({ object }) => object === `auth/kubernetes/role/${other.role}`)?.message).toContain('bound_service_account_names (mismatched-2)');
    expect(credentials.find(({ id }) => id.endsWith('nowhere'))).toMatchObject({ seen: false });
    const about = findings.filter(({ object }) => object === `auth/kubernetes/role/${agent.role}`).map(({ message }) => message).join(' ');
    expect(about).toContain('batch tokens');
    expect(about).toContain('alias_name_source is serviceaccount_name');
  });
});

describe('what is found of an identity', () => {
  it('includes a login by the form of alias that its mount is not said to use', async () => {
    const agent = await world.addAgent('by-name', { aliasSource: 'serviceaccount_name' });
    const token = await agent.login();
    const one = await caseOf(agent);
    expect(await ids(one)).toEqual(expect.arrayContaining(['auth/kubernetes alias ci/by-name', `auth/token accessor ${token.accessor}`]));
    expect(new Set(Object.values(await one.endAll()))).toEqual(new Set(['Absent']));
    expect((await agent.tryLogin()).status).toBe(403);
  });

  it('is a login to be refused, where there was none yet', async () => {
    const agent = await world.addAgent('unborn');
    const one = await caseOf(agent);
    const login = await one.find(`auth/kubernetes alias ${await agent.uid()}`);
    expect(login).toMatchObject({ seen: false, end: { by: 'Revoke' } });
    expect(await one.observe(login)).toMatchObject({ state: 'Present' });
    expect(await one.revoke(login)).toBe('Accepted');
    expect(await one.observe(login)).toMatchObject({ state: 'Absent' });
    expect((await agent.tryLogin()).status).toBe(403);
    expect((await one.inventory()).findings.map(({ object }) => object)).not.toContain('secrets that were read');
  });

  it('is a token whose alias somebody moved to another entity meanwhile', async () => {
    const agent = await world.addAgent('moved');
    const token = await agent.login();
    const { data } = await world.bao.ask<{ readonly data: { readonly id: string } }>('POST', 'identity/entity', { name: 'a place to move to' });
    await world.bao.ask('POST', 'identity/entity-alias', { name: await agent.uid(), canonical_id: data.id, mount_accessor: await mountAccessor() });
    const one = await caseOf(agent);
    await one.lock();
    expect(await token.use()).toBe(200);
    expect(await ids(one)).toContain(`auth/token accessor ${token.accessor}`);
    await one.endAll();
    expect(await token.use()).toBe(403);
  });

  it('is a token of an earlier life of its account, and none of the life that came after it', async () => {
    const agent = await world.addAgent('thrice-made');
    const loginAnew = async (): Promise<VaultToken> => {
      for (const verb of ['delete', 'create']) await cluster.kubectl([verb, 'serviceaccount', agent.name, '-n', agent.namespace]);
      // A server that still knows the account of before refuses the one of now.
      return waitFor(agent.login, { what: 'a login of the new account' });
    };
    const first = await agent.login();
    const child = await first.child();
    const [second, uid] = [await loginAnew(), await agent.uid()];
    const third = await loginAnew();
    const use = () => Promise.all([first, child, second, third].map((each) => each.use()));
    const one = openCase(connectors, { namespace: agent.namespace, name: agent.name, uid }, {}, agent.uid);

    await one.lock();
    expect(await one.observeLock()).toMatchObject({ state: 'Present' });
    expect(await use()).toEqual([403, 403, 403, 200]);
    await one.unlock();
    expect(await use()).toEqual([200, 200, 200, 200]);
    expect(await one.observeLock()).toMatchObject({ state: 'Absent' });

    const idOf = ({ accessor }: { readonly accessor: string }): string => `auth/token accessor ${accessor}`;
    expect([...(await ids(one))].sort()).toEqual([`auth/kubernetes alias ${uid}`, ...[first, child, second].map(idOf)].sort());
    await one.revoke(await one.find(idOf(child)));
    expect(await use()).toEqual([200, 403, 200, 200]);
    await expect(one.revoke({ ...(await one.find(idOf(first))), id: idOf(third) })).rejects.toMatchObject({ reason: 'NotRevocable' });
    expect(new Set(Object.values(await one.endAll()))).toEqual(new Set(['Absent']));
    expect(await use()).toEqual([403, 403, 403, 200]);
  });

  it('is not what leads to no token any more', async () => {
    const agent = await world.addAgent('dangling');
    const token = await agent.login();
    const stored = await world.bao.ask<{ readonly data: { readonly keys: readonly string[] } }>('LIST', 'sys/raw/sys/token/id');
    for (const key of stored.data.keys) {
      const { data } = await world.bao.ask<{ readonly data: { readonly value: string } }>('GET', `sys/raw/sys/token/id/${key}`);
      if (data.value.includes(token.accessor)) await world.bao.ask('DELETE', `sys/raw/sys/token/id/${key}`);
    }
    expect(await token.use()).toBe(403);
    const one = await caseOf(agent);
    const { credentials, findings } = await one.inventory();
    expect(credentials.map(({ id }) => id)).not.toContain(`auth/token accessor ${token.accessor}`);
    expect(findings.find(({ object }) => object === 'token accessors')?.message).toContain('auth/token/tidy');
    await world.bao.ask('POST', 'auth/token/tidy');
  });

  it('is never the operator itself', async () => {
    const agent = await world.addAgent('the-operator');
    const own = await agent.login();
    const names = (await world.bao.ask<{ readonly data: { readonly keys: readonly string[] } }>('LIST', 'sys/policies/acl')).data.keys.filter((name) => name.startsWith('offboard-'));
    await world.bao.ask('POST', `identity/entity/id/${own.entityId}`, { policies: names });
    const one = openCase(connectorsTo(clientOf({ token: own.token })), { namespace: 'ci', name: agent.name, uid: await agent.uid() });
    for (const call of [one.inventory, one.lock, one.unlock]) await expect(call()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'ProtectedIdentity' });
    expect(await own.use()).toBe(200);
  });
});

describe('an id that is not the identity\'s', () => {
  it('is never revoked, whatever thing it names', async () => {
    const agent = await world.addAgent('tight');
    const one = await caseOf(agent, exclusively(agent));
    const { uid = '' } = await one.find(`auth/kubernetes alias ${await agent.uid()}`);
    const reachedFor: readonly (readonly [string, string])[] = [
      ['Lease', 'database/creds/ci-victim/abc'],
      ['Lease', 'database/creds/ci-tight2/abc'],
      ['Lease', 'sys/../database/creds/ci-tight/abc'],
      ['AuthRole', 'auth/kubernetes/role/ci-victim'],
      ['AuthRole', 'auth/kubernetes/role/offboard'],
      ['SecretId', 'auth/approle/role/offboard secret id accessor abc'],
      ['Certificate', 'pki/cert/00:11'],
      ['Login', 'auth/kubernetes alias ci/victim'],
      ['Login', 'auth/userpass alias root'],
      ['SharedLeases', 'leases under database'],
    ];
    for (const [kind, id] of reachedFor)
      await expect(one.revoke({ id, uid, class: kind, end: { by: 'Revoke' }, seen: true }), id).rejects.toMatchObject({ kind: 'Invalid', reason: 'NotRevocable' });
  });

  it('is never revoked: the token of another', async () => {
    const [agent, victim] = [await world.addAgent('thief'), await world.addAgent('victim')];
    const token = await victim.login();
    const one = await caseOf(agent);
    const { uid = '' } = await one.find(`auth/kubernetes alias ${await agent.uid()}`);
    const theirs = { id: `auth/token accessor ${token.accessor}`, uid, class: 'Token', end: { by: 'Revoke' }, seen: true } as const;
    await expect(one.revoke(theirs)).rejects.toMatchObject({ reason: 'NotRevocable' });
    expect(await token.use()).toBe(200);
  });
});

describe('rights that were taken away', () => {
  it('are named by the line that gives them back', async () => {
    const agent = await world.addAgent('denied');
    const one = await caseOf(agent, { ...exclusively(agent), roles: [agent.role] });
    const { credentials } = await one.inventory();
    const missing = async () => (await one.revoker.preflight(one.target, credentials, new AbortController().signal)).map(({ permission }) => permission);
    expect(await missing()).toEqual([]);
    for (const path of ['sys/leases/revoke', 'auth/token/accessors', 'identity/entity-alias', 'sys/leases/lookup/*', 'auth/token/revoke-accessor']) {
      await world.withdraw(path);
      const lines = await missing();
      await world.giveBack();
      expect(lines, path).toHaveLength(1);
      expect(lines[0]).toContain(path.replace('/*', `/${agent.prefix}/*`));
    }
  });
});

describe('a server that lost its storage', () => {
  it('proves nothing about what was seen before, while the database user lives on', async () => {
    const agent = await world.addAgent('survivor');
    const lease = await (await agent.login()).lease();
    const one = await caseOf(agent, exclusively(agent));
    const credential = await one.find(lease.id);
    await world.bao.kill();
    await world.bao.start();
    token = world.bao.token;
    const later = openCase(connectorsTo(clientOf(), { ...testSettings, kubernetesAuthMounts: [] }), one.target.serviceAccount, exclusively(agent));
    const observation = await later.observe(credential);
    expect(observation).toMatchObject({ state: 'Unknown' });
    expect(observation.message).toContain(credential.uid);
    expect((await later.inventory()).credentials).toEqual([]);
    await expect(later.revoke(credential)).rejects.toMatchObject({ kind: 'NeedsPerson' });
    expect(await lease.login()).toBe('ok');
  });
});
