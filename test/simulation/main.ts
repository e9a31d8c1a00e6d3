/**
 * `make sim`: runs of the operator on virtual time, each drawn from its seed, against systems that lie, break and come back. Prints how many
 * there were and what they went through; at the first that breaks a promise, its trace, made small, and the command that plays it again.
 *
 *   node test/simulation/main.ts --seed 1 --runs 10000 --time-budget 120
 *   node test/simulation/main.ts --seed 4711 --keep 0,3      one run, of whose incidents only these happen
 */
import { parseArgs } from 'node:util';
import { runApart } from './apart.ts';
import { report } from './report.ts';
import { draw } from './draw.ts';
import { without } from './plan.ts';
import { shrink } from './shrink.ts';
import { createTally } from './tally.ts';
import type { Summary } from './tally.ts';
import { simulate } from './universe.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '10000' },
    /** Seconds after which no further run begins. */
    'time-budget': { type: 'string', default: '0' },
    /** Processes side by side, each on a core. */
    jobs: { type: 'string', default: '1' },
    keep: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

// Nobody reads the stacks of the thousands of failures that are meant to be; making them takes a third of all time.
Error.stackTraceLimit = values.trace ? 10 : 0;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const first = Number(values.seed);
const runs = Number(values.runs);
const budget = Number(values['time-budget']);

const playOne = async (seed: number, kept: readonly number[]): Promise<boolean> => {
  const plan = without(draw(seed), (index) => kept.includes(index));
  const outcome = await simulate(plan, { trace: true });
  for (const line of outcome.trace) say(line);
  say(report.outcome(plan, outcome));
  return outcome.violation === undefined;
};

const explain = async (seed: number): Promise<void> => {
  const plan = draw(seed);
  const outcome = await simulate(plan, { trace: false });
  const small = await shrink(plan, outcome, (smaller) => simulate(smaller, { trace: false }));
  const again = await simulate(without(plan, (index) => small.kept.includes(index)), { trace: true });
  say(report.failure(plan, small.kept, again));
};

const playHere = async (): Promise<Summary> => {
  const tally = createTally();
  const started = performance.now();
  const isOver = (): boolean => budget > 0 && performance.now() - started > budget * 1000;
  for (let seed = first; seed < first + runs && !isOver(); seed += 1) {
    const outcome = await simulate(draw(seed), { trace: false });
    tally.add(seed, outcome);
    if (outcome.violation !== undefined && !values['keep-going']) break;
  }
  return tally.summary((performance.now() - started) / 1000);
};

const playMany = async (): Promise<boolean> => {
  const jobs = Number(values.jobs);
  const summary = jobs > 1 ? await runApart({ first, runs, budget }, jobs, values['keep-going']) : await playHere();
  const [failure] = summary.failed;
  // Who asks for JSON asks whether, and not why.
  if (failure !== undefined && !values.json) await explain(failure.seed);
  say(values.json ? JSON.stringify(summary) : report.summary(summary, jobs));
  return summary.failed.length === 0;
};

const one = values.trace || values.keep !== undefined;
const kept = values.keep === undefined ? draw(first).incidents.map((_, index) => index) : values.keep.split(',').filter((each) => each !== '' && each !== 'none').map(Number);
process.exitCode = (await (one ? playOne(first, kept) : playMany())) ? 0 : 1;
