import { spawn } from 'node:child_process';
import { join } from 'node:path';

export interface KubectlOptions {
  readonly stdin?: string;
  /** Path; the admin's unless told. */
  readonly kubeconfig?: string;
  readonly signal?: AbortSignal;
}

/** Resolves to standard output; rejects with standard error when kubectl exits with anything but 0. */
export function runKubectl(
  binary: string,
  args: readonly string[],
  options: KubectlOptions & { readonly kubeconfig: string },
  folder: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, {
      // What it knows of this API server is worth nothing to the next, which may come up on the same port.
      env: { ...process.env, KUBECONFIG: options.kubeconfig, KUBECACHEDIR: join(folder, 'kubectl-cache') },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => undefined); // it may end without reading its input; its exit code tells
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) {
        resolve(Buffer.concat(stdout).toString('utf8'));
        return;
      }
      const complaint = Buffer.concat(stderr).toString('utf8').trim();
      reject(new Error(`kubectl ${args.join(' ')} (${signal ?? `exit code ${String(code)}`}): ${complaint}`));
    });
    child.stdin.end(options.stdin ?? '');
  });
}
