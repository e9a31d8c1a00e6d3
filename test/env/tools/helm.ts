/** Helm, which renders the chart: found on the machine, downloaded with its published checksum, or built. */
import { execFile } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hasGo } from './build.ts';
import { downloadHelm, officialHelm } from './download.ts';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform, HELM_VERSION } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

const [major] = HELM_VERSION.split('.');

/** The path of the binary, or `undefined`. */
export const locateHelm = async (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> => {
  const cached = cachedHelm(cacheRoot(env));
  if (await isExecutable(cached)) return cached;
  for (const folder of new Set((env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== ''))) {
    const version = await run(join(folder, 'helm'), ['version', '--template', '{{.Version}}'], { timeout: 10_000 }).then(({ stdout }) => stdout, () => '');
    if (version.startsWith(`v${major ?? ''}.`)) return join(folder, 'helm');
  }
  return undefined;
};

const cachedHelm = (root: string): string => {
  const { os, arch } = currentPlatform();
  return join(root, 'helm', `${HELM_VERSION}-${os}-${arch}`, 'helm');
};

/** For tests and commands that need it and must not spend minutes on getting it. */
export const requireHelm = async (): Promise<string> => {
  located ??= locateHelm();
  const path = await located;
  if (path === undefined) throw new Error(`helm ${HELM_VERSION} is not on this machine: run \`make tools\` first.`);
  return path;
};

let located: Promise<string | undefined> | undefined;

export interface HelmOptions {
  readonly root?: string;
  readonly site?: string;
  readonly say?: (line: string) => void;
  readonly build?: (folder: string) => Promise<void>;
}

/** Returns its path. */
export const installHelm = async (options: HelmOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const path = cachedHelm(options.root ?? cacheRoot());
  await wholeFolder(dirname(path), (folder) => isExecutable(join(folder, 'helm')), (fresh) =>
    downloadHelm(HELM_VERSION, currentPlatform(), fresh, options.site ?? officialHelm(), say).catch(async (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      if (options.build === undefined && !(await hasGo())) throw new Error(`helm can neither be downloaded (${why}) nor built: Go is not installed (https://go.dev/dl)`);
      say(`No official release: ${why}`);
      say(`Compiling helm ${HELM_VERSION} instead; this takes some minutes, once`);
      await (options.build ?? buildHelm)(fresh);
    }),
  );
  return path;
};

const buildHelm = async (folder: string): Promise<void> => {
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0', GOWORK: 'off' };
  await run('go', ['install', '-trimpath', '-ldflags', '-s -w', `helm.sh/helm/v${major ?? ''}/cmd/helm@v${HELM_VERSION}`], { env, maxBuffer: 2 ** 24 });
};
