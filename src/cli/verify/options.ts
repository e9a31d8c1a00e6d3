/** The flags of `offboard verify`. */
import { readHead } from '../../evidence/chain.ts';
import type { Head } from '../../evidence/chain.ts';
import { UsageError, parseFlags } from '../command.ts';

export interface VerifyOptions {
  /** `-` is standard input. */
  readonly files: readonly string[];
  readonly keys: readonly string[];
  readonly trustFile: string | undefined;
  readonly expectHead: Head | undefined;
  readonly cluster: { readonly kubeconfig: string | undefined; readonly context: string | undefined; readonly namespace: string } | undefined;
  readonly output: 'text' | 'json';
}

export const verifyHelp = `Checks signed records of retired identities, offline: who signed them, that no
record is missing between them, and that what they claim adds up.

Usage: offboard verify [FILE...|-] [flags]

A FILE holds OffboardingRecords (YAML, JSON, or a List), or DSSE envelopes, also
one a line. "-" is standard input.

  --key FILE           a public key to trust, PEM; may be given again
  --trust-file FILE    several of them (default, where no key is given:
                       $XDG_CONFIG_HOME/offboard/trusted-keys.pem)
  --expect-head HEAD   what must be among the records, NAME@sha256:... or the
                       digest alone, as noted down before: tells a chain that
                       was cut off
  --from-cluster       read the records of a cluster; trusts none of its keys
  --kubeconfig FILE    of which cluster (default: as kubectl has it)
  --context NAME       of which cluster, by a context of the kubeconfig
  --namespace NAME     where Offboard runs (default: offboard-system)
  -o, --output FORMAT  text or json (default: text)

Exit code:
  0  all of it is proven, and signed by who is trusted
  1  something does not hold, or is signed by another than who is trusted
  2  it could not be checked: nothing to read, no key to trust, wrong flags

Examples:
  kubectl get offboardingrecords -o yaml > records.yaml
  offboard verify records.yaml --key signing-key.pub

  kubectl get ofr -o json | offboard verify - --key 2026.pub --key 2027.pub

  kubectl offboard verify --from-cluster --expect-head sha256:2c26b46b68ff...
`;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): VerifyOptions => {
  const { values, positionals } = parse(args);
  const { kubeconfig, context, namespace, output = 'text' } = values;
  const isFromCluster = values['from-cluster'] === true;
  const [stray] = Object.entries({ kubeconfig, context, namespace }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (stray !== undefined && !isFromCluster) throw new UsageError(`--${stray} needs --from-cluster`);
  if (positionals.length === 0 && !isFromCluster) throw new UsageError('nothing to check: name a FILE, "-" for standard input, or --from-cluster');
  if (output !== 'text' && output !== 'json') throw new UsageError(`--output must be text or json, not "${output}"`);
  const head = values['expect-head'];
  const expectHead = head === undefined ? undefined : readHead(head);
  if (head !== undefined && expectHead === undefined) throw new UsageError('--expect-head must be NAME@sha256:... or sha256:..., with ten and 64 digits');
  return {
    files: positionals,
    keys: values.key ?? [],
    trustFile: values['trust-file'],
    expectHead,
    cluster: isFromCluster ? { kubeconfig, context, namespace: namespace ?? 'offboard-system' } : undefined,
    output,
  };
};

const parse = (args: readonly string[]) =>
  parseFlags({
    args: [...args],
    allowPositionals: true,
    options: {
      key: { type: 'string', multiple: true },
      'trust-file': { type: 'string' },
      'expect-head': { type: 'string' },
      'from-cluster': { type: 'boolean' },
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      namespace: { type: 'string' },
      output: { type: 'string', short: 'o' },
    },
  });
