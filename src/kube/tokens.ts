/**
 * Tokens of ServiceAccounts for other systems: of the operator's own account, and canaries of those that are retired. Each is tried
 * against our own API server first: whoever is given one that it takes could act there as the account, with all that it may do.
 */
import { type OutcomeError, needsPerson } from '../runtime/outcome.ts';
import { asRecord, checkReview, garbage } from './check.ts';
import type { ObjectKey } from './client.ts';
import { knownByToken } from './config.ts';
import { ApiError, isDeniedByLock, isRbacForbidden, toOutcome } from './errors.ts';
import { pathTo } from './path.ts';
import { apiVersionOf, selfSubjectReviews, serviceAccounts, tokenRequests } from './resources.ts';
import { type Transport, type TransportOptions, createTransport } from './transport.ts';

export interface OwnTokens {
  /** One for that audience, that lasts ten minutes. `NeedsPerson` when it may not be had, or our API server takes it. */
  readonly issue: (audience: string, signal: AbortSignal) => Promise<string>;
}

interface TokensOptions extends Pick<TransportOptions, 'config' | 'clock' | 'version' | 'connect'> {
  /** As the operator itself. */
  readonly transport: Transport;
}

export interface OwnTokensOptions extends TokensOptions {
  readonly account: ObjectKey;
}

/** Whose canary it is. The UID keeps one of the same name, that was made since, out of it. */
export interface CanaryAccount {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Canaries {
  /** A token of that account for that audience. It is over by `until`, a monotonic time, in the words of our own clock. */
  readonly issue: (account: CanaryAccount, audience: string, signal: AbortSignal) => Promise<{ readonly token: string; readonly until: number }>;
}

/** The reason of an outcome: the lock is there before the canary. */
export const alreadyLocked = 'AlreadyLocked';

/** The shortest that an API server issues. A token of our own is used once, to log in. */
export const lifetimeSeconds = 600;

export const createOwnTokens = (options: OwnTokensOptions): OwnTokens => ({
  issue: async (audience, signal) => {
    try {
      const token = await requestToken(options.transport, options.account, { audiences: [audience] }, signal);
      if (!(await isTakenHere(options, token, signal))) return token;
    } catch (error) {
      throw signal.aborted ? error : toOutcome(error);
    }
    throw wrongAudience(audience, 'Offboard');
  },
});

export const createCanaries = (options: TokensOptions): Canaries => ({
  issue: async (account, audience, signal) => {
    const { namespace, name, uid } = account;
    try {
      const until = options.clock.monotonic() + lifetimeSeconds * 1000;
      const token = await requestToken(options.transport, account, { audiences: [audience] }, signal);
      // Not every API server holds a token to the UID that it was asked for.
      if (uidIn(token) !== uid) throw needsPerson('IdentityRecreated', `the token is not one of ServiceAccount "${name}" in "${namespace}" with UID ${uid}`);
      if (!(await isTakenHere(options, token, signal))) return { token, until };
    } catch (error) {
      if (signal.aborted) throw error;
      if (isRbacForbidden(error)) throw mayNot('create serviceaccounts/token', namespace);
      if (isDeniedByLock(error)) throw needsPerson(alreadyLocked, `ServiceAccount "${name}" in "${namespace}" is locked already, and tokens of it are not made any more`);
      throw toOutcome(error);
    }
    throw wrongAudience(audience, `ServiceAccount "${name}" in "${namespace}"`);
  },
});

/** The reasons of conditions, which are in the API's list. */
const wrongAudience = (audience: string, who: string): OutcomeError =>
  needsPerson(
    'WrongAudience',
    `the audience "${audience}" is one of this cluster's API server, where whoever is given such a token could act as ${who}; name another one`,
  );

/** `what` is a verb and a resource. */
export const mayNot = (what: string, namespace: string): OutcomeError =>
  needsPerson(
    'PermissionMissing',
    `Offboard may not ${what} in namespace "${namespace}": bind the ClusterRole offboard-canaries there, as the RoleBinding in config/canaries does, or ask for no probe`,
  );

/** What is asked for beside the ten minutes. Without audiences it is for the API server itself. */
interface TokenSpec {
  readonly audiences?: readonly string[];
  readonly boundObjectRef?: { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string };
}

export const requestToken = async (
  transport: Transport,
  { uid, ...key }: ObjectKey & { readonly uid?: string },
  spec: TokenSpec,
  signal: AbortSignal,
): Promise<string> => {
  const answer = await transport.request({
    verb: 'create',
    resource: 'serviceaccounts/token',
    method: 'POST',
    path: pathTo(serviceAccounts, { ...key, subresource: 'token' }),
    body: {
      ...typeOf(tokenRequests),
      ...(uid === undefined ? {} : { metadata: { uid } }),
      spec: { ...spec, expirationSeconds: lifetimeSeconds },
    },
    signal,
  });
  const token = asRecord(asRecord(checkReview(answer, tokenRequests))?.['status'])?.['token'];
  if (typeof token !== 'string' || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw garbage(tokenRequests, 'create', 'it holds no token');
  return token;
};

/** Of the account, as the API server put it into the token that it made for us just now. */
export const uidIn = (token: string): unknown => {
  const [, claims = ''] = token.split('.');
  try {
    const kubernetes = asRecord(asRecord(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')))?.['kubernetes.io']);
    return asRecord(kubernetes?.['serviceaccount'])?.['uid'];
  } catch {
    return undefined;
  }
};

/** Asked with this token and nothing else. Only a 401 says no: who is forbidden something is known. */
const isTakenHere = async ({ config, clock, version, connect }: TokensOptions, token: string, signal: AbortSignal): Promise<boolean> => {
  const transport = createTransport({ config: knownByToken(config, token), clock, version, connect, maxConnections: 1 });
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

const typeOf = (resource: typeof tokenRequests): object => ({ apiVersion: apiVersionOf(resource), kind: resource.kind });
