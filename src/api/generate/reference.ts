/** The API reference from the CRDs' schemas: a table of fields for spec and status of each kind. */
import type { Crd, Schema } from './crd.ts';

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

/** In the API server's words, at the path that it names. */
interface Rule {
  readonly path: string;
  readonly message: string;
}

const itemsOf = ({ items }: Schema): Schema | undefined =>
  items === undefined || Array.isArray(items) ? undefined : (items as Schema);

const show = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Conditions are the same everywhere, and told once, in prose. */
const isWellKnown = (path: string): boolean => path.endsWith('conditions');

const fieldsOf = (schema: Schema, path: string): readonly Field[] => {
  const inside = itemsOf(schema) ?? schema;
  const prefix = itemsOf(schema) === undefined ? path : `${path}[]`;
  const required = Array.isArray(inside.required) ? inside.required : [];
  return Object.entries(inside.properties ?? {}).flatMap(([name, property]) => {
    const field = { path: `${prefix}.${name}`, schema: property, required: required.includes(name) };
    return isWellKnown(field.path) ? [field] : [field, ...fieldsOf(property, field.path)];
  });
};

const typeOf = (schema: Schema): string => {
  const items = itemsOf(schema);
  if (schema.type === 'array') return items === undefined ? 'list' : `list of ${typeOf(items)}`;
  if (schema.format === 'date-time') return 'time';
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => `\`${show(value)}\``).join(' or ');
  return typeof schema.type === 'string' ? schema.type : 'any';
};

const escape = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');

const row = ({ path, schema, required }: Field, immutable: boolean): string => {
  const marks = [
    ...(required ? ['required'] : []),
    ...(immutable ? ['immutable'] : []),
    ...(schema.default === undefined ? [] : [`default \`${show(schema.default)}\``]),
  ];
  return `| \`${path.slice(1)}\` | ${escape(typeOf(schema))} | ${marks.join(', ')} | ${escape(schema.description ?? '')} |`;
};

const rulesOf = (schema: Schema, path: string): readonly Rule[] => {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ message, fieldPath = '' }) => ({ path: path + fieldPath, message }));
  const items = itemsOf(schema);
  const inside = [
    ...(items === undefined ? [] : rulesOf(items, `${path}[]`)),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) => rulesOf(property, `${path}.${name}`)),
  ];
  return [...own, ...inside];
};

const told = ({ path, message }: Rule): string => `- \`${path.slice(1)}\`: ${message}`;

const section = (title: string, schema: Schema | undefined, path: string, rules: readonly Rule[]): readonly string[] => {
  if (schema === undefined) return [];
  const immutable = new Set(rules.filter(({ message }) => message.includes('immutable')).map((rule) => rule.path));
  const rows = fieldsOf(schema, path).map((field) => row(field, immutable.has(field.path)));
  return [`### ${title}`, '', schema.description ?? '', '', '| field | type | | meaning |', '|---|---|---|---|', ...rows, ''];
};

const kindOf = ({ kind, scope, shortNames, schema }: Crd): readonly string[] => {
  const { spec, status } = schema.properties ?? {};
  const rules = spec === undefined ? [] : rulesOf(spec, '.spec');
  return [
    `## ${kind}`,
    '',
    `${scope}. Short name: ${shortNames.map((name) => `\`${name}\``).join(', ')}.`,
    '',
    schema.description ?? '',
    '',
    ...section('spec', spec, '.spec', rules),
    ...(rules.length === 0 ? [] : ['The API server also refuses, in these words:', '', ...rules.map(told), '']),
    ...section('status', status, '.status', []),
  ];
};

export const referenceOf = (crds: readonly Crd[]): string =>
  [
    '<!-- Generated from crds/ by `make generate`. Do not edit. -->',
    '# API reference',
    '',
    'Group `offboard.dev`, version `v1alpha1`. The same text is in `kubectl explain`. Every status carries kstatus conditions;',
    'what each type and reason means is in [conditions.ts](../../src/api/v1alpha1/conditions.ts).',
    '',
    ...crds.flatMap(kindOf),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
