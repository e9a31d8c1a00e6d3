import { describe, expect, it } from 'vitest';
import { unsupported } from './support.ts';

describe('an identity', () => {
  it('that depends on nothing but the cluster is supported', () => {
    expect(unsupported(undefined, 'spec.dependencies')).toBeUndefined();
    expect(unsupported([], 'spec.dependencies')).toBeUndefined();
  });

  it('that depends on more is not, and the message names the field, the dependencies and the ways out', () => {
    expect(unsupported([{ name: 'vault' }, {}], 'spec.dependencies')).toBe(
      'spec.dependencies: this version retires access to the cluster only, and would leave what "vault", "one without a name" holds; ' +
        'retire that access yourself and remove the entry, or run a version of Offboard that supports it',
    );
  });

  it('with many, or with long names, is told in few words', () => {
    const message = unsupported(Array.from({ length: 16 }, () => ({ name: 'x'.repeat(5_000) })), 'spec.dependencies') ?? '';
    expect(message).toContain('and 12 more');
    expect(message.length).toBeLessThan(700);
  });
});
