/** The signed records of a kill loop: one for each run, whole as a chain, and true by the clock and by the audit log. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, cliPath } from '../../src/bundle.ts';
import type { Predicate, RecordedCredential } from '../../src/evidence/predicate.ts';
import type { OffboardingObject, OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { publicSigningKey } from '../env/signing-key.ts';
import type { Writes } from './audited.ts';
import type { Death } from './replicas.ts';

export interface JudgedRecords {
  readonly records: readonly string[];
  readonly tooEarly: readonly string[];
  readonly credentials: number;
}

interface Options {
  readonly cluster: ControlPlane;
  readonly deaths: readonly Death[];
  /** Milliseconds for which an absence must hold. */
  readonly settle: number;
  readonly runs: readonly OffboardingObject[];
  readonly records: readonly OffboardingRecordObject[];
  readonly deletes: Writes;
}

export const judgeRecords = async ({ cluster, deaths, runs, records, deletes, settle }: Options): Promise<JudgedRecords> => {
  const told = records.map(predicateOf);
  const credentials = told.flatMap(({ dependencies }) => dependencies.flatMap((each) => each.credentials));
  return {
    records: [...places(records), ...missing(runs, records), ...doubledRecords(told), ...untold(credentials, deletes), ...resurrected(records), ...(await unproven(cluster, records))],
    tooEarly: credentials.flatMap((credential) => [...settledTooEarly(credential, deaths, settle), ...unannounced(credential, deletes)]),
    credentials: credentials.length,
  };
};

const predicateOf = ({ spec }: OffboardingRecordObject): Predicate =>
  (JSON.parse(Buffer.from(spec.envelope?.payload ?? '', 'base64').toString()) as { readonly predicate: Predicate }).predicate;

/** One after the other from the first on. */
export const places = (records: readonly OffboardingRecordObject[]): readonly string[] => {
  const names = records.map(({ metadata: { name } }) => name).toSorted();
  return names.filter((name, index) => Number(name) !== index + 1).map((name) => `${name} is not the place of a record in a chain of ${names.length}`);
};

/** Each run names the record that is of it. */
const missing = (runs: readonly OffboardingObject[], records: readonly OffboardingRecordObject[]): readonly string[] =>
  runs.flatMap(({ metadata: { namespace = '', name, uid }, status }) => {
    const record = records.find(({ metadata }) => metadata.name === status?.recordRef?.name);
    const isIt = record !== undefined && predicateOf(record).run.uid === uid && record.spec.digest === status?.recordRef?.digest;
    return isIt ? [] : [`${namespace}/${name} names record ${status?.recordRef?.name ?? 'none'}, which is not of it`];
  });

export const doubledRecords = (told: readonly Predicate[]): readonly string[] =>
  [...Map.groupBy(told, ({ run }) => run.uid)].filter(([, same]) => same.length > 1).map(([, same]) => `one run has the records ${same.map(({ record }) => record.name).join()}`);

/** Whatever was deleted is in a record, with the intent of it. */
export const untold = (credentials: readonly RecordedCredential[], deletes: Writes): readonly string[] => {
  const told = new Set(credentials.filter(({ revokeRequestedAt }) => revokeRequestedAt !== undefined).map(({ id }) => pathOf(id)));
  return [...deletes.keys()].filter((path) => !told.has(path)).map((path) => `${path} was deleted, and no record says that it would be`);
};

const resurrected = (records: readonly OffboardingRecordObject[]): readonly string[] =>
  records.flatMap(({ metadata: { name }, status }) =>
    (status?.conditions ?? [])
      .filter(({ type, status: value }) => (type === 'Intact' && value === 'False') || (type === 'Resurrected' && value === 'True'))
      .map(({ type, reason, message }) => `record ${name}: ${type} is ${reason}: ${message}`),
  );

/** As an auditor does it, offline. */
const unproven = async (cluster: ControlPlane, records: readonly OffboardingRecordObject[]): Promise<readonly string[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'offboard-kill-'));
  try {
    await bundle();
    writeFileSync(join(folder, 'key.pub'), await publicSigningKey(cluster));
    const items = records.map((record) => ({ apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingRecord', ...record }));
    writeFileSync(join(folder, 'records.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const { status, stdout, stderr } = spawnSync(process.execPath, [cliPath, 'verify', 'records.json', '--key', 'key.pub'], { cwd: folder, encoding: 'utf8', env: {}, maxBuffer: 2 ** 28 });
    return status === 0 ? [] : [`verify ended with ${String(status)}: ${`${stdout}${stderr}`.slice(-3_000)}`];
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** An absence is believed by the process that saw it begin, and no other: none that led died in between. */
export const settledTooEarly = ({ id, absentSince = '', confirmedAt = '' }: RecordedCredential, deaths: readonly Death[], settle: number): readonly string[] => {
  const [from, until] = [Date.parse(absentSince), Date.parse(confirmedAt)];
  if (!(until - from >= settle)) return [`${id} was absent since ${absentSince} and believed at ${confirmedAt}`];
  const between = deaths.find((death) => death.led && from < death.from && death.until < until);
  return between === undefined ? [] : [`${id} was absent since ${absentSince} and believed at ${confirmedAt}, though the leader died at ${new Date(between.until).toISOString()}`];
};

/** What the operator deleted it had stored the intent of before. */
export const unannounced = ({ id, revokeRequestedAt = '' }: RecordedCredential, deletes: Writes): readonly string[] => {
  const first = deletes.get(pathOf(id))?.[0];
  if (first === undefined || Date.parse(revokeRequestedAt) <= Date.parse(first.requestReceivedTimestamp)) return [];
  return [`${id} was deleted at ${first.requestReceivedTimestamp}, and that it would be was stored ${revokeRequestedAt === '' ? 'never' : `at ${revokeRequestedAt}`}`];
};

/** `rolebindings/ci/agent` as the API server addresses it. */
const pathOf = (id: string): string => {
  const parts = id.split('/');
  const group = parts[0]?.endsWith('bindings') === true ? '/apis/rbac.authorization.k8s.io/v1' : '/api/v1';
  return parts.length === 3 ? `${group}/namespaces/${parts[1] ?? ''}/${parts[0] ?? ''}/${parts[2] ?? ''}` : `${group}/${parts.join('/')}`;
};
