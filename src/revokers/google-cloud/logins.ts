/** How an access token of our own is come by. What it is made from goes to Google alone, and into no message. */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';

import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type OutcomeError, needsPerson, retryable } from '../../runtime/outcome.ts';
import { fieldOf, jsonOf, numberOf, textOf } from '../fields.ts';
import type { JsonAnswer } from '../json-wire.ts';
import type { ReadSecret } from '../secrets.ts';
import { describeAnswer } from './answers.ts';
import type { GoogleSelf } from './api.ts';
import type { GoogleServices } from './services.ts';
import { type GoogleAuth, isEmail } from './settings.ts';
import { cloudPlatform, exchangeForm } from './token-exchange.ts';

export interface GoogleToken {
  readonly value: string;
  /** Milliseconds that it has left. */
  readonly ttl: number;
  /** Whose it is. */
  readonly self: GoogleSelf;
}

export interface GoogleLogin {
  /** Rejects with an `OutcomeError`: `NeedsPerson` where trying again would not help. */
  readonly obtain: (signal: AbortSignal) => Promise<GoogleToken>;
  /** Whether people gave us something else to log in by since. Left out where nobody gives anything. */
  readonly isReplaced?: (signal: AbortSignal) => Promise<boolean>;
}

export interface LoginOptions {
  readonly ask: GoogleServices['ask'];
  readonly clock: Clock;
  /** A file in a Secret in the operator's own namespace. */
  readonly readSecret: ReadSecret;
  /** A token of the operator's own ServiceAccount for that audience, which the API server itself does not take. */
  readonly ownToken: (audience: string, signal: AbortSignal) => Promise<string>;
}

export const createLogin = (auth: GoogleAuth, options: LoginOptions): GoogleLogin => {
  switch (auth.by) {
    case 'federation':
      return byFederation(auth, options);
    case 'attached':
      return byMetadata(options);
    case 'key':
      return byKey(auth.secret, options);
  }
};

const usualLifetime = 3_600_000;

// ---- workload identity federation --------------------------------------------------------------------------------

const byFederation = (auth: Extract<GoogleAuth, { by: 'federation' }>, options: LoginOptions): GoogleLogin => {
  const { audience, tokenAudience, serviceAccount, pool } = auth;
  return {
    obtain: async (signal) => {
      const subject = await options.ownToken(tokenAudience, signal);
      const federated = await exchange(subject, audience, options, signal);
      if (serviceAccount !== undefined) return impersonate(federated.value, serviceAccount, options, signal);
      return { ...federated, self: { name: memberOf(subject, pool) ?? `a subject of ${audience}` } };
    },
  };
};

const exchange = async (subject: string, audience: string, { ask }: LoginOptions, signal: AbortSignal): Promise<Omit<GoogleToken, 'self'>> => {
  const answer = await ask('sts', { method: 'POST', path: '/v1/token', body: exchangeForm(subject, audience) }, signal);
  return tokenOf(answer, `the exchange of a ServiceAccount's token at ${audience}`);
};

/** There the project is always a dash: https://docs.cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken. */
const impersonate = async (token: string, email: string, { ask, clock }: LoginOptions, signal: AbortSignal): Promise<GoogleToken> => {
  const what = `acting as ${email}`;
  const answer = await ask(
    'iamcredentials',
    {
      method: 'POST',
      path: `/v1/projects/-/serviceAccounts/${encodeURIComponent(email)}:generateAccessToken`,
      headers: { authorization: `Bearer ${token}` },
      body: { scope: [cloudPlatform], lifetime: `${usualLifetime / 1_000}s` },
    },
    signal,
  );
  if (answer.status !== 200) throw refused(what, answer);
  const left = Date.parse(textOf(answer.body, 'expireTime') ?? '') - clock.now().getTime();
  // Where the clocks differ that much, what was asked for says more.
  return { value: valueOf(answer, 'accessToken', what), ttl: left > 0 && left < usualLifetime ? left : usualLifetime, self: { email, name: email } };
};

/** As policies name whose token it is. Whoever issued it has signed it, so it is not checked here. */
const memberOf = (token: string, pool: Extract<GoogleAuth, { by: 'federation' }>['pool']): string | undefined => {
  const kubernetes = fieldOf(claimsOf(token), 'kubernetes.io');
  const account = fieldOf(kubernetes, 'serviceaccount');
  const values = new Map([['namespace', textOf(kubernetes, 'namespace')], ['name', textOf(account, 'name')], ['uid', textOf(account, 'uid')]]);
  if (pool === undefined || [...values.values()].includes(undefined)) return undefined;
  const subject = pool.subject.replace(/\{(namespace|name|uid)\}/g, (_, key: string) => values.get(key) ?? '');
  return `principal://iam.googleapis.com/${pool.name}/subject/${subject}`;
};

const claimsOf = (token: string): unknown => jsonOf(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));

// ---- the metadata server -----------------------------------------------------------------------------------------

const account = '/computeMetadata/v1/instance/service-accounts/default/';

const byMetadata = ({ ask }: LoginOptions): GoogleLogin => {
  const what = 'the login by the metadata server';
  const question = async (path: string, signal: AbortSignal): Promise<JsonAnswer> => {
    const answer = await ask('metadata', { method: 'GET', path, headers: { 'metadata-flavor': 'Google' } }, signal);
    if (answer.status === 404) throw needsPerson(reasons.loginRefused, `${what}: the machine or the pod has no service account`);
    if (answer.headers['metadata-flavor'] !== 'Google') throw retryable('Garbage', `${what}: what answers is not the metadata server`);
    return answer;
  };
  return {
    obtain: async (signal) => {
      const described = await question(`${account}?recursive=true`, signal);
      if (described.status !== 200) throw refused(what, described);
      const name = textOf(described.body, 'email') ?? '';
      if (name === '') throw retryable('Garbage', `${what}: it does not tell whose it is`);
      const email = name.toLowerCase();
      const token = tokenOf(await question(`${account}token`, signal), what);
      // A pod that is no service account of Google's is known by the name of its pool.
      return { ...token, self: { name, ...(isEmail(email) && { email }) } };
    },
  };
};

// ---- a key -------------------------------------------------------------------------------------------------------

interface Key {
  readonly email: string;
  readonly id: string;
  readonly key: KeyObject;
}

const byKey = ({ name, key: entry }: { readonly name: string; readonly key: string }, options: LoginOptions): GoogleLogin => {
  const { ask, clock, readSecret } = options;
  let used: string | undefined;
  return {
    obtain: async (signal) => {
      const file = await readSecret(name, entry, signal);
      const key = keyOf(file, `key "${entry}" of Secret "${name}"`);
      used = file;
      const form = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertionOf(key, clock.now()) });
      const answer = await ask('oauth2', { method: 'POST', path: '/token', body: form.toString() }, signal);
      return { ...tokenOf(answer, `the login by the key of ${key.email} in Secret "${name}"`), self: { email: key.email, name: key.email } };
    },
    isReplaced: async (signal) => (await readSecret(name, entry, signal)) !== used,
  };
};

/** Who wrote the file is not asked where to log in: of all that is in it, this much is used. */
const keyOf = (file: string, where: string): Key => {
  const unusable = (why: string): OutcomeError => needsPerson(reasons.secretMissing, `${where} ${why}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(file);
  } catch {
    throw unusable('is not a key file as Google makes it, which is JSON');
  }
  const type = textOf(parsed, 'type');
  if (type !== 'service_account') {
    const known = type !== undefined && /^[a-z_]{1,40}$/.test(type) ? `of type "${type}"` : 'of no type that is known';
    throw unusable(`is a file ${known}, not the key of a service account ("service_account")`);
  }
  const email = textOf(parsed, 'client_email') ?? '';
  if (!isEmail(email)) throw unusable('has no client_email of a service account');
  const id = textOf(parsed, 'private_key_id') ?? '';
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw unusable('has no private_key_id');
  try {
    const key = createPrivateKey(textOf(parsed, 'private_key') ?? '');
    if (key.asymmetricKeyType === 'rsa') return { email, id, key };
  } catch {
    // Told below: what the library says may quote the key.
  }
  throw unusable('has no private_key that can be read, or not one of RSA');
};

/** https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests. */
const assertionOf = ({ email, id, key }: Key, now: Date): string => {
  const issued = Math.floor(now.getTime() / 1_000);
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  // Whatever the address that is asked: this is what the service is called.
  const claims = { iss: email, scope: cloudPlatform, aud: 'https://oauth2.googleapis.com/token', iat: issued, exp: issued + usualLifetime / 1_000 };
  const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: id })}.${encode(claims)}`;
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), key).toString('base64url')}`;
};

// ---- answers -----------------------------------------------------------------------------------------------------

/** RFC 6749, section 5.1. */
const tokenOf = (answer: JsonAnswer, what: string): Omit<GoogleToken, 'self'> => {
  if (answer.status !== 200) throw refused(what, answer);
  const seconds = numberOf(answer.body, 'expires_in') ?? 0;
  return { value: valueOf(answer, 'access_token', what), ttl: seconds > 0 ? seconds * 1_000 : usualLifetime };
};

/** It must fit into a header: otherwise the HTTP library would complain, and say what it was given. */
const valueOf = ({ body }: JsonAnswer, key: string, what: string): string => {
  const value = fieldOf(body, key);
  if (typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value)) return value;
  throw retryable('Garbage', `${what} gave no token`);
};

const refused = (what: string, answer: JsonAnswer): OutcomeError => {
  const message = `${what} is refused: ${describeAnswer(answer)}`;
  return answer.status >= 500 ? retryable('LoginFailed', message) : needsPerson(reasons.loginRefused, message);
};
