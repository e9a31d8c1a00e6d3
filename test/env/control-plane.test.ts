import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from './control-plane.ts';
import { createSigningRequest } from './x509.ts';

const START_TIMEOUT = 60_000;

describe('a control plane', () => {
  let cluster: ControlPlane;
  beforeAll(async () => {
    cluster = await startControlPlane();
  }, START_TIMEOUT);
  afterAll(async () => {
    await cluster.stop();
  });

  it('has namespaces, and controllers that give each a default ServiceAccount', async () => {
    expect(await cluster.kubectl(['get', 'namespaces', '-o', 'name'])).toContain('namespace/kube-system');
    await cluster.kubectl(['create', 'namespace', 'fresh']);
    await waitFor(() => cluster.kubectl(['get', 'serviceaccount', 'default', '-n', 'fresh']));
  });

  it('authenticates ServiceAccount tokens and authorizes by RBAC', async () => {
    await cluster.kubectl(['create', 'serviceaccount', 'robot']);
    const token = (await cluster.kubectl(['create', 'token', 'robot'])).trim();
    const path = '/api/v1/namespaces/default/configmaps';
    expect((await cluster.request(path, { token })).status).toBe(403);
    await cluster.kubectl(['create', 'rolebinding', 'robot', '--clusterrole=view', '--serviceaccount=default:robot']);
    await waitFor(async () => (await cluster.request(path, { token })).status === 200);
    expect((await cluster.request(path, { token: `${token}x` })).status).toBe(401);

    const kubeconfig = cluster.kubeconfigFor({ token });
    expect(await cluster.kubectl(['auth', 'whoami', '-o', 'name'], { kubeconfig })).toBeDefined();
    await expect(cluster.kubectl(['get', 'secrets'], { kubeconfig })).rejects.toThrow('Forbidden');
  });

  it('lets the admin act as somebody else', async () => {
    const kubeconfig = cluster.kubeconfigFor({ as: 'jane', asGroups: ['team'] });
    const review = await cluster.kubectl(['auth', 'whoami', '-o', 'json'], { kubeconfig });
    expect(JSON.parse(review)).toMatchObject({ status: { userInfo: { username: 'jane' } } });
  });

  it('signs approved certificate requests with the CA that it trusts', async () => {
    const { key, request } = createSigningRequest({ commonName: 'jane' });
    const manifest = {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'jane' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
      },
    };
    await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(manifest) });
    await cluster.kubectl(['certificate', 'approve', 'jane']);
    const encoded = await waitFor(async () => {
      const value = await cluster.kubectl(['get', 'csr', 'jane', '-o', 'jsonpath={.status.certificate}']);
      return value === '' ? undefined : value;
    });
    const certificate = Buffer.from(encoded, 'base64').toString('utf8');
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const answer = await cluster.request('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      method: 'POST',
      body: review,
      certificate,
      key,
    });
    expect(JSON.parse(answer.body)).toMatchObject({ status: { userInfo: { username: 'jane' } } });
  });

  it('forgets history when compacted and restarted: a continued list gets a 410', { timeout: START_TIMEOUT }, async () => {
    const admin = (await cluster.kubectl(['create', 'token', 'default'])).trim();
    await cluster.kubectl(['create', 'clusterrolebinding', 'lists', '--clusterrole=view', '--serviceaccount=default:default']);
    const path = '/api/v1/namespaces?limit=1';
    const page = await waitFor(async () => {
      const answer = await cluster.request(path, { token: admin });
      return answer.status === 200 && answer;
    });
    const { metadata } = JSON.parse(page.body) as { metadata: { continue: string } };
    await cluster.kubectl(['create', 'namespace', 'after-the-page']);
    await cluster.compactEtcd();
    await cluster.restartApiServer();
    const next = await cluster.request(`${path}&continue=${metadata.continue}`, { token: admin });
    expect(next.status).toBe(410);
  });

  it('leaves calls unanswered while paused', async () => {
    cluster.pauseApiServer();
    await expect(cluster.request('/readyz', { timeout: 300 })).rejects.toThrow('no answer in time');
    cluster.resumeApiServer();
    expect((await cluster.request('/readyz')).status).toBe(200);
  });

  it('comes back where it was after being killed', { timeout: START_TIMEOUT }, async () => {
    await cluster.killApiServer();
    await expect(cluster.request('/readyz')).rejects.toThrow('ECONNREFUSED');
    await cluster.restartApiServer();
    expect((await cluster.request('/readyz')).status).toBe(200);
    expect(await cluster.kubectl(['get', 'serviceaccount', 'default', '-o', 'name'])).toBe('serviceaccount/default\n');
  });
});

describe('two API servers with an audit log', () => {
  it('share their state, log requests, and leave nothing behind when stopped', { timeout: START_TIMEOUT }, async () => {
    const cluster = await startControlPlane({ replicas: 2, controllerManager: false, audit: true });
    try {
      expect(cluster.urls).toHaveLength(2);
      await cluster.kubectl(['create', 'configmap', 'shared']);
      const other = cluster.kubeconfigFor({}, 1);
      expect(await cluster.kubectl(['get', 'configmap', 'shared', '-o', 'name'], { kubeconfig: other })).toBeTruthy();
      expect(existsSync(cluster.auditLog ?? '')).toBe(true);
      expect(cluster.pids().filter(isAlive)).toHaveLength(3);
    } finally {
      const pids = cluster.pids();
      await cluster.stop();
      expect(pids.filter(isAlive)).toEqual([]);
      expect(existsSync(cluster.folder)).toBe(false);
    }
  });
});

describe('a control plane whose parent is killed with SIGKILL', () => {
  it('dies with it and takes its folder along', { timeout: START_TIMEOUT }, async () => {
    const script = `
      import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, 'control-plane.ts'))};
      const cluster = await startControlPlane({ controllerManager: false });
      console.log(JSON.stringify({ pids: cluster.pids(), folder: cluster.folder }));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { pids, folder } = JSON.parse(await firstLine(parent.stdout)) as { pids: number[]; folder: string };
    expect(pids.filter(isAlive)).toHaveLength(2);
    parent.kill('SIGKILL');
    await waitFor(() => !pids.some(isAlive) && !existsSync(folder), { what: 'everything being gone' });
  });
});

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('The stream ended without a line.');
}

/** A zombie that nobody has reaped yet is not alive. */
function isAlive(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}
