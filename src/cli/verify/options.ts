/** The flags of `offboard verify`. */
import { readFirst, readHead } from '../../evidence/chain.ts';
import type { First, Head } from '../../evidence/chain.ts';
import { clusterFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { oneOf, parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';

export interface VerifyOptions {
  /** `-` is standard input. */
  readonly files: readonly string[];
  readonly keys: readonly string[];
  readonly trustFile: string | undefined;
  readonly expectHead: Head | undefined;
  readonly expectFirst: First | undefined;
  /** `namespace` is where Offboard runs, and its keys are. */
  readonly cluster: (ClusterValues & { readonly namespace: string }) | undefined;
  readonly output: 'text' | 'json';
}

export const verifyFlags = {
  key: { type: 'string', multiple: true, value: 'FILE', text: 'a public key to trust, PEM; may be given again', completes: 'files' },
  'trust-file': { type: 'string', value: 'FILE', text: 'several of them (default, where no key is given: $XDG_CONFIG_HOME/offboard/trusted-keys.pem)', completes: 'files' },
  'expect-head': { type: 'string', value: 'HEAD', text: 'what must be among the records, NAME@sha256:... or the digest alone, as noted down before: tells a chain that was cut off' },
  'expect-first': { type: 'string', value: 'FIRST', text: 'from which record on all must be there, NAME or NAME@sha256:..., such as 0000000001: tells a chain whose beginning was cut off' },
  output: { type: 'string', short: 'o', value: 'FORMAT', text: 'text or json (default: text)', choices: ['text', 'json'] },
  'from-cluster': { type: 'boolean', text: 'read the records of a cluster; trusts none of its keys' },
  namespace: { type: 'string', short: 'n', value: 'NAME', text: 'where Offboard runs (default: offboard-system)', completes: 'namespaces', heading: 'Cluster' },
  ...clusterFlags,
} as const satisfies Flags;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): VerifyOptions => {
  const { values, positionals } = parseFlags(verifyFlags, args);
  const { kubeconfig, context, namespace, as, 'as-group': groups } = values;
  const isFromCluster = values['from-cluster'] === true;
  const [stray] = Object.entries({ kubeconfig, context, namespace, as, 'as-group': groups }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (stray !== undefined && !isFromCluster) throw new UsageError(`--${stray} needs --from-cluster`);
  if (positionals.length === 0 && !isFromCluster) throw new UsageError('nothing to check: name a FILE, "-" for standard input, or --from-cluster');
  const head = values['expect-head'];
  const expectHead = head === undefined ? undefined : readHead(head);
  if (head !== undefined && expectHead === undefined) throw new UsageError('--expect-head must be NAME@sha256:... or sha256:..., with ten and 64 digits');
  const first = values['expect-first'];
  const expectFirst = first === undefined ? undefined : readFirst(first);
  if (first !== undefined && expectFirst === undefined) throw new UsageError('--expect-first must be NAME or NAME@sha256:..., with ten and 64 digits');
  return {
    files: positionals,
    keys: values.key ?? [],
    trustFile: values['trust-file'],
    expectHead,
    expectFirst,
    cluster: isFromCluster ? { kubeconfig, context, as, 'as-group': groups, namespace: namespace ?? 'offboard-system' } : undefined,
    output: oneOf('output', values.output, ['text', 'json']) ?? 'text',
  };
};
