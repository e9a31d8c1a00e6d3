/**
 * The plain clean-up that the operator is compared with, as a process of its own: the same deletions, as many at a time,
 * and nothing looked at before or after. `node plain.ts <kubeconfig> <prefix> <count> <connections>`; prints its figures.
 */
import { connect, inParallel } from './api.ts';
import { identities, pathsOf } from './population.ts';
import { usageOf } from './usage.ts';

export interface PlainFigures {
  /** From the first request to the last answer. */
  readonly seconds: number;
  readonly requests: number;
  /** Answered 404: the token Secrets of a deleted account go by themselves, and may be gone first. */
  readonly goneBefore: number;
  /** Of the whole process, its start included. */
  readonly cpuSeconds: number;
  readonly rss: number;
}

export const plainUserAgent = 'plain-cleanup/1';

const run = async (kubeconfig: string, prefix: string, count: number, connections: number): Promise<PlainFigures> => {
  const api = connect({ kubeconfig, userAgent: plainUserAgent, connections });
  const began = performance.now();
  let requests = 0;
  let goneBefore = 0;
  await inParallel(identities(prefix, count), connections, async (identity) => {
    for (const path of pathsOf(identity)) {
      const { status, body } = await api.call('DELETE', path);
      requests += 1;
      if (status === 404) goneBefore += 1;
      else if (status !== 200) throw new Error(`DELETE ${path}: ${status} ${body}`);
    }
  });
  const seconds = (performance.now() - began) / 1000;
  await api.close();
  return { seconds, requests, goneBefore, ...usageOf(process.pid) };
};

if (import.meta.main) {
  const [kubeconfig = '', prefix = '', count = '', connections = ''] = process.argv.slice(2);
  process.stdout.write(`${JSON.stringify(await run(kubeconfig, prefix, Number(count), Number(connections)))}\n`);
}
