/** The flags of `offboard discover`. */
import { namespacedFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { oneOf, parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import type { Format } from '../output.ts';
import { readTimeout, timeoutFlag } from '../plans.ts';

export interface DiscoverOptions {
  readonly serviceAccount: string;
  readonly connectors: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
  readonly format: Format;
  readonly cluster: ClusterValues;
}

export const discoverFlags = {
  connector: { type: 'string', multiple: true, value: 'NAME', text: 'asks this connector, and no other; may be given again (default: all that you may use)', completes: 'nothing' },
  output: { type: 'string', short: 'o', value: 'FORMAT', text: 'yaml or json, which has no comments (default: yaml)', choices: ['yaml', 'json'] },
  ...timeoutFlag,
  ...namespacedFlags,
} as const satisfies Flags;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): DiscoverOptions => {
  const { values: { connector = [], output, timeout, ...cluster }, positionals } = parseFlags(discoverFlags, args);
  const [serviceAccount, ...more] = positionals;
  if (serviceAccount === undefined || serviceAccount === '' || more.length > 0) throw new UsageError('name one ServiceAccount');
  if (connector.includes('')) throw new UsageError('--connector names none');
  return { serviceAccount, connectors: connector, timeout: readTimeout({ timeout }), format: oneOf('output', output, ['yaml', 'json']) ?? 'yaml', cluster };
};
