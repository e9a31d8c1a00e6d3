/** Ed25519 keys (RFC 8032), and what of an envelope they sign. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { sha256Hex } from './digest.ts';

export interface SigningKey {
  readonly keyid: string;
  /** SubjectPublicKeyInfo, PEM: what may be given to everybody. */
  readonly publicKeyPem: string;
  /** The signature, 64 bytes. The same bytes always get the same one. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}

/**
 * Reads an Ed25519 private key: PKCS#8, PEM, as `openssl genpkey -algorithm ed25519` writes it. Throws a message for people that holds
 * nothing of the key.
 */
export const readSigningKey = (pem: string): SigningKey => {
  const key = privateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`must be an Ed25519 key, not ${key.asymmetricKeyType ?? 'a secret'}`);
  const publicKey = createPublicKey(key);
  return {
    keyid: keyIdOf(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (bytes) => sign(null, bytes, key),
  };
};

const privateKey = (pem: string): KeyObject => {
  if (!pem.includes('-----BEGIN PRIVATE KEY-----')) throw new Error('must be a private key in PKCS#8, PEM: "-----BEGIN PRIVATE KEY-----"');
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // What the library says may quote what it could not read.
    throw new Error('is not a private key that can be read');
  }
};

/** The SHA-256 of the public key (SubjectPublicKeyInfo, DER), in hexadecimal digits. */
export const keyIdOf = (publicKey: KeyObject): string => sha256Hex(publicKey.export({ type: 'spki', format: 'der' }));

/**
 * What is signed of an envelope: the type along with the payload, so that neither can be taken for another.
 * @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
 */
export const preAuthEncoding = (payloadType: string, payload: Uint8Array): Uint8Array =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload]);
