import { describe, expect, it } from 'vitest';

import { atMost, methodOf, oneOf, statusCode } from './labels.ts';

describe('label values', () => {
  it('are those of the set, or other', () => {
    const label = oneOf('revoke', 'observe');
    expect(['revoke', 'observe', 'ci/build-agent-7', '', 'constructor'].map(label)).toEqual(['revoke', 'observe', 'other', 'other', 'other']);
  });

  it('are no more than so many names, however many come', () => {
    const label = atMost(2);
    expect(['a', 'b', 'c', 'a', 'd', 'b'].map(label)).toEqual(['a', 'b', 'other', 'a', 'other', 'b']);
  });

  it.each([
    ['get', 'GET'], ['list', 'GET'], ['watch', 'GET'], ['create', 'POST'], ['update', 'PUT'], ['patch', 'PATCH'], ['delete', 'DELETE'],
    ['toString', 'other'], ['', 'other'],
  ])('name the verb "%s" by its method, %s', (verb, method) => {
    expect(methodOf(verb)).toBe(method);
  });

  it.each([
    ['200', '200'], ['503', '503'], ['<error>', '<error>'], ['999', 'other'], ['2000', 'other'], ['', 'other'], ['200\n', 'other'],
  ])('show the code %j as %s', (code, label) => {
    expect(statusCode(code)).toBe(label);
  });
});
