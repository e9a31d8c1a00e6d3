/** The metrics of the work queues. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { QueueMetrics, QueueState } from '../runtime/queue.ts';

/** Buckets in seconds, for what mostly takes milliseconds. */
export const fast = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** The names and labels of client-go's workqueue. */
export const queueMetrics = (registry: Registry): ((name: string) => QueueMetrics) => {
  const registers = [registry];
  const labelNames = ['name'] as const;
  const readers = new Map<string, () => QueueState>();
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', labelNames, registers });
  const retries = new Counter({ name: 'workqueue_retries_total', help: 'Keys added again.', labelNames, registers });
  const queued = new Histogram({ name: 'workqueue_queue_duration_seconds', help: 'Time a key waits.', labelNames, buckets: fast, registers });
  const worked = new Histogram({ name: 'workqueue_work_duration_seconds', help: 'Time the work on a key takes.', labelNames, buckets: fast, registers });
  const reading = (name: string, help: string, read: (state: QueueState) => number): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const [queue, state] of readers) this.set({ name: queue }, read(state()));
      },
    });
  };
  reading('workqueue_depth', 'Keys that need work.', ({ depth }) => depth);
  reading('workqueue_unfinished_work_seconds', 'Time of all work under way.', ({ unfinishedSeconds }) => unfinishedSeconds);
  reading('workqueue_longest_running_processor_seconds', 'Time of the longest work under way.', ({ longestRunningSeconds }) => longestRunningSeconds);
  return (name) => ({
    added: () => {
      adds.inc({ name });
    },
    retried: () => {
      retries.inc({ name });
    },
    taken: (seconds) => {
      queued.observe({ name }, seconds);
    },
    finished: (seconds) => {
      worked.observe({ name }, seconds);
    },
    observe: (read) => {
      readers.set(name, read);
    },
  });
};
