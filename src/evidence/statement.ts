/** From what a record says to what is stored of it: a predicate, in a statement, in a signed envelope. */
import { canonicalJson } from './canonical.ts';
import { digestOf, sha256Hex } from './digest.ts';
import { payloadType } from './envelope.ts';
import type { Envelope, Statement } from './envelope.ts';
import { predicateType } from './predicate.ts';
import type { Predicate } from './predicate.ts';
import { preAuthEncoding } from './signing.ts';
import type { SigningKey } from './signing.ts';

export const statementType = 'https://in-toto.io/Statement/v1';

/** The subject is the ServiceAccount: whoever knows its namespace, name and UID can make the digest, and find the record by it. */
export const statementOf = (predicate: Predicate): Statement => {
  const { serviceAccount } = predicate.identity;
  return {
    _type: statementType,
    subject: [
      {
        name: `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`,
        digest: { sha256: sha256Hex(canonicalJson(serviceAccount)) },
      },
    ],
    predicateType,
    predicate,
  };
};

/** Signs it. The same predicate and key give the same envelope; the digest is that of the payload, whatever key signs it. */
export const sealed = (predicate: Predicate, key: SigningKey): { readonly envelope: Envelope; readonly digest: string } => {
  const payload = Buffer.from(canonicalJson(statementOf(predicate)));
  const sig = Buffer.from(key.sign(preAuthEncoding(payloadType, payload))).toString('base64');
  return {
    envelope: { payloadType, payload: payload.toString('base64'), signatures: [{ keyid: key.keyid, sig }] },
    digest: digestOf(payload),
  };
};
