/** A client of the API server between which and us things go wrong: around a fake one, or around one to a real server. */
import type { CallOptions, KubeClient } from '../../src/kube/client.ts';
import { ApiError, errorFromStatus } from '../../src/kube/errors.ts';
import type { Fault } from '../contract/stage.ts';

export interface FaultyClient {
  readonly client: KubeClient;
  /** From the (`after` + 1)th request on. */
  readonly breakWith: (fault: Fault | undefined, after?: number) => void;
  /** Requests so far that could have changed something; reviews are none. */
  readonly writes: () => number;
  readonly requests: () => readonly string[];
}

/** In every answer that goes wrong: nobody may repeat it. It has the shape of a token. */
export const leakedSecret = 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImZha2UifQ.eyJzdWIiOiJsZWFrZWQifQ.c2lnbmF0dXJl';

const status = (code: number, reason: string, details: object = {}): unknown => ({
  kind: 'Status',
  status: 'Failure',
  code,
  reason,
  message: `${reason}: the token ${leakedSecret} was sent`,
  details,
});

const answers: Partial<Record<Fault, { readonly code: number; readonly body: unknown }>> = {
  Unauthorized: { code: 401, body: status(401, 'Unauthorized') },
  Forbidden: { code: 403, body: status(403, 'Forbidden') },
  NotFoundPage: { code: 404, body: `<html>${leakedSecret}</html>` },
  NotFoundOther: { code: 404, body: status(404, 'NotFound', { name: 'something-else', kind: 'widgets' }) },
  TooManyRequests: { code: 429, body: status(429, 'TooManyRequests', { retryAfterSeconds: 1 }) },
  ServerError: { code: 500, body: status(500, 'InternalError') },
  Unavailable: { code: 503, body: 'upstream connect error' },
};

const hang = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    const onAbort = (): void => {
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });

const fail = (fault: Fault, verb: string, signal: AbortSignal | undefined): Promise<never> => {
  const answer = answers[fault];
  if (answer !== undefined) return Promise.reject(errorFromStatus(answer.body, answer.code, { verb }));
  switch (fault) {
    case 'Hanging':
      return hang(signal);
    case 'Disconnected':
      return Promise.reject(new ApiError(0, 'Transport', `socket hang up (${leakedSecret})`, { verb }));
    case 'Crash':
      return Promise.reject(new TypeError(`cannot read ${leakedSecret}`));
    default:
      return Promise.reject(new ApiError(200, 'Garbage', 'the answer is not one of a Kubernetes API server', { verb }));
  }
};

export const withFaults = (inner: KubeClient): FaultyClient => {
  const requests: string[] = [];
  let fault: Fault | undefined;
  let healthy = 0;
  let writes = 0;

  /** The fault that this request meets, if any. */
  const meet = (verb: string, what: string): Fault | undefined => {
    requests.push(`${verb} ${what}`);
    if (verb === 'delete' || verb === 'patch' || verb === 'create') writes += 1;
    if (fault === undefined) return undefined;
    if (healthy > 0) {
      healthy -= 1;
      return undefined;
    }
    return fault;
  };
  /** `empty` is what an empty success looks like to the caller; a list without items is no list. */
  const pass = <T>(
    verb: string,
    what: string,
    options: CallOptions | undefined,
    empty: unknown,
    call: () => Promise<T>,
  ): Promise<T> => {
    options?.signal?.throwIfAborted();
    const met = meet(verb, what);
    if (met === undefined) return call();
    return met === 'Empty' ? Promise.resolve(empty as T) : fail(met, verb, options?.signal);
  };

  const client: KubeClient = {
    get: async (resource, key, options) =>
      pass('get', `${resource.plural}/${key.name}`, options, {}, () => inner.get(resource, key, options)),
    list: async (resource, query, options) => {
      const met = meet('list', resource.plural);
      return met === undefined ? inner.list(resource, query, options) : fail(met, 'list', options?.signal);
    },
    async *listPages(resource, query, options) {
      for await (const page of inner.listPages<never>(resource, query, options)) {
        const met = meet('list', resource.plural);
        if (met !== undefined) await fail(met, 'list', options?.signal);
        yield page;
      }
    },
    create: async (resource, namespace, body, options) =>
      pass('create', resource.plural, options, {}, () => inner.create(resource, namespace, body, options)),
    review: async (resource, body, options) =>
      pass('review', resource.plural, options, {}, () => inner.review(resource, body, options)),
    delete: async (resource, key, preconditions, options) =>
      pass('delete', `${resource.plural}/${key.name}`, options, undefined, () =>
        inner.delete(resource, key, preconditions, options),
      ),
    patch: async (resource, key, patch, options) =>
      pass('patch', `${resource.plural}/${key.name}`, options, {}, () => inner.patch(resource, key, patch, options)),
    watch: (resource, query, signal) => inner.watch(resource, query, signal),
  };
  return {
    client,
    breakWith: (next, after = 0) => {
      fault = next;
      healthy = after;
    },
    writes: () => writes,
    requests: () => requests,
  };
};
