/**
 * A Docker engine for the test of the image, where none runs: Debian's, unpacked into the cache folder and not installed. Only for root on
 * Debian and its kin. Everything else goes without, and the test says so.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

/** What is taken out of the packages. Where `docker` is one of its own it is not needed if it is on PATH. */
const parts = ['usr/sbin/dockerd', 'usr/bin/containerd', 'usr/bin/containerd-shim-runc-v2', 'usr/bin/runc', 'usr/sbin/runc', 'usr/bin/docker'];
const needed = ['dockerd', 'containerd', 'containerd-shim-runc-v2', 'runc'];

const isWhole = async (folder: string): Promise<boolean> => (await Promise.all(needed.map((name) => isExecutable(join(folder, name))))).every((is) => is);

const cached = (root: string): string => {
  const { os, arch } = currentPlatform();
  return join(root, 'docker', `${os}-${arch}`);
};

/** A PATH on which everything that an engine takes is found, or `undefined`. */
export const locateDocker = async (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> => {
  const path = env['PATH'] ?? '';
  const folders = path.split(delimiter).filter((entry) => entry !== '');
  const onPath = await Promise.all(needed.map((name) => someHas(folders, name)));
  if (onPath.every((is) => is)) return path;
  const folder = cached(cacheRoot(env));
  if (!(await isWhole(folder))) return undefined;
  return (await someHas([folder, ...folders], 'docker')) ? `${folder}${delimiter}${path}` : undefined;
};

const someHas = async (folders: readonly string[], name: string): Promise<boolean> =>
  (await Promise.all(folders.map((folder) => isExecutable(join(folder, name))))).includes(true);

/** Resolves to why there is none, or to `undefined`; a machine that cannot have one is no error. */
export const installDocker = async (root = cacheRoot()): Promise<string | undefined> => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'an engine of our own takes root on Linux';
  try {
    await wholeFolder(cached(root), isWhole, fill);
    return undefined;
  } catch (error) {
    return `Debian's could not be had: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
};

const fill = async (fresh: string): Promise<void> => {
  // apt holds each to the hash that its signed list has.
  const download = (...names: readonly string[]): Promise<unknown> => run('apt-get', ['download', '--quiet', ...names], { cwd: fresh, timeout: 60_000 });
  const all = ['docker.io', 'containerd', 'runc'];
  await download(...all).catch(async () => {
    await run('apt-get', ['update', '--quiet'], { timeout: 60_000 });
    await download(...all);
  });
  await download('docker-cli').catch(() => undefined);
  const packages = (await readdir(fresh)).filter((name) => name.endsWith('.deb'));
  const unpacked = join(fresh, 'unpacked');
  await mkdir(unpacked);
  for (const name of packages) await run('dpkg-deb', ['--extract', join(fresh, name), unpacked], { timeout: 60_000 });
  for (const part of parts) await rename(join(unpacked, part), join(fresh, part.slice(part.lastIndexOf('/') + 1))).catch(() => undefined);
  for (const name of ['unpacked', ...packages]) await rm(join(fresh, name), { recursive: true });
  await chmod(fresh, 0o755);
};
