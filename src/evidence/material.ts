/** What is given to be checked, as it was read: nothing of it is believed yet. */

/** An OffboardingRecord with an envelope. */
export interface RecordMaterial {
  readonly kind: 'Record';
  /** Where it was read, for people: a file, and which of it. */
  readonly source: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** An OffboardingRecord with a part of another. */
export interface ChunkMaterial {
  readonly kind: 'Chunk';
  readonly source: string;
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** An envelope by itself. */
export interface EnvelopeMaterial {
  readonly kind: 'Envelope';
  readonly source: string;
  readonly envelope: unknown;
}

export type Material = RecordMaterial | ChunkMaterial | EnvelopeMaterial;

/** Of an OffboardingRecord, by its spec. */
export const materialOf = (source: string, name: string, spec: Readonly<Record<string, unknown>>): RecordMaterial | ChunkMaterial => ({
  kind: 'chunk' in spec ? 'Chunk' : 'Record',
  source,
  name,
  spec,
});
