/** What programs read. */
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readFormat, serialised } from './output.ts';

const hostile = ['plain', 'red\u001b[31m', 'turned \u202eround', 'lines\nand\ttabs', 'line\u2028end', '\u200bhidden', '"quoted" \\ \u200f', '__offboard_hidden_0_', 'null', '012', '', 'é 漢 😀', '\u0085'];

describe('an object for programs', () => {
  it.each(['json', 'yaml'] as const)('reads as it was, and turns no terminal: %s', (format) => {
    const object = { metadata: { name: 'x', labels: { a: 'b' } }, words: hostile, list: [1, true, null, { deep: hostile[2] }] };
    const text = serialised(format, object);
    expect(format === 'json' ? JSON.parse(text) : load(text)).toEqual(object);
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/);
    expect(text.endsWith('\n')).toBe(true);
  });

  it('is in a format that is known', () => {
    expect([{}, { output: 'json' }, { output: 'yaml' }].map(readFormat)).toEqual([undefined, 'json', 'yaml']);
    expect(() => readFormat({ output: 'wide' })).toThrow('--output must be json or yaml, not "wide"');
  });
});
