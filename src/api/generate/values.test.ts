import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { sectionsOf, withValues } from './values.ts';

const yaml = `first: ""
# --- How it works ------

# Of all of it,
# on two lines.

# A map.
map:
  # One | other.
  one: {a: b}
  two: 2
`;

it('gives each value its comment, and each section its own', () => {
  expect(sectionsOf(yaml)).toEqual([
    { title: '', text: '', values: [{ path: 'first', fallback: '""', text: '' }] },
    {
      title: 'How it works',
      text: 'Of all of it, on two lines.',
      values: [
        { path: 'map', fallback: undefined, text: 'A map.' },
        { path: 'map.one', fallback: '{a: b}', text: 'One | other.' },
        { path: 'map.two', fallback: '2', text: '' },
      ],
    },
  ]);
});

it('puts them into the README, and again in the same place', () => {
  const readme = 'before\n<!-- From values.yaml, by `npm run generate`. -->\nold\n<!-- /values -->\nafter\n';
  const once = withValues(readme, yaml);
  expect(once).toContain('| `map.one` | `{a: b}` | One \\| other. |');
  expect(once).toMatch(/^before\n[^]*\nafter\n$/);
  expect(once).not.toContain('old');
  expect(withValues(once, yaml)).toBe(once);
});

it.each(['- item', 'quoted key: 1', 'key: |'])('refuses %j, which it would get wrong', (line) => {
  const read = (): unknown => sectionsOf(`${line}\n  text\n`);
  expect(read).toThrow('is neither a comment nor a value on one line');
});

describe('values.yaml', () => {
  const text = readFileSync('charts/offboard/values.yaml', 'utf8');

  const pathsOf = (value: unknown, path: string): readonly string[] => {
    const own = path === '' ? [] : [path];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return own;
    return [...own, ...Object.entries(value).flatMap(([key, child]) => pathsOf(child, [path, key].filter((part) => part !== '').join('.')))];
  };

  it('has no value that the README lacks', () => {
    const listed = sectionsOf(text).flatMap(({ values }) => values.map(({ path }) => path));
    const isListed = (path: string): boolean => listed.some((each) => each === path || path.startsWith(`${each}.`));
    const all = pathsOf(load(text), '');
    expect(all.length).toBeGreaterThan(50);
    expect(all.filter((path) => !isListed(path))).toEqual([]);
  });

  interface Schema {
    readonly $ref?: string;
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly definitions?: Readonly<Record<string, Schema>>;
  }
  const root = JSON.parse(readFileSync('charts/offboard/values.schema.json', 'utf8')) as Schema;

  it('has a default for each value that the schema knows, and none that it does not', () => {
    const resolve = (schema: Schema): Schema => (schema.$ref === undefined ? schema : resolve(root.definitions?.[schema.$ref.split('/').at(-1) ?? ''] ?? {}));
    const known = (schema: Schema, path: string): readonly string[] =>
      Object.entries(resolve(schema).properties ?? {}).flatMap(([key, child]) => {
        const name = path === '' ? key : `${path}.${key}`;
        return [name, ...known(child, name)];
      });
    // Of these there may be any or none; "global" is what a chart around this one hands down.
    const open = /^(global$|flags\.|resources\.|metrics\.dashboards\.labels\.)/;
    const paths = (all: readonly string[]): readonly string[] => all.filter((path) => !open.test(path)).toSorted();
    expect(paths(pathsOf(load(text), ''))).toEqual(paths(known(root, '')));
  });
});
