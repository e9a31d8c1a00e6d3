/** The chunks that were given, each held to its own name, and put back where a record says that they belong. */
import { fromBase64, isObject, readCanonical } from './check.ts';
import { chunkNameOf } from './chunks.ts';
import { digestOf } from './digest.ts';
import type { ChunkMaterial, Material } from './material.ts';
import type { Predicate, RecordedChunk, RecordedCredential } from './predicate.ts';
import type { Problem } from './report.ts';
import { schemas } from './schema.ts';

export interface GatheredChunks {
  readonly byDigest: ReadonlyMap<string, readonly RecordedCredential[]>;
  readonly problems: readonly Problem[];
}

/** One that no record asks for must be what its name says all the same: a process may have died before it wrote the record. */
export const readChunks = (material: readonly Material[]): GatheredChunks => {
  const byDigest = new Map<string, readonly RecordedCredential[]>();
  const problems: Problem[] = [];
  for (const each of material) {
    if (each.kind !== 'Chunk') continue;
    const read = readChunk(each);
    if (typeof read === 'string') problems.push({ check: 'chunks', message: `${each.name} (${each.source}) ${read}` });
    else byDigest.set(read.digest, read.credentials);
  }
  return { byDigest, problems };
};

interface ReadChunk {
  readonly digest: string;
  readonly credentials: readonly RecordedCredential[];
}

const readChunk = ({ name, spec }: ChunkMaterial): ReadChunk | string => {
  const { chunk, ...others } = spec;
  if (Object.keys(others).length > 0 || !isObject(chunk) || Object.keys(chunk).join() !== 'credentials') return 'holds something else than a chunk';
  const bytes = typeof chunk['credentials'] === 'string' ? fromBase64(chunk['credentials']) : undefined;
  if (bytes === undefined) return 'is not base64';
  const digest = digestOf(bytes);
  if (name !== chunkNameOf(digest)) return 'is not what its name says';
  const read = readCanonical(bytes);
  if ('problem' in read) return read.problem;
  const typed = schemas().credentials(read.value);
  return 'value' in typed ? { digest, credentials: typed.value } : typed.problems.join('; ');
};

/** The record as it was before its lists became chunks, as far as they were given. */
export const assembled = (predicate: Predicate, { byDigest }: GatheredChunks): { readonly predicate: Predicate; readonly problems: readonly string[] } => {
  const { chunks = [], dependencies } = predicate;
  if (chunks.length === 0) return { predicate, problems: [] };
  const problems: string[] = [];
  const byDependency = Map.groupBy(chunks, ({ dependency }) => dependency);
  const whole = dependencies.map((dependency) => {
    const parts = byDependency.get(dependency.name);
    if (parts === undefined) return dependency;
    byDependency.delete(dependency.name);
    if (dependency.credentials.length > 0) problems.push(`${dependency.name}: its credentials are in chunks and in the record`);
    return { ...dependency, credentials: [...dependency.credentials, ...parts.flatMap((part) => contentOf(part, byDigest, problems))] };
  });
  for (const name of byDependency.keys()) problems.push(`there are chunks of "${name}", which is no dependency`);
  return { predicate: { ...predicate, dependencies: whole }, problems };
};

const contentOf = ({ name, digest, count }: RecordedChunk, byDigest: GatheredChunks['byDigest'], problems: string[]): readonly RecordedCredential[] => {
  const credentials = byDigest.get(digest);
  if (credentials === undefined) {
    problems.push(`${name} with ${digest} was not given`);
    return [];
  }
  if (name !== chunkNameOf(digest)) problems.push(`${name} is not the name of ${digest}`);
  if (credentials.length !== count) problems.push(`${name} holds ${credentials.length} credentials, and is to hold ${count}`);
  return credentials;
};
