/** Two replicas of the operator, each behind a proxy of its own, that are started again whenever they end, as a cluster would do it. */
import { setTimeout as delay } from 'node:timers/promises';
import { complaints } from '../e2e/calm.ts';
import { isChange } from '../e2e/changes.ts';
import type { Moment } from '../e2e/changes.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import type { ServerProcess } from '../env/process.ts';
import { startProxy } from '../env/proxy.ts';
import type { Exchange, Proxy } from '../env/proxy.ts';
import { waitFor } from '../env/wait-for.ts';

export interface Death {
  readonly replica: number;
  /** When the signal was sent, and when the process was gone; milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  readonly led: boolean;
}

export interface Replicas {
  /** Which one wrote the lease last and lives. */
  readonly leader: () => number | undefined;
  /** With SIGKILL; resolves when they are gone. */
  readonly kill: (victims: readonly number[]) => Promise<void>;
  /** Resolves to the leader, once there is one that is ready. */
  readonly leading: () => Promise<OperatorProcess>;
  readonly deaths: readonly Death[];
  readonly starts: () => number;
  /** How they ended by themselves, and what their logs complain about. */
  readonly endedAlone: readonly string[];
  readonly complaints: readonly string[];
  /** Everything that they sent to end access, whether it arrived or not. */
  readonly sent: readonly Exchange[];
  readonly stop: () => Promise<void>;
}

export interface ReplicasOptions {
  readonly cluster: ControlPlane;
  readonly token: string;
  readonly args: readonly string[];
  /** Asked at each request; resolves to false where the request, or its answer, is to be lost. */
  readonly onExchange: (replica: number, moment: Moment, change: boolean) => boolean | Promise<boolean>;
}

interface Slot {
  readonly replica: number;
  readonly proxy: Proxy;
  process: ServerProcess | undefined;
  operator: OperatorProcess | undefined;
  killed: boolean;
}

const replicaCount = 2;
/** Milliseconds in which one must be ready: the API server may be down meanwhile. */
const patience = 120_000;
const beforeRestart = 200;
const isRevoke = ({ method, path }: Exchange): boolean => method === 'DELETE' || (method === 'PATCH' && path.startsWith('/apis/rbac.authorization.k8s.io/'));
const isLease = ({ method, path }: Exchange): boolean => method !== 'GET' && path.includes('/leases');

export const startReplicas = async ({ cluster, token, args, onExchange }: ReplicasOptions): Promise<Replicas> => {
  const deaths: Death[] = [];
  const endedAlone: string[] = [];
  const found: string[] = [];
  const sent: Exchange[] = [];
  const slots: Slot[] = [];
  const stopping = new AbortController();
  let started = 0;
  let leader: number | undefined;

  const startSlot = async (replica: number): Promise<Slot> => {
    const proxy = await startProxy(cluster, {
      token,
      onRequest: async (exchange) => {
        if (isRevoke(exchange)) sent.push(exchange);
        return onExchange(replica, 'before it arrives', isChange(exchange));
      },
      onAnswer: async ({ status, ...exchange }) => {
        // What one that is dead had under way makes nobody lead.
        if (isLease(exchange) && status < 300 && slots[replica]?.killed === false) leader = replica;
        return onExchange(replica, 'after it was answered', isChange(exchange));
      },
    });
    return { replica, proxy, process: undefined, operator: undefined, killed: false };
  };
  const ended = (slot: Slot, how: string, log: string): void => {
    if (leader === slot.replica) leader = undefined;
    // The last line of one that was killed may be half a line; one that was killed early had not said that it serves.
    const whole = log.slice(0, log.lastIndexOf('\n') + 1);
    if (!slot.killed && !stopping.signal.aborted) endedAlone.push(`${how}: ${whole.trimEnd().split('\n').at(-1) ?? ''}`);
    found.push(...complaints(whole).filter((line) => !line.startsWith('it was started 0 times') && !line.includes('"Leadership is lost"')));
    slot.process = undefined;
    slot.operator = undefined;
    slot.killed = false;
  };
  const begun = (slot: Slot, process: ServerProcess): void => {
    slot.process = process;
    if (stopping.signal.aborted) process.signal('SIGKILL');
  };
  const live = async (slot: Slot): Promise<void> => {
    started += 1;
    try {
      const operator = await startOperator(cluster, { kubeconfig: slot.proxy.kubeconfig, args, patience, onProcess: (process) => { begun(slot, process); } });
      slot.operator = operator;
      const how = await operator.process.exited;
      ended(slot, how, operator.log());
      await operator.stop('SIGKILL');
    } catch (error) {
      ended(slot, error instanceof Error ? error.message : String(error), '');
    }
  };
  const supervise = async (slot: Slot): Promise<void> => {
    while (!stopping.signal.aborted) {
      await live(slot);
      await delay(beforeRestart, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const killOne = async (slot: Slot | undefined): Promise<void> => {
    if (slot?.process === undefined) return;
    const { process, replica } = slot;
    const led = leader === replica;
    slot.killed = true;
    const from = Date.now();
    await process.kill('SIGKILL');
    if (led) leader = undefined;
    deaths.push({ replica, from, until: Date.now(), led });
  };

  for (let replica = 0; replica < replicaCount; replica += 1) slots.push(await startSlot(replica));
  const supervisors = slots.map(supervise);
  return {
    leader: () => leader,
    kill: async (victims) => {
      await Promise.all(victims.map((replica) => killOne(slots[replica])));
    },
    leading: () => waitFor(() => (leader === undefined ? undefined : slots[leader]?.operator), { timeout: patience, what: 'one of the replicas to lead' }),
    deaths,
    starts: () => started,
    endedAlone,
    complaints: found,
    sent,
    stop: async () => {
      stopping.abort();
      await Promise.all(slots.map(async ({ process }) => { await process?.kill('SIGKILL'); }));
      await Promise.all(supervisors);
      await Promise.all(slots.map(({ proxy }) => proxy.stop()));
    },
  };
};
