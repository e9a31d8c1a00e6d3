/** What is shown: whatever names and messages come from outside, shells, YAML readers and terminals make of it what was meant. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { CORE_SCHEMA, load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { escapeControls } from '../runtime/redact.ts';
import { manifestOf, manifestText } from './discover/manifest.ts';
import type { Discovered } from './discover/manifest.ts';
import { serialised } from './output.ts';
import { fitted, labelled, table, wrap } from './screen.ts';
import { offboardLine } from './shell.ts';

const hostile = fc.constantFrom('', "'", '"', '\\', '\n', '\r\n', '\t', '\u001b[31m', '\u202e', '\u0000', '\u0085', '\u2028', '\ufeff', '$(id)', '`id`', '~', '!', '*', ';', '#', ' #', ': ', '- ', '{', '}', '[', ']', '&', '%', '|', '>', '@', '…', '😀', '漢', 'true', 'no', 'null', '0x1f', '1e3', '2026-01-01', '__offboard_hidden_0_', '--', '-n', '=', '=a');
const texts = fc.oneof(fc.constantFrom('__offboard_hidden_0_', '\u001b[2J', 'a__offboard_hidden_1_'), fc.array(fc.oneof(hostile, fc.string({ unit: 'grapheme', maxLength: 6 })), { maxLength: 5 }).map((parts) => parts.join('')), fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.toWellFormed()));
const names = fc.oneof(texts, fc.stringMatching(/^[a-z][-a-z0-9]{0,10}$/), fc.constantFrom('y', 'on', 'null', 'nan', 'a.', 'e1'));
/** Nothing that a terminal would act on, or that turns text round. */
const unseen = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/;

describe('a command line that is shown', () => {
  it('is read by a shell as the very words', () => {
    holds(
      fc.property(fc.array(texts, { maxLength: 30 }), (words) => {
        const read = execFileSync('sh', ['-c', `kubectl() { printf '%s\\0' "$@"; }; ${offboardLine(...words)}`], { encoding: 'utf8' });
        expect(read.split('\0').slice(0, -1)).toEqual(['offboard', ...words.map(escapeControls)]);
      }),
      20,
    );
  });
});

describe('an object that is written', () => {
  const keys = fc.stringMatching(/^[a-zA-Z][-./a-zA-Z0-9]{0,8}$/);
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, texts, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 4 }), fc.dictionary(keys, tie('value'), { maxKeys: 4, noNullPrototype: true })),
  })).value;

  it('is read again as what it was, and shows nothing that a terminal would act on', () => {
    holds(
      fc.property(fc.dictionary(keys, values, { maxKeys: 4, noNullPrototype: true }), (value) => {
        const same: unknown = JSON.parse(JSON.stringify(value));
        const [json, yaml] = [serialised('json', value), serialised('yaml', value)];
        expect(JSON.parse(json)).toEqual(same);
        expect(load(yaml, { schema: CORE_SCHEMA })).toEqual(same);
        // Who reads times as times finds none either.
        expect(load(yaml)).toEqual(same);
        for (const text of [json, yaml]) if (unseen.test(text.replaceAll('\t', ' '))) throw new Error(JSON.stringify(text));
      }),
      200,
    );
  });
});

const choices = fc.array(fc.record({ name: names, why: texts }), { maxLength: 2 });
const discovered: fc.Arbitrary<Discovered> = fc.record({
  account: fc.record({ namespace: names, name: names, uid: names }),
  cluster: fc.option(
    fc.record({
      name: names,
      state: fc.constant('Pending' as const),
      credentials: fc.array(fc.record({ id: texts, class: names, state: fc.constant('Present' as const), grants: fc.array(texts, { maxLength: 2 }), sharedWith: fc.array(texts, { maxLength: 2 }), end: fc.constantFrom('Revoke' as const, 'Person' as const), message: texts, found: fc.boolean() }), { maxLength: 2 }),
      findings: fc.array(fc.record({ type: fc.constantFrom('InUse' as const, 'NotEnumerated' as const), message: texts }), { maxLength: 2 }),
    }),
    { nil: undefined },
  ),
  dependencies: fc.record({
    found: fc.array(
      fc.oneof(
        fc.record({ name: names, connector: names, vault: fc.record({ roles: choices, sharedRoles: choices, leases: choices, otherLeases: choices }), remarks: fc.array(texts, { maxLength: 2 }) }),
        fc.record({ name: names, connector: names, googleCloud: fc.record({ account: fc.record({ email: names, uniqueId: names, why: texts }) }), remarks: fc.array(texts, { maxLength: 2 }) }),
      ),
      { maxLength: 3 },
    ),
    nothingIn: fc.array(texts, { maxLength: 2 }),
    unknown: fc.array(texts, { maxLength: 2 }),
  }),
  notEnded: fc.array(texts, { maxLength: 2 }),
  unasked: fc.array(texts, { maxLength: 2 }),
  existing: fc.array(texts, { maxLength: 2 }),
});

describe('a manifest with comments', () => {
  it('is read as the object that it stands for: nothing in a comment becomes a part of it', () => {
    holds(
      fc.property(discovered, (found) => {
        const text = manifestText(found);
        expect(load(text)).toEqual(manifestOf(found));
        if (unseen.test(text)) throw new Error(JSON.stringify(text));
        // kubectl reads YAML 1.1, in which these are no texts.
        if (/^[^#]*[:-] (?:y|n|yes|no|on|off|true|false|null|nan|inf)$/im.test(text)) throw new Error(text);
      }),
      100,
    );
  });
});

const sentence = fc.array(fc.stringMatching(/^[!-~]{1,30}$/), { maxLength: 20 }).map((words) => words.join(' '));

describe('text on a screen', () => {
  it('is broken between words alone, and no line is longer than it may be, but that of one long word', () => {
    holds(
      fc.property(sentence, fc.integer({ min: 1, max: 120 }), fc.nat({ max: 10 }), (text, width, indent) => {
        const lines = wrap(text, width, ' '.repeat(indent)).replace(/\n$/, '').split('\n');
        expect(lines.map((line) => line.trim()).join(' ')).toBe(text);
        for (const line of lines) if (line.length > width && line.trim().includes(' ')) throw new Error(line);
        expect(labelled('label: ', text, width).replaceAll(/\s+/g, ' ').trim()).toBe(`label: ${text}`.trim());
      }),
    );
  });

  it('has each column of a table under its heading, whole', () => {
    const cells = fc.stringMatching(/^[!-~]{0,20}$/);
    holds(
      fc.property(fc.array(fc.tuple(cells, cells, cells), { maxLength: 5 }), (rows) => {
        const [heading = '', ...lines] = table(['ONE', 'TWO', 'THREE'], rows).split('\n');
        const starts = ['ONE', 'TWO', 'THREE'].map((name) => heading.indexOf(name));
        expect(lines.slice(0, -1).map((line) => starts.map((start, column) => line.slice(start, starts[column + 1]).trimEnd()))).toEqual(rows);
      }),
    );
  });

  it('that is drawn over is within the screen, and says how much of it is not', () => {
    /** What terminals show of one character, by what stands for each of those that are drawn here. */
    const cellsOf = (line: string): number => Array.from(line).reduce((sum, character) => sum + (character === '漢' || character === '😀' ? 2 : 1), 0);
    const lines = fc.array(fc.string({ unit: fc.constantFrom('a', ' ', 'é', '漢', '😀', '…'), maxLength: 60 }), { maxLength: 30 });
    holds(
      fc.property(lines, fc.integer({ min: 2, max: 40 }), fc.integer({ min: 1, max: 30 }), (all, columns, rows) => {
        const shown = fitted(`${all.join('\n')}\n`, columns, rows).split('\n').slice(0, -1);
        expect(shown.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        for (const line of shown) if (cellsOf(line) > columns) throw new Error(line);
        if (!shown.at(-1)?.startsWith('… ')) expect(shown.join('')).toBe(all.join(''));
      }),
    );
  });
});
