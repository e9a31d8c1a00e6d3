import { checkList, checkObject, checkReview } from './check.ts';
import type { KubeObject, WatchEvent } from './objects.ts';
import { type FetchPage, type Page, collectPages, readPages } from './paging.ts';
import { pathTo } from './path.ts';
import type { ApiRequest, Verb } from './request.ts';
import { type Resource, apiVersionOf } from './resources.ts';
import type { Transport } from './transport.ts';
import { readEvents } from './watch-stream.ts';

export type { WatchEvent } from './objects.ts';

export interface CallOptions {
  /** Aborting it ends the call with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds for this request, instead of the transport's default. */
  readonly timeout?: number;
  /** By what the API server's audit log knows the request (`auditID`), instead of an id of its own. */
  readonly requestId?: string;
}

export interface ReadOptions extends CallOptions {
  /**
   * Ask for `PartialObjectMetadata`: the result then has nothing but metadata. An answer that carries more is an error,
   * so that the data of a Secret cannot enter the process by accident.
   */
  readonly metadataOnly?: boolean;
}

export interface CreateOptions extends ReadOptions {
  /** The server admits, fills in and answers as if it were stored, and stores nothing: the object has no resource version. */
  readonly dryRun?: boolean;
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
    resource: Resource, namespace: string | undefined, body: unknown, options?: CreateOptions,
  ): Promise<T>;
  /** Asks a question by POST (access reviews): nothing is stored. */
  review<T>(resource: Resource, body: T, options?: CallOptions): Promise<T>;
  /** Resolves when the server took the request: the object may live on, held by a finalizer or a grace period. */
  delete(resource: Resource, key: ObjectKey, preconditions?: DeleteOptions, options?: CallOptions): Promise<void>;
  patch<T extends KubeObject>(resource: Resource, key: ObjectKey, patch: Patch, options?: ReadOptions): Promise<T>;
  /**
   * Ends when the server ends it, or with an error; never outlives `timeoutSeconds` by more than 10 s. `onOpen` is
   * called when the server has agreed to it.
   */
  watch<T extends KubeObject>(
    resource: Resource, query: WatchQuery, signal: AbortSignal, onOpen?: () => void,
  ): AsyncIterable<WatchEvent<T>>;
}

const metadataAccept = (form: 'PartialObjectMetadata' | 'PartialObjectMetadataList'): string =>
  `application/json;as=${form};g=meta.k8s.io;v=v1`;

const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const ourFieldManager = 'offboard';
const defaultPageSize = 500;
/** How long after its `timeoutSeconds` a watch may still end by itself, in milliseconds. */
const watchGrace = 10_000;

export const createKubeClient = (transport: Transport): KubeClient => {
  const call = async (
    verb: Verb, resource: Resource, request: Omit<ApiRequest, 'verb' | 'resource'>, options: CallOptions | undefined,
  ): Promise<unknown> =>
    transport.request({ verb, resource: resource.plural, ...request, signal: options?.signal, timeout: options?.timeout, requestId: options?.requestId });

  /** For calls that answer with the one object. */
  const callForObject = async <T extends KubeObject>(
    verb: Verb, resource: Resource, request: Omit<ApiRequest, 'verb' | 'resource'>, options: CreateOptions | undefined,
    name?: string,
  ): Promise<T> => {
    const metadataOnly = options?.metadataOnly ?? false;
    const accept = metadataOnly ? metadataAccept('PartialObjectMetadata') : undefined;
    const answer = await call(verb, resource, { ...request, accept }, options);
    return checkObject(answer, resource, { verb, metadataOnly, unstored: options?.dryRun ?? false, ...(name !== undefined && { name }) }) as T;
  };

  const listPages = async function* <T extends KubeObject>(
    resource: Resource, query: ListQuery, options?: CallOptions,
  ): AsyncGenerator<ListResult<T>, void, undefined> {
    const { namespace, fieldSelector, labelSelector, metadataOnly = false, pageSize = defaultPageSize } = query;
    const accept = metadataOnly ? metadataAccept('PartialObjectMetadataList') : undefined;
    const fetch: FetchPage<T> = async (limit, next) => {
      const path = pathTo(resource, { namespace }, { fieldSelector, labelSelector, limit, continue: next });
      const answer = await call('list', resource, { method: 'GET', path, accept }, options);
      return checkList(answer, resource, metadataOnly) as Page<T>;
    };
    yield* readPages(fetch, pageSize);
  };

  return {
    get: async (resource, key, options) =>
      callForObject('get', resource, { method: 'GET', path: pathTo(resource, key) }, options, key.name),
    listPages,
    list: (resource, query, options) => collectPages(() => listPages(resource, query, options)),
    create: async (resource, namespace, body, options) => {
      const path = pathTo(resource, { namespace }, { fieldManager: ourFieldManager, dryRun: options?.dryRun === true ? 'All' : undefined });
      return callForObject('create', resource, { method: 'POST', path, body: withType(resource, body) }, options);
    },
    review: async (resource, body, options) => {
      const request = { method: 'POST', path: pathTo(resource, {}), body: withType(resource, body) } as const;
      return checkReview(await call('create', resource, request, options), resource) as typeof body;
    },
    delete: async (resource, key, { uid, resourceVersion, propagationPolicy } = {}, options) => {
      const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy };
      // What a finalizer holds is answered whole, a Secret with its data; metadata is all we let in.
      const accept = metadataAccept('PartialObjectMetadata');
      await call('delete', resource, { method: 'DELETE', path: pathTo(resource, key), body, accept }, options);
    },
    patch: async (resource, key, patch, options) => {
      const query = { fieldManager: patch.fieldManager ?? ourFieldManager, force: patch.force };
      const path = pathTo(resource, { ...key, subresource: patch.subresource }, query);
      const request = { method: 'PATCH', path, body: patch.body, contentType: patchTypes[patch.type] } as const;
      return callForObject('patch', resource, request, options, key.name);
    },
    watch: async function* (resource, query, signal, onOpen) {
      const { namespace, metadataOnly = false, ...rest } = query;
      const path = pathTo(resource, { namespace }, { watch: true, ...rest });
      const accept = metadataOnly ? metadataAccept('PartialObjectMetadata') : undefined;
      const request = { verb: 'watch', resource: resource.plural, method: 'GET', path, accept, signal } as const;
      const chunks = transport.stream(request, query.timeoutSeconds * 1000 + watchGrace, onOpen);
      yield* readEvents(chunks, resource, metadataOnly);
    },
  };
};

const withType = (resource: Resource, body: unknown): object => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  ...(body as object),
});
