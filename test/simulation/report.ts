/** What is printed. */
import type { Incident, Plan } from './plan.ts';
import type { Summary } from './tally.ts';
import type { Outcome } from './universe.ts';

const lastLines = 60;

const listed = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, count]) => `${name} ${String(count)}`).join(', ');

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

const incident = ({ at, since, ...rest }: Incident): string => `${seconds(at).padStart(8)}  ${since === undefined ? '' : `after ${since.moment}: `}${Object.values(rest).map((value) => (typeof value === 'number' ? String(Math.round(value * 10) / 10) : value)).join(' ')}`;

const outcomeOf = (plan: Plan, { violation, milliseconds, ends }: Outcome): string =>
  violation === undefined
    ? `seed ${String(plan.seed)}: all promises held for ${seconds(milliseconds)} of virtual time; ${ends.join(', ')}`
    : `seed ${String(plan.seed)}: ${violation.invariant} at ${seconds(milliseconds)}: ${violation.message}`;

export const report = {
  outcome: outcomeOf,
  failure: (plan: Plan, kept: readonly number[], outcome: Outcome): string =>
    [
      '',
      ...outcome.trace.slice(-lastLines),
      '',
      outcomeOf(plan, outcome),
      '',
      'It takes no more than this:',
      ...plan.identities.map((each) => `          ${each.name}: ${JSON.stringify(each)}`),
      ...plan.incidents.filter((_, index) => kept.includes(index)).map(incident),
      '',
      `Again, with everything that happens:  make sim SEED=${String(plan.seed)} KEEP=${kept.join(',') || 'none'}`,
    ].join('\n'),
  summary: ({ runs, seconds: took, hours, events, falseCompletions, failed, ends, incidents }: Summary, jobs: number): string =>
    [
      `${String(runs)} runs, ${hours.toFixed(0)} hours of virtual time, ${String(events)} events in ${took.toFixed(1)} s on ${jobs === 1 ? 'one core' : `${String(jobs)} cores`} (${(runs / took).toFixed(0)} runs a second)`,
      `incidents: ${listed(incidents)}`,
      `ends: ${listed(ends)}`,
      `false completions: ${String(falseCompletions)}; broken promises: ${String(failed.length)}${failed.length === 0 ? '' : ` (${failed.map(({ seed, invariant }) => `${invariant} at seed ${String(seed)}`).join(', ')})`}`,
    ].join('\n'),
};
