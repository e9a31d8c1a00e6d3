/**
 * What a reflector knows: one object per name, never an older one after a newer one. Writers are the reflector (lists
 * and watches, in order) and those who just wrote to the API server and want to read their own write.
 */
import type { ObjectMeta } from './objects.ts';
import { compareVersions } from './resource-version.ts';

interface Identity extends Pick<ObjectMeta, 'name' | 'uid' | 'resourceVersion'> {
  readonly namespace?: string | undefined;
}

/** The least that a projection must keep of an object: in `metadata`, as the server sends it, or, where memory counts, flat. */
export type Stored = Identity | { readonly metadata: Identity };

export const metadataOf = (object: Stored): Identity => ('metadata' in object ? object.metadata : object);

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
  /** All there is at `resourceVersion`, of a list that was asked for when everything up to `since` was known. Whatever is newer stays. */
  replace(items: readonly T[], resourceVersion: string, since?: string): readonly Change<T>[];
  /** Nothing when the store knows something newer: the object itself, or that it is gone. */
  upsert(object: T): readonly Change<T>[];
  /** `resourceVersion` is that of the deletion. */
  remove(namespace: string | undefined, name: string, resourceVersion: string): readonly Change<T>[];
  /** Everything up to `resourceVersion` was told: an object that is older, and not here, is gone. */
  advance(resourceVersion: string): void;
}

export const createStore = <T extends Stored>({ indexers = {} }: { readonly indexers?: Indexers<T> } = {}): Store<T> => {
  const objects = createNames<T>();
  const indexes = createIndexes(indexers);
  let known = '0';

  const drop = (object: T): void => {
    objects.delete(object);
    indexes.remove(object);
  };

  const put = (object: T): readonly Change<T>[] => {
    const { namespace, name, uid, resourceVersion } = metadataOf(object);
    const previous = objects.get(namespace, name);
    const before = previous && metadataOf(previous);
    if (previous !== undefined && before !== undefined) {
      if (compareVersions(resourceVersion, before.resourceVersion) <= 0) return [];
      indexes.remove(previous);
    }
    objects.set(object);
    indexes.add(object);
    if (previous === undefined) return [{ type: 'set', object }];
    if (before?.uid === uid) return [{ type: 'set', object, previous }];
    // Another object of the same name: the end of the first one must not go unnoticed.
    return [{ type: 'delete', object: previous }, { type: 'set', object }];
  };

  const replace = (items: readonly T[], resourceVersion: string, since = known): readonly Change<T>[] => {
    // Only a restored backup makes versions go back: then nothing of what we knew holds.
    const wentBack = compareVersions(resourceVersion, since) < 0;
    const isNewer = (object: T): boolean => !wentBack && compareVersions(metadataOf(object).resourceVersion, resourceVersion) > 0;
    const present = createNames<T>();
    if (objects.size > 0) for (const item of items) present.set(item);
    const changes: Change<T>[] = [];
    for (const object of objects.list()) {
      const { namespace, name } = metadataOf(object);
      const item = present.get(namespace, name);
      if (isNewer(object) || (item !== undefined && isSameOrLater(item, object))) continue;
      drop(object);
      changes.push({ type: 'delete', object });
    }
    for (const item of items) changes.push(...put(item));
    if (wentBack || compareVersions(resourceVersion, known) > 0) known = resourceVersion;
    return changes;
  };

  return {
    get: objects.get,
    byIndex: (index, value) => indexes.find(index, value),
    list: objects.list,
    get size() {
      return objects.size;
    },
    replace,
    upsert: (object) => {
      const { namespace, name, resourceVersion } = metadataOf(object);
      const gone = objects.get(namespace, name) === undefined && compareVersions(resourceVersion, known) <= 0;
      return gone ? [] : put(object);
    },
    remove: (namespace, name, resourceVersion) => {
      const object = objects.get(namespace, name);
      if (object === undefined || compareVersions(metadataOf(object).resourceVersion, resourceVersion) > 0) return [];
      drop(object);
      return [{ type: 'delete', object }];
    },
    advance: (resourceVersion) => {
      if (compareVersions(resourceVersion, known) > 0) known = resourceVersion;
    },
  };
};

/** Else a restored backup has made another one of that name, or an earlier state of it. */
const isSameOrLater = (item: Stored, object: Stored): boolean => {
  const [one, other] = [metadataOf(item), metadataOf(object)];
  const later = compareVersions(one.resourceVersion, other.resourceVersion);
  return later > 0 || (later === 0 && one.uid === other.uid);
};

interface Names<T> {
  get(namespace: string | undefined, name: string): T | undefined;
  set(object: T): void;
  delete(object: T): void;
  list(): readonly T[];
  readonly size: number;
}

/** By namespace, then by name: the strings that the objects hold anyway, where a key of both would be one more each. */
const createNames = <T extends Stored>(): Names<T> => {
  const namespaces = new Map<string, Map<string, T>>();
  let size = 0;
  return {
    get: (namespace = '', name) => namespaces.get(namespace)?.get(name),
    set: (object) => {
      const { namespace = '', name } = metadataOf(object);
      const names = namespaces.get(namespace) ?? new Map<string, T>();
      if (names.size === 0) namespaces.set(namespace, names);
      size -= names.size;
      names.set(name, object);
      size += names.size;
    },
    delete: (object) => {
      const { namespace = '', name } = metadataOf(object);
      const names = namespaces.get(namespace);
      if (names?.delete(name) === true) size -= 1;
      if (names?.size === 0) namespaces.delete(namespace);
    },
    list: () => [...namespaces.values()].flatMap((names) => [...names.values()]),
    get size() {
      return size;
    },
  };
};

interface Indexes<T> {
  add(object: T): void;
  remove(object: T): void;
  find(index: string, value: string): readonly T[];
}

/** Most values have one object, which then stands alone; arrays grow by what is added, and only long ones in leaps. */
const createIndexes = <T extends Stored>(indexers: Indexers<T>): Indexes<T> => {
  const indexes = new Map(
    Object.entries(indexers).map(([name, valuesOf]) => [name, { valuesOf, byValue: new Map<string, T | T[]>() }]),
  );
  return {
    add: (object) => {
      for (const { valuesOf, byValue } of indexes.values()) {
        for (const value of distinct(valuesOf(object))) {
          const found = byValue.get(value);
          if (found === undefined) byValue.set(value, object);
          else if (!Array.isArray(found)) byValue.set(value, [found, object]);
          else if (found.length < shortArray) byValue.set(value, [...found, object]);
          else found.push(object);
        }
      }
    },
    remove: (object) => {
      for (const { valuesOf, byValue } of indexes.values()) {
        for (const value of distinct(valuesOf(object))) {
          const found = byValue.get(value);
          if (found === object) byValue.delete(value);
          if (!Array.isArray(found)) continue;
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
      const found = index.byValue.get(value);
      return found === undefined ? [] : Array.isArray(found) ? [...found] : [found];
    },
  };
};

/** Adding to an array makes room for sixteen more, which thousands of short ones would never use. */
const shortArray = 8;

const distinct = (values: readonly string[]): Iterable<string> => (values.length > 1 ? new Set(values) : values);
