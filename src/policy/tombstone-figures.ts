/** All records in figures: what the leader's metrics show at a scrape. */
import { conditionOf, conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import { isRoot, tombstoneOf } from './tombstone.ts';
import type { RecordFacts } from './tombstone.ts';

/** `watching` and `resting` are all there are. What is wrong with one of them is counted beside that. */
export type TombstoneState = 'watching' | 'resting' | 'superseded' | 'resurrected' | 'not_looked_at' | 'lock_lost' | 'changed';

export interface TombstoneFigures {
  readonly tombstones: readonly { readonly state: TombstoneState; readonly count: number }[];
  /** The number of the last record that was ever seen; 0 when there was none. */
  readonly recordHead: number;
  /** Numbers from the first record that is there to the last that was ever seen that no record has any more. */
  readonly recordsMissing: number;
}

/** `seen` is the highest number that this process knows of. */
export const tombstoneFigures = (all: readonly RecordFacts[], seen = 0): TombstoneFigures => {
  const roots = all.filter(isRoot);
  const last = new Map<string, RecordFacts>();
  for (const record of roots) {
    const { namespace, name } = record.spec.identity ?? { namespace: '', name: '' };
    const key = `${namespace}/${name}`;
    const tombstone = tombstoneOf([record, ...(last.has(key) ? [last.get(key) ?? record] : [])]);
    if (tombstone !== undefined) last.set(key, tombstone);
  }
  const counts: Record<TombstoneState, number> = { watching: 0, resting: 0, superseded: 0, resurrected: 0, not_looked_at: 0, lock_lost: 0, changed: 0 };
  const standing = new Set([...last.values()].filter(({ status }) => status?.supersededBy === undefined));
  for (const record of roots) {
    counts[standing.has(record) ? 'watching' : 'resting'] += 1;
    for (const state of statesOf(record)) counts[state] += 1;
  }
  const numbers = roots.map(({ metadata }) => Number(metadata.name)).filter(Number.isInteger);
  const head = Math.max(seen, ...numbers);
  const first = Math.min(head, ...numbers);
  return {
    tombstones: Object.entries(counts).map(([state, count]) => ({ state: state as TombstoneState, count })),
    recordHead: head,
    recordsMissing: head === 0 ? 0 : head - first + 1 - numbers.length,
  };
};

const statesOf = ({ status }: RecordFacts): readonly TombstoneState[] => {
  const [intact, resurrected] = [conditionOf(status, conditionTypes.intact), conditionOf(status, conditionTypes.resurrected)];
  return [
    ...(status?.supersededBy === undefined ? [] : ['superseded' as const]),
    ...(resurrected?.status === 'True' ? ['resurrected' as const] : []),
    ...(resurrected?.reason === reasons.notLookedAt ? ['not_looked_at' as const] : []),
    ...(intact?.reason === reasons.lockLost ? ['lock_lost' as const] : []),
    ...(intact?.reason === reasons.recordChanged ? ['changed' as const] : []),
  ];
};
