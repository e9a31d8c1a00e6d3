/** Wiring only: flags → the way to the cluster → a replica → servers → signals. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import manifest from '../package.json' with { type: 'json' };
import { UsageError, help, readConfig } from './config.ts';
import type { Config } from './config.ts';
import { loadKubeConfig } from './kube/config.ts';
import { createHealthServer } from './observability/health.ts';
import { createLogger, standardError } from './observability/log.ts';
import { createMetrics } from './observability/metrics.ts';
import { createReplica } from './replica.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { giveBackMemory, processFootprint } from './runtime/memory.ts';
import { systemRandom as random } from './runtime/random.ts';
import { shutdownSignal } from './runtime/shutdown.ts';

/** A step under way may finish; then the process ends, whatever still runs. */
const shutdownLimit = 10_000;

const { version } = manifest;

const run = async (config: Config): Promise<void> => {
  const instance = `${hostname()}_${randomUUID()}`;
  const log = createLogger({ clock, level: config.logLevel, ...standardError(process.stderr) });
  const stopping = shutdownSignal({
    limit: shutdownLimit,
    onSignal: (signal) => { log.info('Stopping', { signal }); },
    onLate: () => { log.error('Did not stop in time', { limit: shutdownLimit }); },
  });
  const metrics = createMetrics({ version, figures: () => (replica.isLeader() ? replica.operator.figures() : undefined) });
  const cluster = loadKubeConfig({ path: config.kubeconfig, clock });
  const replica = createReplica({ config, cluster, clock, random, log, metrics, version, instance, onLeadershipLost: () => process.exit(1) });
  const server = createHealthServer({
    clock,
    address: config.bindAddress,
    port: config.port,
    ready: () => {
      const unsynced = replica.operator.unsynced();
      return unsynced.length === 0 ? true : `not listed yet: ${unsynced.join(', ')}`;
    },
    healthy: replica.operator.healthy,
    metrics: metrics.text,
  });
  const { url } = await server.start();
  log.info('Serving health and metrics', { url, version });

  const tidying = new AbortController();
  const tidied = giveBackMemory(
    { clock, footprint: processFootprint(), onCollected: (freed) => { log.debug('Gave memory back', { mebibytes: Math.round(freed / 2 ** 20) }); } },
    tidying.signal,
  );
  try {
    await replica.run(stopping);
  } finally {
    tidying.abort(new Error('stopped'));
    await tidied;
    await server.stop();
  }
  log.info('Stopped');
};

/** For whoever started it: one line that says what to do, and no stack. */
const main = async (): Promise<void> => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (config === 'help') process.stdout.write(help());
  else if (config === 'version') process.stdout.write(`${version}\n`);
  else await run(config);
};

main().then(
  // Nothing of ours runs any more; a handle that a library left open must not keep the process.
  () => process.exit(0),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`offboard: ${message}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
