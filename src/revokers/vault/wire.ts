/**
 * One question and its answer, as they go over the wire to one server: paths are checked and encoded, answers are whole, a server
 * that asks for patience gets it, and one that does not answer is left alone for a while. Knows nothing of logging in.
 */
import type { Breaker, Diagnosis } from '../../runtime/breaker.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/clock.ts';
import { type HttpAnswer, type HttpClient, HttpError } from '../../runtime/http.ts';
import { OutcomeError, invalid, retryable } from '../../runtime/outcome.ts';
import { withDeadline } from '../../runtime/with-deadline.ts';
import type { VaultAnswer, VaultRequest } from './client.ts';
import { describeAnswer } from './errors.ts';

export interface WireAnswer extends VaultAnswer {
  /** The state of the storage that the answer comes from, where the server tells one. */
  readonly index?: string;
}

export interface Wire {
  /**
   * Rejects with a Retryable `OutcomeError` when there is no whole answer by `until`, which is a monotonic time, and when the
   * server still asks for patience then.
   */
  ask(request: VaultRequest, token: string | undefined, until: number, signal: AbortSignal): Promise<WireAnswer>;
}

export interface WireOptions {
  readonly http: HttpClient;
  readonly breaker: Breaker;
  readonly clock: Clock;
  /** For messages. */
  readonly address: string;
  readonly namespace: string;
  /** False when another process may be the one that acts. */
  readonly mayAct: () => boolean;
  /** The HTTP status, or `<error>` when there was no answer. */
  readonly onRequest?: ((request: { readonly code: string }) => void) | undefined;
}

/** How often a server that asks for patience is asked again within one call, and the longest pause before that. */
const mostRepeats = 2;
const longestPause = 5_000;
const usualPause = 1_000;

export const createWire = (options: WireOptions): Wire => {
  const { breaker, clock, address } = options;
  return {
    ask: async (request, token, until, signal) => {
      const path = pathOf(request);
      for (let repeats = 0; ; repeats += 1) {
        const busy = retryable('Timeout', `there was no turn at ${address} in time: others are asking it`);
        const { answer, pause } = await withDeadline(clock, until - clock.monotonic(), busy, signal, (waiting) =>
          breaker.run(() => exchange(options, request, path, token, until, signal), (settled) => diagnose(settled, address, signal), waiting),
        );
        if (!asksForPatience(answer.status)) return answer;
        if (repeats === mostRepeats || clock.monotonic() + pause >= until) {
          throw retryable('TooManyRequests', `${address} asks for patience: ${describeAnswer(answer)}`, { retryAfter: pause });
        }
        await sleep(clock, pause, signal);
      }
    },
  };
};

interface Exchanged {
  readonly answer: WireAnswer;
  /** Milliseconds before asking again, where the server asks for patience. */
  readonly pause: number;
}

const exchange = async (
  { http, clock, namespace, address, mayAct, onRequest }: WireOptions,
  request: VaultRequest, path: string, token: string | undefined, until: number, signal: AbortSignal,
): Promise<Exchanged> => {
  if (!mayAct()) throw retryable('NotLeading', `nothing was sent to ${address}: this process does not lead any more`);
  const { method, body, notBefore } = request;
  let code = '<error>';
  try {
    const answer = await http.request({
      // Proxies know no method of this name; the server takes this for it.
      method: method === 'LIST' ? 'GET' : method,
      path,
      headers: {
        accept: 'application/json',
        // Some proxies of Vault let nothing through without it, so that no browser can be made to ask.
        'x-vault-request': 'true',
        ...(token !== undefined && { 'x-vault-token': token }),
        // The health of a server is that of all its namespaces, and is refused where one is named.
        ...(namespace !== '' && !isHealth(request) && { 'x-vault-namespace': namespace }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        // A standby that has not come that far passes the question on to the active node.
        ...(notBefore?.index !== undefined && { 'x-vault-index': notBefore.index, 'x-vault-inconsistent': 'forward-active-node' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      timeout: Math.max(1, until - clock.monotonic()),
      signal,
    });
    code = String(answer.status);
    // Here, so that an answer of something else counts as none.
    return { answer: toAnswer(answer, address), pause: pauseOf(answer) };
  } catch (error) {
    if (error instanceof HttpError) throw retryable(error.reason, error.reason === 'Timeout' ? `no whole answer from ${address} in time` : error.message);
    throw error;
  } finally {
    onRequest?.({ code });
  }
};

/**
 * A 500 is no trouble of the server's: Vault says so of a role or an accessor that it does not know, and whoever names such
 * would close the connector for everybody.
 */
const inTrouble: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const diagnose = (settled: PromiseSettledResult<Exchanged>, address: string, caller: AbortSignal): Diagnosis => {
  if (settled.status === 'rejected') {
    const { reason } = settled as { readonly reason: unknown };
    return caller.aborted || !(reason instanceof OutcomeError) || reason.reason === 'NotLeading' ? 'untold' : reason;
  }
  const { answer } = settled.value;
  if (!inTrouble.has(answer.status)) return 'well';
  return retryable('Unavailable', `${address} is not available: ${describeAnswer(answer)}`);
};

const isHealth = ({ path }: VaultRequest): boolean => path.join('/') === 'sys/health';

/** Too many requests; or, from HashiCorp's, a standby that is not as far as it was asked to be. */
const asksForPatience = (status: number): boolean => status === 429 || status === 412;

const pauseOf = ({ headers }: HttpAnswer): number => {
  const value = headers['retry-after'];
  if (typeof value !== 'string' || !/^\d{1,6}$/.test(value)) return usualPause;
  return Math.min(longestPause, Math.max(100, Number(value) * 1_000));
};

/** Throws for what is no answer of Vault: a redirect, which is never followed, and all that is neither empty nor JSON. */
const toAnswer = ({ status, headers, body }: HttpAnswer, address: string): WireAnswer => {
  if (status >= 300 && status < 400) {
    throw retryable('Redirected', `${address} redirected the request (HTTP ${status}), which is never followed: is it the address of the server itself?`);
  }
  const index = headers['x-vault-index'];
  return { status, body: body === '' ? undefined : parse(body, status, address), ...(typeof index === 'string' && { index }) };
};

const parse = (body: string, status: number, address: string): object => {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told below, without the text: it is anybody's.
  }
  throw retryable('Garbage', `the answer of ${address} (HTTP ${status}) is not one of Vault: is there a proxy in between?`);
};

const pathOf = ({ method, path, query = {} }: VaultRequest): string => {
  if (path.length === 0) throw invalid('InvalidPath', 'a path to Vault has no part');
  const parameters = Object.entries({ ...(method === 'LIST' && { list: 'true' }), ...query }).map(
    ([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
  );
  return `/v1/${path.map(segment).join('/')}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
};

/** The server decodes `%2F` before it looks at a path, so encoding alone would protect nothing. */
const segment = (value: string): string => {
  const usable = value !== '' && value !== '.' && value !== '..' && !/[/%\\\p{Cc}]/u.test(value) && value.isWellFormed();
  if (!usable) throw invalid('InvalidPath', `${JSON.stringify(value.slice(0, 60))} cannot be part of a path in Vault`);
  return encodeURIComponent(value);
};
