import type { KubeObject } from './objects.ts';
import type { Resource } from './resources.ts';

export interface CallOptions {
  /** Aborting it ends the call with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds for this request, instead of the transport's default. */
  readonly timeout?: number;
}

export interface ReadOptions extends CallOptions {
  /**
   * Ask for `PartialObjectMetadata`: the result then has nothing but metadata. An answer that carries more is an error,
   * so that the data of a Secret cannot enter the process by accident.
   */
  readonly metadataOnly?: boolean;
}

/** Leave `namespace` out for cluster-scoped objects, and only for those. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

export interface ListQuery {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly metadataOnly?: boolean;
  /** Objects in one answer; 500 when absent. */
  readonly pageSize?: number;
}

export interface ListResult<T> {
  readonly items: readonly T[];
  /** Where a watch may begin. */
  readonly resourceVersion: string;
}

export interface DeleteOptions {
  /** Delete only this very object; another one of the same name answers 409. */
  readonly uid?: string;
  /** Delete only this very state of it. */
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
}

export interface Patch {
  /** `json` is RFC 6902, `merge` is RFC 7386, `apply` is server-side apply (needs `fieldManager`). */
  readonly type: 'merge' | 'json' | 'apply';
  readonly body: unknown;
  readonly subresource?: 'status';
  /** Defaults to `offboard`. */
  readonly fieldManager?: string;
  /** For `apply`: take over fields that others own. */
  readonly force?: boolean;
}

export interface WatchQuery {
  readonly resourceVersion: string;
  readonly namespace?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  readonly metadataOnly?: boolean;
  /** After which the server ends the stream. */
  readonly timeoutSeconds: number;
  readonly allowWatchBookmarks: boolean;
}

/** A `BOOKMARK` holds an object with nothing but `metadata.resourceVersion`. An in-stream `ERROR` is thrown instead. */
export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/**
 * Kubernetes in the form an operator needs it: raw JSON in and out, every read a quorum read, every failure an
 * {@link import('./errors.ts').ApiError}. Names are data from outside and are encoded into the path here.
 */
export interface KubeClient {
  /** A quorum read: what it answers was true after the call began. */
  get<T extends KubeObject>(resource: Resource, key: ObjectKey, options?: ReadOptions): Promise<T>;
  /** A quorum read of all pages at one resource version; begins anew once when the server forgets that version. */
  list<T extends KubeObject>(resource: Resource, query: ListQuery, options?: CallOptions): Promise<ListResult<T>>;
  /**
   * The same, page by page, so that a sweep of many can be projected without holding them. A version that the server
   * forgets half-way is thrown as 410: what was yielded until then is no snapshot.
   */
  listPages<T extends KubeObject>(
    resource: Resource, query: ListQuery, options?: CallOptions,
  ): AsyncIterable<ListResult<T>>;
  create<T extends KubeObject>(
    resource: Resource, namespace: string | undefined, body: unknown, options?: CallOptions,
  ): Promise<T>;
  /** Asks a question by POST (access reviews): nothing is stored. */
  review<T>(resource: Resource, body: T, options?: CallOptions): Promise<T>;
  /** Resolves when the server took the request: the object may live on, held by a finalizer or a grace period. */
  delete(resource: Resource, key: ObjectKey, preconditions?: DeleteOptions, options?: CallOptions): Promise<void>;
  patch<T extends KubeObject>(resource: Resource, key: ObjectKey, patch: Patch, options?: ReadOptions): Promise<T>;
  /** Ends when the server ends it, or with an error; never outlives `timeoutSeconds` by more than a short grace. */
  watch<T extends KubeObject>(resource: Resource, query: WatchQuery, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
}
