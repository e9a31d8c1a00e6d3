/** The chain of records on real API servers, as the operator's own account writes it. */
import { execFile } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OffboardingRecordSpec, Outcome } from '../../src/api/v1alpha1/index.ts';
import { keysById, readPublicKeys } from '../../src/evidence/keys.ts';
import type { Keyring } from '../../src/evidence/keys.ts';
import { materialOf } from '../../src/evidence/material.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import type { Report } from '../../src/evidence/report.ts';
import { verify } from '../../src/evidence/verify.ts';
import { toOutcome } from '../../src/kube/errors.ts';
import { createReflector } from '../../src/kube/reflector.ts';
import { offboardingRecords } from '../../src/kube/resources.ts';
import { createRecordProjection, recordIndexers } from '../../src/reconcile/indexes.ts';
import type { OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import { createLedger } from '../../src/reconcile/record/ledger.ts';
import type { End, Ledger } from '../../src/reconcile/record/ledger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { aPredicate, aRecordedCredential, aRecordedDependency } from '../builders/predicate.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { installSigningKey, newSigningKey, signingKeySecret } from '../env/signing-key.ts';
import { requireTools } from '../env/tools/locate.ts';
import { silentLog } from '../fakes/world.ts';
import { installOffboard } from './install.ts';
import { connect } from './kube-connection.ts';

let cluster: ControlPlane;
/** Two leaders, each at an API server of its own, though there should be one. */
let one: Process;
let other: Process;

interface Process extends Ledger {
  readonly kept: () => readonly OffboardingRecordObject[];
  readonly stop: () => Promise<void>;
}

const aProcess = async (token: string, replica: number): Promise<Process> => {
  const { client, close } = connect(cluster.kubeconfigFor({ token }, replica));
  const records = createReflector<OffboardingRecordObject>({
    client,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    resource: offboardingRecords,
    project: createRecordProjection(),
    indexers: recordIndexers,
  });
  const stopping = new AbortController();
  const watching = records.run(stopping.signal);
  await records.waitForSync(stopping.signal);
  return {
    ...createLedger({ client, log: silentLog, records, namespace: 'offboard-system', secret: 'offboard-signing-key' }),
    kept: () => records.store.list(),
    stop: async () => {
      stopping.abort(new Error('stopped'));
      await watching;
      await close();
    },
  };
};

beforeAll(async () => {
  cluster = await startControlPlane({ replicas: 2 });
  await installOffboard(cluster);
  await installSigningKey(cluster);
  const token = await installOperatorAccount(cluster);
  [one, other] = await Promise.all([aProcess(token, 0), aProcess(token, 1)]);
});
afterAll(async () => {
  await Promise.all([one.stop(), other.stop()]);
  await cluster.stop();
});

const never = new AbortController().signal;

const anEnd = (uid: string, change: { readonly outcome?: Outcome; readonly predicate?: Partial<Predicate> } = {}): End => {
  const { outcome = 'Confirmed', predicate = {} } = change;
  const { run } = aPredicate();
  return { run: { uid, outcome }, predicate: (record) => aPredicate({ record, outcome, run: { ...run, uid, name: uid }, ...predicate }) };
};

interface Stored {
  readonly metadata: { readonly name: string };
  readonly spec: OffboardingRecordSpec;
}

const stored = async (): Promise<readonly Stored[]> =>
  (JSON.parse(await cluster.kubectl(['get', '--raw=/apis/offboard.dev/v1alpha1/offboardingrecords'])) as { readonly items: readonly Stored[] }).items;

const isRoot = ({ metadata }: Stored): boolean => /^\d{10}$/.test(metadata.name);

/** By the keys that are published: here nobody else can have made them. */
const verified = async (): Promise<Report> => {
  const { data } = JSON.parse(await cluster.kubectl(['get', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '-o', 'json'])) as { readonly data: Readonly<Record<string, string>> };
  const keys: Keyring = { trusted: keysById(Object.values(data).flatMap(readPublicKeys)), published: new Map() };
  return verify((await stored()).map(({ metadata, spec }) => materialOf('cluster', metadata.name, spec)), keys);
};

describe('two who append at the same time', () => {
  it('make one chain without a gap, and each end is in it once', { timeout: 120_000 }, async () => {
    const started = performance.now();
    await Promise.all([one, other].flatMap((ledger, who) => Array.from({ length: 100 }, (_, i) => ledger.append(anEnd(`run-${who}-${i}`), never))));
    console.info(`200 records by two ledgers: ${Math.round(performance.now() - started)} ms`);
    const roots = (await stored()).filter(isRoot);
    expect(roots.map(({ metadata }) => metadata.name)).toEqual(Array.from({ length: 200 }, (_, i) => String(i + 1).padStart(10, '0')));
    expect(new Set(roots.map(({ spec }) => spec.offboarding?.uid)).size).toBe(200);
    const report = await verified();
    expect(report.problems).toEqual([]);
    expect(report.verdict).toBe('Proven');
    expect(report.chains).toMatchObject([{ first: '0000000001', last: { name: '0000000200' }, length: 200, problems: [] }]);
  });

  it('of the very same end find one record for it', async () => {
    for (const uid of ['same-1', 'same-2', 'same-3']) {
      const [mine, theirs] = await Promise.all([one.append(anEnd(uid), never), other.append(anEnd(uid), never)]);
      expect(mine).toEqual(theirs);
    }
    const names = (await stored()).filter(({ spec }) => spec.offboarding?.uid.startsWith('same-') === true);
    expect(names).toHaveLength(3);
  });

  it('keep of each what finds it, and nothing of what is signed', async () => {
    await waitFor(() => one.kept().length === 203 && other.kept().length === 203, { what: 'both caches' });
    expect(one.kept().every(({ spec }) => spec.envelope === undefined && spec.digest !== undefined)).toBe(true);
  });
});

describe('a run with 5,000 credentials', () => {
  const credentials = Array.from({ length: 5_000 }, (_, i) =>
    aRecordedCredential({ id: `rolebindings/namespace-${i % 50}/binding-${i}`, uid: `6f1c1f6e-0000-4000-8000-${String(i).padStart(12, '0')}`, class: 'RoleBinding', grants: ['ClusterRole/view'] }),
  );

  it('is recorded in chunks that etcd takes, and all of it is verified', { timeout: 60_000 }, async () => {
    const started = performance.now();
    const ref = await one.append(anEnd('long', { predicate: { dependencies: [aRecordedDependency({ credentials: [aRecordedCredential(), ...credentials] })] } }), never);
    console.info(`5,000 credentials: ${Math.round(performance.now() - started)} ms`);
    const all = await stored();
    const chunks = all.filter((each) => !isRoot(each));
    const longest = Math.max(...all.map((each) => JSON.stringify(each).length));
    console.info(`${chunks.length} chunks, the longest object has ${longest} bytes`);
    expect(longest).toBeLessThan(700_000);
    const report = await verified();
    expect(report.problems).toEqual([]);
    expect(report.records.find(({ name }) => name === ref.name)).toMatchObject({ problems: [], says: { outcome: 'Confirmed' } });
    expect(report.verdict).toBe('Proven');
  });
});

describe('the signing key', () => {
  const failure = (uid: string): Promise<ReturnType<typeof toOutcome> | undefined> => one.append(anEnd(uid), never).then(() => undefined, toOutcome);

  it('that is missing is asked for by a command that works', async () => {
    await cluster.kubectl(['delete', 'secret', 'offboard-signing-key', '-n', 'offboard-system']);
    const missing = await failure('without-key');
    expect(missing).toMatchObject({ kind: 'NeedsPerson', reason: 'SigningKeyMissing' });
    const command = /Make one: (.+)$/.exec(missing?.message ?? '')?.[1] ?? '';
    const env = { PATH: `${await requireTools()}:${process.env['PATH'] ?? ''}`, KUBECONFIG: cluster.kubeconfig, HOME: cluster.folder };
    await promisify(execFile)('bash', ['-o', 'pipefail', '-c', command], { env });
    expect(await failure('without-key')).toBeUndefined();
  });

  it('is replaced by another, and the chain is verified by both', async () => {
    const before = await keyIds();
    await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { stdin: signingKeySecret(newSigningKey()) });
    await other.append(anEnd('rotated'), never);
    expect((await keyIds()).size).toBe(before.size + 1);
    expect(await verified()).toMatchObject({ verdict: 'Proven', problems: [] });
  });

  const keyIds = async (): Promise<ReadonlySet<string>> => new Set((await stored()).flatMap(({ spec }) => spec.envelope?.signatures.map(({ keyid }) => keyid ?? '') ?? []));
});

describe('what was appended', () => {
  it('may not be changed by the one who appended it', async () => {
    const kubeconfig = cluster.kubeconfigFor({ token: await installOperatorAccount(cluster) });
    const change = ['patch', 'ofr', '0000000001', '--type=merge', '-p', '{"spec":{"outcome":"Cancelled"}}'];
    await expect(cluster.kubectl(change, { kubeconfig })).rejects.toThrow('cannot patch resource "offboardingrecords"');
    await expect(cluster.kubectl(change)).rejects.toThrow('a record is immutable');
  });
});
