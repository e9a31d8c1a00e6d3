/**
 * What was committed before: the chart that users upgrade from, and the operator as it was with it. Where the history is not there (a
 * shallow clone, an archive), the oldest that is; without any, what is in this checkout.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundle } from '../../src/bundle.ts';
import { chartFolder } from './helm.ts';

const run = promisify(execFile);
const checkout = join(import.meta.dirname, '../..');
const git = async (...args: readonly string[]): Promise<string> => (await run('git', ['-C', checkout, ...args], { maxBuffer: 2 ** 24 })).stdout.trim();

export interface Version {
  /** For people. */
  readonly name: string;
  /** The folder of its chart. */
  readonly chart: string;
  /** Of the operator, to start. */
  readonly entry: string;
}

/** Put into `folder`, which must be empty. */
export const versionBefore = async (folder: string): Promise<Version> => {
  const commit = await commitBefore().catch(() => undefined);
  if (commit === undefined) return { name: 'this checkout', chart: chartFolder, entry: await bundle() };
  mkdirSync(folder, { recursive: true });
  await run('bash', ['-euo', 'pipefail', '-c', 'git -C "$0" archive "$1" | tar -x -C "$2"', checkout, commit, folder]);
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'));
  const entry = join(folder, 'dist/offboard.mjs');
  // Where a package of that time is not there any more, its chart is upgraded from all the same.
  const isBuilt = await run(process.execPath, [join(folder, 'src/bundle.ts')], { cwd: folder }).then(() => true, () => false);
  return { name: `${commit.slice(0, 7)}${isBuilt ? '' : ', with the operator of today'}`, chart: join(folder, 'charts/offboard'), entry: isBuilt ? entry : await bundle() };
};

/** The last one whose chart is not that of this checkout; the oldest, where all are. */
const commitBefore = async (): Promise<string | undefined> => {
  const commits = (await git('rev-list', '--max-count=200', 'HEAD')).split('\n');
  for (const commit of commits) {
    if (await git('diff', '--quiet', commit, '--', 'charts/offboard').then(() => false, () => true)) return commit;
  }
  return commits.at(-1);
};
