/** What the API server fills in, and what it leaves out, before it stores an object. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { load } from 'js-yaml';

import type { Kind } from './kinds.ts';
import type { StoredObject } from './store.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Schema {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** The parts of a schema below which there is a default. */
interface Filling {
  readonly value: unknown;
  readonly properties: readonly (readonly [string, Filling])[];
  readonly each: Filling | undefined;
}

interface Definition {
  readonly spec: { readonly names: { readonly plural: string }; readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const fillingOf = (schema: Schema | undefined): Filling | undefined => {
  if (schema === undefined) return undefined;
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, each]): (readonly [string, Filling])[] => {
    const filling = fillingOf(each);
    return filling === undefined ? [] : [[name, filling]];
  });
  const each = fillingOf(schema.items ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined));
  if (schema.default === undefined && properties.length === 0 && each === undefined) return undefined;
  return { value: schema.default, properties, each };
};

/** The very value where nothing is missing. */
const fill = (value: unknown, { properties, each }: Filling): unknown => {
  if (Array.isArray(value)) {
    if (each === undefined) return value;
    const filled = value.map((item: unknown) => fill(item, each));
    return filled.every((item, index) => item === value[index]) ? value : filled;
  }
  if (!isFields(value)) return value;
  let result = value;
  for (const [name, filling] of properties) {
    const before = Object.hasOwn(result, name) ? result[name] : filling.value;
    if (before === undefined) continue;
    const after = fill(before, filling);
    if (after !== before || !Object.hasOwn(result, name)) result = { ...result, [name]: after };
  }
  if (each === undefined) return result;
  for (const name of Object.keys(result)) {
    const after = fill(result[name], each);
    if (after !== result[name]) result = { ...result, [name]: after };
  }
  return result;
};

const folder = fileURLToPath(new URL('../../../crds/', import.meta.url));

const readDefinitions = (): ReadonlyMap<string, Filling> => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml')).sort();
  const fillings = files.flatMap((file): (readonly [string, Filling])[] => {
    const { spec } = load(readFileSync(`${folder}${file}`, 'utf8')) as Definition;
    const filling = fillingOf(spec.versions[0]?.schema.openAPIV3Schema);
    return filling === undefined ? [] : [[spec.names.plural, filling]];
  });
  return new Map(fillings);
};

let known: ReadonlyMap<string, Filling> | undefined;

/** What a list or a map of a built-in kind is not stored without anything in it. */
const leftOut: readonly string[] = ['subjects', 'data'];

const isEmpty = (value: unknown): boolean => (Array.isArray(value) ? value.length === 0 : isFields(value) && Object.keys(value).length === 0);

const leaveOut = <T extends object>(object: T, names: readonly string[]): T => {
  const empty = names.filter((name) => isEmpty((object as Fields)[name]));
  return empty.length === 0 ? object : (Object.fromEntries(Object.entries(object).filter(([name]) => !empty.includes(name))) as T);
};

/** As it is stored: with the defaults of our definitions; a pod that names no account runs as `default`. */
export const asStored = (kind: Kind, object: StoredObject): StoredObject => {
  const metadata = leaveOut(object.metadata, ['labels', 'annotations', 'finalizers', 'ownerReferences']);
  const tidy = metadata === object.metadata ? object : { ...object, metadata };
  if (kind.custom) {
    known ??= readDefinitions();
    const filling = known.get(kind.plural);
    return filling === undefined ? tidy : (fill(tidy, filling) as StoredObject);
  }
  if (kind.plural !== 'pods') return leaveOut(tidy, leftOut);
  const spec = isFields(tidy['spec']) ? tidy['spec'] : {};
  return spec['serviceAccountName'] === undefined ? { ...tidy, spec: { ...spec, serviceAccountName: 'default' } } : tidy;
};
