/**
 * Tokens of the operator's own account for other systems. Each is tried against our own API server first: whoever is given one
 * that it takes could act as the operator, with all that the operator may do.
 */
import { needsPerson } from '../runtime/outcome.ts';
import { asRecord, checkReview, garbage } from './check.ts';
import type { ObjectKey } from './client.ts';
import type { KubeConfig } from './config.ts';
import { ApiError, toOutcome } from './errors.ts';
import { pathTo } from './path.ts';
import { apiVersionOf, selfSubjectReviews, serviceAccounts, tokenRequests } from './resources.ts';
import { type Transport, type TransportOptions, createTransport } from './transport.ts';

export interface OwnTokens {
  /** One for that audience, that lasts ten minutes. `NeedsPerson` when it may not be had, or our API server takes it. */
  readonly issue: (audience: string, signal: AbortSignal) => Promise<string>;
}

export interface OwnTokensOptions extends Pick<TransportOptions, 'config' | 'clock' | 'version'> {
  /** As the operator itself. */
  readonly transport: Transport;
  readonly account: ObjectKey;
}

/** The shortest that an API server issues. A token is used once, to log in. */
const lifetimeSeconds = 600;

export const createOwnTokens = (options: OwnTokensOptions): OwnTokens => ({
  issue: async (audience, signal) => {
    try {
      const token = await request(options, audience, signal);
      if (!(await isTakenHere(options, token, signal))) return token;
    } catch (error) {
      throw signal.aborted ? error : toOutcome(error);
    }
    // The reason of a condition, which is in the API's list.
    throw needsPerson(
      'WrongAudience',
      `the audience "${audience}" is one of this cluster's API server, where whoever is given such a token could act as Offboard; name another one`,
    );
  },
});

const request = async ({ transport, account }: OwnTokensOptions, audience: string, signal: AbortSignal): Promise<string> => {
  const answer = await transport.request({
    verb: 'create',
    resource: 'serviceaccounts/token',
    method: 'POST',
    path: pathTo(serviceAccounts, { ...account, subresource: 'token' }),
    body: { ...typeOf(tokenRequests), spec: { audiences: [audience], expirationSeconds: lifetimeSeconds } },
    signal,
  });
  const token = asRecord(asRecord(checkReview(answer, tokenRequests))?.['status'])?.['token'];
  if (typeof token !== 'string' || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw garbage(tokenRequests, 'create', 'it holds no token');
  return token;
};

/** Asked with this token and nothing else. Only a 401 says no: who is forbidden something is known. */
const isTakenHere = async ({ config, clock, version }: OwnTokensOptions, token: string, signal: AbortSignal): Promise<boolean> => {
  const transport = createTransport({ config: withToken(config, token), clock, version, maxConnections: 1 });
  const path = pathTo(selfSubjectReviews, {});
  try {
    await transport.request({ verb: 'create', resource: selfSubjectReviews.plural, method: 'POST', path, body: typeOf(selfSubjectReviews), signal });
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 401 && error.reason === 'Unauthorized') return false;
    if (error instanceof ApiError && error.code === 403 && error.reason === 'Forbidden') return true;
    throw error;
  } finally {
    await transport.close();
  }
};

/** The same server, but known by the token alone: no certificate, no headers of the kubeconfig. */
const withToken = ({ tls: { cert: _cert, key: _key, ...tls }, ...config }: KubeConfig, token: string): KubeConfig => ({
  ...config,
  tls,
  authHeaders: () => Promise.resolve({ authorization: `Bearer ${token}` }),
  forgetCredentials: () => undefined,
});

const typeOf = (resource: typeof tokenRequests): object => ({ apiVersion: apiVersionOf(resource), kind: resource.kind });
