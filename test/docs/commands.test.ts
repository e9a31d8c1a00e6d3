/** Every command that the documents show is run by a test that reads it there, or is named with the reason why it cannot be. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { commandsOf, documented, documentedBlock } from './documented.ts';
import { notRun } from './not-run.ts';
import { pages, proseOf } from './pages.ts';

interface Call {
  readonly test: string;
  readonly page: string;
  readonly heading: string;
  readonly start: string;
}

const call = /\b(documented(?:Block)?)\(\s*'([^']+)',\s*'([^']*)'(?:,\s*'([^']*)')?\s*\)/g;
const tests = globSync('test/{integration,e2e}/**/*.ts');
const calls = tests.flatMap((test) => [...readFileSync(test, 'utf8').matchAll(call)].map(([, what = '', page = '', heading = '', start = '']) => ({ what, test, page, heading, start })));
const shown = pages.flatMap((page) => commandsOf(page).map((each) => ({ page, ...each })));

const isRun = ({ page, heading, command }: (typeof shown)[number]): boolean =>
  calls.some((each: Call & { readonly what: string }) => each.what === 'documented' && each.page === page && each.heading === heading && command.startsWith(each.start));

describe('the commands in the documents', () => {
  it('are each run by a test, or named with the reason why not', () => {
    const left = shown.filter((each) => !isRun(each) && !notRun.some(({ page, command }) => page === each.page && each.command.startsWith(command)));
    expect(left.map(({ page, heading, command }) => `${page}, ${heading}: ${command}`)).toEqual([]);
  });

  it.each(notRun)('has $command in $page, which is not run by any test', ({ page, command, nearest }) => {
    const named = shown.filter((each) => each.page === page && each.command.startsWith(command));
    expect(named).not.toEqual([]);
    expect(named.filter(isRun)).toEqual([]);
    expect(existsSync(nearest), nearest).toBe(true);
  });

  it('are there, whatever a test runs of them', () => {
    expect(calls.length).toBeGreaterThan(50);
    for (const { what, page, heading, start } of calls) expect(what === 'documented' ? documented(page, heading, start) : documentedBlock(page, heading, start)).not.toBe('');
  });

  it('are in blocks that say what they are', () => {
    const unnamed = pages.filter((page) => /^ *```\n(?=(?:\$ )?(?:kubectl|offboard|helm|make|bao|vault|gcloud|openssl|npm|git|docker) )/m.test(`\n${readFileSync(page, 'utf8')}`));
    expect(unnamed).toEqual([]);
  });
});

describe('the commands in the text', () => {
  const inline = pages.flatMap((page) => [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => ({ page, code })));

  it('of offboard are commands that it has', () => {
    const named = inline.flatMap(({ page, code }) => [...code.matchAll(/^(?:kubectl )?offboard ([a-z]+)\b/g)].map(([, name = '']) => ({ page, name })));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ name }) => !commands.some((command) => command.name === name))).toEqual([]);
  });

  it('of make are targets that there are', () => {
    const makefile = readFileSync('Makefile', 'utf8');
    const named = inline.flatMap(({ page, code }) => [...code.matchAll(/^(?:[A-Z_]+=\S+ )*make ([a-z0-9-]+)\b/g)].map(([, target = '']) => ({ page, target })));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ target }) => !makefile.includes(`\n${target}: ##`))).toEqual([]);
  });
});
