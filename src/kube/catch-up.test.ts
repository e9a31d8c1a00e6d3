import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { startFakeApiServer } from '../../test/fakes/kube-api/server.ts';
import type { Sketch } from '../../test/fakes/kube-api/table.ts';
import { createSeededRandom } from '../../test/fakes/random.ts';
import type { Logger } from '../runtime/logger.ts';
import { createProgress } from './catch-up.ts';
import { createKubeClient } from './client.ts';
import { createReflector } from './reflector.ts';
import { roleBindings, secrets } from './resources.ts';
import { createTransport } from './transport.ts';

const never = new AbortController().signal;
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const binding = (name: string): Sketch => ({
  metadata: { name, namespace: 'ci' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' }, subjects: [],
});

const start = async () => {
  const clock = createFakeClock();
  const api = await startFakeApiServer({ clock, resources: [roleBindings, secrets] });
  const transport = createTransport({ config: api.config, clock, version: 'test' });
  const changes: string[] = [];
  const reflector = createReflector({
    client: createKubeClient(transport), resource: roleBindings, clock, random: createSeededRandom(1), log: silent,
    project: (raw) => raw,
    onChange: ({ type, object }) => { changes.push(`${type} ${object.metadata.name}`); },
  });
  const stopping = new AbortController();
  let running = Promise.resolve();
  cleanups.push(() => api.stop(), () => transport.close(), async () => {
    stopping.abort(new Error('stopped'));
    await running;
  });
  const until = (condition: () => unknown): Promise<void> =>
    vi.waitFor(() => { expect(condition()).toBeTruthy(); }, { timeout: 5_000, interval: 5 });
  return {
    api, clock, reflector, changes, until,
    run: async () => {
      running = reflector.run(stopping.signal);
      await until(() => reflector.synced() && api.watches.size === 1);
    },
    watches: () => api.requests.filter(({ verb }) => verb === 'watch').length,
    /** Something else changes: the version of the server moves on, and nothing is told about it. */
    otherChange: () => {
      api.table.put(secrets, { metadata: { name: `s-${api.table.version}`, namespace: 'ci' } });
    },
  };
};

describe('a reflector that is asked to catch up', () => {
  it('is level when the watch has told everything, and asked one short list for that', async () => {
    const { api, reflector, run, watches, until } = await start();
    await run();
    api.table.put(roleBindings, binding('a'));
    await until(() => reflector.store.size === 1);
    const before = api.requests.length;
    await reflector.catchUp(never);
    expect(api.requests.slice(before).map(({ verb, query }) => `${verb} ${query.get('limit') ?? ''}`)).toEqual(['list 1']);
    expect(watches()).toBe(1);
  });

  it('waits for what its watch has not told yet', async () => {
    const { api, reflector, run } = await start();
    await run();
    for (let i = 0; i < 100; i += 1) {
      api.table.put(roleBindings, binding(`b-${i}`));
      await reflector.catchUp(never);
      expect(reflector.store.get('ci', `b-${i}`), 'put before it was asked').toBeDefined();
    }
  });

  it('opens a short watch when its kind is quiet, and believes its bookmark', async () => {
    const { api, clock, reflector, run, otherChange, until, watches } = await start();
    await run();
    otherChange();
    const level = reflector.catchUp(never).then(() => 'level');
    await vi.waitFor(async () => {
      await clock.advance(100);
      expect(watches()).toBe(2);
    }, { timeout: 5_000, interval: 5 });
    await until(() => api.watches.size === 2);
    await clock.advance(1_000);
    expect(await level).toBe('level');
    await until(() => api.watches.size === 1);
  });

  it('takes what only the short watch tells into the store, once', async () => {
    const { api, clock, reflector, run, until, changes } = await start();
    await run();
    const [first] = api.watches;
    api.table.put(roleBindings, binding('early'));
    await until(() => reflector.store.size === 1);
    first?.hold();
    api.table.put(roleBindings, binding('late'));
    api.table.drop(roleBindings, 'ci', 'early');
    const level = reflector.catchUp(never).then(() => 'level');
    await vi.waitFor(async () => {
      await clock.advance(50);
      expect(changes.length).toBe(3);
    }, { timeout: 5_000, interval: 5 });
    expect(await level).toBe('level');
    expect(reflector.store.list().map(({ metadata }) => metadata.name)).toEqual(['late']);
    first?.release();
    api.table.put(roleBindings, binding('later'));
    await until(() => reflector.store.size === 2);
    expect(changes).toEqual(['set early', 'set late', 'delete early', 'set later']);
  });

  it('rejects before it has listed, and when the server went back', async () => {
    const { api, reflector, run } = await start();
    await expect(reflector.catchUp(never)).rejects.toMatchObject({ reason: 'NotLevel', message: expect.stringContaining('not been listed') as string });
    api.table.put(roleBindings, binding('a'));
    await run();
    api.table.restoreEmpty(1);
    await expect(reflector.catchUp(never)).rejects.toMatchObject({ reason: 'NotLevel', message: expect.stringContaining('earlier version') as string });
  });

  it('rejects when the short watch ends without a word', async () => {
    const { api, clock, reflector, run, otherChange, watches, until } = await start();
    await run();
    otherChange();
    const level = expect(reflector.catchUp(never)).rejects.toMatchObject({ reason: 'NotLevel' });
    await vi.waitFor(async () => {
      await clock.advance(50);
      expect(watches()).toBe(2);
    }, { timeout: 5_000, interval: 5 });
    await until(() => api.watches.size === 2);
    [...api.watches][1]?.end();
    await level;
  });

  it('shares what it asks with all that ask together', async () => {
    const { api, reflector, run } = await start();
    await run();
    const before = api.requests.length;
    await Promise.all(Array.from({ length: 1_000 }, () => reflector.catchUp(never)));
    expect(api.requests.length - before).toBeLessThanOrEqual(2);
  });

  it('lets go when it is told to', async () => {
    const { reflector, run, otherChange } = await start();
    await run();
    otherChange();
    const stop = new AbortController();
    const level = reflector.catchUp(stop.signal);
    stop.abort(new Error('enough'));
    await expect(level).rejects.toThrow('enough');
  });
});

describe('progress', () => {
  it('never goes back, but for a list', () => {
    const progress = createProgress();
    progress.onListed('20');
    progress.onReached('9');
    expect(progress.reached()).toBe('20');
    progress.onReached('100');
    expect(progress.reached()).toBe('100');
    progress.onListed('7');
    expect(progress.reached()).toBe('7');
  });
});
