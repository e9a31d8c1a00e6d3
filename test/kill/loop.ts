/**
 * Kill loop: so many offboardings are under way at any time, while two replicas of the operator are killed with SIGKILL again and
 * again, and now and then the API server as well. When the kills are over, everything must end, and then all of it is judged.
 *
 * Replayable as far as real servers allow: which replicas are killed, when, and with what is drawn from the seed before it begins;
 * what the processes do between two requests is theirs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../src/runtime/random.ts';
import { connect } from '../bench/api.ts';
import { startOracle } from '../e2e/oracle.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { installSigningKey } from '../env/signing-key.ts';
import { below, createSeededRandom } from '../fakes/random.ts';
import { installOffboard } from '../integration/install.ts';
import { bindingOf, createNamespace, insistent, make } from '../soak/agents.ts';
import type { Insist, Made } from '../soak/agents.ts';
import { judge } from './judge.ts';
import type { Judgement } from './judge.ts';
import { describeStrike, planOf } from './plan.ts';
import type { PlanOptions, Strike } from './plan.ts';
import { startReplicas } from './replicas.ts';
import type { Replicas } from './replicas.ts';
import { startTrigger } from './trigger.ts';
import type { TriggerPoint } from './trigger.ts';
import { liveAndDie, namespaces, neighbourOf } from './ways.ts';
import type { Site, Victim } from './ways.ts';

export interface KillOptions extends PlanOptions {
  readonly seed: number;
  /** As long as there are kills to come, one that has ended is followed by another one. */
  readonly refill: boolean;
  readonly say: (line: string) => void;
}

export interface Killed {
  readonly judgement: Judgement;
  readonly seconds: { readonly all: number; readonly kills: number; readonly afterTheLastKill: number };
  readonly victims: readonly Victim[];
  readonly strikes: number;
  /** Processes of the operator that were killed, and those of them that led. */
  readonly deaths: number;
  readonly leadersKilled: number;
  /** At a request that was waited for; the others by time, or because nothing came. */
  readonly atRequests: number;
  readonly apiServerKills: number;
  readonly operatorStarts: number;
}

const settle = 1_000;
const args = [`--kubernetes-settle=${settle / 1000}s`, '--token-secrets'];
const betweenNeighbours = 150;
const leasePath = '/apis/coordination.k8s.io/v1/namespaces/offboard-system/leases/offboard-leader';

export const killLoop = async (options: KillOptions): Promise<Killed> => {
  const cluster = await startControlPlane({ audit: true, apiServerArgs: ['--audit-log-maxsize=8192'] });
  const api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'kill', connections: 16 });
  try {
    await installOffboard(cluster);
    await installSigningKey(cluster);
    const token = await installOperatorAccount(cluster, { tokenSecrets: { enabled: true }, sharedBindings: { clusterRoles: ['view'] } });
    const oracle = await startOracle(cluster);
    const trigger = startTrigger();
    const replicas = await startReplicas({ cluster, token, args, onExchange: trigger.onExchange });
    try {
      return await withReplicas(options, cluster, { insist: insistent(api), oracle }, replicas, trigger);
    } finally {
      await replicas.stop();
      // What it found is part of the judgement.
      await oracle.stop().catch(() => undefined);
    }
  } finally {
    await api.close();
    await cluster.stop();
  }
};

const withReplicas = async (options: KillOptions, cluster: ControlPlane, site: Site, replicas: Replicas, trigger: TriggerPoint): Promise<Killed> => {
  const random = createSeededRandom(options.seed);
  const plan = planOf(random, options);
  const began = performance.now();
  const untouched = await startNeighbours(site.insist);
  const neighbours = new AbortController();
  const under = new Set<Made>();
  const killing = new AbortController();
  const work = retireMany(options, site, killing.signal, under);
  const meddling = annotate(site.insist, under, createSeededRandom(options.seed + 1), neighbours.signal);
  try {
    // So many are under way from the first kill on.
    await Promise.race([waitUnder(under, options.runs), work]);
    const killsFrom = performance.now();
    const { apiServerKills, atRequests } = await Promise.race([strikeAll(plan, cluster, site.insist, replicas, trigger, options.say), never(work)]);
    const killsUntil = performance.now();
    options.say(`${String(plan.length)} kills are over, and ${String(under.size)} are under way`);
    killing.abort();
    const victims = await work;
    const ended = performance.now();
    neighbours.abort();
    await meddling;
    const leader = await replicas.leading();
    await site.oracle.calm(leader);
    const judgement = await judge({ cluster, site, replicas, victims, untouched, settle });
    return {
      judgement, victims,
      seconds: { all: (ended - began) / 1000, kills: (killsUntil - killsFrom) / 1000, afterTheLastKill: (ended - killsUntil) / 1000 },
      strikes: plan.length,
      deaths: replicas.deaths.length,
      leadersKilled: replicas.deaths.filter(({ led }) => led).length,
      atRequests, apiServerKills,
      operatorStarts: replicas.starts(),
    };
  } finally {
    killing.abort();
    neighbours.abort();
  }
};

/** Only its failure matters. */
const never = async (work: Promise<unknown>): Promise<never> => {
  await work;
  throw new Error('all offboardings ended before the kills did');
};

const waitUnder = async (under: ReadonlySet<unknown>, wanted: number): Promise<void> => {
  while (under.size < wanted) await delay(50);
};

/** Keeps so many under way until the signal is aborted; resolves when every one that was begun has ended. */
const retireMany = async ({ runs, refill }: KillOptions, site: Site, signal: AbortSignal, under: Set<Made>): Promise<readonly Victim[]> => {
  const victims: Victim[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    do {
      const index = next;
      next += 1;
      let shared: Made | undefined;
      victims.push(await liveAndDie(site, index, (made) => under.add((shared = made))));
      if (shared !== undefined) under.delete(shared);
    } while (refill && !signal.aborted);
  };
  await Promise.all(Array.from({ length: runs }, worker));
  return victims;
};

const strikeAll = async (
  plan: readonly Strike[], cluster: ControlPlane, insist: Insist, replicas: Replicas, trigger: TriggerPoint, say: (line: string) => void,
): Promise<{ readonly apiServerKills: number; readonly atRequests: number }> => {
  let restart: Promise<void> = Promise.resolve();
  let apiServerKills = 0;
  let atRequests = 0;
  for (const [index, strike] of plan.entries()) {
    const { asked } = await trigger.wait(strike.trigger, async (by) => {
      const leader = by ?? replicas.leader() ?? strike.otherwise;
      await replicas.kill(strike.victims === 'both' ? [0, 1] : [strike.victims === 'leader' ? leader : 1 - leader]);
    });
    if (asked) atRequests += 1;
    if (strike.apiServer) {
      await restart;
      restart = cluster.restartApiServer();
      // Whoever waits for it is told below.
      restart.catch(() => undefined);
      apiServerKills += 1;
    } else if (strike.lease === 'given up' && replicas.leader() === undefined) {
      await giveUpLease(insist);
    }
    if (index % 10 === 9 || strike.apiServer) say(`  kill ${String(index + 1)}: ${describeStrike(strike)}`);
  }
  await restart;
  return { apiServerKills, atRequests };
};

/** As its holder does when it is told to end. It is dead; and only if nobody else took it meanwhile. */
const giveUpLease = async (insist: Insist): Promise<void> => {
  const read = await insist('GET', leasePath);
  if (read.status === 404) return;
  const { metadata: { resourceVersion } } = JSON.parse(read.body) as { readonly metadata: { readonly resourceVersion: string } };
  await insist('PATCH', leasePath, { metadata: { resourceVersion }, spec: { holderIdentity: '' } }).catch((error: unknown) => {
    if (!String(error).includes(': 409 ')) throw error;
  });
};

/** Accounts and bindings that are nobody's business: at the end each must be at the very version that it has now. */
const startNeighbours = async (insist: Insist): Promise<readonly Made[]> => {
  const all: Made[] = [];
  for (const namespace of namespaces) {
    await createNamespace(insist, namespace);
    const name = neighbourOf(namespace);
    all.push(await make(insist, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } }));
    // Beside the account of the first identity in that place, by a longer name.
    all.push(await make(insist, `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: `agent-${String(namespaces.indexOf(namespace))}-too` } }));
    all.push(await make(insist, `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, bindingOf(name, namespace)));
  }
  return all;
};

/** Somebody changes the shared bindings all the time, so that what the operator has read of one is often not the last of it. */
const annotate = async (insist: Insist, under: ReadonlySet<Made>, random: Random, signal: AbortSignal): Promise<void> => {
  for (let turn = 0; !signal.aborted; turn += 1) {
    await delay(betweenNeighbours, undefined, { signal }).catch(() => undefined);
    const one = [...under][below(random, under.size)];
    if (one !== undefined) await insist('PATCH', one.path, { metadata: { annotations: { turn: String(turn) } } });
  }
};
