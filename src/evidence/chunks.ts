/**
 * Records of identities with thousands of credentials: the lists of the longest dependencies become chunks of their own, and the record
 * that is signed holds their digests. A chunk is a list of credentials as canonical JSON, named for what is in it.
 */
import { canonicalJson } from './canonical.ts';
import { digestOf } from './digest.ts';
import type { Predicate, RecordedChunk, RecordedCredential, RecordedDependency } from './predicate.ts';
import { statementOf } from './statement.ts';

export interface Chunk {
  /** `chunk-` and 40 hexadecimal digits of the digest. */
  readonly name: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface Chunked {
  readonly predicate: Predicate;
  readonly chunks: readonly Chunk[];
}

/** A name says what is in it: the same chunk, written twice, is there once. */
export const chunkNameOf = (digest: string): string => `chunk-${digest.slice('sha256:'.length, 'sha256:'.length + 40)}`;

/**
 * No statement and no chunk is longer than `maxBytes`; what fits is left as it is. The same predicate gives the same chunks.
 * Throws when it cannot be: a single credential that is longer, or a record that is too long without any.
 */
export const inChunks = (predicate: Predicate, maxBytes: number): Chunked => {
  let result: Chunked = { predicate, chunks: [] };
  const lengths = new Map(predicate.dependencies.map(({ name, credentials }) => [name, byteLength(credentials)]));
  const longestFirst = predicate.dependencies.filter(({ credentials }) => credentials.length > 0).toSorted((a, b) => (lengths.get(b.name) ?? 0) - (lengths.get(a.name) ?? 0));
  for (const dependency of longestFirst) {
    if (fits(result.predicate, maxBytes)) return result;
    result = withoutCredentialsOf(result, dependency, maxBytes);
  }
  if (!fits(result.predicate, maxBytes)) throw new Error(`the record is longer than ${maxBytes} bytes, even with its credentials in chunks`);
  return result;
};

const byteLength = (value: unknown): number => Buffer.byteLength(canonicalJson(value));

const fits = (predicate: Predicate, maxBytes: number): boolean => byteLength(statementOf(predicate)) <= maxBytes;

const withoutCredentialsOf = ({ predicate, chunks }: Chunked, dependency: RecordedDependency, maxBytes: number): Chunked => {
  const parts = partsOf(dependency.credentials, maxBytes).map((part) => {
    const bytes = Buffer.from(canonicalJson(part));
    const digest = digestOf(bytes);
    return { chunk: { name: chunkNameOf(digest), digest, bytes }, entry: { name: chunkNameOf(digest), digest, dependency: dependency.name, count: part.length } satisfies RecordedChunk };
  });
  return {
    predicate: {
      ...predicate,
      dependencies: predicate.dependencies.map((each) => (each.name === dependency.name ? { ...each, credentials: [] } : each)),
      chunks: [...(predicate.chunks ?? []), ...parts.map(({ entry }) => entry)],
    },
    chunks: [...chunks, ...parts.map(({ chunk }) => chunk).filter(({ name }) => !chunks.some((known) => known.name === name))],
  };
};

/** In their order, as many to a part as there is room for. */
const partsOf = (credentials: readonly RecordedCredential[], maxBytes: number): readonly (readonly RecordedCredential[])[] => {
  const parts: RecordedCredential[][] = [];
  let room = 0;
  for (const credential of credentials) {
    // With the comma before it, or the bracket.
    const length = byteLength(credential) + 1;
    if (length + 1 > maxBytes) throw new Error(`one credential alone is longer than ${maxBytes} bytes: ${credential.id.slice(0, 100)}`);
    const part = parts.at(-1);
    if (part === undefined || length > room) {
      parts.push([credential]);
      room = maxBytes - length - 1;
    } else {
      part.push(credential);
      room -= length;
    }
  }
  return parts;
};
