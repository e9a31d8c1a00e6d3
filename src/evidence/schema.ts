/** Holds what was read from outside to `docs/record.schema.json`, after which it is typed. Only the CLI loads it. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import predicateSchema from '../../docs/record.schema.json' with { type: 'json' };
import type { Statement } from './envelope.ts';
import { predicateType } from './predicate.ts';
import type { RecordedCredential } from './predicate.ts';
import { statementType } from './statement.ts';

/** https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md, as narrow as records are. */
const statementSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['_type', 'subject', 'predicateType', 'predicate'],
  properties: {
    _type: { const: statementType },
    predicateType: { const: predicateType },
    subject: {
      type: 'array',
      minItems: 1,
      maxItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'digest'],
        properties: {
          name: { type: 'string' },
          digest: { type: 'object', additionalProperties: false, required: ['sha256'], properties: { sha256: { type: 'string' } } },
        },
      },
    },
    predicate: { $ref: predicateSchema.$id },
  },
};

export type Typed<T> = { readonly value: T } | { readonly problems: readonly string[] };

export interface Schemas {
  readonly statement: (value: unknown) => Typed<Statement>;
  /** What is in a chunk. */
  readonly credentials: (value: unknown) => Typed<readonly RecordedCredential[]>;
}

let compiled: Schemas | undefined;

/** Made once, by the first who asks, which takes some tens of milliseconds. */
export const schemas = (): Schemas => (compiled ??= compile());

const compile = (): Schemas => {
  const ajv = new Ajv2020({ strict: true, allErrors: false, schemas: [predicateSchema] });
  const statement = ajv.compile<Statement>(statementSchema);
  const credentials = ajv.compile<RecordedCredential[]>({ type: 'array', items: { $ref: `${predicateSchema.$id}#/$defs/credential` } });
  return { statement: (value) => typed(statement, value), credentials: (value) => typed(credentials, value) };
};

const typed = <T>(validate: ValidateFunction<T>, value: unknown): Typed<T> => (validate(value) ? { value } : { problems: (validate.errors ?? []).map(inWords) });

const inWords = ({ instancePath, message = 'is wrong', params }: ErrorObject): string => {
  const { additionalProperty: extra, allowedValue: only } = params as { readonly additionalProperty?: unknown; readonly allowedValue?: unknown };
  const what = typeof extra === 'string' ? `must not have "${extra}"` : typeof only === 'string' ? `must be ${only}` : message;
  return `${instancePath === '' ? 'the statement' : instancePath.slice(1).replaceAll('/', '.')} ${what}`;
};
