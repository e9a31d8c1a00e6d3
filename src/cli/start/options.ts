/** The flags of `offboard start`. */
import { namespacedFlags } from '../cluster-flags.ts';
import type { ClusterValues } from '../cluster-flags.ts';
import { UsageError } from '../command.ts';
import { durationOf } from '../durations.ts';
import { oneOf, parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { outputFlag, readFormat } from '../output.ts';
import type { Format } from '../output.ts';
import { yesFlag } from '../people.ts';

const whyItEnds = ['Retired', 'Compromised', 'OwnerLeft', 'Expired'] as const;
const modes = ['Enforce', 'Plan'] as const;

export const startFlags = {
  'service-account': { type: 'string', value: 'NAME', text: 'retire this ServiceAccount, which no WorkloadIdentity names, instead of IDENTITY', completes: 'nothing' },
  filename: { type: 'string', short: 'f', value: 'FILE', text: 'create the Offboarding in this manifest, instead; "-" is standard input', completes: 'files' },
  name: { type: 'string', value: 'NAME', text: 'of the Offboarding (default: of the identity, and why it ends)', completes: 'nothing' },
  reason: { type: 'string', value: 'REASON', text: 'why the identity ends: Retired, Compromised, OwnerLeft or Expired (default: Retired)', choices: whyItEnds },
  mode: { type: 'string', value: 'MODE', text: 'Enforce does it, Plan only says what it would do (default: Enforce)', choices: modes },
  soak: { type: 'string', value: 'DURATION', text: 'how long the lock stands, which can be taken back, before anything is revoked, such as 24h (default: none)', completes: 'nothing' },
  deadline: { type: 'string', value: 'DURATION', text: 'past it the run is reported as overdue; work goes on', completes: 'nothing' },
  emergency: { type: 'boolean', text: 'wait for no soak and no workload that still runs; the proof stays the same' },
  wait: { type: 'boolean', text: 'show how far it is until it is over' },
  timeout: { type: 'string', value: 'DURATION', text: 'and for so long at most (default: as long as it takes)', completes: 'nothing' },
  'dry-run': { type: 'boolean', text: 'have the API server check it, and store nothing' },
  ...yesFlag,
  ...outputFlag,
  ...namespacedFlags,
} as const satisfies Flags;

export interface Wanted {
  readonly identity: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly name: string | undefined;
  readonly reason: (typeof whyItEnds)[number];
  readonly mode: (typeof modes)[number];
  readonly soak: string | undefined;
  readonly deadline: string | undefined;
  readonly emergency: boolean;
}

export interface StartOptions {
  /** A manifest, or what one would say. */
  readonly source: { readonly kind: 'File'; readonly file: string; readonly name: string | undefined } | { readonly kind: 'Flags'; readonly wanted: Wanted };
  readonly wait: boolean;
  readonly timeout: number | undefined;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly format: Format | undefined;
  readonly cluster: ClusterValues;
}

/** @throws UsageError that names the flag. */
export const readOptions = (args: readonly string[]): StartOptions => {
  const { values, positionals } = parseFlags(startFlags, args);
  const { wait = false, 'dry-run': dryRun = false, yes = false, timeout, output, kubeconfig, context, as, 'as-group': groups, namespace } = values;
  if (positionals.length > 1) throw new UsageError('name one identity');
  if (timeout !== undefined && !wait) throw new UsageError('--timeout needs --wait');
  if (dryRun && wait) throw new UsageError('--dry-run stores nothing to wait for');
  return {
    source: sourceOf(values, positionals[0]),
    wait,
    timeout: timeout === undefined ? undefined : durationOf('timeout', timeout),
    dryRun,
    yes,
    format: readFormat({ output }),
    cluster: { kubeconfig, context, as, 'as-group': groups, namespace },
  };
};

type Values = ReturnType<typeof parseFlags<typeof startFlags>>['values'];

const sourceOf = (values: Values, identity: string | undefined): StartOptions['source'] => {
  const { filename, name, 'service-account': serviceAccount, reason, mode, soak, deadline, emergency } = values;
  const given = [identity === undefined ? [] : ['IDENTITY'], filename === undefined ? [] : ['--filename'], serviceAccount === undefined ? [] : ['--service-account']].flat();
  if (given.length !== 1) throw new UsageError(`name one: IDENTITY, --service-account or --filename${given.length === 0 ? '' : `, not ${given.join(' and ')}`}`);
  if (filename !== undefined) {
    const [stray] = Object.entries({ reason, mode, soak, deadline, emergency }).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
    if (stray !== undefined) throw new UsageError(`--${stray} is what the manifest of --filename says`);
    return { kind: 'File', file: filename, name };
  }
  if (emergency === true && soak !== undefined) throw new UsageError('--emergency waits for no --soak');
  if (soak !== undefined) durationOf('soak', soak);
  if (deadline !== undefined) durationOf('deadline', deadline);
  const wanted = { identity, serviceAccount, name, reason: oneOf('reason', reason, whyItEnds) ?? 'Retired', mode: oneOf('mode', mode, modes) ?? 'Enforce', soak: inHours(soak), deadline: inHours(deadline), emergency: emergency === true };
  return { kind: 'Flags', wanted };
};

/** The API knows no days. */
const inHours = (text: string | undefined): string | undefined => text?.replace(/^(\d+)d/, (_, days: string) => `${String(Number(days) * 24)}h`);
