/**
 * The record of an end as a watch. Of all records of a name the last one speaks for it: it is the tombstone.
 *
 *   stands ──a WorkloadIdentity supersedes it──▶ superseded ─┐
 *      └─────the name is retired once more──────▶ newer one ─┴─▶ watches nothing any more
 */
import { conditionOf, conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { OffboardingRecordSpec, OffboardingRecordStatus } from '../api/v1alpha1/index.ts';
import type { Fact } from './conditions.ts';

export interface RecordFacts {
  readonly metadata: { readonly name: string; readonly generation?: number };
  readonly spec: Omit<OffboardingRecordSpec, 'envelope' | 'chunk'>;
  readonly status?: OffboardingRecordStatus;
}

/** What came back, or had. */
export type Returned = NonNullable<OffboardingRecordStatus['returned']>[number];

/** False for a chunk, which is a part of a record. */
export const isRoot = ({ spec }: RecordFacts): boolean => spec.identity !== undefined;

/**
 * The last of the records of one name, whatever became of it since. A run that was cancelled retired nothing, and takes nothing back
 * of what an earlier one did.
 */
export const tombstoneOf = <R extends RecordFacts>(records: readonly R[]): R | undefined =>
  records
    .filter((record) => isRoot(record) && record.spec.outcome !== 'Cancelled')
    .reduce<R | undefined>((last, record) => (last === undefined || record.metadata.name > last.metadata.name ? record : last), undefined);

/** The same, as long as nobody uses the name again on purpose: while there is one, the name is locked. */
export const standingTombstone = <R extends RecordFacts>(records: readonly R[]): R | undefined => {
  const last = tombstoneOf(records);
  return last?.status?.supersededBy === undefined ? last : undefined;
};

/** Why a record watches nothing. */
export interface Rest {
  readonly reason: string;
  readonly message: string;
}

/** Undefined for one that watches. `records` are all of its name. */
export const restOf = ({ metadata, spec, status }: RecordFacts, records: readonly RecordFacts[]): Rest | undefined => {
  if (spec.outcome === 'Cancelled') return { reason: reasons.nothingRetired, message: 'the run was cancelled, so that there is nothing to watch' };
  const by = status?.supersededBy;
  if (by !== undefined) {
    const asked = by.requestedBy === undefined ? '' : `, as ${by.requestedBy} asked`;
    return {
      reason: reasons.supersededByIdentity,
      message: `WorkloadIdentity "${by.name}" in namespace "${by.namespace}" uses the name again on purpose${asked}; nothing is watched any more`,
    };
  }
  const last = tombstoneOf(records);
  if (last === undefined || last.metadata.name <= metadata.name) return undefined;
  return { reason: reasons.newerRecord, message: `OffboardingRecord "${last.metadata.name}" is of a later end of the same name, and watches` };
};

/** What is there now of one dependency, or why nobody could tell. */
export type DependencyLook =
  | { readonly dependency: string; readonly present: readonly { readonly id: string; readonly class: string }[] }
  | { readonly dependency: string; readonly unseen: string };

/** As the schema has it. */
const maxReturned = 32;

/** What came back stays on the list when it is gone again: who asks later must see that it happened. What was not asked, or did not tell, stays as it is. */
export const returnedAfter = (before: readonly Returned[], looks: readonly DependencyLook[], now: Date): readonly Returned[] => {
  const at = now.toISOString();
  const answers = looks.filter((look) => 'present' in look);
  const known = before.map((entry) => {
    const look = answers.find(({ dependency }) => dependency === entry.dependency);
    if (look === undefined) return entry;
    const { goneAt, ...there } = entry;
    return look.present.some(({ id }) => id === entry.id) ? there : { ...there, goneAt: goneAt ?? at };
  });
  const added = answers.flatMap(({ dependency, present }) =>
    present.filter(({ id }) => !isListed(before, dependency, id)).map(({ id, class: kind }) => ({ dependency, id, class: kind, seenAt: at })),
  );
  return atMost([...known, ...added]);
};

const isListed = (entries: readonly Returned[], dependency: string, id: string): boolean =>
  entries.some((entry) => entry.dependency === dependency && entry.id === id);

/** What is gone again makes room first, the earliest of it. */
const atMost = (entries: readonly Returned[]): readonly Returned[] => {
  const tooMany = entries.length - maxReturned;
  if (tooMany <= 0) return entries;
  const gone = new Set(entries.filter(({ goneAt }) => goneAt !== undefined).slice(0, tooMany));
  return entries.filter((entry) => !gone.has(entry)).slice(0, maxReturned);
};

export const isThere = ({ goneAt }: Returned): boolean => goneAt === undefined;

/** One look of a record at what it watches. */
export interface Round {
  readonly looks: readonly DependencyLook[];
  /** False where the other systems have their turn another time. */
  readonly everywhere: boolean;
}

/**
 * It speaks of now. That something had come back is in its reason, and in the list. Where one of them could not tell, neither can this, until
 * all have.
 */
export const resurrectedFact = (returned: readonly Returned[], rest: Rest | undefined, { looks, everywhere }: Round, { status }: RecordFacts): Fact => {
  const type = conditionTypes.resurrected;
  if (rest !== undefined) return { type, status: 'False', ...rest };
  const there = returned.filter(isThere);
  if (there.length > 0) {
    return {
      type,
      status: 'True',
      reason: reasons.returned,
      message: `${named(there)} came back after the end; nothing was revoked. Create a new Offboarding to retire it again`,
    };
  }
  const unseen = looks.flatMap((look) => ('unseen' in look ? [`${look.dependency}: ${look.unseen}`] : []));
  if (unseen.length > 0) return { type, status: 'Unknown', reason: reasons.notLookedAt, message: unseen.join('; ') };
  const before = conditionOf(status, type);
  if (!everywhere && before?.reason === reasons.notLookedAt) return { type, status: 'Unknown', reason: before.reason, message: before.message };
  return returned.length > 0
    ? { type, status: 'False', reason: reasons.goneAgain, message: `${named(returned)} came back after the end, and is gone again` }
    : { type, status: 'False', reason: reasons.notReturned, message: 'nothing was seen since the end' };
};

const maxNamed = 4;

export const named = (entries: readonly Pick<Returned, 'dependency' | 'id'>[]): string => {
  const shown = entries.slice(0, maxNamed).map(({ dependency, id }) => `${dependency}: ${id}`);
  return entries.length > shown.length ? `${shown.join(', ')} and ${entries.length - shown.length} more` : shown.join(', ');
};

/** Whether a record is as it was signed, as far as this process or an earlier one has looked. */
export type Soundness = { readonly kind: 'Sound' } | { readonly kind: 'Changed'; readonly message: string } | { readonly kind: 'Unchecked'; readonly message: string };

/** Of what keeps the name away. `NotLockable`: there is nothing that could. */
export interface LockState {
  readonly state: 'Held' | 'Lost' | 'Unknown' | 'NotLockable';
  readonly message: string;
}

/** A lock that is left to somebody else, such as a run under way, is undefined. What could not be told leaves what is said as it is. */
export const intactFact = (sound: Soundness, lock: LockState | undefined, rest: Rest | undefined, { status }: RecordFacts): Fact => {
  const type = conditionTypes.intact;
  const before = conditionOf(status, type);
  const unknown = (message: string): Fact =>
    before === undefined
      ? { type, status: 'Unknown', reason: reasons.dependencyUnavailable, message }
      : { type, status: before.status, reason: before.reason, message: before.message };
  if (sound.kind === 'Changed') return { type, status: 'False', reason: reasons.recordChanged, message: sound.message };
  if (lock?.state === 'Lost') return { type, status: 'False', reason: reasons.lockLost, message: lock.message };
  if (sound.kind === 'Unchecked') return unknown(sound.message);
  if (rest !== undefined) return { type, status: 'True', reason: rest.reason, message: `it is as it was signed; ${rest.message}` };
  switch (lock?.state) {
    case 'Unknown':
      return unknown(lock.message);
    case 'NotLockable':
      return { type, status: 'True', reason: reasons.asSigned, message: `it is as it was signed; there is no lock: ${lock.message}` };
    case 'Held':
      return { type, status: 'True', reason: reasons.asSigned, message: `it is as it was signed, and the lock on the name stands (${lock.message})` };
    case undefined:
      return { type, status: 'True', reason: reasons.asSigned, message: 'it is as it was signed; a run of the same name has the lock in hand' };
  }
};

/** `Intact` as the status has it, for as long as nothing gives reason to look at the signature again. */
export const saysSound = ({ metadata, status }: RecordFacts): boolean => {
  const intact = conditionOf(status, conditionTypes.intact);
  return intact !== undefined && intact.status !== 'Unknown' && intact.reason !== reasons.recordChanged && intact.observedGeneration === (metadata.generation ?? 0);
};
