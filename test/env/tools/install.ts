/** Gets the control plane's binaries into the cache folder: an official release, or, where none is reached, from source. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildFromSource, hasGo } from './build.ts';
import { downloadControllerManager, downloadEnvtest, officialSites } from './download.ts';
import type { Sites } from './download.ts';
import { isComplete } from './locate.ts';
import { BINARIES, BUILT_VERSION, DOWNLOADED_VERSION, cacheFolder, cacheRoot, currentPlatform } from './versions.ts';
import type { Platform } from './versions.ts';

export interface InstallOptions {
  readonly root?: string;
  readonly platform?: Platform;
  readonly sites?: Sites;
  readonly say?: (line: string) => void;
  readonly build?: typeof buildFromSource;
}

/** Returns the folder. Two processes may install at once: each works in a folder of its own, and the first rename wins. */
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
    return await into(cacheFolder(DOWNLOADED_VERSION, platform, root), async (folder) => {
      await downloadEnvtest(DOWNLOADED_VERSION, platform, folder, sites, say);
      if (platform.os === 'linux') await downloadControllerManager(DOWNLOADED_VERSION, platform, folder, sites, say);
      else await build(DOWNLOADED_VERSION, folder, say, ['kube-controller-manager']);
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
  return into(cacheFolder(BUILT_VERSION, platform, root), (folder) => build(BUILT_VERSION, folder, say, BINARIES));
};

/** Fills a folder beside the target and renames it: the target is whole or not there. */
const into = async (target: string, fill: (folder: string) => Promise<void>): Promise<string> => {
  await mkdir(join(target, '..'), { recursive: true });
  const fresh = await mkdtemp(`${target}.new-`);
  // A build that is interrupted would leave half a gigabyte behind, once for every try.
  const discard = (): void => {
    rmSync(fresh, { recursive: true, force: true });
  };
  process.once('exit', discard);
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
    process.off('exit', discard);
    discard();
  }
};
