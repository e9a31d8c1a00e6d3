/** Where the record of the page comes from: files, or a cluster. */
import type { PublicKey } from '../../evidence/keys.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { offboardingRecords } from '../../kube/resources.ts';
import { withCluster } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { CannotError } from '../command.ts';
import type { Io } from '../command.ts';
import { concerns } from '../records/print.ts';
import type { Record } from '../records/print.ts';
import { getRun } from '../runs.ts';
import type { RunObject } from '../runs.ts';
import { offboardLine } from '../shell.ts';
import { readFiles } from '../verify/files.ts';
import { readRecords } from '../verify/from-cluster.ts';
import type { ReportOptions } from './options.ts';
import type { Given } from './subject.ts';

export interface Source {
  readonly given: Given;
  readonly published: readonly PublicKey[];
}

/** Or why there can be no page, in words. */
export const sourceOf = async (options: ReportOptions, io: Io): Promise<Source | string> => (options.files.length > 0 ? fromFiles(options, io) : withCluster(options.cluster, io, (cluster) => fromCluster(options, cluster)));

const fromFiles = async ({ files, subject, cluster: { namespace } }: ReportOptions, io: Io): Promise<Source> => {
  const { material, published, unreadable } = await readFiles(files, io);
  return { given: { material, unreadable, subject, aftermath: [], ...(namespace === undefined ? {} : { namespace }) }, published };
};

const fromCluster = async ({ subject, home }: ReportOptions, cluster: Cluster): Promise<Source | string> => {
  const { client, namespace, signal } = cluster;
  const run = subject.kind === 'Offboarding' ? await found(() => getRun(cluster, subject.name)) : undefined;
  const { recordRef } = run instanceof CannotError ? {} : (run?.status ?? {});
  if (run !== undefined && !(run instanceof CannotError) && recordRef === undefined) return unfinished(run);
  const { material, published, unreadable } = await readRecords(client, home, signal);
  // A record outlives its run and the namespace of that, and says of which it is.
  const ofRun = material.findLast((each) => each.kind === 'Record' && isOfRun(each.spec['offboarding'], namespace, subject));
  if (run instanceof CannotError && ofRun?.kind !== 'Record') throw run;
  const name = subject.kind === 'Record' ? subject.name : (recordRef?.name ?? (ofRun?.kind === 'Record' ? ofRun.name : undefined));
  return {
    given: { material, unreadable, subject, namespace, aftermath: name === undefined ? [] : await aftermathOf(cluster, name), ...(recordRef === undefined ? {} : { expected: recordRef }) },
    published,
  };
};

const found = async (get: () => Promise<RunObject>): Promise<RunObject | CannotError> => {
  try {
    return await get();
  } catch (error) {
    if (error instanceof CannotError) return error;
    throw error;
  }
};

const isOfRun = (offboarding: unknown, namespace: string, subject: ReportOptions['subject']): boolean => {
  const { namespace: where, name } = (offboarding ?? {}) as { readonly namespace?: unknown; readonly name?: unknown };
  return subject.kind === 'Offboarding' && where === namespace && name === subject.name;
};

/** A page about it would look like proof of an end that is not there. */
const unfinished = ({ metadata: { name, namespace = '' }, spec: { mode }, status }: RunObject): string =>
  `${namespace}/${name} has no signed record${mode === 'Plan' ? ', for it is a plan' : ''}: it is ${status?.phase ?? 'not begun'}. Nothing of it is proven, so there is nothing to report. ${offboardLine('status', name, '-n', namespace)} says how far it is`;

interface RecordObject extends KubeObject, Record {
  readonly metadata: KubeObject['metadata'];
}

const aftermathOf = async ({ client, signal }: Cluster, name: string): Promise<readonly string[]> => {
  try {
    return concerns(await client.get<RecordObject>(offboardingRecords, { name }, { signal }));
  } catch (error) {
    if (isNotFound(error, offboardingRecords, name)) return [];
    throw error;
  }
};
