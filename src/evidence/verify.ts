/**
 * Whether records prove what they say: each by itself, and all of them as a chain. Pure: what was read, and who is trusted, is given.
 *
 *   envelope ──signature──▶ payload ──canonical, schema──▶ statement ──▶ the object around it, chunks, claims
 *                                                                  └──▶ chain
 */
import { chainsOf, firstProblem, headProblem } from './chain.ts';
import type { First, Head, Linked } from './chain.ts';
import { checkEnvelope, readCanonical, specProblems, statementProblems } from './check.ts';
import type { CheckedEnvelope } from './check.ts';
import { claimProblems } from './claims.ts';
import { assembled, readChunks } from './gathered.ts';
import type { GatheredChunks } from './gathered.ts';
import type { Statement } from './envelope.ts';
import type { Keyring } from './keys.ts';
import type { EnvelopeMaterial, Material, RecordMaterial } from './material.ts';
import type { Predicate } from './predicate.ts';
import { countsOf, decisionsOf, limitsOf } from './report.ts';
import type { Check, Problem, RecordReport, Report } from './report.ts';
import { schemas } from './schema.ts';

export interface Options {
  /** What must be among the records. */
  readonly expectHead?: Head;
  readonly expectFirst?: First;
  /** What was given beside the material, and could not be read. */
  readonly unreadable?: readonly string[];
}

interface Checked {
  readonly report: RecordReport;
  readonly linked?: Linked;
}

export const verify = (material: readonly Material[], keys: Keyring, { expectHead, expectFirst, unreadable = [] }: Options = {}): Report => {
  const chunks = readChunks(material);
  const checked = material.flatMap((each) => (each.kind === 'Chunk' ? [] : [checkRecord(each, keys, chunks)]));
  const { records, notes } = withoutRepeats(checked);
  const linked = records.flatMap((each) => each.linked ?? []);
  const chains = chainsOf(linked);
  const ends = [expectHead && headProblem(linked, expectHead), expectFirst && firstProblem(linked, expectFirst)].filter((end) => end !== undefined);
  const problems: readonly Problem[] = [
    ...chunks.problems,
    ...chains.flatMap((chain) => chain.problems.map((message) => problem('chain', chains.length === 1 ? message : `cluster ${chain.cluster}: ${message}`))),
    ...ends.map((message) => problem('chain', message)),
  ];
  const reports = records.map(({ report }) => report).toSorted((a, b) => compare(a.says?.cluster ?? '', b.says?.cluster ?? '') || compare(a.name ?? '', b.name ?? ''));
  const verdict = verdictOf(reports, problems);
  return {
    verdict: verdict === 'Proven' && unreadable.length > 0 ? 'NotProven' : verdict,
    records: reports,
    chains,
    problems,
    unreadable,
    notes: [...notes, ...chains.flatMap((chain) => chain.notes)],
  };
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const problem = (check: Check, message: string): Problem => ({ check, message });

/** Whoever says who is trusted, and gets another's signature, does not get what he asked for. Otherwise nothing is known. */
const verdictOf = (records: readonly RecordReport[], problems: readonly Problem[]): Report['verdict'] => {
  if (problems.length > 0 || records.some((record) => record.problems.length > 0)) return 'DoesNotHold';
  return records.length > 0 && records.every(({ signature }) => signature === 'Trusted') ? 'Proven' : 'NotProven';
};

const checkRecord = (material: RecordMaterial | EnvelopeMaterial, keys: Keyring, chunks: GatheredChunks): Checked => {
  const { source } = material;
  const name = material.kind === 'Record' ? material.name : undefined;
  const envelope = checkEnvelope(material.kind === 'Record' ? material.spec['envelope'] : material.envelope, keys);
  const { signature, keyid, digest } = envelope;
  const told = { source, ...(name === undefined ? {} : { name }), ...(digest === undefined ? {} : { digest }), signature, ...(keyid === undefined ? {} : { keyid }) };
  const signed = signatureProblems(envelope, keys);
  const statement = readStatement(envelope);
  // What is not signed is not looked at any further: it may say anything.
  if (signature === 'Invalid' || 'problem' in statement || digest === undefined) {
    return { report: { ...told, problems: [...signed, ...('problem' in statement ? [statement.problem] : [])] } };
  }
  const { predicate: root } = statement.value;
  const { predicate, problems: chunkProblems } = assembled(root, chunks);
  const problems = [
    ...signed,
    ...statementProblems(statement.value).map((message) => problem('schema', message)),
    ...(material.kind === 'Record' ? specProblems(material, root, digest).map((message) => problem('fields', message)) : []),
    ...chunkProblems.map((message) => problem('chunks', message)),
    ...claimProblems(predicate).map((message) => problem('claims', message)),
  ];
  const { record, outcome, identity, run } = predicate;
  return {
    linked: { record, outcome, digest, identity: `${identity.serviceAccount.namespace}/${identity.serviceAccount.name}`, run: run.uid },
    report: {
      ...told,
      name: record.name,
      says: {
        outcome,
        cluster: record.cluster,
        identity: `${identity.serviceAccount.namespace}/${identity.serviceAccount.name}`,
        run: `${run.namespace}/${run.name}`,
        completedAt: run.completedAt,
        decisions: decisionsOf(predicate),
        limits: limitsOf(predicate),
        counts: countsOf(predicate),
      },
      problems,
    },
  };
};

/**
 * All that a record says, with the credentials of its chunks. Undefined where that cannot be read, and where it is not known to be signed
 * by anybody: then it may say anything.
 */
export const signedPredicate = (material: RecordMaterial | EnvelopeMaterial, all: readonly Material[], keys: Keyring): Predicate | undefined => {
  const envelope = checkEnvelope(material.kind === 'Record' ? material.spec['envelope'] : material.envelope, keys);
  if (envelope.signature === 'Invalid' || envelope.signature === 'Unknown') return undefined;
  const statement = readStatement(envelope);
  return 'problem' in statement ? undefined : assembled(statement.value.predicate, readChunks(all)).predicate;
};

const signatureProblems = ({ signature, problem: why, keyid }: CheckedEnvelope, keys: Keyring): readonly Problem[] => {
  if (signature === 'Invalid') return [problem('signature', why ?? 'it is invalid')];
  if (signature === 'Trusted' || keys.trusted.size === 0) return [];
  return [problem('signature', `it is by key ${keyid ?? ''}, which is none of those that are trusted`)];
};

const readStatement = ({ payload }: CheckedEnvelope): { readonly value: Statement } | { readonly problem: Problem } => {
  if (payload === undefined) return { problem: problem('input', 'there is nothing in it that could be read') };
  const read = readCanonical(payload);
  if ('problem' in read) return { problem: problem('schema', `what is signed ${read.problem}`) };
  const typed = schemas().statement(read.value);
  return 'value' in typed ? typed : { problem: problem('schema', typed.problems.join('; ')) };
};

/** A file that is given twice, or an envelope beside the object that holds it, is one record. */
const withoutRepeats = (checked: readonly Checked[]): { readonly records: readonly Checked[]; readonly notes: readonly string[] } => {
  const seen = new Map<string, Checked>();
  const records = checked.filter((each) => {
    const { report, linked } = each;
    if (linked === undefined || report.problems.length > 0) return true;
    const isRepeat = seen.has(linked.digest);
    if (!isRepeat) seen.set(linked.digest, each);
    return !isRepeat;
  });
  const repeats = checked.length - records.length;
  return { records, notes: repeats === 0 ? [] : [`${repeats} ${repeats === 1 ? 'record was' : 'records were'} given more than once`] };
};
