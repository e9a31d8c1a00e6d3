/** The flags of `offboard status`. */
import { UsageError, parseFlags } from '../command.ts';

export interface StatusOptions {
  readonly name: string;
  /** Undefined: that of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly watch: boolean;
}

export const statusHelp = `Shows how far one Offboarding is: each dependency, what access may be left and
for how long, and the record of its end.

Usage: offboard status NAME [flags]

  -n, --namespace NAME  of the Offboarding (default: as kubectl has it)
  -w, --watch           goes on until it has ended
      --kubeconfig FILE of which cluster (default: as kubectl has it)
      --context NAME    of which cluster, by a context of the kubeconfig

Exit code:
  0  the run is Ready: its end is proven, or given up by waivers
  1  it is not
  2  it could not be asked: wrong flags, no such Offboarding, no cluster

Examples:
  kubectl offboard status build-agent-7-retired -n ci
  kubectl offboard status build-agent-7-retired -n ci --watch
`;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): StatusOptions => {
  const { values, positionals } = parse(args);
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new UsageError('name one Offboarding');
  const { namespace, kubeconfig, context, watch = false } = values;
  return { name, namespace, kubeconfig, context, watch };
};

const parse = (args: readonly string[]) =>
  parseFlags({
    args: [...args],
    allowPositionals: true,
    options: {
      namespace: { type: 'string', short: 'n' },
      watch: { type: 'boolean', short: 'w' },
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
    },
  });
