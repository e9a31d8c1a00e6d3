/**
 * `make bench`: N waiting Offboardings (1000 unless told) on a real control plane, drained by the operator as a process of
 * its own, beside a plain loop that only deletes; then the operator at rest among IDLE identities (10000 unless told). 0 leaves
 * a half out. TOMBSTONES=10000 adds as many records of retired identities to those at rest. VAULT=10000 adds agents retired among that
 * many tokens and leases of a Vault, GOOGLE=1000 as many identities in one policy of a fake of Google Cloud IAM, LOCK=20000 what a lock of
 * that many costs everybody else, START=5 as many starts from the sources and from the bundle. Writes its figures as JSON to the path given, `coverage/bench.json` unless told, and tables to
 * standard output. `PROFILE=1` adds which functions the operator's time went to.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePath } from '../../src/bundle.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { startOperator } from '../env/operator.ts';
import { installOffboard } from '../integration/install.ts';
import { connect } from './api.ts';
import type { Api } from './api.ts';
import { countRequests, endOf } from './audit.ts';
import { follow } from './follow.ts';
import type { Followed } from './follow.ts';
import { mostIdentities } from './google-cloud-population.ts';
import { measureGoogleCloud, renderGoogleCloud } from './google-cloud.ts';
import { measureIdle, renderIdle } from './idle.ts';
import { measureLock, renderLock } from './lock.ts';
import type { PlainFigures } from './plain.ts';
import { createIdentities, createNamespaces, createOffboardings, identities, partCount, remains } from './population.ts';
import type { Identity } from './population.ts';
import { readProfile, renderProfile } from './profile.ts';
import { percentiles, render } from './report.ts';
import type { Report } from './report.ts';
import { measureStart, renderStart } from './start.ts';
import { nameOf, openWindow, usageOf } from './usage.ts';
import { measureVault, renderVault } from './vault.ts';

/** As many calls at once as the operator's transport makes. */
const connections = 8;
/** Without one more Offboarding being Ready; then something is wrong, and the figures would say nothing. */
const patience = 180_000;
const flags = ['--kubernetes-settle=0s', '--token-secrets'];

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const serverPids = (cluster: ControlPlane): Readonly<Record<string, number>> =>
  Object.fromEntries(cluster.pids().map((pid) => [nameOf(pid), pid]));

/** The control plane has done what the creations made it do, and its figures from here on are those of what follows. */
const calm = async (cluster: ControlPlane): Promise<void> => {
  let close = openWindow(serverPids(cluster));
  await waitFor(
    () => {
      const { seconds, cpu: { bench: _, ...servers } } = close();
      close = openWindow(serverPids(cluster));
      return Object.values(servers).reduce((sum, used) => sum + used, 0) < 0.2 * seconds;
    },
    { what: 'the control plane coming to rest', timeout: 120_000, interval: 1_000 },
  );
};

const populate = async (cluster: ControlPlane, api: Api, prefix: string, count: number): Promise<readonly Identity[]> => {
  say(`Creating ${count} identities (${count * partCount} objects)`);
  const all = identities(prefix, count);
  await createIdentities(api, all, waitFor);
  await calm(cluster);
  return all;
};

const gone = async (api: Api, all: readonly Identity[], who: string): Promise<void> => {
  const left = await remains(api, all);
  if (left.length > 0) throw new Error(`${who} left ${left.length} objects behind, such as ${left[0] ?? ''}`);
};

const measurePlain = async (cluster: ControlPlane, api: Api, count: number): Promise<Report['plain']> => {
  const prefix = 'plain';
  const all = await populate(cluster, api, prefix, count);
  say('Deleting them plainly');
  const close = openWindow(serverPids(cluster));
  const script = fileURLToPath(new URL('plain.ts', import.meta.url));
  const child = spawn(process.execPath, [script, cluster.kubeconfig, prefix, String(count), String(connections)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const { cpu, others, seconds } = close();
  if (code !== 0) throw new Error(`the plain clean-up ended with exit code ${String(code)}`);
  const figures = JSON.parse(Buffer.concat(chunks).toString('utf8')) as PlainFigures;
  await gone(api, all, 'the plain clean-up');
  const window = { seconds, cpu: { ...cpu, plain: figures.cpuSeconds }, others: Math.max(others - figures.cpuSeconds, 0) };
  return { ...figures, perSecond: count / figures.seconds, window };
};

const drained = async (followed: Followed, count: number): Promise<void> => {
  let best = 0;
  let since = performance.now();
  let told = since;
  await waitFor(
    () => {
      followed.check();
      const now = performance.now();
      if (followed.finished.size > best) since = now;
      best = followed.finished.size;
      if (now - told > 5_000) {
        told = now;
        say(`  ${best} of ${count} Ready; the others: ${followed.reasons()}`);
      }
      if (now - since > patience) throw new Error(`nothing became Ready for ${patience / 1000} s; ${best} of ${count} are. The others: ${followed.reasons()}`);
      return best === count;
    },
    { what: `${count} Offboardings being Ready`, timeout: 3_600_000, interval: 20 },
  );
};

const measureOperator = async (cluster: ControlPlane, api: Api, count: number, profileFolder: string | undefined): Promise<Report['operator']> => {
  const all = await populate(cluster, api, 'agent', count);
  await createOffboardings(api, all);
  await calm(cluster);
  const followed = await follow(api);
  await installOperatorAccount(cluster, { tokenSecrets: { enabled: true } });
  const auditFrom = endOf(cluster.auditLog ?? '');
  say('Starting the operator');
  const close = openWindow(serverPids(cluster));
  const env = profileFolder === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileFolder}` };
  const operator = await startOperator(cluster, { args: flags, env });
  const readyToServe = performance.now() - operator.startedAt;
  const began = Date.now() - readyToServe;
  const { pid } = operator.process;
  const startCpuSeconds = usageOf(pid).cpuSeconds;
  let peakRss = 0;
  const sample = (): void => {
    if (operator.process.running()) peakRss = Math.max(peakRss, usageOf(pid).rss);
  };
  const sampling = setInterval(sample, 500);
  try {
    await drained(followed, count);
    await waitFor(() => followed.released === count, { what: 'the operator letting go of every Offboarding' });
    sample();
    const { cpuSeconds } = usageOf(pid);
    const { cpu, others, seconds } = close();
    await operator.stop();
    await gone(api, all, 'the operator');
    const finishes = [...followed.finished.values()];
    const firstReady = Math.min(...finishes.map(({ readyAt }) => readyAt)) - began;
    const lastReady = Math.max(...finishes.map(({ readyAt }) => readyAt)) - began;
    return {
      readyToServe,
      firstReady,
      lastReady,
      revoked: percentiles(finishes.map(({ revokedAt }) => revokedAt - began)),
      ready: percentiles(finishes.map(({ readyAt }) => readyAt - began)),
      perSecond: (1000 * count) / lastReady,
      perSecondOnceFlowing: (1000 * (count - 1)) / (lastReady - firstReady),
      startCpuSeconds,
      peakRss,
      window: { seconds, cpu: { ...cpu, operator: cpuSeconds }, others: Math.max(others - cpuSeconds, 0) },
      requests: await countRequests(cluster.auditLog ?? '', auditFrom, 'offboard/'),
    };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${operator.process.tail(10)}`, { cause: error });
  } finally {
    clearInterval(sampling);
    await followed.stop();
    await operator.stop();
  }
};

/** A control plane of its own for each half, so that nothing of the other is in its figures. */
const onCluster = async <T>(measure: (cluster: ControlPlane, api: Api) => Promise<T>): Promise<T> => {
  // A log that is rotated would lose what it is counted by.
  const cluster = await startControlPlane({ audit: true, apiServerArgs: ['--audit-log-maxsize=8192'] });
  const api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'bench/1', connections: 32 });
  try {
    await installOffboard(cluster);
    return await measure(cluster, api);
  } finally {
    await api.close();
    await cluster.stop();
  }
};

const measureDrain = (machine: Report['machine'], count: number, profileFolder: string | undefined): Promise<Report> =>
  onCluster(async (cluster, api) => {
    await createNamespaces(api);
    const plain = await measurePlain(cluster, api, count);
    const operator = await measureOperator(cluster, api, count, profileFolder);
    return { offboardings: count, machine, operator, plain };
  });

const numberOf = (name: 'N' | 'IDLE' | 'TOMBSTONES' | 'VAULT' | 'GOOGLE' | 'LOCK' | 'START', fallback: number, what: string, most = Infinity): number => {
  const text = process.env[name] ?? '';
  const number = text === '' ? fallback : Number(text);
  if (!Number.isInteger(number) || number < 0 || number === 1 || number > most) {
    throw new Error(`${name} is ${what}: 0, or a whole number of at least 2${most === Infinity ? '' : ` and at most ${most}`}, not "${text}"`);
  }
  return number;
};

const count = numberOf('N', 1000, 'how many to offboard');
const idleCount = numberOf('IDLE', 10_000, 'how many identities are at rest');
const tombstoneCount = numberOf('TOMBSTONES', 0, 'how many records of retired identities are at rest');
const vaultCount = numberOf('VAULT', 0, 'how many tokens and leases are in the Vault');
const googleCount = numberOf('GOOGLE', 0, 'how many identities are in one policy of Google Cloud', mostIdentities);
const lockCount = numberOf('LOCK', 0, 'how many identities are locked', 20_000);
const startCount = numberOf('START', 0, 'how often it is started from its sources, and from its bundle');
const machine = { processors: cpus().length, model: cpus()[0]?.model.trim() ?? '', node: process.version, loadAtStart: loadavg()[0] ?? 0 };
const path = process.argv[2] ?? 'coverage/bench.json';
const profileFolder = process.env['PROFILE'] === '1' && count > 0 ? mkdtempSync(join(tmpdir(), 'offboard-profile-')) : undefined;
try {
  const report = count === 0 ? undefined : await measureDrain(machine, count, profileFolder);
  if (report !== undefined) console.log(`\n${render(report)}\n`);
  if (profileFolder !== undefined) console.log(`\n${renderProfile(readProfile(profileFolder, bundlePath))}`);
  const atRest = { identities: idleCount, tombstones: tombstoneCount };
  const idle = idleCount + tombstoneCount === 0 ? undefined : await onCluster((cluster, api) => measureIdle(cluster, api, atRest, say));
  if (idle !== undefined) console.log(`\n${renderIdle(idle)}`);
  const vault = vaultCount === 0 ? undefined : await measureVault(vaultCount, say);
  if (vault !== undefined) console.log(`\n${renderVault(vault)}`);
  const googleCloud = googleCount === 0 ? undefined : await measureGoogleCloud(googleCount, say);
  if (googleCloud !== undefined) console.log(`\n${renderGoogleCloud(googleCloud)}`);
  const lock = lockCount === 0 ? undefined : await onCluster((cluster, api) => measureLock(cluster, api, lockCount, say));
  if (lock !== undefined) console.log(`\n${renderLock(lock)}`);
  const start = startCount === 0 ? undefined : await onCluster((cluster) => measureStart(cluster, startCount, say));
  if (start !== undefined) console.log(`\n${renderStart(start)}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ machine, ...report, idle, vault, googleCloud, lock, start }, null, 2)}\n`);
  console.log(`\nAll figures: ${path}`);
} finally {
  if (profileFolder !== undefined) rmSync(profileFolder, { recursive: true });
}
