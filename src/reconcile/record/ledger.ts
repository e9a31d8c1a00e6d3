/**
 * The records of a cluster, as a chain: the name of each is its place, and each holds name and digest of the one before. Whoever appends
 * creates the next place; a name can be had once, so that of two who try at the same time one is told that it is taken, looks at
 * what is there, and goes on behind it (docs/adr/0031).
 *
 *   key, public key ──▶ next place ──▶ chunks ──▶ create the root ──▶ stored
 *                          ▲                          │ taken
 *                          └──── of another run ◀─────┴────▶ of this very end: adopted
 *
 * A record that is there is found in two ways: in the cache, or, where the cache does not know it yet, by its place being taken. A cache
 * that is late has an earlier end of the chain, and whatever it does not know comes after that.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Outcome, RecordRef } from '../../api/v1alpha1/index.ts';
import { recordSpecOf } from '../../evidence/check.ts';
import { inChunks } from '../../evidence/chunks.ts';
import type { Chunk } from '../../evidence/chunks.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import type { SigningKey } from '../../evidence/signing.ts';
import { sealed } from '../../evidence/statement.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isAlreadyExists, isNotFound } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { namespaces, offboardingRecords } from '../../kube/resources.ts';
import type { StoreReader } from '../../kube/store.ts';
import type { Logger } from '../../runtime/logger.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { createKeys } from './keys.ts';
import type { KeysOptions } from './keys.ts';
import { opened } from './opened.ts';
import { firstPlace, isPlace, placeAfter } from './place.ts';

/** One end of one run. */
export interface End {
  readonly run: { readonly uid: string; readonly outcome: Outcome };
  /** The record that the run's status knows, which is of an earlier end. */
  readonly after?: string;
  readonly supersedes?: string;
  /** What is signed, in the place that it gets. */
  readonly predicate: (place: Predicate['record']) => Predicate;
}

/** With the time of the end that the record holds: of one that was there, that of whoever stored it. */
export interface StoredRecord extends Omit<RecordRef, 'outcome'> {
  readonly outcome: Outcome;
  readonly completedAt: string;
}

export interface Ledger {
  /** Stores the evidence of one end, once: the same run and outcome again gives the record that is there. */
  readonly append: (end: End, signal: AbortSignal) => Promise<StoredRecord>;
  /** Does this while nothing is being appended, so that no chunk is about to be named by a record. */
  readonly between: (work: () => Promise<void>) => Promise<void>;
}

export interface LedgerOptions extends KeysOptions {
  readonly records: {
    readonly store: StoreReader<OffboardingRecordObject>;
    readonly upsert: (raw: KubeObject) => void;
  };
  readonly log: Logger;
}

/** Bytes of a statement or a chunk. In base64 that is less than half of what etcd takes in one request (1.5 MiB). */
export const maxBytes = 384 * 1024;

export const createLedger = (options: LedgerOptions): Ledger => {
  const keys = createKeys(options);
  const clusterId = createClusterId(options.client);
  const chain: Chain = { newest: undefined };
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
  return {
    append: (end, signal) =>
      inTurn(async () => {
        signal.throwIfAborted();
        const key = await keys.current(signal);
        const book: Book = { ...options, chain, key, cluster: await clusterId(signal), publicKeys: createOnce(() => keys.published(signal)) };
        return (await adopted(book, end, signal)) ?? (await append(book, end, () => keys.publish(key, signal), signal));
      }),
    between: inTurn,
  };
};

/** The end of the chain as this process has seen it, whatever was deleted since. */
interface Chain {
  newest: { readonly name: string; readonly digest: string } | undefined;
}

interface Book extends LedgerOptions {
  readonly chain: Chain;
  readonly key: SigningKey;
  readonly cluster: string;
  readonly publicKeys: () => Promise<readonly string[]>;
}

const createOnce = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let answer: Promise<T> | undefined;
  return () => (answer ??= work());
};

/** UID of the namespace kube-system, which lives as long as the cluster does. */
const createClusterId = (client: KubeClient) => {
  let known: string | undefined;
  return async (signal: AbortSignal): Promise<string> => {
    known ??= (await client.get(namespaces, { name: 'kube-system' }, { signal })).metadata.uid;
    return known;
  };
};

const notice = ({ chain }: Book, { metadata: { name }, spec: { digest } }: OffboardingRecordObject): void => {
  if (!isPlace(name) || (chain.newest !== undefined && name <= chain.newest.name)) return;
  chain.newest = { name, digest: digest ?? '' };
};

const append = async (book: Book, end: End, publish: () => Promise<void>, signal: AbortSignal): Promise<StoredRecord> => {
  await publish();
  const { client, records, chain } = book;
  for (const record of records.store.list()) notice(book, record);
  // The credentials are the same in whatever place, and there may be thousands.
  const { predicate: whole, chunks } = inChunks(end.predicate(nextPlace(book, end)), maxBytes);
  for (const chunk of chunks) await storeChunk(book, chunk, signal);
  for (;;) {
    signal.throwIfAborted();
    const predicate = { ...whole, record: nextPlace(book, end) };
    const { name } = predicate.record;
    const { envelope, digest } = sealed(predicate, book.key);
    const body = { metadata: { name }, spec: recordSpecOf(predicate, { envelope, digest }) };
    try {
      const created = await client.create<OffboardingRecordObject>(offboardingRecords, undefined, body, { signal });
      records.upsert(created);
      chain.newest = { name, digest };
      return { name, digest, outcome: predicate.outcome, completedAt: predicate.run.completedAt };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const found = await adoptTaken(book, end, name, signal);
    if (found !== undefined) return found;
  }
};

const nextPlace = (book: Book, end: End): Predicate['record'] => {
  const { newest } = book.chain;
  const revises = lastOfRun(book, end);
  return {
    name: newest === undefined ? firstPlace : placeAfter(newest.name),
    cluster: book.cluster,
    ...(newest === undefined ? {} : { previous: newest }),
    ...(revises === undefined ? {} : { revises }),
    ...(end.supersedes === undefined ? {} : { supersedes: end.supersedes }),
  };
};

/** The place was taken while we made ready for it: by the record of this end, which then is the one, or by that of another run. */
const adoptTaken = async (book: Book, end: End, name: string, signal: AbortSignal): Promise<StoredRecord | undefined> => {
  const taken = await read(book, name, signal);
  if (taken === undefined) throw retryable('Conflict', `record ${name} was there and is not any more`);
  book.records.upsert(taken);
  notice(book, taken);
  return isOfThisEnd(taken, end) ? adopt(book, end, taken) : undefined;
};

/** The newest record of this end that the cache knows. */
const adopted = async (book: Book, end: End, signal: AbortSignal): Promise<StoredRecord | undefined> => {
  const candidates = book.records.store.byIndex('run', end.run.uid).filter((record) => isOfThisEnd(record, end));
  for (const { metadata } of candidates.toSorted((a, b) => b.metadata.name.localeCompare(a.metadata.name))) {
    const fresh = await read(book, metadata.name, signal);
    const found = fresh === undefined ? undefined : await adopt(book, end, fresh);
    if (found !== undefined) return found;
  }
  return undefined;
};

const isOfThisEnd = ({ metadata: { name }, spec }: OffboardingRecordObject, { run, after = '' }: End): boolean =>
  isPlace(name) && name > after && spec.offboarding?.uid === run.uid && spec.outcome === run.outcome;

/** An earlier end of the same run. */
const lastOfRun = ({ records }: Book, { run }: End): string | undefined =>
  records.store
    .byIndex('run', run.uid)
    .map(({ metadata: { name } }) => name)
    .toSorted()
    .at(-1);

/** Nobody's word is taken for it: it must be signed by a key that we know, say this run, and leave out nothing that was asked for or given up since. */
const adopt = async (book: Book, end: End, { metadata: { name }, spec }: OffboardingRecordObject): Promise<StoredRecord | undefined> => {
  const signed = spec.envelope === undefined ? undefined : opened(spec.envelope, [book.key.publicKeyPem, ...(await book.publicKeys())]);
  const predicate = signed?.statement.predicate;
  const isIt = predicate?.record.name === name && predicate.run.uid === end.run.uid && predicate.outcome === end.run.outcome;
  if (signed === undefined || predicate === undefined || !isIt) {
    book.log.warn('A record that says to be of this run was not signed by Offboard, and is left aside', { record: name, run: end.run.uid });
    return undefined;
  }
  const now = end.predicate(predicate.record);
  if (givenUpIn(now) !== givenUpIn(predicate) || lastRequestOf(now) > Date.parse(predicate.run.completedAt)) return undefined;
  return { name, digest: signed.digest, outcome: predicate.outcome, completedAt: predicate.run.completedAt };
};

/** What of it is not proven, and whose waivers say that it need not be. */
const givenUpIn = ({ dependencies, people }: Predicate): string =>
  JSON.stringify([dependencies.map(({ name, state }) => [name, state]), people.waivers.map(({ name, dependency, approvedBy }) => [name, dependency, approvedBy])]);

/** Milliseconds since the epoch; 0 where nothing was asked to end. */
const lastRequestOf = ({ dependencies }: Predicate): number =>
  dependencies
    .flatMap(({ credentials }) => credentials)
    .reduce((latest, { revokeRequestedAt }) => (revokeRequestedAt === undefined ? latest : Math.max(latest, Date.parse(revokeRequestedAt))), 0);

const read = async ({ client }: Book, name: string, signal: AbortSignal): Promise<OffboardingRecordObject | undefined> => {
  try {
    return await client.get<OffboardingRecordObject>(offboardingRecords, { name }, { signal });
  } catch (error) {
    if (isNotFound(error, offboardingRecords, name)) return undefined;
    throw error;
  }
};

/** Named for what is in it, so that one which is there already is the same: from a try before, or from one whose place was taken. */
const storeChunk = async (book: Book, { name, bytes }: Chunk, signal: AbortSignal): Promise<void> => {
  const credentials = Buffer.from(bytes).toString('base64');
  try {
    await book.client.create(offboardingRecords, undefined, { metadata: { name }, spec: { chunk: { credentials } } }, { signal, metadataOnly: true });
    return;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const there = await read(book, name, signal);
  if (there?.spec.chunk?.credentials === credentials) return;
  if (there === undefined) throw retryable('Conflict', `record ${name} was there and is not any more`);
  throw needsPerson(reasons.recordChanged, `OffboardingRecord "${name}" is not what its name says, so that somebody else than Offboard made it; delete it`);
};
