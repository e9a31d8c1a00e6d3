import { describe, expect, it } from 'vitest';
import { unsupported } from './support.ts';

describe('an identity', () => {
  it('that depends on nothing unknown is supported', () => {
    expect(unsupported([], 'spec.dependencies')).toBeUndefined();
  });

  it('that depends on more is not, and the message names the field, the dependencies and the ways out', () => {
    expect(unsupported([{ name: 'google' }, {}], 'spec.dependencies')).toBe(
      'spec.dependencies: this version does not know what type of system "google", "one without a name" is, and would leave what it holds; ' +
        'retire that access yourself and remove the entry, or run a version of Offboard that supports it',
    );
  });

  it('with many, or with long names, is told in few words', () => {
    const message = unsupported(Array.from({ length: 16 }, () => ({ name: 'x'.repeat(5_000) })), 'spec.dependencies') ?? '';
    expect(message).toContain('and 12 more');
    expect(message.length).toBeLessThan(700);
  });
});
