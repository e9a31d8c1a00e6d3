/** Connectors to Google Cloud on the protocol fake and a real API server, with the operator's own account, its rights and the fence around it. */
import { readFileSync } from 'node:fs';

import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type GoogleCloud, type Logged, type Operator, type Pool, startGoogleCloud } from '../env/google-cloud.ts';
import { installOperatorAccount, operatorUser } from '../env/operator-account.ts';
import { createFakeClock } from '../fakes/clock.ts';
import type { ConnectorSpec, GoogleCloudConnectorSpec, GoogleCloudDependency, Target } from '../../src/api/v1alpha1/index.ts';
import { readConfig } from '../../src/config.ts';
import { type Connectors, createConnectors } from '../../src/connectors.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { createEventRecorder } from '../../src/kube/events.ts';
import { createOwnTokens } from '../../src/kube/tokens.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import type { GoogleClient, GoogleRequest } from '../../src/revokers/google-cloud/api.ts';
import { type ClientOptions, createConnection } from '../../src/revokers/google-cloud/client.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import { usable } from '../../src/revokers/google-cloud/settings.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { connectorLooks } from './connector-looks.ts';
import { recordingLogger } from './kube-connection.ts';
import { installOffboard } from './install.ts';

const never = new AbortController().signal;
const target: Target = { serviceAccount: { namespace: 'ci', name: 'agent' } };
const dependency: GoogleCloudDependency = { connectorRef: { name: 'by-federation' }, resources: ['projects/acme-ci'] };
const project: GoogleRequest = { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'projects', 'acme-ci'], verb: 'getIamPolicy', body: { options: { requestedPolicyVersion: 3 } } };
const secret: GoogleRequest = { method: 'GET', service: 'secretmanager', path: ['v1', 'projects', 'acme-ci', 'secrets', 'deploy'], verb: 'getIamPolicy' };
/** Of the API server too, so that it must not be given away. */
const takenHere = 'https://cluster.example.com';

let cluster: ControlPlane;
let google: GoogleCloud;
let pool: Pool;
let operator: Operator;
/** As policies name it where it acts by itself. */
let subject: string;
let connectors: Connectors;
let metrics: Metrics;
let ending: AbortController;
const cleanups: (() => Promise<unknown>)[] = [];

/** As we publish them. */
const published = (): readonly string[] => {
  const role = load(readFileSync(new URL('../../config/google-cloud/role.yaml', import.meta.url), 'utf8')) as { readonly includedPermissions: readonly string[] };
  return role.includedPermissions;
};

beforeAll(async () => {
  const issuer = 'https://kubernetes.default.svc.cluster.local';
  [cluster, google] = await Promise.all([startControlPlane({ apiServerArgs: [`--api-audiences=${issuer},${takenHere}`] }), startGoogleCloud()]);
  for (const id of ['acme-ops', 'acme-ci']) await google.addProject(id);
  await google.addSecret('acme-ci', 'deploy', 'hush');
  const [jwks, discovered] = await Promise.all(['/openid/v1/jwks', '/.well-known/openid-configuration'].map((path) => cluster.kubectl(['get', '--raw', path])));
  pool = await google.addPool({
    project: 'acme-ops', pool: 'clusters', provider: 'prod',
    issuer: (JSON.parse(discovered ?? '') as { readonly issuer: string }).issuer, jwks: JSON.parse(jwks ?? '') as { readonly keys: readonly object[] },
  });
  operator = await google.addOperator('acme-ops', published(), ['projects/acme-ci', 'projects/acme-ops']);
  subject = `principal://iam.googleapis.com/${pool.name}/subject/${operatorUser}`;
  await google.grant(accountName(operator.email), 'roles/iam.workloadIdentityUser', subject);
  for (const id of ['acme-ci', 'acme-ops']) await google.grant(`projects/${id}`, 'projects/acme-ops/roles/offboard', subject);
  await installOffboard(cluster, { tokenAudiences: [...pool.tokenAudiences, takenHere, 'another'] });
  const token = await installOperatorAccount(cluster, { connectorSecrets: ['google'] });
  await keepSecret({ 'key.json': JSON.stringify(operator.keyFile), garbage: 'x', federated: JSON.stringify({ ...operator.keyFile, type: 'external_account' }) });
  start(cluster.kubeconfigFor({ token }));
});
afterAll(async () => {
  ending.abort(new Error('the tests are over'));
  for (const cleanup of cleanups.reverse()) await cleanup();
  await Promise.all([google.stop(), cluster.stop()]);
});

const accountName = (email: string): string => `//iam.googleapis.com/projects/acme-ops/serviceAccounts/${email}`;

/** All that the operator has of connectors, without its queue: a test says when one is looked at. */
const start = (kubeconfig: string): void => {
  const config = readConfig(['--allow-loopback-http'], {});
  if (typeof config === 'string') throw new Error('no configuration');
  const options = { config: loadKubeConfig({ path: kubeconfig, clock: systemClock }), clock: systemClock, version: 'test' };
  const transport = createTransport(options);
  const client = createKubeClient(transport);
  const ownTokens = createOwnTokens({ ...options, transport, account: { namespace: 'offboard-system', name: 'offboard' } });
  const log = recordingLogger([]);
  ending = new AbortController();
  metrics = createMetrics({ version: 'test', figures: () => undefined });
  const events = createEventRecorder({ client, clock: systemClock, log, reportingController: 'offboard.dev/operator', reportingInstance: 'test' });
  connectors = createConnectors({
    config, client, ownTokens, events, metrics, log, clock: systemClock, random: systemRandom, version: 'test', mayAct: () => true, wake: () => undefined, wakeUsers: () => undefined,
  });
  const watching = connectors.reflector.run(ending.signal);
  cleanups.push(transport.close, () => watching, connectors.close);
};

const keepSecret = async (values: Readonly<Record<string, string>>): Promise<void> => {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'google', namespace: 'offboard-system' }, stringData: values };
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { stdin: JSON.stringify(object) });
};

const byFederation = (rest: object = {}): GoogleCloudConnectorSpec['auth'] => ({ workloadIdentityFederation: { audience: pool.audience, serviceAccount: operator.email, ...rest } });

const { write, read, look } = connectorLooks(() => ({ cluster, connectors }));

/** Writes one, and resolves when the operator has seen it. */
const connector = async (name: string, googleCloud: Partial<GoogleCloudConnectorSpec> = {}, rest: Partial<ConnectorSpec> = {}): Promise<void> => {
  const spec: ConnectorSpec = {
    googleCloud: { auth: byFederation(), endpoints: google.endpoints, ...googleCloud },
    grants: [{ namespaces: { names: ['ci'] }, googleCloud: { projects: ['acme-ci'], serviceAccounts: ['*@acme-ops.iam.gserviceaccount.com'] } }],
    ...rest,
  };
  await write(name, spec);
};

const connected = 'Ready=True/Connected';
const clientOf = async (name: string): Promise<GoogleClient> => (await connectors.google.connect({ ...dependency, connectorRef: { name } }, target, never)).client;

/** Whoever is granted it all cannot have it retire the account by which it is logged in. */
const refusesItsOwn = async (name: string): Promise<void> => {
  const kind = createGoogleCloudKind({ connectors: connectors.google, clock: systemClock, random: systemRandom, isForeign: () => false });
  const revoker = kind.bind({ name: 'google', googleCloud: { connectorRef: { name }, serviceAccount: { email: operator.email } } });
  if (revoker === undefined) throw new Error('it is not bound');
  const { inventory, lock } = revoker;
  if (lock.kind !== 'Lockable') throw new Error('it cannot be locked');
  const refused = { kind: 'NeedsPerson', reason: 'ProtectedIdentity' };
  const changes = await since(async () => {
    await expect(inventory(target, 'Fresh', never)).rejects.toMatchObject(refused);
    await expect(lock.lock(target, never)).rejects.toMatchObject(refused);
  });
  expect(changes, 'it is told before anybody is asked').toEqual([]);
};

/** What was asked of Google since then. */
const since = async (work: () => Promise<unknown>): Promise<readonly Logged[]> => {
  const before = (await google.requests()).length;
  await work();
  return (await google.requests()).slice(before);
};

describe('the operator logs in', () => {
  it.each([
    ['by federation, as a service account', 'by-federation', () => byFederation()],
    ['as what the machine has', 'by-metadata', () => ({ attached: {} })],
    ['by a key', 'by-key', () => ({ keySecretRef: { name: 'google', key: 'key.json' } })],
  ] as const)('%s, and is known by what it then does', async (_, name, auth) => {
    await google.setMetadataAccount(operator.email);
    await connector(name, { auth: auth() });
    const { conditions, object } = await look(name);
    expect([conditions, object.status?.account]).toEqual([connected, operator.email]);
    const client = await clientOf(name);
    const asked = await since(async () => { expect(await client.request(project, never)).toMatchObject({ status: 200 }); });
    expect(asked).toMatchObject([{ path: '/v3/projects/acme-ci:getIamPolicy', caller: expect.stringContaining(operator.email) as string }]);
    await refusesItsOwn(name);
  });

  it('by federation, as the subject itself', async () => {
    await connector('by-subject', { auth: { workloadIdentityFederation: { audience: pool.audience } } });
    const { conditions, object } = await look('by-subject');
    expect([conditions, object.status?.account]).toEqual([connected, subject]);
    const asked = await since(async () => (await clientOf('by-subject')).request(project, never));
    expect(asked).toMatchObject([{ status: 200, caller: subject }]);
  });

  it('once for many looks, which write nothing when nothing is new', async () => {
    const before = await read('by-federation');
    const asked = await since(() => Promise.all([1, 2, 3].map(() => look('by-federation'))));
    expect(asked.map(({ service }) => service)).not.toContain('sts');
    expect((await read('by-federation')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('never with a token that its own API server takes, whoever would let it, and nothing is sent', async () => {
    await connector('taken-here', { auth: byFederation({ tokenAudience: takenHere }) });
    const asked = await since(async () => { expect((await look('taken-here')).conditions).toBe('Ready=False/WrongAudience Stalled=True/WrongAudience'); });
    expect(asked).toEqual([]);
    await connector('unfenced', { auth: byFederation({ tokenAudience: 'not-in-the-fence' }) });
    expect(await look('unfenced')).toMatchObject({ conditions: 'Ready=False/AdmissionDenied Stalled=True/AdmissionDenied' });
  });

  it('or says in whose words it is refused', async () => {
    await connector('for-another', { auth: byFederation({ tokenAudience: 'another' }) });
    expect(await look('for-another')).toMatchObject({
      conditions: 'Ready=False/LoginRefused Stalled=True/LoginRefused', message: expect.stringContaining('does not match the expected audience') as string,
    });
    const { email } = await google.addServiceAccount('acme-ops', 'somebody');
    await connector('as-another', { auth: byFederation({ serviceAccount: email }) });
    expect(await look('as-another')).toMatchObject({
      conditions: 'Ready=False/LoginRefused Stalled=True/LoginRefused', message: expect.stringContaining(`acting as ${email} is refused: Google answered 403`) as string,
    });
  });

  it.each([
    ['that it was not given', { name: 'another', key: 'key.json' }, 'PermissionMissing', 'secrets "another" is forbidden'],
    ['without that key', { name: 'google', key: 'other' }, 'SecretMissing', 'has no key "other"'],
    ['of garbage', { name: 'google', key: 'garbage' }, 'SecretMissing', 'is not a key file as Google makes it'],
    ['for another way in', { name: 'google', key: 'federated' }, 'SecretMissing', 'is a file of type "external_account"'],
  ])('never by a Secret %s', async (_, keySecretRef, reason, message) => {
    await connector('by-secret', { auth: { keySecretRef } });
    const asked = await since(async () => {
      expect(await look('by-secret')).toMatchObject({ conditions: `Ready=False/${reason} Stalled=True/${reason}`, message: expect.stringContaining(message) as string });
    });
    expect(asked).toEqual([]);
  });
});

describe('a connector', () => {
  it('names the project that pays with every request', async () => {
    await connector('with-quota', { quotaProject: 'acme-ops' });
    const asked = await since(async () => (await clientOf('with-quota')).request(project, never));
    const headers = asked.filter(({ service }) => service === 'cloudresourcemanager').map((each) => each.headers['x-goog-user-project']);
    expect(headers).toEqual(['acme-ops']);
  });

  it('is nothing to who is not granted it, in the words for one that is not there', async () => {
    const asking = (name: string, from: Target, resources = ['projects/acme-ci']) =>
      connectors.google.connect({ connectorRef: { name }, resources }, from, never).then(() => 'granted', (error: unknown) => String(error).replace(name, 'NAME'));
    const none = await asking('nowhere', target);
    expect(none).toContain('no connector "NAME" grants namespace "ci"');
    expect(await asking('by-federation', target, ['projects/acme-ci', 'projects/acme-ops'])).toBe(none);
    const other: Target = { serviceAccount: { namespace: 'other', name: 'agent' } };
    expect(await asking('by-federation', other)).toBe(none.replace('"ci"', '"other"'));
  });

  it('whose role lacks something says what, and where', async () => {
    const role = 'projects/acme-ops/roles/offboard';
    await google.defineRole(role, published().filter((permission) => permission !== 'resourcemanager.projects.setIamPolicy'));
    const { conditions, object, message } = await look('by-federation');
    expect(conditions).toBe('Ready=False/PermissionMissing Stalled=True/PermissionMissing');
    expect(object.status?.missingPermissions).toEqual(['resourcemanager.projects.setIamPolicy on projects/acme-ci']);
    expect(message).toBe('the operator lacks resourcemanager.projects.setIamPolicy on projects/acme-ci');
    await google.defineRole(role, published());
    expect((await look('by-federation')).conditions).toBe(connected);
  });

  it('counts its requests as those of its type', async () => {
    expect(await metrics.text()).toMatch(/offboard_connector_requests_total\{type="google-cloud",code="200"\} \d/);
  });
});

describe('a token of its own', () => {
  it('that is refused is replaced, and what was asked is asked again', async () => {
    const client = await clientOf('by-federation');
    const asked = await since(async () => {
      await google.fault({ match: { path: 'acme-ci:getIamPolicy' }, fault: { kind: 'status', status: 401 }, times: 1 });
      expect(await client.request(project, never)).toMatchObject({ status: 200 });
    });
    expect(asked.map(({ service, status }) => `${service} ${String(status)}`)).toEqual(['cloudresourcemanager 401', 'sts 200', 'iamcredentials 200', 'cloudresourcemanager 200']);
  });

  it('that ended with its account is told as one that is not ready, and is found again', async () => {
    await google.changeAccount(operator.email, { disabled: true });
    await expect((await clientOf('by-key')).request(project, never)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'ConnectorNotReady' });
    expect(await look('by-key')).toMatchObject({ conditions: 'Ready=False/LoginRefused Stalled=True/LoginRefused', message: expect.stringContaining('disabled') as string });
    await google.changeAccount(operator.email, { disabled: false });
    await waitFor(async () => (await look('by-key')).conditions === connected, { what: 'the login that is possible again' });
  });

  it('is got by another key within a minute, and by the one that is gone no more', async () => {
    let file = operator.keyFile;
    const readSecret = () => Promise.resolve(JSON.stringify(file));
    const auth = { keySecretRef: { name: 'x', key: 'y' } };
    const { client, clock } = connect(auth, { readSecret });
    expect(await client.request(project, never)).toMatchObject({ status: 200 });
    file = await google.addKey(operator.email);
    await removeKey(operator.keyFile.private_key_id);
    const before = (await google.requests()).length;
    await clock.advance(60_000);
    const logins = await waitFor(async () => {
      await client.request(project, never);
      const found = (await google.requests()).slice(before).filter(({ service }) => service === 'oauth2');
      return found.length > 0 ? found : undefined;
    }, { what: 'the login by the other key' });
    expect(logins).toMatchObject([{ status: 200 }]);
    file = operator.keyFile;
    await expect(connect(auth, { readSecret }).client.request(project, never)).rejects.toMatchObject({ reason: 'ConnectorNotReady' });
  });
});

describe('a service', () => {
  it.each([['in its own words', { retryAfter: '1' }], ['without a word', {}]])('that asks for patience %s is asked again', async (_, fault) => {
    await google.fault({ match: { path: 'acme-ci:getIamPolicy' }, fault: { kind: 'status', status: 429, ...fault }, times: 1 });
    const client = await clientOf('by-federation');
    const asked = await since(async () => { expect(await client.request(project, never)).toMatchObject({ status: 200 }); });
    expect(asked.map(({ status }) => status)).toEqual([429, 200]);
    const [first, second] = asked.map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(450);
  });

  it('that asks for more patience than anybody has is told so', async () => {
    const withdraw = await google.fault({ match: { path: 'acme-ci:getIamPolicy' }, fault: { kind: 'status', status: 429, retryAfter: '300' } });
    await expect((await clientOf('by-federation')).request(project, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'TooManyRequests', retryAfter: 60_000 });
    await withdraw();
  });

  it('that is dead, or nowhere, slows nobody else', async () => {
    await connector('half-dead', { endpoints: { ...google.endpoints, artifactregistry: 'http://127.0.0.1:1' } }, { timing: { timeout: '1s' } });
    const client = await clientOf('half-dead');
    const withdraw = await google.fault({ match: { service: 'secretmanager' }, fault: { kind: 'hang' } });
    const stuck = Promise.allSettled(Array.from({ length: 20 }, () => client.request(secret, never)));
    await expect(client.request({ ...secret, service: 'artifactregistry' }, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Transport' });
    expect(await client.request(project, never)).toMatchObject({ status: 200 });
    expect((await look('half-dead')).conditions).toBe(connected);
    for (const { status, reason } of (await stuck) as PromiseRejectedResult[]) expect([status, reason]).toMatchObject(['rejected', { kind: 'Retryable', reason: 'Timeout' }]);
    await withdraw();
  });

  it.each(['html', 'empty', 'cut', 'reset'] as const)('whose answer is %s is not believed', async (kind) => {
    await google.fault({ match: { path: 'acme-ci:getIamPolicy' }, fault: { kind }, times: 1 });
    const answered = (await clientOf('by-federation')).request(project, never);
    if (kind === 'empty') expect(await answered, 'which holds no policy').toMatchObject({ status: 200, body: undefined });
    else await expect(answered).rejects.toMatchObject({ kind: 'Retryable' });
  });
});

/** Straight to the fake, on a clock that stands still at the time of now. */
const connect = (auth: GoogleCloudConnectorSpec['auth'], options: Partial<ClientOptions>): { readonly client: GoogleClient; readonly clock: ReturnType<typeof createFakeClock> } => {
  const clock = createFakeClock(new Date());
  const connection = createConnection({
    name: 'google', spec: usable({ googleCloud: { auth, endpoints: google.endpoints } }, true), clock, random: () => 0, userAgent: 'test', mayAct: () => true,
    readSecret: () => Promise.reject(new Error('not asked for')), ownToken: () => Promise.reject(new Error('not asked for')), ...options,
  });
  cleanups.push(connection.close);
  return { client: connection.client, clock };
};

const removeKey = async (id: string): Promise<void> => {
  await google.grant('projects/acme-ops', 'roles/owner', 'user:owner@example.com');
  const { status } = await google.call('DELETE', `/v1/projects/acme-ops/serviceAccounts/${operator.email}/keys/${id}`, await google.userToken('owner@example.com'));
  expect(status).toBe(200);
};
