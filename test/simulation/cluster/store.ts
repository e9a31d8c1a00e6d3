/** The one truth behind all API servers: objects, one version for all of them, and the changes that a watch may begin from. */
import type { KubeObject, ObjectMeta } from '../../../src/kube/objects.ts';
import type { Kind } from './kinds.ts';

export type StoredObject = KubeObject & Readonly<Record<string, unknown>>;

/** Who wrote: the user as the API server knows it, and the process that sent it (`people` for all who send none). */
export interface Writer {
  readonly user: string;
  readonly from: string;
}

/** One version of one object; never changed. */
export interface Entry {
  readonly kind: Kind;
  readonly key: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly version: number;
  readonly object: StoredObject;
  /** The JSON text: made once, and cut into what each answer needs. */
  readonly text: (form: Form) => string;
}

/** `Item` is as a list of a built-in kind has it, without its kind; `Metadata` is `PartialObjectMetadata`. */
export type Form = 'Whole' | 'Item' | 'Metadata';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  /** Milliseconds since the beginning of the universe. */
  readonly at: number;
  /** As it is now; of a deletion, as it was last, with the version of its deletion. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
  readonly by: Writer;
}

export interface Store {
  readonly version: () => number;
  /** What begins before this is too old. */
  readonly oldest: () => number;
  readonly compact: () => void;
  readonly find: (kind: Kind, namespace: string | undefined, name: string) => Entry | undefined;
  /** In the order of etcd's keys. A list of its own for each state: it never changes. */
  readonly entries: (kind: Kind) => readonly Entry[];
  readonly create: (kind: Kind, object: StoredObject, by: Writer) => Entry;
  readonly update: (previous: Entry, object: StoredObject, by: Writer) => Entry;
  readonly remove: (previous: Entry, by: Writer) => Entry;
  readonly since: (kind: Kind, version: number) => readonly Change[];
  readonly onCommit: (listener: (change: Change) => void) => void;
  /** A UID that was never given before; the same ones in each run. */
  readonly uid: () => string;
  /** Of this moment, as objects have it. */
  readonly timestamp: () => string;
}

interface Collection {
  readonly entries: Map<string, Entry>;
  sorted: readonly Entry[] | undefined;
  changes: Change[];
}

const keyOf = (namespace: string | undefined, name: string): string => (namespace === undefined ? name : `${namespace}/${name}`);

const metadataHead = '{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":';

const entryOf = (kind: Kind, object: StoredObject, version: number): Entry => {
  const { namespace, name } = object.metadata;
  let rest: string | undefined;
  let metadata: string | undefined;
  const restOf = (): string => {
    const { kind: _, apiVersion: __, ...fields } = object;
    return (rest ??= JSON.stringify(fields).slice(1));
  };
  return {
    kind, key: keyOf(namespace, name), namespace, name, version, object,
    text: (form) => {
      if (form === 'Metadata') return (metadata ??= `${metadataHead}${JSON.stringify(object.metadata)}}`);
      return form === 'Item' && !kind.custom ? `{${restOf()}` : `${kind.head}${restOf()}`;
    },
  };
};

/** `epoch` is the time at the beginning of the universe, in milliseconds since 1970. */
export const createStore = ({ now, epoch }: { readonly now: () => number; readonly epoch: number }): Store => {
  const collections = new Map<Kind, Collection>();
  const listeners: ((change: Change) => void)[] = [];
  // As a real server, which has written much before the first of ours.
  let version = 100;
  let oldest = version;
  let uids = 0;
  let stamped = -1;
  let stamp = '';

  const collectionOf = (kind: Kind): Collection => {
    const known = collections.get(kind);
    if (known !== undefined) return known;
    const made: Collection = { entries: new Map(), sorted: undefined, changes: [] };
    collections.set(kind, made);
    return made;
  };
  const commit = (type: Change['type'], kind: Kind, object: StoredObject, previous: Entry | undefined, by: Writer): Entry => {
    version += 1;
    const metadata: ObjectMeta = { ...object.metadata, resourceVersion: String(version) };
    const entry = entryOf(kind, { ...object, kind: kind.kind, apiVersion: kind.apiVersion, metadata }, version);
    const collection = collectionOf(kind);
    if (type === 'DELETED') collection.entries.delete(entry.key);
    else collection.entries.set(entry.key, entry);
    collection.sorted = undefined;
    const change: Change = { type, version, at: now(), entry, previous, by };
    collection.changes.push(change);
    for (const listener of listeners) listener(change);
    return entry;
  };

  return {
    version: () => version,
    oldest: () => oldest,
    compact: () => {
      oldest = version;
      for (const collection of collections.values()) collection.changes = [];
    },
    find: (kind, namespace, name) => collections.get(kind)?.entries.get(keyOf(namespace, name)),
    entries: (kind) => {
      const collection = collectionOf(kind);
      return (collection.sorted ??= [...collection.entries.values()].sort((one, other) => (one.key < other.key ? -1 : 1)));
    },
    create: (kind, object, by) => commit('ADDED', kind, object, undefined, by),
    update: (previous, object, by) => commit('MODIFIED', previous.kind, object, previous, by),
    remove: (previous, by) => commit('DELETED', previous.kind, previous.object, previous, by),
    since: (kind, from) => {
      const { changes } = collectionOf(kind);
      let first = changes.length;
      while (first > 0 && (changes[first - 1]?.version ?? 0) > from) first -= 1;
      return first === changes.length ? [] : changes.slice(first);
    },
    onCommit: (listener) => {
      listeners.push(listener);
    },
    uid: () => `00000000-0000-4000-8000-${String((uids += 1)).padStart(12, '0')}`,
    timestamp: () => {
      const second = Math.floor((epoch + now()) / 1000);
      if (second !== stamped) stamp = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
      stamped = second;
      return stamp;
    },
  };
};
