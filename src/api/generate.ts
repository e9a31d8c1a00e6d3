/**
 * `make generate`: writes the TypeScript types of every CRD in `crds/` to `src/api/v1alpha1/`.
 * The CRDs are the source of truth; the gate fails when the generated files differ.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { compile } from 'json-schema-to-typescript';
import type { JSONSchema } from 'json-schema-to-typescript';

const crdFolder = new URL('../../crds/', import.meta.url);
const typeFolder = new URL('v1alpha1/', import.meta.url);

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: JSONSchema } }[];
  };
}

/** CRD schemas describe lists and objects closed; JSON Schema leaves them open. Bounds would turn lists into tuples. */
const close = (schema: JSONSchema): JSONSchema => {
  const { maxItems: _, minItems: __, items, properties, ...rest } = schema;
  const open = 'x-kubernetes-preserve-unknown-fields' in schema;
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, close(value)])) }),
    ...(items === undefined || Array.isArray(items) ? {} : { items: close(items) }),
    ...(schema.type === 'object' ? { additionalProperties: open } : {}),
  };
};

const fileName = (kind: string): string => kind.replace(/(?<=.)([A-Z])/g, '-$1').toLowerCase();

const generate = async (file: string): Promise<void> => {
  const crd = load(await readFile(new URL(file, crdFolder), 'utf8')) as Crd;
  const { kind } = crd.spec.names;
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (schema === undefined) throw new Error(`${file}: spec.versions[0].schema is missing`);
  const { apiVersion: _, kind: __, metadata: ___, ...properties } = schema.properties ?? {};
  const source = await compile(close({ ...schema, title: kind, properties }), kind, {
    bannerComment: `// Generated from crds/${file} by \`make generate\`. Do not edit.`,
    style: { singleQuote: true, printWidth: 120 },
    additionalProperties: false,
  });
  await writeFile(new URL(`${fileName(kind)}.ts`, typeFolder), source);
};

for (const file of (await readdir(crdFolder)).filter((name) => name.endsWith('.yaml')).sort()) await generate(file);
