/** The store of a reflector, and the two functions of its owner around it: neither may break the loop when it throws. */
import type { Logger } from '../runtime/logger.ts';
import type { KubeObject, WatchEvent } from './objects.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import { type Change, type Indexers, type StoreReader, type Stored, createStore, metadataOf } from './store.ts';

export interface ReflectorCacheOptions<T extends Stored> {
  readonly resource: Resource;
  /**
   * What is kept of an object, or undefined when it is not wanted. `apiVersion` and `kind` are always filled in. When it
   * throws, what is known of that object stays as it is.
   */
  readonly project: (raw: KubeObject) => T | undefined;
  /** Called in order, after the store has changed. What it throws is logged. */
  readonly onChange?: (change: Change<T>) => void;
  /** Told of each `DELETED`: the server itself says that this very object is gone. A UID never comes back. */
  readonly onDeleted?: (uid: string) => void;
  readonly indexers?: Indexers<T>;
  readonly log: Logger;
}

export interface ReflectorCache<T> {
  readonly store: StoreReader<T>;
  /** What a list has of it. Projected one by one, so that the raw objects need not be held. */
  pick(raw: KubeObject): T | undefined;
  replace(items: readonly T[], resourceVersion: string, since: string | undefined): void;
  apply(event: WatchEvent): void;
  upsert(raw: KubeObject): void;
}

export const createReflectorCache = <T extends Stored>(options: ReflectorCacheOptions<T>): ReflectorCache<T> => {
  const { resource, log } = options;
  const store = createStore<T>({ ...(options.indexers && { indexers: options.indexers }) });

  const project = (raw: KubeObject): { readonly object: T | undefined } | undefined => {
    const typed = raw.kind === undefined ? { apiVersion: apiVersionOf(resource), kind: resource.kind, ...raw } : raw;
    try {
      return { object: options.project(typed) };
    } catch (error) {
      log.error('An object could not be read; what was known of it stays', { ...naming(raw), error });
      return undefined;
    }
  };

  const notify = (changes: readonly Change<T>[]): void => {
    for (const change of changes) {
      try {
        options.onChange?.(change);
      } catch (error) {
        log.error('A change could not be passed on', { ...naming(change.object), error });
      }
    }
  };

  const remember = (raw: KubeObject): void => {
    const { namespace, name, resourceVersion } = raw.metadata;
    const projected = project(raw);
    if (projected === undefined) return;
    notify(projected.object === undefined ? store.remove(namespace, name, resourceVersion) : store.upsert(projected.object));
  };

  return {
    store,
    pick: (raw) => {
      const { namespace, name, uid, resourceVersion } = raw.metadata;
      const held = store.get(namespace, name);
      const known = held && metadataOf(held);
      // A relist of a quiet cluster then makes nothing that is thrown away again.
      if (known?.resourceVersion === resourceVersion && known.uid === uid) return held;
      const projected = project(raw);
      return projected === undefined ? held : projected.object;
    },
    replace: (items, resourceVersion, since) => {
      notify(store.replace(items, resourceVersion, since));
    },
    apply: ({ type, object }) => {
      const { namespace, name, uid, resourceVersion } = object.metadata;
      if (type === 'DELETED') {
        options.onDeleted?.(uid);
        notify(store.remove(namespace, name, resourceVersion));
      } else if (type !== 'BOOKMARK') remember(object);
      store.advance(resourceVersion);
    },
    upsert: remember,
  };
};

const naming = (object: Stored): Readonly<Record<string, unknown>> => {
  const { namespace, name } = metadataOf(object);
  return { namespace, name };
};
