import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { type Handler, type Received, sendJson, startHttpServer } from '../../../test/fakes/http-server.ts';
import type { GoogleCloudConnectorSpec } from '../../api/v1alpha1/index.ts';
import { OutcomeError, needsPerson } from '../../runtime/outcome.ts';
import type { GoogleRequest } from './api.ts';
import { type ClientOptions, createConnection } from './client.ts';
import { usable } from './settings.ts';

const never = new AbortController().signal;
const audience = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/ci';
const own = `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:offboard-system:offboard' })).toString('base64url')}.c2lnbmF0dXJl`;
const policy: GoogleRequest = { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'projects', 'acme'], verb: 'getIamPolicy', body: { options: {} } };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Exchanges tokens that are called by their number, and lets `handler` answer all else. */
const setup = async (handler: Handler, spec: Partial<GoogleCloudConnectorSpec> = {}, options: Partial<ClientOptions> = {}) => {
  let logins = 0;
  const server = await startHttpServer((request, response) => {
    if (request.path !== '/v1/token') handler(request, response);
    else sendJson(response, 200, { access_token: `ya29.token-${String((logins += 1))}`, expires_in: 3600, token_type: 'Bearer' });
  });
  const clock = createFakeClock();
  const codes: string[] = [];
  const services = ['sts', 'iam', 'cloudresourcemanager', 'storage', 'iamcredentials', 'oauth2', 'metadata'];
  const connection = createConnection({
    name: 'google',
    spec: usable({
      googleCloud: {
        auth: { workloadIdentityFederation: { audience } },
        ...spec,
        endpoints: { ...Object.fromEntries(services.map((service) => [service, server.url])), ...spec.endpoints },
      },
    }, true),
    clock,
    random: () => 0,
    userAgent: 'offboard/test',
    mayAct: () => true,
    readSecret: () => Promise.reject(new Error('not asked for')),
    ownToken: () => Promise.resolve(own),
    onRequest: ({ code }) => void codes.push(code),
    ...options,
  });
  cleanups.push(server.close, connection.close);
  const ask = (request: GoogleRequest = policy, signal = never) => connection.client.request(request, signal);
  const asked = (): readonly Received[] => server.requests.filter(({ path }) => path !== '/v1/token');
  return { server, clock, connection, ask, asked, codes, logins: () => logins };
};

const answering = (status: number, body: unknown = {}, headers: Record<string, string> = {}): Handler => (_, response) => {
  sendJson(response, status, body, headers);
};

const failure = async (promise: Promise<unknown>): Promise<OutcomeError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  for (const secret of ['ya29', own]) expect(error.message).not.toContain(secret);
  return error;
};

describe('a question', () => {
  it('carries the token, and the project that pays', async () => {
    const { ask, asked } = await setup(answering(200, { etag: 'a' }), { quotaProject: 'acme-quota' });
    expect(await ask()).toEqual({
      status: 200, body: { etag: 'a' }, asked: { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'projects', 'acme'], verb: 'getIamPolicy' },
    });
    expect(asked()).toMatchObject([
      {
        method: 'POST', path: '/v3/projects/acme:getIamPolicy', body: '{"options":{}}',
        headers: { authorization: 'Bearer ya29.token-1', 'x-goog-user-project': 'acme-quota', 'content-type': 'application/json', 'user-agent': 'offboard/test' },
      },
    ]);
  });

  it('names no project that pays, and has no body, where there is none', async () => {
    const { ask, asked } = await setup(answering(200));
    await ask({ method: 'GET', service: 'storage', path: ['storage', 'v1', 'b', 'acme', 'iam'], query: { optionsRequestedPolicyVersion: '3', 'a&b': 'c d' } });
    expect(asked()[0]?.path).toBe('/storage/v1/b/acme/iam?optionsRequestedPolicyVersion=3&a%26b=c%20d');
    for (const header of ['x-goog-user-project', 'content-type']) expect(asked()[0]?.headers).not.toHaveProperty(header);
  });

  it.each([
    ['a b', 'a%20b'], ['a?x=1', 'a%3Fx%3D1'], ['a#b', 'a%23b'], ['ä', '%C3%A4'], ['...', '...'], ['a:setIamPolicy', 'a%3AsetIamPolicy'],
    ['agent@acme.iam.gserviceaccount.com', 'agent%40acme.iam.gserviceaccount.com'], ["a!'()*", 'a%21%27%28%29%2A'],
  ])('about %j encodes it', async (segment, encoded) => {
    const { ask, asked } = await setup(answering(200));
    await ask({ method: 'GET', service: 'iam', path: ['v1', segment] });
    expect(asked()[0]?.path).toBe(`/v1/${encoded}`);
  });

  it.each(['', '.', '..', 'a/b', '%2F', 'a%2e', 'a\\b', 'a\nb', 'a\0', '\u0085', '\ud800'])('about %j is not sent', async (segment) => {
    const { ask, server } = await setup(answering(200));
    expect(await failure(ask({ method: 'GET', service: 'iam', path: ['v1', segment] }))).toMatchObject({ kind: 'Invalid', reason: 'InvalidPath' });
    expect(server.connections()).toBe(0);
  });

  it.each(['', 'IAM', 'iam.example.com', 'iam/x', 'a@b', '127.0.0.1', 'iam:443', '-iam', 'metadata', 'oauth2', 'sts'])('to the service %j is not sent', async (service) => {
    const { ask, asked } = await setup(answering(200));
    expect(await failure(ask({ method: 'GET', service, path: ['v1'] }))).toMatchObject({ kind: 'Invalid', reason: 'InvalidPath' });
    expect(asked()).toEqual([]);
  });

  it.each(['', 'a/b', 'get?x', 'get:set', 'a b'])('by the method %j is not sent', async (verb) => {
    const { ask, server } = await setup(answering(200));
    expect(await failure(ask({ method: 'POST', service: 'iam', path: ['v1', 'x'], verb }))).toMatchObject({ reason: 'InvalidPath' });
    expect(server.connections()).toBe(0);
  });

  it('is not sent by a process that does not lead any more', async () => {
    const { ask, server } = await setup(answering(200), {}, { mayAct: () => false });
    expect((await failure(ask())).reason).toBe('NotLeading');
    expect(server.connections()).toBe(0);
  });

  it('ends with its caller', async () => {
    const { ask, asked } = await setup(() => undefined);
    const controller = new AbortController();
    const call = expect(ask(policy, controller.signal)).rejects.toThrow('enough');
    await vi.waitFor(() => { expect(asked()).toHaveLength(1); });
    controller.abort(new Error('enough'));
    await call;
  });
});

describe('an answer', () => {
  it.each([200, 204, 400, 403, 404, 409, 412, 500, 501, 502, 503])('is given whole with status %i', async (status) => {
    const { ask } = await setup((_, response) => {
      if (status === 204) response.writeHead(204).end();
      else sendJson(response, status, { error: { code: status } });
    });
    expect(await ask()).toMatchObject({ status, body: status === 204 ? undefined : { error: { code: status } } });
  });

  const none: readonly [string, Handler, string][] = [
    ['a page', (_, r) => r.writeHead(404, { 'content-type': 'text/html' }).end('<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>'), 'Garbage'],
    ['JSON that is cut short', (_, r) => r.writeHead(200).end('{"bindings":['), 'Garbage'],
    ['JSON that is no object', answering(200, ['x']), 'Garbage'],
    ['a redirect', (_, r) => r.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), 'Redirected'],
    ['cut', (_, r) => r.socket?.destroy(), 'Transport'],
    ['cut within the body', (_, r) => { r.writeHead(200, { 'content-length': 99 }); r.write('{', () => r.socket?.destroy()); }, 'Transport'],
    ['too large', (_, r) => r.writeHead(200).end(`{"a":"${'a'.repeat(16 * 2 ** 20)}"}`), 'TooLarge'],
  ];
  it.each(none)('that is %s is none', async (_, handler, reason) => {
    const { ask } = await setup(handler);
    expect(await failure(ask())).toMatchObject({ kind: 'Retryable', reason });
  });

  it('that does not come in time is none', async () => {
    const { ask, asked, clock } = await setup(() => undefined);
    const call = failure(ask());
    await vi.waitFor(() => { expect(asked()).toHaveLength(1); });
    await clock.advance(10_000);
    expect(await call).toMatchObject({ kind: 'Retryable', reason: 'Timeout' });
  });
});

describe('a service that asks for patience', () => {
  it('is asked again after the pause that it names', async () => {
    const { ask, server, asked, clock } = await setup(answering(429, {}, { 'retry-after': '7' }));
    const call = ask();
    await vi.waitFor(() => { expect(asked()).toHaveLength(1); });
    await clock.settle();
    await clock.advance(6_999);
    expect(asked()).toHaveLength(1);
    server.answer(answering(200, { etag: 'a' }));
    await clock.advance(1);
    expect(await call).toMatchObject({ status: 200 });
  });

  it('and names no pause is asked again ever more slowly, and then its wish is passed on', async () => {
    const { ask, asked, clock, codes } = await setup(answering(429, { error: { status: 'RESOURCE_EXHAUSTED', message: 'Quota exceeded' } }));
    const call = failure(ask());
    for (const [sent, pause] of [[1, 1_000], [2, 2_000], [3, 4_000], [4, 8_000]] as const) {
      await vi.waitFor(() => { expect(codes).toHaveLength(1 + sent); });
      await clock.settle();
      await clock.advance(pause - 1);
      expect(asked()).toHaveLength(sent);
      await clock.advance(1);
    }
    expect(await call).toMatchObject({ kind: 'Retryable', reason: 'TooManyRequests', retryAfter: 16_000, message: expect.stringContaining('RESOURCE_EXHAUSTED: Quota exceeded') as string });
  });

  it('for longer than there is time is not waited for', async () => {
    const { ask } = await setup(answering(429, {}, { 'retry-after': '120' }));
    expect(await failure(ask())).toMatchObject({ reason: 'TooManyRequests', retryAfter: 60_000 });
  });

  it('is not taken for one in trouble', async () => {
    const { ask, server } = await setup(answering(429, {}, { 'retry-after': '120' }));
    for (let count = 0; count < 10; count += 1) await failure(ask());
    server.answer(answering(200));
    expect(await ask()).toMatchObject({ status: 200 });
  });
});

describe('a service in trouble', () => {
  it.each([502, 503, 504])('with %i is left alone after five answers, and the others are asked', async (status) => {
    const { ask, asked } = await setup(({ path }, response) => { sendJson(response, path.startsWith('/v3/') ? status : 200, { error: { message: 'is down' } }); });
    for (let count = 0; count < 5; count += 1) expect(await ask()).toMatchObject({ status });
    expect(await failure(ask())).toMatchObject({ kind: 'Retryable', reason: 'Unavailable', message: expect.stringContaining('is down') as string });
    expect(asked()).toHaveLength(5);
    expect(await ask({ method: 'GET', service: 'iam', path: ['v1', 'x'] })).toMatchObject({ status: 200 });
  });

  it('that hangs keeps nobody from asking another one, be it at the same address', async () => {
    const { ask, asked } = await setup(({ path }, response) => {
      if (!path.startsWith('/v3/')) sendJson(response, 200, {});
    });
    const stuck = Array.from({ length: 20 }, () => ask().catch(() => undefined));
    await vi.waitFor(() => { expect(asked()).toHaveLength(8); });
    expect(await ask({ method: 'GET', service: 'iam', path: ['v1', 'x'] })).toMatchObject({ status: 200 });
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    await Promise.all(stuck);
  });

  it('is not one that says 500, or refuses what it is asked', async () => {
    for (const status of [400, 403, 404, 500]) {
      const { ask } = await setup(answering(status));
      for (let count = 0; count < 10; count += 1) expect(await ask()).toMatchObject({ status });
    }
  });
});

describe('a token that is refused', () => {
  const only = (token: string): Handler => ({ headers }, response) => {
    const good = headers.authorization === `Bearer ${token}`;
    sendJson(response, good ? 200 : 401, good ? {} : { error: { status: 'UNAUTHENTICATED', message: 'Request had invalid authentication credentials.' } });
  };

  it('is replaced once, and what was asked is asked again', async () => {
    const { ask, logins } = await setup(only('ya29.token-2'));
    expect(await ask()).toMatchObject({ status: 200 });
    expect(logins()).toBe(2);
  });

  it('is replaced once for all who were refused with it', async () => {
    const { ask, logins } = await setup(only('ya29.token-2'));
    for (const answer of await Promise.all(Array.from({ length: 8 }, () => ask()))) expect(answer).toMatchObject({ status: 200 });
    expect(logins()).toBe(2);
  });

  it('by a service that refuses every one costs no login a minute more than one', async () => {
    const { ask, logins, clock } = await setup(only('none'));
    for (let count = 0; count < 5; count += 1) expect(await failure(ask())).toMatchObject({ kind: 'Retryable', reason: 'Unauthenticated' });
    expect(logins()).toBe(2);
    await clock.advance(60_000);
    await failure(ask());
    expect(logins()).toBe(3);
  });
});

describe('who cannot log in', () => {
  it('is told no more than that the connector is not ready, while its owner is told why', async () => {
    const { connection, ask } = await setup(answering(200), {}, { ownToken: () => Promise.reject(needsPerson('WrongAudience', 'the audience is one of this cluster')) });
    expect(await failure(ask())).toMatchObject({ kind: 'NeedsPerson', reason: 'ConnectorNotReady', message: expect.not.stringContaining('audience') as string });
    expect(await failure(connection.client.self(never))).toMatchObject({ reason: 'ConnectorNotReady' });
    expect(await failure(connection.hold(never))).toMatchObject({ reason: 'WrongAudience' });
  });

  it('is told so by what is under way when the connector is closed', async () => {
    const { connection, ask, asked } = await setup(() => undefined);
    const call = failure(ask());
    await vi.waitFor(() => { expect(asked()).toHaveLength(1); });
    await connection.close();
    expect(await call).toMatchObject({ kind: 'Retryable' });
    expect(await failure(ask())).toMatchObject({ kind: 'Retryable' });
  });
});
