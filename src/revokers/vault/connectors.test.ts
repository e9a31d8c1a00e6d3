import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { type FakeHttpServer, sendJson, startHttpServer } from '../../../test/fakes/http-server.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import type { ConnectorSpec, Grant, Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import { namespaces, secrets } from '../../kube/resources.ts';
import { createStore } from '../../kube/store.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { ConnectorObject } from '../connector.ts';
import type { VaultRequest } from './client.ts';
import { createVaultConnectors } from './connectors.ts';
import { createSecretReader } from '../secrets.ts';

const never = new AbortController().signal;
const lookup: VaultRequest = { method: 'POST', path: ['sys', 'leases', 'lookup'], body: {} };
const target: Target = { serviceAccount: { namespace: 'ci', name: 'agent' } };
const dependency: VaultDependency = { connectorRef: { name: 'vault-prod' }, roles: ['ci-7'] };
const grants: readonly Grant[] = [{ namespaces: { names: ['ci'] }, vault: { authRoles: ['ci-*'] } }];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const setup = async () => {
  const server = await startHttpServer(({ path, headers }, response) => {
    const known = headers['x-vault-token'] === 's.token';
    sendJson(response, known ? 200 : 403, path.endsWith('lookup-self') ? { data: { accessor: 'a', ttl: 0 } } : { data: {} });
  });
  const kube = createFakeKube();
  kube.put(secrets, { metadata: { namespace: 'offboard-system', name: 'vault' }, data: { token: Buffer.from('s.token\n').toString('base64') } });
  const store = createStore<ConnectorObject>();
  let version = 1;
  const connectors = createVaultConnectors({
    client: kube.client, store, clock: createFakeClock(), random: () => 0, userAgent: 'x', mayAct: () => true, allowLoopbackHttp: true,
    readSecret: createSecretReader(kube.client, 'offboard-system'), ownToken: () => Promise.reject(new Error('not asked for')),
  });
  cleanups.push(server.close, connectors.close);
  const put = (spec: Partial<ConnectorSpec> = {}, address = server.url, uid = 'u1'): ConnectorObject => {
    version += 1;
    const connector: ConnectorObject = {
      metadata: { name: 'vault-prod', uid, resourceVersion: String(version), creationTimestamp: '' },
      spec: { vault: { address, auth: { tokenSecretRef: { name: 'vault', key: 'token' } } }, grants, ...spec },
    };
    store.upsert(connector);
    connectors.changed('vault-prod');
    return connector;
  };
  const remove = (): void => {
    version += 1;
    store.remove(undefined, 'vault-prod', String(version));
    connectors.changed('vault-prod');
  };
  const connect = (asked: VaultDependency = dependency, from: Target = target) => connectors.connect(asked, from, never);
  return { server, kube, connectors, put, remove, connect };
};

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  return `${error.kind} ${error.reason} ${error.message}`;
};

describe('who is granted it', () => {
  it('is connected, all by one and the same client', async () => {
    const { put, connect, server } = await setup();
    put();
    const [one, other] = [await connect(), await connect()];
    expect(one.client).toBe(other.client);
    expect(one.settings).toMatchObject({ settleTime: 30_000, maxConcurrent: 8 });
    expect(await one.client.request(lookup, never)).toMatchObject({ status: 200 });
    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/auth/token/lookup-self', '/v1/sys/leases/lookup']);
  });

  it('is told which certificates are covered by what covers the rest', async () => {
    const { put, connect } = await setup();
    put({ grants: [
      { namespaces: { names: ['ci'] }, vault: { authRoles: ['ci-*'], certificates: ['pki/ci-*'] } },
      { namespaces: { names: ['ci'] }, vault: { certificates: ['pki/prod'] } },
    ] });
    const { grantsCertificate } = await connect();
    expect([grantsCertificate('pki', 'ci-7'), grantsCertificate('pki', 'prod')]).toEqual([true, false]);
  });
});

describe('who is not granted it', () => {
  it('is told the same, word for word, as where there is no connector', async () => {
    const { put, remove, connect, server } = await setup();
    const none = await refusal(connect());
    expect(none).toBe('NeedsPerson NotGranted no connector "vault-prod" grants namespace "ci" all that the dependency names; those who run Offboard can grant it');
    put({ grants: [] });
    expect(await refusal(connect())).toBe(none);
    put({ grants: [{ namespaces: { names: ['other'] }, vault: { authRoles: ['*'] } }] });
    expect(await refusal(connect())).toBe(none);
    put({ grants: [{ namespaces: { names: ['ci'] }, vault: { authRoles: ['prod-*'] } }] }, 'http://not-usable.example.com');
    expect(await refusal(connect())).toBe(none);
    remove();
    expect(await refusal(connect())).toBe(none);
    expect(server.connections()).toBe(0);
  });

  it.each(['database/creds/../prod', 'database/creds/*', 'database/creds/ci-7%2Fx', 'database/creds/ci-7/', '/database/creds/ci-7'])(
    'may not reach for %s',
    async (prefix) => {
      const { put, connect } = await setup();
      put({ grants: [{ namespaces: { names: ['ci'] }, vault: { leasePrefixes: ['database/creds/ci-*', '*/creds/ci-*'] } }] });
      const asked: VaultDependency = { connectorRef: { name: 'vault-prod' }, leases: [{ prefix }] };
      expect(await refusal(connect(asked))).toContain('NotGranted');
    },
  );

  it('loses it with the label that granted it, at once', async () => {
    const { put, connect, kube } = await setup();
    put({ grants: [{ namespaces: { selector: { matchLabels: { 'example.com/team': 'ci' } } }, vault: { authRoles: ['*'] } }] });
    expect(await refusal(connect())).toContain('NotGranted');
    kube.put(namespaces, { metadata: { name: 'ci', labels: { 'example.com/team': 'ci' } } });
    await connect();
    kube.put(namespaces, { metadata: { name: 'ci', labels: {} } });
    expect(await refusal(connect())).toContain('NotGranted');
  });
});

describe('a connector', () => {
  it('that cannot be used as it is tells nobody why but its owner', async () => {
    const { put, connect, connectors } = await setup();
    const connector = put({}, 'http://vault.example.com');
    expect(await refusal(connect())).toBe('NeedsPerson ConnectorNotReady connector "vault-prod" is not ready; those who run Offboard find the reason in its status');
    expect(() => connectors.open(connector)).toThrow('spec.vault.address must begin with https://');
    expect(connectors.settings('vault-prod').settleTime).toBe(30_000);
  });

  it('tells its settings without asking anybody, and what is usual where it is not there', async () => {
    const { put, connectors, server } = await setup();
    expect(connectors.settings('vault-prod')).toEqual({ settleTime: 30_000, maxConcurrent: 8, kubernetesAuthMounts: [] });
    put({ timing: { settle: '5s', maxConcurrent: 3 } });
    expect(connectors.settings('vault-prod')).toMatchObject({ settleTime: 5_000, maxConcurrent: 3 });
    expect(server.connections()).toBe(0);
  });

  it('keeps its connection when only its grants change', async () => {
    const { put, connect } = await setup();
    put();
    const before = await connect();
    put({ grants: [...grants, { namespaces: { names: ['other'] } }] });
    expect((await connect()).client).toBe(before.client);
  });

  const elsewhere = async (): Promise<FakeHttpServer> => {
    const other = await startHttpServer((_, response) => { sendJson(response, 200, { data: { accessor: 'b', ttl: 0 } }); });
    cleanups.push(other.close);
    return other;
  };

  it('that changes gets another connection, and the old one is of no use any more', async () => {
    const { put, connect, server } = await setup();
    put();
    const before = await connect();
    await before.client.request(lookup, never);
    const other = await elsewhere();
    put({}, other.url);
    await vi.waitFor(async () => { expect(await server.open()).toBe(0); });
    await expect(before.client.request(lookup, never)).rejects.toMatchObject({ kind: 'Retryable' });
    await (await connect()).client.request(lookup, never);
    expect(other.requests.length).toBeGreaterThan(0);
  });

  it('of the same name and another life is another one', async () => {
    const { put, connect } = await setup();
    put();
    const before = await connect();
    put({}, undefined, 'u2');
    expect((await connect()).client).not.toBe(before.client);
  });

  it('that goes breaks what is under way', async () => {
    const { put, remove, connect, server } = await setup();
    put();
    const { client } = await connect();
    await client.request(lookup, never);
    server.answer(() => undefined);
    const call = expect(client.request(lookup, never)).rejects.toMatchObject({ kind: 'Retryable' });
    await vi.waitFor(() => { expect(server.requests).toHaveLength(3); });
    remove();
    await call;
    await vi.waitFor(async () => { expect(await server.open()).toBe(0); });
  });
});
