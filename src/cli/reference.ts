/** docs/reference/cli.md, from what each command says of itself. Pure. */
import type { Command } from './command.ts';
import type { Flags } from './flags.ts';
import { writtenAs } from './help.ts';

export const referenceOf = (commands: readonly Command[]): string =>
  [
    '<!-- Generated from src/cli/ by `make generate`. Do not edit. -->',
    '# Command line',
    '',
    '`kubectl offboard` is a plugin of kubectl: one file, `kubectl-offboard`, that needs Node 24 and nothing else. The same file is `offboard`.',
    'It speaks to the cluster that kubectl speaks to, as whoever kubectl is, and has no rights of its own.',
    '',
    '| command | |',
    '|---|---|',
    ...commands.map(({ name, summary }) => `| [\`${name}\`](#${anchor(name)}) | ${escaped(summary)} |`),
    '',
    'Exit codes mean the same everywhere: 0 it is so or was done, 1 it was asked and the answer is no or not yet, 2 it could not be asked or done,',
    '130 somebody ended it.',
    ...commands.flatMap(sectionOf),
    '',
  ].join('\n');

const anchor = (name: string): string => `kubectl-offboard-${name}`;

const sectionOf = ({ name, about, usage, flags, exitCodes, examples }: Command): readonly string[] => [
  '',
  `## kubectl offboard ${name}`,
  '',
  ...about.flatMap((paragraph) => [escaped(paragraph), '']),
  '```text',
  `kubectl offboard ${name} ${usage}`,
  '```',
  '',
  ...tableOf(flags),
  '| exit code | |',
  '|---|---|',
  ...Object.entries(exitCodes).map(([code, meaning]) => `| ${code} | ${escaped(meaning)} |`),
  '',
  '```sh',
  ...examples.flatMap(({ text, line }) => [...(text === undefined ? [] : [`# ${text}`]), line]),
  '```',
];

const tableOf = (flags: Flags): readonly string[] => {
  const all = Object.entries(flags);
  if (all.length === 0) return [];
  return ['| flag | |', '|---|---|', ...all.map(([name, flag]) => `| \`${writtenAs(name, flag).trim()}\` | ${escaped(flag.text)} |`), ''];
};

const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
