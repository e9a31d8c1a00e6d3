/**
 * What a reflector knows: one object per name, never an older one after a newer one. Writers are the reflector (lists
 * and watches, in order) and those who just wrote to the API server and want to read their own write.
 */
import type { ObjectMeta } from './objects.ts';
import { compareVersions } from './resource-version.ts';

/** The least that a projection must keep of an object. */
export interface Stored {
  readonly metadata: Pick<ObjectMeta, 'name' | 'uid' | 'resourceVersion'> & { readonly namespace?: string };
}

/** `object` is now there (instead of `previous`), or, for `delete`, was there last and is gone. */
export interface Change<T> {
  readonly type: 'set' | 'delete';
  readonly object: T;
  readonly previous?: T;
}

/** Under which values an object is found. Pure; an object may have any number of values. */
export type Indexer<T> = (object: T) => readonly string[];
export type Indexers<T> = Readonly<Record<string, Indexer<T>>>;

/** The reading side. Objects are shared: they must not be changed. */
export interface StoreReader<T> {
  /** `namespace` is undefined for what is cluster-scoped. */
  get(namespace: string | undefined, name: string): T | undefined;
  /** Throws when there is no index of that name. */
  byIndex(index: string, value: string): readonly T[];
  list(): readonly T[];
  readonly size: number;
}

/** The writing side: each call tells what it changed. */
export interface Store<T> extends StoreReader<T> {
  /** All there is at `resourceVersion`. Whatever is newer than that stays. */
  replace(items: readonly T[], resourceVersion: string): readonly Change<T>[];
  /** Nothing when the store knows something newer: the object itself, or that it is gone. */
  upsert(object: T): readonly Change<T>[];
  /** `resourceVersion` is that of the deletion. */
  remove(namespace: string | undefined, name: string, resourceVersion: string): readonly Change<T>[];
  /** Everything up to `resourceVersion` was told: an object that is older, and not here, is gone. */
  advance(resourceVersion: string): void;
}

export const createStore = <T extends Stored>({ indexers = {} }: { readonly indexers?: Indexers<T> } = {}): Store<T> => {
  const objects = new Map<string, T>();
  const indexes = createIndexes(indexers);
  let known = '0';

  const drop = (key: string, object: T): void => {
    objects.delete(key);
    indexes.remove(object);
  };

  const put = (object: T): readonly Change<T>[] => {
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const previous = objects.get(key);
    if (previous !== undefined) {
      if (compareVersions(object.metadata.resourceVersion, previous.metadata.resourceVersion) <= 0) return [];
      indexes.remove(previous);
    }
    objects.set(key, object);
    indexes.add(object);
    if (previous === undefined) return [{ type: 'set', object }];
    if (previous.metadata.uid === object.metadata.uid) return [{ type: 'set', object, previous }];
    // Another object of the same name: the end of the first one must not go unnoticed.
    return [{ type: 'delete', object: previous }, { type: 'set', object }];
  };

  const replace = (items: readonly T[], resourceVersion: string): readonly Change<T>[] => {
    // Only a restored backup makes versions go back: then nothing of what we knew holds.
    const limit = compareVersions(resourceVersion, known) < 0 ? undefined : resourceVersion;
    const isNewer = ({ metadata }: T): boolean =>
      limit !== undefined && compareVersions(metadata.resourceVersion, limit) > 0;
    const present = new Map(items.map((item) => [keyOf(item.metadata.namespace, item.metadata.name), item]));
    const changes: Change<T>[] = [];
    for (const [key, object] of objects) {
      const item = present.get(key);
      const reverted = item !== undefined && limit === undefined && !isSame(item, object);
      if (isNewer(object) || (item !== undefined && !reverted)) continue;
      drop(key, object);
      changes.push({ type: 'delete', object });
    }
    for (const item of items) changes.push(...put(item));
    known = resourceVersion;
    return changes;
  };

  return {
    get: (namespace, name) => objects.get(keyOf(namespace, name)),
    byIndex: (index, value) => indexes.find(index, value),
    list: () => [...objects.values()],
    get size() {
      return objects.size;
    },
    replace,
    upsert: (object) => {
      const { namespace, name, resourceVersion } = object.metadata;
      const gone = !objects.has(keyOf(namespace, name)) && compareVersions(resourceVersion, known) <= 0;
      return gone ? [] : put(object);
    },
    remove: (namespace, name, resourceVersion) => {
      const key = keyOf(namespace, name);
      const object = objects.get(key);
      if (object === undefined || compareVersions(object.metadata.resourceVersion, resourceVersion) > 0) return [];
      drop(key, object);
      return [{ type: 'delete', object }];
    },
    advance: (resourceVersion) => {
      if (compareVersions(resourceVersion, known) > 0) known = resourceVersion;
    },
  };
};

const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;

const isSame = (left: Stored, right: Stored): boolean =>
  left.metadata.uid === right.metadata.uid && left.metadata.resourceVersion === right.metadata.resourceVersion;

interface Indexes<T> {
  add(object: T): void;
  remove(object: T): void;
  find(index: string, value: string): readonly T[];
}

/** Most values have one object; an array takes a tenth of the memory of a Set then. */
const createIndexes = <T>(indexers: Indexers<T>): Indexes<T> => {
  const indexes = new Map(
    Object.entries(indexers).map(([name, valuesOf]) => [name, { valuesOf, byValue: new Map<string, T[]>() }]),
  );
  return {
    add: (object) => {
      for (const { valuesOf, byValue } of indexes.values()) {
        for (const value of new Set(valuesOf(object))) {
          const found = byValue.get(value);
          if (found === undefined) byValue.set(value, [object]);
          else found.push(object);
        }
      }
    },
    remove: (object) => {
      for (const { valuesOf, byValue } of indexes.values()) {
        for (const value of new Set(valuesOf(object))) {
          const found = byValue.get(value) ?? [];
          const at = found.indexOf(object);
          const last = found.pop();
          if (last !== undefined && last !== object) found[at] = last;
          if (found.length === 0) byValue.delete(value);
        }
      }
    },
    find: (name, value) => {
      const index = indexes.get(name);
      if (index === undefined) throw new Error(`the store has no index "${name}"; it has ${[...indexes.keys()].join(', ') || 'none'}`);
      return [...(index.byValue.get(value) ?? [])];
    },
  };
};
