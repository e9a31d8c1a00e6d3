import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Openbao, startOpenbao } from './openbao.ts';
import { waitFor } from './wait-for.ts';

const clusterOf = async (bao: Openbao): Promise<string> => (await bao.ask<{ readonly cluster_id: string }>('GET', 'sys/health')).cluster_id;

describe('an OpenBao in memory', () => {
  let bao: Openbao;
  beforeAll(async () => {
    bao = await startOpenbao();
  });
  afterAll(async () => {
    await bao.stop();
    expect(existsSync(bao.folder)).toBe(false);
  });

  it('serves over TLS that only its own CA vouches for', async () => {
    expect(bao.url).toMatch(/^https:/);
    await expect(fetch(`${bao.url}/v1/sys/health`)).rejects.toThrow('fetch failed');
    expect((await bao.call('GET', 'sys/auth')).status).toBe(200);
  });

  it('answers nothing but that it is sealed, and goes on when unsealed', async () => {
    await bao.ask('POST', 'sys/mounts/kv', { type: 'kv' });
    await bao.seal();
    expect(await bao.call('GET', 'sys/auth')).toMatchObject({ status: 503, body: { errors: ['Vault is sealed'] } });
    await bao.unseal();
    expect((await bao.call('LIST', 'kv/')).body).toEqual({ errors: [] });
  });

  it('is another cluster, which knows nothing, once it was killed', async () => {
    const before = { cluster: await clusterOf(bao), token: bao.token };
    await bao.kill();
    await expect(bao.call('GET', 'sys/health')).rejects.toThrow('ECONNREFUSED');
    await bao.start();
    expect(await clusterOf(bao)).not.toBe(before.cluster);
    expect((await bao.call('GET', 'sys/auth', undefined, before.token)).status).toBe(403);
  });
});

describe('two nodes on raft', () => {
  let bao: Openbao;
  beforeAll(async () => {
    bao = await startOpenbao({ storage: 'raft', nodes: 2 });
  });
  afterAll(async () => {
    await bao.stop();
  });

  it('are one active node and one standby, which passes writes on', async () => {
    const active = await bao.activeNode();
    const standby = 1 - active;
    expect((await bao.call('GET', 'sys/health', undefined, '', { node: standby })).status).toBe(429);
    await bao.ask('POST', 'sys/mounts/kv', { type: 'kv' }, bao.token, { node: standby });
    // The mount is there when the standby has heard of it, some milliseconds after it was told that it is.
    await waitFor(async () => (await bao.call('PUT', 'kv/a', { b: 'c' }, bao.token, { node: standby })).status === 204, { what: 'the standby knowing the mount' });
    expect(await bao.ask('GET', 'kv/a', undefined, bao.token, { node: active })).toMatchObject({ data: { b: 'c' } });
  });

  it('say how far they are with what they wrote, and a standby sends on what asks for more than it has', async () => {
    const { status, headers } = await bao.call('PUT', 'cubbyhole/offboard', { at: '1' });
    expect(status).toBe(204);
    const index = headers['x-vault-index'];
    expect(index).toEqual(expect.any(String));
    const { cluster, value } = JSON.parse(Buffer.from(String(index), 'base64').toString('utf8')) as { readonly cluster: string; readonly value: string };
    const ahead = Buffer.from(JSON.stringify({ cluster, value: String(Number(value) + 100_000) })).toString('base64');
    const node = 1 - (await bao.activeNode());
    expect((await bao.call('GET', 'sys/auth', undefined, bao.token, { node, headers: { 'x-vault-index': ahead } })).status).toBe(429);
    const headersToForward = { 'x-vault-index': ahead, 'x-vault-inconsistent': 'forward-active-node' };
    expect((await bao.call('GET', 'sys/auth', undefined, bao.token, { node, headers: headersToForward })).status).toBe(200);
  });

  it('know of a mount at once where a read is bound to a write that came after it, also by the standby', async () => {
    const node = 1 - (await bao.activeNode());
    for (let round = 0; round < 10; round += 1) {
      await bao.ask('POST', `sys/mounts/kv-${String(round)}`, { type: 'kv' });
      const { headers } = await bao.call('PUT', 'cubbyhole/offboard', { at: '3' }, bao.token, { node });
      const bound = { 'x-vault-index': String(headers['x-vault-index']), 'x-vault-inconsistent': 'forward-active-node' };
      const answer = await bao.call('LIST', `kv-${String(round)}/a`, undefined, bao.token, { node, headers: bound });
      // Unbound, about every second one is told that there is no such mount.
      expect(answer).toMatchObject({ status: 404, body: { errors: [] } });
    }
  });

  it('keep what they hold when one is killed and comes back', async () => {
    const before = await clusterOf(bao);
    await bao.kill(1);
    await bao.start(1);
    await bao.activeNode();
    expect(await clusterOf(bao)).toBe(before);
  });

  it('write nothing while the active one is frozen, though the standby still reads', async () => {
    const active = await bao.activeNode();
    const node = 1 - active;
    bao.pause(active);
    try {
      expect((await bao.call('GET', 'sys/auth', undefined, bao.token, { node })).status).toBe(200);
      await expect(bao.call('PUT', 'cubbyhole/offboard', { at: '2' }, bao.token, { node, timeout: 1_000 })).rejects.toThrow('timeout');
    } finally {
      bao.resume(active);
    }
    await bao.activeNode();
  });
});
