import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { type Handler, sendJson, startHttpServer } from '../../../test/fakes/http-server.ts';
import { createBreaker } from '../../runtime/breaker.ts';
import { createHttpClient } from '../../runtime/http.ts';
import { OutcomeError } from '../../runtime/outcome.ts';
import type { VaultRequest } from './client.ts';
import { type WireOptions, createWire } from './wire.ts';

const never = new AbortController().signal;
const token = 'hvs.CAESIJ0123456789abcdefghij';
const lookup: VaultRequest = { method: 'POST', path: ['sys', 'leases', 'lookup'], body: { lease_id: 'x' } };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const setup = async (handler: Handler, options: Partial<WireOptions> = {}) => {
  const server = await startHttpServer(handler);
  const clock = createFakeClock();
  const http = createHttpClient({ base: server.url, clock, userAgent: 'offboard/test' });
  cleanups.push(server.close, http.close);
  const codes: string[] = [];
  const breaker = createBreaker({ clock, random: () => 0, limit: 8 });
  const onRequest = ({ code }: { readonly code: string }): void => void codes.push(code);
  const wire = createWire({ http, breaker, clock, address: server.url, namespace: '', mayAct: () => true, onRequest, ...options });
  const ask = (request: VaultRequest, signal = never) => wire.ask(request, token, clock.monotonic() + 10_000, signal);
  return { server, clock, ask, wire, codes };
};

const answering = (status: number, body: unknown = {}, headers: Record<string, string> = {}): Handler => (_, response) => {
  sendJson(response, status, body, headers);
};

const failure = async (promise: Promise<unknown>): Promise<OutcomeError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  expect(error.message).not.toContain(token);
  return error;
};

describe('a question', () => {
  it('carries what the server and its proxies need', async () => {
    const { ask, server } = await setup(answering(200), { namespace: 'team/a' });
    await ask(lookup);
    expect(server.requests).toMatchObject([
      {
        method: 'POST', path: '/v1/sys/leases/lookup', body: '{"lease_id":"x"}',
        headers: { 'x-vault-token': token, 'x-vault-request': 'true', 'x-vault-namespace': 'team/a', 'content-type': 'application/json' },
      },
    ]);
    expect(server.requests[0]?.headers).not.toHaveProperty('x-vault-index');
  });

  it('without a token, a namespace or a body has none of their headers', async () => {
    const { wire, server, clock } = await setup(answering(200));
    await wire.ask({ method: 'GET', path: ['sys', 'auth'] }, undefined, clock.monotonic() + 1_000, never);
    for (const header of ['x-vault-token', 'x-vault-namespace', 'content-type']) expect(server.requests[0]?.headers).not.toHaveProperty(header);
  });

  it('about the health names no namespace, which the server would refuse', async () => {
    const { ask, server } = await setup(answering(200), { namespace: 'team' });
    await ask({ method: 'GET', path: ['sys', 'health'] });
    expect(server.requests[0]?.headers).not.toHaveProperty('x-vault-namespace');
  });

  it('that lists is a GET, which every proxy knows', async () => {
    const { ask, server } = await setup(answering(200));
    await ask({ method: 'LIST', path: ['auth', 'token', 'accessors'], query: { after: 'a&b' } });
    expect(server.requests).toMatchObject([{ method: 'GET', path: '/v1/auth/token/accessors?list=true&after=a%26b' }]);
  });

  it('that must not be answered from the past says so', async () => {
    const { ask, server } = await setup(answering(200));
    const origin = { address: server.url, namespace: '', clusterId: 'c' };
    await ask({ ...lookup, notBefore: { origin, index: 'abc==' } });
    await ask({ ...lookup, notBefore: { origin } });
    expect(server.requests[0]?.headers).toMatchObject({ 'x-vault-index': 'abc==', 'x-vault-inconsistent': 'forward-active-node' });
    expect(server.requests[1]?.headers).not.toHaveProperty('x-vault-inconsistent');
  });

  it.each([['a b', 'a%20b'], ['a?x=1', 'a%3Fx%3D1'], ['a#b', 'a%23b'], ['ä', '%C3%A4'], ['...', '...'], ['a:b', 'a%3Ab']])('about %j encodes it', async (segment, encoded) => {
    const { ask, server } = await setup(answering(200));
    await ask({ method: 'GET', path: ['identity', segment] });
    expect(server.requests[0]?.path).toBe(`/v1/identity/${encoded}`);
  });

  it.each(['', '.', '..', 'a/b', '%2F', 'a%2e', 'a\\b', 'a\nb', 'a\0', '\u0085', '\ud800'])('about %j is not sent', async (segment) => {
    const { ask, server } = await setup(answering(200));
    expect(await failure(ask({ method: 'GET', path: ['identity', segment] }))).toMatchObject({ kind: 'Invalid', reason: 'InvalidPath' });
    expect(server.connections()).toBe(0);
  });

  it('is not sent by a process that does not lead any more', async () => {
    const { ask, server } = await setup(answering(200), { mayAct: () => false });
    for (let count = 0; count < 10; count += 1) expect((await failure(ask(lookup))).reason).toBe('NotLeading');
    expect(server.connections()).toBe(0);
  });

  it('ends with its caller', async () => {
    const { ask, server } = await setup(() => undefined);
    const controller = new AbortController();
    const call = expect(ask(lookup, controller.signal)).rejects.toThrow('enough');
    await vi.waitFor(() => { expect(server.requests).toHaveLength(1); });
    controller.abort(new Error('enough'));
    await call;
  });
});

describe('an answer', () => {
  it.each([200, 202, 204, 400, 401, 403, 404, 405, 500, 501, 502, 503])('is given whole with status %i', async (status) => {
    const { ask, codes } = await setup((_, response) => {
      if (status === 204) response.writeHead(204, { 'x-vault-index': 'i' }).end();
      else sendJson(response, status, { errors: [] }, { 'x-vault-index': 'i' });
    });
    expect(await ask(lookup)).toEqual({ status, body: status === 204 ? undefined : { errors: [] }, index: 'i' });
    expect(codes).toEqual([String(status)]);
  });

  const none: readonly [string, Handler, string][] = [
    ['a page of a proxy', (_, r) => r.writeHead(200, { 'content-type': 'text/html' }).end(`<html>${token}`), 'Garbage'],
    ['JSON that is cut short', (_, r) => r.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":['), 'Garbage'],
    ['JSON that is no object', answering(200, ['x']), 'Garbage'],
    ['JSON that is null', answering(404, null), 'Garbage'],
    ['a page that is not there', (_, r) => r.writeHead(404).end('404 page not found'), 'Garbage'],
    ['a redirect', (_, r) => r.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), 'Redirected'],
    ['a redirect with a body', (_, r) => { sendJson(r, 301, {}); }, 'Redirected'],
    ['cut', (_, r) => r.socket?.destroy(), 'Transport'],
    ['cut within the body', (_, r) => { r.writeHead(200, { 'content-length': 99 }); r.write('{', () => r.socket?.destroy()); }, 'Transport'],
  ];
  it.each(none)('that is %s is none', async (_, handler, reason) => {
    const { ask } = await setup(handler);
    expect(await failure(ask(lookup))).toMatchObject({ kind: 'Retryable', reason });
  });

  it('that does not come in time is none', async () => {
    const { ask, server, clock, codes } = await setup(() => undefined);
    const call = failure(ask(lookup));
    await vi.waitFor(() => { expect(server.requests).toHaveLength(1); });
    await clock.advance(10_000);
    expect(await call).toMatchObject({ kind: 'Retryable', reason: 'Timeout' });
    expect(codes).toEqual(['<error>']);
  });
});

describe('a server that asks for patience', () => {
  it.each([429, 412])('with %i is asked again after the pause that it names', async (status) => {
    const { ask, server, clock, codes } = await setup(answering(status, { errors: [] }, { 'retry-after': '2' }));
    const call = ask(lookup);
    await vi.waitFor(() => { expect(codes).toHaveLength(1); });
    await clock.advance(1_999);
    expect(server.requests).toHaveLength(1);
    server.answer(answering(200, { data: {} }));
    await clock.advance(1);
    expect(await call).toMatchObject({ status: 200 });
  });

  it('is asked three times in all, and then its wish is passed on', async () => {
    const { ask, server, clock, codes } = await setup(answering(429, { errors: ['request path "x": rate limit quota exceeded'] }, { 'retry-after': '1' }));
    const call = failure(ask(lookup));
    for (const sent of [1, 2, 3]) {
      await vi.waitFor(() => { expect(codes).toHaveLength(sent); });
      await clock.advance(1_000);
    }
    expect(await call).toMatchObject({ kind: 'Retryable', reason: 'TooManyRequests', retryAfter: 1_000 });
    expect((await call).message).toContain('rate limit quota exceeded');
    expect(server.requests).toHaveLength(3);
  });

  it('for longer than there is time is not waited for', async () => {
    const { wire, clock } = await setup(answering(429, {}, { 'retry-after': '86400' }));
    const call = wire.ask(lookup, token, clock.monotonic() + 3_000, never);
    expect(await failure(call)).toMatchObject({ reason: 'TooManyRequests', retryAfter: 5_000 });
  });
});

describe('a server in trouble', () => {
  it.each([502, 503, 504])('with %i is left alone after five answers, and says why', async (status) => {
    const { ask, server } = await setup(answering(status, { errors: ['Vault is sealed'] }));
    for (let count = 0; count < 5; count += 1) expect(await ask(lookup)).toMatchObject({ status });
    expect(await failure(ask(lookup))).toMatchObject({ kind: 'Retryable', reason: 'Unavailable', message: expect.stringContaining('Vault is sealed') as string });
    expect(server.requests).toHaveLength(5);
  });

  it('that cannot be reached fails at once, and is found again', async () => {
    const { ask, server, clock } = await setup(answering(200));
    await server.close();
    for (let count = 0; count < 5; count += 1) await failure(ask(lookup));
    expect(await failure(ask(lookup))).toMatchObject({ reason: 'Transport', message: expect.stringContaining('ECONNREFUSED') as string });
    const again = await startHttpServer(answering(200), { port: server.port });
    cleanups.push(again.close);
    await clock.advance(1_000);
    expect(await ask(lookup)).toMatchObject({ status: 200 });
  });

  it('is not one that says 500 of a role that it does not know, or 400 and 403 of anything', async () => {
    for (const status of [400, 403, 404, 500]) {
      const { ask } = await setup(answering(status, { errors: ['role "x" does not exist'] }));
      for (let count = 0; count < 20; count += 1) expect(await ask(lookup)).toMatchObject({ status });
    }
  });

  it('is not one whose callers give up', async () => {
    const { ask, server } = await setup(() => undefined);
    for (let count = 1; count <= 8; count += 1) {
      const controller = new AbortController();
      const call = expect(ask(lookup, controller.signal)).rejects.toThrow('enough');
      await vi.waitFor(() => { expect(server.requests).toHaveLength(count); });
      controller.abort(new Error('enough'));
      await call;
    }
    server.answer(answering(200));
    expect(await ask(lookup)).toMatchObject({ status: 200 });
  });

  it('does not make more than eight wait for it, and those only until their own deadline', async () => {
    const { ask, server, clock } = await setup(() => undefined);
    const calls = Array.from({ length: 20 }, () => failure(ask(lookup)));
    await vi.waitFor(() => { expect(server.requests).toHaveLength(8); });
    await clock.advance(10_000);
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ kind: 'Retryable', reason: 'Timeout' });
    expect(server.requests).toHaveLength(8);
  });
});
