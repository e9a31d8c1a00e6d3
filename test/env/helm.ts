/** Runs helm, which knows no cluster here: what it renders is applied by kubectl. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { requireHelm } from './tools/helm.ts';

const run = promisify(execFile);

export const chartFolder = fileURLToPath(new URL('../../charts/offboard', import.meta.url));

/** Resolves to standard output; rejects with standard error when helm exits with anything but 0. */
export const helm = async (args: readonly string[]): Promise<string> => {
  // No kubeconfig of the user, by whom it might be led to another cluster.
  const env = { ...process.env, KUBECONFIG: '/dev/null' };
  return (await run(await requireHelm(), [...args], { env, maxBuffer: 64 * 2 ** 20 })).stdout;
};

export interface Rendering {
  readonly release?: string;
  readonly namespace?: string;
  readonly values?: object;
  /** Only these templates, by file name. */
  readonly only?: readonly string[];
  readonly args?: readonly string[];
}

/** The manifests of a release, as `helm install` would apply them. */
export const renderChart = ({ release = 'offboard', namespace = 'offboard-system', values = {}, only = [], args = [] }: Rendering = {}): Promise<string> =>
  helm([
    'template', release, chartFolder, '--namespace', namespace,
    ...Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]),
    ...only.flatMap((template) => ['--show-only', join('templates', template)]),
    ...args,
  ]);
