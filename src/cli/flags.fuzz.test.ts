/** What is typed: flags in every form, lengths of time, files. */
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { CannotError, UsageError } from './command.ts';
import { durationOf } from './durations.ts';
import { parseFlags } from './flags.ts';
import type { Flags } from './flags.ts';
import { serialised } from './output.ts';
import { subjectOf } from './report/options.ts';
import { readManifest } from './start/manifest.ts';

/** What it gives, or undefined where it refuses in words. Anything else that is thrown is a failure. */
const unlessRefused = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof CannotError) || error.message === '') throw error;
    return undefined;
  }
};

const text = fc.string({ unit: 'binary', maxLength: 12 });

describe('a length of time', () => {
  const numbers = fc.nat({ max: 99 });

  it('is the sum of its days, hours, minutes and seconds', () => {
    holds(
      fc.property(numbers, numbers, numbers, numbers, (days, hours, minutes, seconds) => {
        expect(durationOf('soak', `${days}d${hours}h${minutes}m${seconds}s`)).toBe((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000);
        expect(durationOf('soak', `${days + 1}d`)).toBe((days + 1) * 86_400_000);
      }),
    );
  });

  it('is read from any text, or refused with the flag', () => {
    holds(
      fc.property(fc.oneof(text, fc.array(fc.constantFrom('1', '0', 'd', 'h', 's', 'ms', '-', '+', '.', ' ', '99999', 'e'), { maxLength: 6 }).map((parts) => parts.join(''))), (typed) => {
        const length = unlessRefused(() => durationOf('soak', typed));
        if (length !== undefined && !(Number.isFinite(length) && length >= 0)) throw new Error(`${JSON.stringify(typed)} is ${length}`);
        if (length === undefined) expect(() => durationOf('soak', typed)).toThrow(`--soak must be how long, such as 90s, 1h30m or 7d, not "${typed}"`);
      }),
      1_000,
    );
  });
});

const flags = {
  name: { type: 'string', short: 'n', text: '' },
  also: { type: 'string', multiple: true, text: '' },
  watch: { type: 'boolean', short: 'w', text: '' },
} as const satisfies Flags;

/** A part of a command line, and what it says. */
type Typed = { readonly args: readonly string[] } & ({ readonly name: string } | { readonly also: string } | { readonly watch: true } | { readonly argument: string } | { readonly nothing: true });

const plain = text.filter((value) => !value.startsWith('-'));
const typed: fc.Arbitrary<Typed> = fc.oneof(
  text.chain((name) => fc.constantFrom<Typed>({ args: [`--name=${name}`], name }, { args: [`-n=${name}`], name })),
  plain.chain((name) => fc.constantFrom<Typed>({ args: ['--name', name], name }, { args: ['-n', name], name })),
  text.map((also) => ({ args: [`--also=${also}`], also })),
  fc.constantFrom<Typed>({ args: ['--watch'], watch: true }, { args: ['-w'], watch: true }, { args: ['--watch=true'], watch: true }, { args: ['--watch=false'], nothing: true }),
  plain.map((argument) => ({ args: [argument], argument })),
);

describe('flags and arguments', () => {
  it('are read in whatever form and order they are typed', () => {
    holds(
      fc.property(fc.array(typed, { maxLength: 6 }), (all) => {
        const { values, positionals } = parseFlags(flags, all.flatMap(({ args }) => args));
        const also = all.flatMap((each) => ('also' in each ? [each.also] : []));
        expect({ ...values }).toEqual({
          ...Object.assign({}, ...all.map((each) => ('name' in each ? { name: each.name } : {}))),
          ...(also.length > 0 && { also }),
          ...(all.some((each) => 'watch' in each) && { watch: true }),
        });
        expect(positionals).toEqual(all.flatMap((each) => ('argument' in each ? [each.argument] : [])));
      }),
      400,
    );
  });
});

describe('what a report is of', () => {
  it('is a record by its number in whatever form, or an Offboarding by its name; anything else is refused', () => {
    holds(
      fc.property(fc.nat({ max: 9_999_999_999 }), (number) => {
        const name = String(number).padStart(10, '0');
        for (const word of [String(number), name, `record/${number}`, `ofr/${name}`]) expect(subjectOf(word)).toEqual({ kind: 'Record', name });
        expect(subjectOf(`offboarding/${number}`)).toEqual({ kind: 'Offboarding', name: String(number) });
      }),
    );
    holds(fc.property(fc.oneof(text, text.map((rest) => `record/${rest}`)), (word) => unlessRefused(() => subjectOf(word))?.kind !== 'Only'));
  });
});

const manifest = (spec: object) => ({ apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name: 'run', namespace: 'ci' }, spec });
const scope = { asked: undefined, usual: 'default' };

describe('a file with an Offboarding', () => {
  it('is the object that was written, as JSON or as YAML', () => {
    holds(
      fc.property(fc.dictionary(fc.constantFrom('reason', 'mode', 'soak'), fc.oneof(text.map((value) => value.toWellFormed()), fc.constantFrom('2026-01-01', 'yes', '1e3', '0x1f', 'null')), { noNullPrototype: true }), (spec) => {
        for (const written of [serialised('json', manifest(spec)), serialised('yaml', manifest(spec))]) expect(readManifest('FILE', written, undefined, scope)).toEqual(manifest(spec));
      }),
    );
  });

  it('is one, or is told not to be, whatever is in it', () => {
    holds(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.jsonValue().map((value) => JSON.stringify(value)), fc.tuple(fc.constantFrom('apiVersion', 'kind', 'metadata', 'spec'), fc.jsonValue({ maxDepth: 2 })).map(([key, value]) => dump({ ...manifest({}), [key]: value }))), (written) => {
        const read = unlessRefused(() => readManifest('FILE', written, 'run', scope));
        if (read !== undefined && (read.metadata.name !== 'run' || typeof read.metadata.namespace !== 'string')) throw new Error(JSON.stringify(read));
      }),
      400,
    );
  });
});
