/** Which of the records that were given the page is about, and what is known of it. Pure. */
import type { ChainReport } from '../../evidence/chain.ts';
import type { SignatureState } from '../../evidence/check.ts';
import type { Keyring } from '../../evidence/keys.ts';
import type { EnvelopeMaterial, Material, RecordMaterial } from '../../evidence/material.ts';
import type { Predicate } from '../../evidence/predicate.ts';
import type { Problem, RecordReport, Report } from '../../evidence/report.ts';
import { signedPredicate, verify } from '../../evidence/verify.ts';
import type { Options } from '../../evidence/verify.ts';
import type { Subject } from './options.ts';

export interface Given {
  readonly material: readonly Material[];
  /** What is there and could not be read. */
  readonly unreadable: readonly string[];
  readonly subject: Subject;
  /** In which the Offboarding was; any where absent. */
  readonly namespace?: string;
  /** What the status of the Offboarding says of its record. */
  readonly expected?: { readonly name: string; readonly digest: string };
  /** What the cluster says that became of the record since: nobody signed that. */
  readonly aftermath: readonly string[];
}

export interface Checked {
  /** Its name, or where it was read. */
  readonly name: string;
  readonly source: string;
  readonly digest: string | undefined;
  /** As with verify: proven; nothing is wrong, and nobody is trusted to have signed it; or something does not hold. */
  readonly verdict: Report['verdict'];
  readonly signature: SignatureState;
  readonly keyid: string | undefined;
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  /** Of its cluster. Absent where its signature was not found good. */
  readonly chain: ChainReport | undefined;
  /** All that is signed; undefined where nothing is known to be. */
  readonly predicate: Predicate | undefined;
  /** A later record of the same run, which says how it went on. */
  readonly revisedBy: string | undefined;
  readonly aftermath: readonly string[];
}

/** Or why there is no such record, in words. */
export const checked = (given: Given, keys: Keyring, options: Options = {}): Checked | string => {
  const report = verify(given.material, keys, options);
  const wanted = wantedIn(report, given);
  if (typeof wanted === 'string') return wanted;
  const { record, problems: choice } = wanted;
  const material = given.material.find((each): each is RecordMaterial | EnvelopeMaterial => each.kind !== 'Chunk' && each.source === record.source);
  const problems = [...record.problems, ...report.problems, ...choice, ...expectedProblems(record, given.expected)];
  const others = report.records.filter((each) => each !== record && each.problems.some(({ check }) => check !== 'signature')).length;
  const { cluster } = record.says ?? {};
  return {
    name: record.name ?? record.source,
    source: record.source,
    digest: record.digest,
    verdict: problems.length > 0 ? 'DoesNotHold' : record.signature === 'Trusted' ? 'Proven' : 'NotProven',
    signature: record.signature,
    keyid: record.keyid,
    problems,
    notes: [
      ...report.notes,
      ...given.unreadable.map((each) => `${each}, so it was not looked at`),
      ...(others === 0 ? [] : [`${String(others)} of the other records that were given ${others === 1 ? 'does' : 'do'} not hold: verify says which`]),
    ],
    chain: report.chains.find((each) => each.cluster === cluster),
    predicate: material === undefined ? undefined : signedPredicate(material, given.material, keys),
    revisedBy: revisionOf(record, report, given, keys),
    aftermath: given.aftermath,
  };
};

interface Wanted {
  readonly record: RecordReport;
  readonly problems: readonly Problem[];
}

const wantedIn = ({ records }: Report, { subject, namespace, expected }: Given): Wanted | string => {
  switch (subject.kind) {
    case 'Only':
      return records.length === 1 ? oneOf(records, '') : `there ${records.length === 0 ? 'is no record' : `are ${String(records.length)} records`} in what was given${records.length === 0 ? '' : ': name one, such as record/0000000001'}`;
    case 'Record':
      return oneOf(named(records, subject.name), `there is no record ${subject.name} in what was given`);
    case 'Offboarding':
      if (expected !== undefined) return oneOf(named(records, expected.name), `the Offboarding "${subject.name}" says that record ${expected.name} is its own, and there is no such record`);
      return ofRun(records, subject.name, namespace);
  }
};

const named = (records: readonly RecordReport[], name: string): readonly RecordReport[] => records.filter((each) => each.name === name);

/** The better signed one of several, with the word that there are more. */
const oneOf = (records: readonly RecordReport[], none: string): Wanted | string => {
  const ranks: readonly SignatureState[] = ['Trusted', 'Untrusted', 'Unknown', 'Invalid'];
  const [record, ...more] = records.toSorted((a, b) => ranks.indexOf(a.signature) - ranks.indexOf(b.signature));
  if (record === undefined) return none;
  return { record, problems: more.length === 0 ? [] : [{ check: 'chain', message: `${String(records.length)} different records are named ${record.name ?? 'so'}; this page is about one of them` }] };
};

/** The last one of an Offboarding of that name, of which waivers may have made several. */
const ofRun = (records: readonly RecordReport[], name: string, namespace: string | undefined): Wanted | string => {
  const found = records.filter(({ says }) => says !== undefined && (namespace === undefined ? says.run.endsWith(`/${name}`) : says.run === `${namespace}/${name}`));
  const runs = [...new Set(found.map(({ says }) => says?.run ?? ''))];
  if (runs.length > 1) return `there are records of ${runs.join(' and ')}: say which with -n`;
  const last = found.at(-1);
  const unread = records.filter(({ says }) => says === undefined).length;
  const none = `there is no record of an Offboarding "${name}"${namespace === undefined ? '' : ` in namespace ${namespace}`} in what was given`;
  if (last === undefined) return unread === 0 ? none : `${none}, and of ${String(unread)} it could not be told whose they are: name the record, such as record/0000000001`;
  return oneOf(named(found, last.name ?? ''), '');
};

const expectedProblems = ({ digest }: RecordReport, expected: Given['expected']): readonly Problem[] =>
  expected === undefined || digest === expected.digest ? [] : [{ check: 'fields', message: `the Offboarding says that the digest of its record is ${expected.digest}` }];

/** By what is signed: whoever may write beside it could say anything. */
const revisionOf = (record: RecordReport, { records }: Report, { material }: Given, keys: Keyring): string | undefined => {
  const sameRun = records.filter(({ name, says }) => says !== undefined && says.run === record.says?.run && (name ?? '') > (record.name ?? ''));
  const sources = new Set(sameRun.map(({ source }) => source));
  const predicates = material.flatMap((each) => (each.kind !== 'Chunk' && sources.has(each.source) ? [signedPredicate(each, [], keys)] : []));
  return predicates.find((each) => each?.record.revises === record.name)?.record.name;
};
