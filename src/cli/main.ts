#!/usr/bin/env node
/** `offboard` and `kubectl offboard`: finds the command, and gives it the process. */
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import manifest from '../../package.json' with { type: 'json' };
import { systemClock } from '../runtime/clock.ts';
import { namespacedFlags } from './cluster-flags.ts';
import { UsageError, exitCodes, wordsOf } from './command.ts';
import type { Io } from './command.ts';
import { commands } from './commands.ts';
import { complete } from './completion/command.ts';
import { helpOf, helpOfAll } from './help.ts';
import { nearest } from './near.ts';

/** What shells ask, as they ask programs that are made with Cobra. */
const asksToComplete = '__complete';

const run = async (words: readonly string[], io: Io): Promise<number> => {
  if (words[0] === asksToComplete) return complete(commands, words.slice(1), io);
  const [name, ...args] = nameFirst(words);
  if (name === undefined || isHelp(name)) {
    const command = commands.find((each) => each.name === args[0]);
    io.out(name === 'help' && command !== undefined ? helpOf(command) : helpOfAll(commands));
    return name === undefined ? exitCodes.unusable : exitCodes.yes;
  }
  if (name === '--version') {
    io.out(`${io.version}\n`);
    return exitCodes.yes;
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return unknown(name, io);
  if (args.includes('--help') || args.includes('-h')) {
    io.out(helpOf(command));
    return exitCodes.yes;
  }
  try {
    return await command.run(args, io);
  } catch (error) {
    if (io.signal.aborted) return exitCodes.interrupted;
    io.err(`offboard ${command.name}: ${wordsOf(error)}\n`);
    if (error instanceof UsageError) io.err(`Try: kubectl offboard ${command.name} --help\n`);
    return exitCodes.unusable;
  }
};

/** As with kubectl, `-n ci status` is `status -n ci`. */
const nameFirst = (words: readonly string[]): readonly string[] => {
  let at = 0;
  for (let word = words[at]; word?.startsWith('-') === true && !isHelp(word) && word !== '--version'; word = words[at]) at += takesNext(word) ? 2 : 1;
  const name = words[at];
  return name === undefined ? words : [name, ...words.slice(0, at), ...words.slice(at + 1)];
};

const takesNext = (word: string): boolean =>
  Object.entries(namespacedFlags).some(([name, flag]) => word === `--${name}` || ('short' in flag && word === `-${flag.short}`));

const isHelp = (word: string): boolean => word === '--help' || word === '-h' || word === 'help';

const unknown = (name: string, io: Io): number => {
  const near = nearest(name, commands.map((each) => each.name));
  io.err(`offboard: there is no command ${wordsOf(name)}${near === undefined ? '' : `: did you mean ${near}?`}\nTry: kubectl offboard --help\n`);
  return exitCodes.unusable;
};

const stopping = new AbortController();
process.once('SIGINT', () => { stopping.abort(); });
process.once('SIGTERM', () => { stopping.abort(); });
// Whoever reads may have seen enough, as `head` does.
process.stdout.on('error', () => process.exit(exitCodes.unusable));

/** No answer, as by Ctrl-D, is an empty one; Ctrl-C ends the command. */
const ask = (question: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    terminal.once('SIGINT', () => { stopping.abort(); });
    terminal.once('close', () => { resolve(''); });
    terminal.question(question, { signal: stopping.signal }).then(resolve, reject).finally(() => { terminal.close(); });
  });

/** kubectl asks a program of this name what may follow `kubectl offboard`. */
const isForKubectl = basename(process.argv[1] ?? '').startsWith('kubectl_complete-');

process.exitCode = await run([...(isForKubectl ? [asksToComplete] : []), ...process.argv.slice(2)], {
  env: process.env,
  stdin: () => text(process.stdin),
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : undefined,
  out: (chunk) => { process.stdout.write(chunk); },
  err: (chunk) => { process.stderr.write(chunk); },
  // Of this moment: somebody may make the window larger.
  get columns() { return process.stdout.isTTY ? process.stdout.columns : undefined; },
  get rows() { return process.stdout.isTTY ? process.stdout.rows : undefined; },
  signal: stopping.signal,
  clock: systemClock,
  version: manifest.version,
});
