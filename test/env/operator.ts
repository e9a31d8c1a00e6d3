/** The operator as a process of its own, with the account and the rights that its users give it. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, settings } from '../../src/bundle.ts';
import type { ControlPlane } from './control-plane.ts';
import { installOperatorAccount } from './operator-account.ts';
import type { Rights } from './operator-account.ts';
import { startProcess, startWatchdog } from './process.ts';
import type { ServerProcess } from './process.ts';
import { installSigningKey } from './signing-key.ts';
import { waitFor } from './wait-for.ts';

export interface OperatorProcess {
  readonly process: ServerProcess;
  /** When the process was started, by `performance.now()`. */
  readonly startedAt: number;
  /** Of /healthz, /readyz and /metrics. */
  readonly url: string;
  readonly log: () => string;
  /** Resolves when it has ended, to how. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<string>;
}

export interface OperatorOptions {
  /** Of somebody else than its own account, as the admin. */
  readonly kubeconfig?: string;
  /** What its own account may do beyond what the chart always grants; Secrets come with `--token-secrets`. */
  readonly rights?: Rights;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds in which it must be ready; 30 s unless told. */
  readonly patience?: number;
  /** The program; the bundle of this checkout unless told. */
  readonly entry?: string;
  /** Leaves the key that records are signed with to the operator, or to who installed it. */
  readonly ownKey?: boolean;
  /** Told of the process at once, long before it is ready. */
  readonly onProcess?: (process: ServerProcess) => void;
}

let entry: Promise<string> | undefined;

/** Resolves when it is ready: its watches have synced. It is the bundle that runs, built once by each process that starts one. */
export const startOperator = async (cluster: ControlPlane, options: OperatorOptions = {}): Promise<OperatorProcess> => {
  const program = options.entry ?? (await (entry ??= bundle()));
  const { args: flags = [], rights = {} } = options;
  const ownRights = { ...rights, tokenSecrets: { enabled: flags.includes('--token-secrets') } };
  if (options.ownKey !== true) await installSigningKey(cluster);
  const kubeconfig = options.kubeconfig ?? cluster.kubeconfigFor({ token: await installOperatorAccount(cluster, ownRights) });
  const folder = mkdtempSync(join(tmpdir(), 'offboard-operator-'));
  const logFile = join(folder, 'operator.log');
  const watchdog = startWatchdog(folder);
  // On loopback they cannot say themselves which there are.
  const servers = cluster.urls.length > 1 ? [`--api-servers=${cluster.urls.join(',')}`] : [];
  const args = [...settings.flags, program, '--port=0', `--kubeconfig=${kubeconfig}`, ...servers, ...flags];
  const env = { ...process.env, ...settings.env, ...options.env };
  const startedAt = performance.now();
  const child = await startProcess('operator', process.execPath, args, { logFile, watchdog, env });
  options.onProcess?.(child);
  const log = (): string => readFileSync(logFile, 'utf8');
  const ended = new AbortController();
  void child.exited.then((how) => {
    ended.abort(new Error(`the operator ended: ${how}`));
  });
  try {
    const url = await waitFor(() => /"url":"(http:[^"]+)"/.exec(log())?.[1], {
      timeout: 20_000,
      what: 'the operator to serve',
      signal: ended.signal,
    });
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { timeout: options.patience ?? 30_000, what: 'the operator to be ready', signal: ended.signal });
    return {
      process: child,
      startedAt,
      url,
      log,
      stop: async (signal = 'SIGTERM') => {
        await child.kill(signal);
        const how = await child.exited;
        await watchdog.close();
        return how;
      },
    };
  } catch (error) {
    const tail = child.tail();
    await child.kill('SIGKILL');
    await watchdog.close();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${tail}`);
  }
};
