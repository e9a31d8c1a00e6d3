/** The pages about security name policies, files and tests: each is there, and says what they say. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const page = 'docs/threat-model.md';
const read = (path: string): string => readFileSync(path, 'utf8');

interface Row {
  readonly actor: string;
  readonly cells: readonly string[];
}

const rows: readonly Row[] = read(page)
  .split(/^## /m)
  .slice(1)
  .flatMap((section) => {
    const [actor = '', ...lines] = section.split('\n');
    const table = lines.filter((line) => line.startsWith('|')).map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim()));
    return table.slice(2).map((cells) => ({ actor, cells }));
  });

/** Each link of a text, with the sentences in quotes behind it, up to the next link. */
const shownIn = (text: string): readonly (readonly [path: string, sentences: readonly string[]])[] =>
  text
    .split(/(?=\[[^\]]+\]\()/)
    .filter((part) => part.startsWith('['))
    .map((part) => {
      const [, target = '', rest = ''] = /^\[[^\]]+\]\(([^)#]+)[^)]*\)(.*)$/s.exec(part) ?? [];
      return [join(dirname(page), target), rest.split(/;\s+(?=["[])/).flatMap((each) => /^\s*"(.*)"\s*;?\s*$/s.exec(each)?.[1] ?? [])] as const;
    });

/** As it is written in a source: quotes may be of any kind, and escaped. */
const isTitleIn = (source: string, sentence: string): boolean =>
  source.split('\n').some((line) => /\bit\b|\]\)\(|^\s*'/.test(line) && line.replaceAll("\\'", "'").includes(sentence));

describe('the threat model', () => {
  it('has a row for each actor, with what stops it, what shows that, and what is left', () => {
    expect(new Set(rows.map(({ actor }) => actor)).size).toBe(8);
    expect(rows.length).toBeGreaterThan(35);
    for (const { cells } of rows) {
      expect(cells, cells.join(' | ')).toHaveLength(4);
      for (const cell of cells.slice(0, 3)) expect(cell, cells[0]).not.toBe('');
    }
  });

  it.each(rows.map(({ cells }) => [cells[0] ?? '', cells[2] ?? ''] as const))('names tests that are there, against who would %s', (_, shown) => {
    const tests = shownIn(shown);
    expect(tests.length).toBeGreaterThan(0);
    for (const [path, sentences] of tests) {
      expect(path).toMatch(/\.test\.ts$/);
      expect(sentences.length, shown).toBeGreaterThan(0);
      const source = read(path);
      for (const sentence of sentences) expect(isTitleIn(source, sentence), `"${sentence}" in ${path}`).toBe(true);
    }
  });

  it('names every file of policies but those that say how another is done', () => {
    const text = read(page);
    // The claims are what is left of the stamps on older clusters; supersede is about names that are used again.
    const rest = ['Kustomization', 'requested-by-claim.yaml', 'supersede.yaml'];
    for (const file of readdirSync('config/policies')) if (!rest.includes(file)) expect(text, file).toContain(`config/policies/${file}`);
  });

  it.each([page, 'SECURITY.md'])('leads nowhere that is not there, in %s', (path) => {
    const targets = [...read(path).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => join(dirname(path), target));
    expect(targets.length).toBeGreaterThan(2);
    for (const target of targets) expect(existsSync(target), target).toBe(true);
  });

  it('has no address of anybody in the page that says how to report', () => {
    expect(read('SECURITY.md')).not.toMatch(/[\w.]+@[\w-]+\.\w+|mailto:/);
  });
});
