import { afterEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { type Handler, sendJson, startHttpServer } from '../../test/fakes/http-server.ts';
import { OutcomeError } from '../runtime/outcome.ts';
import type { KubeConfig } from './config.ts';
import { createCanaries, createOwnTokens } from './tokens.ts';
import { createTransport } from './transport.ts';

const never = new AbortController().signal;
const token = 'eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOlsidmF1bHQiXX0.c2lnbmF0dXJl';
const issued = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', status: { token, expirationTimestamp: '2026-11-23T10:10:00Z' } };
const status = (code: number, reason: string): object => ({ kind: 'Status', status: 'Failure', code, reason, message: reason });

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An API server that issues, or not, and takes what it issued, or not. */
const setup = async (issuing: { readonly code: number; readonly body: object }, trying: { readonly code: number; readonly body: object }) => {
  const handler: Handler = ({ path }, response) => {
    const { code, body } = path.endsWith('/token') ? issuing : trying;
    sendJson(response, code, body);
  };
  const server = await startHttpServer(handler);
  const config: KubeConfig = {
    server: server.url, namespace: 'default', source: 'test', tls: { cert: Buffer.from('never used over http'), key: Buffer.from('x') },
    authHeaders: () => Promise.resolve({ authorization: 'Bearer operator', 'impersonate-user': 'somebody' }), forgetCredentials: () => undefined,
  };
  const clock = createFakeClock();
  const transport = createTransport({ config, clock, version: 'test' });
  cleanups.push(server.close, transport.close);
  const options = { config, clock, version: 'test', transport };
  const tokens = createOwnTokens({ ...options, account: { namespace: 'offboard-system', name: 'offboard' } });
  return { server, tokens, canaries: createCanaries(options), clock };
};

const refused = { code: 401, body: status(401, 'Unauthorized') };
const failure = async (promise: Promise<unknown>): Promise<OutcomeError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  expect(JSON.stringify([error.message, error.cause])).not.toContain(token);
  return error;
};

describe('a token of our own account', () => {
  it('is for one audience and ten minutes, and is tried by itself before anybody gets it', async () => {
    const { server, tokens } = await setup({ code: 201, body: issued }, refused);
    expect(await tokens.issue('vault', never)).toBe(token);
    const [issuing, trying] = server.requests;
    expect(issuing).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/offboard-system/serviceaccounts/offboard/token', headers: { authorization: 'Bearer operator' } });
    expect(JSON.parse(issuing?.body ?? '')).toMatchObject({ kind: 'TokenRequest', spec: { audiences: ['vault'], expirationSeconds: 600 } });
    expect(trying).toMatchObject({ method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', headers: { authorization: `Bearer ${token}` } });
    expect(trying?.headers).not.toHaveProperty('impersonate-user');
  });

  it.each([
    ['known', { code: 201, body: { kind: 'SelfSubjectReview', status: {} } }],
    ['known, and may not ask who it is', { code: 403, body: status(403, 'Forbidden') }],
  ])('that the API server itself takes is given to nobody: %s', async (_, trying) => {
    const { tokens } = await setup({ code: 201, body: issued }, trying);
    expect(await failure(tokens.issue('https://kubernetes.default.svc', never))).toMatchObject({ kind: 'NeedsPerson', reason: 'WrongAudience' });
  });

  it.each([
    ['the server is starting', { code: 503, body: {} }],
    ['a proxy refuses', { code: 401, body: {} }],
    ['it is slow', { code: 500, body: status(500, 'InternalError') }],
  ])('is given to nobody while that cannot be told: %s', async (_, trying) => {
    const { tokens } = await setup({ code: 201, body: issued }, trying);
    expect((await failure(tokens.issue('vault', never))).kind).toBe('Retryable');
  });

  it('that may not be had is for a person to mend', async () => {
    const forbidden = { ...status(403, 'Forbidden'), message: 'serviceaccounts "offboard" is forbidden: User "x" cannot create resource "serviceaccounts/token" in API group ""' };
    const { tokens } = await setup({ code: 403, body: forbidden }, refused);
    expect(await failure(tokens.issue('vault', never))).toMatchObject({ kind: 'NeedsPerson', reason: 'PermissionMissing' });
  });

  it.each([{ kind: 'TokenRequest', status: {} }, { kind: 'TokenRequest', status: { token: 'x y' } }, { kind: 'Pod', status: { token } }])('that is none is not used: %j', async (body) => {
    const { tokens, server } = await setup({ code: 201, body }, refused);
    expect(await failure(tokens.issue('vault', never))).toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
    expect(server.requests).toHaveLength(1);
  });
});

describe('a canary of an identity\'s account', () => {
  const account = { namespace: 'ci', name: 'agent', uid: 'uid-1' };
  const signedFor = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2lnbmF0dXJl`;
  const canary = signedFor({ 'kubernetes.io': { namespace: 'ci', serviceaccount: { name: 'agent', uid: 'uid-1' } } });
  const answer = (given: string) => ({ code: 201, body: { ...issued, status: { token: given } } });

  it('is asked for by its UID, for one audience and ten minutes, and is tried by itself before anybody gets it', async () => {
    const { server, canaries, clock } = await setup(answer(canary), refused);
    expect(await canaries.issue(account, 'google', never)).toEqual({ token: canary, until: clock.monotonic() + 600_000 });
    const [issuing, trying] = server.requests;
    expect(issuing).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/ci/serviceaccounts/agent/token', headers: { authorization: 'Bearer operator' } });
    expect(JSON.parse(issuing?.body ?? '')).toMatchObject({ kind: 'TokenRequest', metadata: { uid: 'uid-1' }, spec: { audiences: ['google'], expirationSeconds: 600 } });
    expect(trying).toMatchObject({ path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', headers: { authorization: `Bearer ${canary}` } });
  });

  it.each([
    ['another account', signedFor({ 'kubernetes.io': { serviceaccount: { uid: 'uid-2' } } })],
    ['nobody', signedFor({ sub: 'x' })],
    ['what cannot be read', 'e30.e30x.c2ln'],
  ])('of %s, from an API server that does not look at the UID, is used by nobody', async (_, given) => {
    const { server, canaries } = await setup(answer(given), refused);
    expect(await canaries.issue(account, 'google', never).catch((error: unknown) => error)).toMatchObject({ kind: 'NeedsPerson', reason: 'IdentityRecreated' });
    expect(server.requests).toHaveLength(1);
  });

  it('that the API server itself takes is given to nobody', async () => {
    const { canaries } = await setup(answer(canary), { code: 201, body: { kind: 'SelfSubjectReview', status: {} } });
    expect(await canaries.issue(account, 'google', never).catch((error: unknown) => error)).toMatchObject({
      kind: 'NeedsPerson', reason: 'WrongAudience', message: expect.stringContaining('ServiceAccount "agent" in "ci"') as string,
    });
  });

  it.each([
    ['the right is missing', 'serviceaccounts "agent" is forbidden: User "x" cannot create resource "serviceaccounts/token" in API group ""', 'PermissionMissing', 'config/canaries'],
    ['a policy says no', 'ValidatingAdmissionPolicy denied request: no', 'AdmissionDenied', 'denied request'],
  ])('that may not be had is for a person to mend: %s', async (_, message, reason, words) => {
    const { canaries } = await setup({ code: 403, body: { ...status(403, 'Forbidden'), message } }, refused);
    expect(await canaries.issue(account, 'google', never).catch((error: unknown) => error)).toMatchObject({
      kind: 'NeedsPerson', reason, message: expect.stringContaining(words) as string,
    });
  });
});
