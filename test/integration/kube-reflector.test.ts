/**
 * The reflector on two real API servers with one etcd. It talks to the first only, so the second can change what there is
 * while the first is dead or frozen.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { isExpired } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { createReflector, type ListReason, type Reflector, type ReflectorOptions } from '../../src/kube/reflector.ts';
import { namespaces, secrets } from '../../src/kube/resources.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type ConfigMap, configMaps, connect, type Connection, type LoggedLine, recordingLogger } from './kube-connection.ts';

const never = new AbortController().signal;
let cluster: ControlPlane;
/** To the server that the reflector uses, and to the one that stays well. */
let first: Connection;
let second: Connection;
let running: Running<KubeObject> | undefined;

interface Running<T> {
  readonly reflector: Reflector<T>;
  readonly changes: string[];
  readonly lists: ListReason[];
  readonly connected: boolean[];
  readonly lines: LoggedLine[];
  readonly stop: () => Promise<void>;
}

beforeAll(async () => {
  cluster = await startControlPlane({ replicas: 2, controllerManager: false });
  first = connect(cluster.kubeconfig);
  second = connect(cluster.kubeconfigFor({}, 1));
}, 120_000);

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

afterAll(async () => {
  cluster.resumeApiServer();
  await Promise.all([first.close(), second.close()]);
  await cluster.stop();
});

const start = async (options: Partial<ReflectorOptions<KubeObject>> = {}): Promise<Running<KubeObject>> => {
  const stopping = new AbortController();
  const told: Omit<Running<KubeObject>, 'reflector' | 'stop'> = { changes: [], lists: [], connected: [], lines: [] };
  const reflector = createReflector<KubeObject>({
    client: first.client, clock: systemClock, random: systemRandom, log: recordingLogger(told.lines),
    resource: configMaps, query: { namespace: 'default' }, project: (raw) => raw,
    onChange: ({ type, object }) => told.changes.push(`${type} ${object.metadata.name}`),
    metrics: {
      onList: ({ reason }) => told.lists.push(reason),
      onConnected: ({ connected }) => told.connected.push(connected),
      onRun: () => undefined,
    },
    ...options,
  });
  const run = reflector.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the test is over'));
    await run;
  };
  running = { ...told, reflector, stop };
  await reflector.waitForSync(stopping.signal);
  return running;
};

const put = async (name: string, data: Record<string, string> = {}): Promise<ConfigMap> =>
  second.client.patch<ConfigMap>(configMaps, { namespace: 'default', name }, {
    type: 'apply', fieldManager: 'test', force: true, body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data },
  });
const drop = (name: string): Promise<void> => second.client.delete(configMaps, { namespace: 'default', name });

const shows = ({ reflector }: Running<KubeObject>, object: ConfigMap, timeout = 30_000): Promise<unknown> =>
  waitFor(
    () => reflector.store.get('default', object.metadata.name)?.metadata.resourceVersion === object.metadata.resourceVersion,
    { what: `${object.metadata.name} being shown as it is`, timeout },
  );
const showsNo = ({ reflector }: Running<KubeObject>, name: string): Promise<unknown> =>
  waitFor(() => reflector.store.get('default', name) === undefined, { what: `${name} being gone`, timeout: 30_000 });

describe('a reflector', () => {
  it('shows what is there, what comes, what changes and what goes', async () => {
    await put('there');
    const seen = await start();
    expect(seen.reflector.store.get('default', 'there')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(seen.reflector.health()).toMatchObject({ connected: true, consecutiveFailures: 0 });
    await shows(seen, await put('comes'));
    await shows(seen, await put('comes', { changed: 'yes' }));
    await drop('comes');
    await showsNo(seen, 'comes');
    expect(seen.changes.slice(-3)).toEqual(['set comes', 'set comes', 'delete comes']);
    expect(seen.lists).toEqual(['start']);
  });

  it('shows our own write at once, and tells it once', async () => {
    const seen = await start();
    const written = await put('own');
    seen.reflector.upsert(written);
    expect(seen.reflector.store.get('default', 'own')).toEqual(written);
    const later = await put('after-own');
    await shows(seen, later);
    expect(seen.changes.filter((change) => change === 'set own')).toHaveLength(1);
    await drop('own');
    await showsNo(seen, 'own');
    seen.reflector.upsert(written);
    expect(seen.reflector.store.get('default', 'own')).toBeUndefined();
  });

  it('never lets the data of a Secret in when it asks for metadata', async () => {
    await second.client.create(secrets, 'default', { metadata: { name: 'listed' }, stringData: { token: 'never-seen' } });
    const seen = await start({ resource: secrets, query: { namespace: 'default', metadataOnly: true } });
    await second.client.create(secrets, 'default', { metadata: { name: 'watched' }, stringData: { token: 'never-seen' } });
    await waitFor(() => seen.reflector.store.get('default', 'watched') !== undefined, { what: 'the new Secret being shown' });
    const all = seen.reflector.store.list();
    expect(all.map(({ metadata }) => metadata.name).sort()).toEqual(['listed', 'watched']);
    for (const object of all) expect(Object.keys(object).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
  });

  it('reads a list in pages, all of one version', async () => {
    const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
    for (const name of names) await put(name);
    const pages = [];
    for await (const page of first.client.listPages(configMaps, { namespace: 'default', pageSize: 2 })) pages.push(page);
    expect(pages.length).toBeGreaterThan(2);
    expect(new Set(pages.map(({ resourceVersion }) => resourceVersion)).size).toBe(1);
    expect(pages.flatMap(({ items }) => items.map(({ metadata }) => metadata.name))).toEqual(expect.arrayContaining(names));
  });

  it('comes back after the API server was killed, and shows what happened meanwhile', async () => {
    await put('stays');
    await put('goes');
    const seen = await start();
    await cluster.killApiServer();
    await waitFor(() => seen.reflector.health().consecutiveFailures > 0, { what: 'the reflector noticing' });
    expect(seen.reflector.health().connected).toBe(false);
    expect(seen.reflector.store.get('default', 'goes')).toBeDefined();
    await drop('goes');
    const changed = await put('stays', { while: 'away' });
    await cluster.restartApiServer();
    await shows(seen, changed);
    await showsNo(seen, 'goes');
    await shows(seen, await put('stays', { since: 'back' }));
    await waitFor(() => seen.reflector.health().connected, { what: 'the reflector being connected', timeout: 30_000 });
    expect(seen.reflector.health().consecutiveFailures).toBe(0);
    expect(seen.connected).toEqual([true, false, true]);
    expect(seen.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('lists again when its version is compacted away', async () => {
    const { metadata } = await put('compacted');
    const seen = await start();
    await cluster.killApiServer();
    await drop('compacted');
    await put('after-compaction', { run: '1' });
    await cluster.compactEtcd();
    await cluster.restartApiServer();
    await showsNo(seen, 'compacted');
    await shows(seen, await put('after-compaction', { run: '2' }));
    // Which of the two it was first depends on how long the server took to come back.
    expect(seen.lists.slice(1)).toEqual([expect.stringMatching(/^(expired|failure)$/)]);

    const query = { namespace: 'default', resourceVersion: metadata.resourceVersion, timeoutSeconds: 10, allowWatchBookmarks: true };
    const stream = first.client.watch(configMaps, query, new AbortController().signal)[Symbol.asyncIterator]();
    const why: unknown = await stream.next().then(() => undefined, (error: unknown) => error);
    expect(isExpired(why)).toBe(true);
  });

  it('is told by a 410 that a list cannot be continued after a compaction', async () => {
    for (const name of ['continue-a', 'continue-b', 'continue-c']) await put(name);
    const pages = first.client.listPages(configMaps, { namespace: 'default', pageSize: 1 })[Symbol.asyncIterator]();
    expect((await pages.next()).done).toBe(false);
    await put('continue-d');
    await cluster.killApiServer();
    await cluster.compactEtcd();
    await cluster.restartApiServer();
    const why: unknown = await pages.next().then(() => undefined, (error: unknown) => error);
    expect(isExpired(why)).toBe(true);
  });

  it('leaves a server that fell silent within a bounded time, and comes back with it', async () => {
    // A watch is asked to end when the next list is due, and cut 10 s after that.
    const seen = await start({ relistEvery: 5_000 });
    await shows(seen, await put('frozen'));
    cluster.pauseApiServer();
    await drop('frozen');
    const changed = await put('while-frozen', { at: String(systemClock.now().getTime()) });
    await waitFor(() => seen.reflector.health().consecutiveFailures > 0, { what: 'the reflector noticing the silence', timeout: 30_000 });
    expect(seen.reflector.health().connected).toBe(false);
    expect(seen.lines[0]).toMatchObject({ level: 'warn', fields: { operation: 'watch', failures: 1, error: { reason: 'Timeout' } } });
    cluster.resumeApiServer();
    await shows(seen, changed);
    await showsNo(seen, 'frozen');
    expect(seen.lists).toContain('period');
  });

  it('stops in the middle of anything, without a word', async () => {
    const seen = await start();
    await seen.stop();
    expect(seen.reflector.health().connected).toBe(false);
    expect(seen.lines).toEqual([]);
    const before = seen.changes.length;
    const other = await start();
    await shows(other, await put('unseen'));
    expect(seen.changes).toHaveLength(before);
  });
});

it('catches up with everything that another API server took before it asked, each time', async () => {
  const rig = await start();
  for (let i = 0; i < 100; i += 1) {
    await put(`caught-${i}`);
    await rig.reflector.catchUp(never);
    expect(rig.reflector.store.get('default', `caught-${i}`), `after write ${i}`).toBeDefined();
  }
  for (let i = 0; i < 100; i += 1) {
    await drop(`caught-${i}`);
    await rig.reflector.catchUp(never);
    expect(rig.reflector.store.get('default', `caught-${i}`), `after deletion ${i}`).toBeUndefined();
  }
  expect(rig.lists, 'without listing anew').toEqual(['start']);
});

it('catches up while its kind is quiet and the server goes on, by the bookmark of a short watch', async () => {
  const rig = await start();
  await second.client.create(namespaces, undefined, { metadata: { name: 'elsewhere' } });
  const began = performance.now();
  await rig.reflector.catchUp(never);
  expect(performance.now() - began, 'milliseconds').toBeLessThan(5_000);
  expect(rig.lists).toEqual(['start']);
});
