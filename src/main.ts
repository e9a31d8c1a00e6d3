/** Wiring only: flags → clients → watches → servers → signals. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import manifest from '../package.json' with { type: 'json' };
import { UsageError, help, readConfig } from './config.ts';
import type { Config } from './config.ts';
import { createApiServers } from './kube/api-servers.ts';
import { createBoundCanaries } from './kube/canary.ts';
import { createKubeClient } from './kube/client.ts';
import { loadKubeConfig } from './kube/config.ts';
import { createEventRecorder } from './kube/events.ts';
import { fenced } from './kube/fence.ts';
import { createLeaseLock } from './kube/lease.ts';
import { createCanaries, createOwnTokens } from './kube/tokens.ts';
import { createTransport } from './kube/transport.ts';
import { createServerVersion } from './kube/version.ts';
import { createHealthServer } from './observability/health.ts';
import { createLogger, standardError } from './observability/log.ts';
import { createMetrics } from './observability/metrics.ts';
import { createOperator } from './operator.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { LeadershipLostError, createLeaderElector } from './runtime/leader-election.ts';
import { giveBackMemory, processFootprint } from './runtime/memory.ts';
import { systemRandom as random } from './runtime/random.ts';
import { shutdownSignal } from './runtime/shutdown.ts';

const leaseName = 'offboard-leader';
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
  let isLeader = (): boolean => false;
  const metrics = createMetrics({ version, figures: () => (isLeader() ? operator.figures() : undefined) });
  const cluster = { config: loadKubeConfig({ path: config.kubeconfig, clock }), clock, version };
  const transport = createTransport({ ...cluster, onRequest: metrics.onRequest });
  const client = createKubeClient(transport);
  const apiServers = createApiServers({ ...cluster, transport, urls: config.apiServers, onRequest: metrics.onRequest });
  const events = createEventRecorder({ client, clock, log, reportingController: 'offboard.dev/operator', reportingInstance: instance });
  const mayWrite = (): boolean => !config.leaderElection || isLeader();
  const boundCanaries = createBoundCanaries({ client: fenced(client, mayWrite), transport, clock });
  const canaries = createCanaries({ ...cluster, transport });
  const ownTokens = createOwnTokens({ ...cluster, transport, account: { namespace: config.namespace, name: config.serviceAccount } });
  const operator = createOperator({
    config, client: fenced(client, mayWrite), events, clock, random, log, metrics, version, ownTokens, canaries, boundCanaries, apiServers, mayAct: mayWrite,
    serverVersion: createServerVersion(transport),
  });
  const server = createHealthServer({
    clock,
    address: config.bindAddress,
    port: config.port,
    ready: () => {
      const unsynced = operator.unsynced();
      return unsynced.length === 0 ? true : `not listed yet: ${unsynced.join(', ')}`;
    },
    healthy: operator.healthy,
    metrics: metrics.text,
  });
  const { url } = await server.start();
  log.info('Serving health and metrics', { url, version });

  const watching = new AbortController();
  const watches = Promise.all([
    operator.watch(watching.signal),
    giveBackMemory(
      { clock, footprint: processFootprint(), onCollected: (freed) => { log.debug('Gave memory back', { mebibytes: Math.round(freed / 2 ** 20) }); } },
      watching.signal,
    ),
  ]);
  const lead = async (signal: AbortSignal): Promise<void> => {
    log.info('Leading', { instance });
    await operator.work(signal);
  };
  try {
    if (config.leaderElection) {
      const lock = createLeaseLock({ client, namespace: config.namespace, name: leaseName });
      const elector = createLeaderElector({ lock, identity: instance, clock, random, log, onLeading: metrics.onLeading });
      isLeader = elector.isLeader;
      await elector.run(stopping, lead);
    } else {
      isLeader = () => !stopping.aborted;
      metrics.onLeading(true);
      await lead(stopping);
    }
  } catch (error) {
    // Another one may lead from now on: nothing of ours may run on, not even to tidy up.
    if (error instanceof LeadershipLostError) {
      log.error('Leadership is lost', { error });
      process.exit(1);
    }
    throw error;
  } finally {
    watching.abort(new Error('stopped'));
    await watches;
    await events.flush();
    await server.stop();
    await operator.close();
    await apiServers.close();
    await transport.close();
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
