/**
 * What must be known of every record without reading each again, taken from its payload as it comes by in a list or a watch: about
 * twenty microseconds for ten kilobytes. It is not believed for being there; that it is signed is looked at later.
 */
import type { OffboardingRecordSpec } from '../../api/v1alpha1/index.ts';
import { digestOf } from '../../evidence/digest.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import type { SignedFacts } from '../objects.ts';

/** As canonical JSON has them. Most records have none, and are not parsed. */
const marks = ['"certificates":[{', '"chunks":[{', '"declared":"'].map((text) => Buffer.from(text));

/** Undefined for a chunk. */
export const signedFacts = ({ envelope, digest }: OffboardingRecordSpec): SignedFacts | undefined => {
  if (envelope === undefined) return undefined;
  const payload = Buffer.from(envelope.payload, 'base64');
  const digestHolds = digestOf(payload) === digest;
  if (!marks.some((mark) => payload.includes(mark))) return { digestHolds };
  const predicate = predicateIn(payload);
  const { certificates = [], dependencies = [] } = predicate?.identity ?? {};
  const chunks = predicate?.chunks ?? [];
  return {
    digestHolds,
    ...(certificates.length > 0 && { certificates }),
    ...(dependencies.length > 0 && { elsewhere: true as const }),
    ...(chunks.length > 0 && { chunks: chunks.map(({ name }) => name) }),
  };
};

type Part = Partial<Pick<Predicate, 'chunks'>> & { readonly identity?: Partial<Predicate['identity']> };

/** Whatever is in there that is no statement is for the look at the signature to tell. */
const predicateIn = (payload: Buffer): Part | undefined => {
  try {
    const value = JSON.parse(payload.toString('utf8')) as { readonly predicate?: Part } | null;
    return value?.predicate;
  } catch {
    return undefined;
  }
};
