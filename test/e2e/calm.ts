/**
 * Whether an operator lives and rests. "It does not spin" is a figure here: within the time given there must come a window
 * in which it makes no more requests and reconciles than what time alone brings (its lease, a look at what waits for a person).
 */
import type { OperatorProcess } from '../env/operator.ts';
import { waitFor } from '../env/wait-for.ts';

export interface CalmLimits {
  /** Milliseconds that the quiet window lasts. */
  readonly window?: number;
  /** The most requests to the API server in it. */
  readonly requests?: number;
  /** The most reconciles in it. */
  readonly reconciles?: number;
  /** Milliseconds in which such a window must come. */
  readonly within?: number;
}

export interface Counters {
  readonly at: number;
  readonly requests: number;
  readonly reconciles: number;
}

/** What the operator has done since it started, by its own metrics, on this process's clock. */
export const countersOf = async ({ url }: Pick<OperatorProcess, 'url'>): Promise<Counters> => {
  const at = performance.now();
  const text = await (await fetch(`${url}/metrics`)).text();
  return { at, requests: sumOf(text, 'rest_client_requests_total'), reconciles: sumOf(text, 'offboard_reconcile_total') };
};

const sumOf = (text: string, name: string): number => {
  // A counter that was renamed must not read as one that rests.
  if (!text.includes(`# TYPE ${name} counter`)) throw new Error(`/metrics has no ${name}`);
  const values = text.split('\n').filter((line) => line.startsWith(`${name}{`)).map((line) => Number(line.slice(line.lastIndexOf(' '))));
  return values.reduce((sum, value) => sum + value, 0);
};

/** Rejects with what is wrong: the process ended or was restarted, its log complains, or it never rested. */
export const expectCalm = async (operator: OperatorProcess, limits: CalmLimits = {}): Promise<void> => {
  // A quiet operator was seen to make two requests in three seconds, for its lease, and no reconcile.
  const { window = 3_000, requests = 10, reconciles = 2, within = 45_000 } = limits;
  if (!operator.process.running()) throw new Error(`the operator ended: ${await operator.process.exited}\n${operator.process.tail()}`);
  let first = await countersOf(operator);
  let busy = '';
  const rested = async (): Promise<boolean> => {
    const now = await countersOf(operator);
    const made = { requests: now.requests - first.requests, reconciles: now.reconciles - first.reconciles };
    if (made.requests > requests || made.reconciles > reconciles) {
      busy = `${made.requests} requests and ${made.reconciles} reconciles in ${((now.at - first.at) / 1000).toFixed(1)} s`;
      first = now;
    }
    return now.at - first.at >= window;
  };
  const what = `at most ${requests} requests and ${reconciles} reconciles of the operator in ${window} ms`;
  await waitFor(rested, { timeout: within, interval: 100, what }).catch((error: unknown) => {
    throw new Error(`${String(error)}; last it made ${busy}`, { cause: error });
  });
  const found = complaints(operator.log());
  if (found.length > 0) throw new Error(`the operator's log complains:\n${found.join('\n')}`);
};

/** Lines of a log that no fault in a cluster may cause: what is not from our logger, errors, stacks, and what nobody expected. */
export const complaints = (log: string): readonly string[] => {
  const lines = log.split('\n').filter((line) => line !== '');
  const starts = lines.filter((line) => line.includes('"message":"Serving health and metrics"')).length;
  return [...lines.filter(isComplaint), ...(starts === 1 ? [] : [`it was started ${starts} times`])];
};

const isComplaint = (line: string): boolean => {
  try {
    const { level } = JSON.parse(line) as { readonly level?: unknown };
    return (level !== 'debug' && level !== 'info' && level !== 'warn') || /"stack":|"reason":"Unexpected"|uncaught|unhandled/i.test(line);
  } catch {
    return true;
  }
};
