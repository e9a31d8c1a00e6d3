/** TypeScript types from a CRD's schema. */
import { compile } from 'json-schema-to-typescript';
import type { JSONSchema } from 'json-schema-to-typescript';
import type { Crd } from './crd.ts';

/** CRD schemas describe lists and objects closed; JSON Schema leaves them open. Bounds would turn lists into tuples. */
const close = (schema: JSONSchema): JSONSchema => {
  const { maxItems: _, minItems: __, items, properties, additionalProperties, ...rest } = schema;
  const open = 'x-kubernetes-preserve-unknown-fields' in schema;
  return {
    ...rest,
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, close(value)])) }),
    ...(items === undefined || Array.isArray(items) ? {} : { items: close(items) }),
    // A map, such as labels, says what its values are.
    ...(schema.type === 'object' ? { additionalProperties: typeof additionalProperties === 'object' ? additionalProperties : open } : {}),
  };
};

export const typesOf = ({ file, kind, schema }: Crd): Promise<string> => {
  const { apiVersion: _, kind: __, metadata: ___, ...properties } = schema.properties ?? {};
  return compile(close({ ...schema, title: kind, properties }), kind, {
    bannerComment: `// Generated from crds/${file} by \`make generate\`. Do not edit.`,
    style: { singleQuote: true, printWidth: 120 },
    additionalProperties: false,
  });
};
