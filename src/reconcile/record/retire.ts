/**
 * Records past their time. They go one after another, the oldest first, so that what is left of the chain has one beginning. Never the last
 * of all, which the next one follows; never one of a name that is back, or that a run has in hand, nor what came after it. With the
 * tombstone goes its lock, and with a record its chunks.
 */
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { isNotFound } from '../../kube/errors.ts';
import { offboardingRecords } from '../../kube/resources.ts';
import { isRoot, standingTombstone } from '../../policy/tombstone.ts';
import type { ReconcileResult } from '../../runtime/controller.ts';
import { keyOf } from '../objects.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { identityOfRecord, runUnderWay } from './context.ts';
import type { RecordContext } from './context.ts';
import { unlock } from './watch.ts';

export interface Retirement {
  readonly tidy: (enqueue: (key: string) => void, signal: AbortSignal) => Promise<void>;
  /** True while it is to be deleted at its next look, which nothing else then may put a lock to. */
  readonly isRetiring: (name: string) => boolean;
  readonly retire: (record: OffboardingRecordObject, signal: AbortSignal) => Promise<ReconcileResult>;
  /** It is gone, or about to go, whoever deleted it; true when that was this process. */
  readonly over: (name: string) => boolean;
}

export const createRetirement = (context: RecordContext): Retirement => {
  /** Told at the end of the look that is waited for, whether it is gone. */
  const retiring = new Map<string, (gone: boolean) => void>();
  /** Deleted, and not told of by the watch yet. */
  const retired = new Set<string>();

  const settle = (name: string, gone: boolean): void => {
    const tell = retiring.get(name);
    retiring.delete(name);
    tell?.(gone);
  };

  /** In a look of its own, so that no other look at it is under way. */
  const retireInTurn = (record: OffboardingRecordObject, enqueue: (key: string) => void): Promise<boolean> =>
    new Promise((resolve) => {
      retiring.set(record.metadata.name, resolve);
      enqueue(keyOf(record));
    });

  const retireAll = async (enqueue: (key: string) => void, signal: AbortSignal): Promise<void> => {
    const giveUp = (): void => {
      for (const name of retiring.keys()) settle(name, false);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    // One that stays keeps all that came after it: a gap is what whoever verifies the chain cannot tell from a theft.
    for (const record of context.records.list().filter(isRoot).toSorted(byName)) {
      if (signal.aborted || !isExpired(record, context) || !(await retireInTurn(record, enqueue))) break;
    }
    signal.removeEventListener('abort', giveUp);
  };

  return {
    over: (name) => {
      settle(name, true);
      return retired.delete(name);
    },
    isRetiring: (name) => retiring.has(name),
    retire: async (record, signal) => {
      let isGone = false;
      try {
        if (isExpired(record, context)) {
          retired.add(record.metadata.name);
          await deleteRecord(record, context, signal);
          isGone = true;
        }
      } finally {
        settle(record.metadata.name, isGone);
      }
      return { kind: 'done' };
    },
    tidy: async (enqueue, signal) => {
      await retireAll(enqueue, signal);
      await context.between(() => deleteOrphans(context, signal));
    },
  };
};

const byName = ({ metadata: one }: OffboardingRecordObject, { metadata: other }: OffboardingRecordObject): number => (one.name < other.name ? -1 : Number(one.name > other.name));

const isExpired = (record: OffboardingRecordObject, context: RecordContext): boolean => {
  const { clock, records, retention } = context;
  const { metadata, spec } = record;
  const endedAt = Date.parse(spec.completedAt ?? metadata.creationTimestamp);
  if (retention === 0 || !isRoot(record) || !(clock.now().getTime() - endedAt > retention) || metadata.name === records.head()) return false;
  const identity = identityOfRecord(record);
  const isBack = records.of(identity).some(({ status }) => conditionOf(status, conditionTypes.resurrected)?.status === 'True');
  return !isBack && runUnderWay(identity, context) === undefined;
};

/** The lock goes first: a process that dies in between leaves a tombstone, and the next one puts the lock back and begins anew. */
const deleteRecord = async (record: OffboardingRecordObject, context: RecordContext, signal: AbortSignal): Promise<void> => {
  const { records, log } = context;
  const { name } = record.metadata;
  if (standingTombstone(records.of(identityOfRecord(record)))?.metadata.name === name) await unlock(record, context, signal);
  await deleteOne(record, context, signal);
  log.info('A record is past its time, and is gone', { record: name, identity: identityOfRecord(record), digest: record.spec.digest });
  for (const chunk of record.signed?.chunks ?? []) {
    const found = records.get(chunk);
    const others = records.list().some(({ metadata, signed }) => metadata.name !== name && signed?.chunks?.includes(chunk) === true);
    if (found !== undefined && !others) await deleteOne(found, context, signal);
  }
};

/** This very object, and not a later one of the same name. */
const deleteOne = async ({ metadata: { name, uid } }: OffboardingRecordObject, { client }: RecordContext, signal: AbortSignal): Promise<void> => {
  try {
    await client.delete(offboardingRecords, { name }, { uid }, { signal });
  } catch (error) {
    if (!isNotFound(error, offboardingRecords, name)) throw error;
  }
};

/** Milliseconds. Chunks are stored before the record that names them. */
const orphanAge = 3_600_000;

/** Of a process that died before the record was stored. One that is about to be named again, by what is there already, may be as old: so nothing is stored meanwhile. */
const deleteOrphans = async (context: RecordContext, signal: AbortSignal): Promise<void> => {
  const { records, clock, log } = context;
  const all = records.list();
  const chunks = all.filter((record) => !isRoot(record));
  if (chunks.length === 0) return;
  const wanted = new Set(all.flatMap(({ signed }) => signed?.chunks ?? []));
  for (const chunk of chunks) {
    const isOld = clock.now().getTime() - Date.parse(chunk.metadata.creationTimestamp) > orphanAge;
    if (!isOld || wanted.has(chunk.metadata.name)) continue;
    await deleteOne(chunk, context, signal);
    log.info('A part of a record that was never stored is gone', { record: chunk.metadata.name });
  }
};
