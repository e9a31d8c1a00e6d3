/**
 * One record by itself: whose signature it has, and whether what is not signed says what is. Pure, and small enough for the operator,
 * which looks at its own records with it.
 */
import type { OffboardingRecordSpec } from '../api/v1alpha1/index.ts';
import { canonicalJson } from './canonical.ts';
import { digestOf } from './digest.ts';
import { payloadType } from './envelope.ts';
import type { Envelope, Statement } from './envelope.ts';
import type { Keyring } from './keys.ts';
import type { Predicate } from './predicate.ts';
import { preAuthEncoding } from './signing.ts';
import { statementOf } from './statement.ts';

/**
 * - `Trusted`: valid, by a key that is trusted.
 * - `Untrusted`: valid, by a key that is only published.
 * - `Unknown`: nobody here has the key.
 * - `Invalid`: it is none, or not of this.
 */
export type SignatureState = 'Trusted' | 'Untrusted' | 'Unknown' | 'Invalid';

export interface CheckedEnvelope {
  readonly signature: SignatureState;
  readonly keyid?: string;
  /** Why it is invalid. */
  readonly problem?: string;
  /** Absent where there is none that could be read. */
  readonly payload?: Uint8Array;
  /** Of the payload. */
  readonly digest?: string;
}

/** Takes anything: an envelope that is not one is invalid. Every bit of it counts, also those that a lenient reader passes over. */
export const checkEnvelope = (value: unknown, keys: Keyring): CheckedEnvelope => {
  const envelope = readEnvelope(value);
  if (typeof envelope === 'string') return { signature: 'Invalid', problem: envelope };
  const payload = fromBase64(envelope.payload);
  if (payload === undefined) return { signature: 'Invalid', problem: 'the payload is not base64' };
  const [{ keyid, sig }] = envelope.signatures;
  const told = { keyid, payload, digest: digestOf(payload) };
  const signature = fromBase64(sig);
  if (signature?.length !== 64) return { ...told, signature: 'Invalid', problem: 'the signature is not one of Ed25519, in base64' };
  const isTrusted = keys.trusted.has(keyid);
  const key = keys.trusted.get(keyid) ?? keys.published.get(keyid);
  if (key === undefined) return { ...told, signature: 'Unknown' };
  if (!key.verify(preAuthEncoding(envelope.payloadType, payload), signature)) {
    return { ...told, signature: 'Invalid', problem: 'the signature is not of this payload' };
  }
  return { ...told, signature: isTrusted ? 'Trusted' : 'Untrusted' };
};

interface ReadEnvelope extends Envelope {
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }];
}

const readEnvelope = (value: unknown): ReadEnvelope | string => {
  if (!hasOnly(value, ['payload', 'payloadType', 'signatures'])) return 'it is not a DSSE envelope';
  const { payload, payloadType: type, signatures } = value;
  if (typeof payload !== 'string' || !Array.isArray(signatures)) return 'it is not a DSSE envelope';
  if (type !== payloadType) return `the type of its payload is not ${payloadType}`;
  const [first] = signatures as readonly unknown[];
  // Others beside it would be bytes that nothing holds to anything.
  if (signatures.length !== 1 || !hasOnly(first, ['keyid', 'sig'])) return 'it does not have one signature';
  const { keyid, sig } = first;
  if (typeof keyid !== 'string' || typeof sig !== 'string') return 'its signature does not say by which key it is';
  return { payload, payloadType: type, signatures: [{ keyid, sig }] };
};

const hasOnly = (value: unknown, keys: readonly string[]): value is Readonly<Record<string, unknown>> =>
  isObject(value) && Object.keys(value).every((key) => keys.includes(key));

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Undefined for what has another spelling, too. */
export const fromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};

/** The value of canonical JSON, or why it is none: there must be one text only that says this. */
export const readCanonical = (bytes: Uint8Array): { readonly value: unknown } | { readonly problem: string } => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return canonicalJson(value) === text ? { value } : { problem: 'is not canonical JSON' };
  } catch {
    return { problem: 'is not JSON' };
  }
};

/** What `docs/record.schema.json` cannot say of a statement. */
export const statementProblems = ({ predicate, subject }: Statement): readonly string[] =>
  canonicalJson(subject) === canonicalJson(statementOf(predicate).subject) ? [] : ['its subject is not the ServiceAccount that it is about'];

/** The spec of the OffboardingRecord that holds it: what people and selectors find it by says what is signed. */
export const recordSpecOf = (predicate: Predicate, signed: { readonly envelope: Envelope; readonly digest: string }): OffboardingRecordSpec => {
  const { record, outcome, identity, run } = predicate;
  const { namespace, name, uid } = identity.serviceAccount;
  return {
    outcome,
    identity: { namespace, name, ...(uid === undefined ? {} : { uid }) },
    offboarding: { namespace: run.namespace, name: run.name, uid: run.uid },
    completedAt: run.completedAt,
    digest: signed.digest,
    ...(record.previous === undefined ? {} : { previousDigest: record.previous.digest }),
    ...(record.supersedes === undefined ? {} : { supersedes: record.supersedes }),
    envelope: { ...signed.envelope, signatures: [...signed.envelope.signatures] },
  };
};

/** Where the object says something else than the statement in it. */
export const specProblems = (object: { readonly name: string; readonly spec: Readonly<Record<string, unknown>> }, predicate: Predicate, digest: string): readonly string[] => {
  const { envelope: _, ...given } = object.spec;
  const { envelope: __, ...signed } = recordSpecOf(predicate, { envelope: { payloadType, payload: '', signatures: [] }, digest });
  const fields = [...new Set([...Object.keys(signed), ...Object.keys(given)])];
  const differing = fields.filter((field) => !isSame(ownOf(given, field), ownOf(signed, field)));
  return [
    ...(object.name === predicate.record.name ? [] : [`it is named "${object.name}", and signed as "${predicate.record.name}"`]),
    ...differing.map((field) => `spec.${field} is not what is signed`),
  ];
};

/** What every object inherits, such as its `constructor`, nobody gave and nobody signed. */
const ownOf = (fields: object, name: string): unknown => (Object.hasOwn(fields, name) ? (fields as Readonly<Record<string, unknown>>)[name] : undefined);

/** What JSON cannot hold is the same as nothing. */
const isSame = (given: unknown, signed: unknown): boolean => {
  if (given === undefined || signed === undefined) return given === signed;
  try {
    return canonicalJson(given) === canonicalJson(signed);
  } catch {
    return false;
  }
};
