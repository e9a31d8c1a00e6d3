/** Gets the control plane's binaries into the cache folder: an official release, or, where none is reached, from source. */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildFromSource, hasGo } from './build.ts';
import { download, officialSites } from './download.ts';
import type { Sites } from './download.ts';
import { isComplete } from './locate.ts';
import { BUILT_VERSION, DOWNLOADED_VERSION, cacheFolder, cacheRoot, currentPlatform } from './versions.ts';

export interface InstallOptions {
  readonly root?: string;
  readonly sites?: Sites;
  readonly say?: (line: string) => void;
  readonly build?: typeof buildFromSource;
}

/** Returns the folder. Two processes may install at once: each works in a folder of its own, and the first rename wins. */
export const install = async (options: InstallOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const root = options.root ?? cacheRoot();
  const platform = currentPlatform();
  try {
    return await into(cacheFolder(DOWNLOADED_VERSION, platform, root), (folder) =>
      download(DOWNLOADED_VERSION, platform, folder, options.sites ?? officialSites(), say),
    );
  } catch (error) {
    say(`No official release: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (options.build === undefined && !(await hasGo())) {
    throw new Error(
      'etcd and Kubernetes can neither be downloaded nor built: Go is not installed (https://go.dev/dl). ' +
        'Or set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver, kube-controller-manager and kubectl.',
    );
  }
  say('Building from source instead; this takes several minutes, once');
  return into(cacheFolder(BUILT_VERSION, platform, root), (folder) =>
    (options.build ?? buildFromSource)(BUILT_VERSION, folder, say),
  );
};

/** Fills a folder beside the target and renames it: the target is whole or not there. */
const into = async (target: string, fill: (folder: string) => Promise<void>): Promise<string> => {
  await mkdir(join(target, '..'), { recursive: true });
  const fresh = await mkdtemp(`${target}.new-`);
  try {
    await fill(fresh);
    if (!(await isComplete(fresh))) throw new Error(`${fresh} does not hold all binaries`);
    await rm(join(fresh, 'module'), { recursive: true, force: true });
    await rename(fresh, target).catch(async (error: unknown) => {
      // Somebody else was first, or an incomplete folder of an older version is in the way.
      if (await isComplete(target)) return;
      await rm(target, { recursive: true, force: true });
      await rename(fresh, target).catch(() => {
        throw error;
      });
    });
    return target;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
};
