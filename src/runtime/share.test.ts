import { describe, expect, it } from 'vitest';
import { createShare } from './share.ts';

describe('share', () => {
  it('gives one object for all that are equal, and another for what is not', () => {
    const share = createShare();
    const first = share({ name: 'a', list: [1] });
    expect(share({ name: 'a', list: [1] })).toBe(first);
    expect(share({ name: 'a', list: [2] })).toEqual({ name: 'a', list: [2] });
    expect([share('text'), share<string | undefined>(undefined)]).toEqual(['text', undefined]);
  });

  it('forgets rather than grows', () => {
    const share = createShare(2);
    const first = share(['a']);
    share(['b']);
    share(['c']);
    expect(share(['a'])).toEqual(first);
    expect(share(['a'])).not.toBe(first);
    const last = share(['a']);
    share.forget();
    expect(share(['a'])).not.toBe(last);
  });
});
