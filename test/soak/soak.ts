/**
 * `make soak`: identities come and go on a real control plane, 20 minutes (MINUTES) long, while the operator is watched for
 * what it uses. Neighbours' bindings change all the time, the API server is killed every few minutes, and whenever an end
 * is claimed every credential is tried. Prints the trend, writes all samples to `coverage/soak.json`, and exits with 1 when
 * something is not flat (the rule is in `trend.ts`) or a claim was not true. `PRELOAD` names a module for the operator's
 * process to load first: with one that leaks, the rule is seen to fail.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../bench/api.ts';
import { startOracle } from '../e2e/oracle.ts';
import type { Oracle } from '../e2e/oracle.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { installOffboard } from '../integration/install.ts';
import { bindingOf, createAgent, createNamespace, insistent } from './agents.ts';
import type { Insist } from './agents.ts';
import { lives } from './lives.ts';
import { takeSample } from './samples.ts';
import type { Sample } from './samples.ts';
import { renderTrends, trendsOf } from './trend.ts';

const betweenAgents = 1_500;
const betweenSamples = 2_000;
const betweenNeighbours = 1_000;
/** So many at once are more than an outage of the API server explains. */
const most = 60;
const namespaces = ['soak-0', 'soak-1', 'soak-2', 'soak-3'] as const;
const neighbours = 5;
const restarts = 6;

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Does something again and again, one after the other, until the signal is aborted. */
const every = async (pause: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> => {
  for (;;) {
    await delay(pause, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await work();
  }
};

interface Churn {
  /** Resolves when every identity that was begun has ended. */
  readonly over: Promise<void>;
  /** By the way it ended. */
  readonly retired: ReadonlyMap<string, number>;
}

const startChurn = (insist: Insist, oracle: Oracle, signal: AbortSignal): Churn => {
  const retired = new Map<string, number>();
  const under = new Set<Promise<void>>();
  const all = Object.entries(lives);
  let count = 0;
  let failed: unknown;
  const live = async (index: number): Promise<void> => {
    const [how, life] = all[index % all.length] ?? ['', () => Promise.resolve()];
    const home = namespaces[index % namespaces.length] ?? namespaces[0];
    const elsewhere = namespaces[(index + 1) % namespaces.length] ?? namespaces[0];
    const agent = await createAgent(insist, oracle.asUser, home, elsewhere, `agent-${String(index)}`);
    await oracle.guard(agent);
    await life({ insist, oracle }, agent);
    retired.set(how, (retired.get(how) ?? 0) + 1);
  };
  const begin = async (): Promise<void> => {
    if (under.size >= most) throw new Error(`${String(most)} identities are on their way out, and none gets there`);
    const one = live(count).finally(() => under.delete(one));
    count += 1;
    under.add(one);
    one.catch((error: unknown) => { failed ??= error; });
    if (failed !== undefined) throw failed instanceof Error ? failed : new Error('an identity failed', { cause: failed });
    await Promise.resolve();
  };
  const over = every(betweenAgents, signal, begin).then(async () => {
    await Promise.all(under);
    if (failed !== undefined) throw failed instanceof Error ? failed : new Error('an identity failed', { cause: failed });
  });
  return { over, retired };
};

/** Asked for at the end: while an API server that was killed comes back, RBAC refuses everybody for some seconds. */
const keepNeighbours = (oracle: Oracle): void => {
  for (let index = 0; index < neighbours; index += 1) {
    const name = `neighbour-${String(index)}`;
    oracle.keep([oracle.asUser(name, `system:serviceaccount:soak-neighbours:${name}`, '/api/v1/namespaces/soak-neighbours/pods')]);
  }
};

/** Bindings of others, which the operator watches and must leave alone. */
const startNeighbours = async (insist: Insist, signal: AbortSignal): Promise<void> => {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/soak-neighbours/rolebindings`;
  await createNamespace(insist, 'soak-neighbours');
  for (let index = 0; index < neighbours; index += 1) {
    await insist('POST', path, bindingOf(`neighbour-${String(index)}`, 'soak-neighbours'));
  }
  let turn = 0;
  await every(betweenNeighbours, signal, async () => {
    turn += 1;
    await insist('PATCH', `${path}/neighbour-${String(turn % neighbours)}`, { metadata: { annotations: { turn: String(turn) } } });
    await insist('POST', path, bindingOf('guest', 'soak-neighbours'));
    await insist('DELETE', `${path}/guest`);
  });
};

interface Soaked {
  readonly samples: readonly Sample[];
  readonly retired: Readonly<Record<string, number>>;
  readonly apiServerRestarts: number;
  readonly operatorEnded: string;
}

const soak = async (cluster: ControlPlane, operator: OperatorProcess, oracle: Oracle, minutes: number): Promise<Soaked> => {
  const api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'soak', connections: 16 });
  const insist = insistent(api);
  for (const name of namespaces) await createNamespace(insist, name);
  const began = performance.now();
  const passed = (): number => (performance.now() - began) / 1000;
  const samples: Sample[] = [];
  let killed = 0;
  // A counter is there from its first count on.
  const first = await createAgent(insist, oracle.asUser, namespaces[0], namespaces[1], 'agent-first');
  await oracle.guard(first);
  for (const life of Object.values(lives).slice(0, 1)) await life({ insist, oracle }, first);
  const stopping = new AbortController();
  const { signal } = stopping;
  const end = setTimeout(() => { stopping.abort(); }, minutes * 60_000);
  try {
    const churn = startChurn(insist, oracle, signal);
    await Promise.all([
      churn.over,
      startNeighbours(insist, signal),
      every((minutes * 60_000) / (restarts + 1), signal, async () => {
        await cluster.restartApiServer();
        killed += 1;
      }),
      every(betweenSamples, signal, async () => {
        samples.push(await takeSample(operator, passed()));
        if (samples.length % 20 === 0) say(`  ${passed().toFixed(0)} s: ${[...churn.retired].map(([how, count]) => `${String(count)} by ${how}`).join(', ')}`);
      }),
    ]);
    keepNeighbours(oracle);
    await oracle.calm(operator);
    return { samples, retired: Object.fromEntries(churn.retired), apiServerRestarts: killed, operatorEnded: await operator.stop() };
  } finally {
    clearTimeout(end);
    stopping.abort();
    await api.close();
  }
};

const run = async (minutes: number, output: string): Promise<boolean> => {
  const machine = { processors: cpus().length, model: cpus()[0]?.model.trim() ?? '', node: process.version, loadAtStart: loadavg()[0] ?? 0 };
  const cluster = await startControlPlane();
  try {
    await installOffboard(cluster);
    const oracle = await startOracle(cluster);
    const preload = process.env['PRELOAD'];
    const operator = await startOperator(cluster, {
      args: ['--kubernetes-settle=1s', '--token-secrets'],
      ...(preload === undefined || preload === '' ? {} : { env: { NODE_OPTIONS: `--import ${preload}` } }),
    });
    try {
      say(`Soaking for ${String(minutes)} minutes; the API server is killed ${String(restarts)} times`);
      const soaked = await soak(cluster, operator, oracle, minutes);
      await oracle.stop();
      const trends = trendsOf(soaked.samples);
      mkdirSync(dirname(output), { recursive: true });
      writeFileSync(output, `${JSON.stringify({ minutes, machine, ...soaked, trends }, null, 2)}\n`);
      const last = soaked.samples.at(-1);
      const count = Object.values(soaked.retired).reduce((sum, each) => sum + each, 0);
      process.stdout.write(
        [
          `${String(count)} identities retired in ${String(minutes)} minutes, every credential of each refused when its end was claimed`,
          ...Object.entries(soaked.retired).map(([how, each]) => `  ${how.padEnd(52)}${String(each).padStart(6)}`),
          `API server killed ${String(soaked.apiServerRestarts)} times; the operator made ${String(last?.requests)} requests, ${String(last?.reconciles)} reconciles and ` +
            `${String(last?.watchLists)} lists for its watches with ${last?.cpuSeconds.toFixed(1) ?? ''} s of CPU, and ended with ${soaked.operatorEnded}`,
          '',
          renderTrends(trends),
          '',
        ].join('\n'),
      );
      return soaked.operatorEnded === 'exit code 0' && trends.every(({ flat }) => flat);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${operator.process.tail(10)}`, { cause: error });
    } finally {
      await operator.stop('SIGKILL');
    }
  } finally {
    await cluster.stop();
  }
};

const minutes = Number(process.env['MINUTES'] ?? '20');
if (!(minutes > 0)) throw new Error(`MINUTES must be a number above 0, not ${String(process.env['MINUTES'])}`);
const flat = await run(minutes, process.argv[2] ?? 'coverage/soak.json');
process.exit(flat ? 0 : 1);
