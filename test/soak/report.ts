/** What a soak says in the end. */
import { loadavg } from 'node:os';
import type { Sample } from './samples.ts';
import { percentile, renderTrends } from './trend.ts';
import type { Ended, Trend } from './trend.ts';

export interface Soaked {
  readonly samples: readonly Sample[];
  readonly ended: readonly Ended[];
  readonly retired: Readonly<Record<string, number>>;
  /** How many of them had every credential tried. */
  readonly tried: number;
  readonly apiServerKills: number;
  readonly operatorEnded: string;
}

export const render = (
  { samples, ended, retired, tried, apiServerKills, operatorEnded }: Soaked, trends: readonly Trend[], asked: { readonly minutes: number; readonly rate: number },
): string => {
  const count = ended.length;
  const last = samples.at(-1);
  const each = (figure: 'requests' | 'reconciles' | 'cpuSeconds', scale = 1): string => ((scale * (last?.[figure] ?? Number.NaN)) / count).toFixed(1);
  const seconds = ended.map((one) => one.seconds);
  return [
    `${String(count)} identities retired in ${String(asked.minutes)} minutes, ${(count / (asked.minutes * 60)).toFixed(2)} a second of ${String(asked.rate)} that were asked for; ` +
      `of ${String(tried)} every credential was tried when the end was claimed, and refused`,
    ...Object.entries(retired).map(([how, some]) => `  ${how.padEnd(52)}${String(some).padStart(6)}`),
    `API server killed ${String(apiServerKills)} times; for each identity the operator made ${each('requests')} requests and ${each('reconciles')} reconciles with ${each('cpuSeconds', 1000)} ms of CPU; ` +
      `${String(last?.watchLists)} lists for its watches; it ended with ${operatorEnded}`,
    `Time to end: ${percentile(seconds, 0.5).toFixed(1)} s (p50), ${percentile(seconds, 0.99).toFixed(1)} s (p99), with a settle time of 1 s; load average ${(loadavg()[0] ?? 0).toFixed(1)} at the end`,
    '',
    renderTrends(trends),
    '',
  ].join('\n');
};
