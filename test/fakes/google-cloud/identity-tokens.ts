/** JSON Web Tokens of others: of clusters, and of holders of a key file. Checked for real. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';

import { type Fields, fields, text } from './json.ts';

export interface Jwt {
  readonly header: Fields;
  readonly claims: Fields;
  readonly signedBy: (key: KeyObject) => boolean;
}

export const parseJwt = (token: string): Jwt | undefined => {
  const [header = '', payload = '', signature = ''] = token.split('.');
  try {
    const parse = (part: string): Fields => fields(JSON.parse(Buffer.from(part, 'base64url').toString()));
    return { header: parse(header), claims: parse(payload), signedBy: (key) => hasSigned(key, `${header}.${payload}`, signature) };
  } catch {
    return undefined;
  }
};

const hasSigned = (key: KeyObject, signed: string, signature: string): boolean => {
  const bytes = Buffer.from(signature, 'base64url');
  return key.asymmetricKeyType === 'ec' ? verify('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }, bytes) : verify('RSA-SHA256', Buffer.from(signed), key, bytes);
};

export const keyOf = (jwks: readonly object[], keyId: string): KeyObject | undefined => {
  const found = jwks.map(fields).find((key) => text(key['kid']) === keyId);
  return found === undefined ? undefined : createPublicKey({ key: found, format: 'jwk' });
};

export const audiences = (claims: Fields): readonly string[] => (Array.isArray(claims['aud']) ? claims['aud'].map(text) : [text(claims['aud'])]);

/** `time` in milliseconds since the epoch. */
export const isCurrent = (claims: Fields, time: number): boolean => {
  const now = time / 1000;
  return typeof claims['exp'] === 'number' && claims['exp'] > now && (typeof claims['nbf'] !== 'number' || claims['nbf'] <= now + 5);
};
