/**
 * The commands that the documents show. A test runs them as they stand there:
 *
 *     await shell(documented('docs/vault.md', 'Set-up in ten lines', 'bao'));
 *
 * and `commands.test.ts` finds such calls by their text, so write page, heading and beginning as they are, in quotes.
 */
import { blocksOf } from './pages.ts';

export interface Shown {
  readonly heading: string;
  /** One command of a shell, which may have several lines. */
  readonly command: string;
  /** The output that is shown with it; empty where none is. */
  readonly output: string;
}

/** Everything in blocks of `sh`, and in those of `console` what follows "$ ". */
export const commandsOf = (page: string): readonly Shown[] =>
  blocksOf(page).flatMap(({ heading, language, text }) => {
    if (language === 'sh') return inLines(text).map((command) => ({ heading, command, output: '' }));
    if (language === 'console') return inTranscript(text).map((each) => ({ heading, ...each }));
    return [];
  });

/** Those beneath a heading that begin so, one after the other, for one shell. Throws where there is none. */
export const documented = (page: string, heading: string, start = ''): string => select(page, heading, start).map(({ command }) => command).join('\n');

/** What the page shows as their output. */
export const shownOutput = (page: string, heading: string, start: string): string => select(page, heading, start).map(({ output }) => output).join('\n');

/** The words of one command, as a program gets them that is started without a shell: without itself, quotes and a comment. */
export const wordsOf = (command: string): readonly string[] =>
  [...command.replace(/\s#.*$/, '').replaceAll('\\\n', ' ').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '').slice(1);

/** The block in another language beneath a heading. Throws where there is none, or another. */
export const documentedBlock = (page: string, heading: string, language: string): string => {
  const [block, another] = blocksOf(page).filter((each) => each.heading === heading && each.language === language);
  if (block === undefined || another !== undefined) throw new Error(`${page} has not just one block of ${language} beneath "${heading}" any more`);
  return block.text;
};

const select = (page: string, heading: string, start: string): readonly Shown[] => {
  const found = commandsOf(page).filter((shown) => shown.heading === heading && shown.command.startsWith(start));
  if (found.length === 0) throw new Error(`${page} shows no command "${start}" beneath "${heading}" any more`);
  return found;
};

const inLines = (text: string): readonly string[] => {
  const commands: string[] = [];
  let open: readonly string[] = [];
  for (const line of text.split('\n')) {
    if (open.length === 0 && /^\s*(#.*)?$/.test(line)) continue;
    open = [...open, line];
    if (!isWhole(open)) continue;
    commands.push(open.join('\n'));
    open = [];
  }
  if (open.length > 0) throw new Error(`this command has no end: ${open.join('\n')}`);
  return commands;
};

const isWhole = (lines: readonly string[]): boolean => {
  const last = lines.at(-1) ?? '';
  const [, here] = /<<'?(\w+)'?/.exec(lines.join('\n')) ?? [];
  if (here !== undefined) return last === here;
  const count = (word: RegExp): number => lines.filter((line) => word.test(line)).length;
  return !last.endsWith('\\') && count(/^\s*for /) === count(/\bdone$/);
};

const inTranscript = (text: string): readonly Pick<Shown, 'command' | 'output'>[] =>
  text.split(/^\$ /m).slice(1).map((part) => {
    const [command = '', ...output] = part.split('\n');
    return { command, output: output.join('\n') };
  });
