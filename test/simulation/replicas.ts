/** The operator's processes: each replica is one at a time, killed, frozen, and started anew as a Deployment does. */
import { readConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';
import type { KubeConfig } from '../../src/kube/config.ts';
import type { Metrics } from '../../src/observability/metrics.ts';
import { createReplica } from '../../src/replica.ts';
import type { Logger } from '../../src/runtime/logger.ts';
import type { Network } from './engine/network.ts';
import type { Process } from './engine/process.ts';
import { createProcess } from './engine/process.ts';
import { streamOf } from './engine/random.ts';
import type { Scheduler } from './engine/scheduler.ts';
import { Violation } from './invariants.ts';
import type { EndsLater } from './plan.ts';

export interface Replicas {
  /** As SIGKILL; another process takes its place so many milliseconds later. */
  readonly kill: (replica: number, down: number) => void;
  /** At the n-th request from now that this replica sends. */
  readonly killAtRequest: (replica: number, nth: number, when: 'Sent' | 'Answered', down: number) => void;
  readonly process: (replica: number) => Process;
  /** When a process of that name began; undefined for one that is none of the operator's. */
  readonly startedAt: (name: string) => number | undefined;
  /** To be told of each request that is sent, before it is on its way. Returns false when it never gets there. */
  readonly onSend: (from: string) => 'Send' | 'Lost' | 'SendAndDie';
  readonly stop: () => void;
}

export interface ReplicasOptions {
  readonly seed: number;
  readonly count: number;
  readonly scheduler: Scheduler;
  /** A process that is down is one of the troubles. */
  readonly endsLater: EndsLater;
  readonly network: Network;
  readonly epoch: number;
  /** Of the API servers, the configured one first. */
  readonly origins: readonly string[];
  readonly namespace: string;
  readonly log: (process: string) => Logger;
  /** What ends the universe. */
  readonly fail: (error: unknown) => void;
}

interface Running {
  readonly process: Process;
  readonly stop: AbortController;
  generation: number;
}

const leastDown = 1_000;

export const createReplicas = (options: ReplicasOptions): Replicas => {
  const { scheduler, endsLater, network, seed, epoch, count, fail } = options;
  const config = configOf(options);
  const running: Running[] = [];
  const began = new Map<string, number>();
  const doomed = new Map<string, { left: number; readonly when: 'Sent' | 'Answered'; readonly down: number }>();
  let stopped = false;

  const start = (index: number, generation: number): Running => {
    const name = `operator-${String(index)}.${String(generation)}`;
    const process = createProcess({ name, scheduler, network, epoch });
    const stop = new AbortController();
    began.set(name, scheduler.now());
    const die = (down: number): void => {
      if (process.isAlive()) kill(index, down);
    };
    const replica = createReplica({
      config, cluster: clusterOf(options), clock: process.clock, random: streamOf(seed, name), log: options.log(name), metrics: noMetrics, version: '0.0.0',
      instance: name, connect: process.connect,
      onLeadershipLost: () => { die(leastDown); },
    });
    replica.run(stop.signal).catch((error: unknown) => {
      // Of one that is dead, nothing counts any more.
      if (process.isAlive() && !stopped) fail(new Violation('ProcessLives', `${name} ended by itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
    });
    return { process, stop, generation };
  };
  const kill = (index: number, down: number): void => {
    const one = running[index];
    if (one === undefined || !one.process.isAlive()) return;
    one.process.kill();
    doomed.delete(one.process.name);
    endsLater(leastDown + down, () => {
      if (!stopped) running[index] = start(index, one.generation + 1);
    });
  };
  for (let index = 0; index < count; index += 1) running.push(start(index, 0));
  const at = (index: number): Running => running[index] ?? (running[0] as Running);

  return {
    kill,
    killAtRequest: (index, nth, when, down) => {
      doomed.set(at(index).process.name, { left: nth, when, down });
    },
    process: (index) => at(index).process,
    startedAt: (name) => began.get(name),
    onSend: (from) => {
      const fate = doomed.get(from);
      if (fate === undefined) return 'Send';
      fate.left -= 1;
      if (fate.left > 0) return 'Send';
      const index = running.findIndex(({ process }) => process.name === from);
      kill(index, fate.down);
      return fate.when === 'Sent' ? 'Lost' : 'SendAndDie';
    },
    stop: () => {
      stopped = true;
      for (const { process } of running) process.kill();
    },
  };
};

const configOf = ({ origins, namespace }: ReplicasOptions): Config => {
  const config = readConfig([`--namespace=${namespace}`, `--api-servers=${origins.join(',')}`, '--token-secrets', '--make-signing-key=false', '--workers=4', '--kubernetes-settle=12s'], {});
  if (typeof config === 'string') throw new Error('the flags ask for no operator');
  return config;
};

const clusterOf = ({ origins, namespace }: ReplicasOptions): KubeConfig => ({
  server: origins[0] ?? '',
  namespace,
  source: 'simulation',
  tls: {},
  authHeaders: () => Promise.resolve({}),
  forgetCredentials: () => undefined,
});

const nothing = (): undefined => undefined;

const noMetrics: Metrics = {
  queue: () => ({ added: nothing, retried: nothing, taken: nothing, finished: nothing, observe: nothing }),
  onRequest: nothing,
  onConnectorRequest: nothing,
  onReconcile: nothing,
  onOperation: nothing,
  onConfirmed: nothing,
  onAllGone: nothing,
  onReturned: nothing,
  onLeading: nothing,
  watch: { onList: nothing, onConnected: nothing, onRun: nothing },
  text: () => Promise.resolve(''),
};
