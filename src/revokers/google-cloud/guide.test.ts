import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { reasons } from '../../api/v1alpha1/conditions.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/google-cloud.md'), 'utf8');

/** The rows of the table beneath a heading: what is set as code in their first cell. */
const firstCells = (heading: string): readonly string[] => {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const cells = [...section.matchAll(/^\| ([^|]*`[^|]*) \|/gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
};

/** What the Connector's own status says is told by the files that log in. */
const ofConnectors = ['connectors.ts', 'inspect.ts', 'logins.ts', 'session.ts', 'client.ts', 'settings.ts', 'services.ts'];
const sources = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !ofConnectors.includes(file))
  .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
  .join('\n');
const constants: Readonly<Record<string, string>> = reasons;
const stalling = [...sources.matchAll(/\b(?:needsPerson|person)\(\s*(?:'(\w+)'|reasons\.(\w+))/g)].map(([, literal, constant = '']) => literal ?? constants[constant] ?? constant);

describe('the guide', () => {
  it('has a way out of everything for which a run waits for a person', () => {
    // Of all connectors alike, and of the cluster's own tokens.
    const elsewhere = ['NotGranted', 'ConnectorNotReady', 'WrongAudience'];
    // Whose message is all that there is to say.
    const plain = ['InvalidSpec', 'IdentityUnknown', 'Rejected'];
    const told = firstCells('What stops a run, and the way out');
    expect(new Set(told)).toEqual(new Set([...stalling.filter((reason) => !plain.includes(reason)), ...elsewhere]));
  });

  it('tells of every class of credential', () => {
    const classes = new Set([...sources.matchAll(/\bclass: '(\w+)'/g)].map(([, name = '']) => name));
    // What only a search shows has a reason of its own.
    classes.delete('SearchedBinding');
    expect(new Set(firstCells('What is proven, and how'))).toEqual(classes);
  });
});
