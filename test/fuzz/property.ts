/**
 * Properties: what must hold of any input. An input for which one does not hold is made as small as it can be, and told along with the
 * command that tries just that one again.
 *
 *   FUZZ_RUNS=10000 …          inputs for each property, instead of a few hundred
 *   TEST_SEED=1 …              the same inputs again
 *   TEST_SEED=1 FUZZ_PATH=7:0  one of them, and those it is made smaller by
 */
import { relative } from 'node:path';
import fc from 'fast-check';
import { expect } from 'vitest';
import { printedSeed } from '../fakes/random.ts';

const seed = printedSeed('fuzz') | 0;
const path = process.env['FUZZ_PATH'];

/** Inputs for one property where nobody says how many. One that is dear asks for fewer. */
const usualRuns = 200;

const runsOf = (runs: number): number => {
  const wanted = Number(process.env['FUZZ_RUNS'] ?? usualRuns);
  if (!Number.isInteger(wanted) || wanted < 1) throw new Error('FUZZ_RUNS must be a whole number, and not 0');
  return Math.max(1, Math.round((runs / usualRuns) * wanted));
};

/** What to run to see it again. */
const replay = (details: { readonly seed: number; readonly counterexamplePath: string | null }): string => {
  const { testPath = '', currentTestName = '' } = expect.getState();
  const name = (currentTestName.split(' > ').at(-1) ?? '').replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", '.');
  return `TEST_SEED=${details.seed} FUZZ_PATH=${details.counterexamplePath ?? ''} npx vitest run ${relative(process.cwd(), testPath)} -t '${name}'`;
};

const parameters = (runs: number) => ({
  seed,
  ...(path === undefined ? {} : { path }),
  numRuns: runsOf(runs),
});

const report = (details: fc.RunDetails<unknown>): void => {
  if (details.failed) throw new Error(`${fc.defaultReportMessage(details)}\n\nTry it again: ${replay(details)}`, { cause: details.errorInstance });
};

/** The property holds when the predicate neither throws nor returns false. `runs` is out of the usual 200. */
export const holds = <Ts extends [unknown, ...unknown[]]>(property: fc.IPropertyWithHooks<Ts>, runs = usualRuns): void => {
  report(fc.check(property, parameters(runs)) as fc.RunDetails<unknown>);
};

/** The same, of what takes its time. */
export const holdsInTime = async <Ts extends [unknown, ...unknown[]]>(property: fc.IAsyncPropertyWithHooks<Ts>, runs = usualRuns): Promise<void> => {
  report((await fc.check(property, parameters(runs))) as fc.RunDetails<unknown>);
};
