/**
 * What tells us how kstatus, Argo CD and Flux read our objects: a small Go program (`test/env/gitops-health`) around their own code, built
 * once for each version of it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hasGo } from './build.ts';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

const sources = fileURLToPath(new URL('../gitops-health', import.meta.url));
const binary = 'gitops-health';

/** Of what it is built from: the versions of everything else are in go.mod and go.sum. */
const digestOf = async (folder: string): Promise<string> => {
  const names = (await readdir(folder)).toSorted();
  const hash = createHash('sha256');
  for (const name of names) hash.update(name).update('\0').update(await readFile(join(folder, name))).update('\0');
  return hash.digest('hex').slice(0, 16);
};

const cached = async (root: string): Promise<string> => {
  const { os, arch } = currentPlatform();
  return join(root, binary, `${await digestOf(sources)}-${os}-${arch}`, binary);
};

/** The path of the binary, or `undefined`. */
export const locateGitopsHealth = async (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> => {
  const path = await cached(cacheRoot(env));
  return (await isExecutable(path)) ? path : undefined;
};

/** For tests that need it and must not spend minutes on getting it. */
export const requireGitopsHealth = async (): Promise<string> => {
  const path = await locateGitopsHealth();
  if (path === undefined) throw new Error('What reads objects as Argo CD and Flux do is not built: run `make tools` first.');
  return path;
};

export interface GitopsHealthOptions {
  readonly root?: string;
  readonly say?: (line: string) => void;
  readonly build?: (folder: string) => Promise<void>;
}

/** Returns its path. */
export const installGitopsHealth = async (options: GitopsHealthOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const path = await cached(options.root ?? cacheRoot());
  await wholeFolder(dirname(path), (folder) => isExecutable(join(folder, binary)), async (fresh) => {
    if (options.build === undefined && !(await hasGo())) {
      throw new Error('What reads objects as Argo CD and Flux do is built with Go, which is not installed (https://go.dev/dl)');
    }
    say('Compiling kstatus and the health checks of Argo CD and Flux; this takes some minutes, once');
    await (options.build ?? build)(fresh);
  });
  return path;
};

const build = async (folder: string): Promise<void> => {
  // Nothing but what go.sum names is taken, whatever the machine prefers.
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' };
  await run('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', join(folder, binary), '.'], { cwd: sources, env, maxBuffer: 2 ** 24 });
};
