/** The help of a command, from what it says of itself, in 80 columns. */
import type { Command } from './command.ts';
import type { Flag, Flags } from './flags.ts';
import { wrap } from './screen.ts';

const width = 80;

export const helpOf = (command: Command): string =>
  [
    command.about.map((paragraph) => wrap(paragraph, width, '')).join('\n'),
    wrap(`Usage: kubectl offboard ${command.name} ${command.usage}`, width, '', '  '),
    ...flagsIn(command.flags),
    `Exit code:\n${Object.entries(command.exitCodes).map(([code, meaning]) => wrap(`${code}  ${meaning}`, width, '  ', '     ')).join('')}`,
    `Examples:\n${command.examples.map(({ text, line }) => `${text === undefined ? '' : wrap(text, width, '  # ')}  ${line}\n`).join('\n')}`,
  ].join('\n');

/** A part for each heading, the command's own flags first. */
const flagsIn = (flags: Flags): readonly string[] => {
  const headings = [...new Set([undefined, ...Object.values(flags).map(({ heading }) => heading)])];
  const left = Math.min(26, Math.max(0, ...Object.entries(flags).map(([name, flag]) => writtenAs(name, flag).length)));
  return headings.flatMap((heading) => {
    const these = Object.entries(flags).filter(([, flag]) => flag.heading === heading);
    if (these.length === 0) return [];
    return [`${heading === undefined ? '' : `${heading}:\n`}${these.map(([name, flag]) => rowOf(name, flag, left)).join('')}`];
  });
};

const rowOf = (name: string, flag: Flag, left: number): string => {
  const written = writtenAs(name, flag);
  const behind = ' '.repeat(left + 4);
  if (written.length > left) return `  ${written}\n${wrap(flag.text, width, behind)}`;
  return wrap(flag.text, width, behind).replace(behind, `  ${written.padEnd(left)}  `);
};

/** `-n, --namespace NAME`, with the names under each other. */
export const writtenAs = (name: string, { short, value }: Flag): string =>
  `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;

export const helpOfAll = (commands: readonly Command[]): string => {
  const left = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Offboard retires workload identities and proves it.',
    '',
    'Usage: kubectl offboard COMMAND [flags]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(left)}  ${summary}`),
    '',
    'COMMAND --help says more. --version prints the version.',
    '',
  ].join('\n');
};
