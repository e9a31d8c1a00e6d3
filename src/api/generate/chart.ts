/**
 * What the chart has in common with `kubectl apply -k`, copied into it byte for byte: a chart can read no file outside of its
 * own folder. Its templates make of the copies what a release asks for.
 */
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { basename } from 'node:path';

const root = new URL('../../../', import.meta.url);
const chart = new URL('charts/offboard/files/', root);

/** By folder of the chart: its sources, each a manifest or a folder of which all are taken, with the dashboards in it. */
const copies = {
  crds: ['crds/'],
  policies: ['config/policies/'],
  rbac: [
    'config/rbac/operator.yaml',
    'config/rbac/leader-election.yaml',
    'config/rbac/lock.yaml',
    'config/rbac/api-servers.yaml',
    'config/rbac/signing-key.yaml',
    'config/rbac/people.yaml',
    'config/token-secrets/token-secrets.yaml',
    'config/canaries/canaries.yaml',
    'config/canaries/token-reviews.yaml',
  ],
  prometheus: ['config/prometheus/'],
} as const;

/** What is there already goes, so that nothing outlives its source. */
export const copyIntoChart = async (): Promise<void> => {
  await rm(chart, { recursive: true, force: true });
  for (const [name, sources] of Object.entries(copies)) {
    const target = new URL(`${name}/`, chart);
    await mkdir(target, { recursive: true });
    for (const source of (await Promise.all(sources.map(manifestsOf))).flat()) await copyFile(source, new URL(basename(source.pathname), target));
  }
};

const manifestsOf = async (source: string): Promise<readonly URL[]> => {
  const url = new URL(source, root);
  if (!source.endsWith('/')) return [url];
  return (await readdir(url, { recursive: true })).filter((file) => /\.(yaml|json)$/.test(file)).map((file) => new URL(file, url));
};
