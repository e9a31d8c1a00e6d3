/**
 * Whether a record is as it was signed. Cheap things first: that the payload has its digest, and what the record before says, is known
 * of all in memory. The signature takes a read of the record. It is looked at when a record is new or not what it was, and once in
 * about a day of each; a process that starts believes what the status says until then.
 */
import type { OffboardingRecordSpec } from '../../api/v1alpha1/index.ts';
import { checkEnvelope, readCanonical, specProblems, statementProblems } from '../../evidence/check.ts';
import { digestOf } from '../../evidence/digest.ts';
import type { Statement } from '../../evidence/envelope.ts';
import type { PublicKeys } from '../../evidence/keys.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound, toOutcome } from '../../kube/errors.ts';
import { offboardingRecords } from '../../kube/resources.ts';
import { saysSound } from '../../policy/tombstone.ts';
import type { Soundness } from '../../policy/tombstone.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import type { RecordContext, RecordsView } from './context.ts';
import type { RecordMemory } from './memory.ts';

export const soundness = async (record: OffboardingRecordObject, memory: RecordMemory, context: RecordContext, signal: AbortSignal): Promise<Soundness> => {
  const { clock, log } = context;
  const obvious = obviousDefect(record, context.records);
  if (obvious !== undefined) return { kind: 'Changed', message: obvious };
  if (!memory.isDue && memory.checked !== undefined) return memory.checked;
  if (!memory.isDue && saysSound(record)) return { kind: 'Sound' };
  if (memory.checkAt > clock.monotonic()) return memory.checked ?? { kind: 'Unchecked', message: 'the signature was not looked at yet' };
  try {
    const defect = await defectOf(record, context, signal);
    memory.checked = defect === undefined ? { kind: 'Sound' } : { kind: 'Changed', message: defect };
    // A key that was not published may be by then; what a person mends is looked at again within five minutes.
    memory.isDue = defect !== undefined;
    memory.checkAt = clock.monotonic() + (defect === undefined ? 0 : mendedAfter);
    return memory.checked;
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn('A record could not be checked', { record: record.metadata.name, error });
    memory.isDue = true;
    memory.checkAt = clock.monotonic() + retryAfter;
    return { kind: 'Unchecked', message: `nobody could tell whether it is as it was signed: ${toOutcome(error).message}` };
  }
};

/** Milliseconds, when the record or the keys could not be read. */
const retryAfter = 60_000;
export const mendedAfter = 240_000;

/** What is known without reading anything. Of a record before that is gone, nobody can tell what it said. */
const obviousDefect = ({ metadata: { name }, spec, signed }: OffboardingRecordObject, records: RecordsView): string | undefined => {
  if (signed?.digestHolds !== true) return 'the digest of what is signed is not spec.digest';
  const before = records.get(numbered(Number(name) - 1));
  if (before !== undefined && before.spec.digest !== spec.previousDigest) {
    return `spec.previousDigest is not the digest of OffboardingRecord "${before.metadata.name}", the one before`;
  }
  const missing = signed.chunks?.find((chunk) => records.get(chunk) === undefined);
  return missing === undefined ? undefined : `OffboardingRecord "${missing}", which holds a part of it, is not there`;
};

const numbered = (place: number): string => String(place).padStart(10, '0');

const defectOf = async (record: OffboardingRecordObject, context: RecordContext, signal: AbortSignal): Promise<string | undefined> => {
  const { name, uid } = record.metadata;
  const [found, keys] = await Promise.all([readRecord(context.client, name, signal), context.publicKeys(signal)]);
  // Gone, or another by now: the watch will tell.
  if (found?.metadata.uid !== uid) return undefined;
  const opened = openEnvelope(name, found.spec, keys);
  if ('problem' in opened) return opened.problem;
  for (const part of opened.predicate.chunks ?? []) {
    const chunk = await readRecord(context.client, part.name, signal);
    const credentials = chunk?.spec.chunk?.credentials;
    if (credentials === undefined) return `OffboardingRecord "${part.name}", which holds a part of it, is not there`;
    if (digestOf(Buffer.from(credentials, 'base64')) !== part.digest) return `OffboardingRecord "${part.name}", which holds a part of it, is not what was signed`;
  }
  return undefined;
};

/** The whole of it, from the API server. */
export const readRecord = async (client: KubeClient, name: string, signal: AbortSignal): Promise<OffboardingRecordObject | undefined> => {
  try {
    return await client.get<OffboardingRecordObject>(offboardingRecords, { name }, { signal });
  } catch (error) {
    if (isNotFound(error, offboardingRecords, name)) return undefined;
    throw error;
  }
};

/** What a record that is stored holds, once that is known to be signed. */
export const readSigned = async (name: string, { client, publicKeys }: Pick<RecordContext, 'client' | 'publicKeys'>, signal: AbortSignal): Promise<ReturnType<typeof openEnvelope>> => {
  const found = await readRecord(client, name, signal);
  return found === undefined ? { problem: 'it is not there any more' } : openEnvelope(name, found.spec, await publicKeys(signal));
};

/** What is signed, once it is known that it is, by a key that the cluster publishes, and that the spec says the same. */
export const openEnvelope = (name: string, spec: OffboardingRecordSpec, published: PublicKeys): { readonly predicate: Predicate } | { readonly problem: string } => {
  const { signature, keyid = '', problem, payload, digest = '' } = checkEnvelope(spec.envelope, { trusted: published, published: new Map() });
  if (signature === 'Unknown') return { problem: `it is signed by key ${keyid}, which is none of those that are published` };
  if (signature !== 'Trusted' || payload === undefined) return { problem: problem ?? 'it is not signed' };
  const read = readCanonical(payload);
  if ('problem' in read) return { problem: `what is signed ${read.problem}` };
  const statement = read.value as Statement;
  const [defect] = [...statementProblems(statement), ...specProblems({ name, spec: { ...spec } }, statement.predicate, digest)];
  return defect === undefined ? { predicate: statement.predicate } : { problem: defect };
};
