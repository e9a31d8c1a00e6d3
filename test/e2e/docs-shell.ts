/** Runs what the documents show as a reader does: in bash, with kubectl, the plugin and the files of this repository at hand. */
import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { installCli } from '../env/offboard-cli.ts';

export interface Shell {
  /** Resolves to standard output. Fails unless it ends with this code, 0 unless told. */
  readonly run: (commands: string, options?: { readonly kubeconfig?: string; readonly code?: number }) => Promise<string>;
  /** Where they run, and HOME. */
  readonly folder: string;
  readonly remove: () => void;
}

/** Some runbooks ask for it. Where there is none, what it would read is printed. */
export const hasJq = spawnSync('jq', ['--version']).status === 0;

/** @param kubeconfig of whom, unless told. */
export const openShell = async (kubeconfig: string): Promise<Shell> => {
  const cli = await installCli();
  for (const name of ['config', 'crds', 'charts']) symlinkSync(resolve(name), join(cli.folder, name));
  return {
    run: async (commands, { kubeconfig: other = kubeconfig, code = 0 } = {}) => {
      const ended = await cli.shell(other, `set -euo pipefail\n${hasJq ? commands : commands.replaceAll(/ \| jq .*$/gm, '')}`);
      expect(ended.code, `${commands}\n${ended.out}${ended.err}`).toBe(code);
      return ended.out;
    },
    folder: cli.folder,
    remove: cli.remove,
  };
};

/** With what a page leaves to its reader, each by the word that stands for it. */
export const filled = (commands: string, words: Readonly<Record<string, string>>): string =>
  Object.entries(words).reduce((text, [word, value]) => {
    if (!text.includes(word)) throw new Error(`there is no ${word} in: ${text}`);
    return text.replaceAll(word, value);
  }, commands);

/** For a reader whose namespace is not `ci`. */
export const inNamespace = (namespace: string, commands: string): string => filled(commands, { '-n ci': `-n ${namespace}` });

/** Of printed lines: whatever differs from run to run stands as 0, and columns are one blank apart. `…` stands for what a page leaves out. */
export const shapeOf = (text: string): readonly string[] =>
  text.trim().split('\n').filter((line) => line !== '…').map((line) => line.replaceAll(/\b[0-9a-f]{16,}\b/g, '0').replaceAll(/[\d.:TZ-]*\d[\d.:TZ-]*s?/g, '0').replaceAll(/\s+/g, ' '));
