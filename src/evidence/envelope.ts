/** How a statement travels: a DSSE envelope, whose payload is an in-toto Statement. */
import type { Predicate } from './predicate.ts';

/** @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md */
export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[];
}

export const payloadType = 'application/vnd.in-toto+json';

/** @see https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md */
export interface Statement {
  readonly _type: 'https://in-toto.io/Statement/v1';
  /** One: the ServiceAccount, by the digest of the canonical JSON of its namespace, name and UID. */
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: Predicate;
}
