/** Runs on several cores: each process has its own seeds, and tells how they went in its last line. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Summary } from './tally.ts';
import { together } from './tally.ts';

export interface Range {
  readonly first: number;
  readonly runs: number;
  /** Seconds after which no further run begins; 0 for none. */
  readonly budget: number;
}

const program = fileURLToPath(new URL('main.ts', import.meta.url));

export const runApart = async ({ first, runs, budget }: Range, jobs: number, keepGoing: boolean): Promise<Summary> => {
  const started = performance.now();
  const share = Math.ceil(runs / jobs);
  const parts = Array.from({ length: jobs }, (_, index) => ({ first: first + index * share, runs: Math.min(share, runs - index * share), budget })).filter((part) => part.runs > 0);
  const summaries = await Promise.all(parts.map((part) => runPart(part, keepGoing)));
  return together(summaries, (performance.now() - started) / 1000);
};

const runPart = ({ first, runs, budget }: Range, keepGoing: boolean): Promise<Summary> =>
  new Promise((resolve, reject) => {
    // As this one was started: with how much memory for what does not live long.
    const args = [...process.execArgv, program, '--json', '--seed', String(first), '--runs', String(runs), '--time-budget', String(budget), ...(keepGoing ? ['--keep-going'] : [])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('error', reject).on('close', (code) => {
      const last = text.trimEnd().split('\n').at(-1) ?? '';
      if (last.startsWith('{')) resolve(JSON.parse(last) as Summary);
      else reject(new Error(`the runs from seed ${String(first)} on ended with ${String(code)} and told nothing`));
    });
  });
