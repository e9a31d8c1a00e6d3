import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownModule } from './build.ts';
import { install } from './install.ts';
import { BINARIES, BUILT_VERSION, DOWNLOADED_VERSION, currentPlatform } from './versions.ts';
import type { Platform } from './versions.ts';

const sha512 = (body: Buffer): string => createHash('sha512').update(body).digest('hex');
const { os, arch } = currentPlatform();

describe.skipIf(os !== 'linux')('installing the control plane', () => {
  let root: string;
  let server: Server;
  let url: string;
  const files = new Map<string, Buffer>();

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'offboard-tools-'));
    server = createServer((request, response) => {
      const body = files.get(request.url ?? '');
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    publish();
  });

  afterEach(() => {
    server.close();
    rmSync(root, { recursive: true, force: true });
  });

  /** An archive and a binary as they are published, but small. */
  const publish = (platform: Platform = { os, arch }): void => {
    const source = join(root, 'source/controller-tools/envtest');
    mkdirSync(source, { recursive: true });
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) {
      writeFileSync(join(source, name), `#!/bin/sh\necho ${name}\n`);
      chmodSync(join(source, name), 0o755);
    }
    const archive = execFileSync('tar', ['-cz', '-C', join(root, 'source'), 'controller-tools']);
    const name = `envtest-v${DOWNLOADED_VERSION}-${platform.os}-${platform.arch}.tar.gz`;
    const manager = Buffer.from('#!/bin/sh\necho manager\n');
    const managerPath = `/k/v${DOWNLOADED_VERSION}/bin/${os}/${arch}/kube-controller-manager`;
    files.set('/archive', archive);
    files.set(managerPath, manager);
    files.set(`${managerPath}.sha512`, Buffer.from(sha512(manager)));
    files.set(
      '/index.yaml',
      Buffer.from(`releases:\n  v${DOWNLOADED_VERSION}:\n    ${name}: {hash: ${sha512(archive)}, selfLink: '${url}/archive'}\n`),
    );
  };

  const said: string[] = [];
  const attempt = (platform: Platform = { os, arch }) =>
    install({
      root,
      platform,
      sites: { envtestIndex: `${url}/index.yaml`, kubernetes: `${url}/k` },
      say: (line) => said.push(line),
      build: (_version, folder, _say, names) => {
        for (const name of names) {
          writeFileSync(join(folder, name), 'built');
          chmodSync(join(folder, name), 0o755);
        }
        return Promise.resolve();
      },
    });

  it('takes the official release when its checksum is the published one', async () => {
    const folder = await attempt();
    expect(folder).toContain(DOWNLOADED_VERSION);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining([...BINARIES]));
    expect(readFileSync(join(folder, 'kube-controller-manager'), 'utf8')).toContain('manager');
  });

  it('builds only what is not published for macOS', async () => {
    const mac: Platform = { os: 'darwin', arch: 'arm64' };
    publish(mac);
    const folder = await attempt(mac);
    expect(folder).toContain(`${DOWNLOADED_VERSION}-darwin-arm64`);
    expect(readFileSync(join(folder, 'etcd'), 'utf8')).toContain('echo etcd');
    expect(readFileSync(join(folder, 'kube-controller-manager'), 'utf8')).toBe('built');
    expect(readdirSync(folder).sort()).toEqual([...BINARIES].sort());
  });

  it('refuses a kube-controller-manager whose checksum is another', async () => {
    files.set(`/k/v${DOWNLOADED_VERSION}/bin/${os}/${arch}/kube-controller-manager`, Buffer.from('something else'));
    expect(await attempt()).toContain(BUILT_VERSION);
  });

  it('may run twice at the same time', async () => {
    const folders = await Promise.all([attempt(), attempt()]);
    expect(new Set(folders).size).toBe(1);
    expect(readdirSync(join(root, 'control-plane'))).toEqual([`${DOWNLOADED_VERSION}-${os}-${arch}`]);
  });

  it('refuses a release whose checksum is another, says so, and builds instead', async () => {
    files.set('/archive', Buffer.from('something else'));
    const folder = await attempt();
    expect(folder).toContain(BUILT_VERSION);
    expect(said.join('\n')).toMatch(/SHA-512 is \w+, published is \w+/);
  });

  it('builds when nothing can be reached', async () => {
    server.close();
    server.closeAllConnections();
    expect(readFileSync(join(await attempt(), 'etcd'), 'utf8')).toBe('built');
  });

  it('leaves nothing half-done behind', async () => {
    files.clear();
    await attempt();
    expect(readdirSync(join(root, 'control-plane'))).toEqual([`${BUILT_VERSION}-${os}-${arch}`]);
  });
});

describe('the module that builds Kubernetes', () => {
  it('takes the staging folders from where they are published', () => {
    const source = [
      'module k8s.io/kubernetes',
      'require (',
      '\tk8s.io/api v0.0.0',
      '\tk8s.io/klog/v2 v2.1.0',
      '\tk8s.io/utils v0.0.0-2026',
      ')',
      'replace (',
      '\tk8s.io/api => ./staging/src/k8s.io/api',
      ')',
    ].join('\n');
    expect(ownModule(source, '1.36.3').split('\n')).toEqual([
      'module offboard.dev/control-plane',
      '',
      'require k8s.io/kubernetes v1.36.3',
      'require (',
      '\tk8s.io/api v0.36.3',
      '\tk8s.io/klog/v2 v2.1.0',
      '\tk8s.io/utils v0.0.0-2026',
      ')',
      'replace (',
      '\tk8s.io/api => k8s.io/api v0.36.3',
      ')',
    ]);
  });
});
