import { describe, expect, it } from 'vitest';

import { createRegistry } from './registry.ts';
import type { Revoker } from './revoker.ts';

const named = (name: string): Revoker => ({
  kind: name,
  name,
  settleTime: 0,
  concurrency: 1,
  lock: { kind: 'NotLockable', explanation: 'none' },
  preflight: () => Promise.resolve([]),
  inventory: () => Promise.resolve({ credentials: [], findings: [] }),
  usage: () => Promise.resolve([]),
  revoke: () => Promise.resolve('Accepted'),
  observe: () => Promise.resolve({ state: 'Unknown', method: 'none' }),
});

describe('createRegistry', () => {
  it('keeps the order and finds each by its name', () => {
    const one = named('one');
    const two = named('two');
    const registry = createRegistry([one, two]);
    expect(registry.all).toEqual([one, two]);
    expect(registry.get('two')).toBe(two);
  });

  it('refuses to register a name twice', () => {
    expect(() => createRegistry([named('one'), named('one')])).toThrow('two revokers are registered as "one"');
  });

  it('names what it knows when asked for something else', () => {
    expect(() => createRegistry([named('one')]).get('vault')).toThrow(
      'no revoker is registered as "vault"; known are: one',
    );
  });
});
