/** The fake API server is only as good as it is like the real one: both are asked the same, and must say the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type KubeClient, createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { leases, namespaces, offboardings, roleBindings, secrets, serviceAccounts } from '../../src/kube/resources.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { type FakeApiServer, startFakeApiServer } from '../fakes/kube-api/server.ts';

let cluster: ControlPlane;
let fake: FakeApiServer;
const clients = new Map<string, KubeClient>();

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  fake = await startFakeApiServer({ clock: systemClock, resources: [leases, roleBindings, secrets, serviceAccounts] });
  const configs = { real: loadKubeConfig({ path: cluster.kubeconfig, clock: systemClock }), fake: fake.config };
  for (const [name, config] of Object.entries(configs)) {
    clients.set(name, createKubeClient(createTransport({ config, clock: systemClock, version: 'test' })));
  }
  await clients.get('real')?.create(namespaces, undefined, { metadata: { name: 'ci' } });
});

afterAll(async () => {
  await fake.stop();
  await cluster.stop();
});

/** What of an answer a client may rely on. */
const shown = (value: unknown): unknown => {
  if (value instanceof ApiError) {
    const { code, reason, details: { name, group, kind } = {} } = value;
    return { code, reason, name, group, kind };
  }
  if (value instanceof Error || value === undefined) return value;
  const { kind, metadata } = value as KubeObject;
  const { name, finalizers, deletionTimestamp, annotations } = metadata;
  return { kind, name, finalizers, annotations, deleting: deletionTimestamp !== undefined };
};

/** Does the same to both servers, and gives what both said. */
const ask = async (run: (client: KubeClient) => Promise<unknown>): Promise<unknown> => {
  const [real, other] = await Promise.all(
    ['real', 'fake'].map(async (name) => {
      const client = clients.get(name);
      if (!client) throw new Error(`no client for ${name}`);
      return run(client).then(shown, shown);
    }),
  );
  expect(other).toEqual(real);
  return real;
};

const key = { namespace: 'ci', name: 'a' };
const read = (client: KubeClient): Promise<KubeObject> => client.get(serviceAccounts, key);
const merge = async (client: KubeClient, metadata: object): Promise<KubeObject> =>
  client.patch(serviceAccounts, key, { type: 'merge', body: { metadata } });

describe('the fake API server says what the real one says', () => {
  it('about what is not there', async () => {
    expect(await ask((client) => client.get(serviceAccounts, key))).toMatchObject({ code: 404, reason: 'NotFound', name: 'a', kind: 'serviceaccounts' });
    expect(await ask((client) => client.get(leases, key))).toMatchObject({ reason: 'NotFound', group: 'coordination.k8s.io' });
    await ask((client) => client.delete(serviceAccounts, key));
    await ask((client) => merge(client, { labels: { a: 'b' } }));
    expect(await ask((client) => client.get(offboardings, key))).toMatchObject({ code: 404, reason: 'NotServed' });
  });

  it('about an object from its creation to its end', async () => {
    await ask((client) => client.create(serviceAccounts, 'ci', { metadata: { name: 'a' } }));
    expect(await ask((client) => client.create(serviceAccounts, 'ci', { metadata: { name: 'a' } }))).toMatchObject({ reason: 'AlreadyExists' });
    expect(await ask((client) => merge(client, { resourceVersion: '1', labels: { a: 'b' } }))).toMatchObject({ reason: 'Conflict' });
    await ask(async (client) => merge(client, { resourceVersion: (await read(client)).metadata.resourceVersion, finalizers: ['x.dev/a', 'x.dev/b'] }));
    expect(await ask(async (client) => {
      const before = (await read(client)).metadata.resourceVersion;
      const { metadata, ...rest } = await merge(client, { finalizers: ['x.dev/a', 'x.dev/b'] });
      return { ...rest, metadata: { ...metadata, annotations: { written: String(metadata.resourceVersion !== before) } } };
    })).toMatchObject({ annotations: { written: 'false' } });
    expect(await ask((client) => client.patch(serviceAccounts, key, { type: 'json', body: [{ op: 'test', path: '/metadata/name', value: 'b' }] }))).toMatchObject({ code: 422 });
    const outdated = [{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }, { op: 'remove', path: '/metadata/finalizers' }];
    expect(await ask((client) => client.patch(serviceAccounts, key, { type: 'json', body: outdated }))).toMatchObject({ reason: 'Conflict' });
    expect(await ask((client) => client.delete(serviceAccounts, key, { uid: 'another' }))).toMatchObject({ reason: 'Conflict' });
    expect(await ask((client) => client.delete(serviceAccounts, key, { resourceVersion: '1' }))).toMatchObject({ reason: 'Conflict' });
    await ask((client) => client.delete(serviceAccounts, key));
    expect(await ask(read)).toMatchObject({ deleting: true });
    expect(await ask((client) => merge(client, { finalizers: ['x.dev/a', 'x.dev/b', 'x.dev/c'] }))).toMatchObject({ code: 422 });
    await ask((client) => client.patch(serviceAccounts, key, { type: 'json', body: [{ op: 'remove', path: '/metadata/finalizers/0' }] }));
    expect(await ask((client) => merge(client, { finalizers: null }))).toMatchObject({ name: 'a', finalizers: undefined });
    expect(await ask(read)).toMatchObject({ reason: 'NotFound' });
  });

  it('to a list in pages, whole and of metadata', async () => {
    const listing = async (client: KubeClient, metadataOnly: boolean): Promise<KubeObject> => {
      const pages: string[] = [];
      for await (const page of client.listPages(secrets, { namespace: 'ci', metadataOnly, pageSize: 2 })) {
        pages.push(page.items.map((item) => `${item.kind ?? ''} ${item.metadata.name} ${Object.keys(item).sort().join()}`).join('; '));
      }
      return { metadata: { name: pages.join(' | ') } } as KubeObject;
    };
    expect(await ask((client) => listing(client, true))).toMatchObject({ name: '' });
    for (const name of ['c', 'a', 'b']) await ask((client) => client.create(secrets, 'ci', { metadata: { name }, data: { k: 'dg==' }, type: 'Opaque' }));
    expect(await ask((client) => listing(client, false))).toMatchObject({ name: ' a data,metadata,type;  b data,metadata,type |  c data,metadata,type' });
    await ask((client) => listing(client, true));
    await ask((client) => client.get(secrets, { namespace: 'ci', name: 'a' }, { metadataOnly: true }));
  });

  it('to a watch, to its end', async () => {
    expect(await ask(async (client) => {
      const { resourceVersion } = await client.list(serviceAccounts, { namespace: 'ci' });
      await client.create(serviceAccounts, 'ci', { metadata: { name: 'w' } });
      await client.patch(serviceAccounts, { namespace: 'ci', name: 'w' }, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } });
      await client.delete(serviceAccounts, { namespace: 'ci', name: 'w' });
      const seen: string[] = [];
      let last = BigInt(resourceVersion);
      const query = { namespace: 'ci', resourceVersion, timeoutSeconds: 1, allowWatchBookmarks: false };
      for await (const { type, object } of client.watch(serviceAccounts, query, new AbortController().signal)) {
        const version = BigInt(object.metadata.resourceVersion);
        seen.push(`${type} ${object.kind ?? ''} ${object.metadata.name} ${version > last ? 'later' : 'not later'}`);
        last = version;
      }
      return { metadata: { name: seen.join('; ') } };
    })).toMatchObject({ name: 'ADDED ServiceAccount w later; MODIFIED ServiceAccount w later; DELETED ServiceAccount w later' });
  });

  it('about what is too old', async () => {
    const { resourceVersion } = await (clients.get('real') as KubeClient).list(serviceAccounts, {});
    const old = { real: resourceVersion, fake: String(fake.table.version) };
    for (const name of ['x', 'y']) await ask((client) => client.create(serviceAccounts, 'ci', { metadata: { name } }));
    fake.table.compact();
    await cluster.compactEtcd();
    await cluster.restartApiServer();
    expect(await ask(async (client) => {
      const from = client === clients.get('real') ? old.real : old.fake;
      const query = { resourceVersion: from, timeoutSeconds: 2, allowWatchBookmarks: true };
      for await (const event of client.watch(serviceAccounts, query, new AbortController().signal)) return event.object;
      return undefined;
    })).toMatchObject({ code: 410, reason: 'Expired' });
  });
});
