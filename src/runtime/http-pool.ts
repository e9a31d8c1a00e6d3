/**
 * Pooled HTTP/1.1 connections to one server, and the only importer of `undici`. An answer is handed out as it comes: a redirect
 * is an answer like any other, and nothing is ever sent to another address than the one that was given.
 */
import { StringDecoder } from 'node:string_decoder';

import { Agent } from 'undici';

import type { Deadline } from './deadline.ts';

/** How to verify the server and, with a client certificate, how to be known to it. As `tls.connect` takes it. */
export interface TlsOptions {
  /** When given, nothing else is trusted. */
  readonly ca?: Buffer | string;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: false;
}

/** A list is one header sent several times. */
export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface HttpPoolOptions {
  /** Scheme, host and port, and a path that every request begins with, if any. */
  readonly base: string;
  readonly tls?: TlsOptions | undefined;
  /** Requests under way at once; the others wait. No limit when absent. */
  readonly connections?: number;
}

export interface HttpSend {
  readonly method: string;
  /** Encoded, with its query, beginning with a slash. */
  readonly path: string;
  readonly headers: HttpHeaders;
  readonly body?: string | undefined;
  /** Milliseconds, as the deadline has them. */
  readonly limit: number;
  /** The body goes on for longer than `limit`. */
  readonly stream?: boolean;
}

/** The beginning of an answer. Header names are in lower case. */
export interface HttpHead {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: AsyncIterable<Buffer>;
}

export interface HttpPool {
  /** Rejects as the library does, see {@link failureOf}, or with the deadline's reason. */
  send(request: HttpSend, deadline: Deadline): Promise<HttpHead>;
  /** Breaks whatever is still under way. */
  close(): Promise<void>;
}

/** How a pool to one server is made. The only way out of the process: a simulated network is another one of these. */
export type Connect = (options: HttpPoolOptions) => HttpPool;

const connectTimeout = 5_000;
/** Below the 60 s after which common load balancers forget an idle connection, and the 90 s of an API server. */
const idleTimeout = 45_000;
/** After so much silence the kernel probes whether the peer is still there; ten unanswered probes end a connection. */
const keepAliveInitialDelay = 15_000;

export const createHttpPool: Connect = ({ base, tls, connections }) => {
  const { origin, pathname } = new URL(base);
  const prefix = pathname.replace(/\/$/, '');
  const agent = new Agent({
    // Over HTTP/2 a connection that dies silently is never noticed; over HTTP/1.1 it takes one request with it.
    connect: { ...tls, allowH2: false, timeout: connectTimeout, keepAlive: true, keepAliveInitialDelay },
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: idleTimeout,
    keepAliveMaxTimeout: idleTimeout,
    ...(connections !== undefined && { connections }),
  });
  return {
    send: async ({ method, path, headers, body, limit, stream = false }, deadline) => {
      const response = agent.request({
        origin,
        path: prefix + path,
        method,
        headers,
        body: body ?? null,
        // The library closes the connection after a DELETE that has a body.
        reset: false,
        signal: deadline.signal,
        // A second line: should the deadline's abort not reach the socket, the library's own timer does.
        headersTimeout: Math.ceil(limit * 0.9),
        bodyTimeout: stream ? 0 : limit,
      });
      // The library does not settle an aborted request that still waits for a connection, so it may be left behind.
      response.catch(() => undefined);
      const { statusCode, headers: answered, body: bytes } = await deadline.race(response);
      return { status: statusCode, headers: answered, body: bytes };
    },
    close: () => agent.destroy(),
  };
};

/**
 * The whole body as text; undefined when it is larger than `limit` bytes, and the rest of it is not read. Decoded as it comes: a
 * page of a list is half a megabyte, and blocks of that size, taken and freed again and again, made the C library keep 15 MB
 * for good.
 */
export const readBody = async (body: AsyncIterable<Buffer>, limit: number): Promise<string | undefined> => {
  const decoder = new StringDecoder('utf8');
  let text = '';
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) return undefined;
    text += decoder.write(chunk);
  }
  return text + decoder.end();
};

/** What an error of a request means. The error itself is not for logs: it holds what the library knew of the request. */
export interface HttpFailure {
  /** The library's own timer was first. */
  readonly timedOut: boolean;
  /** What broke, for people, with its code. */
  readonly text: string;
}

export const failureOf = (error: unknown): HttpFailure => {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : String(error);
  return {
    timedOut: code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT',
    text: `${text}${text.includes(code) ? '' : ` (${code})`}`,
  };
};

/** Connection errors hide in an AggregateError when a name has several addresses, with an empty message of its own. */
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
