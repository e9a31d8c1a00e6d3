import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installHelm, locateHelm } from './helm.ts';
import { currentPlatform, HELM_VERSION } from './versions.ts';

describe('installing helm', () => {
  const { os, arch } = currentPlatform();
  const name = `/helm-v${HELM_VERSION}-${os}-${arch}.tar.gz`;
  const files = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const body = files.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  let root: string;
  const said: string[] = [];

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'offboard-helm-'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const source = join(root, 'source', `${os}-${arch}`);
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'helm'), 'downloaded', { mode: 0o755 });
    const archive = execFileSync('tar', ['-cz', '-C', join(root, 'source'), `${os}-${arch}`]);
    files.set(name, archive);
    files.set(`${name}.sha256sum`, Buffer.from(`${createHash('sha256').update(archive).digest('hex')}  ${name.slice(1)}\n`));
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(root, { recursive: true, force: true });
  });

  const attempt = async (): Promise<string> => {
    const path = await installHelm({
      root,
      site: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      say: (line) => said.push(line),
      build: (folder) => {
        writeFileSync(join(folder, 'helm'), 'built', { mode: 0o755 });
        return Promise.resolve();
      },
    });
    return readFileSync(path, 'utf8');
  };

  it('takes the official release when its checksum is the published one, and finds it again', async () => {
    expect(await attempt()).toBe('downloaded');
    expect(await locateHelm({ OFFBOARD_CACHE: root, PATH: '' })).toBe(join(root, 'helm', `${HELM_VERSION}-${os}-${arch}`, 'helm'));
    expect(readdirSync(join(root, 'helm'))).toEqual([`${HELM_VERSION}-${os}-${arch}`]);
  });

  it('refuses a release whose checksum is another, says so, and builds instead', async () => {
    files.set(name, Buffer.from('something else'));
    expect(await attempt()).toBe('built');
    expect(said.join('\n')).toMatch(/SHA-256 is \w+, published is \w+/);
  });

  it('may run twice at the same time', async () => {
    expect(await Promise.all([attempt(), attempt()])).toEqual(['downloaded', 'downloaded']);
  });
});
