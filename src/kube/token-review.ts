/**
 * What one API server thinks of a token: asked by TokenReview, as somebody who may, and tried, by the token alone.
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
 */
import { redactText } from '../runtime/redact.ts';
import type { ApiServer } from './api-servers.ts';
import { asRecord, checkReview } from './check.ts';
import { ApiError, isRbacForbidden } from './errors.ts';
import { pathTo } from './path.ts';
import { apiVersionOf, type Resource, selfSubjectReviews, tokenReviews } from './resources.ts';
import type { CanaryAccount } from './tokens.ts';
import type { Transport } from './transport.ts';

export type TokenVerdict =
  /** It is a token of the account. `audiences` are those of the server by which it took it, where it told. */
  | { readonly said: 'Taken'; readonly audiences: readonly string[] }
  /** `cause` is whose end it was refused for; by the token alone no server tells that. */
  | { readonly said: 'Refused'; readonly cause: 'Account' | 'Secret' | 'Expired' | 'Untold' }
  /** Our own failure, somebody else's answer, or a refusal for a reason that is none of these. */
  | { readonly said: 'Unknown'; readonly why: string };

/** Milliseconds. All tries of one look must fit into it. */
const timeout = 5_000;
const longestReason = 200;

/**
 * Asks as the operator. What a server took once it takes from memory for 10 s; it has one for each list of audiences, so that with one
 * that was never named before it must look. Rejects only with the signal's reason and when the operator may not ask.
 */
export const reviewToken = async (
  { transport }: Pick<ApiServer, 'transport'>,
  account: CanaryAccount,
  token: string,
  audiences: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<TokenVerdict> => {
  try {
    const spec = { token, ...(audiences !== undefined && { audiences }) };
    return readReview(await ask(transport, tokenReviews, { spec }, signal), account);
  } catch (error) {
    signal.throwIfAborted();
    if (isRbacForbidden(error)) throw error;
    return unknown(error);
  }
};

/** Calls by the token alone: who is it? The transport is closed here. */
export const tryToken = async ({ withToken }: Pick<ApiServer, 'withToken'>, account: CanaryAccount, token: string, signal: AbortSignal): Promise<TokenVerdict> => {
  const transport = withToken(token);
  try {
    const status = statusOf(await ask(transport, selfSubjectReviews, {}, signal), selfSubjectReviews);
    return isAccount(status?.['userInfo'], account) ? { said: 'Taken', audiences: [] } : somebodyElse;
  } catch (error) {
    signal.throwIfAborted();
    // The very answer of an API server, not that of a proxy before it.
    if (error instanceof ApiError && error.code === 401 && error.reason === 'Unauthorized') return { said: 'Refused', cause: 'Untold' };
    // Who is told that he may not is known by his token.
    if (error instanceof ApiError && error.code === 403 && error.message.includes(`"${userOf(account)}"`)) return { said: 'Taken', audiences: [] };
    return unknown(error);
  } finally {
    await transport.close();
  }
};

const ask = (transport: Transport, resource: Resource, body: object, signal: AbortSignal): Promise<unknown> =>
  transport.request({
    verb: 'create',
    resource: resource.plural,
    method: 'POST',
    path: pathTo(resource, {}),
    body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...body },
    signal,
    timeout,
  });

const statusOf = (answer: unknown, resource: Resource): Readonly<Record<string, unknown>> | undefined =>
  asRecord(asRecord(checkReview(answer, resource))?.['status']);

/** `authenticated` is left out, and not false, where the token is refused. */
const readReview = (answer: unknown, account: CanaryAccount): TokenVerdict => {
  const status = statusOf(answer, tokenReviews);
  if (status?.['authenticated'] === true) {
    if (!isAccount(status['user'], account)) return somebodyElse;
    const audiences: unknown = status['audiences'];
    return { said: 'Taken', audiences: Array.isArray(audiences) ? audiences.filter((each) => typeof each === 'string') : [] };
  }
  const error = status?.['error'];
  const cause = typeof error === 'string' ? causeOf(error, account) : undefined;
  if (cause !== undefined) return { said: 'Refused', cause };
  const words = typeof error === 'string' && error !== '' ? redactText(error, longestReason) : 'without a reason';
  return { said: 'Unknown', why: `it is refused, and not for the end of its account: ${words}` };
};

/**
 * In the words of the validator of bound tokens (pkg/serviceaccount/claims.go), which asks for the time first, then for the account,
 * and for the Secret last. In an error that is none of these, a server only says that it could not look.
 */
const causeOf = (error: string, { namespace, name }: CanaryAccount): 'Account' | 'Secret' | 'Expired' | undefined => {
  if (error.includes('service account token has expired')) return 'Expired';
  if (error.includes(`serviceaccounts "${name}" not found`)) return 'Account';
  if (/service account UID \([^()]*\) does not match claim/.test(error)) return 'Account';
  if (error.includes(`service account ${namespace}/${name} has been deleted`)) return 'Account';
  if (error.includes('service account token has been invalidated')) return 'Secret';
  if (/secret UID \([^()]*\) does not match service account secret ref claim/.test(error)) return 'Secret';
  return undefined;
};

const userOf = ({ namespace, name }: CanaryAccount): string => `system:serviceaccount:${namespace}:${name}`;

const isAccount = (user: unknown, account: CanaryAccount): boolean =>
  asRecord(user)?.['username'] === userOf(account) && asRecord(user)?.['uid'] === account.uid;

const somebodyElse: TokenVerdict = { said: 'Unknown', why: 'the answer is about somebody else' };

const unknown = (error: unknown): TokenVerdict => ({
  said: 'Unknown',
  why: redactText(error instanceof Error ? error.message : String(error), longestReason),
});
