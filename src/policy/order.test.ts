import { describe, expect, it } from 'vitest';
import { orderDefect } from './order.ts';

const cluster = { name: 'kubernetes' };

describe('an order of dependencies', () => {
  it('is none where nothing waits, and any without a cycle', () => {
    expect(orderDefect([cluster, { name: 'vault', after: [] }])).toBeUndefined();
    expect(orderDefect([cluster, { name: 'b', after: ['a', 'kubernetes'] }, { name: 'a', issuers: ['kubernetes'] }])).toBeUndefined();
  });

  it.each([
    ['each other', [{ name: 'a', after: ['b'] }, { name: 'b', after: ['a'] }], 'a after b after a'],
    ['themselves by way of others', [{ name: 'a', after: ['b'] }, { name: 'b', after: ['c'] }, { name: 'c', after: ['b'] }], 'b after c after b'],
    ['itself', [{ name: 'a', after: ['a'] }], 'a after a'],
    ['what waits for the logins that it issues', [{ name: 'a', after: ['b'] }, { name: 'b', issuers: ['a'] }], 'a after b after a'],
  ])('that puts some after %s is told with their names', (_, all, path) => {
    expect(orderDefect([cluster, ...all])).toBe(`these come after each other, so that none could be first: ${path}`);
  });

  it('of as many as there can be, each after all before it, is found sound at once', () => {
    const names = Array.from({ length: 32 }, (_, i) => `v${i}`);
    expect(orderDefect(names.map((name, i) => ({ name, after: names.slice(0, i) })))).toBeUndefined();
  });

  it('that names what is not there is told with what is', () => {
    expect(orderDefect([cluster, { name: 'vault', after: ['google'] }])).toBe(
      '"vault" is to come after "google", which is not a dependency of this identity; there are kubernetes, vault',
    );
  });
});
