/** Finds control plane binaries that are already on this machine. Installs nothing. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import {
  BINARIES,
  BUILT_VERSION,
  cacheFolder,
  cacheRoot,
  currentPlatform,
  DOWNLOADED_VERSION,
  KUBERNETES_MINOR,
} from './versions.ts';

const run = promisify(execFile);

/** The first folder that holds all binaries in the right version, or `undefined`. */
export async function locateTools(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const elsewhere = [env['KUBEBUILDER_ASSETS'] ?? '', ...(env['PATH'] ?? '').split(delimiter)];
  for (const folder of new Set(elsewhere.filter((entry) => entry !== ''))) {
    if ((await isComplete(folder)) && (await isRightVersion(folder))) return folder;
  }
  // A folder in the cache is renamed into place only when it is whole, by the code that knows its version.
  for (const version of [BUILT_VERSION, DOWNLOADED_VERSION]) {
    const folder = cacheFolder(version, currentPlatform(), cacheRoot(env));
    if (await isComplete(folder)) return folder;
  }
  return undefined;
}

/** For tests and commands that need the binaries and must not spend minutes on getting them. */
export async function requireTools(): Promise<string> {
  const folder = await locateTools();
  if (folder === undefined) {
    throw new Error(`etcd and Kubernetes ${KUBERNETES_MINOR} are not on this machine: run \`make tools\` first.`);
  }
  return folder;
}

export async function isComplete(folder: string): Promise<boolean> {
  const checks = await Promise.all(BINARIES.map((binary) => isExecutable(join(folder, binary))));
  return checks.every((is) => is);
}

export function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function isRightVersion(folder: string): Promise<boolean> {
  const versions = await Promise.all(
    (['kube-apiserver', 'kube-controller-manager'] as const).map((binary) =>
      run(join(folder, binary), ['--version'], { timeout: 10_000 }).then(
        ({ stdout }) => stdout,
        () => '',
      ),
    ),
  );
  return versions.every((version) => version.startsWith(`Kubernetes v${KUBERNETES_MINOR}.`));
}
