import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { type Handler, sendJson, startHttpServer } from '../../../test/fakes/http-server.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import type { ConnectorSpec, GoogleCloudDependency, Grant, Target } from '../../api/v1alpha1/index.ts';
import { createStore } from '../../kube/store.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { ConnectorObject } from '../connector.ts';
import type { GoogleRequest } from './api.ts';
import { createGoogleConnectors } from './connectors.ts';
import { createGoogleInspection } from './inspect.ts';

const never = new AbortController().signal;
const target: Target = { serviceAccount: { namespace: 'ci', name: 'agent' } };
const dependency: GoogleCloudDependency = { connectorRef: { name: 'google' }, resources: ['projects/acme-ci'] };
const account: GoogleRequest = { method: 'GET', service: 'iam', path: ['v1', 'projects', 'acme-ci', 'serviceAccounts', '1'] };
const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci';
const email = 'offboard@acme-ops.iam.gserviceaccount.com';
const grants: readonly Grant[] = [
  { namespaces: { names: ['ci'] }, googleCloud: { projects: ['acme-*'] } },
  { namespaces: { names: ['ci'] }, googleCloud: { projects: ['prod'] } },
];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const setup = async (handler: Handler = (_, response) => { sendJson(response, 200, {}); }) => {
  const server = await startHttpServer((request, response) => {
    if (request.path === '/v1/token') sendJson(response, 200, { access_token: 'ya29.federated', expires_in: 3600 });
    else if (request.path.endsWith(':generateAccessToken')) sendJson(response, 200, { accessToken: 'ya29.account' });
    else handler(request, response);
  });
  const store = createStore<ConnectorObject>();
  const endpoints = Object.fromEntries(['sts', 'iamcredentials', 'iam', 'cloudresourcemanager', 'cloudasset'].map((service) => [service, server.url]));
  let version = 1;
  const connectors = createGoogleConnectors({
    client: createFakeKube().client, store, clock: createFakeClock(), random: () => 0, userAgent: 'x', mayAct: () => true, allowLoopbackHttp: true,
    readSecret: () => Promise.reject(new Error('not asked for')), ownToken: () => Promise.resolve('a.b.c'),
  });
  cleanups.push(server.close, connectors.close);
  const googleCloud = { auth: { workloadIdentityFederation: { audience, serviceAccount: email } }, endpoints };
  const put = (spec: Partial<ConnectorSpec> = {}): ConnectorObject => {
    version += 1;
    const connector: ConnectorObject = {
      metadata: { name: 'google', uid: 'u1', resourceVersion: String(version), creationTimestamp: '' },
      spec: { googleCloud, grants, ...spec },
    };
    store.upsert(connector);
    connectors.changed('google');
    return connector;
  };
  const inspect = createGoogleInspection(connectors);
  const look = (spec: Partial<ConnectorSpec> = {}) => inspect(put(spec), never);
  return { server, connectors, put, googleCloud, look, connect: (asked = dependency) => connectors.connect(asked, target, never) };
};

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  return `${error.kind} ${error.reason} ${error.message}`;
};

describe('who is granted a connector', () => {
  it('is connected, all by one client, and told what its grant covers beyond what it names', async () => {
    const { put, connect } = await setup();
    put();
    const [one, other] = [await connect(), await connect()];
    expect(one.client).toBe(other.client);
    expect(one.settings).toMatchObject({ settleTime: 420_000, maxConcurrent: 8, accessTokenLifetime: 3_600_000 });
    expect(await one.client.request(account, never)).toMatchObject({ status: 200 });
    expect(await one.client.self(never)).toEqual({ email, name: email });
    const found = ['//secretmanager.googleapis.com/projects/acme-x/secrets/s', 'projects/prod', 'folders/1'].map(one.grantsResource);
    expect(found, 'the grant to prod covers nothing that was named').toEqual([true, false, false]);
  });
});

describe('who is not granted one', () => {
  it('is told the same, word for word, as where there is none, or one of another type', async () => {
    const { put, connect, server } = await setup();
    const none = await refusal(connect());
    expect(none).toBe('NeedsPerson NotGranted no connector "google" grants namespace "ci" all that the dependency names; those who run Offboard can grant it');
    put({ grants: [] });
    expect(await refusal(connect())).toBe(none);
    put({ grants: [{ namespaces: { names: ['other'] }, googleCloud: { projects: ['*'] } }] });
    expect(await refusal(connect())).toBe(none);
    put();
    expect(await refusal(connect({ ...dependency, resources: ['projects/acme-ci', 'projects/123456789'] }))).toBe(none);
    const vault = { address: 'https://vault', auth: { tokenSecretRef: { name: 'a', key: 'b' } } };
    put({ vault, googleCloud: undefined } as unknown as Partial<ConnectorSpec>);
    expect(await refusal(connect())).toBe(none);
    expect(server.connections()).toBe(0);
  });
});

describe('a connector', () => {
  it('that cannot be used as it is tells nobody why but its owner', async () => {
    const { put, connect, connectors, googleCloud } = await setup();
    const connector = put({ googleCloud: { ...googleCloud, endpoints: { iam: 'http://iam.example.com' } } });
    expect(await refusal(connect())).toBe('NeedsPerson ConnectorNotReady connector "google" is not ready; those who run Offboard find the reason in its status');
    expect(() => connectors.open(connector)).toThrow('spec.googleCloud.endpoints.iam must begin with https://');
  });

  it('tells its settings without asking anybody', async () => {
    const { put, connectors, server } = await setup();
    expect(connectors.settings('google')).toEqual({ settleTime: 420_000, maxConcurrent: 8, pools: [], accessTokenLifetime: 3_600_000, endpoints: {} });
    put({ timing: { settle: '5s' } });
    expect(connectors.settings('google')).toMatchObject({ settleTime: 5_000 });
    expect(server.connections()).toBe(0);
  });

  it('that changes gets another connection, and the old one is of no use any more', async () => {
    const { put, connect, server, googleCloud } = await setup();
    put();
    const before = await connect();
    await before.client.request(account, never);
    put({ googleCloud: { ...googleCloud, quotaProject: 'acme-ops' } });
    await vi.waitFor(async () => { expect(await server.open()).toBe(0); });
    await expect(before.client.request(account, never)).rejects.toMatchObject({ kind: 'Retryable' });
    await (await connect()).client.request(account, never);
    expect(server.requests.at(-1)?.headers).toMatchObject({ 'x-goog-user-project': 'acme-ops' });
  });
});

describe('a look at a connector', () => {
  /** Says yes to all but what is listed. */
  const lacking = (...missing: readonly string[]): Handler => ({ path, body }, response) => {
    if (!path.endsWith(':testIamPermissions')) sendJson(response, 200, {});
    else sendJson(response, 200, { permissions: (JSON.parse(body) as { permissions: string[] }).permissions.filter((permission) => !missing.includes(permission)) });
  };

  it('tells who Offboard is there, and logs in once for many', async () => {
    const { look, server } = await setup(lacking());
    expect(await look()).toEqual({ account: email, missingPermissions: [], troubles: [] });
    await look();
    expect(server.requests.filter(({ path }) => path === '/v1/token')).toHaveLength(1);
  });

  it('names what is missing, where it can be told', async () => {
    const { look, server } = await setup(lacking('resourcemanager.projects.setIamPolicy', 'iam.serviceAccounts.disable'));
    const serviceAccounts = ['ci-*@acme-ci.iam.gserviceaccount.com', '*@ci.example.com.iam.gserviceaccount.com', 'one@acme-ops.iam.gserviceaccount.com', 'a@b-*.iam.gserviceaccount.com'];
    const { missingPermissions } = await look({ grants: [{ namespaces: { names: ['ci'] }, googleCloud: { projects: ['acme-ci', 'any-*'], serviceAccounts } }] });
    expect(missingPermissions).toEqual([
      'resourcemanager.projects.setIamPolicy on projects/acme-ci', 'iam.serviceAccounts.disable on projects/acme-ci',
      'iam.serviceAccounts.disable on projects/example.com:ci', 'iam.serviceAccounts.disable on one@acme-ops.iam.gserviceaccount.com',
    ]);
    expect(server.requests.map(({ path }) => path).filter((path) => path.endsWith(':testIamPermissions'))).toEqual([
      '/v3/projects/acme-ci:testIamPermissions', '/v3/projects/example.com%3Aci:testIamPermissions',
      '/v1/projects/acme-ops/serviceAccounts/one%40acme-ops.iam.gserviceaccount.com:testIamPermissions',
    ]);
  });

  it('says nothing of an account that is not there', async () => {
    const { look } = await setup((_, response) => { sendJson(response, 404, { error: { code: 404 } }); });
    const { missingPermissions } = await look({ grants: [{ namespaces: { names: ['ci'] }, googleCloud: { serviceAccounts: ['one@acme-ops.iam.gserviceaccount.com'] } }] });
    expect(missingPermissions).toEqual([]);
  });

  it('names a project that it may not ask about, in Google\'s words', async () => {
    const { look } = await setup((_, response) => { sendJson(response, 403, { error: { code: 403, status: 'PERMISSION_DENIED', message: 'The caller does not have permission' } }); });
    const { missingPermissions } = await look();
    expect(missingPermissions).toEqual([
      'resourcemanager.projects.getIamPolicy on projects/prod, if there is such a project: Google answered 403: PERMISSION_DENIED: The caller does not have permission',
    ]);
  });

  it('tries the searches where the connector has them made', async () => {
    const { look, googleCloud } = await setup(({ path }, response) => {
      sendJson(response, path.includes('searchAllResources') ? 403 : 200, path.includes('searchAllResources') ? { error: { status: 'PERMISSION_DENIED', message: 'no' } } : {});
    });
    const { missingPermissions } = await look({ googleCloud: { ...googleCloud, assetSearch: { scope: 'folders/1' } }, grants: [] });
    expect(missingPermissions).toEqual(['cloudasset.assets.searchAllResources on folders/1: Google answered 403: PERMISSION_DENIED: no']);
  });

  it('at a service that does not answer is no answer', async () => {
    const { look } = await setup((_, response) => { sendJson(response, 503, {}); });
    expect(await refusal(look())).toBe('Retryable Unavailable testing permissions on projects/prod: Google answered 503');
  });
});
