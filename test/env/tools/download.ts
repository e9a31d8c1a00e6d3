/** Downloads the official releases, each checked against its published checksum before it is used. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import type { Platform } from './versions.ts';

const run = promisify(execFile);

/** Where releases are published. A test puts a server of its own here. */
export interface Sites {
  /** The index of controller-tools' envtest archives, which hold etcd, kube-apiserver and kubectl. */
  readonly envtestIndex: string;
  /** The Kubernetes release bucket, for kube-controller-manager. */
  readonly kubernetes: string;
}

export const officialSites = (env: NodeJS.ProcessEnv = process.env): Sites => ({
  envtestIndex:
    env['OFFBOARD_ENVTEST_INDEX'] ??
    'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml',
  kubernetes: env['OFFBOARD_KUBERNETES_RELEASES'] ?? 'https://dl.k8s.io/release',
});

interface EnvtestIndex {
  readonly releases: Readonly<Record<string, Readonly<Record<string, { readonly hash: string; readonly selfLink: string }>>>>;
}

/** Puts one release into `folder`, from where it is published. */
type Download<Site> = (version: string, platform: Platform, folder: string, site: Site, say: (line: string) => void) => Promise<void>;

/** How long the index may take: whoever reaches nothing should know soon. Archives may take minutes. */
const indexTimeout = 5_000;
const archiveTimeout = 600_000;

/** Puts etcd, kube-apiserver and kubectl into `folder`. */
export const downloadEnvtest: Download<Sites> = async (version, { os, arch }, folder, sites, say) => {
  const index = load((await get(sites.envtestIndex, indexTimeout)).toString('utf8')) as EnvtestIndex;
  const name = `envtest-v${version}-${os}-${arch}.tar.gz`;
  const release = index.releases[`v${version}`]?.[name];
  if (release === undefined) throw new Error(`${sites.envtestIndex} lists no ${name}`);
  await unpack(release.selfLink, release.hash, 'sha512', folder, say, '--strip-components=2');
};

/** Puts kube-controller-manager into `folder`. It is published for Linux only. */
export const downloadControllerManager: Download<Sites> = async (version, { os, arch }, folder, sites, say) => {
  const manager = `${sites.kubernetes}/v${version}/bin/${os}/${arch}/kube-controller-manager`;
  say(`Downloading ${manager}`);
  const hash = (await get(`${manager}.sha512`, indexTimeout)).toString('utf8').trim().split(/\s/)[0] ?? '';
  const target = join(folder, 'kube-controller-manager');
  await writeFile(target, verified(await get(manager, archiveTimeout), hash, manager));
  await chmod(target, 0o755);
};

/** Where Helm publishes its releases. */
export const officialHelm = (env: NodeJS.ProcessEnv = process.env): string => env['OFFBOARD_HELM_RELEASES'] ?? 'https://get.helm.sh';

/** Puts helm into `folder`. */
export const downloadHelm: Download<string> = async (version, { os, arch }, folder, site, say) => {
  const url = `${site}/helm-v${version}-${os}-${arch}.tar.gz`;
  const hash = (await get(`${url}.sha256sum`, indexTimeout)).toString('utf8').trim().split(/\s/)[0] ?? '';
  await unpack(url, hash, 'sha256', folder, say, '--strip-components=1', `${os}-${arch}/helm`);
};

/** Where OpenBao publishes its releases. */
export const officialOpenbao = (env: NodeJS.ProcessEnv = process.env): string =>
  env['OFFBOARD_OPENBAO_RELEASES'] ?? 'https://github.com/openbao/openbao/releases/download';

/** Puts bao into `folder`. */
export const downloadOpenbao: Download<string> = async (version, { os, arch }, folder, site, say) => {
  const name = `openbao_${version}_${os}_${arch}.tar.gz`;
  const url = `${site}/v${version}/${name}`;
  const hash = await hashIn(`${site}/v${version}/checksums.txt`, name);
  await unpack(url, hash, 'sha256', folder, say, 'bao');
};

/** Where Prometheus publishes its releases. */
export const officialPrometheus = (env: NodeJS.ProcessEnv = process.env): string =>
  env['OFFBOARD_PROMETHEUS_RELEASES'] ?? 'https://github.com/prometheus/prometheus/releases/download';

/** Puts prometheus and promtool into `folder`. */
export const downloadPrometheus: Download<string> = async (version, { os, arch }, folder, site, say) => {
  const whole = `prometheus-${version}.${os}-${arch}`;
  const url = `${site}/v${version}/${whole}.tar.gz`;
  const hash = await hashIn(`${site}/v${version}/sha256sums.txt`, `${whole}.tar.gz`);
  await unpack(url, hash, 'sha256', folder, say, '--strip-components=1', `${whole}/prometheus`, `${whole}/promtool`);
};

/** What a list of checksums says of one file. */
const hashIn = async (list: string, name: string): Promise<string> => {
  const sums = (await get(list, indexTimeout)).toString('utf8');
  const hash = sums.split('\n').map((line) => line.trim().split(/\s+\*?/)).find(([, file]) => file === name)?.[0];
  if (hash === undefined) throw new Error(`${list} lists no ${name}`);
  return hash;
};

type Algorithm = 'sha256' | 'sha512';

/** Puts what `tar` is told to take of an archive into `folder`, once the archive is known to be the published one. */
const unpack = async (url: string, hash: string, algorithm: Algorithm, folder: string, say: (line: string) => void, ...what: readonly string[]): Promise<void> => {
  say(`Downloading ${url}`);
  const archive = join(folder, 'download.tar.gz');
  await writeFile(archive, verified(await get(url, archiveTimeout), hash, url, algorithm));
  await run('tar', ['-xzf', archive, '-C', folder, ...what]);
  await rm(archive);
};

export const verified = (body: Buffer, expected: string, url: string, algorithm: Algorithm = 'sha512'): Buffer => {
  const actual = createHash(algorithm).update(body).digest('hex');
  if (actual !== expected) throw new Error(`${url}: ${algorithm.replace('sha', 'SHA-')} is ${actual}, published is ${expected}`);
  return body;
};

const get = async (url: string, timeout: number): Promise<Buffer> => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeout) }).catch((error: unknown) => {
    // fetch() says only that it failed; why is the cause.
    const why = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url} cannot be reached: ${why instanceof Error ? why.message : String(why)}`, { cause: error });
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
};
