/**
 * `make mutants`: shows that the simulation sees each mutant, after how many runs, in how many of them, and by which invariant; and that
 * the same seeds see nothing in the operator as it is. Names of mutants after the flags choose some. Exits with 1 when one is not seen.
 * With `--short`, as the gate has it, each hunt begins at the seed that saw the mutant when all were measured, and ends with the first.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { mapBounded } from '../../../src/runtime/concurrency.ts';
import { hunt, render, seedsOf } from './hunt.ts';
import { mutantNamed, mutants } from './list.ts';
import { seen } from './seen.ts';
import { simulate } from './run.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '4000' }, batch: { type: 'string', default: '40' }, short: { type: 'boolean', default: false } },
});
const chosen = positionals.length > 0 ? positionals.map(mutantNamed) : mutants;
const limits = { simulate, limit: Number(values.runs), stopAtFirst: values.short, firstBatch: values.short ? 1 : Number(values.batch) };
const firstSeed = (name: string): number => (values.short ? (seen[name] ?? 1) : Number(values.seed));
const { signal } = new AbortController();

const hunts = await mapBounded(chosen, availableParallelism(), (mutant) => hunt(mutant, { ...limits, firstSeed: firstSeed(mutant.name) }), signal);
const sound = await mapBounded(runsOf(seedsOf(hunts)), availableParallelism(), (range) => simulate(undefined, { ...range, stop: false }), signal);

// A short hunt left the runs out of which it is known that they see nothing.
process.stdout.write(`${render(hunts.map((each) => (each.caughtAfter === undefined || !values.short ? each : { ...each, caughtAfter: each.caughtAfter + firstSeed(each.mutant.name) - 1 })))}\n`);
const free = hunts.filter(({ caughtAfter }) => caughtAfter === undefined);
const alarms = sound.flatMap(({ failed }) => failed);
for (const { mutant } of free) process.stdout.write(`not seen in ${values.runs} runs: ${mutant.name}. ${mutant.lie}\n`);
for (const { seed, invariant } of alarms) process.stdout.write(`a false alarm: ${invariant}, with seed ${String(seed)} and no mutant\n`);
process.stdout.write(`${String(hunts.length - free.length)} of ${String(hunts.length)} mutants seen, ${String(alarms.length)} false alarms\n`);
process.exitCode = free.length + alarms.length === 0 ? 0 : 1;

/** Seeds that follow each other are run by one process. */
function runsOf(seeds: readonly number[]): readonly { readonly seed: number; readonly runs: number }[] {
  return seeds.reduce<readonly { readonly seed: number; readonly runs: number }[]>((ranges, seed) => {
    const last = ranges.at(-1);
    if (last === undefined || last.seed + last.runs !== seed) return [...ranges, { seed, runs: 1 }];
    return [...ranges.slice(0, -1), { seed: last.seed, runs: last.runs + 1 }];
  }, []);
}
