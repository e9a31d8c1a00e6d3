/** Gets the control plane's binaries into the cache folder: an official release, or, where none is reached, from source. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildFromSource, hasGo } from './build.ts';
import { downloadControllerManager, downloadEnvtest, officialSites } from './download.ts';
import type { Sites } from './download.ts';
import { isComplete } from './locate.ts';
import { BINARIES, BUILT_VERSION, DOWNLOADED_VERSION, cacheFolder, cacheRoot, currentPlatform } from './versions.ts';
import type { Platform } from './versions.ts';
import { wholeFolder } from './whole-folder.ts';

export interface InstallOptions {
  readonly root?: string;
  readonly platform?: Platform;
  readonly sites?: Sites;
  readonly say?: (line: string) => void;
  readonly build?: typeof buildFromSource;
}

/** Returns the folder. */
export const install = async (options: InstallOptions = {}): Promise<string> => {
  const say = options.say ?? ((line: string) => process.stderr.write(`${line}\n`));
  const root = options.root ?? cacheRoot();
  const platform = options.platform ?? currentPlatform();
  const sites = options.sites ?? officialSites();
  const build = options.build ?? buildFromSource;
  const canBuild = options.build !== undefined || (await hasGo());
  try {
    // Before anything large is fetched: macOS has no official kube-controller-manager.
    if (platform.os !== 'linux' && !canBuild) throw new Error('kube-controller-manager is not published for macOS');
    return await wholeFolder(cacheFolder(DOWNLOADED_VERSION, platform, root), isComplete, async (folder) => {
      await downloadEnvtest(DOWNLOADED_VERSION, platform, folder, sites, say);
      if (platform.os === 'linux') await downloadControllerManager(DOWNLOADED_VERSION, platform, folder, sites, say);
      else await build(DOWNLOADED_VERSION, folder, say, ['kube-controller-manager']);
      await rm(join(folder, 'module'), { recursive: true, force: true });
    });
  } catch (error) {
    say(`No official release: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!canBuild) {
    throw new Error(
      'etcd and Kubernetes can neither be downloaded nor built: Go is not installed (https://go.dev/dl). ' +
        'Or set KUBEBUILDER_ASSETS to a folder that holds etcd, kube-apiserver, kube-controller-manager and kubectl.',
    );
  }
  say('Building from source instead; this takes several minutes, once');
  return wholeFolder(cacheFolder(BUILT_VERSION, platform, root), isComplete, async (folder) => {
    await build(BUILT_VERSION, folder, say, BINARIES);
    await rm(join(folder, 'module'), { recursive: true, force: true });
  });
};
