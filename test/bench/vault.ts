/**
 * Offboard among many tokens and leases on one OpenBao: several agents that are retired at once. Finding what they have is
 * compared with a script for each agent that asks for everything by itself; then all of it is ended and proven gone.
 */
import { cpus } from 'node:os';
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { Credential, DependencyKind, Inventory, Revoker } from '../../src/revokers/revoker.ts';
import type { VaultClient } from '../../src/revokers/vault/client.ts';
import { createVaultKind } from '../../src/revokers/vault/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { VaultWorld } from '../env/vault-world.ts';
import { startVaultWorld } from '../env/vault-world.ts';
import { connectorsTo, createTestClient, testSettings } from '../integration/vault-connection.ts';
import { inParallel } from './api.ts';
import { openWindow, usageOf } from './usage.ts';
import { findNaively } from './vault-naive.ts';
import type { NaiveFigures } from './vault-naive.ts';
import { populateVault } from './vault-population.ts';
import type { BusyAgent } from './vault-population.ts';

export interface Step {
  readonly seconds: number;
  readonly requests: number;
  /** Milliseconds of the slowest request, its wait for a connection included; the client gives up after 10,000. */
  readonly slowest: number;
  readonly slowestPath: string;
  /** Requests under way at once, those included that wait for a connection. */
  readonly mostAtOnce: number;
}

export interface VaultReport {
  readonly agents: number;
  readonly tokens: number;
  readonly leases: number;
  readonly naive: NaiveFigures;
  /** The first inventory of each agent, all at the same time; then once more. */
  readonly find: Step;
  readonly findAgain: Step;
  /** Locked, everything revoked, observed absent, and a last inventory that finds nothing more. */
  readonly end: Step & { readonly credentials: number };
  readonly cpu: Readonly<Record<string, number>>;
  /** Of the machine, taken by other programs meanwhile. */
  readonly others: number;
  readonly rss: number;
}

/** Of ten agents each has a tenth of everything. */
const agentCount = 10;

export const measureVault = async (count: number, say: (line: string) => void): Promise<VaultReport> => {
  const cluster = await startControlPlane({ controllerManager: false });
  try {
    const world = await startVaultWorld({ cluster });
    try {
      say(`Creating ${count} tokens and as many leases of ${agentCount} agents`);
      return await measure(world, await populateVault(world, agentCount, count, say), say);
    } finally {
      await world.stop();
    }
  } finally {
    await cluster.stop();
  }
};

const measure = async (world: VaultWorld, agents: readonly BusyAgent[], say: (line: string) => void): Promise<VaultReport> => {
  const token = await world.operator.token();
  const { client, close } = createTestClient(world.bao, () => token);
  const timed = timedClient(client);
  // One kind for all of them, as in the operator: what it remembers of the server it remembers for each.
  const kind = createVaultKind({ connectors: connectorsTo(timed.client), clock: systemClock, isForeign: () => false, accountNow: () => Promise.resolve(undefined) });
  const runs = agents.map((agent) => openRun(kind, agent));
  const window = openWindow({});
  try {
    say('Finding everything, as a script for each agent does');
    const naive = await findNaively(world.bao, token, agents, testSettings.maxConcurrent);
    say('Finding everything, as Offboard does');
    const find = await timed.step(() => findAll(runs));
    const findAgain = await timed.step(() => findAll(runs));
    expectSame('tokens', find.result, 'Token', naive.tokens);
    expectSame('leases', find.result, 'Lease', naive.leases);
    say('Ending everything');
    const end = await timed.step(() => inParallel(runs, runs.length, endAll));
    await expectNothingLeft(world, agents);
    const { cpu, others, seconds } = window();
    return {
      agents: agents.length,
      tokens: naive.tokens,
      leases: naive.leases,
      naive,
      find: find.figures,
      findAgain: findAgain.figures,
      end: { ...end.figures, credentials: find.result.reduce((sum, { credentials }) => sum + credentials.length, 0) },
      cpu,
      others: others / (seconds * cpus().length),
      rss: usageOf(process.pid).rss,
    };
  } finally {
    await close();
  }
};

/** One agent's retirement, as the operator carries it out. */
interface Run {
  readonly revoker: Revoker;
  readonly target: Target;
}

const never = new AbortController().signal;

const openRun = (kind: DependencyKind, { agent, uid }: BusyAgent): Run => {
  const dependency = { name: 'vault', vault: { connectorRef: { name: 'vault' }, leases: [{ prefix: agent.prefix, exclusive: true }] } };
  const revoker = kind.bind(dependency);
  if (revoker === undefined) throw new Error('no revoker takes the dependency');
  return { revoker, target: { serviceAccount: { namespace: agent.namespace, name: agent.name, uid }, dependencies: [dependency] } };
};

const findAll = (runs: readonly Run[]): Promise<readonly Inventory[]> => Promise.all(runs.map(({ revoker, target }) => revoker.inventory(target, 'Fresh', never)));

/** As the run does it, but for the settle time: what is not seen absent is looked at again, until nothing new is found. */
const endAll = async ({ revoker, target }: Run): Promise<void> => {
  if (revoker.lock.kind === 'Lockable') await revoker.lock.lock(target, never);
  for (;;) {
    const open = (await revoker.inventory(target, 'Fresh', never)).credentials.filter(({ end, seen }) => end.by === 'Revoke' && seen);
    if (open.length === 0) return;
    await inParallel(open, revoker.concurrency, async (credential) => {
      await revoker.revoke(credential, target, never);
    });
    let left: readonly Credential[] = open;
    while (left.length > 0) {
      const present: Credential[] = [];
      await inParallel(left, revoker.concurrency, async (credential) => {
        const { state, message = '' } = await revoker.observe(credential, target, never);
        if (state === 'Unknown') throw new Error(`${credential.id}: ${message}`);
        if (state === 'Present') present.push(credential);
      });
      left = present;
    }
  }
};

const expectSame = (what: string, inventories: readonly Inventory[], type: string, expected: number): void => {
  const found = inventories.reduce((sum, { credentials }) => sum + credentials.filter((credential) => credential.class === type).length, 0);
  if (found !== expected) throw new Error(`Offboard found ${found} ${what}, a script ${expected}`);
};

const expectNothingLeft = async ({ bao, postgres }: VaultWorld, agents: readonly BusyAgent[]): Promise<void> => {
  const users = await postgres.query(`select rolname from pg_roles where rolname like 'v-%'`);
  if (users.length > 0) throw new Error(`${users.length} database users are left`);
  for (const { agent, tokens } of agents) {
    const { status } = await bao.call('LIST', `sys/leases/lookup/${agent.prefix}`);
    const use = await tokens[0]?.use();
    if (status !== 404 || use !== 403) throw new Error(`${agent.name} is left with something: its leases answer ${status}, its first token ${String(use)}`);
  }
};

interface TimedClient {
  readonly client: VaultClient;
  readonly step: <T>(work: () => Promise<T>) => Promise<{ readonly result: T; readonly figures: Step }>;
}

const timedClient = (inner: VaultClient): TimedClient => {
  let [requests, slowest, atOnce, mostAtOnce] = [0, 0, 0, 0];
  let slowestPath = '';
  const timed = async <T>(path: string, call: () => Promise<T>): Promise<T> => {
    requests += 1;
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    const began = performance.now();
    try {
      return await call();
    } finally {
      atOnce -= 1;
      const took = performance.now() - began;
      if (took > slowest) [slowest, slowestPath] = [took, path];
    }
  };
  return {
    client: { ...inner, request: (request, signal) => timed(request.path.join('/'), () => inner.request(request, signal)) },
    step: async (work) => {
      [requests, slowest, mostAtOnce] = [0, 0, 0];
      const began = performance.now();
      const result = await work();
      return { result, figures: { seconds: (performance.now() - began) / 1000, requests, slowest, slowestPath, mostAtOnce } };
    },
  };
};

export const renderVault = ({ agents, tokens, leases, naive, find, findAgain, end, others, rss }: VaultReport): string => {
  const row = (name: string, { seconds, requests }: Pick<Step, 'seconds' | 'requests'>, step?: Step): string => {
    const more = step === undefined ? '' : `${String(step.mostAtOnce).padStart(10)}${`${step.slowest.toFixed(0)} ms`.padStart(12)}  ${step.slowestPath}`;
    return `  ${name.padEnd(36)}${`${seconds.toFixed(1)} s`.padStart(10)}${String(requests).padStart(10)}${more}`;
  };
  return [
    `${tokens} tokens and ${leases} leases of ${agents} agents on one OpenBao, retired at once; ${testSettings.maxConcurrent} connections`,
    `Taken by other programs meanwhile, the servers included: ${(100 * others).toFixed(0)} % of the machine; peak RSS of this process ${(rss / 2 ** 20).toFixed(0)} MiB`,
    `  ${''.padEnd(36)}${'time'.padStart(10)}${'requests'.padStart(10)}${'at once'.padStart(10)}${'slowest'.padStart(12)}`,
    row('found by a script for each agent', naive),
    row('found by Offboard', find, find),
    row('found once more', findAgain, findAgain),
    row(`${end.credentials} ended and seen gone`, end, end),
  ].join('\n');
};
