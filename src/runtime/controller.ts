/**
 * A controller takes keys from its queue and reconciles each, a bounded number side by side, never one key twice at the
 * same time. Whatever a reconcile throws is contained: the key comes back with back-off, and the process lives on.
 */
import { createBackoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { OutcomeError } from './outcome.ts';
import { createQueue } from './queue.ts';
import type { QueueMetrics } from './queue.ts';
import type { Random } from './random.ts';

/** `again`: look at the key again after this many milliseconds, sooner when something changes. */
export type ReconcileResult = { readonly kind: 'done' } | { readonly kind: 'again'; readonly after: number };

export interface ReconcileObservation {
  readonly result: 'success' | 'requeue_after' | 'error';
  readonly seconds: number;
}

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly queueMetrics?: QueueMetrics;
  readonly onReconcile?: (observation: ReconcileObservation) => void;
  /** Milliseconds after which a reconcile's signal is aborted. Longer than every deadline inside it. */
  readonly timeout?: number;
  /** Milliseconds that a reconcile under way may take to finish once the controller is stopped. */
  readonly grace?: number;
}

export interface Controller {
  readonly enqueue: (key: string) => void;
  /** Works until the signal is aborted; resolves when what was under way has ended. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const defaultTimeout = 300_000;
const defaultGrace = 7_000;
/** Nothing but a person or another spec helps; the reconcile has told them, so this is only a safety net. */
const personPause = 240_000;

export const createController = (options: ControllerOptions): Controller => {
  const { clock, random, log, onReconcile } = options;
  const queue = createQueue({
    clock,
    backoff: createBackoff({ base: 250, factor: 2, max: 120_000, jitter: 0.2, random }),
    ...(options.queueMetrics === undefined ? {} : { metrics: options.queueMetrics }),
  });

  const settle = (key: string, result: ReconcileResult): ReconcileObservation['result'] => {
    queue.forget(key);
    if (result.kind === 'done') return 'success';
    queue.addAfter(key, result.after);
    return 'requeue_after';
  };

  const fail = (key: string, error: unknown): 'error' => {
    const outcome = error instanceof OutcomeError ? error : undefined;
    const person = outcome?.kind === 'NeedsPerson' || outcome?.kind === 'Invalid';
    if (person) queue.addAfter(key, personPause);
    else queue.addRateLimited(key, outcome?.retryAfter);
    log.warn('A reconcile failed and is tried again', { controller: options.name, key, error });
    return 'error';
  };

  const reconcile = async (key: string, stopping: AbortSignal): Promise<void> => {
    const started = clock.monotonic();
    const timeout = new AbortController();
    const cancelTimeout = clock.schedule(options.timeout ?? defaultTimeout, () => {
      timeout.abort(new Error(`reconcile of ${key} took too long`));
    });
    let result: ReconcileObservation['result'];
    try {
      result = settle(key, await options.reconcile(key, AbortSignal.any([stopping, timeout.signal])));
    } catch (error) {
      result = fail(key, error);
    } finally {
      cancelTimeout();
      queue.done(key);
    }
    onReconcile?.({ result, seconds: (clock.monotonic() - started) / 1000 });
  };

  const work = async (signal: AbortSignal, stopping: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      const key = await queue.get(signal);
      if (key === undefined) return;
      await reconcile(key, stopping);
    }
  };

  const run = async (signal: AbortSignal): Promise<void> => {
    const stopping = new AbortController();
    let cancelGrace: (() => void) | undefined;
    const onAbort = (): void => {
      cancelGrace = clock.schedule(options.grace ?? defaultGrace, () => {
        stopping.abort(new Error('stopped'));
      });
    };
    if (signal.aborted) return;
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.all(Array.from({ length: options.concurrency }, () => work(signal, stopping.signal)));
    cancelGrace?.();
    queue.shutDown();
  };

  return { enqueue: queue.add, run };
};
