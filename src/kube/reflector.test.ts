import { afterEach, describe, expect, it, vi } from 'vitest';

import { type FakeClock, createFakeClock } from '../../test/fakes/clock.ts';
import { type Fault, cut, cutHalfWay, endHalfWay, hang, page, pass, refuse, stream } from '../../test/fakes/kube-api/faults.ts';
import { type FakeApiServer, startFakeApiServer } from '../../test/fakes/kube-api/server.ts';
import type { Sketch } from '../../test/fakes/kube-api/table.ts';
import { createSeededRandom } from '../../test/fakes/random.ts';
import type { LogFields, Logger } from '../runtime/logger.ts';
import { createKubeClient } from './client.ts';
import type { KubeObject, RoleBinding } from './objects.ts';
import { type ListReason, type Reflector, createReflector } from './reflector.ts';
import { offboardings, roleBindings, secrets } from './resources.ts';
import { createTransport } from './transport.ts';

interface Binding {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid: string; readonly resourceVersion: string };
  readonly role: string;
}

interface Rig {
  readonly api: FakeApiServer;
  readonly clock: FakeClock;
  readonly reflector: Reflector<Binding>;
  /** `set a`, `delete a`, in order. */
  readonly changes: string[];
  readonly lists: ListReason[];
  readonly logged: string[];
  readonly names: () => readonly string[];
  readonly listings: () => number;
  /** Seconds for which nothing was heard, as the metrics read it. */
  readonly silence: () => number;
  /** Names of what was projected, in order. */
  readonly projected: string[];
  /** Waits, in real time only. */
  readonly until: (condition: () => unknown) => Promise<void>;
  /** Waits while virtual time runs, `step` milliseconds at a time: small against the deadline of a request. */
  readonly later: (condition: () => unknown, step?: number) => Promise<void>;
  /** A watch is open and the store is complete. */
  readonly settled: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const recordingLog = (lines: string[]): Logger => {
  const say = (level: string) => (message: string, fields?: LogFields): void => {
    lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  };
  const log: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), child: () => log };
  return log;
};

const project = (raw: KubeObject): Binding | undefined => {
  const { metadata, roleRef } = raw as RoleBinding;
  if (metadata.name.startsWith('broken')) throw new Error('cannot read this');
  if (roleRef.name === 'unwanted') return undefined;
  const { name, namespace, uid, resourceVersion } = metadata;
  return { metadata: { name, uid, resourceVersion, ...(namespace !== undefined && { namespace }) }, role: roleRef.name };
};

const binding = (name: string, role = 'reader'): Sketch => ({
  metadata: { name, namespace: 'ci' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role }, subjects: [],
});

interface RigOptions {
  readonly before?: (api: FakeApiServer) => void;
  readonly onChange?: (name: string) => void;
  readonly relistEvery?: number;
}

const start = async ({ before, onChange, relistEvery }: RigOptions = {}): Promise<Rig> => {
  const clock = createFakeClock();
  const api = await startFakeApiServer({ clock, resources: [roleBindings, secrets, offboardings] });
  before?.(api);
  const transport = createTransport({ config: api.config, clock, version: 'test' });
  const [changes, lists, logged, projected]: [string[], ListReason[], string[], string[]] = [[], [], [], []];
  let silence = (): number => Number.NaN;
  const reflector = createReflector<Binding>({
    client: createKubeClient(transport),
    resource: roleBindings, clock, random: createSeededRandom(1), log: recordingLog(logged),
    project: (raw) => {
      projected.push(raw.metadata.name);
      return project(raw);
    },
    indexers: { role: ({ role }) => [role] },
    onChange: ({ type, object }) => {
      changes.push(`${type} ${object.metadata.name}`);
      onChange?.(object.metadata.name);
    },
    metrics: {
      onList: ({ reason }) => { lists.push(reason); },
      onConnected: () => undefined,
      onRun: (watch) => { silence = watch.silence; },
    },
    ...(relistEvery !== undefined && { relistEvery }),
  });
  const stopping = new AbortController();
  const running = reflector.run(stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('stopped'));
    await running;
  };
  cleanups.push(() => api.stop(), () => transport.close(), stop);
  const until = (condition: () => unknown): Promise<void> =>
    vi.waitFor(() => { expect(condition()).toBeTruthy(); }, { timeout: 5_000, interval: 5 });
  return {
    api, clock, reflector, changes, lists, logged, projected, until, stop,
    silence: () => silence(),
    names: () => reflector.store.list().map(({ metadata }) => metadata.name).sort(),
    listings: () => api.requests.filter(({ verb }) => verb === 'list').length,
    later: (condition, step = 250) => {
      let seen = api.requests.length;
      return vi.waitFor(async () => {
        // A request that has just come is given the real time that its answer takes.
        const isQuiet = seen === api.requests.length;
        seen = api.requests.length;
        if (isQuiet && !condition()) await clock.advance(step);
        expect(condition()).toBeTruthy();
      }, { timeout: 20_000, interval: 5 });
    },
    settled: () => until(() => reflector.synced() && api.watches.size === 1),
  };
};

const firstWatch = ({ api }: Rig) => {
  const [watch] = api.watches;
  if (!watch) throw new Error('no watch is open');
  return watch;
};

describe('a reflector that is well', () => {
  it('lists page by page, then follows, and tells each change once', async () => {
    const rig = await start({
      before: ({ table }) => { for (let i = 0; i < 1_201; i += 1) table.put(roleBindings, binding(`b-${i}`)); },
    });
    expect(rig.reflector.synced()).toBe(false);
    await rig.settled();
    expect(rig.reflector.store.size).toBe(1_201);
    expect(rig.listings()).toBe(3);
    rig.changes.length = 0;
    rig.api.table.put(roleBindings, binding('new'));
    rig.api.table.put(roleBindings, binding('new', 'writer'));
    rig.api.table.drop(roleBindings, 'ci', 'b-7');
    await rig.until(() => rig.changes.length === 3);
    expect(rig.changes).toEqual(['set new', 'set new', 'delete b-7']);
    expect(rig.reflector.store.byIndex('role', 'writer').map(({ metadata }) => metadata.name)).toEqual(['new']);
    expect(rig.reflector.store.get('ci', 'b-7')).toBeUndefined();
    expect(rig.lists).toEqual(['start']);
  });

  it('lets those who wait know, and those who gave up go', async () => {
    const rig = await start({ before: (api) => { api.breakNext('list', hang); } });
    const controller = new AbortController();
    const given = expect(rig.reflector.waitForSync(controller.signal)).rejects.toThrow('no longer');
    const waiting = rig.reflector.waitForSync(new AbortController().signal);
    controller.abort(new Error('no longer'));
    await given;
    await rig.until(() => rig.api.requests.length === 1);
    await rig.later(() => rig.reflector.synced(), 1_000);
    await waiting;
    await rig.reflector.waitForSync(new AbortController().signal);
  });

  it('begins the next watch where the last one ended, without a list, also after bookmarks alone', async () => {
    const rig = await start();
    await rig.settled();
    rig.api.table.put(secrets, { metadata: { name: 'elsewhere', namespace: 'ci' } });
    firstWatch(rig).bookmark();
    rig.api.table.put(roleBindings, binding('a'));
    await rig.until(() => rig.changes.length === 1);
    rig.api.table.put(secrets, { metadata: { name: 'elsewhere-2', namespace: 'ci' } });
    firstWatch(rig).bookmark();
    const marked = rig.api.table.version;
    await rig.clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    firstWatch(rig).end();
    await rig.until(() => rig.api.requests.filter(({ verb }) => verb === 'watch').length === 2);
    expect(rig.api.requests.at(-1)?.query.get('resourceVersion')).toBe(String(marked));
    expect(rig.listings()).toBe(1);
  });

  it('lets the server end each watch after two minutes to two and a half, at random', async () => {
    const rig = await start();
    const asked = (): number[] =>
      rig.api.requests.filter(({ verb }) => verb === 'watch').map(({ query }) => Number(query.get('timeoutSeconds')));
    for (let watches = 1; watches <= 2; watches += 1) {
      await rig.until(() => asked().length === watches && rig.api.watches.size === 1);
      await rig.clock.advance((asked().at(-1) ?? 0) * 1_000);
    }
    await rig.until(() => asked().length >= 3);
    expect(new Set(asked()).size).toBeGreaterThan(1);
    for (const seconds of asked()) expect(seconds).toBeGreaterThanOrEqual(120);
    for (const seconds of asked()) expect(seconds).toBeLessThanOrEqual(150);
    expect(rig.listings()).toBe(1);
  });

  it('knows for how long nothing was heard: a list, an event, a bookmark and a watch that ends in order are heard', async () => {
    const rig = await start();
    await rig.settled();
    expect(rig.silence()).toBe(0);
    const quietFor = async (seconds: number): Promise<void> => {
      await rig.clock.advance(seconds * 1_000);
      expect(rig.silence()).toBe(seconds);
    };
    await quietFor(30);
    rig.api.table.put(roleBindings, binding('a'));
    await rig.until(() => rig.silence() === 0);
    await quietFor(40);
    firstWatch(rig).bookmark();
    await rig.until(() => rig.silence() === 0);
    await quietFor(20);
    firstWatch(rig).end();
    await rig.until(() => rig.silence() === 0);
    expect(rig.listings()).toBe(1);
    await rig.until(() => rig.api.watches.size === 1);
    rig.api.freeze();
    await quietFor(100);
  });

  it('lists again now and then, tells nobody what has not changed, and finds what the watch kept to itself', async () => {
    const rig = await start({
      relistEvery: 20_000,
      before: ({ table }) => { for (const name of ['kept', 'lost']) table.put(roleBindings, binding(name)); },
    });
    await rig.settled();
    expect(rig.changes).toEqual(['set kept', 'set lost']);
    rig.changes.length = 0;
    rig.projected.length = 0;
    // Events that never arrive, as from a watch cache that lost them.
    rig.api.freeze();
    rig.api.table.drop(roleBindings, 'ci', 'lost');
    rig.api.table.put(roleBindings, binding('unseen'));
    rig.api.thaw();
    await rig.later(() => rig.lists.includes('period'));
    expect(rig.changes.sort()).toEqual(['delete lost', 'set unseen']);
    // What has not changed costs nothing.
    expect(rig.projected).toEqual(['unseen']);
  });

  it('keeps only what the projection keeps, and forgets what it no longer wants', async () => {
    const rig = await start({ before: ({ table }) => { table.put(roleBindings, binding('a', 'unwanted')); } });
    await rig.settled();
    expect(rig.names()).toEqual([]);
    rig.api.table.put(roleBindings, binding('a'));
    await rig.until(() => rig.names().length === 1);
    rig.api.table.put(roleBindings, binding('a', 'unwanted'));
    await rig.until(() => rig.names().length === 0);
    expect(rig.changes).toEqual(['set a', 'delete a']);
  });

  it('asks for metadata alone where that is enough', async () => {
    const clock = createFakeClock();
    const api = await startFakeApiServer({ clock, resources: [secrets] });
    api.table.put(secrets, { metadata: { name: 's', namespace: 'ci' }, data: { token: 'c2VjcmV0' } });
    const transport = createTransport({ config: api.config, clock, version: 'test' });
    const raws: KubeObject[] = [];
    const reflector = createReflector<KubeObject>({
      client: createKubeClient(transport), resource: secrets, query: { metadataOnly: true, namespace: 'ci' },
      project: (raw) => { raws.push(raw); return raw; },
      clock, random: createSeededRandom(1), log: recordingLog([]),
    });
    const stopping = new AbortController();
    const running = reflector.run(stopping.signal);
    cleanups.push(() => api.stop(), () => transport.close(), async () => { stopping.abort(); await running; });
    await vi.waitFor(() => { expect(api.watches.size).toBe(1); });
    api.table.put(secrets, { metadata: { name: 't', namespace: 'ci' }, data: { token: 'c2VjcmV0' } });
    api.table.put(secrets, { metadata: { name: 'u', namespace: 'elsewhere' } });
    await vi.waitFor(() => { expect(reflector.store.size).toBe(2); });
    expect(JSON.stringify(raws)).not.toContain('c2VjcmV0');
    expect(raws.map(({ metadata }) => metadata.name)).toEqual(['s', 't']);
  });
});

describe('a write of ours', () => {
  it('is read at once, is told once, and is not undone by what was seen before it', async () => {
    const rig = await start({ before: ({ table }) => { table.put(roleBindings, binding('a')); } });
    await rig.settled();
    rig.changes.length = 0;
    rig.api.freeze();
    const answer = rig.api.table.put(roleBindings, binding('a', 'writer'));
    rig.reflector.upsert(answer);
    expect(rig.reflector.store.get('ci', 'a')?.role).toBe('writer');
    rig.api.thaw();
    firstWatch(rig).cut();
    await rig.later(() => rig.api.watches.size === 1 && rig.api.requests.filter(({ verb }) => verb === 'watch').length === 2);
    rig.api.table.put(roleBindings, binding('b'));
    await rig.until(() => rig.changes.includes('set b'));
    expect(rig.changes).toEqual(['set a', 'set b']);
  });

  it('does not bring back what has been deleted since', async () => {
    const rig = await start();
    await rig.settled();
    const answer = rig.api.table.put(roleBindings, binding('a'));
    rig.api.table.drop(roleBindings, 'ci', 'a');
    await rig.until(() => rig.changes.includes('delete a'));
    rig.reflector.upsert(answer);
    expect(rig.names()).toEqual([]);
  });
});

/** In one line each: what the next requests meet, after which everything must be right again. */
describe('a reflector lives through', () => {
  const everyFault: [string, Fault][] = [
    ['a server error', refuse(500, 'InternalError')],
    ['a server that is starting', refuse(503, 'ServiceUnavailable')],
    ['shed load', refuse(429, 'TooManyRequests', { 'retry-after': '2' })],
    ['a missing permission', refuse(403, 'Forbidden')],
    ['refused credentials', refuse(401, 'Unauthorized')],
    ['a page of a proxy', page(502)],
    ['a page of a proxy that calls itself fine', page(200)],
    ['a resource type that is not there', page(404)],
    ['no answer', hang],
    ['a connection that is cut', cut],
    ['an answer that is cut half-way', cutHalfWay],
    ['an answer that ends half-way', endHalfWay],
  ];

  it.each(everyFault)('%s to a list', async (_, fault) => {
    const rig = await start({
      before: (api) => {
        api.table.put(roleBindings, binding('a'));
        api.breakNext('list', fault, 3);
      },
    });
    await rig.until(() => rig.api.requests.length > 0);
    await rig.later(() => rig.reflector.synced(), fault === hang ? 1_000 : 250);
    expect(rig.names()).toEqual(['a']);
    expect(rig.listings()).toBe(4);
  });

  it.each([
    ...everyFault,
    ['a version that is too old, as HTTP', refuse(410, 'Expired')],
    ['a version that is too old, in the stream', stream('{"type":"ERROR","object":{"kind":"Status","status":"Failure","code":410,"reason":"Expired"}}')],
    ['another error in the stream', stream('{"type":"ERROR","object":{"kind":"Status","status":"Failure","code":500,"reason":"InternalError"}}')],
    ['a line that is no JSON', stream('<html>')],
    ['an event about something else', stream('{"type":"ADDED","object":{"kind":"Secret","metadata":{"name":"s","uid":"u","resourceVersion":"1"}}}')],
    ['a watch that ends at once', stream()],
  ] as [string, Fault][])('%s to a watch', async (_, fault) => {
    const rig = await start({
      before: (api) => {
        api.table.put(roleBindings, binding('a'));
        api.breakNext('watch', fault, 4);
      },
    });
    await rig.until(() => rig.reflector.synced());
    await rig.later(() => rig.api.watches.size === 1, fault === hang ? 1_000 : 250);
    rig.api.table.put(roleBindings, binding('b'));
    await rig.until(() => rig.names().length === 2);
    expect(rig.reflector.health()).toMatchObject({ connected: true, consecutiveFailures: 0 });
    expect(rig.api.requests.filter(({ verb }) => verb === 'watch')).toHaveLength(5);
    expect(rig.changes).toEqual(['set a', 'set b']);
  });

  it('a list that fails after its first page: what it had seen is not taken for all', async () => {
    const rig = await start({ before: ({ table }) => { for (let i = 0; i < 600; i += 1) table.put(roleBindings, binding(`b-${i}`)); } });
    await rig.settled();
    // The second page is refused twice: as too old, and by a server in trouble.
    for (const fault of [pass, refuse(410, 'Expired'), pass, refuse(500, 'InternalError')]) rig.api.breakNext('list', fault);
    firstWatch(rig).fail(410, 'Expired');
    await rig.later(() => rig.listings() === 8 && rig.api.watches.size === 1);
    expect(rig.reflector.store.size).toBe(600);
    expect(rig.changes.filter((change) => change.startsWith('delete'))).toEqual([]);
  });

  it('a gap in history: what went in the meantime is told as deleted', async () => {
    const rig = await start({ before: ({ table }) => { for (const name of ['a', 'b']) table.put(roleBindings, binding(name)); } });
    await rig.settled();
    rig.api.freeze();
    rig.api.table.drop(roleBindings, 'ci', 'a');
    rig.api.table.put(roleBindings, binding('c'));
    rig.api.table.put(roleBindings, { ...binding('b'), metadata: { name: 'b', namespace: 'ci', uid: 'another' } });
    rig.api.table.compact();
    rig.api.thaw();
    rig.changes.length = 0;
    firstWatch(rig).cut();
    await rig.later(() => rig.lists.includes('expired'));
    expect(rig.changes).toEqual(['delete a', 'delete b', 'set b', 'set c']);
  });

  it('a frozen server: the silent watch ends at its time plus a grace, and the next one tells what was missed', async () => {
    const rig = await start();
    await rig.settled();
    const seconds = Number(rig.api.requests.at(-1)?.query.get('timeoutSeconds'));
    rig.api.freeze();
    rig.api.table.put(roleBindings, binding('a'));
    await rig.clock.advance(seconds * 1_000 + 9_999);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(rig.reflector.health().consecutiveFailures).toBe(0);
    await rig.clock.advance(1);
    await rig.until(() => rig.reflector.health().consecutiveFailures === 1);
    expect(rig.reflector.health().connected).toBe(false);
    rig.api.thaw();
    await rig.later(() => rig.names().length === 1);
    await rig.until(() => rig.api.watches.size === 1);
  });

  it('a server that agrees to every watch and tells nothing: it counts as silent, and is listed instead', async () => {
    const rig = await start();
    await rig.settled();
    rig.api.muteWatches(true);
    rig.api.table.put(roleBindings, binding('a'));
    await rig.later(() => rig.reflector.health().consecutiveFailures === 1, 1_000);
    expect(rig.silence()).toBeGreaterThanOrEqual(130);
    expect(rig.silence()).toBeLessThan(170);
    // That the next watch stands is no sign of life: it is all that the last one did.
    await rig.until(() => rig.api.watches.size === 1);
    await rig.later(() => rig.silence() >= 200, 1_000);
    expect(rig.reflector.health()).toMatchObject({ connected: false, consecutiveFailures: 1 });
    await rig.later(() => rig.lists.includes('failure'), 1_000);
    expect(rig.names()).toEqual(['a']);
    expect(rig.silence()).toBeLessThan(5);
    expect(rig.reflector.health().connected).toBe(false);
    rig.api.muteWatches(false);
    rig.api.table.put(roleBindings, binding('b'));
    await rig.later(() => rig.reflector.health().connected, 1_000);
    expect(rig.names()).toEqual(['a', 'b']);
  });

  it('an etcd that was restored from a backup: nothing newer than the backup is believed', async () => {
    const rig = await start({ before: ({ table }) => { table.put(roleBindings, binding('lost')); } });
    await rig.settled();
    rig.api.table.restoreEmpty(50);
    rig.api.table.put(roleBindings, binding('older'));
    firstWatch(rig).fail(410, 'Expired');
    await rig.later(() => rig.lists.includes('expired'));
    expect(rig.names()).toEqual(['older']);
  });

  it('a projection that throws: what was known stays, the rest goes on', async () => {
    const rig = await start({ before: ({ table }) => { table.put(roleBindings, binding('broken-1')); } });
    await rig.settled();
    rig.api.table.put(roleBindings, binding('broken-2'));
    rig.api.table.put(roleBindings, binding('fine'));
    await rig.until(() => rig.names().length === 1);
    expect(rig.logged.filter((line) => line.startsWith('error'))).toHaveLength(2);
    expect(rig.api.watches.size).toBe(1);
  });

  it('a handler that throws', async () => {
    const rig = await start({ onChange: (name) => { if (name === 'a') throw new Error('handler'); } });
    await rig.settled();
    rig.api.table.put(roleBindings, binding('a'));
    rig.api.table.put(roleBindings, binding('b'));
    await rig.until(() => rig.changes.length === 2);
    expect(rig.names()).toEqual(['a', 'b']);
    expect(rig.logged.some((line) => line.startsWith('error'))).toBe(true);
  });

  it.each<[string, 'list' | 'watch', Fault]>([
    ['lists that fail', 'list', refuse(500, 'InternalError')],
    ['watches that fail', 'watch', refuse(503, 'ServiceUnavailable')],
    ['watches that end at once', 'watch', stream()],
    ['watches that are always too old', 'watch', refuse(410, 'Expired')],
  ])('long trouble with %s, without a flood of requests or of words', async (_, verb, fault) => {
    const rig = await start({ before: (api) => { api.breakNext(verb, fault, 10_000); } });
    await rig.until(() => rig.api.requests.length > 0);
    await rig.later(() => rig.clock.monotonic() >= 30_000);
    // The wait doubles from half a second, and at least half of it is waited.
    const tried = rig.api.requests.filter((request) => request.verb === verb).length;
    expect(tried).toBeGreaterThan(3);
    expect(tried).toBeLessThan(12);
    expect(rig.logged.length).toBeLessThan(10);
  });

  it('a token file that cannot be read, which is nobody’s unhandled rejection', async () => {
    const rig = await start({
      before: ({ config }) => {
        let reads = 0;
        vi.spyOn(config, 'authHeaders').mockImplementation(() => {
          reads += 1;
          return reads <= 3 ? Promise.reject(new Error('EACCES')) : Promise.resolve({});
        });
      },
    });
    await rig.later(() => rig.reflector.synced());
    await rig.settled();
  });
});

describe('stopping', () => {
  it('leaves no watch and no timer behind', async () => {
    const rig = await start();
    await rig.settled();
    await rig.stop();
    // What is left is the idle connection of the list.
    await vi.waitFor(async () => { expect(await rig.api.connections()).toBeLessThanOrEqual(1); });
    expect(rig.api.watches.size).toBe(0);
    expect(rig.reflector.health().connected).toBe(false);
    await rig.until(() => rig.clock.pending() === 0);
  });

  it.each<[string, 'list' | 'watch', Fault]>([
    ['a list', 'list', hang],
    ['a back-off', 'list', refuse(500, 'InternalError')],
    ['the beginning of a watch', 'watch', hang],
  ])('is prompt in %s', async (_, verb, fault) => {
    const rig = await start({ before: (api) => { api.breakNext(verb, fault, 100); } });
    await rig.until(() => rig.api.requests.at(-1)?.verb === verb);
    await rig.stop();
    await rig.until(() => rig.clock.pending() === 0);
    const asked = rig.api.requests.length;
    await rig.clock.advance(60_000);
    expect(rig.api.requests).toHaveLength(asked);
  });
});
