/** Public keys, as whoever checks a record holds them. */
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { keyIdOf } from './signing.ts';

export interface PublicKey {
  readonly keyid: string;
  readonly verify: (bytes: Uint8Array, signature: Uint8Array) => boolean;
}

/** By key id. */
export type PublicKeys = ReadonlyMap<string, PublicKey>;

export interface Keyring {
  /** Given by whoever asks. */
  readonly trusted: PublicKeys;
  /** Only said by where the records come from: they tell a forged signature from one of an unknown hand, and make nobody trusted. */
  readonly published: PublicKeys;
}

/** Every block of a PEM file; what stands between blocks is a comment. Throws a message for people. */
export const readPublicKeys = (pem: string): readonly PublicKey[] => {
  const blocks = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)];
  if (blocks.length === 0) throw new Error('holds no public key in PEM: "-----BEGIN PUBLIC KEY-----"');
  if (blocks.length !== pem.split('-----BEGIN ').length - 1) throw new Error('holds a key that is cut off');
  return blocks.map(([block, label]) => {
    if (label?.endsWith('PRIVATE KEY') === true) throw new Error('holds a private key; give the public one: openssl pkey -in KEY -pubout');
    if (label !== 'PUBLIC KEY') throw new Error(`holds a ${label ?? ''}, not a PUBLIC KEY`);
    return asPublicKey(parse(block));
  });
};

/** Those that can be read, of files that anybody may have put anything into. */
export const readablePublicKeys = (pems: readonly string[]): readonly PublicKey[] =>
  pems.flatMap((pem) => {
    try {
      return readPublicKeys(pem);
    } catch {
      return [];
    }
  });

export const keysById = (keys: readonly PublicKey[]): PublicKeys => new Map(keys.map((key) => [key.keyid, key]));

const parse = (block: string): KeyObject => {
  try {
    return createPublicKey({ key: block, format: 'pem' });
  } catch {
    throw new Error('holds a public key that cannot be read');
  }
};

const asPublicKey = (key: KeyObject): PublicKey => {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`holds a key of type ${key.asymmetricKeyType ?? 'unknown'}; records are signed with Ed25519`);
  return { keyid: keyIdOf(key), verify: (bytes, signature) => verify(null, bytes, key, signature) };
};
