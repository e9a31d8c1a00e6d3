/** What a check found, for people: first what people decided, then what nobody could prove, then the records, then the verdict. */
import type { Decisions, RecordReport, Report } from '../../evidence/report.ts';
import { escapeControls } from '../../runtime/redact.ts';
import { wrap } from '../screen.ts';

/** Of more records than this, those that are as they should be are counted. */
const mostListed = 20;

export const printed = (report: Report, width: number): string =>
  [...decisions(report.records, width), ...limits(report.records, width), ...records(report.records, width), ...whole(report, width)].join('');

const titleOf = ({ name, source, says }: RecordReport): string => (says === undefined ? `${name ?? ''} (${source})`.trimStart() : `${name ?? source}  ${says.identity}`);

/** Waivers, cancels and broken glass come before all else, however many others there are. */
const decisions = (all: readonly RecordReport[], width: number): readonly string[] => {
  const readable = all.flatMap((record) => (record.says === undefined ? [] : [{ record, ...record.says.decisions }]));
  if (readable.length === 0) return [];
  const grave = readable.filter(({ attention }) => attention.length > 0);
  const others = readable.length <= mostListed ? readable.filter(({ attention }) => attention.length === 0) : [];
  const rest = readable.length - grave.length - others.length;
  return [
    'decided by people\n',
    ...[...grave, ...others].flatMap(({ record, attention, ...asked }) => [
      wrap(titleOf(record), width, '  ', '    '),
      wrap(askedIn(asked), width, '    '),
      ...marked(attention, width),
    ]),
    ...(rest === 0 ? [] : [`  ${rest} ${grave.length === 0 ? 'records' : 'more'}, with no waiver, no cancel and no broken glass\n`]),
    '\n',
  ];
};

const askedIn = ({ requestedBy, isOffboard, enforcedBy }: Omit<Decisions, 'attention'>): string => {
  if (isOffboard === true) return 'asked by Offboard, because the identity was deleted, or had expired; who did that is in the audit log';
  return `asked by ${requestedBy ?? 'nobody known'}${enforcedBy === undefined ? '' : `, enforced by ${enforcedBy}`}`;
};

const marked = (lines: readonly string[], width: number): readonly string[] => lines.map((line) => wrap(`! ${line}`, width, '    ', '      '));

/** What is said of many alike is said once. */
const limits = (all: readonly RecordReport[], width: number): readonly string[] => {
  const byLimits = Map.groupBy(all.filter(({ says }) => says !== undefined && says.limits.length > 0), ({ says }) => says?.limits.join('\n') ?? '');
  if (byLimits.size === 0) return [];
  const groups = [...byLimits.values()];
  const rest = groups.slice(mostListed).flat().length;
  return [
    'what they do not prove\n',
    ...groups.slice(0, mostListed).flatMap(([first, ...others]) => [
      wrap(`${first === undefined ? '' : titleOf(first)}${others.length === 0 ? '' : `, and ${others.length} more`}`, width, '  ', '    '),
      ...marked(first?.says?.limits ?? [], width),
    ]),
    ...(rest === 0 ? [] : [`  ${rest} more have limits of their own: offboard report shows those of each\n`]),
    '\n',
  ];
};

const records = (all: readonly RecordReport[], width: number): readonly string[] => {
  const shown = all.length <= mostListed ? all : all.filter(({ problems }) => problems.length > 0);
  if (shown.length === 0) return [];
  return [
    all.length <= mostListed ? 'records\n' : 'records that do not hold\n',
    ...shown.flatMap((record) => [
      wrap(`${titleOf(record)}${record.says === undefined ? '' : `  ${record.says.outcome}, ${record.says.completedAt}`}`, width, '  ', '    '),
      ...(record.says === undefined ? [] : [wrap(countsIn(record.says.counts), width, '    ')]),
      wrap(signatureIn(record), width, '    '),
      ...record.problems.map(({ check, message }) => wrap(`DOES NOT HOLD ${check}: ${message}`, width, '    ', '      ')),
    ]),
    '\n',
  ];
};

const countsIn = ({ credentials, probed, observed, waitedOut, waived, open }: NonNullable<RecordReport['says']>['counts']): string => {
  const parts = Object.entries({ probed, observed, 'waited out': waitedOut, waived, open }).filter(([, count]) => count > 0);
  const total = `${credentials} ${credentials === 1 ? 'credential' : 'credentials'}`;
  return parts.length === 0 ? total : `${total}: ${parts.map(([name, count]) => `${count} ${name}`).join(', ')}`;
};

const signatures: Readonly<Record<RecordReport['signature'], string>> = {
  Trusted: 'signature ok',
  Untrusted: 'signature valid, signer untrusted',
  Unknown: 'signature not checked, its key is not known',
  Invalid: 'signature invalid',
};

const signatureIn = ({ signature, keyid, problems }: RecordReport): string =>
  [`${signatures[signature]}${keyid === undefined ? '' : ` (key ${keyid.slice(0, 16)})`}`, ...(problems.length === 0 ? ['schema ok', 'claims ok'] : [])].join(', ');

const whole = (report: Report, width: number): readonly string[] => {
  const { chains, problems, unreadable, notes } = report;
  return [
    ...chains.flatMap(({ first, last, length, problems: broken }) => [
      wrap(`chain ${first} to ${last.name}, ${length} ${length === 1 ? 'record' : 'records'}${broken.length === 0 ? ', ok' : ''}`, width, ''),
      wrap(`head ${last.name}@${last.digest}`, width, '  ', '    '),
    ]),
    ...problems.map(({ check, message }) => wrap(`DOES NOT HOLD ${check}: ${message}`, width, '', '  ')),
    ...unreadable.map((message) => wrap(`NOT CHECKED ${message}`, width, '', '  ')),
    ...notes.map((note) => wrap(`note: ${note}`, width, '', '  ')),
    `${verdictIn(report)}\n`,
  ];
};

const verdictIn = ({ verdict, records: all, unreadable }: Report): string => {
  const count = `${all.length} ${all.length === 1 ? 'record' : 'records'}`;
  if (verdict === 'DoesNotHold') return `does not hold: ${count}`;
  if (all.length === 0) return 'not proven: there is no record';
  if (verdict === 'Proven') return `proven: ${count}`;
  const why = unreadable.length === 0 ? 'nobody is trusted to have signed (--key)' : 'there is something that could not be read';
  return `not proven: nothing is wrong with ${count}, and ${why}`;
};

/** For machines: what is in it is as it was read, and control characters are escaped by JSON. */
export const asJson = (report: Report, exitCode: number): string =>
  `${JSON.stringify({ ...report, unreadable: report.unreadable.map(escapeControls), exitCode }, null, 2)}\n`;
