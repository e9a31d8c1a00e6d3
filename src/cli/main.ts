#!/usr/bin/env node
/** `offboard` and `kubectl offboard`: finds the command, and gives it the process. */
import { text } from 'node:stream/consumers';
import manifest from '../../package.json' with { type: 'json' };
import { UsageError, wordsOf } from './command.ts';
import type { Command, Io } from './command.ts';
import { statusCommand } from './status/command.ts';
import { verifyCommand } from './verify/command.ts';

const commands: readonly Command[] = [statusCommand, verifyCommand];

const help = (): string => {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Offboard retires workload identities and proves it.',
    '',
    'Usage: kubectl offboard COMMAND [flags]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'COMMAND --help says more. --version prints the version.',
    '',
  ].join('\n');
};

/** Something was asked for that cannot be done. */
const unusable = 2;

const run = async ([name, ...args]: readonly string[], io: Io): Promise<number> => {
  if (name === undefined || isHelp(name)) {
    io.out(help());
    return name === undefined ? unusable : 0;
  }
  if (name === '--version') {
    io.out(`${io.version}\n`);
    return 0;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return unknown(name, io);
  if (args.includes('--help') || args.includes('-h')) {
    io.out(command.help);
    return 0;
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    io.err(`offboard ${command.name}: ${wordsOf(error)}\n`);
    if (error instanceof UsageError) io.err(`Try: offboard ${command.name} --help\n`);
    return unusable;
  }
};

const isHelp = (word: string): boolean => word === '--help' || word === '-h' || word === 'help';

const unknown = (name: string, io: Io): number => {
  io.err(`offboard: there is no command ${wordsOf(name)}\nTry: offboard --help\n`);
  return unusable;
};

const stopping = new AbortController();
process.once('SIGINT', () => { stopping.abort(); });
process.once('SIGTERM', () => { stopping.abort(); });
// Whoever reads may have seen enough, as `head` does.
process.stdout.on('error', () => process.exit(unusable));

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  stdin: () => text(process.stdin),
  out: (chunk) => { process.stdout.write(chunk); },
  err: (chunk) => { process.stderr.write(chunk); },
  columns: process.stdout.isTTY ? process.stdout.columns : undefined,
  signal: stopping.signal,
  version: manifest.version,
});
