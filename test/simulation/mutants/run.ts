/** Runs the simulation with one mutant, or with none, in a process of its own. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';

/** One run of the simulation that saw something wrong. */
export interface Failed {
  readonly seed: number;
  readonly invariant: string;
}

export interface Batch {
  /** The first seed; the others follow it. */
  readonly seed: number;
  readonly runs: number;
  /** Whether to stop at the first that fails. */
  readonly stop: boolean;
}

export interface Answer {
  /** How many there were. */
  readonly runs: number;
  readonly failed: readonly Failed[];
}

export type Simulate = (mutant: Mutant | undefined, batch: Batch) => Promise<Answer>;

const simulation = fileURLToPath(new URL('../main.ts', import.meta.url));
const load = new URL('load.ts', import.meta.url).href;

/** What it says when it is well, and when it saw something wrong. With any other, nothing can be told. */
const told: readonly (number | null)[] = [0, 1];

export const simulate: Simulate = async (mutant, { seed, runs, stop }) => {
  const imports = mutant === undefined ? [] : ['--import', load];
  const flags = ['--seed', String(seed), '--runs', String(runs), '--json', ...(stop ? [] : ['--keep-going'])];
  const env = { ...process.env, ...(mutant !== undefined && { MUTANT: mutant.name }) };
  const child = spawn(process.execPath, [...imports, simulation, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  const last = out.trimEnd().split('\n').at(-1) ?? '';
  if (!told.includes(code) || !last.startsWith('{')) {
    throw new Error(`the simulation with ${mutant?.name ?? 'no mutant'} and seed ${String(seed)} ended with ${String(code)} and no answer:\n${errors.slice(-2_000)}`);
  }
  const { runs: done, failed } = JSON.parse(last) as Answer;
  return { runs: done, failed };
};
