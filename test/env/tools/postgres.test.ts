import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installPostgres, locatePostgres } from './postgres.ts';

describe('finding and installing PostgreSQL', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'offboard-postgres-tools-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  /** Binaries that do nothing but tell their version. */
  const put = (folder: string, version: string): string => {
    mkdirSync(folder, { recursive: true });
    for (const name of ['postgres', 'initdb']) {
      writeFileSync(join(folder, name), `#!/bin/sh\necho 'postgres (PostgreSQL) ${version}'\n`);
      chmodSync(join(folder, name), 0o755);
    }
    return folder;
  };
  const locate = (path: string): Promise<string | undefined> => locatePostgres({ OFFBOARD_CACHE: join(root, 'cache'), PATH: path }, join(root, 'debian'));

  it('finds the newest that Debian keeps off PATH', async () => {
    put(join(root, 'debian/9/bin'), '9.6.24');
    const newest = put(join(root, 'debian/17/bin'), '17.2');
    put(join(root, 'debian/15/bin'), '15.8');
    expect(await locate('')).toBe(newest);
  });

  it('follows a link on PATH to where initdb is', async () => {
    const folder = put(join(root, 'real'), '16.1');
    mkdirSync(join(root, 'links'));
    symlinkSync(join(folder, 'postgres'), join(root, 'links/postgres'));
    expect(await locate(join(root, 'links'))).toBe(folder);
  });

  it('takes none that is too old', async () => {
    expect(await locate(put(join(root, 'old'), '13.1'))).toBeUndefined();
  });

  /** A package as npm publishes it, but small: its links are a list. */
  const pack = (links: readonly { readonly source: string; readonly target: string }[]) => {
    const source = join(root, 'source');
    put(join(source, 'native/bin'), '17.10');
    mkdirSync(join(source, 'native/lib'));
    writeFileSync(join(source, 'native/lib/libpq.so.5.17'), 'library');
    writeFileSync(join(source, 'native/pg-symlinks.json'), JSON.stringify(links));
    writeFileSync(join(source, 'package.json'), JSON.stringify({ name: 'small-postgres', version: '17.10.0' }));
    execFileSync('npm', ['pack', '--silent', source], { cwd: root });
    const archive = 'small-postgres-17.10.0.tgz';
    return { spec: source, archive, sha512: createHash('sha512').update(readFileSync(join(root, archive))).digest('base64') };
  };
  const attempt = (from: ReturnType<typeof pack>) => installPostgres({ root: join(root, 'cache'), say: () => undefined, from });

  it('installs the package, makes the links that it lists, and finds it again', async () => {
    const folder = await attempt(pack([{ source: 'native/lib/libpq.so.5.17', target: 'native/lib/libpq.so.5' }]));
    expect(readlinkSync(join(folder, '../lib/libpq.so.5'))).toBe('libpq.so.5.17');
    expect(readFileSync(join(folder, '../lib/libpq.so.5'), 'utf8')).toBe('library');
    expect(await locate('')).toBe(folder);
  });

  it('refuses a package whose hash is another', async () => {
    await expect(attempt({ ...pack([]), sha512: Buffer.alloc(64).toString('base64') })).rejects.toThrow(/SHA-512 is \w+, published is 000/);
    expect(await locate('')).toBeUndefined();
  });

  it('makes no link outside of its folder', async () => {
    await expect(attempt(pack([{ source: 'native/lib/libpq.so.5.17', target: '../../elsewhere' }]))).rejects.toThrow('leads out of its package');
  });
});
