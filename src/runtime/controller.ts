/**
 * A controller takes keys from its queue and reconciles each, a bounded number side by side, never one key twice at the
 * same time. Whatever a reconcile throws is contained: the key comes back with back-off, and the process lives on.
 */
import { createBackoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { LeadershipLostError } from './leader-election.ts';
import { linkSignals } from './linked-signal.ts';
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
  /** Groups of keys take turns. */
  readonly groupOf?: (key: string) => string;
  readonly queueMetrics?: QueueMetrics;
  readonly onReconcile?: (observation: ReconcileObservation) => void;
  /** Milliseconds after which a reconcile's signal is aborted. Longer than every deadline inside it. */
  readonly timeout?: number;
  /** Milliseconds that a reconcile under way may take to finish once the controller is stopped. */
  readonly grace?: number;
}

export interface Controller {
  /** Before `run` too: the key waits. */
  readonly enqueue: (key: string) => void;
  /**
   * Works until the signal is aborted; resolves when what was under way has ended. It may finish within the grace, but not
   * when leadership was lost: then its signal is aborted at once.
   */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

const defaultTimeout = 300_000;
const defaultGrace = 7_000;

export const createController = (options: ControllerOptions): Controller => {
  const { clock, random, onReconcile } = options;
  const log = options.log.child({ controller: options.name });
  const queue = createQueue({
    clock,
    backoff: createBackoff({ base: 250, factor: 2, max: 120_000, jitter: 0.2, random }),
    ...(options.groupOf === undefined ? {} : { groupOf: options.groupOf }),
    ...(options.queueMetrics === undefined ? {} : { metrics: options.queueMetrics }),
  });

  const settle = (key: string, result: ReconcileResult): ReconcileObservation['result'] => {
    if (result.kind === 'again') queue.addAfter(key, result.after);
    queue.forget(key);
    return result.kind === 'again' ? 'requeue_after' : 'success';
  };

  /**
   * A reconcile that throws could not tell anybody what it needs, not even where only a person can help. An API server that
   * has just started refuses for some seconds what it will allow, so the first tries come soon whatever the error says.
   */
  const retry = (key: string, error: unknown): void => {
    const { kind, until, retryAfter } = error instanceof OutcomeError ? error : unexpected;
    const wait = until === undefined ? 0 : until.getTime() - clock.now().getTime();
    if (kind === 'Waiting' && wait > 0) {
      queue.forget(key);
      queue.addAfter(key, wait);
    } else {
      queue.addRateLimited(key, (retryAfter ?? 0) * (1 + 0.1 * random()));
    }
  };

  const reconcile = async (key: string, stopping: AbortSignal): Promise<void> => {
    const started = clock.monotonic();
    const { signal, abort, unlink } = linkSignals(stopping);
    const cancelTimeout = clock.schedule(options.timeout ?? defaultTimeout, () => {
      abort(new Error(`the reconcile of ${JSON.stringify(key)} took too long`));
    });
    let result: ReconcileObservation['result'] = 'error';
    try {
      result = settle(key, await options.reconcile(key, signal));
    } catch (error) {
      retry(key, error);
      if (stopping.aborted) log.debug('A reconcile was cut off by the end of the process', { key, error });
      else log.warn('A reconcile failed and is tried again', { key, error });
    } finally {
      cancelTimeout();
      unlink();
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
    if (signal.aborted) return;
    const stopping = new AbortController();
    let cancelGrace = (): void => undefined;
    const onAbort = (): void => {
      const lost = signal.reason instanceof LeadershipLostError;
      // Another process may lead sooner than the grace would be over.
      if (lost) stopping.abort(signal.reason);
      else cancelGrace = clock.schedule(options.grace ?? defaultGrace, () => { stopping.abort(new Error('the process ends')); });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.all(Array.from({ length: options.concurrency }, () => work(signal, stopping.signal)));
    } finally {
      cancelGrace();
      queue.shutDown();
    }
  };

  return { enqueue: queue.add, run };
};

/** What nobody expected is a bug of ours or a trouble that passes: either way it is tried again. */
const unexpected: Pick<OutcomeError, 'kind' | 'until' | 'retryAfter'> = { kind: 'Retryable', until: undefined, retryAfter: undefined };
