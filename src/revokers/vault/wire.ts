/** What is Vault's own about a question and its answer on the wire. Knows nothing of logging in. */
import { invalid } from '../../runtime/outcome.ts';
import { readRetryAfter } from '../../runtime/retry-after.ts';
import { createJsonWire, type JsonWireOptions, type Patience, pathSegment } from '../json-wire.ts';
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

export interface WireOptions extends Pick<JsonWireOptions, 'http' | 'breaker' | 'clock' | 'address' | 'mayAct' | 'onRequest'> {
  readonly namespace: string;
}

const longestPause = 5_000;
const usualPause = 1_000;

const patience: Patience = {
  // Too many requests; or, from HashiCorp's, a standby that is not as far as it was asked to be.
  asked: (status) => status === 429 || status === 412,
  repeats: 2,
  pause: (headers) => Math.min(longestPause, Math.max(100, readRetryAfter(headers['retry-after']) ?? usualPause)),
};

/**
 * A 500 is no trouble of the server's: Vault says so of a role or an accessor that it does not know, and whoever names such
 * would close the connector for everybody.
 */
const inTrouble: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export const createWire = ({ namespace, ...options }: WireOptions): Wire => {
  const wire = createJsonWire({ ...options, system: 'Vault', patience, inTrouble, describe: describeAnswer });
  return {
    ask: async (request, token, until, signal) => {
      const { method, body: sent } = request;
      const { status, body, headers } = await wire.ask(
        {
          // Proxies know no method of this name; the server takes this for it.
          method: method === 'LIST' ? 'GET' : method,
          path: pathOf(request),
          headers: headersOf(request, token, namespace),
          ...(sent !== undefined && { body: sent }),
        },
        until,
        signal,
      );
      const index = headers['x-vault-index'];
      return { status, body, ...(typeof index === 'string' && { index }) };
    },
  };
};

const headersOf = (request: VaultRequest, token: string | undefined, namespace: string): Record<string, string> => ({
  // Some proxies of Vault let nothing through without it, so that no browser can be made to ask.
  'x-vault-request': 'true',
  ...(token !== undefined && { 'x-vault-token': token }),
  // The health of a server is that of all its namespaces, and is refused where one is named.
  ...(namespace !== '' && request.path.join('/') !== 'sys/health' && { 'x-vault-namespace': namespace }),
  // A standby that has not come that far passes the question on to the active node.
  ...(request.notBefore?.index !== undefined && { 'x-vault-index': request.notBefore.index, 'x-vault-inconsistent': 'forward-active-node' }),
});

const pathOf = ({ method, path, query = {} }: VaultRequest): string => {
  if (path.length === 0) throw invalid('InvalidPath', 'a path to Vault has no part');
  const parameters = Object.entries({ ...(method === 'LIST' && { list: 'true' }), ...query }).map(
    ([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
  );
  return `/v1/${path.map((segment) => pathSegment(segment, 'Vault')).join('/')}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
};
