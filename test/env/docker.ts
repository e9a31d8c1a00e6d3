/**
 * Docker: the engine that runs on this machine, or else one of our own, alone in namespaces of its own, so that nothing of it is left when it
 * ends, however it ends: neither a mount nor a process. It has no network but the host's.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startProcess, startWatchdog } from './process.ts';
import { locateDocker } from './tools/docker.ts';
import { waitFor } from './wait-for.ts';

const run = promisify(execFile);

export interface Docker {
  /** Resolves to what the command printed on standard output; milliseconds, two minutes unless told. */
  readonly run: (args: readonly string[], options?: { readonly timeout?: number }) => Promise<string>;
  /** All that a container has said. */
  readonly logs: (container: string) => Promise<string>;
  /** It is ours: with the classic builder, and empty when it starts. */
  readonly own: boolean;
  readonly stop: () => Promise<void>;
}

const commandsWith = (env: NodeJS.ProcessEnv): Pick<Docker, 'run' | 'logs'> => ({
  run: async (args, { timeout } = {}) => (await call(env, args, timeout)).stdout,
  logs: async (container) => {
    const { stdout, stderr } = await call(env, ['logs', container]);
    return stdout + stderr;
  },
});

const call = async (env: NodeJS.ProcessEnv, args: readonly string[], timeout = 120_000): Promise<{ readonly stdout: string; readonly stderr: string }> =>
  run('docker', args, { env, timeout, maxBuffer: 2 ** 26 }).catch((error: unknown) => {
    const { stderr = '', stdout: said = '' } = error as { readonly stderr?: string; readonly stdout?: string };
    throw new Error(`docker ${args[0] ?? ''}: ${error instanceof Error ? error.message : ''}\n${said.slice(-3000)}\n${stderr.slice(-3000)}`, { cause: error });
  });

/** Resolves to why there is none where none can be had, which is no error. */
export const startDocker = async (): Promise<Docker | string> => {
  const running = commandsWith(process.env);
  const answers = await running.run(['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 }).then(() => true, () => false);
  if (answers) return { ...running, own: false, stop: () => Promise.resolve() };
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'no Docker engine answers, and one of our own takes root on Linux';
  const path = await locateDocker();
  if (path === undefined) return 'no Docker engine answers, and Debian\'s is not in the cache folder (make tools)';
  return startOurs(path);
};

const startOurs = async (path: string): Promise<Docker | string> => {
  const folder = mkdtempSync(join(tmpdir(), 'offboard-docker-'));
  const watchdog = startWatchdog(folder);
  const host = `unix://${folder}/docker.sock`;
  const env = { ...process.env, PATH: path, DOCKER_HOST: host, DOCKER_BUILDKIT: '0', DOCKER_CONFIG: folder };
  const flags = ['--bridge=none', '--iptables=false', '--ip6tables=false', `--host=${host}`, `--data-root=${folder}/data`, `--exec-root=${folder}/exec`, `--pidfile=${folder}/docker.pid`];
  const engine = await startProcess('dockerd', 'unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'dockerd', ...flags], { logFile: join(folder, 'dockerd.log'), watchdog, env });
  const commands = commandsWith(env);
  const stop = async (): Promise<void> => {
    await engine.kill('SIGKILL');
    await watchdog.close();
  };
  const ended = new AbortController();
  void engine.exited.then((how) => {
    ended.abort(new Error(`dockerd ended: ${how}`));
  });
  try {
    await waitFor(() => commands.run(['info', '--format', '{{.ServerVersion}}'], { timeout: 10_000 }), { what: 'the Docker engine answering', timeout: 60_000, interval: 250, signal: ended.signal });
    return { ...commands, own: true, stop };
  } catch (error) {
    const why = `a Docker engine of our own could not be started: ${error instanceof Error ? error.message : String(error)}\n${engine.tail(5)}`;
    await stop();
    return why;
  }
};
