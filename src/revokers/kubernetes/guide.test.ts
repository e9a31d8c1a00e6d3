import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reasons } from '../../api/v1alpha1/conditions.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const page = read('docs/kubernetes.md');

/** The rows of the table beneath a heading: what is set as code in their first cell. */
const firstCells = (heading: string): readonly string[] => {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const cells = [...section.matchAll(/^\| ([^|]*`[^|]*) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
};

const folder = 'src/revokers/kubernetes';
const ours = readdirSync(join(root, folder)).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts')).map((file) => `${folder}/${file}`);
const sources = [...ours, 'src/kube/errors.ts', 'src/policy/obstacle.ts'].map(read).join('\n');
const constants: Readonly<Record<string, string>> = reasons;
const stalling = [...sources.matchAll(/(?:\b(?:needsPerson|blocked)\((?:isAdmissionDenied\(error\) \? '(\w+)' : )?|\breason: )\s*(?:'(\w+)'|reasons\.(\w+))/g)].flatMap(
  ([, either, literal, constant = '']) => [either ?? [], literal ?? constants[constant] ?? constant].flat(),
);

describe('the guide', () => {
  it('has a way out of everything for which a run waits for a person', () => {
    expect(stalling.length).toBeGreaterThan(8);
    // Of dependencies of all kinds; and one whose message is all that there is to say.
    expect(new Set(firstCells('What stops a run, and the way out'))).toEqual(new Set([...stalling.filter((reason) => reason !== 'Rejected'), reasons.managedElsewhere, reasons.contradicted]));
  });

  it('tells of every class of credential', () => {
    const union = /export type Locator =([\s\S]*?);\n\n/.exec(read(`${folder}/ids.ts`))?.[1] ?? '';
    const kinds = /export type BindingKind = ([^;]*);/.exec(read(`${folder}/bindings.ts`))?.[1] ?? '';
    const classes = [...union.matchAll(/class: ([^;]*);/g)].flatMap(([, names = '']) => [...names.matchAll(/'(\w+)'/g)]).map(([, name = '']) => name);
    const bindings = [...kinds.matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
    expect(new Set(firstCells('What is proven, and how'))).toEqual(new Set([...classes, ...bindings]));
  });
});
