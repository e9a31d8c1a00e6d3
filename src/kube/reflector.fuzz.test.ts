/** A reflector beside a server that writes, forgets and restores, over a connection that loses, delays and repeats. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fakes/clock.ts';
import type { FakeClock } from '../../test/fakes/clock.ts';
import { createTable } from '../../test/fakes/kube-api/table.ts';
import type { Table } from '../../test/fakes/kube-api/table.ts';
import { createSeededRandom } from '../../test/fakes/random.ts';
import { command, inOrder } from '../../test/fuzz/commands.ts';
import { holdsInTime } from '../../test/fuzz/property.ts';
import { sleep } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { KubeClient } from './client.ts';
import { ApiError } from './errors.ts';
import type { KubeObject, WatchEvent } from './objects.ts';
import { createReflector } from './reflector.ts';
import type { Reflector } from './reflector.ts';
import { roleBindings } from './resources.ts';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };
const never = new AbortController().signal;

/** What becomes of one answer, or of one event of a watch: how long it takes, and what then. */
interface Fate {
  readonly takes: number;
  readonly then: 'comes' | 'comes twice' | 'cut' | 'ends' | 'marked';
}

const fates: fc.Arbitrary<Fate> = fc.record({
  takes: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat({ max: 800 }) }),
  then: fc.oneof({ weight: 8, arbitrary: fc.constant('comes' as const) }, { weight: 2, arbitrary: fc.constantFrom('comes twice' as const, 'cut' as const, 'ends' as const, 'marked' as const) }),
});

const cut = (): ApiError => new ApiError(0, 'Transport', 'the connection broke');
const expired = (): ApiError => new ApiError(410, 'Expired', 'too old');

interface Wire {
  readonly client: Pick<KubeClient, 'listPages' | 'watch'>;
  readonly calmDown: () => void;
}

/** Lists are of one moment, as of a real server, and come in pages of two. A watch tells all that is after its version, in order. */
const createWire = (clock: FakeClock, table: Table, all: readonly Fate[]): Wire => {
  let turns = 0;
  let isCalm = false;
  const next = (): Fate => (isCalm ? undefined : all[turns++ % all.length]) ?? { takes: 1, then: 'comes' };

  async function* listPages(): ReturnType<KubeClient['listPages']> {
    const version = table.version;
    const items = table.list(roleBindings, undefined);
    for (let start = 0; start === 0 || start < items.length; start += 2) {
      const { takes, then } = next();
      await sleep(clock, takes, never);
      if (then === 'cut') throw cut();
      if (start > 0 && version < table.oldest) throw expired();
      yield { items: items.slice(start, start + 2), resourceVersion: String(version) };
    }
  }

  async function* watch(from: number, end: number, signal: AbortSignal | undefined): AsyncGenerator<WatchEvent, void, undefined> {
    let told = from;
    const mark = (): WatchEvent => ({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(told) } } as KubeObject });
    while (clock.monotonic() < end) {
      const { takes, then } = next();
      await sleep(clock, Math.max(takes, 1), signal ?? never);
      if (told < table.oldest) throw expired();
      if (then === 'cut') throw cut();
      if (then === 'ends') return;
      const [change] = table.since(told, roleBindings);
      if (change === undefined) {
        if (then === 'marked' || clock.monotonic() >= end) {
          told = table.version;
          yield mark();
        }
        await sleep(clock, 100, signal ?? never);
        continue;
      }
      told = change.version;
      yield change;
      if (then === 'comes twice') yield change;
      if (then === 'marked') yield mark();
    }
  }

  return {
    client: {
      listPages: listPages as KubeClient['listPages'],
      watch: ((_resource, { resourceVersion, timeoutSeconds }, signal, onOpen) => {
        onOpen?.();
        return watch(Number(resourceVersion), clock.monotonic() + timeoutSeconds * 1000, signal);
      }) as KubeClient['watch'],
    },
    calmDown: () => {
      isCalm = true;
    },
  };
};

interface Model {
  /** From a backup: then what was told before may be wrong. */
  isRestored: boolean;
}

interface Real {
  readonly clock: FakeClock;
  readonly table: Table;
  readonly reflector: Reflector<KubeObject>;
  readonly wrong: string[];
  /** The latest answer to a write of ours to each, however late it is put in. */
  readonly answers: KubeObject[];
}

const key = ({ metadata: { name, uid, resourceVersion } }: KubeObject): string => `${name} ${uid}@${resourceVersion}`;
const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const sketch = (name: string) => ({ metadata: { name, namespace: 'ci' } });

const steps = {
  put: names.map((name) => command(`put ${name}`, (_: Model, { table, answers }: Real) => void answers.push(table.put(roleBindings, sketch(name))))),
  drop: names.map((name) => command(`drop ${name}`, (_: Model, { table }: Real) => void table.drop(roleBindings, 'ci', name))),
  pass: fc.integer({ min: 1, max: 700 }).map((ms) => command(`${ms} ms pass`, (_: Model, { clock }: Real) => clock.advance(ms))),
  own: fc.nat({ max: 3 }).map((back) =>
    command(`its answer comes, ${back} writes late`, (_: Model, { reflector, answers }: Real) => {
      const answer = answers.at(-1 - back);
      if (answer !== undefined && reflector.synced()) reflector.upsert(answer);
    }),
  ),
  compact: fc.constant(command('forget what was', (_: Model, { table }: Real) => { table.compact(); })),
  /** What is there at that moment, and for as long as it is, is in the store from when that is shown. */
  catchUp: fc.constant(
    command('catch up', (model: Model, { table, reflector, wrong, clock }: Real) => {
      const there = new Set(table.list(roleBindings, undefined).map(({ metadata }) => metadata.uid));
      const look = (): void => {
        if (model.isRestored) return;
        const lacking = table.list(roleBindings, undefined).filter(({ metadata: { uid, namespace, name } }) => there.has(uid) && reflector.store.get(namespace, name)?.metadata.uid !== uid);
        if (lacking.length > 0) wrong.push(`level, and lacks ${lacking.map(key).join(', ')}`);
      };
      const level = async (): Promise<void> => {
        await reflector.catchUp(never);
        look();
        // Whoever asked may read on for a while.
        for (const ms of [100, 300, 1_000]) clock.schedule(ms, look);
      };
      void level().catch(() => undefined);
    }),
  ),
  restore: fc.constant(
    command('restore a backup', (model: Model, { table, answers }: Real) => {
      answers.length = 0;
      table.restoreEmpty(Math.max(100, table.version - 3));
      model.isRestored = true;
    }),
  ),
};

const usual = [{ weight: 6, arbitrary: steps.put }, { weight: 4, arbitrary: steps.drop }, { weight: 8, arbitrary: steps.pass }, { weight: 2, arbitrary: steps.own }, { weight: 1, arbitrary: steps.compact }, { weight: 3, arbitrary: steps.catchUp }];
const commands = fc.array(fc.oneof(...usual), { size: '+2', maxLength: 50 });
const withBackups = fc.array(fc.oneof(...usual, { weight: 1, arbitrary: steps.restore }), { size: '+2', maxLength: 50 });
const weather = fc.array(fates, { minLength: 1, maxLength: 40, size: '+2' });

/** Runs it through all of that, then lets it come to rest; nothing may have been told wrong. */
const perform = async (all: readonly fc.AsyncCommand<Model, Real>[], fate: readonly Fate[]): Promise<void> => {
  const clock = createFakeClock();
  const table = createTable();
  const wire = createWire(clock, table, fate);
  const model: Model = { isRestored: false };
  const wrong: string[] = [];
  /** What its listeners were told, put together. */
  const told = new Map<string, KubeObject>();
  const isThere = (uid: string): boolean => table.list(roleBindings, undefined).some(({ metadata }) => metadata.uid === uid);
  const reflector = createReflector<KubeObject>({
    client: wire.client as KubeClient, resource: roleBindings, clock, random: createSeededRandom(1), log: silent, relistEvery: 1_000, project: (raw) => raw,
    onDeleted: (uid) => {
      if (!model.isRestored && isThere(uid)) wrong.push(`the server is said to have deleted ${uid}`);
    },
    onChange: ({ type, object }) => {
      const before = told.get(object.metadata.name);
      if (type === 'delete') {
        if (!model.isRestored && isThere(object.metadata.uid)) wrong.push(`${key(object)} was told to be gone`);
        if (before?.metadata.uid !== object.metadata.uid) wrong.push(`${key(object)} ended and was never there`);
        told.delete(object.metadata.name);
        return;
      }
      if (!model.isRestored && before !== undefined && Number(before.metadata.resourceVersion) >= Number(object.metadata.resourceVersion)) wrong.push(`${key(object)} after ${key(before)}`);
      told.set(object.metadata.name, object);
    },
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await inOrder(all, model, { clock, table, reflector, wrong, answers: [] });
  wire.calmDown();
  // What a restored server has written since is more than what was lost.
  for (let writes = 0; writes < 5; writes += 1) table.put(roleBindings, sketch('z'));
  await clock.advance(15_000);
  const truth = table.list(roleBindings, undefined).map(key);
  const known = reflector.store.list().map(key).toSorted();
  stop.abort(new Error('stopped'));
  await clock.advance(1_000);
  await running;
  expect({ wrong, known, told: [...told.values()].map(key).toSorted() }).toEqual({ wrong: [], known: truth, told: truth });
};

describe('the store of a reflector', () => {
  it('tells of nothing that is there that it has ended, lacks nothing once it is level, and comes to be what the server has', async () => {
    await holdsInTime(fc.asyncProperty(commands, weather, perform), 80);
  });

  it('comes to be what the server has also when that was restored from a backup', async () => {
    await holdsInTime(fc.asyncProperty(withBackups, weather, perform), 25);
  });
});
