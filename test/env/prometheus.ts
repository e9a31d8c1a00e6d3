/** A real Prometheus that scrapes operators of the tests, with the rules that Offboard ships. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { rulesFile } from './prometheus-config.ts';
import { startProcess, startWatchdog } from './process.ts';
import { requirePrometheus } from './tools/prometheus.ts';
import { waitFor } from './wait-for.ts';

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface Prometheus {
  /** What an instant query answers. Rejects with its words when it is in error, or warns of something. */
  readonly query: (expression: string) => Promise<readonly Sample[]>;
  /** An answer of its API, by the path below `/api/v1/`. */
  readonly api: <T>(path: string) => Promise<T>;
  readonly stop: () => Promise<void>;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
  readonly data: unknown;
}

/** Scrapes every second, and calls its targets as the PodMonitor does. */
export const startPrometheus = async (targets: Readonly<Record<string, string>>): Promise<Prometheus> => {
  const { prometheus } = await requirePrometheus();
  const folder = mkdtempSync(join(tmpdir(), 'offboard-prometheus-'));
  const watchdog = startWatchdog(folder);
  const labelled = Object.entries(targets).map(([pod, url]) => ({ targets: [new URL(url).host], labels: { namespace: 'offboard-system', pod } }));
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ job_name: 'offboard-system/offboard', static_configs: labelled }],
  };
  writeFileSync(join(folder, 'prometheus.yaml'), dump(config));
  writeFileSync(join(folder, 'rules.yaml'), rulesFile());
  const address = `127.0.0.1:${String(await freePort())}`;
  const args = [`--config.file=${join(folder, 'prometheus.yaml')}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=${address}`];
  const child = await startProcess('prometheus', prometheus, args, { logFile: join(folder, 'prometheus.log'), watchdog });
  const api = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`http://${address}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) })).json()) as Answer;
    const words = [answer.error ?? [], answer.warnings ?? [], answer.infos ?? []].flat();
    if (answer.status !== 'success' || words.length > 0) throw new Error(`${decodeURIComponent(path)}: ${words.join('; ')}`);
    return answer.data as T;
  };
  await waitFor(async () => (await fetch(`http://${address}/-/ready`)).ok, { timeout: 30_000, what: 'Prometheus to be ready' }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${child.tail()}`, { cause: error });
  });
  return {
    api,
    query: async (expression) => (await api<{ readonly result: readonly Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result,
    stop: async () => {
      await child.kill('SIGTERM');
      await watchdog.close();
    },
  };
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
