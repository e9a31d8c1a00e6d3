import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { JsonAnswer, JsonQuestion } from '../json-wire.ts';
import { createLogin, type GoogleLogin } from './logins.ts';
import type { GoogleAuth } from './settings.ts';

const never = new AbortController().signal;
const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci';
const poolName = 'projects/1/locations/global/workloadIdentityPools/pool';
const claims = { sub: 'system:serviceaccount:offboard-system:offboard', 'kubernetes.io': { namespace: 'offboard-system', serviceaccount: { name: 'offboard', uid: 'u-1' } } };
const own = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;
const federation: GoogleAuth = { by: 'federation', audience, tokenAudience: `https:${audience}`, pool: { name: poolName, subject: 'system:serviceaccount:{namespace}:{name}' } };
const impersonating: GoogleAuth = { ...federation, serviceAccount: 'offboard@acme.iam.gserviceaccount.com' };
const byKey: GoogleAuth = { by: 'key', secret: { name: 'google', key: 'key.json' } };

interface Asked extends JsonQuestion {
  readonly service: string;
}

type Answers = Readonly<Record<string, Partial<JsonAnswer>>>;

const setup = (auth: GoogleAuth, answers: Answers, secret: () => string = () => '') => {
  const asked: Asked[] = [];
  const audiences: string[] = [];
  const clock = createFakeClock();
  const login: GoogleLogin = createLogin(auth, {
    ask: (service, question) => {
      asked.push({ service, ...question });
      return Promise.resolve({ status: 200, body: undefined, headers: {}, ...answers[`${service} ${question.path}`] });
    },
    clock,
    readSecret: () => Promise.resolve(secret()),
    ownToken: (wanted) => {
      audiences.push(wanted);
      return Promise.resolve(own);
    },
  });
  return { login, asked, audiences, clock };
};

const failure = async (promise: Promise<unknown>): Promise<OutcomeError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  for (const secret of ['ya29', own, 'PRIVATE KEY']) expect(error.message).not.toContain(secret);
  return error;
};

const formOf = (question: JsonQuestion | undefined): Readonly<Record<string, string>> => Object.fromEntries(new URLSearchParams(typeof question?.body === 'string' ? question.body : ''));

describe('by workload identity federation', () => {
  const exchanged: Answers = { 'sts /v1/token': { body: { access_token: 'ya29.federated', expires_in: 3599 } } };

  it('a token of the operator\'s own is exchanged, and the subject has the role', async () => {
    const { login, asked, audiences } = setup(federation, exchanged);
    expect(await login.obtain(never)).toEqual({
      value: 'ya29.federated', ttl: 3_599_000, self: { name: `principal://iam.googleapis.com/${poolName}/subject/system:serviceaccount:offboard-system:offboard` },
    });
    expect(audiences).toEqual([`https:${audience}`]);
    expect(asked).toHaveLength(1);
    expect(formOf(asked[0])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', audience, scope: 'https://www.googleapis.com/auth/cloud-platform',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token', subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', subject_token: own,
    });
  });

  it.each([
    [{ name: poolName, subject: 'k/{uid}' }, `principal://iam.googleapis.com/${poolName}/subject/k/u-1`],
    [undefined, `a subject of ${audience}`],
  ])('the subject is called as the pool %j calls it', async (pool, name) => {
    const { pool: _, ...rest } = federation;
    expect((await setup({ ...rest, ...(pool && { pool }) }, exchanged).login.obtain(never)).self).toEqual({ name });
  });

  const path = 'iamcredentials /v1/projects/-/serviceAccounts/offboard%40acme.iam.gserviceaccount.com:generateAccessToken';

  it('and then the service account is acted as that the connector names', async () => {
    const { login, asked } = setup(impersonating, { ...exchanged, [path]: { body: { accessToken: 'ya29.account', expireTime: '2026-11-23T10:30:00Z' } } });
    expect(await login.obtain(never)).toEqual({
      value: 'ya29.account', ttl: 1_800_000, self: { email: 'offboard@acme.iam.gserviceaccount.com', name: 'offboard@acme.iam.gserviceaccount.com' },
    });
    expect(asked[1]).toMatchObject({
      headers: { authorization: 'Bearer ya29.federated' }, body: { scope: ['https://www.googleapis.com/auth/cloud-platform'], lifetime: '3600s' },
    });
  });

  it.each(['2020-01-01T00:00:00Z', '2030-01-01T00:00:00Z', 'x', undefined])('a token that ends at %s, by a clock that is another one, lasts as long as was asked for', async (expireTime) => {
    const { login } = setup(impersonating, { ...exchanged, [path]: { body: { accessToken: 'ya29.account', ...(expireTime !== undefined && { expireTime }) } } });
    expect((await login.obtain(never)).ttl).toBe(3_600_000);
  });

  it('a token that is refused is for a person, in Google\'s words and without the token', async () => {
    const { login } = setup(federation, { 'sts /v1/token': { status: 400, body: { error: 'invalid_grant', error_description: `The audience of ${own} does not match.` } } });
    expect(await failure(login.obtain(never))).toMatchObject({
      kind: 'NeedsPerson', reason: 'LoginRefused', message: `the exchange of a ServiceAccount's token at ${audience} is refused: Google answered 400: invalid_grant: The audience of [redacted] does not match.`,
    });
  });

  it('an account that it may not act as is named', async () => {
    const { login } = setup(impersonating, { ...exchanged, [path]: { status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED', message: 'Permission \'iam.serviceAccounts.getAccessToken\' denied' } } } });
    expect(await failure(login.obtain(never))).toMatchObject({
      kind: 'NeedsPerson', reason: 'LoginRefused', message: expect.stringMatching(/^acting as offboard@acme.* is refused: .*getAccessToken/) as string,
    });
  });

  it.each([500, 502, 503])('a service that answers %i is asked again', async (status) => {
    const { login } = setup(federation, { 'sts /v1/token': { status, body: { error: 'internal' } } });
    expect(await failure(login.obtain(never))).toMatchObject({ kind: 'Retryable', reason: 'LoginFailed' });
  });

  it.each([undefined, {}, { access_token: '' }, { access_token: 7 }, { access_token: 'two\nlines' }, { access_token: 'a'.repeat(16_385) }])('an answer of %j holds no token', async (body) => {
    const { login } = setup(federation, { 'sts /v1/token': { body } });
    expect(await failure(login.obtain(never))).toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
  });
});

describe('by the metadata server', () => {
  const account = 'metadata /computeMetadata/v1/instance/service-accounts/default/';
  const headers = { 'metadata-flavor': 'Google' };
  const token = { [`${account}token`]: { body: { access_token: 'ya29.attached', expires_in: 300 }, headers } };
  const described = (email: string): Answers => ({ [`${account}?recursive=true`]: { body: { email, scopes: [] }, headers } });

  it('the account that the machine has is acted as', async () => {
    const { login, asked } = setup({ by: 'attached' }, { ...described('Offboard@acme.iam.gserviceaccount.com'), ...token });
    expect(await login.obtain(never)).toEqual({
      value: 'ya29.attached', ttl: 300_000, self: { name: 'Offboard@acme.iam.gserviceaccount.com', email: 'offboard@acme.iam.gserviceaccount.com' },
    });
    for (const { headers: sent } of asked) expect(sent).toEqual({ 'metadata-flavor': 'Google' });
  });

  it('a pod that is no service account is called as its pool', async () => {
    const { login } = setup({ by: 'attached' }, { ...described('acme.svc.id.goog'), ...token });
    expect((await login.obtain(never)).self).toEqual({ name: 'acme.svc.id.goog' });
  });

  it('what is not the metadata server is not believed', async () => {
    const { login } = setup({ by: 'attached' }, { [`${account}?recursive=true`]: { body: { email: 'a@b' } } });
    expect(await failure(login.obtain(never))).toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
  });

  it('a machine without an account is for a person', async () => {
    const { login } = setup({ by: 'attached' }, { [`${account}?recursive=true`]: { status: 404, headers } });
    expect(await failure(login.obtain(never))).toMatchObject({ kind: 'NeedsPerson', reason: 'LoginRefused' });
  });
});

describe('by a key', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const file = {
    type: 'service_account', project_id: 'acme', private_key_id: 'abc123', private_key: pem, client_email: 'offboard@acme.iam.gserviceaccount.com',
    token_uri: 'https://evil.example.com/token', auth_uri: 'https://evil.example.com', universe_domain: 'evil.example.com',
  };
  const answers: Answers = { 'oauth2 /token': { body: { access_token: 'ya29.key', expires_in: 3599 } } };

  it('an assertion is signed with it, for Google alone, wherever the file says to go', async () => {
    const { login, asked, clock } = setup(byKey, answers, () => JSON.stringify(file));
    expect(await login.obtain(never)).toMatchObject({ value: 'ya29.key', self: { email: file.client_email } });
    expect(asked.map(({ service, path }) => `${service} ${path}`)).toEqual(['oauth2 /token']);
    const { assertion = '', grant_type: type } = formOf(asked[0]);
    expect(type).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header = '', claims = '', signature = ''] = assertion.split('.');
    const parse = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(parse(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'abc123' });
    const issued = Math.floor(clock.now().getTime() / 1_000);
    expect(parse(claims)).toEqual({
      iss: file.client_email, scope: 'https://www.googleapis.com/auth/cloud-platform', aud: 'https://oauth2.googleapis.com/token', iat: issued, exp: issued + 3_600,
    });
    expect(verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })), Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it('that people replaced is noticed', async () => {
    let secret = JSON.stringify(file);
    const { login } = setup(byKey, answers, () => secret);
    await login.obtain(never);
    expect(await login.isReplaced?.(never)).toBe(false);
    secret = JSON.stringify({ ...file, private_key_id: 'def456' });
    expect(await login.isReplaced?.(never)).toBe(true);
  });

  const { privateKey: curve } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  it.each([
    ['that is no JSON', pem, 'is not a key file as Google makes it'],
    ['that is an array', '[]', 'of no type that is known'],
    ['for another way in', JSON.stringify({ ...file, type: 'external_account' }), 'is a file of type "external_account", not the key of a service account'],
    ['of a person', JSON.stringify({ ...file, type: 'authorized_user' }), 'is a file of type "authorized_user"'],
    ['of a type that is hostile', JSON.stringify({ ...file, type: 'x\n'.repeat(100) }), 'of no type that is known'],
    ['of no account', JSON.stringify({ ...file, client_email: 'a@b/../c' }), 'has no client_email'],
    ['without an id', JSON.stringify({ ...file, private_key_id: undefined }), 'has no private_key_id'],
    ['without a key', JSON.stringify({ ...file, private_key: undefined }), 'has no private_key that can be read'],
    ['whose key is cut', JSON.stringify({ ...file, private_key: pem.slice(0, 400) }), 'has no private_key that can be read'],
    ['whose key is of another kind', JSON.stringify({ ...file, private_key: curve.export({ type: 'pkcs8', format: 'pem' }) }), 'or not one of RSA'],
  ])('%s is told so, and nothing is sent', async (_, secret, message) => {
    const { login, asked } = setup(byKey, answers, () => secret);
    expect(await failure(login.obtain(never))).toMatchObject({ kind: 'NeedsPerson', reason: 'SecretMissing', message: expect.stringContaining(message) as string });
    expect(asked).toEqual([]);
  });
});
