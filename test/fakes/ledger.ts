/** A ledger in memory: what a run's end is recorded as, without keys and without a cluster. */
import { createHash } from 'node:crypto';
import type { Predicate } from '../../src/evidence/predicate.ts';
import type { End, Ledger, StoredRecord } from '../../src/reconcile/record/ledger.ts';

export interface FakeLedger extends Pick<Ledger, 'append'> {
  /** What was stored, in order. */
  readonly records: readonly Predicate[];
  /** What the next ones are answered with instead of being stored; undefined mends it. */
  readonly fail: (error: Error | undefined) => void;
}

export const createFakeLedger = (): FakeLedger => {
  const records: Predicate[] = [];
  const stored: StoredRecord[] = [];
  let failure: Error | undefined;

  const append = ({ run, after = '', supersedes, predicate }: End): StoredRecord => {
    if (failure !== undefined) throw failure;
    const there = stored.find(({ name, outcome }, index) => name > after && outcome === run.outcome && records[index]?.run.uid === run.uid);
    if (there !== undefined) return there;
    const last = stored.at(-1);
    const revises = stored.findLast((_, index) => records[index]?.run.uid === run.uid)?.name;
    const name = String(records.length + 1).padStart(10, '0');
    const record = predicate({
      name,
      cluster: 'cluster',
      ...(last === undefined ? {} : { previous: { name: last.name, digest: last.digest } }),
      ...(revises === undefined ? {} : { revises }),
      ...(supersedes === undefined ? {} : { supersedes }),
    });
    const digest = `sha256:${createHash('sha256').update(JSON.stringify(record)).digest('hex')}`;
    const ref = { name, digest, outcome: record.outcome, completedAt: record.run.completedAt };
    records.push(record);
    stored.push(ref);
    return ref;
  };

  return {
    records,
    fail: (error) => {
      failure = error;
    },
    append: async (end) => {
      await Promise.resolve();
      return append(end);
    },
  };
};
