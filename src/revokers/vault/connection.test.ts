import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { type Received, sendJson, startHttpServer } from '../../../test/fakes/http-server.ts';
import type { VaultConnectorSpec } from '../../api/v1alpha1/index.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { VaultRequest } from './client.ts';
import { createConnection } from './connection.ts';
import { usable } from './settings.ts';

const never = new AbortController().signal;
const lookup: VaultRequest = { method: 'POST', path: ['sys', 'leases', 'lookup'], body: { lease_id: 'x' } };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Reply {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

const bySecret: VaultConnectorSpec['auth'] = { tokenSecretRef: { name: 'vault', key: 'token' } };

/** As much of a Vault as a client meets: tokens that are known or not, and what the test adds. */
const setup = async (auth: VaultConnectorSpec['auth'] = bySecret, namespace = '') => {
  const tokens = new Map([['s.first', 'accessor-1']]);
  const routes = new Map<string, (request: Received) => Reply>();
  let clusterId = 'cluster-1';
  let index = 0;
  const self = ({ headers }: Received): Reply => {
    const id = String(headers['x-vault-token']);
    return { status: 200, body: { data: { id, accessor: tokens.get(id), entity_id: 'entity-1', ttl: 0, renewable: false } } };
  };
  const known = (request: Received): Reply => {
    const route = `${request.method} ${request.path.replace(/^\/v1\//, '').split('?')[0] ?? ''}`;
    if (route === 'GET sys/health') return { status: 200, body: { initialized: true, sealed: false, cluster_id: clusterId, version: '2.7.2' } };
    const open = routes.get(`open ${route}`);
    if (open !== undefined) return open(request);
    if (!tokens.has(String(request.headers['x-vault-token']))) return { status: 403, body: { errors: ['permission denied'] } };
    if (route === 'GET auth/token/lookup-self') return self(request);
    if (route === 'PUT cubbyhole/offboard') {
      index += 1;
      return { status: 204, headers: { 'x-vault-index': `index-${index}` } };
    }
    return routes.get(route)?.(request) ?? { status: 200, body: { data: {} } };
  };
  const server = await startHttpServer((request, response) => {
    const { status, body, headers } = known(request);
    if (body === undefined) response.writeHead(status, headers).end();
    else sendJson(response, status, body, headers);
  });
  const clock = createFakeClock();
  const readSecret = vi.fn(() => Promise.resolve('s.first'));
  const ownToken = vi.fn(() => Promise.resolve('a.b.c'));
  const connection = createConnection({
    name: 'vault-prod', spec: usable({ vault: { address: server.url, namespace, auth } }, true),
    clock, random: () => 0, userAgent: 'offboard/test', mayAct: () => true, readSecret, ownToken,
  });
  cleanups.push(server.close, connection.close);
  const paths = (): readonly string[] => server.requests.map(({ method, path }) => `${method} ${path.replace('/v1/', '')}`);
  return {
    ...connection, server, clock, tokens, routes, readSecret, ownToken, paths, connection,
    loseStorage: () => { clusterId = 'cluster-2'; },
  };
};

describe('logging in', () => {
  it('with a token from a Secret looks at it once', async () => {
    const { client, paths, readSecret } = await setup();
    await client.request(lookup, never);
    await client.request(lookup, never);
    expect(paths()).toEqual(['GET auth/token/lookup-self', 'POST sys/leases/lookup', 'POST sys/leases/lookup']);
    expect(readSecret).toHaveBeenCalledWith('vault', 'token', expect.anything());
    expect(await client.self(never)).toEqual({ accessor: 'accessor-1', entityId: 'entity-1' });
  });

  const loggedIn: Reply = { status: 200, body: { auth: { client_token: 's.made', accessor: 'accessor-m', entity_id: 'entity-m', lease_duration: 3_600, renewable: true } } };

  it('by Kubernetes sends a token of the audience that the connector names', async () => {
    const { client, server, routes, tokens, ownToken } = await setup({ kubernetes: { mount: 'team/k8s', role: 'offboard', audience: 'vault' } }, 'team');
    routes.set('open POST auth/team/k8s/login', () => { tokens.set('s.made', 'accessor-m'); return loggedIn; });
    expect(await client.request(lookup, never)).toEqual({ status: 200, body: { data: {} }, asked: { method: 'POST', path: ['sys', 'leases', 'lookup'] } });
    expect(ownToken).toHaveBeenCalledWith('vault', expect.anything());
    expect(server.requests[0]).toMatchObject({ body: '{"role":"offboard","jwt":"a.b.c"}', headers: { 'x-vault-namespace': 'team' } });
    expect(server.requests[0]?.headers).not.toHaveProperty('x-vault-token');
    expect(server.requests[1]?.headers['x-vault-token']).toBe('s.made');
    expect(await client.self(never)).toEqual({ accessor: 'accessor-m', entityId: 'entity-m' });
  });

  it('by AppRole sends the secret id from a Secret', async () => {
    const { client, server, routes, tokens } = await setup({ appRole: { roleId: 'r', secretIdSecretRef: { name: 'a', key: 'b' } } });
    routes.set('open POST auth/approle/login', () => { tokens.set('s.made', 'accessor-m'); return loggedIn; });
    await client.request(lookup, never);
    expect(server.requests[0]?.body).toBe('{"role_id":"r","secret_id":"s.first"}');
  });

  it.each([400, 403, 404])('that is refused with %i tells the owner why, and everybody else nothing', async (status) => {
    const { client, hold, routes } = await setup({ kubernetes: { role: 'offboard', audience: 'vault' } });
    routes.set('open POST auth/kubernetes/login', () => ({ status, body: { errors: ['invalid role name "offboard"'] } }));
    await expect(hold(never)).rejects.toMatchObject({
      kind: 'NeedsPerson', reason: 'LoginRefused', message: `the login by role "offboard" of auth/kubernetes is refused: Vault answered ${status}: invalid role name "offboard"`,
    });
    await expect(client.request(lookup, never)).rejects.toMatchObject({
      kind: 'NeedsPerson', reason: 'ConnectorNotReady', message: 'connector "vault-prod" is not ready; those who run Offboard find the reason in its status',
    });
  });

  it('that gives a batch token is none: it has no accessor and no cubbyhole', async () => {
    const { client, hold, routes } = await setup({ kubernetes: { role: 'offboard', audience: 'vault' } });
    routes.set('open POST auth/kubernetes/login', () => ({ status: 200, body: { auth: { client_token: 'b.made', accessor: '', token_type: 'batch', lease_duration: 60 } } }));
    await expect(hold(never)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LoginRefused', message: expect.stringContaining('token_type=service') as string });
    await expect(client.self(never)).rejects.toMatchObject({ reason: 'ConnectorNotReady' });
  });

  it('that gives no token is none', async () => {
    const { client, routes } = await setup({ kubernetes: { role: 'offboard', audience: 'vault' } });
    routes.set('open POST auth/kubernetes/login', () => ({ status: 200, body: { auth: null } }));
    await expect(client.self(never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
  });

  it('that the server cannot do now is tried again', async () => {
    const { client, routes, clock, tokens } = await setup({ kubernetes: { role: 'offboard', audience: 'vault' } });
    routes.set('open POST auth/kubernetes/login', () => ({ status: 500, body: { errors: ['could not load backend configuration'] } }));
    await expect(client.request(lookup, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'LoginFailed' });
    routes.set('open POST auth/kubernetes/login', () => { tokens.set('s.made', 'm'); return loggedIn; });
    await clock.advance(1_000);
    expect(await client.request(lookup, never)).toMatchObject({ status: 200 });
  });

  it('fails as what it is made from, without asking the server', async () => {
    const { client, hold, readSecret, server } = await setup();
    readSecret.mockRejectedValue(needsPerson('SecretMissing', 'Secret "vault" is not there'));
    await expect(hold(never)).rejects.toThrow('is not there');
    await expect(client.watermark(never)).rejects.toMatchObject({ reason: 'ConnectorNotReady' });
    expect(server.connections()).toBe(0);
  });

  it('with a token of ours that cannot be had for now says so', async () => {
    const { client, ownToken } = await setup({ kubernetes: { role: 'offboard', audience: 'vault' } });
    ownToken.mockRejectedValue(retryable('Timeout', 'no answer to create serviceaccounts/token'));
    await expect(client.request(lookup, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Timeout' });
  });
});

describe('a 403', () => {
  it('to a token that the server has lost is answered with another login, and one more try', async () => {
    const { client, tokens, readSecret, clock, paths } = await setup();
    await client.request(lookup, never);
    tokens.clear();
    tokens.set('s.second', 'accessor-2');
    readSecret.mockResolvedValue('s.second');
    await clock.advance(5_000);
    expect(await client.request(lookup, never)).toMatchObject({ status: 200 });
    expect(paths().slice(2)).toEqual([
      'POST sys/leases/lookup', 'GET auth/token/lookup-self', 'GET auth/token/lookup-self', 'POST sys/leases/lookup',
    ]);
    expect(await client.self(never)).toMatchObject({ accessor: 'accessor-2' });
  });

  it('to a token that is good is the answer', async () => {
    const { client, routes, clock, paths } = await setup();
    routes.set('POST sys/leases/lookup', () => ({ status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } }));
    await client.self(never);
    await clock.advance(5_000);
    expect(await client.request(lookup, never)).toMatchObject({ status: 403 });
    expect(paths().slice(1)).toEqual(['POST sys/leases/lookup', 'GET auth/token/lookup-self']);
  });
});

describe('a watermark', () => {
  it('names where it was taken, after a write that is bound to it', async () => {
    const { client, server, paths } = await setup(bySecret, 'team');
    const mark = await client.watermark(never);
    expect(mark).toEqual({ origin: { address: server.url, namespace: 'team', clusterId: 'cluster-1' }, index: 'index-1' });
    expect(paths().slice(1)).toEqual(['PUT cubbyhole/offboard', 'GET sys/health?standbyok=true&perfstandbyok=true']);
    await client.request({ ...lookup, notBefore: mark }, never);
    expect(server.requests.at(-1)?.headers['x-vault-index']).toBe('index-1');
  });

  it('is shared by those who ask meanwhile, but never taken before one of them asked', async () => {
    const { client, paths } = await setup();
    const marks = await Promise.all(Array.from({ length: 50 }, () => client.watermark(never)));
    expect(new Set(marks).size).toBe(2);
    expect(marks[0]?.index).toBe('index-1');
    expect(marks.slice(1).every(({ index }) => index === 'index-2')).toBe(true);
    expect(paths().filter((path) => path.startsWith('PUT'))).toHaveLength(2);
  });

  it.each([
    ['the write is refused', { status: 500, body: { errors: ['no active node'] } }, 'NoWatermark'],
    ['nobody may write', { status: 403, body: { errors: ['permission denied'] } }, 'PermissionMissing'],
  ])('is not there when %s', async (_, reply, reason) => {
    const { client, routes } = await setup();
    routes.set('open PUT cubbyhole/offboard', () => reply);
    await expect(client.watermark(never)).rejects.toMatchObject({ reason });
  });

  it('is another one when the storage is another', async () => {
    const { client, loseStorage } = await setup();
    await client.watermark(never);
    loseStorage();
    expect((await client.watermark(never)).origin.clusterId).toBe('cluster-2');
  });

  it('binds nothing that is asked with another token, which may come from another storage', async () => {
    const { client, tokens, readSecret, clock, loseStorage, server } = await setup();
    const mark = await client.watermark(never);
    tokens.clear();
    loseStorage();
    tokens.set('s.second', 'accessor-2');
    readSecret.mockResolvedValue('s.second');
    await clock.advance(5_000);
    await expect(client.request({ ...lookup, notBefore: mark }, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'LoggedInAnew' });
    const sent = server.requests.length;
    await expect(client.request({ ...lookup, notBefore: mark }, never)).rejects.toMatchObject({ reason: 'LoggedInAnew' });
    expect(server.requests).toHaveLength(sent);
    expect(await client.request({ ...lookup, notBefore: await client.watermark(never) }, never)).toMatchObject({ status: 200 });
  });
});

it('a closed connection answers nobody any more', async () => {
  const { client, connection } = await setup();
  await client.request(lookup, never);
  await connection.close();
  await expect(client.request(lookup, never)).rejects.toMatchObject({ kind: 'Retryable' });
});

it('the time for a call covers the login before it', async () => {
  const { client, clock, readSecret } = await setup();
  readSecret.mockImplementation(() => new Promise(() => undefined));
  const call = expect(client.request(lookup, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Timeout' });
  await clock.settle();
  await clock.advance(10_000);
  await call;
});
