/** The flags of `offboard status`. */
import { everywhereFlag, namespacedFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { outputFlag, readFormat } from '../output.ts';
import type { Format } from '../output.ts';

export interface StatusOptions {
  readonly name: string;
  readonly watch: boolean;
  readonly format: Format | undefined;
  readonly cluster: ClusterValues;
}

export const statusFlags = {
  watch: { type: 'boolean', short: 'w', text: 'goes on until it has ended' },
  ...outputFlag,
  ...namespacedFlags,
  ...everywhereFlag,
} as const satisfies Flags;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): StatusOptions => {
  const { values: { watch = false, output, ...cluster }, positionals } = parseFlags(statusFlags, args);
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new UsageError('name one Offboarding');
  return { name, watch, format: readFormat({ output }), cluster };
};
