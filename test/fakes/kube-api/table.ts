/** What an API server remembers: objects, one version for all of them, and the changes that a watch may begin from. */
import type { KubeObject } from '../../../src/kube/objects.ts';
import type { Resource } from '../../../src/kube/resources.ts';

/** What a test writes down of an object; the rest is filled in. */
export interface Sketch {
  readonly metadata?: Partial<KubeObject['metadata']>;
  readonly [field: string]: unknown;
}

export interface RecordedChange {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly object: KubeObject;
}

export interface Table {
  /** Creates or replaces. Without a UID in the sketch it keeps that of the object it replaces. */
  put(resource: Resource, sketch: Sketch): KubeObject;
  /** The object as it was deleted, with the version of its deletion. */
  drop(resource: Resource, namespace: string | undefined, name: string): KubeObject | undefined;
  find(resource: Resource, namespace: string | undefined, name: string): KubeObject | undefined;
  /** In the order of their names, as etcd keeps them. */
  list(resource: Resource, namespace: string | undefined): readonly KubeObject[];
  readonly version: number;
  /** Forgets all changes so far: what begins before now is too old. */
  compact(): void;
  readonly oldest: number;
  since(version: number, resource: Resource): readonly RecordedChange[];
  subscribe(listener: (change: RecordedChange) => void): () => void;
  /** As if etcd had been restored from a backup in which there was nothing yet. */
  restoreEmpty(version: number): void;
}

export const collectionOf = ({ group, plural }: Resource): string => `${group}/${plural}`;

export const createTable = (): Table => {
  const objects = new Map<string, KubeObject>();
  const listeners = new Set<(change: RecordedChange) => void>();
  let changes: RecordedChange[] = [];
  // As a real server, which has written much before the first test.
  let version = 100;
  let oldest = version;
  let uids = 0;

  const keyOf = (resource: Resource, namespace: string | undefined, name: string): string =>
    `${collectionOf(resource)}/${namespace ?? ''}/${name}`;
  const record = (type: RecordedChange['type'], resource: Resource, object: KubeObject): void => {
    const change = { version, type, collection: collectionOf(resource), object };
    changes.push(change);
    for (const listener of [...listeners]) listener(change);
  };

  return {
    put: (resource, sketch) => {
      version += 1;
      const { name = '', namespace } = sketch.metadata ?? {};
      const key = keyOf(resource, namespace, name);
      const previous = objects.get(key);
      const metadata = {
        name,
        uid: previous?.metadata.uid ?? `uid-${(uids += 1)}`,
        creationTimestamp: '2026-11-23T10:00:00Z',
        ...sketch.metadata,
        resourceVersion: String(version),
      };
      const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
      const object: KubeObject = structuredClone({ ...sketch, apiVersion, kind: resource.kind, metadata });
      objects.set(key, object);
      record(previous ? 'MODIFIED' : 'ADDED', resource, object);
      return object;
    },
    drop: (resource, namespace, name) => {
      const key = keyOf(resource, namespace, name);
      const found = objects.get(key);
      if (!found) return undefined;
      version += 1;
      objects.delete(key);
      const last = { ...found, metadata: { ...found.metadata, resourceVersion: String(version) } };
      record('DELETED', resource, last);
      return last;
    },
    find: (resource, namespace, name) => objects.get(keyOf(resource, namespace, name)),
    list: (resource, namespace) => {
      const prefix = namespace === undefined ? `${collectionOf(resource)}/` : `${collectionOf(resource)}/${namespace}/`;
      return [...objects.entries()]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([, object]) => object);
    },
    get version() {
      return version;
    },
    get oldest() {
      return oldest;
    },
    compact: () => {
      changes = [];
      oldest = version;
    },
    since: (from, resource) => changes.filter((change) => change.version > from && change.collection === collectionOf(resource)),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    restoreEmpty: (restored) => {
      objects.clear();
      changes = [];
      version = restored;
      oldest = restored;
    },
  };
};
