import { afterEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { type Handler, sendJson, startHttpServer } from '../../test/fakes/http-server.ts';
import { createApiServers } from './api-servers.ts';
import type { KubeConfig } from './config.ts';
import { createTransport } from './transport.ts';

const never = new AbortController().signal;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const slice = (addresses: readonly unknown[], port: unknown = 6443): object => ({
  metadata: { name: 'kubernetes', namespace: 'default', uid: 'u', resourceVersion: '1' },
  endpoints: [{ addresses, conditions: { ready: true } }],
  ports: [{ name: 'https', port }, { name: 'metrics', port: 9 }],
});
const listOf = (...items: readonly object[]): object => ({ kind: 'EndpointSliceList', metadata: { resourceVersion: '1' }, items });

const setup = async (answer: () => { readonly code?: number; readonly body: object }, urls: readonly string[] = []) => {
  const handler: Handler = (_, response) => {
    const { code = 200, body } = answer();
    sendJson(response, code, body);
  };
  const server = await startHttpServer(handler);
  const config: KubeConfig = {
    server: server.url, namespace: 'default', source: 'test', tls: { cert: Buffer.from('c'), key: Buffer.from('k') },
    authHeaders: () => Promise.resolve({ authorization: 'Bearer operator', 'impersonate-user': 'somebody' }), forgetCredentials: () => undefined,
  };
  const clock = createFakeClock();
  const common = { config, clock, version: 'test' };
  const transport = createTransport(common);
  const servers = createApiServers({ ...common, transport, urls });
  cleanups.push(server.close, transport.close, servers.close);
  const names = async (): Promise<readonly string[]> => (await servers.all(never)).map(({ name }) => name);
  return { server, servers, transport, clock, names, own: new URL(server.url).host };
};

describe('the API servers of the cluster', () => {
  it('are the one that is configured and those that are advertised, each once', async () => {
    const { server, names, own } = await setup(() => ({
      body: listOf(slice(['10.0.0.2', '10.0.0.1']), slice(['fd00::1', 'not an address', 7]), slice(['10.0.0.1', '127.0.0.1'], Number(new URL(server.url).port)), slice(['10.0.0.9'], 'x')),
    }));
    const port = new URL(server.url).port;
    expect(await names()).toEqual([own, '10.0.0.2:6443', '10.0.0.1:6443', '[fd00::1]:6443', `10.0.0.1:${port}`]);
    expect(server.requests[0]?.path).toBe('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes');
  });

  it('are asked for again after half a minute, and those that stay keep their connections', async () => {
    let addresses = ['10.0.0.1', '10.0.0.2'];
    const { server, servers, clock } = await setup(() => ({ body: listOf(slice(addresses)) }));
    const [first] = await Promise.all([servers.all(never), servers.all(never)]);
    addresses = ['10.0.0.2', '10.0.0.3'];
    expect(await servers.all(never)).toBe(first);
    await clock.advance(30_001);
    const second = await servers.all(never);
    expect(second.map(({ name }) => name).slice(1)).toEqual(['10.0.0.2:6443', '10.0.0.3:6443']);
    expect([second[0], second[1]]).toEqual([first[0], first[2]]);
    expect(server.requests).toHaveLength(2);
    const gone = first[1]?.transport.request({ verb: 'get', resource: 'pods', method: 'GET', path: '/' });
    await expect(gone).rejects.toMatchObject({ code: 0, reason: 'Transport' });
  });

  it('are those that are named, where they are, and nobody is asked', async () => {
    const { server, names, own } = await setup(() => ({ body: listOf() }), ['https://one.example.com', 'https://two.example.com:6443']);
    expect(await names()).toEqual([own, 'one.example.com:443', 'two.example.com:6443']);
    expect(server.requests).toEqual([]);
  });

  it('are not known when the question is not answered', async () => {
    const refused = { kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden', message: 'endpointslices is forbidden: User "x" cannot list resource "endpointslices"' };
    let answer: { readonly code?: number; readonly body: object } = { code: 403, body: refused };
    const { names } = await setup(() => answer);
    await expect(names()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'PermissionMissing' });
    answer = { body: {} };
    await expect(names()).rejects.toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
    answer = { body: listOf(slice(Array.from({ length: 33 }, (_, index) => `10.0.0.${String(index)}`))) };
    await expect(names()).rejects.toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
    await expect(names()).rejects.toThrow('33 API servers are advertised');
  });

  it('know somebody by the token alone', async () => {
    const { server, servers } = await setup(() => ({ body: listOf() }));
    const [configured] = await servers.all(never);
    const transport = configured?.withToken('a.b.c');
    await transport?.request({ verb: 'get', resource: 'pods', method: 'GET', path: '/x' });
    await transport?.close();
    expect(server.requests[1]?.headers).toMatchObject({ authorization: 'Bearer a.b.c' });
    expect(server.requests[1]?.headers['impersonate-user']).toBeUndefined();
  });
});
