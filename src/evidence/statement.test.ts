import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../../test/builders/predicate.ts';
import { chunkNameOf, inChunks } from './chunks.ts';
import { canonicalJson } from './canonical.ts';
import { digestOf } from './digest.ts';
import type { RecordedCredential } from './predicate.ts';
import { readSigningKey } from './signing.ts';
import { sealed, statementOf } from './statement.ts';

describe('a sealed predicate', () => {
  const key = aSigningKey();

  it('is the same for the same predicate, in whatever order it was put together', () => {
    const predicate = aPredicate();
    const turned = Object.fromEntries(Object.entries(predicate).reverse()) as unknown as typeof predicate;
    expect(sealed(turned, key)).toEqual(sealed(predicate, key));
    expect(sealed(aPredicate({ outcome: 'Cancelled' }), key).digest).not.toBe(sealed(predicate, key).digest);
  });

  it('has the digest of its payload, whoever signs it', () => {
    const { envelope, digest } = sealed(aPredicate(), key);
    expect(digest).toBe(digestOf(Buffer.from(envelope.payload, 'base64')));
    expect(sealed(aPredicate(), aSigningKey()).digest).toBe(digest);
  });

  it('is found by its subject', () => {
    expect(statementOf(aPredicate()).subject).toEqual([
      {
        name: 'system:serviceaccount:ci:build-agent-7',
        digest: { sha256: digestOf('{"name":"build-agent-7","namespace":"ci","uid":"6f1c1f6e-0000-4000-8000-000000000007"}').slice('sha256:'.length) },
      },
    ]);
  });
});

describe('a signing key', () => {
  it('is refused in words that hold nothing of it', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => readSigningKey(rsa)).toThrow('must be an Ed25519 key, not rsa');
    expect(() => readSigningKey('hunter2')).toThrow(/^must be a private key in PKCS#8, PEM: "-----BEGIN PRIVATE KEY-----"$/);
    expect(() => readSigningKey('-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----')).toThrow(/^is not a private key that can be read$/);
  });
});

describe('chunks', () => {
  const many = Array.from({ length: 500 }, (_, index) => aRecordedCredential({ id: `database/creds/ci/${index}`, class: 'Lease' }));
  const predicate = aPredicate({ dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', kind: 'vault', credentials: many })] });

  it('are not made where there is room', () => {
    expect(inChunks(predicate, 1_000_000)).toEqual({ predicate, chunks: [] });
  });

  it('hold the longest list in its order, within the limit, under the names of what is in them', () => {
    const { predicate: root, chunks } = inChunks(predicate, 20_000);
    expect(Buffer.byteLength(canonicalJson(statementOf(root)))).toBeLessThanOrEqual(20_000);
    expect(root.dependencies.map(({ credentials }) => credentials.length)).toEqual([1, 0]);
    for (const { name, digest, bytes } of chunks) {
      expect(bytes.length).toBeLessThanOrEqual(20_000);
      expect(digest).toBe(digestOf(bytes));
      expect(name).toMatch(/^chunk-[0-9a-f]{40}$/);
      expect(name).toBe(chunkNameOf(digest));
    }
    expect(chunks.flatMap(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as RecordedCredential[])).toEqual(many);
    expect(root.chunks).toEqual(chunks.map(({ name, digest }, index) => ({ name, digest, dependency: 'vault', count: (root.chunks ?? [])[index]?.count })));
    expect((root.chunks ?? []).reduce((sum, { count }) => sum + count, 0)).toBe(500);
    expect(inChunks(predicate, 20_000)).toEqual({ predicate: root, chunks });
  });

  it('cannot hold what is longer than one', () => {
    expect(() => inChunks(predicate, 300)).toThrow('one credential alone is longer than 300 bytes: database/creds/ci/0');
    expect(() => inChunks(aPredicate({ dependencies: [] }), 300)).toThrow('the record is longer than 300 bytes, even with its credentials in chunks');
  });
});
