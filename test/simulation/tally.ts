/** What many runs went through: a detector that never sees a fault finds no lie. */
import type { Outcome } from './universe.ts';

export interface Summary {
  readonly runs: number;
  /** Of the machine, in real time. */
  readonly seconds: number;
  /** Of virtual time, all runs together. */
  readonly hours: number;
  readonly events: number;
  /** Ready=True that was claimed while something worked. */
  readonly falseCompletions: number;
  readonly failed: readonly { readonly seed: number; readonly invariant: string }[];
  /** How the retirements stood at the end, by the reason of Ready or Stalled. */
  readonly ends: Readonly<Record<string, number>>;
  /** How often each kind of incident happened. */
  readonly incidents: Readonly<Record<string, number>>;
}

export const createTally = () => {
  const failed: { readonly seed: number; readonly invariant: string }[] = [];
  const ends = new Map<string, number>();
  const incidents = new Map<string, number>();
  const totals = { runs: 0, milliseconds: 0, events: 0 };
  const count = (map: Map<string, number>, key: string): void => {
    map.set(key, (map.get(key) ?? 0) + 1);
  };
  return {
    add: (seed: number, outcome: Outcome): void => {
      totals.runs += 1;
      totals.milliseconds += outcome.milliseconds;
      totals.events += outcome.events;
      for (const end of outcome.ends) count(ends, end);
      for (const happened of outcome.happened) count(incidents, happened);
      if (outcome.violation !== undefined) failed.push({ seed, invariant: outcome.violation.invariant });
    },
    summary: (seconds: number): Summary => ({
      runs: totals.runs,
      seconds,
      hours: totals.milliseconds / 3_600_000,
      events: totals.events,
      falseCompletions: failed.filter(({ invariant }) => invariant === 'NeverLies').length,
      failed,
      ends: sorted(ends),
      incidents: sorted(incidents),
    }),
  };
};

const sorted = (map: ReadonlyMap<string, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...map].sort(([one, often], [other, less]) => less - often || one.localeCompare(other)));

/** Of runs that were done apart. */
export const together = (summaries: readonly Summary[], seconds: number): Summary => {
  const sum = (read: (summary: Summary) => number): number => summaries.reduce((total, each) => total + read(each), 0);
  const merged = (read: (summary: Summary) => Readonly<Record<string, number>>): Readonly<Record<string, number>> => {
    const counts = new Map<string, number>();
    for (const [name, count] of summaries.flatMap((each) => Object.entries(read(each)))) counts.set(name, (counts.get(name) ?? 0) + count);
    return sorted(counts);
  };
  return {
    runs: sum(({ runs }) => runs),
    seconds,
    hours: sum(({ hours }) => hours),
    events: sum(({ events }) => events),
    falseCompletions: sum(({ falseCompletions }) => falseCompletions),
    failed: summaries.flatMap(({ failed }) => failed),
    ends: merged(({ ends }) => ends),
    incidents: merged(({ incidents }) => incidents),
  };
};
