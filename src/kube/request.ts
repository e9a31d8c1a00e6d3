export type Verb = 'get' | 'list' | 'watch' | 'create' | 'delete' | 'patch';

/** One request as the transport takes it. */
export interface ApiRequest {
  readonly verb: Verb;
  /** The plural, for metrics and messages. */
  readonly resource: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Encoded, with its query, beginning with a slash. */
  readonly path: string;
  readonly accept?: string | undefined;
  readonly contentType?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from call to whole answer; for a watch, to its beginning. */
  readonly timeout?: number | undefined;
  readonly requestId?: string | undefined;
}

/** For messages. */
export const nameOf = (request: ApiRequest): string => `${request.verb} ${request.resource}`;
