/** How long a mutant lives: it is run with more and more seeds, until one of them catches it. */
import type { Mutant } from './mutant.ts';
import type { Failed, Simulate } from './run.ts';

export interface Hunt {
  readonly mutant: Mutant;
  /** The first run that saw it, counted from one; undefined when none did. */
  readonly caughtAfter: number | undefined;
  /** Of so many runs so many saw it. */
  readonly runs: number;
  readonly failed: readonly Failed[];
}

export interface HuntOptions {
  readonly simulate: Simulate;
  readonly firstSeed: number;
  /** In the first batch, all of which are run: they tell how easily it is seen. The next ones are larger, and end with the first that sees it. */
  readonly firstBatch: number;
  readonly limit: number;
  /** Also in the first batch. */
  readonly stopAtFirst?: boolean;
}

const growth = 4;

/** That it died, or wrote a condition that is out of form, shows that it is broken, and not that its lie was seen. */
const isBeside = ({ invariant }: Failed): boolean => invariant === 'ProcessLives' || invariant === 'ConditionsConform';

export const hunt = async (mutant: Mutant, { simulate, firstSeed, firstBatch, limit, stopAtFirst = false }: HuntOptions): Promise<Hunt> => {
  let runs = 0;
  let size = Math.min(firstBatch, limit);
  while (size > 0) {
    const answer = await simulate(mutant, { seed: firstSeed + runs, runs: size, stop: stopAtFirst || runs > 0 });
    runs += answer.runs;
    const failed = answer.failed.filter((each) => !isBeside(each));
    if (failed.length > 0) return { mutant, caughtAfter: Math.min(...failed.map(({ seed }) => seed)) - firstSeed + 1, runs, failed };
    if (answer.runs < size && answer.failed.length === 0) throw new Error(`the simulation with ${mutant.name} gave up after ${String(answer.runs)} of ${String(size)} runs`);
    size = Math.min(size * growth, limit - runs);
  }
  return { mutant, caughtAfter: undefined, runs, failed: [] };
};

/** The seeds that caught something, which must say nothing of the sound operator. */
export const seedsOf = (hunts: readonly Hunt[]): readonly number[] => [...new Set(hunts.flatMap(({ failed }) => failed.map(({ seed }) => seed)))].sort((one, other) => one - other);

export const render = (hunts: readonly Hunt[]): string => {
  const rows = [
    ['mutant', 'caught after', 'seen in', 'by'],
    ...hunts.map(({ mutant, caughtAfter, runs, failed }) => [
      mutant.name,
      caughtAfter === undefined ? 'never' : String(caughtAfter),
      `${String(failed.length)} of ${String(runs)}`,
      [...new Set(failed.map(({ invariant }) => invariant))].sort().join(', '),
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
};
