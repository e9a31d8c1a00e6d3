/** What an envelope says, once it is known to be signed by one of the keys. */
import { checkEnvelope, readCanonical } from '../../evidence/check.ts';
import type { Statement } from '../../evidence/envelope.ts';
import { keysById, readablePublicKeys } from '../../evidence/keys.ts';
import { predicateType } from '../../evidence/predicate.ts';

export interface Opened {
  readonly statement: Statement;
  /** Of what is signed. */
  readonly digest: string;
}

/** Undefined where none of the keys (PEM) has signed it. What they have signed is ours, and has the form that we gave it. */
export const opened = (envelope: unknown, publicKeys: readonly string[]): Opened | undefined => {
  const ours = { trusted: keysById(readablePublicKeys(publicKeys)), published: new Map() };
  const { signature, payload, digest } = checkEnvelope(envelope, ours);
  if (signature !== 'Trusted' || payload === undefined || digest === undefined) return undefined;
  const read = readCanonical(payload);
  const statement = 'value' in read ? (read.value as Statement) : undefined;
  return statement?.predicateType === predicateType ? { statement, digest } : undefined;
};
