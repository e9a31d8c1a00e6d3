/** `offboard verify`: reads, checks, tells. */
import { keysById } from '../../evidence/keys.ts';
import type { Report } from '../../evidence/report.ts';
import { verify } from '../../evidence/verify.ts';
import { exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { widthOf } from '../screen.ts';
import { readFiles } from './files.ts';
import { joined } from './input.ts';
import type { Input } from './input.ts';
import { readOptions, verifyFlags } from './options.ts';
import type { VerifyOptions } from './options.ts';
import { asJson, printed } from './print.ts';
import { readTrusted } from './trust.ts';

const run = async (args: readonly string[], io: Io): Promise<number> => {
  const options = readOptions(args);
  const trusted = keysById(readTrusted(options, io.env));
  const { material, published, unreadable } = await readAll(options, io);
  const { expectHead, expectFirst } = options;
  const expected = { ...(expectHead === undefined ? {} : { expectHead }), ...(expectFirst === undefined ? {} : { expectFirst }) };
  const report = verify(material, { trusted, published: keysById(published) }, { ...expected, unreadable });
  const exitCode = exitCodeOf(report);
  io.out(options.output === 'json' ? asJson(report, exitCode) : printed(report, widthOf(io.columns)));
  return exitCode;
};

/** What is wrong weighs more than what could not be told. */
export const exitCodeOf = ({ verdict }: Pick<Report, 'verdict'>): number => {
  switch (verdict) {
    case 'Proven':
      return exitCodes.yes;
    case 'DoesNotHold':
      return exitCodes.no;
    case 'NotProven':
      return exitCodes.unusable;
  }
};

const readAll = async ({ files, cluster }: VerifyOptions, io: Io): Promise<Input> => {
  const given = await readFiles(files, io);
  if (cluster === undefined) return given;
  // Whoever checks offline need not wait for what talks to clusters.
  const { readCluster } = await import('./from-cluster.ts');
  return joined([given, await readCluster(cluster, io)]);
};

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'checks signed records offline: signatures, chain and claims',
  about: [
    'Checks signed records of retired identities, offline: who signed them, that no record is missing between them, and that what they claim adds up.',
    'A FILE holds OffboardingRecords (YAML, JSON, or a List), or DSSE envelopes, also one a line. "-" is standard input.',
  ],
  usage: '[FILE...|-] [flags]',
  flags: verifyFlags,
  exitCodes: {
    [exitCodes.yes]: 'all of it is proven, and signed by who is trusted',
    [exitCodes.no]: 'something does not hold, or is signed by another than who is trusted',
    [exitCodes.unusable]: 'it could not be checked: nothing to read, no key to trust, wrong flags',
  },
  examples: [
    { text: 'records in a file', line: 'kubectl get offboardingrecords -o yaml > records.yaml' },
    { line: 'kubectl offboard verify records.yaml --key signing-key.pub' },
    { text: 'from another command, with the keys of two years', line: 'kubectl get ofr -o json | offboard verify - --key 2026.pub --key 2027.pub' },
    { text: 'those of the cluster, and that none was cut off', line: 'kubectl offboard verify --from-cluster --expect-head sha256:2c26b46b68ff...' },
  ],
  completes: 'files',
  run,
};
