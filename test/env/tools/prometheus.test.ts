import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installPrometheus, locatePrometheus } from './prometheus.ts';
import { currentPlatform, PROMETHEUS_VERSION } from './versions.ts';

describe('finding and installing Prometheus', () => {
  const { os, arch } = currentPlatform();
  const whole = `prometheus-${PROMETHEUS_VERSION}.${os}-${arch}`;
  const site = `/v${PROMETHEUS_VERSION}`;
  const files = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const body = files.get(request.url ?? '');
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  let root: string;
  const said: string[] = [];

  /** Binaries that do nothing but tell their version. */
  const put = (folder: string, version: string, names: readonly string[] = ['prometheus', 'promtool']): string => {
    mkdirSync(folder, { recursive: true });
    for (const name of names) writeFileSync(join(folder, name), `#!/bin/sh\necho '${name}, version ${version} (branch: HEAD, revision: 0)'\n`, { mode: 0o755 });
    return folder;
  };

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'offboard-prometheus-'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    put(join(root, 'source', whole), PROMETHEUS_VERSION);
    writeFileSync(join(root, 'source', whole, 'LICENSE'), 'not taken');
    const archive = execFileSync('tar', ['-cz', '-C', join(root, 'source'), whole]);
    files.set(`${site}/${whole}.tar.gz`, archive);
    files.set(`${site}/sha256sums.txt`, Buffer.from(`${'0'.repeat(64)}  another\n${createHash('sha256').update(archive).digest('hex')}  ${whole}.tar.gz\n`));
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
    rmSync(root, { recursive: true, force: true });
  });

  const attempt = async (): Promise<string> => {
    const folder = await installPrometheus({
      root: join(root, 'cache'),
      site: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      say: (line) => said.push(line),
      build: (fresh) => {
        put(fresh, 'built');
        return Promise.resolve();
      },
    });
    return readFileSync(join(folder, 'promtool'), 'utf8');
  };
  const locate = (path: string): Promise<string | undefined> => locatePrometheus({ OFFBOARD_CACHE: join(root, 'cache'), PATH: path });

  it('takes the two programs of the official release when its checksum is the published one, and finds them again', async () => {
    expect(await attempt()).toContain(`version ${PROMETHEUS_VERSION}`);
    const folder = join(root, 'cache', 'prometheus', `${PROMETHEUS_VERSION}-${os}-${arch}`);
    expect(await locate('')).toBe(folder);
    expect(readdirSync(folder).sort()).toEqual(['prometheus', 'promtool']);
  });

  it('refuses a release whose checksum is another, says so, and builds instead', async () => {
    files.set(`${site}/${whole}.tar.gz`, Buffer.from('something else'));
    expect(await attempt()).toContain('version built');
    expect(said.join('\n')).toMatch(/SHA-256 is \w+, published is \w+/);
  });

  it('builds where the release is not listed', async () => {
    files.set(`${site}/sha256sums.txt`, Buffer.from('nothing'));
    expect(await attempt()).toContain('version built');
  });

  it('takes from PATH what has both programs in this major version', async () => {
    const old = put(join(root, 'old'), '2.42.0+ds');
    const half = put(join(root, 'half'), '3.1.0', ['promtool']);
    const good = put(join(root, 'good'), '3.1.0');
    expect(await locate([old, half].join(':'))).toBeUndefined();
    expect(await locate([old, half, good].join(':'))).toBe(good);
  });
});
