import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { readRetryAfter } from './retry-after.ts';

const seconds = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.maxSafeNat(), fc.double({ min: 0 }));
const dates = fc.date({ noInvalidDate: true }).map((date) => date.toUTCString());
const anything = fc.oneof(seconds, seconds.map(String), fc.double(), dates, fc.string(), fc.array(fc.string()), fc.jsonValue(), fc.constant(undefined));

describe('what a server wishes for in seconds', () => {
  it.each([
    ['nothing', undefined, undefined],
    ['no seconds', '0', 0],
    ['some seconds', '7', 7_000],
    ['some seconds of a body', 7, 7_000],
    ['less than nothing', '-1', undefined],
    ['less than nothing in a body', -1, undefined],
    ['eleven days', '999999', 60_000],
    ['a century', '1000000000', 60_000],
    ['for ever', Number('1e999'), 60_000],
    ['no number', Number.NaN, undefined],
    ['a time that has passed', 'Wed, 21 Oct 2015 07:28:00 GMT', undefined],
    ['a time to come', 'Wed, 21 Oct 2115 07:28:00 GMT', undefined],
    ['a power of ten', '1e9', undefined],
    ['a word', 'soon', undefined],
    ['an empty header', '', undefined],
    ['a header that was sent twice', ['1', '2'], undefined],
  ])('is heeded as it should be: %s', (_, wished, expected) => {
    expect(readRetryAfter(wished)).toBe(expected);
  });

  it('is heeded for a minute at most, whatever it is, and to the second where it is less', () => {
    holds(
      fc.property(anything, (wished) => {
        const wait = readRetryAfter(wished);
        if (wait !== undefined && !(wait >= 0 && wait <= 60_000)) throw new Error(String(wait));
      }),
      1_000,
    );
    holds(fc.property(fc.integer({ min: 0, max: 60 }), (wished) => readRetryAfter(String(wished)) === wished * 1_000 && readRetryAfter(wished) === wished * 1_000), 60);
  });
});
