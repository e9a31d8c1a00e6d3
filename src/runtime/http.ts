/**
 * HTTP for services that are asked one question at a time: every whole answer is given as it is, whatever its status, and
 * everything else is an {@link HttpError}. What an answer means is for the caller.
 */
import type { Clock } from './clock.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { type Connect, type HttpHeaders, type HttpPool, type HttpPoolOptions, createHttpPool, failureOf, readBody } from './http-pool.ts';
import { redactText } from './redact.ts';

export interface HttpClientOptions extends HttpPoolOptions {
  readonly clock: Clock;
  readonly userAgent: string;
  /** Milliseconds from call to whole answer, time in the queue included; 10 s when absent. */
  readonly timeout?: number;
  /** Bytes of an answer; 16 MiB when absent. */
  readonly maxBody?: number;
  /** Real sockets when absent. */
  readonly connect?: Connect | undefined;
}

export interface HttpRequest {
  readonly method: string;
  /** Encoded, with its query, beginning with a slash. */
  readonly path: string;
  readonly headers?: HttpHeaders;
  readonly body?: string;
  /** Aborting it ends the request with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds, instead of the client's. */
  readonly timeout?: number;
}

/** An answer that was read to its end. Header names are in lower case. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: string;
}

export interface HttpClient {
  /** Rejects with an {@link HttpError}, or with the reason of the caller's signal. */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** Breaks whatever is still under way, and whatever is asked from now on. */
  close(): Promise<void>;
}

/**
 * There is no whole answer. `Timeout`: not in time. `Transport`: no connection, or it broke, also within the body. `TooLarge`:
 * it was not read to its end. The message is on one line and names the server; nothing that was sent is in it.
 */
export class HttpError extends Error {
  readonly reason: 'Timeout' | 'Transport' | 'TooLarge';
  /** Of the answer that had begun; 0 when there was none. */
  readonly status: number;

  constructor(reason: HttpError['reason'], message: string, status = 0) {
    super(redactText(message));
    this.name = 'HttpError';
    this.reason = reason;
    this.status = status;
  }
}

const defaultTimeout = 10_000;
const defaultMaxBody = 16 * 2 ** 20;

export const createHttpClient = (options: HttpClientOptions): HttpClient => {
  const { connect = createHttpPool } = options;
  const pool = connect(options);
  const { clock, base, timeout = defaultTimeout } = options;
  return {
    request: async (request) => {
      const limit = request.timeout ?? timeout;
      const expired = (): HttpError => new HttpError('Timeout', `no whole answer from ${base} within ${limit / 1000} s`);
      const deadline = startDeadline(clock, limit, expired, request.signal);
      try {
        return await exchange(pool, options, request, limit, deadline);
      } catch (error) {
        const failure = toHttpError(error, request.signal, base);
        // Whatever the library still holds of this request, it lets go of now.
        deadline.abort(failure);
        throw failure;
      } finally {
        deadline.stop();
      }
    },
    close: pool.close,
  };
};

const exchange = async (
  pool: HttpPool, { base, userAgent, maxBody = defaultMaxBody }: HttpClientOptions, request: HttpRequest, limit: number, deadline: Deadline,
): Promise<HttpAnswer> => {
  const { method, path, body } = request;
  const headers = { ...request.headers, 'user-agent': userAgent };
  const head = await pool.send({ method, path, headers, body, limit }, deadline);
  const text = await deadline.race(readBody(head.body, maxBody));
  if (text === undefined) {
    throw new HttpError('TooLarge', `an answer of ${base} (HTTP ${head.status}) is larger than ${maxBody / 2 ** 20} MiB`, head.status);
  }
  return { status: head.status, headers: head.headers, body: text };
};

const toHttpError = (error: unknown, caller: AbortSignal | undefined, base: string): Error => {
  if (error instanceof HttpError || (caller?.aborted && error === caller.reason)) return error as Error;
  const { timedOut, text } = failureOf(error);
  if (timedOut) return new HttpError('Timeout', `no whole answer from ${base} in time`);
  return new HttpError('Transport', `did not get through to ${base}: ${text}`);
};
