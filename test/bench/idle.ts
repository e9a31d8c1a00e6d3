/**
 * The operator at rest in a big cluster where nothing happens: how soon it knows everything after its start, how soon it is
 * quiet, and what it then takes. Twice: the first start ever writes a status for each identity, every other writes nothing.
 */
import type { WorkloadIdentityObject } from '../../src/reconcile/objects.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { waitFor } from '../env/control-plane.ts';
import { startOperator } from '../env/operator.ts';
import type { Api } from './api.ts';
import { countRequests, endOf } from './audit.ts';
import type { Requests } from './audit.ts';
import { createNamespaces, createWorkloadIdentities, identities } from './population.ts';
import { createTombstones } from './tombstones.ts';
import { openWindow, usageOf } from './usage.ts';

export interface IdleReport {
  /** Each one ServiceAccount, two token Secrets, three bindings and one WorkloadIdentity. */
  readonly identities: number;
  /** Records of identities that were retired, and how long the payload of one is, in base64. */
  readonly tombstones: number;
  readonly recordBytes: number;
  readonly firstStart: StartFigures;
  readonly restart: StartFigures;
}

export interface StartFigures {
  /** Milliseconds since its process was started: until its watches had listed everything, and until it was quiet. */
  readonly synced: number;
  readonly quiet: number;
  /** CPU seconds until then. */
  readonly syncedCpu: number;
  readonly quietCpu: number;
  /** Bytes, at the end. */
  readonly rss: number;
  readonly peakRss: number;
  readonly heapUsed: number;
  /** CPU milliseconds a second once it was quiet, over so many seconds. */
  readonly restCpu: number;
  readonly restSeconds: number;
  readonly requests: Requests;
  /** CPU seconds of everything but the operator and the control plane, a second: what disturbed the times. */
  readonly others: number;
}

/** Quiet is who uses less than a hundredth of a processor for as long as this, in milliseconds. */
const quietFor = 10_000;
const quietShare = 0.01;
/** Milliseconds for which it is watched once it is quiet. */
const restFor = 30_000;
const sampleEvery = 250;
const patience = 1_800_000;

/** How many there are of each. */
export interface AtRest {
  readonly identities: number;
  readonly tombstones: number;
}

export const measureIdle = async (cluster: ControlPlane, api: Api, { identities: count, tombstones }: AtRest, say: (line: string) => void): Promise<IdleReport> => {
  say(`Creating ${count} identities at rest`);
  await createNamespaces(api);
  await createWorkloadIdentities(api, identities('idle', count), cluster.ca);
  if (tombstones > 0) say(`Creating ${tombstones} records`);
  const recordBytes = tombstones === 0 ? 0 : await createTombstones(cluster, api, tombstones);
  say('Starting the operator for the first time');
  const firstStart = await measureStart(cluster);
  await allReady(api, 'workloadidentities', 'Ready', count);
  await allReady(api, 'offboardingrecords', 'Intact', tombstones);
  say('Starting it again');
  const restart = await measureStart(cluster);
  return { identities: count, tombstones, recordBytes, firstStart, restart };
};

interface Sample {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly cpuSeconds: number;
}

const measureStart = async (cluster: ControlPlane): Promise<StartFigures> => {
  const auditFrom = endOf(cluster.auditLog ?? '');
  const close = openWindow(Object.fromEntries(cluster.pids().map((pid) => [String(pid), pid])));
  const operator = await startOperator(cluster, { args: ['--token-secrets'], patience });
  const { pid } = operator.process;
  const sample = (): Sample => ({ at: performance.now() - operator.startedAt, cpuSeconds: usageOf(pid).cpuSeconds });
  try {
    const synced = sample();
    const quiet = await quietSince(sample);
    const rest = [sample()];
    await waitFor(() => {
      rest.push(sample());
      return (rest.at(-1)?.at ?? 0) - (rest[0]?.at ?? 0) >= restFor;
    }, { what: 'the time of rest', timeout: 2 * restFor, interval: sampleEvery });
    const [from, to] = [rest[0] ?? synced, rest.at(-1) ?? synced];
    const { others, seconds } = close();
    const heapUsed = await metric(operator.url, 'nodejs_heap_size_used_bytes');
    const { rss: peakRss, rssNow, cpuSeconds } = usageOf(pid);
    await operator.stop();
    return {
      synced: synced.at,
      quiet: quiet.at,
      syncedCpu: synced.cpuSeconds,
      quietCpu: quiet.cpuSeconds,
      rss: rssNow,
      peakRss,
      heapUsed,
      restCpu: (1e6 * (to.cpuSeconds - from.cpuSeconds)) / (to.at - from.at),
      restSeconds: (to.at - from.at) / 1000,
      requests: await countRequests(cluster.auditLog ?? '', auditFrom, 'offboard/'),
      others: Math.max(others - cpuSeconds, 0) / seconds,
    };
  } finally {
    await operator.stop();
  }
};

/** The first moment from which on it was quiet. */
const quietSince = (sample: () => Sample): Promise<Sample> => {
  const samples: Sample[] = [];
  return waitFor(
    () => {
      const now = sample();
      samples.push(now);
      while ((samples[0]?.at ?? now.at) < now.at - quietFor) {
        const [first] = samples;
        if (first === undefined) break;
        if (now.cpuSeconds - first.cpuSeconds <= (quietShare * (now.at - first.at)) / 1000) return first;
        samples.shift();
      }
      return undefined;
    },
    { what: 'the operator being quiet', timeout: patience, interval: sampleEvery },
  );
};

/** The figures of a restart would be those of something else if the first start had left anything to do. */
const allReady = async (api: Api, plural: string, condition: string, count: number): Promise<void> => {
  let ready = 0;
  let next = '';
  do {
    const { status, body } = await api.call('GET', `/apis/offboard.dev/v1alpha1/${plural}?limit=500${next === '' ? '' : `&continue=${next}`}`);
    if (status !== 200) throw new Error(`the ${plural} could not be listed: ${status} ${body}`);
    const page = JSON.parse(body) as { readonly metadata: { readonly continue?: string }; readonly items: readonly WorkloadIdentityObject[] };
    ready += page.items.filter((item) => item.status?.conditions?.some(({ type, status: is }) => type === condition && is === 'True')).length;
    next = page.metadata.continue ?? '';
  } while (next !== '');
  if (ready !== count) throw new Error(`${ready} of ${count} ${plural} are ${condition} after the first start`);
};

const metric = async (url: string, name: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** The same watched plainly with controller-runtime v0.25, 10,000 identities, 2 processors shared with the control plane: measured once. */
const inGo = { rss: '125 MiB', restCpu: '5.0 ms', quiet: '3.00 s' };

export const renderIdle = ({ identities: count, tombstones, recordBytes, firstStart, restart }: IdleReport): string => {
  const row = (name: string, of: (figures: StartFigures) => string, go = '-'): string =>
    `  ${name.padEnd(46)}${of(firstStart).padStart(12)}${of(restart).padStart(12)}${go.padStart(12)}`;
  const each = (requests: number): string => (requests / (count + tombstones)).toFixed(2);
  return [
    `${count} identities at rest: ${count} ServiceAccounts and WorkloadIdentities, ${2 * count} token Secrets, ${3 * count} bindings`,
    ...(tombstones === 0 ? [] : [`and ${tombstones} records of retired ones, ${(recordBytes / 1000).toFixed(1)} kB each`]),
    `  ${''.padEnd(46)}${'first start'.padStart(12)}${'restart'.padStart(12)}${'in Go'.padStart(12)}`,
    row('start to synced', ({ synced }) => seconds(synced)),
    row('  own CPU', ({ syncedCpu }) => seconds(1000 * syncedCpu)),
    row('start to quiet', ({ quiet }) => seconds(quiet), inGo.quiet),
    row('  own CPU', ({ quietCpu }) => seconds(1000 * quietCpu)),
    row('RSS at rest', ({ rss }) => mebibytes(rss), inGo.rss),
    row('  of it heap in use', ({ heapUsed }) => mebibytes(heapUsed)),
    row('peak RSS', ({ peakRss }) => mebibytes(peakRss)),
    row('CPU a second at rest', ({ restCpu }) => `${restCpu.toFixed(1)} ms`, inGo.restCpu),
    row('writes for each identity or record', ({ requests }) => each(requests.otherWrites)),
    row('reads for each identity or record', ({ requests }) => each(requests.reads)),
    row('access reviews in all', ({ requests }) => String(requests.reviews)),
    row('processors taken by other programs meanwhile', ({ others }) => others.toFixed(2)),
    'In Go: the same watched plainly with controller-runtime, 10000 identities.',
  ].join('\n');
};
