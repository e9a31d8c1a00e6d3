import { describe, expect, it } from 'vitest';
import { canonicalJson } from './canonical.ts';

describe('canonical JSON', () => {
  // https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2 and #section-3.2.3
  it('is as the RFC shows it', () => {
    const value = {
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\\"\/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    const keys = { '\u20ac': 'Euro Sign', '\r': 'Carriage Return', '\ufb33': 'Hebrew Letter Dalet With Dagesh', '1': 'One', '\ud83d\ude00': 'Emoji: Grinning Face', '\u0080': 'Control', '\u00f6': 'Latin Small Letter O With Diaeresis' };
    expect(Object.values(JSON.parse(`{"in":[${[...canonicalJson(keys).matchAll(/:("[^"]*")/g)].map(([, text]) => text).join(',')}]}`) as object)).toEqual([
      ['Carriage Return', 'One', 'Control', 'Latin Small Letter O With Diaeresis', 'Euro Sign', 'Emoji: Grinning Face', 'Hebrew Letter Dalet With Dagesh'],
    ]);
  });

  it('leaves out what is undefined, and does not care in which order members were added', () => {
    expect(canonicalJson({ b: 1, a: undefined, c: { z: 0, y: -0 } })).toBe('{"b":1,"c":{"y":0,"z":0}}');
    expect(canonicalJson({ c: { y: -0, z: 0 }, b: 1 })).toBe('{"b":1,"c":{"y":0,"z":0}}');
  });

  it.each([
    ['$ is NaN', Number.NaN],
    ['$.a[1] is Infinity', { a: [1, Number.POSITIVE_INFINITY] }],
    ['$[0] is undefined', [undefined]],
    ['$[1] is undefined', [1, , 2]],
    ['$ is undefined', undefined],
    ['$.a holds half of a character', { a: '\ud800' }],
    ['$ has a key with half of a character', { '\udc00': 1 }],
    ['$.a is not a plain object', { a: new Date(0) }],
    ['$.a is not a plain object', { a: { toJSON: () => 1 } }],
    ['$.a is a bigint', { a: 1n }],
    ['$.a is a function', { a: () => 1 }],
    ['$ is not a plain object', new Map()],
  ])('refuses what JSON cannot hold: %s', (why, value) => {
    expect(() => canonicalJson(value)).toThrow(why);
  });
});
