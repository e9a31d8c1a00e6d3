/** The flag -o, and objects as it wants them. */
import { dump } from 'js-yaml';
import { escapeControls } from '../runtime/redact.ts';
import { oneOf } from './flags.ts';
import type { Flags } from './flags.ts';

export type Format = 'json' | 'yaml';
const formats: readonly Format[] = ['json', 'yaml'];

export const outputFlag = {
  output: { type: 'string', short: 'o', value: 'FORMAT', text: 'json or yaml, for programs (default: text, for people)', choices: formats },
} as const satisfies Flags;

/** Undefined: text for people. @throws UsageError */
export const readFormat = ({ output }: { readonly output?: string | undefined }): Format | undefined => oneOf('output', output, formats);

/**
 * An object for programs, ended by a line end. What no terminal should see is written as an escape of the format, so that
 * a program reads the same as without.
 */
export const serialised = (format: Format, value: unknown): string =>
  format === 'json' ? `${inJson(value, 2)}\n` : inYaml(value);

const inJson = (value: unknown, indent?: number): string => {
  const text = JSON.stringify(value, null, indent);
  return text.split('\n').map(escapeControls).join('\n');
};

/** A string in JSON is one in YAML: those that js-yaml would print as they are stand as a placeholder until the end. */
const inYaml = (value: unknown): string => {
  const hidden: string[] = [];
  const plain: unknown = JSON.parse(JSON.stringify(value), (_, each: unknown) => {
    if (typeof each !== 'string' || each.split(/[\n\t]/).every((part) => escapeControls(part) === part) && !each.includes(placeholder)) return each;
    return `${placeholder}${String(hidden.push(inJson(each)) - 1)}_`;
  });
  return dump(plain, { noRefs: true, lineWidth: -1 }).replaceAll(/__offboard_hidden_(\d+)_/g, (found, index: string) => hidden[Number(index)] ?? found);
};

const placeholder = '__offboard_hidden_';

/** As kubectl shows an object: without who wrote which field. */
export const withoutManagedFields = <T extends { readonly metadata: object }>(object: T): T => {
  const { managedFields: _, ...metadata } = object.metadata as { readonly managedFields?: unknown };
  return { ...object, metadata };
};
