/** `offboard report`: the signed record of a retirement as one page, for whoever audits it. */
import { keysById } from '../../evidence/keys.ts';
import { escapeControls } from '../../runtime/redact.ts';
import { exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { exitCodeOf } from '../verify/command.ts';
import { readTrusted } from '../verify/trust.ts';
import { readOptions, reportFlags } from './options.ts';
import { pageOf } from './page.ts';
import { sourceOf } from './source.ts';
import { checked } from './subject.ts';
import type { Checked } from './subject.ts';
import { verdictOf } from './top.ts';

const run = async (args: readonly string[], io: Io): Promise<number> => {
  const options = readOptions(args);
  const trusted = keysById(readTrusted(options, io.env));
  const source = await sourceOf(options, io);
  if (typeof source === 'string') return refused(source, io);
  const found = checked(source.given, { trusted, published: keysById(source.published) }, options.expectHead === undefined ? {} : { expectHead: options.expectHead });
  if (typeof found === 'string') return refused(found, io);
  io.out(pageOf(found, io.version));
  const exitCode = exitCodeOf(found);
  // The page is in a file by now: whoever made it is told as well.
  if (exitCode !== exitCodes.yes) io.err(`offboard report: ${escapeControls(toldOf(found))}\n`);
  return exitCode;
};

/** No page: there is nothing that one could be taken for. */
const refused = (why: string, io: Io): number => {
  io.err(`offboard report: ${escapeControls(why)}\n`);
  return exitCodes.no;
};

const toldOf = (found: Checked): string => {
  const { title } = verdictOf(found);
  const [problem, ...more] = found.problems;
  if (problem !== undefined) return `the page says: ${title}: ${problem.message}${more.length === 0 ? '' : `, and ${String(more.length)} more`}`;
  return `the page says: ${title}. Name the key that its owner kept: --key FILE`;
};

export const reportCommand: Command = {
  name: 'report',
  summary: 'makes one page of a signed record, for whoever audits it',
  about: [
    'Makes one HTML page of the signed record of a retirement: how it ended, what may still work and until when, who decided, each credential from discovery to proof, what was tried, and how to verify it. The page is whole in itself: it loads nothing, runs nothing, and is the same for the same record.',
    'The record is verified on the way, as verify does it, and the page says first what came of that. Of a record whose signature fails it shows nothing but that. An Offboarding without a record has no page: nothing of it is proven.',
    'NAME is an Offboarding, or a record: record/0000000042, or its number.',
  ],
  usage: '[NAME] [flags]',
  flags: reportFlags,
  exitCodes: {
    [exitCodes.yes]: 'the record is proven, and signed by who is trusted',
    [exitCodes.no]: 'something does not hold, and the page says what; or there is no such record, and no page',
    [exitCodes.unusable]: 'nobody is trusted to have signed it, and the page says so; or it could not be asked: wrong flags, no cluster, no permission',
  },
  examples: [
    { line: 'kubectl offboard report build-agent-7-retired -n ci \\\n    --key signing-key.pub > report.html' },
    { text: 'without a cluster', line: 'kubectl offboard report 42 -f records.yaml --key signing-key.pub > report.html' },
  ],
  completes: 'offboardings',
  run,
};
