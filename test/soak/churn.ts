/** Identities that begin at a constant rate, whatever becomes of those before, each to end in one of the ways in `lives.ts`. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Oracle } from '../e2e/oracle.ts';
import { createAccess, createAgent, createNamespace } from './agents.ts';
import type { Insist } from './agents.ts';
import { lives } from './lives.ts';
import type { Ended } from './trend.ts';

export interface Churn {
  /** Resolves when every identity that was begun has ended. */
  readonly over: Promise<void>;
  /** By the way it ended. */
  readonly retired: ReadonlyMap<string, number>;
  readonly ended: readonly Ended[];
  readonly underWay: () => number;
  /** Of those that ended, how many had every credential tried. */
  readonly tried: () => number;
  /** Seconds since it began. */
  readonly passed: () => number;
}

export interface ChurnOptions {
  readonly insist: Insist;
  readonly oracle: Oracle;
  /** Identities a second. */
  readonly rate: number;
  /** No more are begun. */
  readonly signal: AbortSignal;
}

const namespaces = ['soak-0', 'soak-1', 'soak-2', 'soak-3'] as const;
const ways = Object.entries(lives);
/** So many at once are more than an outage of the API server explains: those of a minute. */
const mostUnderWay = (rate: number): number => Math.max(60, Math.ceil(60 * rate));
/** Trying costs more requests than retiring: above one a second so many are left out that it stays at about one. */
const triedEvery = (rate: number): number => Math.max(1, Math.round(rate));

export const startChurn = async ({ insist, oracle, rate, signal }: ChurnOptions): Promise<Churn> => {
  const retired = new Map<string, number>();
  const ended: Ended[] = [];
  const under = new Set<Promise<void>>();
  const every = triedEvery(rate);
  let tried = 0;
  let began = performance.now();
  let failure: Error | undefined;
  const passed = (): number => (performance.now() - began) / 1000;

  const live = async (index: number): Promise<void> => {
    const [how, life] = ways[index % ways.length] ?? ['', () => Promise.resolve(0)];
    const namespace = namespaces[index % namespaces.length] ?? namespaces[0];
    const elsewhere = namespaces[(index + 1) % namespaces.length] ?? namespaces[0];
    const name = `agent-${String(index)}`;
    // Another one in each round, so that it is not the same way out each time.
    const isTried = index % every === Math.floor(index / every) % every;
    if (isTried) await oracle.guard(await createAgent(insist, oracle.asUser, namespace, elsewhere, name));
    else await createAccess(insist, namespace, elsewhere, name);
    const seconds = await life({ insist, oracle }, { namespace, name, tried: isTried });
    ended.push({ at: passed(), seconds });
    retired.set(how, (retired.get(how) ?? 0) + 1);
    if (isTried) tried += 1;
  };
  const begin = (index: number): void => {
    const one = live(index)
      .catch((error: unknown) => { failure ??= error instanceof Error ? error : new Error(String(error)); })
      .finally(() => under.delete(one));
    under.add(one);
  };
  const expectWell = (): void => {
    if (failure !== undefined) throw failure;
    if (under.size < mostUnderWay(rate)) return;
    throw new Error(`the operator cannot keep up: ${String(ended.length)} ended in ${passed().toFixed(0)} s, that is ${(ended.length / passed()).toFixed(2)} a second, and ${String(under.size)} are under way`);
  };
  /** False when no more are to begin. */
  const reached = (at: number): Promise<boolean> => delay(Math.max(0, at - performance.now()), true, { signal }).catch(() => false);
  const all = async (): Promise<void> => {
    for (let index = 1; await reached(began + (index * 1000) / rate); index += 1) {
      expectWell();
      begin(index);
    }
    await Promise.all(under);
    if (failure !== undefined) throw failure;
  };

  for (const name of namespaces) await createNamespace(insist, name);
  // A counter is there from its first count on.
  await live(0);
  began = performance.now();
  return { over: all(), retired, ended, underWay: () => under.size, tried: () => tried, passed };
};
