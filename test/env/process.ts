/** Server processes that never outlive the process that started them, each with its log in a file. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended, to how: its exit code or the name of a signal. */
  readonly exited: Promise<string>;
  running(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal that ends it, and resolves when it has ended; at once when it already has. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** The end of its log. */
  tail(lines?: number): string;
}

/**
 * Kills what it was told about, and removes a folder, as soon as its parent is gone, however the parent went:
 * it notices by the end of its standard input, which also comes when the parent is killed with SIGKILL.
 * That makes exit and signal handlers in the parent needless.
 */
export interface Watchdog {
  watch(pid: number): void;
  unwatch(pid: number): void;
  /** Ends the watchdog; resolves when everything it still watched is killed and the folder is gone. */
  close(): Promise<void>;
}

const WATCHDOG_SCRIPT = `
trap '' HUP INT TERM
pids=" "
while read -r verb pid; do
  case $verb in
    watch) pids="$pids$pid " ;;
    unwatch) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -KILL "$pid"; done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`;

export function startWatchdog(folder: string): Watchdog {
  // Detached, so that a Ctrl-C on the terminal does not reach it before its work is done.
  const child = spawn('/bin/sh', ['-c', WATCHDOG_SCRIPT, 'watchdog', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
    child.once('error', () => {
      resolve();
    });
  });
  child.unref();
  return {
    watch: (pid) => void child.stdin.write(`watch ${String(pid)}\n`),
    unwatch: (pid) => void child.stdin.write(`unwatch ${String(pid)}\n`),
    close: async () => {
      child.ref();
      child.stdin.end();
      await closed;
    },
  };
}

export interface ProcessOptions {
  readonly logFile: string;
  readonly watchdog: Watchdog;
  readonly env?: NodeJS.ProcessEnv;
  /** Whom it runs as, where that is not who we are; in the root folder then, as it may not enter ours. */
  readonly account?: Account | undefined;
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function startProcess(
  name: string,
  binary: string,
  args: readonly string[],
  options: ProcessOptions,
): Promise<ServerProcess> {
  const log = openSync(options.logFile, 'a', 0o600);
  // Detached: a Ctrl-C on the terminal is for our parent, which stops its servers in order.
  const child = spawn(binary, args, {
    detached: true,
    stdio: ['ignore', log, log],
    ...(options.env ? { env: options.env } : {}),
    ...(options.account ? { ...options.account, cwd: '/' } : {}),
  });
  closeSync(log);
  const { promise: exited, resolve } = Promise.withResolvers<string>();
  let ended = false;
  child.once('exit', (code, signal) => {
    ended = true;
    if (child.pid !== undefined) options.watchdog.unwatch(child.pid);
    resolve(signal ?? `exit code ${String(code)}`);
  });
  return new Promise((started, failed) => {
    child.once('error', failed);
    child.once('spawn', () => {
      const pid = child.pid ?? 0;
      options.watchdog.watch(pid);
      child.unref();
      started({
        name,
        pid,
        logFile: options.logFile,
        exited,
        running: () => !ended,
        signal: (signal) => void child.kill(signal),
        kill: async (signal) => {
          if (ended) return;
          child.ref();
          child.kill(signal);
          await exited;
        },
        tail: (lines = 25) => readFileSync(options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n'),
      });
    });
  });
}

/** Loopback ports that are free now. Another process may still take one: who uses them must be ready to try again. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject);
            server.listen(0, '127.0.0.1', () => {
              const address = server.address();
              resolve(typeof address === 'object' && address ? address.port : 0);
            });
          }),
      ),
    );
  } finally {
    await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  }
}
