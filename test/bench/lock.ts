/**
 * What the lock costs those who have nothing to do with it: how long a pod and a ServiceAccount take that nobody has locked, each as a
 * dry run and one after another, without the policies of the lock, with them and nobody locked, and with so many locked.
 */
import { waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import type { Api } from './api.ts';
import { percentiles } from './report.ts';

export interface LockReport {
  readonly identities: number;
  readonly namespaces: number;
  /** Of the ConfigMap's data. */
  readonly bytes: number;
  readonly samples: number;
  /** By situation and what was created; milliseconds. */
  readonly times: Readonly<Record<Situation, Readonly<Record<What, Times>>>>;
}

type Situation = 'without' | 'empty' | 'full';
type What = 'pods' | 'serviceaccounts';
interface Times {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

const mostNamespaces = 500;
/** The situations take turns, so that what else the machine does falls on all of them alike. */
const rounds = 4;
const samplesInRound = 250;
const warmUp = 30;
const manifest = 'config/policies/lock.yaml';
const lockPath = '/api/v1/namespaces/offboard-system/configmaps/offboard-lock';
const parts = ['identity', 'pods', 'secrets', 'bindings'].map((part) => `offboard-lock-${part}`);
const bodies: Readonly<Record<What, object>> = {
  pods: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { serviceAccountName: 'default', containers: [{ name: 'c', image: 'i' }] } },
  serviceaccounts: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'new' } },
};

export const measureLock = async (cluster: ControlPlane, api: Api, identities: number, say: (line: string) => void): Promise<LockReport> => {
  const namespaces = Math.min(mostNamespaces, identities);
  const data = entries(identities, namespaces);
  const times: Record<Situation, Record<What, number[]>> = { without: none(), empty: none(), full: none() };
  for (let round = 1; round <= rounds; round += 1) {
    say(`Measuring the lock, round ${String(round)} of ${String(rounds)}`);
    await cluster.kubectl(['delete', 'validatingadmissionpolicybinding', ...parts]);
    await until(api, 'allowed');
    await sample(api, times.without);
    await cluster.kubectl(['apply', '--server-side', '-f', manifest]);
    // In force once it denies this one.
    await write(api, { default: '\nlocked\n' });
    await until(api, 'denied');
    await write(api, { default: null });
    await sample(api, times.empty);
    await write(api, { ...data, default: '\nlocked\n' });
    await until(api, 'denied');
    await sample(api, times.full);
    await write(api, Object.fromEntries(Object.keys({ ...data, default: '' }).map((key) => [key, null])));
  }
  const of = (situation: Situation) => ({ pods: timesOf(times[situation].pods), serviceaccounts: timesOf(times[situation].serviceaccounts) });
  return {
    identities, namespaces, bytes: Buffer.byteLength(JSON.stringify(data)), samples: rounds * samplesInRound,
    times: { without: of('without'), empty: of('empty'), full: of('full') },
  };
};

export const renderLock = ({ identities, namespaces, bytes, samples, times }: LockReport): string => {
  const shown = ({ p50, p99 }: Times): string => `${p50.toFixed(1)} / ${p99.toFixed(1)}`.padStart(16);
  const row = (name: string, situation: Situation): string => `${name.padEnd(44)}${shown(times[situation].pods)}${shown(times[situation].serviceaccounts)}`;
  return [
    `A request that the lock lets pass, as a dry run, ms (p50 / p99 of ${String(samples)}); ${String(identities)} locked in ${String(namespaces)} namespaces are ${String(Math.round(bytes / 1024))} KiB`,
    `${''.padEnd(44)}${'pod'.padStart(16)}${'ServiceAccount'.padStart(16)}`,
    row('without the policies', 'without'),
    row('with them, and nobody locked', 'empty'),
    row(`with them, and ${String(identities)} locked`, 'full'),
  ].join('\n');
};

const none = (): Record<What, number[]> => ({ pods: [], serviceaccounts: [] });

const timesOf = (values: readonly number[]): Times => {
  const sorted = values.toSorted((a, b) => a - b);
  return { ...percentiles(sorted), p99: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN };
};

const entries = (identities: number, namespaces: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Array.from({ length: namespaces }, (_, namespace) => {
      const names = Array.from({ length: Math.ceil((identities - namespace) / namespaces) }, (__, index) => `build-agent-${String(index).padStart(5, '0')}`);
      return [`namespace-${String(namespace)}`, `\n${names.join('\n')}\n`];
    }),
  );

const write = async (api: Api, data: Readonly<Record<string, string | null>>): Promise<void> => {
  const { status, body } = await api.call('PATCH', lockPath, { data }, { 'content-type': 'application/merge-patch+json' });
  if (status !== 200) throw new Error(`the ConfigMap of the lock was not written: ${body}`);
};

const create = (api: Api, what: What, body: object = bodies[what]) => api.call('POST', `/api/v1/namespaces/default/${what}?dryRun=All`, body);

const until = (api: Api, wanted: 'allowed' | 'denied'): Promise<true> => {
  const locked = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'locked' } };
  return waitFor(async () => ((await create(api, 'serviceaccounts', locked)).status === 403 ? 'denied' : 'allowed') === wanted, { what: `what is locked being ${wanted}` });
};

const sample = async (api: Api, into: Record<What, number[]>): Promise<void> => {
  for (const what of ['pods', 'serviceaccounts'] as const) {
    for (let turn = -warmUp; turn < samplesInRound; turn += 1) {
      const start = performance.now();
      const { status, body } = await create(api, what);
      if (status !== 201) throw new Error(`${what}: ${String(status)} ${body}`);
      if (turn >= 0) into[what].push(performance.now() - start);
    }
  }
};
