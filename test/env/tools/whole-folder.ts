/** Folders in the cache that are whole or not there. */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Fills a folder beside the target and renames it. Two processes may do so at once: each works in a folder of its own,
 * and the first rename wins.
 */
export const wholeFolder = async (
  target: string,
  isWhole: (folder: string) => Promise<boolean>,
  fill: (folder: string) => Promise<void>,
): Promise<string> => {
  await mkdir(join(target, '..'), { recursive: true });
  const fresh = await mkdtemp(`${target}.new-`);
  // A build that is interrupted would leave half a gigabyte behind, once for every try.
  const discard = (): void => {
    rmSync(fresh, { recursive: true, force: true });
  };
  process.once('exit', discard);
  try {
    await fill(fresh);
    if (!(await isWhole(fresh))) throw new Error(`${fresh} does not hold all binaries`);
    await rename(fresh, target).catch(async (error: unknown) => {
      // Somebody else was first, or an incomplete folder of an older version is in the way.
      if (await isWhole(target)) return;
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
