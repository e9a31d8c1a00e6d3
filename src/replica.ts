/**
 * One replica of the operator: clients → watches → election → work. Every way out of it (connections, time, chance, the log, its own end) is
 * handed in, so that many of them can run in one process, on virtual time, exactly as they run in production.
 */
import type { Config } from './config.ts';
import { createApiServers } from './kube/api-servers.ts';
import { createBoundCanaries } from './kube/canary.ts';
import { createKubeClient } from './kube/client.ts';
import type { KubeConfig } from './kube/config.ts';
import { createEventRecorder } from './kube/events.ts';
import { fenced } from './kube/fence.ts';
import { createLeaseLock } from './kube/lease.ts';
import { createCanaries, createOwnTokens } from './kube/tokens.ts';
import { createTransport } from './kube/transport.ts';
import { createServerVersion } from './kube/version.ts';
import type { Metrics } from './observability/metrics.ts';
import { createOperator } from './operator.ts';
import type { Operator } from './operator.ts';
import type { Clock } from './runtime/clock.ts';
import type { Connect } from './runtime/http-pool.ts';
import { LeadershipLostError, createLeaderElector } from './runtime/leader-election.ts';
import type { Logger } from './runtime/logger.ts';
import type { Random } from './runtime/random.ts';

export interface ReplicaOptions {
  readonly config: Config;
  /** How to reach the API server. */
  readonly cluster: KubeConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  /** Unlike that of any other process, also of one that ran before. */
  readonly instance: string;
  /** Real sockets when absent. */
  readonly connect?: Connect;
  /** Another one may lead from now on: nothing of this one may run on, not even to tidy up. Ends the process. */
  readonly onLeadershipLost: () => void;
}

export interface Replica {
  readonly operator: Operator;
  /** Whether this is the one that acts. */
  readonly isLeader: () => boolean;
  /** Works until the signal is aborted, then finishes what is under way and closes its connections. May be called once. */
  readonly run: (stopping: AbortSignal) => Promise<void>;
}

const leaseName = 'offboard-leader';

export const createReplica = (options: ReplicaOptions): Replica => {
  const { config, clock, random, log, metrics, version, instance, connect } = options;
  let isLeader = (): boolean => false;
  const cluster = { config: options.cluster, clock, version, connect };
  const transport = createTransport({ ...cluster, onRequest: metrics.onRequest });
  const client = createKubeClient(transport);
  const apiServers = createApiServers({ ...cluster, transport, urls: config.apiServers, onRequest: metrics.onRequest });
  const events = createEventRecorder({ client, clock, log, reportingController: 'offboard.dev/operator', reportingInstance: instance });
  const mayAct = (): boolean => !config.leaderElection || isLeader();
  const acting = fenced(client, mayAct);
  const operator = createOperator({
    config, client: acting, events, clock, random, log, metrics, version, apiServers, mayAct, connect,
    boundCanaries: createBoundCanaries({ client: acting, transport, clock }),
    canaries: createCanaries({ ...cluster, transport }),
    ownTokens: createOwnTokens({ ...cluster, transport, account: { namespace: config.namespace, name: config.serviceAccount } }),
    serverVersion: createServerVersion(transport),
  });

  const lead = async (signal: AbortSignal): Promise<void> => {
    log.info('Leading', { instance });
    await operator.work(signal);
  };
  const elect = async (stopping: AbortSignal): Promise<void> => {
    if (!config.leaderElection) {
      isLeader = () => !stopping.aborted;
      metrics.onLeading(true);
      await lead(stopping);
      return;
    }
    const lock = createLeaseLock({ client, namespace: config.namespace, name: leaseName });
    const elector = createLeaderElector({ lock, identity: instance, clock, random, log, onLeading: metrics.onLeading });
    isLeader = elector.isLeader;
    await elector.run(stopping, lead);
  };

  return {
    operator,
    isLeader: () => isLeader(),
    run: async (stopping) => {
      const watching = new AbortController();
      const watches = operator.watch(watching.signal);
      try {
        await elect(stopping);
      } catch (error) {
        if (error instanceof LeadershipLostError) options.onLeadershipLost();
        throw error;
      } finally {
        watching.abort(new Error('stopped'));
        await watches;
        await events.flush();
        await operator.close();
        await apiServers.close();
        await transport.close();
      }
    },
  };
};
