/**
 * The choke point: every request to the API server passes here, and nothing else in the program opens a connection to
 * it. Whatever it rejects with is an `ApiError`, or the reason of the caller's own signal.
 */
import { Agent, type Dispatcher } from 'undici';

import type { Clock } from '../runtime/clock.ts';
import { interpret, readBody, timedOut, toApiError } from './answer.ts';
import type { KubeConfig } from './config.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { ApiError } from './errors.ts';
import type { ApiRequest, Verb } from './request.ts';

/** What is told of each request. `code` is the HTTP status, or `<error>` when there was no answer (as in client-go). */
export interface RequestObservation {
  readonly verb: Verb;
  /** The plural: a closed set. */
  readonly resource: string;
  readonly code: string;
  /** Until the whole answer was there; for a watch, until it began. */
  readonly seconds: number;
}

export interface TransportOptions {
  readonly config: KubeConfig;
  readonly clock: Clock;
  /** Of this program, for the `User-Agent`. */
  readonly version: string;
  readonly onRequest?: ((observation: RequestObservation) => void) | undefined;
  /** Milliseconds from call to whole answer, time in the queue included; 10 s when absent. */
  readonly timeout?: number;
  /** Requests under way at once; 8 when absent. Watches are not counted. */
  readonly maxConnections?: number;
  /** Bytes of an answer; 16 MiB when absent. */
  readonly maxBody?: number;
}

export interface Transport {
  /** The parsed body of a 2xx answer. */
  request(request: ApiRequest): Promise<unknown>;
  /**
   * The bytes of a 2xx answer as they come, for at most `lifetime` milliseconds: a peer that fell silent must not hold
   * the stream for ever. Reading on after that fails with reason `Timeout`. `onOpen` is called when the answer begins.
   */
  stream(request: ApiRequest, lifetime: number, onOpen?: () => void): AsyncIterable<Buffer>;
  /** Breaks whatever is still under way. */
  close(): Promise<void>;
}

const defaultTimeout = 10_000;
const defaultMaxBody = 16 * 2 ** 20;
const connectTimeout = 5_000;
/** Below the 60 s after which common load balancers forget an idle connection, and the server's own 90 s. */
const idleTimeout = 45_000;
/** After so much silence the kernel probes whether the peer is still there; ten unanswered probes end a connection. */
const keepAliveInitialDelay = 15_000;

/** The parts that the steps of one request share. */
interface Channel extends TransportOptions {
  readonly calls: Agent;
  readonly watches: Agent;
}

export const createTransport = (options: TransportOptions): Transport => {
  // Over HTTP/2 a connection that dies silently is never noticed; over HTTP/1.1 it takes one request with it.
  const connect = { ...options.config.tls, allowH2: false, timeout: connectTimeout, keepAlive: true, keepAliveInitialDelay };
  const shared = { connect, allowH2: false, pipelining: 1, keepAliveTimeout: idleTimeout, keepAliveMaxTimeout: idleTimeout };
  const channel: Channel = {
    ...options,
    calls: new Agent({ ...shared, connections: options.maxConnections ?? 8 }),
    // A watch holds its connection, so it must never wait for one, nor make a call wait.
    watches: new Agent(shared),
  };
  return {
    request: (request) => requestWhole(channel, request),
    stream: (request, lifetime, onOpen) => requestStream(channel, request, lifetime, onOpen),
    close: async () => {
      await Promise.all([channel.calls.destroy(), channel.watches.destroy()]);
    },
  };
};

const limitOf = (channel: Channel, request: ApiRequest): number => request.timeout ?? channel.timeout ?? defaultTimeout;

const begin = (channel: Channel, request: ApiRequest): Deadline => {
  const limit = limitOf(channel, request);
  return startDeadline(channel.clock, limit, () => timedOut(request, limit), request.signal);
};

const requestWhole = async (channel: Channel, request: ApiRequest): Promise<unknown> => {
  const deadline = begin(channel, request);
  try {
    return await exchange(channel, channel.calls, request, deadline, (answer) => read(channel, request, answer, deadline));
  } finally {
    deadline.stop();
  }
};

async function* requestStream(
  channel: Channel, request: ApiRequest, lifetime: number, onOpen: (() => void) | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const deadline = begin(channel, request);
  try {
    const answer = await exchange(channel, channel.watches, request, deadline, async (head) => {
      // Not a watch but the reason why there is none.
      if (head.statusCode !== 200) await read(channel, request, head, deadline);
      return head;
    });
    deadline.restart(lifetime, () => timedOut(request, lifetime));
    onOpen?.();
    yield* answer.body as AsyncIterable<Buffer>;
  } catch (error) {
    throw toApiError(error, request, channel.config.server);
  } finally {
    deadline.abort(new Error('the stream was closed'));
  }
}

/** Sends, tells the metrics what became of it, and makes every failure an {@link ApiError}. */
const exchange = async <T>(
  channel: Channel, agent: Agent, request: ApiRequest, deadline: Deadline,
  use: (answer: Dispatcher.ResponseData) => Promise<T>,
): Promise<T> => {
  const { clock, config, onRequest } = channel;
  const start = clock.monotonic();
  let code = '<error>';
  try {
    const answer = await send(channel, agent, request, deadline);
    if (answer.statusCode === 401) config.forgetCredentials();
    const result = await use(answer);
    code = String(answer.statusCode);
    return result;
  } catch (error) {
    const failure = toApiError(error, request, config.server);
    if (failure instanceof ApiError && failure.code !== 0) code = String(failure.code);
    deadline.abort(failure);
    throw failure;
  } finally {
    const seconds = (clock.monotonic() - start) / 1000;
    onRequest?.({ verb: request.verb, resource: request.resource, code, seconds });
  }
};

const send = async (
  channel: Channel, agent: Agent, request: ApiRequest, deadline: Deadline,
): Promise<Dispatcher.ResponseData> => {
  const { config } = channel;
  const headers = await deadline.race(config.authHeaders());
  const { origin, pathname } = new URL(config.server);
  const limit = limitOf(channel, request);
  const response = agent.request({
    origin,
    path: pathname.replace(/\/$/, '') + request.path,
    method: request.method,
    headers: {
      ...headers,
      accept: request.accept ?? 'application/json',
      'user-agent': `offboard/${channel.version}`,
      ...(request.body !== undefined && { 'content-type': request.contentType ?? 'application/json' }),
    },
    body: request.body === undefined ? null : JSON.stringify(request.body),
    // The library closes the connection after a DELETE that has a body, as ours have with their preconditions.
    reset: false,
    signal: deadline.signal,
    // A second line: should the deadline's abort not reach the socket, the library's own timer does.
    headersTimeout: Math.ceil(limit * 0.9),
    bodyTimeout: agent === channel.calls ? limit : 0,
  });
  // The library does not settle an aborted request that still waits for a connection, so it may be left behind.
  response.catch(() => undefined);
  return deadline.race(response);
};

const read = async (
  channel: Channel, request: ApiRequest, answer: Dispatcher.ResponseData, deadline: Deadline,
): Promise<unknown> =>
  interpret(request, answer, await deadline.race(readBody(answer, channel.maxBody ?? defaultMaxBody, request)));
