/** Whether the records that were given are what was written, all of it, in its order: each holds the digest of the one before. */
import type { Link, Predicate } from './predicate.ts';

/** A head that somebody noted down earlier; by its digest alone it is as good. */
export interface Head {
  readonly name?: string;
  readonly digest: string;
}

/** From which record on all must be there; without a digest, whatever has the name. */
export interface First {
  readonly name: string;
  readonly digest?: string;
}

export interface Linked extends Pick<Predicate, 'record' | 'outcome'> {
  readonly digest: string;
  /** `namespace/name` of the ServiceAccount. */
  readonly identity: string;
  /** UID of the Offboarding. */
  readonly run: string;
}

export interface ChainReport {
  /** UID of its namespace kube-system. */
  readonly cluster: string;
  readonly first: string;
  readonly last: Link;
  readonly length: number;
  /** Where it is broken. */
  readonly problems: readonly string[];
  /** What cannot be known from what was given. */
  readonly notes: readonly string[];
}

/** `NAME@sha256:…`, or the digest alone; undefined for anything else. */
export const readHead = (text: string): Head | undefined => {
  const [, name, digest] = /^(?:([0-9]{10})@)?(sha256:[0-9a-f]{64})$/.exec(text) ?? [];
  if (digest === undefined) return undefined;
  return name === undefined ? { digest } : { name, digest };
};

/** `NAME`, or `NAME@sha256:…`; undefined for anything else. */
export const readFirst = (text: string): First | undefined => {
  const [, name, digest] = /^([0-9]{10})(?:@(sha256:[0-9a-f]{64}))?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  return digest === undefined ? { name } : { name, digest };
};

/** One for each cluster, whatever order the records came in. One that was restored from a backup has another UID, and goes on from the records of the first. */
export const chainsOf = (records: readonly Linked[]): readonly ChainReport[] =>
  [...Map.groupBy(records, ({ record }) => record.cluster).entries()].map(([cluster, members]) => chainOf(cluster, members, records)).toSorted((a, b) => compare(a.cluster, b.cluster));

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const firstPlace = '0000000001';

const chainOf = (cluster: string, members: readonly Linked[], all: readonly Linked[]): ChainReport => {
  const sorted = members.toSorted((a, b) => compare(a.record.name, b.record.name));
  const problems: string[] = [];
  const [first] = sorted;
  let last: Linked | undefined;
  for (const each of sorted) {
    if (last !== undefined) problems.push(...linkProblems(last, each));
    else if (each.record.name === firstPlace && each.record.previous !== undefined) problems.push(`${firstPlace} is the first record, and says that ${each.record.previous.name} came before it`);
    if (each.record.name !== firstPlace) problems.push(...placeProblems(each));
    last = each;
  }
  return {
    cluster,
    first: first?.record.name ?? '',
    last: { name: last?.record.name ?? '', digest: last?.digest ?? '' },
    length: sorted.length,
    problems: [...problems, ...referenceProblems(sorted)],
    notes: first === undefined || first.record.name === firstPlace ? [] : [beginningOf(first, all)],
  };
};

/** Of one that is not the first of all. */
const beginningOf = ({ record: { name, cluster, previous } }: Linked, all: readonly Linked[]): string => {
  const before = all.filter(({ record }) => record.name === previous?.name && record.cluster !== cluster);
  const other = before.find(({ digest }) => digest === previous?.digest);
  if (other !== undefined) return `${name} of cluster ${cluster} goes on from ${other.record.name} of cluster ${other.record.cluster}, as where that was restored from a backup`;
  return `what came before ${name} was not given${before.map(({ record }) => `; ${record.name} of cluster ${record.cluster} is not what it names`).join('')}`;
};

const placeProblems = ({ record: { name, previous } }: Linked): readonly string[] => {
  if (previous === undefined) return [`${name} does not say what came before it`];
  return Number(previous.name) === Number(name) - 1 ? [] : [`${name} says that ${previous.name} came before it`];
};

const linkProblems = (before: Linked, after: Linked): readonly string[] => {
  const { name } = after.record;
  if (before.record.name === name) return [`there are two records ${name}: ${before.digest} and ${after.digest}`];
  const expected = Number(before.record.name) + 1;
  if (Number(name) !== expected) return [`there is a gap: between ${before.record.name} and ${name}, ${countOf(Number(name) - expected)} missing`];
  const { previous } = after.record;
  if (previous === undefined) return [];
  return previous.name === before.record.name && previous.digest === before.digest
    ? []
    : [`${name} follows ${previous.name} with ${previous.digest}, and ${before.record.name} has ${before.digest}`];
};

const countOf = (count: number): string => (count === 1 ? 'one record is' : `${count} records are`);

/** What a record says of an earlier one, held against that where it was given. */
const referenceProblems = (sorted: readonly Linked[]): readonly string[] =>
  sorted.flatMap(({ record: { name, revises, supersedes }, run, identity }) => {
    const [revised, superseded] = [revises, supersedes].map((earlier) => sorted.find(({ record }) => record.name === earlier));
    return [
      ...[revises, supersedes].flatMap((earlier) => (earlier === undefined || earlier < name ? [] : [`${name} speaks of ${earlier} as of one before it`])),
      ...(revised === undefined || revised.run === run ? [] : [`${name} revises ${revised.record.name}, which is of another run`]),
      ...(superseded === undefined || superseded.identity === identity ? [] : [`${name} supersedes ${superseded.record.name}, which is of ${superseded.identity}`]),
      ...(superseded?.outcome === 'Cancelled' ? [`${name} supersedes ${superseded.record.name}, by which nothing was retired`] : []),
    ];
  });

/** Why the chain is not known to hold all that it held when its head was noted down. */
export const headProblem = (records: readonly Linked[], head: Head): string | undefined => {
  const found = records.find(({ digest }) => digest === head.digest);
  if (found === undefined) return `the record that must be there is not: ${head.name === undefined ? '' : `${head.name}@`}${head.digest}. The end of the chain was cut off, or replaced`;
  return head.name === undefined || head.name === found.record.name ? undefined : `the record that must be ${head.name} is ${found.record.name}`;
};

/** Why the records do not begin as early as they must. What is missing behind it is a gap. */
export const firstProblem = (records: readonly Linked[], { name, digest }: First): string | undefined => {
  const found = records.filter(({ record }) => record.name === name);
  if (found.length === 0) return `record ${name}, from which on all must be there, is not. The beginning of the chain was cut off`;
  return digest === undefined || found.some((each) => each.digest === digest) ? undefined : `record ${name} is not the one with ${digest}. The beginning of the chain was replaced`;
};
