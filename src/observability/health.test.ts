import { Server, createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { createHealthServer } from './health.ts';
import type { HealthServer, HealthServerOptions } from './health.ts';

const servers: HealthServer[] = [];

const start = async (options: Partial<HealthServerOptions> = {}) => {
  const clock = createFakeClock();
  const server = createHealthServer({
    address: '127.0.0.1',
    port: 0,
    clock,
    ready: () => true,
    healthy: () => Promise.resolve({ ok: true, message: 'ok' }),
    metrics: () => Promise.resolve('up 1\n'),
    ...options,
  });
  servers.push(server);
  const { url } = await server.start();
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${url}${path}`, { method });
    return { status: response.status, body: await response.text(), type: response.headers.get('content-type') };
  };
  return { clock, server, url, get };
};

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe('the health server', () => {
  it('is ready only when all is', async () => {
    let state: true | string = 'not listed yet: rolebindings';
    const { get } = await start({ ready: () => state });
    expect(await get('/readyz')).toMatchObject({ status: 503, body: 'not listed yet: rolebindings\n' });
    state = true;
    expect(await get('/readyz?verbose')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('gives the metrics with their content type', async () => {
    const { get } = await start();
    expect(await get('/metrics')).toEqual({ status: 200, body: 'up 1\n', type: 'text/plain; version=0.0.4; charset=utf-8' });
  });

  it('asks for its health at most every ten seconds', async () => {
    let asked = 0;
    const { clock, get } = await start({
      healthy: () => {
        asked += 1;
        return Promise.resolve({ ok: asked === 1, message: `asked ${String(asked)}` });
      },
    });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'asked 1\n' });
    await clock.advance(9_999);
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'asked 1\n' });
    await clock.advance(1);
    expect(await get('/healthz')).toMatchObject({ status: 503, body: 'asked 2\n' });
  });

  it('is not ill when it cannot tell: a restart mends no API server', async () => {
    const { clock, get } = await start({ healthy: () => new Promise(() => undefined) });
    const answer = get('/healthz');
    // The request is on its way through a real socket: wait for the timer that it sets.
    while (clock.pending() === 0) await clock.settle();
    await clock.advance(2_000);
    expect(await answer).toMatchObject({ status: 200, body: 'not known yet\n' });
  });

  it.each([
    ['fails', () => Promise.reject(new Error('no'))],
    ['throws', () => { throw new Error('no'); }],
  ])('is not ill when asking %s', async (_, healthy) => {
    const { get } = await start({ healthy });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'not known\n' });
  });

  it('fails with 500, and says nothing of why to whoever asks, when the metrics cannot be told', async () => {
    const { get } = await start({ metrics: () => Promise.reject(new Error('secret')) });
    expect(await get('/metrics')).toMatchObject({ status: 500, body: 'failed\n' });
  });

  it.each(['/', '/healthz/', '/metrics2', '/constructor', '/%2e%2e/etc/passwd'])('answers 404 to %s', async (path) => {
    const { get } = await start();
    expect(await get(path)).toMatchObject({ status: 404, body: 'here are /healthz, /readyz and /metrics\n' });
  });

  it('answers only GET and HEAD', async () => {
    const { get } = await start();
    expect(await get('/metrics', 'POST')).toMatchObject({ status: 405 });
    expect(await get('/metrics', 'DELETE')).toMatchObject({ status: 405 });
    expect(await get('/metrics', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('says which port is taken and what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const bound = other.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    await expect(start({ port })).rejects.toThrow(`port ${String(port)} on 127.0.0.1 is taken: choose another with --port`);
    servers.splice(0);
    await new Promise((resolve) => other.close(resolve));
  });

  it('says why it cannot serve on an address that is not its own', async () => {
    await expect(start({ address: '192.0.2.1' })).rejects.toThrow(/cannot serve on 192\.0\.2\.1:0: /);
    servers.splice(0);
  });

  it('lives on when connections cannot be accepted, as without a file descriptor left', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    const { get } = await start();
    const server: unknown = listen.mock.contexts[0];
    listen.mockRestore();
    if (!(server instanceof Server)) throw new Error('the server was not found');
    // The second one counts: the first is heard by whoever waited for the start.
    server.emit('error', new Error('accept EMFILE'));
    server.emit('error', new Error('accept EMFILE'));
    expect((await get('/readyz')).status).toBe(200);
  });

  it('stops while a client keeps its connection open, and is gone then', async () => {
    const { server, url, get } = await start();
    await get('/readyz');
    await server.stop();
    servers.splice(0);
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
  });
});
