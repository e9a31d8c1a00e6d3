import { describe, expect, it } from 'vitest';

import { createRegistry } from './registry.ts';
import type { DependencyKind, Revoker } from './revoker.ts';

const named = (kind: string, name = kind): Revoker => ({
  kind,
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

const vault: DependencyKind = {
  kind: 'vault',
  bind: (dependency) => (dependency.vault === undefined ? undefined : named('vault', dependency.name)),
};
const declared = (name: string) => ({ name, vault: { connectorRef: { name: 'prod' } } });
const signal = new AbortController().signal;

describe('the registry', () => {
  const cluster = named('kubernetes');
  const registry = createRegistry([cluster], [vault]);

  it('gives a run the standing revokers, and one for each of its dependencies, in their order', () => {
    const names = registry.forTarget({ dependencies: [declared('b'), declared('a')] }).map(({ name, kind }) => `${kind} ${name}`);
    expect(names).toEqual(['kubernetes kubernetes', 'vault b', 'vault a']);
    expect(registry.forTarget({})).toEqual([cluster]);
    expect(registry.forTarget(undefined)).toEqual([cluster]);
    expect(registry.kinds).toEqual(['kubernetes', 'vault']);
  });

  it('refuses to register a kind twice', () => {
    expect(() => createRegistry([cluster], [{ kind: 'kubernetes', bind: () => undefined }])).toThrow('two revokers are registered as "kubernetes"');
  });

  it('tells nothing of a dependency that another version knew, and never that it is gone', async () => {
    const target = { serviceAccount: { namespace: 'ci', name: 'agent' }, dependencies: [{ name: 'google', after: ['kubernetes'] }] };
    expect(registry.unknown(target)).toEqual(target.dependencies);
    const revoker = registry.forTarget(target)[1];
    expect(revoker).toMatchObject({ name: 'google', kind: 'other', after: ['kubernetes'] });
    await expect(revoker?.inventory(target, 'Fresh', signal)).rejects.toMatchObject({ kind: 'Invalid', reason: 'InvalidSpec' });
    const observed = await revoker?.observe({ id: 'key', class: 'Key', end: { by: 'Others' }, seen: false }, target, signal);
    expect(observed).toMatchObject({ state: 'Unknown' });
  });
});
