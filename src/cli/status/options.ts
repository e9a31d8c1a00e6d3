/** The flags of `offboard status`. */
import { everywhereFlag, namespacedFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { durationOf } from '../durations.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { outputFlag, readFormat } from '../output.ts';
import type { Format } from '../output.ts';

export interface StatusOptions {
  /** Undefined: all of them. */
  readonly name: string | undefined;
  readonly watch: boolean;
  /** Milliseconds. */
  readonly timeout: number | undefined;
  readonly format: Format | undefined;
  readonly cluster: ClusterValues;
}

export const statusFlags = {
  watch: { type: 'boolean', short: 'w', text: 'go on until it is over' },
  timeout: { type: 'string', value: 'DURATION', text: 'and for so long at most, such as 15m (default: as long as it takes)', completes: 'nothing' },
  ...outputFlag,
  ...namespacedFlags,
  ...everywhereFlag,
} as const satisfies Flags;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): StatusOptions => {
  const { values: { watch = false, timeout, output, ...cluster }, positionals } = parseFlags(statusFlags, args);
  const [name, ...more] = positionals;
  if (more.length > 0) throw new UsageError('name one Offboarding, or none for all of them');
  if (watch && name === undefined) throw new UsageError('--watch needs the name of one Offboarding');
  if (timeout !== undefined && !watch) throw new UsageError('--timeout needs --watch');
  return { name, watch, timeout: timeout === undefined ? undefined : durationOf('timeout', timeout), format: readFormat({ output }), cluster };
};
