/**
 * What people have of records: OffboardingRecords as YAML or JSON, lists of them, and envelopes by themselves, also one a line. Beside
 * them the ConfigMap of public keys, whose word is not taken for anything.
 */
import { CORE_SCHEMA, loadAll } from 'js-yaml';
import { apiVersion } from '../../api/v1alpha1/index.ts';
import { isObject } from '../../evidence/check.ts';
import { readPublicKeys } from '../../evidence/keys.ts';
import type { PublicKey } from '../../evidence/keys.ts';
import { materialOf } from '../../evidence/material.ts';
import type { Material } from '../../evidence/material.ts';

export interface Input {
  readonly material: readonly Material[];
  /** Public keys that came along. */
  readonly published: readonly PublicKey[];
  /** What is neither: it could not be checked. */
  readonly unreadable: readonly string[];
}

export const noInput: Input = { material: [], published: [], unreadable: [] };

export const joined = (inputs: readonly Input[]): Input => ({
  material: inputs.flatMap(({ material }) => material),
  published: inputs.flatMap(({ published }) => published),
  unreadable: inputs.flatMap(({ unreadable }) => unreadable),
});

/** Everything in one file. `source` is its name, for people. */
export const readInput = (source: string, text: string): Input => {
  const documents = parse(text);
  if (typeof documents === 'string') return { ...noInput, unreadable: [`${source} ${documents}`] };
  const there = documents.filter((document) => document !== null && document !== undefined);
  if (there.length === 0) return { ...noInput, unreadable: [`${source} is empty`] };
  return joined(there.map((document, index) => readDocument(there.length === 1 ? source : `${source}, document ${index + 1}`, document)));
};

/** JSON goes first: it is read at once, where YAML takes its time. Or why it cannot be read. */
const parse = (text: string): readonly unknown[] | string => {
  if (/^\s*\{/.test(text)) {
    const read = parseJson([text]) ?? parseJson(text.split('\n').filter((line) => line.trim() !== ''));
    // As the parser of YAML does of itself.
    if (read !== undefined) return keysIn(text) === keysOf(read) ? read : 'says something twice: an object has two members of one name';
  }
  try {
    // Without times, which would be read as something else than text.
    return loadAll(text, { schema: CORE_SCHEMA });
  } catch {
    return 'is neither JSON nor YAML';
  }
};

/** Of JSON: whatever a colon follows. */
const keysIn = (text: string): number => {
  let count = 0;
  for (const [, colon = ''] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"\s*(:?)/g)) count += colon.length;
  return count;
};

/** Of two members of one name, the parser has taken the last. */
const keysOf = (value: unknown): number => {
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + keysOf(item), 0);
  return isObject(value) ? Object.values(value).reduce((sum: number, member) => sum + 1 + keysOf(member), 0) : 0;
};

const parseJson = (texts: readonly string[]): readonly unknown[] | undefined => {
  try {
    return texts.map((text): unknown => JSON.parse(text));
  } catch {
    return undefined;
  }
};

const readDocument = (source: string, document: unknown): Input => {
  if (!isObject(document)) return { ...noInput, unreadable: [`${source} is no record`] };
  if ('payloadType' in document) return { ...noInput, material: [{ kind: 'Envelope', source, envelope: document }] };
  const { kind, items } = document;
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    const read = joined(items.map((item: unknown, index) => readDocument(`${source}, item ${index + 1}`, ofList(item, document))));
    return isPart(document) ? { ...read, unreadable: [...read.unreadable, `${source} is a part of a list: there are more than the ${items.length} in it`] } : read;
  }
  if (kind === 'ConfigMap') return readConfigMap(source, document);
  const record = kind === 'OffboardingRecord' && document['apiVersion'] === apiVersion ? readRecord(source, document) : undefined;
  return record === undefined ? { ...noInput, unreadable: [`${source} is no record of ${apiVersion}`] } : { ...noInput, material: [record] };
};

/** As the API server gives a list to whoever asks for so many at once. */
const isPart = ({ metadata }: Readonly<Record<string, unknown>>): boolean => isObject(metadata) && [metadata['continue'], metadata['remainingItemCount']].some(Boolean);

/** In a list of one kind, the API server leaves that out of each. */
const ofList = (item: unknown, list: Readonly<Record<string, unknown>>): unknown =>
  isObject(item) && item['kind'] === undefined && list['kind'] === 'OffboardingRecordList' ? { apiVersion: list['apiVersion'], kind: 'OffboardingRecord', ...item } : item;

/** What the cluster adds, and what became of it since, is no part of the evidence; anything else has no place here. */
const readRecord = (source: string, { metadata, spec, apiVersion: _, kind: __, status: ___, ...others }: Readonly<Record<string, unknown>>): Material | undefined => {
  if (Object.keys(others).length > 0 || !isObject(metadata) || !isObject(spec) || typeof metadata['name'] !== 'string') return undefined;
  return materialOf(source, metadata['name'], spec);
};

const readConfigMap = (source: string, { data }: Readonly<Record<string, unknown>>): Input => {
  const texts = isObject(data) ? Object.values(data).filter((value) => typeof value === 'string') : [];
  try {
    return { ...noInput, published: texts.flatMap(readPublicKeys) };
  } catch (error) {
    return { ...noInput, unreadable: [`${source} ${error instanceof Error ? error.message : 'holds no keys'}`] };
  }
};
