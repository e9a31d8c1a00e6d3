/**
 * What bundling is good for: the operator started from its sources and from its bundle, by turns on the same small cluster, each as the image
 * starts it. The CPU time until it is ready and its memory do not depend on what else the machine does; the time on the wall does.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../src/bundle.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import { percentiles } from './report.ts';
import { usageOf } from './usage.ts';

export interface StartReport {
  /** How often each was started; the figures are medians. */
  readonly starts: number;
  readonly sources: Start;
  readonly bundle: Start;
}

interface Start {
  /** Milliseconds since its process was started, until it was ready. */
  readonly ready: number;
  /** CPU seconds until then. */
  readonly cpu: number;
  /** Bytes, when it was ready, when it had rested, and at most. */
  readonly rss: number;
  readonly rssAtRest: number;
  readonly peakRss: number;
}

/** Milliseconds after it was ready, with nothing to do. */
const restFor = 20_000;

export const measureStart = async (cluster: ControlPlane, starts: number, say: (line: string) => void): Promise<StartReport> => {
  const programs = { sources: fileURLToPath(new URL('../../src/main.ts', import.meta.url)), bundle: await bundle() };
  // The first pays for what the disk has not read yet, and for the rights of the account; it does not count.
  await startOnce(cluster, programs.sources, 0);
  const measured: { readonly [name in keyof typeof programs]: Start[] } = { sources: [], bundle: [] };
  for (let start = 1; start <= starts; start += 1) {
    say(`Start ${start} of ${starts}, from sources and from the bundle`);
    for (const name of ['sources', 'bundle'] as const) measured[name].push(await startOnce(cluster, programs[name], restFor));
  }
  return { starts, sources: median(measured.sources), bundle: median(measured.bundle) };
};

const startOnce = async (cluster: ControlPlane, entry: string, rest: number): Promise<Start> => {
  const operator = await startOperator(cluster, { entry, patience: 120_000 });
  try {
    const ready = performance.now() - operator.startedAt;
    const { cpuSeconds, rssNow } = usageOf(operator.process.pid);
    await delay(rest);
    const rested = usageOf(operator.process.pid);
    return { ready, cpu: cpuSeconds, rss: rssNow, rssAtRest: rested.rssNow, peakRss: rested.rss };
  } finally {
    await operator.stop();
  }
};

const median = (all: readonly Start[]): Start => {
  const of = (field: keyof Start): number => percentiles(all.map((start) => start[field])).p50;
  return { ready: of('ready'), cpu: of('cpu'), rss: of('rss'), rssAtRest: of('rssAtRest'), peakRss: of('peakRss') };
};

export const renderStart = ({ starts, sources, bundle: bundled }: StartReport): string => {
  const row = (name: string, of: (start: Start) => string): string => `  ${name.padEnd(46)}${of(sources).padStart(12)}${of(bundled).padStart(12)}`;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return [
    `The operator on an empty cluster, started ${starts} times from its sources and ${starts} times from its bundle; medians`,
    `  ${''.padEnd(46)}${'sources'.padStart(12)}${'bundle'.padStart(12)}`,
    row('own CPU until it is ready', ({ cpu }) => `${cpu.toFixed(2)} s`),
    row('start to ready', ({ ready }) => `${(ready / 1000).toFixed(2)} s`),
    row('RSS when it is ready', ({ rss }) => mebibytes(rss)),
    row(`RSS at rest, ${restFor / 1000} s later`, ({ rssAtRest }) => mebibytes(rssAtRest)),
    row('peak RSS', ({ peakRss }) => mebibytes(peakRss)),
  ].join('\n');
};
