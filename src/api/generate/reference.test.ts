import { describe, expect, it } from 'vitest';
import { readCrds } from './crd.ts';
import type { Crd, Schema } from './crd.ts';
import { referenceOf } from './reference.ts';

const crds = await readCrds();

/** Every schema of a kind by its path; list items are `[]`. */
const schemasOf = (schema: Schema, path: string): readonly (readonly [string, Schema])[] => [
  [path, schema],
  ...(schema.items === undefined ? [] : schemasOf(schema.items as Schema, `${path}[]`)),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) => schemasOf(property, `${path}.${name}`)),
];

const ours = ({ kind, schema }: Crd): readonly (readonly [string, Schema])[] =>
  schemasOf(schema, kind).filter(([path]) => !/^\w+\.(apiVersion|kind|metadata)$/.test(path));

describe.each(crds.map((crd) => [crd.kind, crd] as const))('the schema of %s', (_, crd) => {
  it('describes every field, for kubectl explain', () => {
    const silent = ours(crd).filter(([path, { description = '' }]) => !path.endsWith('[]') && !/\.$/.test(description));
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  it('says every rule in words', () => {
    const rules = ours(crd).flatMap(([path, schema]) => (schema['x-kubernetes-validations'] ?? []).map((rule) => [path, rule.message] as const));
    expect(rules.filter(([, message]) => message.length < 20)).toEqual([]);
    expect(ours(crd).filter(([, schema]) => schema.pattern !== undefined)).toEqual([]);
  });

  it('bounds every list and every text of the spec that a rule looks at', () => {
    const spec = ours(crd).filter(([path]) => path.startsWith(`${crd.kind}.spec`));
    const ruled = spec.filter(([, schema]) => schema['x-kubernetes-validations'] !== undefined);
    expect(ruled.filter(([, { type, maxItems }]) => type === 'array' && maxItems === undefined).map(([path]) => path)).toEqual([]);
    expect(ruled.filter(([, { type, maxLength }]) => type === 'string' && maxLength === undefined).map(([path]) => path)).toEqual([]);
  });
});

describe('the API reference', () => {
  const text = referenceOf(crds);

  it('has a row for every field', () => {
    for (const crd of crds) {
      const paths = ours(crd)
        .map(([path]) => path.replace(`${crd.kind}.`, ''))
        .filter((path) => path.includes('.') && !path.endsWith('[]') && !path.includes('conditions[]'));
      expect(paths.filter((path) => !text.includes(`| \`${path}\` | `))).toEqual([]);
    }
  });

  it('tells what is required, immutable and filled in', () => {
    expect(text).toMatch(/^\| `spec\.reason` \| `Retired` or .* \| required, immutable \| Why the identity ends\. \|$/m);
    expect(text).toMatch(/^\| `spec\.urgency` \| `Routine` or `Emergency` \| default `Routine` \| /m);
    expect(text).toMatch(/^\| `spec\.serviceAccount\.uid` \| string \| immutable \| /m);
    expect(text).toMatch(/^\| `spec\.suspend` \| boolean \| default `false` \| /m);
  });

  it('names each rule at the path at which the API server says it', () => {
    expect(text).toContain('- `spec.soak`: soak may only become shorter\n');
    expect(text).toContain('- `spec.identity.kubernetes.certificates[].commonName`: names that begin with "system:" belong to the cluster itself\n');
  });
});
