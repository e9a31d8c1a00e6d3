/** Connectors on a real OpenBao and a real API server, with the operator's own account, its rights and the fence around it. */
import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type Openbao, startOpenbao } from '../env/openbao.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { startForwarder } from '../env/proxy.ts';
import { startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { createAuthority } from '../env/x509.ts';
import { createFakeClock } from '../fakes/clock.ts';
import type { ConnectorSpec, Target, VaultConnectorSpec } from '../../src/api/v1alpha1/index.ts';
import { readConfig } from '../../src/config.ts';
import { type Connectors, createConnectors } from '../../src/connectors.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { createEventRecorder, type EventRecorder } from '../../src/kube/events.ts';
import { createOwnTokens } from '../../src/kube/tokens.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import type { VaultClient, VaultRequest } from '../../src/revokers/vault/client.ts';
import { createConnection, type Connection } from '../../src/revokers/vault/connection.ts';
import { usable } from '../../src/revokers/vault/settings.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { connectorLooks } from './connector-looks.ts';
import { recordingLogger } from './kube-connection.ts';
import { installOffboard } from './install.ts';

const never = new AbortController().signal;
const ask: VaultRequest = { method: 'POST', path: ['sys', 'leases', 'lookup'], body: { lease_id: 'none' } };
const target: Target = { serviceAccount: { namespace: 'ci', name: 'agent' } };

let cluster: ControlPlane;
let world: VaultWorld;
let connectors: Connectors;
let metrics: Metrics;
let events: EventRecorder;
let ending: AbortController;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  cluster = await startControlPlane();
  [world] = await Promise.all([startVaultWorld({ cluster }), installOffboard(cluster)]);
  const token = await installOperatorAccount(cluster, { connectorSecrets: ['vault'] });
  await keepSecret({ token: await world.operator.token(), secretId: await world.operator.appRole.secretId() });
  start(cluster.kubeconfigFor({ token }));
});
afterAll(async () => {
  ending.abort(new Error('the tests are over'));
  for (const cleanup of cleanups.reverse()) await cleanup();
  await world.stop();
  await cluster.stop();
});

const clusterAs = (kubeconfig: string) => {
  const options = { config: loadKubeConfig({ path: kubeconfig, clock: systemClock }), clock: systemClock, version: 'test' };
  const transport = createTransport(options);
  cleanups.push(transport.close);
  const ownTokens = createOwnTokens({ ...options, transport, account: { namespace: 'offboard-system', name: 'offboard' } });
  return { client: createKubeClient(transport), ownTokens };
};

/** All that the operator has of connectors, without its queue: a test says when one is looked at. */
const start = (kubeconfig: string): void => {
  const config = readConfig([], {});
  if (typeof config === 'string') throw new Error('no configuration');
  const { client, ownTokens } = clusterAs(kubeconfig);
  const log = recordingLogger([]);
  ending = new AbortController();
  metrics = createMetrics({ version: 'test', figures: () => undefined });
  events = createEventRecorder({ client, clock: systemClock, log, reportingController: 'offboard.dev/operator', reportingInstance: 'test' });
  connectors = createConnectors({
    config, client, ownTokens, events, metrics, log, clock: systemClock, random: systemRandom, version: 'test', mayAct: () => true, wake: () => undefined, wakeUsers: () => undefined,
  });
  const watching = connectors.reflector.run(ending.signal);
  cleanups.push(() => watching, connectors.close);
};

const keepSecret = async (values: Readonly<Record<string, string>>): Promise<void> => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'vault', namespace: 'offboard-system' }, stringData: values };
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { stdin: JSON.stringify(secret) });
};

const byKubernetes = (): VaultConnectorSpec['auth'] => ({ kubernetes: { role: 'offboard', audience: 'vault' } });

const { write, read, look } = connectorLooks(() => ({ cluster, connectors }));

/** Writes one, and resolves when the operator has seen it. */
const connector = async (name: string, vault: Partial<VaultConnectorSpec> = {}, rest: Partial<ConnectorSpec> = {}): Promise<void> => {
  const spec: ConnectorSpec = {
    vault: { address: world.bao.url, caBundle: world.bao.ca, auth: byKubernetes(), kubernetesAuthMounts: [{ path: 'kubernetes' }], ...vault },
    grants: [{ namespaces: { names: ['ci'] } }],
    ...rest,
  };
  await write(name, spec);
};

const connected = 'Ready=True/Connected';
const clientOf = async (name: string): Promise<VaultClient> => (await connectors.vault.connect({ connectorRef: { name } }, target, never)).client;

describe('the operator logs in', () => {
  it('by Kubernetes, with a token of its own account, and says what it found', async () => {
    await connector('by-kubernetes');
    const { conditions, object } = await look('by-kubernetes');
    expect(conditions).toBe(connected);
    const { version, cluster_id: clusterId } = await world.bao.ask<{ readonly version: string; readonly cluster_id: string }>('GET', 'sys/seal-status');
    expect(object.status).toMatchObject({ serverVersion: version, clusterId, token: { renewable: true } });
    expect(Date.parse(object.status?.token?.expiresAt ?? '')).toBeGreaterThan(Date.now() + 3_000_000);
    await events.flush();
    const told = await cluster.kubectl(['get', 'events', '-n', 'default', '-o', 'jsonpath={range .items[*]}{.involvedObject.kind} {.involvedObject.name} {.reason}{"\\n"}{end}']);
    expect(told).toContain('Connector by-kubernetes Connected');
  });

  it('once for many looks, which write nothing when nothing is new', async () => {
    const before = await read('by-kubernetes');
    await Promise.all([1, 2, 3].map(() => look('by-kubernetes')));
    expect((await read('by-kubernetes')).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    const { accessor } = await (await clientOf('by-kubernetes')).self(never);
    const { body } = await world.bao.call<{ readonly data: { readonly path: string; readonly meta: object } }>('POST', 'auth/token/lookup-accessor', { accessor });
    expect(body.data).toMatchObject({ path: 'auth/kubernetes/login', meta: { service_account_name: 'offboard', service_account_namespace: 'offboard-system' } });
  });

  it('by AppRole', async () => {
    const { roleId } = world.operator.appRole;
    await connector('by-approle', { auth: { appRole: { roleId, secretIdSecretRef: { name: 'vault', key: 'secretId' } } } });
    expect((await look('by-approle')).conditions).toBe(connected);
  });

  it('with a token from a Secret', async () => {
    await connector('by-token', { auth: { tokenSecretRef: { name: 'vault', key: 'token' } } });
    expect((await look('by-token')).conditions).toBe(connected);
  });

  it('never with a Secret that it was not given', async () => {
    await connector('by-another', { auth: { tokenSecretRef: { name: 'another', key: 'token' } } });
    const { conditions, message } = await look('by-another');
    expect(conditions).toBe('Ready=False/PermissionMissing Stalled=True/PermissionMissing');
    expect(message).toContain('secrets "another" is forbidden');
  });

  it('never with a token that its own API server takes, whoever would let it', async () => {
    const { ownTokens } = clusterAs(cluster.kubeconfig);
    const token = await ownTokens.issue('vault', never);
    expect((JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { readonly aud: unknown }).aud).toEqual(['vault']);
    await expect(ownTokens.issue('https://kubernetes.default.svc.cluster.local', never)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'WrongAudience' });
    await connector('for-another', { auth: { kubernetes: { role: 'offboard', audience: 'another' } } });
    expect(await look('for-another')).toMatchObject({
      conditions: 'Ready=False/AdmissionDenied Stalled=True/AdmissionDenied',
      message: expect.stringContaining('Offboard makes tokens for "vault" and workload identity pools of Google Cloud only') as string,
    });
  });

  it('or says that the role, or the namespace, is not there', async () => {
    await connector('no-role', { auth: { kubernetes: { role: 'nobody', audience: 'vault' } } });
    expect(await look('no-role')).toMatchObject({
      conditions: 'Ready=False/LoginRefused Stalled=True/LoginRefused', message: expect.stringContaining('invalid role name "nobody"') as string,
    });
    await connector('no-namespace', { namespace: 'nowhere' });
    expect(await look('no-namespace')).toMatchObject({
      conditions: 'Ready=False/LoginRefused Stalled=True/LoginRefused', message: expect.stringContaining('namespace not found') as string,
    });
  });
});

describe('what a person must mend is named', () => {
  it('a right that the policy lacks, as the line to add', async () => {
    await world.withdraw('auth/token/accessors');
    const { conditions, object } = await look('by-kubernetes');
    expect(conditions).toBe('Ready=False/PermissionMissing Stalled=True/PermissionMissing');
    const [line = ''] = object.status?.missingPermissions ?? [];
    expect(readFileSync(new URL('../../config/vault/operator.hcl', import.meta.url), 'utf8').replace(/ +/g, ' ')).toContain(line);
    await world.giveBack();
    expect((await look('by-kubernetes')).conditions).toBe(connected);
  });

  it('an auth mount that is not there, or is another kind of mount', async () => {
    await connector('mounts', { kubernetesAuthMounts: [{ path: 'approle' }, { path: 'elsewhere' }] });
    expect(await look('mounts')).toMatchObject({
      conditions: 'Ready=False/MountNotFound Stalled=True/MountNotFound', message: expect.stringContaining('auth/approle is of type "approle", not "kubernetes"') as string,
    });
  });

  it('an authority that did not sign the server', async () => {
    await connector('wrong-ca', { caBundle: createAuthority('somebody else').certificate });
    expect(await look('wrong-ca')).toMatchObject({
      conditions: 'Ready=False/DependencyUnavailable Reconciling=True/DependencyUnavailable', message: expect.stringMatching(/certificate|UNABLE_TO_VERIFY/) as string,
    });
  });
});

describe('a connector in trouble', () => {
  it('that is slow fails at its own deadline, and slows nobody else', async () => {
    const gate = Promise.withResolvers<boolean>();
    const slow = await startForwarder(world.bao, { onRequest: () => gate.promise });
    cleanups.push(slow.stop);
    await connector('slow', { address: slow.url }, { timing: { timeout: '500ms' }, grants: [{ namespaces: { names: ['ci'] } }] });
    const [client, other] = [await clientOf('slow'), await clientOf('by-kubernetes')];
    const stuck = Promise.allSettled(Array.from({ length: 20 }, () => client.request(ask, never)));
    expect(await other.request(ask, never)).toMatchObject({ status: 400 });
    for (const { status, reason } of (await stuck) as PromiseRejectedResult[]) expect([status, reason]).toMatchObject(['rejected', { kind: 'Retryable', reason: 'Timeout' }]);
    expect((await look('slow')).conditions).toContain('Reconciling=True/DependencyUnavailable');
    gate.resolve(false);
  });

  it('that is sealed says so, and is found again', async () => {
    await world.bao.seal();
    expect(await (await clientOf('by-kubernetes')).request(ask, never)).toMatchObject({ status: 503 });
    expect(await look('by-kubernetes')).toMatchObject({
      conditions: 'Ready=False/DependencyUnavailable Reconciling=True/DependencyUnavailable', message: expect.stringContaining('is sealed') as string,
    });
    await world.bao.unseal();
    expect((await look('by-kubernetes')).conditions).toBe(connected);
    expect(await metrics.text()).toMatch(/offboard_connector_requests_total\{type="vault",code="503"\} \d/);
  });

  it('whose own token ended logs in again, and asks once more', async () => {
    await world.bao.ask('POST', 'auth/approle/role/short', { token_policies: ['default'], token_ttl: '1s', token_max_ttl: '1s' });
    const { data: { role_id: roleId } } = await world.bao.ask<{ readonly data: { readonly role_id: string } }>('GET', 'auth/approle/role/short/role-id');
    const { data: { secret_id: secretId } } = await world.bao.ask<{ readonly data: { readonly secret_id: string } }>('POST', 'auth/approle/role/short/secret-id');
    const { connection, clock } = connect(world.bao, { appRole: { roleId, secretIdSecretRef: { name: 'x', key: 'y' } } }, secretId);
    const before = await connection.client.self(never);
    const mark = await connection.client.watermark(never);
    await waitFor(async () => (await world.bao.call('POST', 'auth/token/lookup-accessor', { accessor: before.accessor })).status === 400, { what: 'the end of the token' });
    expect(await connection.client.request(ask, never), 'on a clock that stands still it is too young to be doubted').toMatchObject({ status: 403 });
    await clock.advance(5_000);
    expect(await connection.client.request(ask, never)).toMatchObject({ status: 400 });
    expect((await connection.client.self(never)).accessor).not.toBe(before.accessor);
    await expect(connection.client.request({ ...ask, notBefore: mark }, never), 'the new token may be of another storage').rejects.toMatchObject({ reason: 'LoggedInAnew' });
  });

  it('that was killed is not reached; and one that lost its storage is another', async () => {
    const before = (await read('by-token')).status?.clusterId;
    const client = await clientOf('by-token');
    const mark = await client.watermark(never);
    await world.bao.kill();
    await expect(client.request(ask, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Transport' });
    expect((await look('by-token')).conditions).toContain('Reconciling=True/DependencyUnavailable');
    await world.bao.start();
    await keepSecret({ token: world.bao.token });
    const after = await waitFor(async () => {
      const { conditions, object } = await look('by-token');
      return object.status?.clusterId !== before && conditions.includes('MountNotFound') ? object : undefined;
    }, { timeout: 30_000, what: 'the connector finding the new server' });
    expect(after.status?.clusterId).not.toBe(before);
    await expect(client.request({ ...ask, notBefore: mark }, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'LoggedInAnew' });
  });
});

/** Straight to a server, on a clock that stands still. */
const connect = (bao: Openbao, auth: VaultConnectorSpec['auth'], secret: string, address = bao.url): { readonly connection: Connection; readonly clock: ReturnType<typeof createFakeClock> } => {
  const clock = createFakeClock();
  const connection = createConnection({
    name: 'vault', spec: usable({ vault: { address, caBundle: bao.ca, auth } }, false), clock, random: () => 0, userAgent: 'test', mayAct: () => true,
    readSecret: () => Promise.resolve(secret), ownToken: () => Promise.reject(new Error('not asked for')),
  });
  cleanups.push(connection.close);
  return { connection, clock };
};

describe('two nodes', () => {
  let bao: Openbao;
  beforeAll(async () => {
    bao = await startOpenbao({ storage: 'raft', nodes: 2 });
  });
  afterAll(async () => {
    await bao.stop();
  });

  it('a standby answers as of a watermark, and gives none when the active node is frozen', async () => {
    const active = await bao.activeNode();
    const standby = bao.urls[1 - active] ?? '';
    const { connection: { client }, clock } = connect(bao, { tokenSecretRef: { name: 'x', key: 'y' } }, bao.token, standby);
    const mark = await client.watermark(never);
    expect(mark).toMatchObject({ origin: { address: standby }, index: expect.stringMatching(/^[\w+/]+=*$/) as string });
    const later = await client.watermark(never);
    expect(valueOf(later.index)).toBeGreaterThan(valueOf(mark.index));
    expect(await client.request({ ...ask, notBefore: later }, never)).toMatchObject({ status: 400 });

    bao.pause(active);
    expect(await client.request(ask, never), 'a standby goes on telling what it knows').toMatchObject({ status: 400 });
    const ahead = Buffer.from(JSON.stringify({ ...partsOf(later.index), value: String(valueOf(later.index) + 1_000) })).toString('base64');
    const settled = Promise.allSettled([client.watermark(never), client.request({ ...ask, notBefore: { ...later, index: ahead } }, never)]);
    await clock.settle();
    await clock.advance(10_000);
    for (const each of await settled) expect(each).toMatchObject({ status: 'rejected', reason: { kind: 'Retryable', reason: 'Timeout' } });
    bao.resume(active);
  });
});

const partsOf = (index = ''): { readonly value: string } => JSON.parse(Buffer.from(index, 'base64').toString()) as { readonly value: string };
const valueOf = (index: string | undefined): number => Number(partsOf(index).value);
