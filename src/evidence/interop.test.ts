import { generateKeyPairSync, sign } from 'node:crypto';
import { crypto, dsse } from '@sigstore/core';
import { describe, expect, it } from 'vitest';
import { aPredicate } from '../../test/builders/predicate.ts';
import { canonicalJson } from './canonical.ts';
import { checkEnvelope } from './check.ts';
import { keysById, readPublicKeys } from './keys.ts';
import { keyIdOf, preAuthEncoding, readSigningKey } from './signing.ts';
import { sealed, statementOf } from './statement.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = readSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
const keys = { trusted: keysById(readPublicKeys(key.publicKeyPem)), published: new Map<string, never>() };

// https://github.com/sigstore/sigstore-js, which signs and checks npm's own provenance.
describe('an envelope, between us and sigstore', () => {
  it('is ours, and they accept it', () => {
    const { envelope } = sealed(aPredicate(), key);
    const payload = Buffer.from(envelope.payload, 'base64');
    const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
    const theirKey = crypto.createPublicKey(key.publicKeyPem);
    expect(crypto.verify(dsse.preAuthEncoding(envelope.payloadType, payload), theirKey, signature)).toBe(true);
    payload[10] = (payload[10] ?? 0) ^ 1;
    expect(crypto.verify(dsse.preAuthEncoding(envelope.payloadType, payload), theirKey, signature)).toBe(false);
  });

  it('is theirs, and we accept it', () => {
    const payload = Buffer.from(canonicalJson(statementOf(aPredicate())));
    const payloadType = 'application/vnd.in-toto+json';
    const sig = sign(null, dsse.preAuthEncoding(payloadType, payload), privateKey);
    const keyid = crypto.digest('sha256', publicKey.export({ type: 'spki', format: 'der' })).toString('hex');
    expect(keyid).toBe(keyIdOf(publicKey));
    const envelope = { payloadType, payload: payload.toString('base64'), signatures: [{ keyid, sig: sig.toString('base64') }] };
    expect(checkEnvelope(envelope, keys)).toMatchObject({ signature: 'Trusted' });
  });

  it('is signed over the same bytes, whatever is in it', () => {
    for (const [type, payload] of [['http://example.com/HelloWorld', 'hello world'], ['', ''], ['ä', '\0 €']] as const) {
      expect(Buffer.from(preAuthEncoding(type, Buffer.from(payload)))).toEqual(Buffer.from(dsse.preAuthEncoding(type, Buffer.from(payload))));
    }
    // https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
    expect(Buffer.from(preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'))).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });
});
