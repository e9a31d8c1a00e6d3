/** The CRDs as the generator reads them. */
import { readFile, readdir } from 'node:fs/promises';
import { load } from 'js-yaml';
import type { JSONSchema } from 'json-schema-to-typescript';

const folder = new URL('../../../crds/', import.meta.url);

export interface Validation {
  readonly rule: string;
  readonly message: string;
  /** Where the API server says it, beneath the schema that holds the rule; that schema itself unless told. */
  readonly fieldPath?: string;
}

export interface Schema extends JSONSchema {
  readonly properties?: Record<string, Schema>;
  readonly 'x-kubernetes-validations'?: readonly Validation[];
}

export interface Crd {
  readonly file: string;
  readonly kind: string;
  readonly shortNames: readonly string[];
  readonly scope: string;
  readonly schema: Schema;
}

interface Manifest {
  readonly spec: {
    readonly names: { readonly kind: string; readonly shortNames?: readonly string[] };
    readonly scope: string;
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

export const readCrds = async (): Promise<readonly Crd[]> => {
  const files = (await readdir(folder)).filter((name) => /^offboard\.dev_.*\.yaml$/.test(name)).sort();
  return Promise.all(
    files.map(async (file) => {
      const { spec } = load(await readFile(new URL(file, folder), 'utf8')) as Manifest;
      const schema = spec.versions[0]?.schema.openAPIV3Schema;
      if (schema === undefined) throw new Error(`${file}: spec.versions[0].schema is missing`);
      return { file, kind: spec.names.kind, shortNames: spec.names.shortNames ?? [], scope: spec.scope, schema };
    }),
  );
};
