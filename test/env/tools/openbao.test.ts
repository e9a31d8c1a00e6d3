import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installOpenbao, locateOpenbao } from './openbao.ts';
import { currentPlatform, OPENBAO_VERSION } from './versions.ts';

describe('installing OpenBao', () => {
  const { os, arch } = currentPlatform();
  const name = `openbao_${OPENBAO_VERSION}_${os}_${arch}.tar.gz`;
  const files = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const body = files.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  let root: string;
  const said: string[] = [];

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'offboard-openbao-tools-'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    writeFileSync(join(root, 'bao'), 'downloaded', { mode: 0o755 });
    const archive = execFileSync('tar', ['-cz', '-C', root, 'bao']);
    const hash = createHash('sha256').update(archive).digest('hex');
    files.set(`/v${OPENBAO_VERSION}/${name}`, archive);
    files.set(`/v${OPENBAO_VERSION}/checksums.txt`, Buffer.from(`${'0'.repeat(64)}  openbao_other.tar.gz\n${hash}  ${name}\n`));
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(root, { recursive: true, force: true });
  });

  const attempt = async (): Promise<string> => {
    const path = await installOpenbao({
      root,
      site: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      say: (line) => said.push(line),
      fromIndex: (_platform, folder) => {
        writeFileSync(join(folder, 'bao'), 'from the index', { mode: 0o755 });
        return Promise.resolve();
      },
    });
    return readFileSync(path, 'utf8');
  };

  it('takes the official release when its checksum is the published one, and finds it again', async () => {
    expect(await attempt()).toBe('downloaded');
    expect(await locateOpenbao({ OFFBOARD_CACHE: root, PATH: '' })).toBe(join(root, 'openbao', `${OPENBAO_VERSION}-${os}-${arch}`, 'bao'));
    expect(readdirSync(join(root, 'openbao'))).toEqual([`${OPENBAO_VERSION}-${os}-${arch}`]);
  });

  it('refuses a release whose checksum is another, says so, and asks the package index instead', async () => {
    files.set(`/v${OPENBAO_VERSION}/${name}`, Buffer.from('something else'));
    expect(await attempt()).toBe('from the index');
    expect(said.join('\n')).toMatch(/SHA-256 is \w+, published is \w+/);
  });

  it('refuses a release that no checksum is published of', async () => {
    files.set(`/v${OPENBAO_VERSION}/checksums.txt`, Buffer.from(`${'0'.repeat(64)}  openbao_other.tar.gz\n`));
    expect(await attempt()).toBe('from the index');
  });

  it('may run twice at the same time', async () => {
    expect(await Promise.all([attempt(), attempt()])).toEqual(['downloaded', 'downloaded']);
  });

  it('takes another patch release from PATH, and no other minor version', async () => {
    const folder = join(root, 'path');
    mkdirSync(folder);
    const print = (version: string): void => {
      writeFileSync(join(folder, 'bao'), `#!/bin/sh\necho 'OpenBao v${version} (0123), built yesterday'\n`);
      chmodSync(join(folder, 'bao'), 0o755);
    };
    const locate = () => locateOpenbao({ OFFBOARD_CACHE: join(root, 'empty'), PATH: folder });
    print(OPENBAO_VERSION.replace(/\d+$/, '99'));
    expect(await locate()).toBe(join(folder, 'bao'));
    print('1.99.2');
    expect(await locate()).toBeUndefined();
  });
});
