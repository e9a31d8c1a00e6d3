/** OffboardingRecords as a cluster holds them, for tests. */
import { recordSpecOf } from '../../src/evidence/check.ts';
import { inChunks } from '../../src/evidence/chunks.ts';
import type { Envelope } from '../../src/evidence/envelope.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import type { SigningKey } from '../../src/evidence/signing.ts';
import { sealed } from '../../src/evidence/statement.ts';
import { aPredicate } from './predicate.ts';

export interface RecordObject {
  readonly apiVersion: 'offboard.dev/v1alpha1';
  readonly kind: 'OffboardingRecord';
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>> & { readonly digest?: string; readonly envelope?: Envelope };
}

const objectOf = (name: string, spec: RecordObject['spec']): RecordObject => ({ apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingRecord', metadata: { name }, spec });

export const aRecord = (predicate: Predicate, key: SigningKey): RecordObject => {
  const signed = sealed(predicate, key);
  return objectOf(predicate.record.name, recordSpecOf(predicate, signed));
};

/** The chunks, and last the record that holds their digests. */
export const aLongRecord = (predicate: Predicate, key: SigningKey, maxBytes: number): readonly RecordObject[] => {
  const { predicate: root, chunks } = inChunks(predicate, maxBytes);
  return [...chunks.map(({ name, bytes }) => objectOf(name, { chunk: { credentials: Buffer.from(bytes).toString('base64') } })), aRecord(root, key)];
};

export const placeName = (place: number): string => String(place).padStart(10, '0');

/** So many, each with the digest of the one before; the key of each is asked for. */
export const aChain = (length: number, keyOf: (place: number) => SigningKey, fields: (place: number) => Partial<Predicate> = () => ({})): readonly RecordObject[] => {
  const records: RecordObject[] = [];
  let previous: { readonly name: string; readonly digest: string } | undefined;
  for (let place = 1; place <= length; place += 1) {
    const name = placeName(place);
    const { record, ...others } = aPredicate(fields(place));
    const object = aRecord({ record: { ...record, name, ...(previous === undefined ? {} : { previous }) }, ...others }, keyOf(place));
    records.push(object);
    previous = { name, digest: object.spec.digest ?? '' };
  }
  return records;
};
