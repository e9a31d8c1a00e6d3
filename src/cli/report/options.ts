/** The flags of `offboard report`, and which record its NAME means. */
import { readHead } from '../../evidence/chain.ts';
import type { Head } from '../../evidence/chain.ts';
import { namespacedFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { verifyFlags } from '../verify/options.ts';

export type Subject =
  | { readonly kind: 'Record'; readonly name: string }
  | { readonly kind: 'Offboarding'; readonly name: string }
  /** The one that there is. */
  | { readonly kind: 'Only' };

export interface ReportOptions {
  readonly subject: Subject;
  /** `-` is standard input; none: the cluster is asked. */
  readonly files: readonly string[];
  readonly keys: readonly string[];
  readonly trustFile: string | undefined;
  readonly expectHead: Head | undefined;
  /** Where Offboard runs, and publishes its keys. */
  readonly home: string;
  readonly cluster: ClusterValues;
}

const { key, 'trust-file': trustFile, 'expect-head': expectHead } = verifyFlags;

export const reportFlags = {
  file: { type: 'string', short: 'f', multiple: true, value: 'FILE', text: 'records in a file instead of a cluster, as verify reads them; "-" is standard input; may be given again', completes: 'files' },
  key,
  'trust-file': trustFile,
  'expect-head': expectHead,
  'offboard-namespace': { type: 'string', value: 'NAME', text: 'where Offboard runs, and publishes its keys (default: offboard-system)', completes: 'namespaces' },
  ...namespacedFlags,
} as const satisfies Flags;

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): ReportOptions => {
  const { values, positionals } = parseFlags(reportFlags, args);
  const { file: files = [], key: keys = [], 'trust-file': trusted, 'expect-head': head, 'offboard-namespace': home = 'offboard-system', ...cluster } = values;
  const [name, ...more] = positionals;
  if (more.length > 0 || (name === undefined && files.length === 0)) throw new UsageError('name one Offboarding, or one record');
  const { kubeconfig, context, as, 'as-group': groups } = cluster;
  const [stray] = Object.entries({ kubeconfig, context, as, 'as-group': groups }).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (files.length > 0 && stray !== undefined) throw new UsageError(`--${stray} or --file, not both`);
  const expected = head === undefined ? undefined : readHead(head);
  if (head !== undefined && expected === undefined) throw new UsageError('--expect-head must be NAME@sha256:... or sha256:..., with ten and 64 digits');
  return { subject: subjectOf(name), files, keys, trustFile: trusted, expectHead: expected, home, cluster };
};

/** `0000000042`, `42` and `record/42` are records, as nobody calls an Offboarding so; `offboarding/42` is one all the same. @throws UsageError */
export const subjectOf = (word: string | undefined): Subject => {
  if (word === undefined) return { kind: 'Only' };
  const [, kind, rest] = /^([a-z.]+)\/(.+)$/s.exec(word) ?? [];
  if (kind === undefined || rest === undefined) return /^\d{1,10}$/.test(word) ? { kind: 'Record', name: recordName(word) } : { kind: 'Offboarding', name: word };
  switch (kind) {
    case 'record':
    case 'records':
    case 'ofr':
    case 'offboardingrecord':
    case 'offboardingrecords':
      if (!/^\d{1,10}$/.test(rest)) throw new UsageError(`a record is a number, such as record/0000000042, not "${rest}"`);
      return { kind: 'Record', name: recordName(rest) };
    case 'ofb':
    case 'offboarding':
    case 'offboardings':
      return { kind: 'Offboarding', name: rest };
    default:
      throw new UsageError(`"${kind}" has no report: name an Offboarding, or record/NUMBER`);
  }
};

const recordName = (digits: string): string => digits.padStart(10, '0');
