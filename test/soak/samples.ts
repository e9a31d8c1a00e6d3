/** What the operator's process uses and how it fares, as a row of figures at one moment. */
import { readdirSync, readlinkSync } from 'node:fs';
import type { OperatorProcess } from '../env/operator.ts';

export const figures = [
  'rssBytes', 'heapBytes', 'fileDescriptors', 'sockets', 'eventLoopLagSeconds', 'queueDepth', 'records', 'underWay', 'cpuSeconds', 'requests', 'reconciles', 'watchLists',
] as const;

export type Figure = (typeof figures)[number];

/** Seconds since the soak began, and every figure. `records` are those that are kept, `underWay` the identities that were made and are not gone. `cpuSeconds` and what follows it count since the process began. */
export type Sample = Readonly<Record<Figure | 'at', number>>;

/** Of each figure: its metric, summed over all labels. */
const metrics: Readonly<Record<Exclude<Figure, 'sockets' | 'underWay'>, string>> = {
  rssBytes: 'process_resident_memory_bytes',
  heapBytes: 'nodejs_heap_size_used_bytes',
  fileDescriptors: 'process_open_fds',
  eventLoopLagSeconds: 'nodejs_eventloop_lag_seconds',
  queueDepth: 'workqueue_depth',
  records: 'offboard_tombstones',
  cpuSeconds: 'process_cpu_seconds_total',
  requests: 'rest_client_requests_total',
  reconciles: 'offboard_reconcile_total',
  watchLists: 'offboard_watch_relists_total',
};

export const takeSample = async ({ url, process: { pid } }: OperatorProcess, at: number, underWay: number): Promise<Sample> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = Object.fromEntries(Object.entries(metrics).map(([figure, name]) => [figure, sumOf(text, name)])) as Record<keyof typeof metrics, number>;
  return { at, ...read, underWay, sockets: socketsOf(pid) };
};

/** A metric that was renamed must not read as one that is flat. */
const sumOf = (text: string, name: string): number => {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  if (lines.length === 0) throw new Error(`/metrics has no ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
};

const socketsOf = (pid: number): number => {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith('socket:');
    } catch {
      return false; // closed since it was listed
    }
  }).length;
};
