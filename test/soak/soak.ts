/**
 * `make soak`: identities come and go on a real control plane, RATE (0.67) a second for MINUTES (20), while the operator is watched for
 * what it uses. Neighbours' bindings change all the time, the API server is killed RESTARTS (6) times, and whenever an end is claimed every
 * credential is tried: of each identity at up to one a second, above that of so many that it is one a second. Records are kept for a
 * while only, so that what is there comes to a steady state. Prints the trend, writes all samples to `coverage/soak.json`, and exits
 * with 1 when something is not flat (the rule is in `trend.ts`), a claim was not true, or the operator cannot keep up. `PRELOAD` names a
 * module for the operator's process to load first: with one that leaks, the rule is seen to fail.
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
import { bindingOf, createNamespace, insistent } from './agents.ts';
import type { Insist } from './agents.ts';
import { startChurn } from './churn.ts';
import type { Churn } from './churn.ts';
import { render } from './report.ts';
import type { Soaked } from './report.ts';
import { takeSample } from './samples.ts';
import type { Sample } from './samples.ts';
import { longestRetention, trendsOf } from './trend.ts';

const betweenSamples = 2_000;
const betweenNeighbours = 1_000;
const neighbours = 5;
/** Seconds for which a record is kept, where the soak is long enough. */
const retention = 60;

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

interface Options {
  readonly minutes: number;
  /** Identities a second. */
  readonly rate: number;
  /** How often the API server is killed. */
  readonly restarts: number;
}

const soak = async (cluster: ControlPlane, operator: OperatorProcess, oracle: Oracle, { minutes, rate, restarts }: Options): Promise<Soaked> => {
  const api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'soak', connections: 16 });
  const insist = insistent(api);
  const samples: Sample[] = [];
  let killed = 0;
  const stopping = new AbortController();
  const { signal } = stopping;
  try {
    const churn: Churn = await startChurn({ insist, oracle, rate, signal });
    const end = setTimeout(() => { stopping.abort(); }, minutes * 60_000);
    await Promise.all([
      churn.over.finally(() => { clearTimeout(end); stopping.abort(); }),
      startNeighbours(insist, signal),
      every((minutes * 60_000) / (restarts + 1), signal, async () => {
        await cluster.restartApiServer();
        killed += 1;
      }),
      every(betweenSamples, signal, async () => {
        // As it does when the API server takes longer to come back than its lease lasts.
        if (!operator.process.running()) throw new Error(`the operator ended by itself: ${await operator.process.exited}`);
        samples.push(await takeSample(operator, churn.passed(), churn.underWay()));
        if (samples.length % 20 === 0) say(`  ${churn.passed().toFixed(0)} s: ${churn.ended.length} ended, ${churn.underWay()} under way; load average ${(loadavg()[0] ?? 0).toFixed(1)}`);
      }),
    ]);
    keepNeighbours(oracle);
    await oracle.calm(operator);
    return { samples, ended: churn.ended, retired: Object.fromEntries(churn.retired), tried: churn.tried(), apiServerKills: killed, operatorEnded: await operator.stop() };
  } finally {
    stopping.abort();
    await api.close();
  }
};

const run = async ({ minutes, rate, restarts }: Options, output: string): Promise<boolean> => {
  const machine = { processors: cpus().length, model: cpus()[0]?.model.trim() ?? '', node: process.version, loadAtStart: loadavg()[0] ?? 0 };
  const kept = Math.min(retention, longestRetention(minutes * 60));
  const cluster = await startControlPlane();
  try {
    await installOffboard(cluster);
    const oracle = await startOracle(cluster);
    const preload = process.env['PRELOAD'];
    const operator = await startOperator(cluster, {
      args: ['--kubernetes-settle=1s', '--token-secrets', `--record-retention=${String(kept)}s`],
      ...(preload === undefined || preload === '' ? {} : { env: { NODE_OPTIONS: `--import ${preload}` } }),
    });
    try {
      say(`Soaking for ${String(minutes)} minutes at ${String(rate)} a second; records are kept for ${String(kept)} s; the API server is killed ${String(restarts)} times`);
      const soaked = await soak(cluster, operator, oracle, { minutes, rate, restarts });
      await oracle.stop();
      const trends = trendsOf(soaked.samples, soaked.ended);
      mkdirSync(dirname(output), { recursive: true });
      writeFileSync(output, `${JSON.stringify({ minutes, rate, retention: kept, machine, loadAtEnd: loadavg()[0], ...soaked, trends }, null, 2)}\n`);
      process.stdout.write(render(soaked, trends, { minutes, rate }));
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

const numberOf = (name: 'MINUTES' | 'RATE' | 'RESTARTS', fallback: number, isFit: (number: number) => boolean, what: string): number => {
  const text = process.env[name] ?? '';
  const number = text === '' ? fallback : Number(text);
  if (!isFit(number)) throw new Error(`${name} must be ${what}, not ${text}`);
  return number;
};

const isPositive = (number: number): boolean => number > 0;
const options: Options = {
  minutes: numberOf('MINUTES', 20, isPositive, 'a number above 0'),
  rate: numberOf('RATE', 0.67, isPositive, 'a number above 0'),
  restarts: numberOf('RESTARTS', 6, (number) => Number.isInteger(number) && number >= 0, 'a whole number'),
};
const flat = await run(options, process.argv[2] ?? 'coverage/soak.json');
process.exit(flat ? 0 : 1);
