import { execFileSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import { printable, shellQuote, someOf } from './text.ts';

describe('shellQuote', () => {
  it.each([
    'plain-name',
    'two words',
    "it's",
    '$(touch /tmp/x)',
    '`id`',
    '; rm -rf ~',
    '-n',
    '',
    '"',
    '\\',
    "a'b\\c$d!",
    'ä',
    '\u001b[31mred',
    'a\nb',
    '\u202eevil',
    "mixed' \u0007 \\ %",
  ])('makes one word of %j that a shell reads back whole', (text) => {
    expect(execFileSync('bash', ['-c', `printf %s ${shellQuote(text)}`]).toString('utf8')).toBe(text);
  });

  it('shows nothing invisible', () => {
    expect(shellQuote('\u001b[31m\u202e\u0000')).toBe(String.raw`$'\x1b[31m\xe2\x80\xae\x00'`);
  });
});

describe('printable', () => {
  it('writes invisible characters out', () => {
    expect(printable('a\u202eb\nc')).toBe(String.raw`a\u{202e}b\u{a}c`);
  });

  it('cuts what is too long', () => {
    expect(printable('abcdef', 4)).toBe('abc…');
    expect(printable('abcd', 4)).toBe('abcd');
  });

  it('counts what it writes out, so that no name makes a text longer than the API takes', () => {
    expect(printable('a\u202e\u202eb', 10)).toBe(String.raw`a\u{202e}…`);
    expect(printable('\u202e'.repeat(5_000), 200).length).toBeLessThanOrEqual(200);
    expect(printable('😀'.repeat(5_000), 200).isWellFormed()).toBe(true);
  });
});

describe('someOf', () => {
  it('says how many more there are', () => {
    expect(someOf(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
    expect(someOf(['a', 'b'], 2)).toBe('a, b');
  });
});
