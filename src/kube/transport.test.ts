import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import type { KubeConfig } from './config.ts';
import { ApiError } from './errors.ts';
import type { ApiRequest } from './request.ts';
import { type RequestObservation, type Transport, createTransport } from './transport.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A server whose answers the test decides, and a transport that talks to it on a clock that stands still. */
const setup = async (handler: Handler, options: { maxBody?: number; maxConnections?: number } = {}) => {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response);
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const forgetCredentials = vi.fn();
  const authHeaders = vi.fn(() => Promise.resolve({ authorization: 'Bearer secret-token' }));
  const config: KubeConfig = {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`,
    namespace: 'default', source: 'test', tls: {}, authHeaders, forgetCredentials,
  };
  const clock = createFakeClock();
  const observed: RequestObservation[] = [];
  const onRequest = (observation: RequestObservation): void => { observed.push(observation); };
  const transport: Transport = createTransport({ config, clock, version: '1.2.3', onRequest, ...options });
  cleanups.push(() => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }), () => transport.close());
  return { transport, clock, requests, observed, server, authHeaders, forgetCredentials, connections: () => connections };
};

const get: ApiRequest = { verb: 'get', resource: 'pods', method: 'GET', path: '/api/v1/pods' };

const json = (response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof ApiError)) throw new Error(`expected an ApiError, got ${String(error)}`);
  return error;
};

const drain = async (chunks: AsyncIterable<Buffer>): Promise<string> => {
  let text = '';
  for await (const chunk of chunks) text += chunk.toString();
  return text;
};

describe('a request', () => {
  it('says who asks and gives the parsed answer', async () => {
    const { transport, requests, observed } = await setup((_, response) => { json(response, 200, { kind: 'PodList' }); });
    expect(await transport.request(get)).toEqual({ kind: 'PodList' });
    expect(requests[0]?.url).toBe('/prefix/api/v1/pods');
    expect(requests[0]?.headers).toMatchObject({
      authorization: 'Bearer secret-token', 'user-agent': 'offboard/1.2.3', accept: 'application/json',
    });
    expect(observed).toEqual([{ verb: 'get', resource: 'pods', code: '200', seconds: 0 }]);
  });

  it('sends a body as JSON of the type that was named', async () => {
    let body = '';
    const { transport, requests } = await setup((request, response) => {
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => { json(response, 200, {}); });
    });
    await transport.request({ ...get, verb: 'patch', method: 'PATCH', body: { a: 1 }, contentType: 'application/merge-patch+json' });
    expect(requests[0]?.headers['content-type']).toBe('application/merge-patch+json');
    expect(body).toBe('{"a":1}');
  });

  it('uses its connections again, also after errors', async () => {
    const status = { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound', message: 'no' };
    const { transport, connections } = await setup((_, response) => { json(response, 404, status); });
    for (let i = 0; i < 20; i += 1) await failure(transport.request(get));
    // The one that just answered may not be free yet when the next request comes.
    expect(connections()).toBeLessThanOrEqual(2);
  });

  it('uses its connection again after a DELETE that has a body, which the library would close', async () => {
    const { transport, connections } = await setup((_, response) => { json(response, 200, {}); });
    for (let i = 0; i < 20; i += 1) {
      await transport.request({ verb: 'delete', resource: 'secrets', method: 'DELETE', path: '/api/v1/secrets/x', body: { preconditions: {} } });
    }
    expect(connections()).toBeLessThanOrEqual(2);
  });

  it('opens no more connections than it may', async () => {
    let waiting: ServerResponse[] = [];
    const { transport, connections, requests } = await setup((_, response) => { waiting.push(response); }, { maxConnections: 2 });
    const calls = Array.from({ length: 6 }, () => transport.request(get));
    for (let answered = 0; answered < 6; ) {
      await vi.waitFor(() => { expect(waiting.length).toBeGreaterThan(0); });
      const batch = waiting;
      waiting = [];
      for (const response of batch) json(response, 200, {});
      answered += batch.length;
    }
    await Promise.all(calls);
    expect(requests).toHaveLength(6);
    expect(connections()).toBe(2);
  });

  it('ends at its deadline, with a message that names it, and the next one gets through', async () => {
    let answer = false;
    const { transport, clock, requests, observed } = await setup((_, response) => { if (answer) json(response, 200, {}); });
    const call = failure(transport.request(get));
    await vi.waitFor(() => { expect(requests).toHaveLength(1); });
    await clock.advance(10_000);
    expect(await call).toMatchObject({ code: 0, reason: 'Timeout', message: 'no answer to get pods within 10 s' });
    expect(observed).toEqual([{ verb: 'get', resource: 'pods', code: '<error>', seconds: 10 }]);
    answer = true;
    await transport.request(get);
  });

  it('ends at its deadline while it waits for a connection', async () => {
    const { transport, clock, requests } = await setup(() => undefined, { maxConnections: 1 });
    const first = failure(transport.request({ ...get, timeout: 60_000 }));
    await vi.waitFor(() => { expect(requests).toHaveLength(1); });
    const second = failure(transport.request(get));
    await clock.settle();
    await clock.advance(10_000);
    expect((await second).reason).toBe('Timeout');
    await clock.advance(50_000);
    expect((await first).reason).toBe('Timeout');
  });

  it('ends at its deadline when the body stops half-way', async () => {
    const { transport, clock, requests } = await setup((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"kind":');
    });
    const call = failure(transport.request(get));
    await vi.waitFor(() => { expect(requests).toHaveLength(1); });
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(10_000);
    expect((await call).reason).toBe('Timeout');
  });

  it('ends with the reason of its caller when that gives up', async () => {
    const { transport, requests } = await setup(() => undefined);
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const call = expect(transport.request({ ...get, signal: controller.signal })).rejects.toBe(reason);
    await vi.waitFor(() => { expect(requests).toHaveLength(1); });
    controller.abort(reason);
    await call;
    await expect(transport.request({ ...get, signal: controller.signal })).rejects.toBe(reason);
    expect(requests).toHaveLength(1);
  });

  it('leaves no timer and no listener behind', async () => {
    const { transport, clock } = await setup((_, response) => { json(response, 200, {}); });
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const added = vi.spyOn(signal, 'addEventListener');
    await transport.request({ ...get, signal });
    expect(clock.pending()).toBe(0);
    expect(removed.mock.calls.length).toBeGreaterThanOrEqual(added.mock.calls.length);
  });

  it('forgets credentials that are refused', async () => {
    const status = { kind: 'Status', status: 'Failure', code: 401, reason: 'Unauthorized', message: 'Unauthorized' };
    const { transport, forgetCredentials } = await setup((_, response) => { json(response, 401, status); });
    expect((await failure(transport.request(get))).reason).toBe('Unauthorized');
    expect(forgetCredentials).toHaveBeenCalledOnce();
  });

  it('fails as the credentials do, without asking the server', async () => {
    const { transport, authHeaders, requests } = await setup((_, response) => { json(response, 200, {}); });
    authHeaders.mockRejectedValueOnce(new ApiError(0, 'Credentials', 'unreadable'));
    expect((await failure(transport.request(get))).reason).toBe('Credentials');
    expect(requests).toHaveLength(0);
    await transport.request(get);
  });
});

describe('an answer', () => {
  const cases: [string, Handler, Partial<ApiError>][] = [
    ['a page of a proxy', (_, r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>token=abc'), { code: 200, reason: 'Garbage' }],
    ['JSON that is cut short', (_, r) => r.writeHead(200, { 'content-type': 'application/json' }).end('{"kind":'), { code: 200, reason: 'Garbage' }],
    ['JSON that is no object', (_, r) => { json(r, 200, [1]); }, { code: 200, reason: 'Garbage' }],
    ['JSON that calls itself text', (_, r) => r.writeHead(200, { 'content-type': 'text/plain' }).end('{}'), { reason: 'Garbage' }],
    ['an error that is no Status', (_, r) => { json(r, 403, { error: 'denied' }); }, { code: 403, reason: 'Garbage' }],
    ['a page that is not there', (_, r) => r.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found'), { code: 404, reason: 'NotServed' }],
    ['a redirect', (_, r) => r.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), { code: 307, reason: 'Garbage' }],
    ['a failure in a 200', (_, r) => { json(r, 200, { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound' }); }, { code: 200, reason: 'NotFound' }],
    ['shed load', (_, r) => r.writeHead(429, { 'retry-after': '3' }).end('Too many requests'), { code: 429, reason: 'TooManyRequests', retryAfter: 3000 }],
    ['a server that is starting', (_, r) => r.writeHead(503, { 'retry-after': 'soon' }).end(), { code: 503, reason: 'ServiceUnavailable', retryAfter: undefined }],
    ['a time to wait inside the Status', (_, r) => { json(r, 504, { kind: 'Status', status: 'Failure', reason: 'Timeout', details: { retryAfterSeconds: 2 } }); }, { code: 504, retryAfter: 2000 }],
    ['a wish to be left alone for days', (_, r) => r.writeHead(429, { 'retry-after': '999999' }).end('Too many requests'), { code: 429, reason: 'TooManyRequests', retryAfter: 60_000 }],
    ['a connection that is cut', (_, r) => { r.socket?.destroy(); }, { code: 0, reason: 'Transport' }],
    ['a connection that is cut within the body', (_, r) => { r.writeHead(200, { 'content-type': 'application/json', 'content-length': 99 }); r.write('{', () => r.socket?.destroy()); }, { code: 0, reason: 'Transport' }],
  ];
  it.each(cases)('that is %s is told for what it is', async (_, handler, expected) => {
    const { transport } = await setup(handler);
    const error = await failure(transport.request(get));
    expect(error).toMatchObject(expected);
    expect(error.message).not.toContain('abc');
    expect(error.verb).toBe('get');
  });

  it('that is too large is not read to its end', async () => {
    const { transport } = await setup((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const push = (): void => { while (response.write('x'.repeat(65_536))); };
      response.on('drain', push);
      push();
    }, { maxBody: 2 ** 20 });
    expect(await failure(transport.request(get))).toMatchObject({ code: 200, reason: 'TooLarge' });
  });

  it('that cannot come, because nobody listens, names the address', async () => {
    const { transport, server } = await setup(() => undefined);
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(transport.request(get))).toMatchObject({ code: 0, reason: 'Transport', message: expect.stringContaining(`:${port}`) as string });
  });
});

describe('a stream', () => {
  const watch: ApiRequest = { ...get, verb: 'watch' };

  it('gives the bytes as they come, and ends when the server ends it', async () => {
    const { transport, observed, clock } = await setup((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('a');
      setImmediate(() => response.end('b'));
    });
    const onOpen = vi.fn();
    expect(await drain(transport.stream(watch, 60_000, onOpen))).toBe('ab');
    expect(onOpen).toHaveBeenCalledOnce();
    expect(observed).toEqual([{ verb: 'watch', resource: 'pods', code: '200', seconds: 0 }]);
    expect(clock.pending()).toBe(0);
  });

  it('that is refused fails like a request', async () => {
    const { transport, observed } = await setup((_, r) => { json(r, 410, { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired' }); });
    const onOpen = vi.fn();
    expect(await failure(drain(transport.stream(watch, 60_000, onOpen)))).toMatchObject({ code: 410, reason: 'Expired' });
    expect(onOpen).not.toHaveBeenCalled();
    expect(observed[0]?.code).toBe('410');
  });

  it('that does not begin ends at the deadline of a request', async () => {
    const { transport, clock, requests } = await setup(() => undefined);
    const call = failure(drain(transport.stream(watch, 600_000)));
    await vi.waitFor(() => { expect(requests).toHaveLength(1); });
    await clock.advance(10_000);
    expect((await call).reason).toBe('Timeout');
  });

  it('that falls silent ends when its life is over, and not before', async () => {
    const { transport, clock, server } = await setup((_, response) => { response.writeHead(200).flushHeaders(); });
    const onOpen = vi.fn();
    let ended = false;
    const call = failure(drain(transport.stream(watch, 310_000, onOpen))).finally(() => (ended = true));
    await vi.waitFor(() => { expect(onOpen).toHaveBeenCalled(); });
    await clock.advance(309_999);
    expect(ended).toBe(false);
    await clock.advance(1);
    expect(await call).toMatchObject({ code: 0, reason: 'Timeout' });
    await vi.waitFor(async () => { expect(await openConnections(server)).toBe(0); });
  });

  it('that is cut is not taken for one that ended', async () => {
    const { transport } = await setup((_, response) => {
      response.writeHead(200).write('a', () => response.socket?.destroy());
    });
    expect((await failure(drain(transport.stream(watch, 60_000)))).reason).toBe('Transport');
  });

  it('closes its connection when the reader stops, or gives up', async () => {
    const { transport, server, clock } = await setup((_, response) => { response.writeHead(200).write('a'); });
    for await (const chunk of transport.stream(watch, 60_000)) {
      expect(chunk.toString()).toBe('a');
      break;
    }
    await vi.waitFor(async () => { expect(await openConnections(server)).toBe(0); });
    const controller = new AbortController();
    const reason = new Error('stop');
    const onOpen = vi.fn();
    const call = expect(drain(transport.stream({ ...watch, signal: controller.signal }, 60_000, onOpen))).rejects.toBe(reason);
    await vi.waitFor(() => { expect(onOpen).toHaveBeenCalled(); });
    controller.abort(reason);
    await call;
    await vi.waitFor(async () => { expect(await openConnections(server)).toBe(0); });
    expect(clock.pending()).toBe(0);
  });

  it('does not take a connection from the requests', async () => {
    const { transport } = await setup((request, response) => {
      if (request.url?.includes('watch')) response.writeHead(200).write('a');
      else json(response, 200, {});
    }, { maxConnections: 1 });
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const streams = controllers.map(async ({ signal }) => {
      await expect(drain(transport.stream({ ...watch, path: '/watch', signal }, 60_000))).rejects.toThrow('done');
    });
    await transport.request(get);
    for (const controller of controllers) controller.abort(new Error('done'));
    await Promise.all(streams);
  });
});

const openConnections = (server: ReturnType<typeof createServer>): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => { if (error) reject(error); else resolve(count); });
  });
