/** Records for people: one a line, then what became of them since, then whether the chain is whole. Pure. */
import type { Condition, OffboardingRecordSpec, OffboardingRecordStatus } from '../../api/v1alpha1/index.ts';
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import type { Report } from '../../evidence/report.ts';
import { table, wrap } from '../screen.ts';
import { offboardLine } from '../shell.ts';

export interface Record {
  readonly metadata: { readonly name: string };
  readonly spec: OffboardingRecordSpec;
  readonly status?: OffboardingRecordStatus;
}

/** A part of a long record is none by itself. */
export const isWhole = ({ spec }: Record): boolean => spec.chunk === undefined;

/** By whose end it is: `namespace/name`, or either of them. */
export const isOf = ({ spec: { identity } }: Record, wanted: string): boolean => {
  if (identity === undefined) return false;
  return wanted.includes('/') ? `${identity.namespace}/${identity.name}` === wanted : identity.name === wanted;
};

/** What somebody should look at: a record that is not as it was signed, an identity that came back. */
export const concerns = ({ status }: Record): readonly string[] => {
  const [intact, resurrected] = [conditionOf(status, conditionTypes.intact), conditionOf(status, conditionTypes.resurrected)];
  return [
    ...(intact?.status === 'False' && !isQuiet(intact) ? [`not intact: ${intact.message}`] : []),
    ...(resurrected?.status === 'True' ? [`came back: ${resurrected.message}`] : []),
    ...(resurrected?.status === 'Unknown' ? [`nobody can tell whether it came back: ${resurrected.message}`] : []),
  ];
};

/** Another watches in its place, or there is nothing to watch. */
const isQuiet = ({ reason }: Condition): boolean => ['NewerRecord', 'SupersededByIdentity', 'NothingRetired'].includes(reason);

export const printed = (records: readonly Record[], { chains, problems }: Report, width: number): string =>
  [
    table(
      ['NAME', 'IDENTITY', 'OUTCOME', 'COMPLETED', 'OFFBOARDING'],
      records.map(({ metadata, spec: { identity, outcome = '', completedAt = '', offboarding } }) => [
        metadata.name, identity === undefined ? '' : `${identity.namespace}/${identity.name}`, outcome, completedAt.replace(/\.\d+Z$/, 'Z'), offboarding?.name ?? '',
      ]),
    ),
    ...records.flatMap((record) => concerns(record).map((concern) => wrap(`! ${record.metadata.name} ${concern}`, width, '  ', '    '))),
    '\n',
    ...chains.map(({ first, last, length, problems: broken }) => wrap(`chain ${first} to ${last.name}, ${String(length)} ${length === 1 ? 'record' : 'records'}${broken.length === 0 ? ', none missing' : ''}`, width, '')),
    ...problems.map(({ check, message }) => wrap(`DOES NOT HOLD ${check}: ${message}`, width, '  ', '    ')),
    ...chains.map(({ last }) => `head ${last.name}@${last.digest}\n`),
    ...chains.slice(0, 1).map(({ last }) => `signatures are not checked here: ${offboardLine('verify', '--from-cluster', '--key', 'FILE', '--expect-head', last.digest)}\n`),
  ].join('');
