/**
 * The choke point: every request to the API server passes here, and nothing else in the program opens a connection to
 * it. Whatever it rejects with is an `ApiError`, or the reason of the caller's own signal.
 */
import type { Clock } from '../runtime/clock.ts';
import { type Deadline, startDeadline } from '../runtime/deadline.ts';
import { type Connect, type HttpHead, type HttpPool, createHttpPool, readBody } from '../runtime/http-pool.ts';
import { interpret, timedOut, toApiError, tooLarge } from './answer.ts';
import type { KubeConfig } from './config.ts';
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
  /** Real sockets when absent. */
  readonly connect?: Connect | undefined;
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

/** The parts that the steps of one request share. */
interface Channel extends TransportOptions {
  readonly calls: HttpPool;
  readonly watches: HttpPool;
}

export const createTransport = (options: TransportOptions): Transport => {
  const { config: { server: base, tls }, connect = createHttpPool } = options;
  const channel: Channel = {
    ...options,
    calls: connect({ base, tls, connections: options.maxConnections ?? 8 }),
    // A watch holds its connection, so it must never wait for one, nor make a call wait.
    watches: connect({ base, tls }),
  };
  return {
    request: (request) => requestWhole(channel, request),
    stream: (request, lifetime, onOpen) => requestStream(channel, request, lifetime, onOpen),
    close: async () => {
      await Promise.all([channel.calls.close(), channel.watches.close()]);
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
      if (head.status !== 200) await read(channel, request, head, deadline);
      return head;
    });
    deadline.restart(lifetime, () => timedOut(request, lifetime));
    onOpen?.();
    yield* answer.body;
  } catch (error) {
    throw toApiError(error, request, channel.config.server);
  } finally {
    deadline.abort(new Error('the stream was closed'));
  }
}

/** Sends, tells the metrics what became of it, and makes every failure an {@link ApiError}. */
const exchange = async <T>(
  channel: Channel, pool: HttpPool, request: ApiRequest, deadline: Deadline,
  use: (answer: HttpHead) => Promise<T>,
): Promise<T> => {
  const { clock, config, onRequest } = channel;
  const start = clock.monotonic();
  let code = '<error>';
  try {
    const answer = await send(channel, pool, request, deadline);
    if (answer.status === 401) config.forgetCredentials();
    const result = await use(answer);
    code = String(answer.status);
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

const send = async (channel: Channel, pool: HttpPool, request: ApiRequest, deadline: Deadline): Promise<HttpHead> => {
  const headers = await deadline.race(channel.config.authHeaders());
  return pool.send(
    {
      method: request.method,
      path: request.path,
      headers: {
        ...headers,
        accept: request.accept ?? 'application/json',
        'user-agent': `offboard/${channel.version}`,
        ...(request.requestId !== undefined && { 'audit-id': request.requestId }),
        ...(request.body !== undefined && { 'content-type': request.contentType ?? 'application/json' }),
      },
      body: request.body === undefined ? undefined : JSON.stringify(request.body),
      limit: limitOf(channel, request),
      stream: pool === channel.watches,
    },
    deadline,
  );
};

const read = async (channel: Channel, request: ApiRequest, answer: HttpHead, deadline: Deadline): Promise<unknown> => {
  const { maxBody = defaultMaxBody } = channel;
  const body = await deadline.race(readBody(answer.body, maxBody));
  if (body === undefined) throw tooLarge(request, answer, maxBody);
  return interpret(request, answer, body);
};
