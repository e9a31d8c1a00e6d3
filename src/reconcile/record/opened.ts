/** What an envelope says, once it is known to be signed by one of the keys. */
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { digestOf } from '../../evidence/digest.ts';
import { payloadType } from '../../evidence/envelope.ts';
import type { Envelope, Statement } from '../../evidence/envelope.ts';
import { predicateType } from '../../evidence/predicate.ts';
import { preAuthEncoding } from '../../evidence/signing.ts';

export interface Opened {
  readonly statement: Statement;
  /** Of what is signed. */
  readonly digest: string;
}

/** Undefined where none of the keys (PEM) has signed it, or it is of another type: whoever has the key signs statements only. */
export const opened = (envelope: Envelope, publicKeys: readonly string[]): Opened | undefined => {
  if (envelope.payloadType !== payloadType) return undefined;
  const payload = Buffer.from(envelope.payload, 'base64');
  const signed = preAuthEncoding(envelope.payloadType, payload);
  const signatures = envelope.signatures.map(({ sig }) => Buffer.from(sig, 'base64'));
  const keys = publicKeys.flatMap((pem) => publicKey(pem) ?? []);
  if (!keys.some((key) => signatures.some((signature) => verify(null, signed, key, signature)))) return undefined;
  const statement = JSON.parse(payload.toString('utf8')) as Statement;
  return statement.predicateType === predicateType ? { statement, digest: digestOf(payload) } : undefined;
};

/** Anybody may have put anything into the ConfigMap that they are published in. */
const publicKey = (pem: string): KeyObject | undefined => {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
};
