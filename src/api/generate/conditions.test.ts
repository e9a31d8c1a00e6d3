import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { conditionTypes, reasons } from '../v1alpha1/conditions.ts';
import { conditionsReferenceOf } from './conditions.ts';

const source = await readFile(new URL('../v1alpha1/conditions.ts', import.meta.url), 'utf8');

it('tells of every condition and every reason when it is true', () => {
  const page = conditionsReferenceOf(source);
  for (const name of [...Object.values(conditionTypes), ...Object.values(reasons)]) expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\| .{10,} \\|$`, 'm'));
});

it('fails where one has no comment', () => {
  expect(() => conditionsReferenceOf(source.replace(/ {2}\/\*\* suspend is true\. \*\/\n/, ''))).toThrow('Suspended');
});
