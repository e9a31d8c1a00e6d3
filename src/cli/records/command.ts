/** `offboard records`: the records of a cluster, and whether any is missing. */
import { materialOf } from '../../evidence/material.ts';
import { verify } from '../../evidence/verify.ts';
import type { Report } from '../../evidence/report.ts';
import { apiVersion } from '../../api/v1alpha1/index.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { offboardingRecords } from '../../kube/resources.ts';
import { clusterFlags } from '../cluster-flags.ts';
import { withCluster } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { UsageError, exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { parseFlags } from '../flags.ts';
import type { Flags } from '../flags.ts';
import { outputFlag, readFormat, serialised, withoutManagedFields } from '../output.ts';
import type { Format } from '../output.ts';
import { widthOf } from '../screen.ts';
import { concerns, isOf, isWhole, printed } from './print.ts';
import type { Record } from './print.ts';

const flags = {
  identity: { type: 'string', value: 'NAME', text: 'only those of this identity: NAMESPACE/NAME, or a name in any namespace', completes: 'nothing' },
  ...outputFlag,
  ...clusterFlags,
} as const satisfies Flags;

export const recordsCommand: Command = {
  name: 'records',
  summary: 'lists signed records, what became of them, and their chain',
  about: [
    'Lists the signed records of retired identities: how each ended, whether it is still as it was signed, whether the identity came back since, and whether any record is missing between them. Records are of no namespace, and outlive the identity and its namespace.',
    'It checks no signature: whom to trust is not for the cluster to say. That is what verify does.',
  ],
  usage: '[NAME...] [flags]',
  flags,
  exitCodes: {
    [exitCodes.yes]: 'no record is missing, each that was asked for is as it was signed, and nothing came back',
    [exitCodes.no]: 'something is not as it should be, or there is no such record',
    [exitCodes.unusable]: 'it could not be asked: wrong flags, no cluster, no permission',
  },
  examples: [
    { line: 'kubectl offboard records' },
    { line: 'kubectl offboard records --identity ci/build-agent-7' },
    { text: 'to be kept elsewhere', line: 'kubectl offboard records -o yaml > records.yaml' },
  ],
  completes: 'records',
  run: async (args, io) => {
    const { values: { identity, output, ...where }, positionals: names } = parseFlags(flags, args);
    if (identity !== undefined && names.length > 0) throw new UsageError('--identity or names of records, not both');
    const wanted = { identity, names, format: readFormat({ output }) };
    return withCluster(where, io, (cluster) => records(cluster, wanted, io));
  },
};

interface Wanted {
  readonly identity: string | undefined;
  readonly names: readonly string[];
  readonly format: Format | undefined;
}

interface RecordObject extends KubeObject, Record {
  readonly metadata: KubeObject['metadata'];
}

/** Chunks are long. */
const pageSize = 50;

const records = async ({ client, signal }: Cluster, wanted: Wanted, io: Io): Promise<number> => {
  const all: RecordObject[] = [];
  for await (const page of client.listPages<RecordObject>(offboardingRecords, { pageSize }, { signal })) all.push(...page.items);
  const shown = all.filter((record) => isAsked(record, wanted));
  const report = chainOf(all);
  if (wanted.format !== undefined) io.out(serialised(wanted.format, { apiVersion: 'v1', kind: 'List', items: shown.map((record) => withoutManagedFields({ apiVersion, kind: offboardingRecords.kind, ...record })) }));
  else if (shown.length > 0) io.out(printed(shown, report, widthOf(io.columns)));
  if (shown.length === 0) io.err(`${all.length === 0 ? 'there are no records' : 'there is no such record'}\n`);
  const isAsItShouldBe = report.verdict !== 'DoesNotHold' && shown.every((record) => concerns(record).length === 0) && (shown.length > 0 || all.length === 0 && wanted.names.length === 0 && wanted.identity === undefined);
  return isAsItShouldBe ? exitCodes.yes : exitCodes.no;
};

/** Whoever keeps them elsewhere needs the parts of the long ones as well. */
const isAsked = (record: RecordObject, { identity, names, format }: Wanted): boolean => {
  if (identity !== undefined) return isOf(record, identity);
  return names.length === 0 ? format !== undefined || isWhole(record) : names.includes(record.metadata.name);
};

/** Of all records, by what they say: that none is missing, and each is what its digest says. Nobody is trusted. */
const chainOf = (all: readonly RecordObject[]): Report => {
  const report = verify(all.map(({ metadata: { name }, spec }) => materialOf(name, name, { ...spec })), { trusted: new Map(), published: new Map() });
  const problems = report.records.flatMap(({ name, problems: own }) => own.map(({ check, message }) => ({ check, message: `${name ?? ''}: ${message}` })));
  return { ...report, problems: [...report.problems, ...problems] };
};
