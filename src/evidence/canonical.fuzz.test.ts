import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { canonicalJson } from './canonical.ts';
import { readCanonical } from './check.ts';

const texts = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()), fc.constantFrom('__proto__', 'constructor', 'toString', '', '1', '10', '9', '\u2028', '\u007f', '😀', 'ﬀ', '\ud83d\udc68\u200d\ud83d\udc69'));
const numbers = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.constantFrom(-0, 0, 5e-324, 1.7976931348623157e308, 1e21, 1e-7, 0.1 + 0.2, 2 ** 53, 333333333.33333329, -1e-6));

const { value: values } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    numbers,
    texts,
    fc.array(tie('value'), { maxLength: 4 }),
    // With keys that a plain assignment would lose.
    fc.array(fc.tuple(texts, tie('value')), { maxLength: 5 }).map((entries) => JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`) as unknown),
  ),
}));

/** RFC 8785 once more, as short as it can be. */
const oracle = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(oracle).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort((a, b) => (a < b ? -1 : 1));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${oracle((value as Readonly<Record<string, unknown>>)[key])}`).join(',')}}`;
};

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return JSON.parse(`{${Object.entries(value).toReversed().map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(reversed(inner))}`).join(',')}}`) as unknown;
};

const utf8 = (text: string): Uint8Array => Buffer.from(text);

describe('of any value, canonical JSON', () => {
  it('is what the RFC says, and holds the value', () => {
    holds(
      fc.property(values, (value) => {
        const text = canonicalJson(value);
        expect(text).toBe(oracle(value));
        expect(readCanonical(utf8(text))).toEqual({ value: JSON.parse(text) as unknown });
      }),
      400,
    );
  });

  it('is the same whatever the order of members', () => {
    holds(fc.property(values, (value) => canonicalJson(reversed(value)) === canonicalJson(value)));
  });

  it('is another for another value', () => {
    // JSON has one zero.
    const isSame = (one: unknown, another: unknown): boolean => isDeepStrictEqual(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(another)));
    const pairs = fc.oneof(fc.tuple(values, values), values.chain((value) => fc.constantFrom([value, [value]], [value, reversed(value)], [{ a: value }, { b: value }], [{ a: value }, { a: value, b: null }])));
    holds(fc.property(pairs, ([one, another]) => isSame(one, another) === (canonicalJson(one) === canonicalJson(another))));
  });

  it('is the only text that is taken for the value', () => {
    const other = fc.oneof(
      values.map((value) => JSON.stringify(value, undefined, 1)),
      values.map((value) => JSON.stringify(reversed(value))),
      values.map((value) => ` ${canonicalJson(value)}`),
      values.map((value) => canonicalJson(value).replace(/[a-z]/, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)),
      values.map((value) => canonicalJson(value).replace(/\d/, (digit) => `${digit}.0`)),
      values.map((value) => `\ufeff${canonicalJson(value)}`),
      fc.tuple(values, values).map(([one, another]) => `{"a":${canonicalJson(one)},"a":${canonicalJson(another)}}`),
      fc.string({ unit: 'binary' }),
    );
    holds(
      fc.property(other, (text) => {
        const read = readCanonical(utf8(text));
        return 'problem' in read || oracle(read.value) === text;
      }),
      400,
    );
  });

  it('is refused with the place, and in no other way, for what is not JSON', () => {
    holds(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withSparseArray: true, withNullPrototype: true, withBoxedValues: true }), (value) => {
        let text: string;
        try {
          text = canonicalJson(value);
        } catch (error) {
          if (error instanceof TypeError && error.message.startsWith('cannot be written as canonical JSON: $')) return;
          throw error;
        }
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      400,
    );
  });
});

describe('any bytes', () => {
  it('are canonical JSON, or are told not to be', () => {
    holds(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const read = readCanonical(bytes);
        if ('value' in read) expect(Buffer.from(canonicalJson(read.value)).equals(bytes)).toBe(true);
      }),
    );
  });
});
