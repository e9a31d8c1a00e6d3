import { beforeEach, expect, it } from 'vitest';

import { kstatusViolations } from '../../../test/env/kstatus.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import type { ConnectorStatus } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { RecordedEvent } from '../../kube/events.ts';
import type { KubeObject } from '../../kube/objects.ts';
import type { ConnectorObject, ConnectorReport } from '../../revokers/connector.ts';
import { invalid, needsPerson, retryable } from '../../runtime/outcome.ts';
import { createConnectorReconciler } from './reconciler.ts';

const fine: ConnectorReport = {
  serverVersion: '2.7.2', clusterId: 'cluster-1', account: 'offboard@acme', token: { renewable: true, expiresAt: '2026-11-23T11:00:00Z' }, missingPermissions: [], troubles: [],
};
const lines = ['path "auth/token/accessors" { capabilities = ["list", "sudo"] }', 'path "sys/auth" { capabilities = ["read"] }'];

let clock: ReturnType<typeof createFakeClock>;
let connector: ConnectorObject | undefined;
let inspect: () => Promise<ConnectorReport>;
let writes: number;
let events: RecordedEvent[];

const client: Partial<KubeClient> = {
  patch: async <T extends KubeObject>(...[, , patch]: Parameters<KubeClient['patch']>) => {
    await Promise.resolve();
    writes += 1;
    const [, status] = patch.body as readonly { readonly value: ConnectorStatus }[];
    const patched = { ...aConnector(), ...connector, status: status?.value ?? {} };
    expect(kstatusViolations(patched)).toEqual([]);
    return patched as unknown as T;
  },
};

const aConnector = (): ConnectorObject => ({
  metadata: { name: 'vault-prod', uid: 'u', resourceVersion: '1', generation: 1, creationTimestamp: '' },
  spec: { vault: { address: 'https://vault', auth: { kubernetes: { role: 'offboard', audience: 'vault' } } } },
});

const look = (signal = new AbortController().signal) =>
  createConnectorReconciler({
    client: client as KubeClient,
    clock,
    random: () => 0.5,
    events: { record: (event) => void events.push(event), flush: () => Promise.resolve() },
    inspect: () => inspect(),
    read: () => connector,
    keep: (kept) => {
      connector = kept;
    },
  })('/vault-prod', signal);

const conditions = () => connector?.status?.conditions?.map(({ type, status, reason }) => `${type}=${status}/${reason}`);
const message = () => connector?.status?.conditions?.[0]?.message;
const told = () => events.map(({ type, reason }) => `${type} ${reason}`);

beforeEach(() => {
  clock = createFakeClock();
  connector = aConnector();
  inspect = () => Promise.resolve(fine);
  writes = 0;
  events = [];
});

it('a connector that works says what it is connected to, and is looked at every minute', async () => {
  expect(await look()).toEqual({ kind: 'again', after: 60_000 });
  expect(conditions()).toEqual(['Ready=True/Connected']);
  expect(connector?.status).toMatchObject({ observedGeneration: 1, serverVersion: '2.7.2', clusterId: 'cluster-1', account: 'offboard@acme', token: fine.token });
  expect(connector?.status).not.toHaveProperty('missingPermissions');
});

it('a connector that is as it was is not written, and nobody is told', async () => {
  for (let minute = 0; minute < 5; minute += 1) {
    await look();
    await clock.advance(60_000);
  }
  expect(writes).toBe(1);
  expect(told()).toEqual(['Normal Connected']);
});

it('what the operator may not do stalls it, named line by line', async () => {
  inspect = () => Promise.resolve({ ...fine, missingPermissions: lines });
  expect(await look()).toEqual({ kind: 'again', after: 15_000 });
  expect(conditions()).toEqual(['Ready=False/PermissionMissing', 'Stalled=True/PermissionMissing']);
  expect(connector?.status?.missingPermissions).toEqual(lines);
  expect(message()).toBe(`the operator lacks ${lines[0] ?? ''}, and 1 more in status.missingPermissions`);
  expect(told()).toEqual(['Warning PermissionMissing']);
});

it('more than the status can hold is cut, and still written', async () => {
  inspect = () => Promise.resolve({ ...fine, missingPermissions: Array.from({ length: 100 }, (_, index) => `${String(index)} ${'x'.repeat(2_000)}`) });
  await look();
  expect(connector?.status?.missingPermissions).toHaveLength(64);
  expect(Math.max(...(connector?.status?.missingPermissions ?? []).map(({ length }) => length))).toBe(1_024);
});

it('what else a person must mend stalls it', async () => {
  inspect = () => Promise.resolve({ ...fine, troubles: [{ reason: 'MountNotFound', message: 'auth/k8s is not there' }] });
  await look();
  expect(conditions()).toEqual(['Ready=False/MountNotFound', 'Stalled=True/MountNotFound']);
});

it('a system that does not answer is asked again soon; what it was stays known, and its token does not', async () => {
  await look();
  inspect = () => Promise.reject(retryable('Transport', 'did not get through to https://vault'));
  expect(await look()).toEqual({ kind: 'again', after: 15_000 });
  expect(conditions()).toEqual(['Ready=False/DependencyUnavailable', 'Reconciling=True/DependencyUnavailable']);
  expect(connector?.status).toMatchObject({ serverVersion: '2.7.2', clusterId: 'cluster-1', account: 'offboard@acme' });
  expect(connector?.status).not.toHaveProperty('token');
  await look();
  expect(writes).toBe(2);
  inspect = () => Promise.resolve(fine);
  await look();
  expect(told()).toEqual(['Normal Connected', 'Warning DependencyUnavailable', 'Normal Connected']);
});

it('a login that a person must mend stalls it, and it clears itself', async () => {
  inspect = () => Promise.reject(needsPerson('LoginRefused', 'the login by role "offboard" of auth/kubernetes is refused'));
  expect(await look()).toEqual({ kind: 'again', after: 15_000 });
  expect(conditions()).toEqual(['Ready=False/LoginRefused', 'Stalled=True/LoginRefused']);
  inspect = () => Promise.resolve(fine);
  await look();
  expect(conditions()).toEqual(['Ready=True/Connected']);
});

it('a spec that is not usable is looked at no more until it changes', async () => {
  inspect = () => Promise.reject(invalid('InvalidSpec', 'spec.vault.address must begin with https://'));
  expect(await look()).toEqual({ kind: 'done' });
  expect(conditions()).toEqual(['Ready=False/InvalidSpec', 'Stalled=True/InvalidSpec']);
});

it('a bug of ours is told as a system that does not answer, without secrets', async () => {
  inspect = () => Promise.reject(new Error('x hvs.CAESIJ0123456789abcdefghij y'));
  await look();
  expect(conditions()).toEqual(['Ready=False/DependencyUnavailable', 'Reconciling=True/DependencyUnavailable']);
  expect(message()).toBe('x [redacted] y');
});

it('a look that is cut off by the end of the process writes nothing', async () => {
  const controller = new AbortController();
  inspect = () => {
    controller.abort(new Error('the process ends'));
    return Promise.reject(new Error('the process ends'));
  };
  await expect(look(controller.signal)).rejects.toThrow('the process ends');
  expect(writes).toBe(0);
});

it('a connector that is gone, or going, is left alone', async () => {
  connector = undefined;
  expect(await look()).toEqual({ kind: 'done' });
  connector = { ...aConnector(), metadata: { ...aConnector().metadata, deletionTimestamp: '2026-11-23T10:00:00Z' } };
  expect(await look()).toEqual({ kind: 'done' });
  expect(writes).toBe(0);
});
