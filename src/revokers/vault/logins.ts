/** How a token of our own is come by. What is read from a Secret, and what is made from it, is never told to anybody but the server. */
import type { VaultConnectorSpec } from '../../api/v1alpha1/index.ts';
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { type OutcomeError, needsPerson, retryable } from '../../runtime/outcome.ts';
import type { ReadSecret } from '../secrets.ts';
import { fieldOf, numberOf, textOf } from '../fields.ts';
import { dataOf } from './answers.ts';
import type { VaultAnswer, VaultRequest } from './client.ts';
import { describeAnswer } from './errors.ts';

/** A token as the server described it. */
export interface VaultToken {
  readonly value: string;
  readonly accessor: string;
  readonly entityId: string;
  readonly renewable: boolean;
  /** Milliseconds that it had left when it was described; undefined when it never ends. */
  readonly ttl: number | undefined;
}

export interface Login {
  /** For messages: what to look at when it is refused. */
  readonly by: string;
  /** Rejects with an `OutcomeError`: `NeedsPerson` where trying again would not help. */
  readonly obtain: (signal: AbortSignal) => Promise<VaultToken>;
  /** Whether the token is no longer the one that people gave us. Left out where nobody gives one. */
  readonly isReplaced?: (token: VaultToken, signal: AbortSignal) => Promise<boolean>;
}

/** Answers to questions that need no token, or that one. */
export type Ask = (request: VaultRequest, token: string | undefined, signal: AbortSignal) => Promise<VaultAnswer>;

export interface LoginOptions {
  readonly ask: Ask;
  readonly readSecret: ReadSecret;
  /** A token of the operator's own ServiceAccount for that audience, which the API server itself does not take. */
  readonly ownToken: (audience: string, signal: AbortSignal) => Promise<string>;
}

export const createLogin = (auth: VaultConnectorSpec['auth'], options: LoginOptions): Login => {
  const { kubernetes, appRole, tokenSecretRef } = auth;
  if (kubernetes !== undefined) {
    const { mount = 'kubernetes', role, audience } = kubernetes;
    const credentials = async (signal: AbortSignal): Promise<object> => ({ role, jwt: await options.ownToken(audience, signal) });
    return byLogin(`role "${role}" of auth/${mount}`, mount, credentials, options.ask);
  }
  if (appRole !== undefined) {
    const { mount = 'approle', roleId, secretIdSecretRef: { name, key } } = appRole;
    const credentials = async (signal: AbortSignal): Promise<object> => ({ role_id: roleId, secret_id: await options.readSecret(name, key, signal) });
    return byLogin(`auth/${mount} and the secret id in Secret "${name}"`, mount, credentials, options.ask);
  }
  if (tokenSecretRef !== undefined) return bySecret(tokenSecretRef, options);
  throw needsPerson(reasons.invalidSpec, 'spec.vault.auth: exactly one of kubernetes, appRole, tokenSecretRef must be set');
};

const byLogin = (by: string, mount: string, credentials: (signal: AbortSignal) => Promise<object>, ask: Ask): Login => ({
  by,
  obtain: async (signal) => {
    const body = await credentials(signal);
    const answer = await ask({ method: 'POST', path: ['auth', ...mount.split('/'), 'login'], body }, undefined, signal);
    if (answer.status !== 200) throw refused(`the login by ${by} is refused`, answer);
    const auth = fieldOf(answer.body, 'auth');
    const value = textOf(auth, 'client_token') ?? '';
    if (value === '') throw retryable('Garbage', `the login by ${by} gave no token`);
    return toToken(by, value, auth, { type: 'token_type', ttl: 'lease_duration' });
  },
});

const bySecret = ({ name, key }: { readonly name: string; readonly key: string }, { ask, readSecret }: LoginOptions): Login => {
  const by = `the token in Secret "${name}"`;
  return {
    by,
    obtain: async (signal) => {
      const value = await readSecret(name, key, signal);
      const answer = await ask(lookupSelf, value, signal);
      if (answer.status !== 200) throw refused(`${by} is refused`, answer);
      return toToken(by, value, dataOf(answer.body), { type: 'type', ttl: 'ttl' });
    },
    isReplaced: async (token, signal) => (await readSecret(name, key, signal)) !== token.value,
  };
};

export const lookupSelf: VaultRequest = { method: 'GET', path: ['auth', 'token', 'lookup-self'] };

/** The token with the life that the server gave it anew; undefined when it refuses. */
export const renew = async (token: VaultToken, ask: Ask, signal: AbortSignal): Promise<VaultToken | undefined> => {
  const answer = await ask({ method: 'POST', path: ['auth', 'token', 'renew-self'], body: {} }, token.value, signal);
  if (answer.status >= 500) throw retryable('LoginFailed', `the token could not be renewed: ${describeAnswer(answer)}`);
  if (answer.status !== 200) return undefined;
  return { ...token, ttl: ttlOf(fieldOf(answer.body, 'auth'), 'lease_duration') };
};

const refused = (what: string, answer: VaultAnswer): OutcomeError => {
  const message = `${what}: ${describeAnswer(answer)}`;
  return answer.status >= 500 ? retryable('LoginFailed', message) : needsPerson(reasons.loginRefused, message);
};

/** A batch token has no accessor and no cubbyhole: neither could it be told from the tokens to end, nor how current a read is. */
const toToken = (by: string, value: string, described: unknown, keys: { readonly type: string; readonly ttl: string }): VaultToken => {
  const accessor = textOf(described, 'accessor') ?? '';
  if (accessor === '' || textOf(described, keys.type) === 'batch') {
    throw needsPerson(reasons.loginRefused, `${by}: it gives a batch token, and Offboard needs a service token (token_type=service)`);
  }
  return {
    value,
    accessor,
    entityId: textOf(described, 'entity_id') ?? '',
    renewable: fieldOf(described, 'renewable') === true,
    ttl: ttlOf(described, keys.ttl),
  };
};

/** The server tells seconds, and zero of what never ends. */
const ttlOf = (described: unknown, key: string): number | undefined => {
  const seconds = numberOf(described, key) ?? 0;
  return seconds > 0 ? seconds * 1_000 : undefined;
};
