import { afterEach, describe, expect, it, vi } from 'vitest';

import { createAuthority, issueCertificate } from '../../test/env/x509.ts';
import { createFakeClock } from '../../test/fakes/clock.ts';
import { type FakeHttpServer, type Handler, sendJson, startHttpServer } from '../../test/fakes/http-server.ts';
import { type HttpClientOptions, type HttpRequest, HttpError, createHttpClient } from './http.ts';

const secret = 'hvs.CAESIJ0123456789abcdefghij';
const get: HttpRequest = { method: 'GET', path: '/v1/sys/health', headers: { 'x-vault-token': secret } };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server whose answers the test decides, and a client that talks to it on a clock that stands still. */
const setup = async (handler: Handler, options: Partial<HttpClientOptions> = {}, tls?: { readonly key: string; readonly cert: string }) => {
  const server = await startHttpServer(handler, tls === undefined ? {} : { tls });
  const clock = createFakeClock();
  const client = createHttpClient({ base: server.url, clock, userAgent: 'offboard/1.2.3', ...options });
  cleanups.push(server.close, client.close);
  return { server, client, clock };
};

const failure = async (promise: Promise<unknown>): Promise<HttpError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof HttpError)) throw new Error(`expected an HttpError, got ${String(error)}`);
  // Nothing that hangs on an error may carry what was sent.
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(secret);
  expect(error.cause).toBeUndefined();
  return error;
};

const asked = async (server: FakeHttpServer, count = 1): Promise<void> => {
  await vi.waitFor(() => { expect(server.requests).toHaveLength(count); });
};

describe('a request', () => {
  it('says who asks, and what', async () => {
    const { client, server } = await setup((_, response) => { sendJson(response, 200, {}); });
    await client.request({ method: 'POST', path: '/v1/x?a=b', headers: { 'x-vault-token': secret }, body: '{"a":1}' });
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/v1/x?a=b', body: '{"a":1}', headers: { 'x-vault-token': secret, 'user-agent': 'offboard/1.2.3' } },
    ]);
  });

  it('takes the path of the address before its own', async () => {
    const server = await startHttpServer((_, response) => { sendJson(response, 200, {}); });
    const client = createHttpClient({ base: `${server.url}/proxied/`, clock: createFakeClock(), userAgent: 'x' });
    cleanups.push(server.close, client.close);
    await client.request(get);
    expect(server.requests[0]?.path).toBe('/proxied/v1/sys/health');
  });

  it('takes no way round, whatever the environment says', async () => {
    const proxy = await startHttpServer((_, response) => { response.end(); });
    cleanups.push(proxy.close);
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']) vi.stubEnv(name, proxy.url);
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    const { client, server } = await setup((_, response) => { sendJson(response, 200, {}); });
    await client.request(get);
    vi.unstubAllEnvs();
    expect([server.requests.length, proxy.connections()]).toEqual([1, 0]);
  });

  it('opens no more connections than it may, and uses them again', async () => {
    const { client, server } = await setup((_, response) => { setImmediate(() => { sendJson(response, 200, {}); }); }, { connections: 2 });
    await Promise.all(Array.from({ length: 20 }, () => client.request(get)));
    await Promise.all(Array.from({ length: 20 }, () => client.request(get)));
    expect(server.connections()).toBe(2);
  });

  it('ends at its deadline while it waits for a connection', async () => {
    const { client, server, clock } = await setup(() => undefined, { connections: 1 });
    const first = failure(client.request({ ...get, timeout: 60_000 }));
    await asked(server);
    const second = failure(client.request(get));
    await clock.advance(10_000);
    expect((await second).reason).toBe('Timeout');
    await clock.advance(50_000);
    expect((await first).reason).toBe('Timeout');
  });

  it('ends with the reason of its caller when that gives up, and frees the connection', async () => {
    const { client, server } = await setup(() => undefined);
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const call = expect(client.request({ ...get, signal: controller.signal })).rejects.toBe(reason);
    await asked(server);
    controller.abort(reason);
    await call;
    await vi.waitFor(async () => { expect(await server.open()).toBe(0); });
    await expect(client.request({ ...get, signal: controller.signal })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });

  it('leaves no timer and no listener behind', async () => {
    const { client, clock } = await setup((_, response) => { sendJson(response, 200, {}); });
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const added = vi.spyOn(signal, 'addEventListener');
    await client.request({ ...get, signal });
    expect(clock.pending()).toBe(0);
    expect(removed.mock.calls.length).toBeGreaterThanOrEqual(added.mock.calls.length);
  });

  it('is broken when the client is closed, and so are later ones', async () => {
    const { client, server } = await setup(() => undefined);
    const call = failure(client.request(get));
    await asked(server);
    await client.close();
    expect((await call).reason).toBe('Transport');
    expect((await failure(client.request(get))).reason).toBe('Transport');
  });
});

describe('an answer', () => {
  it.each([200, 202, 204, 301, 307, 400, 403, 404, 429, 500, 503])('is given as it is with status %i', async (status) => {
    const { client } = await setup((_, response) => { response.writeHead(status, { 'x-vault-index': 'abc' }).end(status === 204 ? undefined : 'text'); });
    expect(await client.request(get)).toMatchObject({ status, headers: { 'x-vault-index': 'abc' }, body: status === 204 ? '' : 'text' });
  });

  it('that redirects is never followed, wherever it leads', async () => {
    const elsewhere = await startHttpServer((_, response) => { response.end(); });
    cleanups.push(elsewhere.close);
    const { client, server } = await setup((_, response) => { response.writeHead(307, { location: `${elsewhere.url}/stolen` }).end(); });
    expect((await client.request(get)).status).toBe(307);
    expect(server.requests).toHaveLength(1);
    expect(elsewhere.connections()).toBe(0);
  });

  it('that does not begin ends at the deadline, and the next one gets through', async () => {
    const { client, server, clock } = await setup(() => undefined);
    const call = failure(client.request(get));
    await asked(server);
    await clock.advance(10_000);
    expect(await call).toMatchObject({ reason: 'Timeout', message: `no whole answer from ${server.url} within 10 s` });
    server.answer((_, response) => { sendJson(response, 200, {}); });
    expect((await client.request(get)).status).toBe(200);
  });

  it('that trickles ends at the deadline too', async () => {
    const { client, server, clock } = await setup((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 5);
      response.on('close', () => { clearInterval(drip); });
    });
    const call = failure(client.request({ ...get, timeout: 3_000 }));
    await asked(server);
    await clock.advance(3_000);
    expect((await call).reason).toBe('Timeout');
    await vi.waitFor(async () => { expect(await server.open()).toBe(0); });
  });

  it('that is too large is not read to its end', async () => {
    const { client, server } = await setup((_, response) => {
      response.writeHead(200);
      const push = (): void => { while (response.write('x'.repeat(65_536))); };
      response.on('drain', push);
      push();
    }, { maxBody: 2 ** 20 });
    expect(await failure(client.request(get))).toMatchObject({ reason: 'TooLarge', status: 200 });
    await vi.waitFor(async () => { expect(await server.open()).toBe(0); });
  });

  const cuts: readonly [string, Handler][] = [
    ['before its head', (_, response) => response.socket?.destroy()],
    ['within a body of known length', (_, response) => { response.writeHead(200, { 'content-length': 99 }); response.write('{', () => response.socket?.destroy()); }],
    ['within a body of unknown length', (_, response) => { response.writeHead(200); response.write('{}', () => response.socket?.destroy()); }],
    ['by what is not HTTP', (_, response) => { response.socket?.end(`HTTP/9 ${secret}\r\n\r\n`); }],
  ];
  it.each(cuts)('that is cut %s is none', async (_, handler) => {
    const { client } = await setup(handler);
    expect((await failure(client.request(get))).reason).toBe('Transport');
  });

  it('that cannot come, because nobody listens, names the address', async () => {
    const { client, server } = await setup(() => undefined);
    await server.close();
    const error = await failure(client.request(get));
    expect(error).toMatchObject({ reason: 'Transport', status: 0 });
    expect(error.message).toContain(`did not get through to ${server.url}: connect ECONNREFUSED`);
  });
});

describe('over TLS', () => {
  const authority = createAuthority('the right one');
  const { key, certificate: cert } = issueCertificate(authority, { commonName: 'vault' }, { hosts: ['127.0.0.1'] });
  const answering: Handler = (_, response) => { sendJson(response, 200, {}); };

  it('a server is believed when the given authority vouches for it', async () => {
    const { client } = await setup(answering, { tls: { ca: authority.certificate } }, { key, cert });
    expect((await client.request(get)).status).toBe(200);
  });

  const wrong: readonly [string, string | undefined, readonly string[]][] = [
    ['another authority was given', createAuthority('the wrong one').certificate, ['127.0.0.1']],
    ['no authority was given, and it is none that the world knows', undefined, ['127.0.0.1']],
    ['its certificate is for another host', authority.certificate, ['vault.example.com']],
  ];
  it.each(wrong)('nothing is sent to it when %s', async (_, ca, hosts) => {
    const shown = issueCertificate(authority, { commonName: 'vault' }, { hosts: [...hosts] });
    const { client, server } = await setup(answering, ca === undefined ? {} : { tls: { ca } }, { key: shown.key, cert: shown.certificate });
    expect((await failure(client.request(get))).reason).toBe('Transport');
    expect(server.requests).toHaveLength(0);
  });
});
