/** `offboard verify`: reads, checks, tells. */
import { readFile } from 'node:fs/promises';
import { keysById } from '../../evidence/keys.ts';
import type { Report } from '../../evidence/report.ts';
import { verify } from '../../evidence/verify.ts';
import { unreadable } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { widthOf } from '../screen.ts';
import { joined, readInput } from './input.ts';
import type { Input } from './input.ts';
import { readOptions, verifyHelp } from './options.ts';
import type { VerifyOptions } from './options.ts';
import { asJson, printed } from './print.ts';
import { readTrusted } from './trust.ts';

const run = async (args: readonly string[], io: Io): Promise<number> => {
  const options = readOptions(args);
  const trusted = keysById(readTrusted(options, io.env));
  const { material, published, unreadable } = await readAll(options, io);
  const report = verify(material, { trusted, published: keysById(published) }, options.expectHead === undefined ? {} : { expectHead: options.expectHead });
  const exitCode = exitCodeOf(report, unreadable);
  io.out(options.output === 'json' ? asJson(report, unreadable, exitCode) : printed(report, unreadable, widthOf(io.columns)));
  return exitCode;
};

/** What is wrong weighs more than what could not be told. */
export const exitCodeOf = ({ verdict }: Report, unreadable: readonly string[]): number => {
  if (verdict === 'DoesNotHold') return 1;
  return verdict === 'Proven' && unreadable.length === 0 ? 0 : 2;
};

const readAll = async ({ files, cluster }: VerifyOptions, io: Io): Promise<Input> => {
  const inputs: Input[] = [];
  for (const file of files) {
    inputs.push(readInput(file === '-' ? 'standard input' : file, file === '-' ? await io.stdin() : await readText(file)));
  }
  if (cluster !== undefined) {
    // Whoever checks offline need not wait for what talks to clusters.
    const { readCluster } = await import('./from-cluster.ts');
    inputs.push(await readCluster(cluster, io));
  }
  return joined(inputs);
};

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
};

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'check signed records offline: signatures, chain and claims',
  help: verifyHelp,
  run,
};
