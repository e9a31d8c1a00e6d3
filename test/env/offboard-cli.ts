/** The command line as people have it: the bundle on the PATH as `kubectl-offboard`, run by kubectl. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, cliPath } from '../../src/bundle.ts';
import { requireTools } from './tools/locate.ts';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface OffboardCli {
  /** `kubectl offboard …`, with this KUBECONFIG. */
  readonly run: (kubeconfig: string, args: readonly string[], input?: string) => Promise<Ended>;
  /** Any other command line, with the same PATH. */
  readonly shell: (kubeconfig: string, line: string) => Promise<Ended>;
  /** Where it is, and where those command lines run. */
  readonly folder: string;
  readonly remove: () => void;
}

/** Builds it. */
export const installCli = async (): Promise<OffboardCli> => {
  const tools = await requireTools();
  await bundle();
  const folder = mkdtempSync(join(tmpdir(), 'offboard-plugin-'));
  for (const name of ['kubectl-offboard', 'kubectl_complete-offboard', 'offboard']) symlinkSync(cliPath, join(folder, name));
  const path = [folder, tools, join(process.execPath, '..'), process.env['PATH'] ?? ''].join(':');
  const start = (program: string, args: readonly string[], kubeconfig: string, input: string): Promise<Ended> =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, { cwd: folder, env: { PATH: path, HOME: folder, KUBECONFIG: kubeconfig, KUBECACHEDIR: join(folder, 'cache') }, timeout: 150_000 });
      let [out, err] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => { out += chunk; });
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => { err += chunk; });
      child.stdin.on('error', () => undefined);
      child.once('error', reject);
      child.once('close', (code) => { resolve({ code, out, err }); });
      child.stdin.end(input);
    });
  return {
    run: (kubeconfig, args, input = '') => start(join(tools, 'kubectl'), ['offboard', ...args], kubeconfig, input),
    shell: (kubeconfig, line) => start('bash', ['-c', line], kubeconfig, ''),
    folder,
    remove: () => { rmSync(folder, { recursive: true }); },
  };
};
