/**
 * One question in JSON and its answer, as they go over the wire to one service: answers are whole, a service that asks for patience
 * gets it, and one that does not answer is left alone for a while. Knows nothing of logging in, nor of what an answer means.
 */
import type { Breaker, Diagnosis } from '../runtime/breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/clock.ts';
import { type HttpAnswer, type HttpClient, HttpError, type HttpRequest } from '../runtime/http.ts';
import { OutcomeError, invalid, retryable } from '../runtime/outcome.ts';
import { withDeadline } from '../runtime/with-deadline.ts';

export interface JsonAnswer {
  readonly status: number;
  /** Parsed; undefined for an empty body. */
  readonly body: object | undefined;
  readonly headers: HttpAnswer['headers'];
}

export interface JsonQuestion extends Pick<HttpRequest, 'method' | 'path' | 'headers'> {
  /** Sent as JSON; a text is sent as it is, as a form. */
  readonly body?: object | string;
}

export interface JsonWire {
  /**
   * Rejects with a Retryable `OutcomeError` when there is no whole answer by `until`, which is a monotonic time, and when the
   * service still asks for patience then.
   */
  ask(question: JsonQuestion, until: number, signal: AbortSignal): Promise<JsonAnswer>;
}

/** How a service asks for patience, and how much it is given within one call. */
export interface Patience {
  readonly asked: (status: number) => boolean;
  /** How often it is asked again. */
  readonly repeats: number;
  /** Milliseconds before it is asked again, for the so-many-eth time. */
  readonly pause: (headers: HttpAnswer['headers'], repeats: number) => number;
}

export interface JsonWireOptions {
  readonly http: HttpClient;
  readonly breaker: Breaker;
  readonly clock: Clock;
  /** For messages. */
  readonly address: string;
  /** What should answer there, for messages. */
  readonly system: string;
  readonly patience: Patience;
  /** Statuses that say that the whole service is in trouble, and not what was asked about. */
  readonly inTrouble: ReadonlySet<number>;
  /** The service's own words, redacted. */
  readonly describe: (answer: JsonAnswer) => string;
  /** Milliseconds for one exchange, where there may be several by `until`. */
  readonly timeout?: number;
  /** False when another process may be the one that acts. */
  readonly mayAct: () => boolean;
  /** The HTTP status, or `<error>` when there was no answer. */
  readonly onRequest?: ((request: { readonly code: string }) => void) | undefined;
}

const busy = (address: string) => (): Error => retryable('Timeout', `there was no turn at ${address} in time: others are asking it`);

export const createJsonWire = (options: JsonWireOptions): JsonWire => {
  const { breaker, clock, address, patience, describe } = options;
  return {
    ask: async (question, until, signal) => {
      for (let repeats = 0; ; repeats += 1) {
        const answer = await withDeadline(clock, until - clock.monotonic(), busy(address), signal, (waiting) =>
          breaker.run(() => exchange(options, question, until, signal), (settled) => diagnose(settled, options, signal), waiting),
        );
        if (!patience.asked(answer.status)) return answer;
        const pause = patience.pause(answer.headers, repeats);
        if (repeats === patience.repeats || clock.monotonic() + pause >= until) {
          throw retryable('TooManyRequests', `${address} asks for patience: ${describe(answer)}`, { retryAfter: pause });
        }
        await sleep(clock, pause, signal);
      }
    },
  };
};

const exchange = async (options: JsonWireOptions, { method, path, headers, body }: JsonQuestion, until: number, signal: AbortSignal): Promise<JsonAnswer> => {
  const { http, clock, address, timeout = Infinity, mayAct, onRequest } = options;
  if (!mayAct()) throw retryable('NotLeading', `nothing was sent to ${address}: this process does not lead any more`);
  let code = '<error>';
  try {
    const answer = await http.request({
      method,
      path,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      timeout: Math.min(timeout, Math.max(1, until - clock.monotonic())),
      signal,
    });
    code = String(answer.status);
    // Here, so that an answer of something else counts as none.
    return toAnswer(answer, options);
  } catch (error) {
    if (error instanceof HttpError) throw retryable(error.reason, error.reason === 'Timeout' ? `no whole answer from ${address} in time` : error.message);
    throw error;
  } finally {
    onRequest?.({ code });
  }
};

const diagnose = (settled: PromiseSettledResult<JsonAnswer>, { address, inTrouble, describe }: JsonWireOptions, caller: AbortSignal): Diagnosis => {
  if (settled.status === 'rejected') {
    const { reason } = settled as { readonly reason: unknown };
    return caller.aborted || !(reason instanceof OutcomeError) || reason.reason === 'NotLeading' ? 'untold' : reason;
  }
  if (!inTrouble.has(settled.value.status)) return 'well';
  return retryable('Unavailable', `${address} is not available: ${describe(settled.value)}`);
};

/** Throws for what is no answer of the service: a redirect, which is never followed, and all that is neither empty nor JSON. */
const toAnswer = ({ status, headers, body }: HttpAnswer, { address, system }: JsonWireOptions): JsonAnswer => {
  if (status >= 300 && status < 400) {
    throw retryable('Redirected', `${address} redirected the request (HTTP ${status}), which is never followed: is it the address of the server itself?`);
  }
  return { status, body: body === '' ? undefined : parse(body, status, address, system), headers };
};

const parse = (body: string, status: number, address: string, system: string): object => {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told below, without the text: it is anybody's.
  }
  throw retryable('Garbage', `the answer of ${address} (HTTP ${status}) is not one of ${system}: is there a proxy in between?`);
};

/** Servers decode `%2F` before they look at a path, so encoding alone would protect nothing. */
export const pathSegment = (value: string, system: string): string => {
  const usable = value !== '' && value !== '.' && value !== '..' && !/[/%\\\p{Cc}]/u.test(value) && value.isWellFormed();
  if (!usable) throw invalid('InvalidPath', `${JSON.stringify(value.slice(0, 60))} cannot be part of a path in ${system}`);
  return encodeURIComponent(value);
};
