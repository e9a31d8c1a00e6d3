/** Flags and environment, read once into a readonly object. A flag wins over its `OFFBOARD_*` variable. */
import { parseArgs } from 'node:util';
import { parseDuration } from './runtime/duration.ts';

export interface Config {
  readonly kubeconfig: string | undefined;
  /** The operator's own namespace: its Lease, and the runs of identities whose namespace is being deleted. */
  readonly namespace: string;
  /** The ServiceAccount the operator runs as, which it never retires. */
  readonly serviceAccount: string;
  readonly bindAddress: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Offboardings, and WorkloadIdentities, looked at side by side. */
  readonly workers: number;
  readonly tokenSecrets: boolean;
  /** Milliseconds. */
  readonly kubernetesSettle: number;
  /** The Secret in its own namespace with the key that records are signed with. */
  readonly signingKeySecret: string;
  /** Makes that Secret where no record was ever signed. */
  readonly makeSigningKey: boolean;
  /** Milliseconds for which a record stays after the end that it tells of; 0 for ever. */
  readonly recordRetention: number;
  /** Connectors may reach a server on this very host without TLS. */
  readonly allowLoopbackHttp: boolean;
  /** Every API server, as `https://host:port`; empty where the cluster says them itself. */
  readonly apiServers: readonly string[];
  readonly leaderElection: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** Wrong flags or variables: `message` is for whoever typed them. */
export class UsageError extends Error {}

interface Option {
  readonly placeholder?: string;
  readonly fallback: string;
  readonly text: string;
}

/** In the order of `--help`. */
const options = {
  kubeconfig: { placeholder: 'FILE', fallback: '', text: 'kubeconfig to use; default: $KUBECONFIG, else the pod\'s own account' },
  namespace: { placeholder: 'NAME', fallback: 'offboard-system', text: 'the operator\'s own namespace' },
  'service-account': { placeholder: 'NAME', fallback: 'offboard', text: 'the ServiceAccount it runs as, which it never retires' },
  'bind-address': { placeholder: 'IP', fallback: '', text: 'where to serve health and metrics; default: 0.0.0.0 in a pod, else 127.0.0.1' },
  port: { placeholder: 'PORT', fallback: '8080', text: 'the port for health and metrics; 0 takes any free one' },
  workers: { placeholder: 'N', fallback: '16', text: 'offboardings looked at side by side' },
  'token-secrets': { fallback: 'false', text: 'list and delete legacy token Secrets one by one; needs list, watch, get and delete on secrets' },
  'kubernetes-settle': { placeholder: 'DURATION', fallback: '15s', text: 'how long an absence must hold in the cluster before it is believed; a used token is cached for 10s' },
  'signing-key-secret': { placeholder: 'NAME', fallback: 'offboard-signing-key', text: 'the Secret in its own namespace whose key.pem signs the records' },
  'make-signing-key': { fallback: 'true', text: 'make that Secret where no record was ever signed; needs create on secrets there' },
  'api-servers': { placeholder: 'URLS', fallback: '', text: 'every API server, as https://host:port,…, where the cluster does not say them itself' },
  'record-retention': { placeholder: 'DURATION', fallback: '0s', text: 'delete records this long after the end that they tell of, and unlock their names; 0 keeps them' },
  'allow-loopback-http': { fallback: 'false', text: 'let Connectors use plain http to this very host; for tests and demos' },
  'leader-election': { fallback: 'true', text: 'work only while holding the Lease, so that two replicas can run' },
  'log-level': { placeholder: 'LEVEL', fallback: 'info', text: 'debug, info, warn or error' },
} as const satisfies Record<string, Option>;

type Name = keyof typeof options;

const variableOf = (name: string): string => `OFFBOARD_${name.toUpperCase().replaceAll('-', '_')}`;

const isFlag = (option: Option): boolean => option.placeholder === undefined;

export const help = (): string => {
  const rows = Object.entries(options).map(([name, option]: [string, Option]): readonly [string, string] => [
    `--${name}${option.placeholder === undefined ? '[=true|false]' : ` ${option.placeholder}`}`,
    `${option.text}${option.fallback === '' ? '' : ` (${option.fallback})`}`,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    'Offboard retires workload identities and says Ready only when that is proven.',
    '',
    'Usage: offboard [flags]',
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    `  ${'--help'.padEnd(width)}  print this`,
    `  ${'--version'.padEnd(width)}  print the version`,
    '',
    'Each flag can also be set as a variable, such as OFFBOARD_LOG_LEVEL=debug.',
    '',
  ].join('\n');
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws UsageError that names the flag or variable. */
export const readConfig = (args: readonly string[], env: Environment): Config | 'help' | 'version' => {
  const flags = parseFlags(args);
  if (flags['help'] !== undefined) return 'help';
  if (flags['version'] !== undefined) return 'version';
  const raw = (name: Name): { readonly value: string; readonly from: string } => {
    const flag = flags[name];
    if (flag !== undefined) return { value: flag, from: `--${name}` };
    return { value: env[variableOf(name)] ?? options[name].fallback, from: variableOf(name) };
  };
  const kubeconfig = raw('kubeconfig').value;
  const inPod = env['KUBERNETES_SERVICE_HOST'] !== undefined && kubeconfig === '' && env['KUBECONFIG'] === undefined;
  return {
    kubeconfig: kubeconfig === '' ? undefined : kubeconfig,
    namespace: nonEmpty(raw('namespace')),
    serviceAccount: nonEmpty(raw('service-account')),
    bindAddress: raw('bind-address').value === '' ? (inPod ? '0.0.0.0' : '127.0.0.1') : raw('bind-address').value,
    port: integer(raw('port'), 0, 65_535),
    workers: integer(raw('workers'), 1, 256),
    tokenSecrets: boolean(raw('token-secrets')),
    kubernetesSettle: duration(raw('kubernetes-settle')),
    signingKeySecret: nonEmpty(raw('signing-key-secret')),
    makeSigningKey: boolean(raw('make-signing-key')),
    recordRetention: duration(raw('record-retention')),
    allowLoopbackHttp: boolean(raw('allow-loopback-http')),
    apiServers: httpsUrls(raw('api-servers')),
    leaderElection: boolean(raw('leader-election')),
    logLevel: oneOf(raw('log-level'), ['debug', 'info', 'warn', 'error']),
  };
};

/** `--flag`, `--flag=true|false`, `--name value` and `--name=value`; anything else is refused with its name. */
const parseFlags = (args: readonly string[]): Readonly<Record<string, string | undefined>> => {
  const known = [...Object.keys(options), 'help', 'version'];
  const spec = Object.fromEntries(known.map((name) => [name, { type: 'string' as const }]));
  // `--flag` alone means `--flag=true`.
  const switches = new Set([...Object.entries(options).flatMap(([name, option]) => (isFlag(option) ? [name] : [])), 'help', 'version']);
  const given = args.map((arg) => (arg.startsWith('--') && switches.has(arg.slice(2)) ? `${arg}=true` : arg));
  try {
    return parseArgs({ args: given, options: spec, strict: true }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
};

interface Raw {
  readonly value: string;
  readonly from: string;
}

const nonEmpty = ({ value, from }: Raw): string => {
  if (value === '') throw new UsageError(`${from} must not be empty`);
  return value;
};

/** Separated by commas; anything after the port is refused. */
const httpsUrls = ({ value, from }: Raw): readonly string[] =>
  value.split(',').map((each) => each.trim()).filter((each) => each !== '').map((each) => {
    const url = URL.parse(each);
    const isPlain = url?.protocol === 'https:' && url.pathname === '/' && url.username === '' && url.search === '' && url.hash === '';
    if (!isPlain) throw new UsageError(`${from} must be https://host:port,…, and "${each}" is not one of them`);
    return url.origin;
  });

const integer = ({ value, from }: Raw, least: number, most: number): number => {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most) {
    throw new UsageError(`${from} must be a whole number from ${least} to ${most}, not "${value}"`);
  }
  return number;
};

const boolean = ({ value, from }: Raw): boolean => {
  if (value !== 'true' && value !== 'false') throw new UsageError(`${from} must be true or false, not "${value}"`);
  return value === 'true';
};

const duration = ({ value, from }: Raw): number => {
  try {
    return parseDuration(value);
  } catch (error) {
    throw new UsageError(`${from}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const oneOf = <T extends string>({ value, from }: Raw, allowed: readonly T[]): T => {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new UsageError(`${from} must be one of ${allowed.join(', ')}, not "${value}"`);
  return found;
};
