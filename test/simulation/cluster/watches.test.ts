import { describe, expect, it } from 'vitest';

import type { WatchQuery } from '../../../src/kube/client.ts';
import { ApiError, isExpired } from '../../../src/kube/errors.ts';
import type { ConfigMap, KubeObject } from '../../../src/kube/objects.ts';
import { createReflector } from '../../../src/kube/reflector.ts';
import { configMaps, secrets } from '../../../src/kube/resources.ts';
import { silentLog } from '../../fakes/world.ts';
import { streamOf } from '../engine/random.ts';
import { type ClusterWorld, createClusterWorld } from './world.ts';

/** What a watch told, and how it ended. */
const follow = (world: ClusterWorld, query: Partial<WatchQuery> = {}, resource = configMaps) => {
  const lines: string[] = [];
  let ended: unknown;
  const stop = new AbortController();
  const read = async (): Promise<void> => {
    const whole = { resourceVersion: String(world.cluster.version()), timeoutSeconds: 300, allowWatchBookmarks: false, ...query };
    for await (const { type, object } of world.client.watch<KubeObject>(resource, whole, stop.signal)) {
      lines.push(`${type} ${type === 'BOOKMARK' ? object.metadata.resourceVersion : object.metadata.name}`);
    }
  };
  void read().then(() => { ended = 'ended'; }, (error: unknown) => { ended = error; });
  return { lines, ended: () => ended, stop: () => { stop.abort(new Error('stop')); } };
};

const put = (world: ClusterWorld, name: string, more: object = {}, namespace = 'ci'): string =>
  world.cluster.as('alice').create(configMaps, { metadata: { name, namespace, ...more } }).metadata.resourceVersion;

describe('a watch', () => {
  it('tells what has happened since, and what happens then', async () => {
    const world = createClusterWorld();
    put(world, 'before');
    const from = String(world.cluster.version());
    put(world, 'since');
    put(world, 'elsewhere', {}, 'ops');
    const watch = follow(world, { resourceVersion: from, namespace: 'ci' });
    await world.pass(20);
    const alice = world.cluster.as('alice');
    alice.patch(configMaps, { namespace: 'ci', name: 'since' }, { data: { a: 'b' } });
    alice.remove(configMaps, { namespace: 'ci', name: 'before' });
    await world.pass(20);
    expect(watch.lines).toEqual(['ADDED since', 'MODIFIED since', 'DELETED before']);
  });

  it('shows what it selects come and go', async () => {
    const world = createClusterWorld();
    const watch = follow(world, { labelSelector: 'is=it', namespace: 'ci' });
    await world.pass(20);
    const alice = world.cluster.as('alice');
    const key = { namespace: 'ci', name: 'x' };
    put(world, 'x');
    for (const is of ['it', null]) alice.patch(configMaps, key, { metadata: { labels: { is } } });
    await world.pass(20);
    expect(watch.lines).toEqual(['ADDED x', 'DELETED x']);
  });

  it('shows metadata alone where that is asked for', async () => {
    const world = createClusterWorld();
    const watch = follow(world, { metadataOnly: true, fieldSelector: 'type=x/y' }, secrets);
    await world.pass(20);
    for (const type of ['x/y', 'Opaque']) world.cluster.as('alice').create(secrets, { type, data: { a: 'Yg==' }, metadata: { name: type.toLowerCase().replace('/', '-'), namespace: 'ci' } });
    await world.pass(20);
    expect(watch.lines).toEqual(['ADDED x-y']);
  });

  it('ends when its time is over, and is marked before', async () => {
    const world = createClusterWorld();
    const watch = follow(world, { timeoutSeconds: 3, allowWatchBookmarks: true });
    await world.pass(500);
    const version = put(world, 'x', {}, 'ops');
    world.cluster.as('alice').create(secrets, { metadata: { name: 'of another kind', namespace: 'ci' } });
    await world.pass(600);
    expect(watch.lines).toEqual(['ADDED x', `BOOKMARK ${String(Number(version) + 1)}`]);
    expect(watch.ended()).toBeUndefined();
    await world.pass(2_000);
    expect(watch.ended()).toBe('ended');
  });

  it('is marked each minute in which something was told, and not where all is quiet', async () => {
    const world = createClusterWorld();
    const watch = follow(world, { allowWatchBookmarks: true });
    await world.pass(130_000);
    expect(watch.lines).toEqual([]);
    put(world, 'x');
    await world.pass(130_000);
    expect(watch.lines).toEqual(['ADDED x', expect.stringMatching(/^BOOKMARK/) as string]);
  });

  it('from before what is remembered is refused within the stream', async () => {
    const world = createClusterWorld();
    const from = String(world.cluster.version());
    const open = follow(world);
    await world.pass(20);
    put(world, 'x');
    world.cluster.compact();
    const watch = follow(world, { resourceVersion: from });
    await world.pass(20);
    expect(isExpired(watch.ended())).toBe(true);
    expect(watch.ended()).toMatchObject({ code: 410, message: expect.stringContaining('too old resource version') as string });
    expect(open.lines, 'what is open goes on').toEqual(['ADDED x']);
  });

  it('is cut, ended, or silent for ever', async () => {
    const world = createClusterWorld();
    const [cut, other] = [follow(world), follow(world, {}, secrets)];
    await world.pass(20);
    world.cluster.cutWatches('configmaps');
    await world.pass(20);
    expect(cut.ended()).toMatchObject({ reason: 'Transport' });
    expect(other.ended()).toBeUndefined();
    const [silent] = [follow(world, { timeoutSeconds: 60, allowWatchBookmarks: true })];
    await world.pass(20);
    world.cluster.servers[0]?.watches.stall();
    put(world, 'x');
    await world.pass(69_000);
    expect([silent.lines, silent.ended()]).toEqual([[], undefined]);
    await world.pass(2_000);
    expect(silent.ended()).toMatchObject({ reason: 'Timeout' });
    expect(silent.ended()).toBeInstanceOf(ApiError);
  });

  it('of a reader who is gone is nobody\'s any more', async () => {
    const world = createClusterWorld();
    const watch = follow(world);
    await world.pass(20);
    expect(world.cluster.servers[0]?.watches.count()).toBe(1);
    watch.stop();
    await world.pass(20);
    expect(world.cluster.servers[0]?.watches.count()).toBe(0);
  });
});

describe('the cache of a server', () => {
  it('is behind the truth, in order, while reads are not', async () => {
    const world = createClusterWorld();
    const [server] = world.cluster.servers;
    server?.watches.setLag(5_000);
    const watch = follow(world);
    await world.pass(20);
    put(world, 'one');
    await world.pass(1_000);
    server?.watches.setLag(0);
    put(world, 'two');
    await world.pass(3_900);
    expect(watch.lines).toEqual([]);
    expect((await world.ended(world.client.list(configMaps, { namespace: 'ci' }))).items).toHaveLength(2);
    await world.pass(200);
    expect(watch.lines).toEqual(['ADDED one', 'ADDED two']);
  });

  it('begins anew with the server', async () => {
    const world = createClusterWorld();
    const from = String(world.cluster.version());
    put(world, 'x');
    const watch = follow(world);
    await world.pass(20);
    world.cluster.servers[0]?.restart();
    await world.pass(20);
    expect(watch.ended()).toMatchObject({ reason: 'Transport' });
    const again = follow(world, { resourceVersion: from });
    await world.pass(20);
    expect(isExpired(again.ended())).toBe(true);
  });
});

describe('a reflector', () => {
  it('is level with the cluster through whatever happens to its watches', async () => {
    const world = createClusterWorld();
    const stop = new AbortController();
    const reflector = createReflector<ConfigMap>({
      client: world.client, clock: world.process.clock, random: streamOf(1, 'reflector'), log: silentLog, resource: configMaps, query: { namespace: 'ci' }, project: (raw) => raw,
    });
    void reflector.run(stop.signal);
    await world.ended(reflector.waitForSync(stop.signal));
    for (const [index, happen] of [() => undefined, () => { world.cluster.cutWatches(); }, () => { world.cluster.compact(); world.cluster.servers[0]?.restart(); }].entries()) {
      happen();
      put(world, `x-${String(index)}`);
      await world.pass(60_000);
      expect(reflector.store.list()).toHaveLength(index + 1);
    }
    put(world, 'last');
    await world.ended(reflector.catchUp(stop.signal));
    expect(reflector.store.get('ci', 'last')).toBeDefined();
    await world.pass(1_000);
    await world.ended(reflector.catchUp(stop.signal));
    stop.abort(new Error('stop'));
  });
});
