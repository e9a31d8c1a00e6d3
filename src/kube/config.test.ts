import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { loadKubeConfig } from './config.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const clock = createFakeClock();

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Sketch {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly current?: string;
}

const write = (name: string, { cluster = {}, user = { token: 'abc' }, context = {}, current = 'main' }: Sketch = {}): string => {
  const path = join(folder, name);
  const config = {
    clusters: [{ name: 'c', cluster: { server: 'https://example.com:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', ...context } }],
    'current-context': current,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
};

const loadWith = (sketch: Sketch) => loadKubeConfig({ path: write('config', sketch), clock });

describe('where the configuration comes from', () => {
  it('is the flag first, then KUBECONFIG, then the pod, then the home folder', async () => {
    const flag = write('flag', { context: { namespace: 'flag' } });
    const variable = write('variable', { context: { namespace: 'variable' } });
    const pod = join(folder, 'pod');
    mkdirSync(pod);
    for (const [name, text] of [['token', 'pod-token\n'], ['ca.crt', 'CA'], ['namespace', 'pod\n']] as const) writeFileSync(join(pod, name), text);
    mkdirSync(join(folder, '.kube'));
    write('.kube/config', { context: { namespace: 'home' } });
    const env = { KUBECONFIG: variable, KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443', HOME: folder };
    const load = (path: string | undefined, overrides: object) =>
      loadKubeConfig({ path, env: { ...env, ...overrides }, clock, serviceAccountFolder: pod });
    expect(load(flag, {}).namespace).toBe('flag');
    expect(load(undefined, {}).namespace).toBe('variable');
    const inPod = load(undefined, { KUBECONFIG: '' });
    expect(inPod).toMatchObject({ namespace: 'pod', server: 'https://[fd00::1]:443', tls: { ca: Buffer.from('CA') } });
    expect(await inPod.authHeaders()).toEqual({ authorization: 'Bearer pod-token' });
    expect(load(undefined, { KUBECONFIG: '', KUBERNETES_SERVICE_HOST: '' }).namespace).toBe('home');
    expect(() => load(undefined, { KUBECONFIG: '', KUBERNETES_SERVICE_HOST: '', HOME: '/nowhere' })).toThrow('--kubeconfig');
  });

  it('may be several files, of which the first to say something wins', () => {
    const [first, second] = [write('1', { current: '', context: { namespace: 'one' } }), write('2', { context: { namespace: 'two' } })];
    const config = loadKubeConfig({ env: { KUBECONFIG: `${first}:${second}:${folder}/none` }, clock });
    expect(config).toMatchObject({ namespace: 'one', source: `${first}:${second}` });
  });

  it.each<[string, Sketch, string]>([
    ['has no current context', { current: '' }, 'no current-context'],
    ['names a context that is not there', { current: 'other' }, "no entry 'other' in contexts"],
    ['names a cluster that is not there', { context: { cluster: 'x' } }, "no entry 'x' in clusters"],
    ['names a user that is not there', { context: { user: 'x' } }, "no entry 'x' in users"],
    ['has no server', { cluster: { server: undefined } }, 'server is missing'],
    ['would send a token in the clear', { cluster: { server: 'http://example.com' } }, 'https://'],
    ['has no address for a server', { cluster: { server: 'example.com:6443' } }, 'https://'],
    ['needs a proxy', { cluster: { 'proxy-url': 'http://proxy' } }, 'proxy-url is not supported'],
    ['has a certificate without its key', { user: { 'client-certificate-data': base64('CERT') } }, 'both a client certificate and its key'],
    ['has an old auth provider', { user: { 'auth-provider': { name: 'oidc' } } }, 'auth-provider is not supported'],
    ['has a password', { user: { username: 'admin', password: 'hunter2' } }, 'no password authentication'],
    ['has a plugin without a command', { user: { exec: {} } }, 'exec.command is missing'],
  ])('is refused with a way out when it %s', (_, sketch, message) => {
    expect(() => loadWith(sketch)).toThrow(message);
  });

  it('is not quoted when it cannot be read', () => {
    const path = join(folder, 'broken');
    writeFileSync(path, 'users:\n- name: u\n  user: {token: "hunter2, x: [}\n');
    expect(() => loadKubeConfig({ path, clock })).toThrow(`cannot read the kubeconfig ${path}`);
    expect(() => loadKubeConfig({ path, clock })).not.toThrow('hunter2');
    expect(() => loadKubeConfig({ path: join(folder, 'none'), clock })).toThrow('there is no kubeconfig');
  });
});

describe('what it says', () => {
  it('finds certificates in data or in files beside it', () => {
    writeFileSync(join(folder, 'ca.crt'), 'CA');
    writeFileSync(join(folder, 'key.pem'), 'KEY');
    const { tls, server } = loadWith({
      cluster: { 'certificate-authority': 'ca.crt', 'tls-server-name': 'api' },
      user: { 'client-certificate-data': base64('CERT'), 'client-key': 'key.pem' },
    });
    expect(tls).toEqual({ ca: Buffer.from('CA'), cert: Buffer.from('CERT'), key: Buffer.from('KEY'), servername: 'api' });
    expect(server).toBe('https://example.com:6443');
  });

  it('does not verify the server only when it is told not to', () => {
    expect(loadWith({}).tls).toEqual({});
    expect(loadWith({ cluster: { 'insecure-skip-tls-verify': true } }).tls).toEqual({ rejectUnauthorized: false });
  });

  it('speaks for somebody else with all that belongs to that', async () => {
    const config = loadWith({ user: { token: 'abc', as: 'jane', 'as-uid': '1', 'as-groups': ['a', 'b'], 'as-user-extra': { 'x/y': ['1'] } } });
    expect(await config.authHeaders()).toEqual({
      authorization: 'Bearer abc', 'impersonate-user': 'jane', 'impersonate-uid': '1', 'impersonate-group': ['a', 'b'],
      'impersonate-extra-x%2Fy': ['1'],
    });
  });

  it('needs no token where a certificate is enough', async () => {
    const config = loadWith({ user: { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') } });
    expect(await config.authHeaders()).toEqual({});
  });
});

describe('a token file', () => {
  const setup = (text: string) => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, text);
    return { tokenFile, config: loadWith({ user: { tokenFile: 'token' } }) };
  };

  it('is read again when the copy is 10 s old, and at once after a refusal', async () => {
    const { tokenFile, config } = setup('one\n');
    const token = async () => (await config.authHeaders())['authorization'];
    expect(await token()).toBe('Bearer one');
    writeFileSync(tokenFile, 'two');
    expect(await token()).toBe('Bearer one');
    await clock.advance(10_000);
    expect(await token()).toBe('Bearer two');
    writeFileSync(tokenFile, 'three');
    config.forgetCredentials();
    expect(await token()).toBe('Bearer three');
  });

  it('that cannot be read is an error to be retried, and heals', async () => {
    const { tokenFile, config } = setup('one');
    rmSync(tokenFile);
    await expect(config.authHeaders()).rejects.toMatchObject({ code: 0, reason: 'Credentials', message: expect.stringContaining('ENOENT') as string });
    writeFileSync(tokenFile, '');
    await expect(config.authHeaders()).rejects.toMatchObject({ reason: 'Credentials', message: expect.stringContaining('empty') as string });
    writeFileSync(tokenFile, 'hunter2\nx-evil: 1');
    await expect(config.authHeaders()).rejects.toThrow('not one line of text');
    await expect(config.authHeaders()).rejects.not.toThrow('hunter2');
    writeFileSync(tokenFile, 'one');
    expect(await config.authHeaders()).toEqual({ authorization: 'Bearer one' });
  });
});

describe('a credential plugin', () => {
  const setup = (script: string) => {
    const command = join(folder, 'plugin');
    writeFileSync(command, `#!/bin/sh\necho run >> ${folder}/runs\n${script}\n`);
    chmodSync(command, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin', args: ['a b'], env: [{ name: 'WHO', value: 'me' }] };
    return loadWith({ user: { exec } });
  };
  const print = (status: object): string => `printf %s '${JSON.stringify({ kind: 'ExecCredential', status })}'`;

  it('is run once for many, with its arguments, until its token is about to expire', async () => {
    const at = (ms: number): string => new Date(clock.now().getTime() + ms).toISOString();
    const config = setup(`test "$1" = "a b" && test "$WHO" = me && test -n "$KUBERNETES_EXEC_INFO" || exit 3
      n=$(wc -l < ${folder}/runs | tr -d ' '); printf '{"status":{"token":"t%s","expirationTimestamp":"${at(60_000)}"}}' "$n"`);
    const [first, second] = await Promise.all([config.authHeaders(), config.authHeaders()]);
    expect([first, second, await config.authHeaders()]).toEqual(Array(3).fill({ authorization: 'Bearer t1' }));
    await clock.advance(50_000);
    expect(await config.authHeaders()).toEqual({ authorization: 'Bearer t2' });
  });

  it.each([
    ['fails', 'echo "no session" >&2; exit 7', 'failed (7): no session'],
    ['prints nonsense', 'echo hello', 'did not print JSON'],
    ['prints null', 'echo null', 'gave no token'],
    ['gives a certificate', print({ clientCertificateData: 'x' }), 'certificates are not supported'],
  ])('that %s is an error to be retried', async (_, script, message) => {
    await expect(setup(script).authHeaders()).rejects.toMatchObject({ reason: 'Credentials', message: expect.stringContaining(message) as string });
  });

  it('that is not there is an error to be retried', async () => {
    const config = loadWith({ user: { exec: { command: 'no-such-plugin-here' } } });
    await expect(config.authHeaders()).rejects.toThrow('failed (ENOENT)');
  });
});
