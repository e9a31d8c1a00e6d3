/** The command line as people run it: the bundle, in a process of its own. */
import { spawn } from 'node:child_process';
import { cliPath } from '../../src/bundle.ts';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCli {
  readonly ended: Promise<Ended>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** The bundle is there by then: whoever starts an operator has it built. */
export const startCli = (kubeconfig: string, args: readonly string[], input = ''): RunningCli => {
  const child = spawn(process.execPath, [cliPath, ...args], { env: { PATH: process.env['PATH'], KUBECONFIG: kubeconfig } });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { out += chunk; });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { err += chunk; });
  child.stdin.on('error', () => undefined).end(input);
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => { resolve({ code, out, err }); }));
  return { ended, kill: (signal) => { child.kill(signal); } };
};
