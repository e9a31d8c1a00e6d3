/** Prometheus and promtool, which try alerts and dashboards: found on the machine, downloaded with their published checksum, or built. */
import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { hasGo } from './build.ts';
import { downloadPrometheus, officialPrometheus } from './download.ts';
import { isExecutable } from './locate.ts';
import { cacheRoot, currentPlatform, PROMETHEUS_VERSION } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

const run = promisify(execFile);

const names = ['prometheus', 'promtool'] as const;
const [major, minor, patch] = PROMETHEUS_VERSION.split('.');

/** The folder that holds both, or `undefined`. */
export const locatePrometheus = async (env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> => {
  const cached = cachedPrometheus(cacheRoot(env));
  if (await isWhole(cached)) return cached;
  for (const folder of new Set((env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== ''))) {
    if ((await isWhole(folder)) && (await isRightVersion(folder))) return folder;
  }
  return undefined;
};

const cachedPrometheus = (root: string): string => {
  const { os, arch } = currentPlatform();
  return join(root, 'prometheus', `${PROMETHEUS_VERSION}-${os}-${arch}`);
};

const isWhole = async (folder: string): Promise<boolean> => {
  const all = await Promise.all(names.map((name) => isExecutable(join(folder, name))));
  return all.every((is) => is);
};

const isRightVersion = async (folder: string): Promise<boolean> => {
  const versions = await Promise.all(names.map((name) => run(join(folder, name), ['--version'], { timeout: 10_000 }).then(({ stdout }) => stdout, () => '')));
  return versions.every((version) => version.includes(`, version ${major ?? ''}.`));
};

/** For tests and commands that need it and must not spend minutes on getting it. */
export const requirePrometheus = async (): Promise<Readonly<Record<(typeof names)[number], string>>> => {
  located ??= locatePrometheus();
  const folder = await located;
  if (folder === undefined) throw new Error(`Prometheus ${PROMETHEUS_VERSION} is not on this machine: run \`make tools\` first.`);
  return { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
};

let located: Promise<string | undefined> | undefined;

export interface PrometheusOptions {
  readonly root?: string;
  readonly site?: string;
  readonly say?: (line: string) => void;
  readonly build?: (folder: string) => Promise<void>;
}

/** Returns the folder that holds both. */
export const installPrometheus = async (options: PrometheusOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const target = cachedPrometheus(options.root ?? cacheRoot());
  return wholeFolder(target, isWhole, (fresh) =>
    downloadPrometheus(PROMETHEUS_VERSION, currentPlatform(), fresh, options.site ?? officialPrometheus(), say).catch(async (error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      if (options.build === undefined && !(await hasGo())) throw new Error(`Prometheus can neither be downloaded (${why}) nor built: Go is not installed (https://go.dev/dl)`);
      say(`No official release: ${why}`);
      say(`Compiling Prometheus ${PROMETHEUS_VERSION} instead; this takes some minutes, once`);
      await (options.build ?? buildPrometheus)(fresh);
    }),
  );
};

/**
 * Its module is of v0, with the minor version in two digits. Without the two dozen ways to find targets, of which the tests use none
 * and which bring most of what is compiled, and without its web pages, which the module proxy has no build of.
 */
const buildPrometheus = async (folder: string): Promise<void> => {
  const version = `v0.${major ?? ''}${(minor ?? '').padStart(2, '0')}.${patch ?? ''}`;
  const packages = names.map((name) => `github.com/prometheus/prometheus/cmd/${name}@${version}`);
  const flags = `-s -w -X github.com/prometheus/common/version.Version=${PROMETHEUS_VERSION}`;
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0', GOWORK: 'off' };
  await run('go', ['install', '-trimpath', '-tags', 'remove_all_sd,netgo', '-ldflags', flags, ...packages], { env, maxBuffer: 2 ** 24 });
};
