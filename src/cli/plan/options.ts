/** The flags of `offboard plan`. */
import { namespacedFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { outputFlag, readFormat } from '../output.ts';
import type { Format } from '../output.ts';
import { readTimeout, timeoutFlag } from '../plans.ts';

export interface PlanOptions {
  readonly of: { readonly identity: string } | { readonly file: string };
  readonly keep: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  readonly format: Format | undefined;
  readonly cluster: ClusterValues;
}

export const planFlags = {
  filename: { type: 'string', short: 'f', value: 'FILE', text: 'the Offboarding or WorkloadIdentity of this file, "-" for standard input', completes: 'files' },
  keep: { type: 'boolean', text: 'leaves the Offboarding there, in mode Plan' },
  ...timeoutFlag,
  ...outputFlag,
  ...namespacedFlags,
} as const satisfies Flags;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): PlanOptions => {
  const { values: { filename, keep = false, timeout, output, ...cluster }, positionals } = parseFlags(planFlags, args);
  const [identity, ...more] = positionals;
  if (more.length > 0 || (identity === undefined) === (filename === undefined)) throw new UsageError('name one WorkloadIdentity, or a file with -f');
  const of = identity === undefined ? { file: filename ?? '-' } : { identity };
  return { of, keep, timeout: readTimeout({ timeout }), format: readFormat({ output }), cluster };
};
