/**
 * Bases for the image where none can be pulled, made of what is on this machine. What the operator runs on is Node and the libraries that it
 * links, and nothing else: no shell, no certificate, no list of users. What it is built on has a shell, npm and the machine's settings of it too.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Docker } from './docker.ts';

const run = promisify(execFile);
const out = async (program: string, ...args: readonly string[]): Promise<string> => (await run(program, args, { timeout: 30_000 })).stdout.trim();

/** Where a file lies in the base, and where on this machine. */
type Files = ReadonlyMap<string, string>;

/** A program with the libraries that it links, each where it looks for it. */
const program = async (target: string, source: string): Promise<readonly (readonly [string, string])[]> => {
  const libraries = [...(await out('ldd', source)).matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  return [[target, source], ...libraries.map((path) => [path, path] as const)];
};

const nodeOnly = async (): Promise<Files> => new Map(await program('/usr/local/bin/node', process.execPath));

const authorities = '/etc/ssl/certs/ca-certificates.crt';

const withNpm = async (folder: string): Promise<Files> => {
  const wrapper = join(folder, 'npm');
  writeFileSync(wrapper, '#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/npm-cli.js "$@"\n', { mode: 0o755 });
  const settings = join(folder, 'npmrc');
  const trusted = existsSync(authorities);
  writeFileSync(settings, `registry=${await out('npm', 'config', 'get', 'registry')}\n${trusted ? `cafile=${authorities}\n` : ''}`);
  const npm = dirname(dirname(realpathSync(await out('sh', '-c', 'command -v npm'))));
  return new Map([
    ...(await program('/bin/sh', '/bin/sh')),
    ...(await nodeOnly()),
    ['/usr/local/bin/npm', wrapper],
    ['/usr/local/etc/npmrc', settings],
    ['/usr/local/lib/node_modules/npm', npm],
    ...(trusted ? [[authorities, authorities] as const] : []),
  ]);
};

/** A folder of links, which `tar` follows: nothing is copied to be packed. */
const importBase = async (docker: Docker, name: string, folder: string, files: Files): Promise<string> => {
  const root = join(folder, name);
  mkdirSync(join(root, 'tmp'), { recursive: true });
  for (const [target, source] of files) {
    mkdirSync(dirname(join(root, target)), { recursive: true });
    symlinkSync(source, join(root, target));
  }
  const archive = join(folder, `${name}.tar`);
  await run('tar', ['--create', '--dereference', '--owner=0', '--group=0', `--file=${archive}`, '--directory', root, '.'], { timeout: 120_000 });
  const tag = `offboard-test-${name}`;
  await docker.run(['import', archive, tag]);
  rmSync(archive);
  return tag;
};

export interface Bases {
  /** Flags of `docker build`. */
  readonly args: readonly string[];
  readonly what: string;
}

/** The real ones where they can be pulled within a minute. */
export const basesOf = async (docker: Docker, real: readonly string[]): Promise<Bases> => {
  const pulled = await Promise.all(real.map((name) => docker.run(['pull', '--quiet', name], { timeout: 60_000 }).then(() => true, () => false)));
  if (pulled.every((is) => is)) return { args: [], what: 'the bases that the Dockerfile names' };
  const folder = mkdtempSync(join(tmpdir(), 'offboard-bases-'));
  try {
    const build = await importBase(docker, 'build', folder, await withNpm(folder));
    const runtime = await importBase(docker, 'runtime', folder, await nodeOnly());
    return { args: ['--build-arg', `BUILD_IMAGE=${build}`, '--build-arg', `RUNTIME_IMAGE=${runtime}`], what: 'Node and its libraries alone' };
  } finally {
    rmSync(folder, { recursive: true });
  }
};
