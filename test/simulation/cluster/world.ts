/** A cluster and one process that talks to it as the operator does: for the tests of the cluster. */
import { createKubeClient, type KubeClient } from '../../../src/kube/client.ts';
import { createApiServers, type ApiServers } from '../../../src/kube/api-servers.ts';
import { knownByToken, type KubeConfig } from '../../../src/kube/config.ts';
import { createTransport, type Transport } from '../../../src/kube/transport.ts';
import type { FaultsOf } from '../engine/network.ts';
import { createNetwork } from '../engine/network.ts';
import { createProcess, type Process } from '../engine/process.ts';
import { streamOf } from '../engine/random.ts';
import { createScheduler, type Scheduler } from '../engine/scheduler.ts';
import { type Cluster, type ClusterOptions, createCluster } from './cluster.ts';

export const operatorNamespace = 'offboard-system';
export const simulatedEpoch = Date.parse('2026-11-23T10:00:00Z');

export interface ClusterWorld {
  readonly scheduler: Scheduler;
  readonly cluster: Cluster;
  readonly process: Process;
  readonly client: KubeClient;
  readonly transport: Transport;
  readonly apiServers: ApiServers;
  /** By a token alone. */
  readonly clientWith: (token: string) => KubeClient;
  /** Runs until that is settled, and gives what it gives. */
  readonly ended: <T>(work: Promise<T>) => Promise<T>;
  /** So many milliseconds go by. */
  readonly pass: (milliseconds: number) => Promise<void>;
}

export const createClusterWorld = (options: Partial<ClusterOptions> & { readonly faults?: FaultsOf } = {}): ClusterWorld => {
  const scheduler = createScheduler();
  const cluster = createCluster({ scheduler, random: streamOf(1, 'cluster'), namespace: operatorNamespace, namespaces: ['ci', 'ops'], epoch: simulatedEpoch, ...options });
  const network = createNetwork({ scheduler, random: streamOf(1, 'network'), servers: cluster.servers, faults: options.faults ?? (() => undefined), trace: () => undefined });
  const process = createProcess({ name: 'operator-0.1', scheduler, network, epoch: simulatedEpoch });
  const [first] = cluster.servers;
  const config: KubeConfig = {
    server: first?.origin ?? '', namespace: operatorNamespace, source: 'simulated', tls: {},
    authHeaders: () => Promise.resolve({ authorization: `Bearer ${cluster.operatorToken}` }), forgetCredentials: () => undefined,
  };
  const common = { config, clock: process.clock, version: 'test', connect: process.connect };
  const transport = createTransport(common);
  return {
    scheduler, cluster, process, transport,
    client: createKubeClient(transport),
    apiServers: createApiServers({ ...common, transport, urls: cluster.servers.map(({ origin }) => origin) }),
    clientWith: (token) => createKubeClient(createTransport({ ...common, config: knownByToken(config, token) })),
    ended: async (work) => {
      let over = false;
      const settled = work.finally(() => {
        over = true;
      });
      settled.catch(() => undefined);
      await scheduler.run(scheduler.now() + 3_600_000, () => over);
      return settled;
    },
    pass: (milliseconds) => scheduler.run(scheduler.now() + milliseconds),
  };
};

/** Virtual time goes by as fast as it can be run, and what is asked for beside that comes in between. */
export const createPump = ({ scheduler }: Pick<ClusterWorld, 'scheduler'>): { readonly move: (milliseconds: number) => Promise<void>; readonly stop: () => Promise<void> } => {
  let running = true;
  let turns = Promise.resolve();
  const move = (milliseconds: number): Promise<void> => (turns = turns.then(() => scheduler.run(scheduler.now() + milliseconds)));
  const pump = async (): Promise<void> => {
    while (running) {
      await move(1);
    }
  };
  const pumping = pump();
  return {
    move,
    stop: () => {
      running = false;
      return pumping;
    },
  };
};
