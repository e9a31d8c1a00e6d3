import { describe, expect, it } from 'vitest';
import type { VaultDependency } from '../api/v1alpha1/index.ts';
import { allDependencies, declaredDependencies } from './dependencies.ts';

const vault = (change: Partial<VaultDependency> = {}): VaultDependency => ({ connectorRef: { name: 'prod' }, ...change });
const leases = (...prefixes: readonly string[]) => ({ leases: prefixes.map((prefix) => ({ prefix, exclusive: true })) });

describe('what an identity depends on', () => {
  it('is what its spec declares, with the defaults of the API', () => {
    const declared = [{ name: 'vault', after: [], vault: vault({ appRoles: [{ name: 'ci' }], certificates: [{ serialNumber: '39:dd' }, { mount: 'other', serialNumber: '4e' }] }) }];
    expect(declaredDependencies(declared)).toEqual([
      {
        name: 'vault',
        vault: vault({ appRoles: [{ mount: 'approle', name: 'ci' }], certificates: [{ mount: 'pki', serialNumber: '39:dd' }, { mount: 'other', serialNumber: '4e' }] }),
      },
    ]);
    expect(declaredDependencies(undefined)).toEqual([]);
  });

  it('is also what was taken out of it, with its order, as far as that can be kept', () => {
    const stored = [{ name: 'old', after: ['kubernetes', 'gone', 'vault'], vault: vault({ connectorRef: { name: 'other' } }) }];
    expect(allDependencies([{ name: 'vault', vault: vault() }], stored)[1]).toEqual({
      name: 'old',
      undeclared: true,
      after: ['kubernetes', 'vault'],
      vault: vault({ connectorRef: { name: 'other' } }),
    });
  });

  it('gives up the order of what was taken out where what is declared says otherwise', () => {
    const old = { name: 'old', after: ['vault'], vault: vault({ connectorRef: { name: 'other' } }) };
    const both = allDependencies([{ name: 'vault', after: ['old'], vault: vault() }], [old]);
    expect(both.map(({ name, after }) => [name, after])).toEqual([['vault', ['old']], ['old', undefined]]);
  });

  it('keeps the part that was taken out of one apart, so that a grant for the rest is enough for the rest', () => {
    const stored = [{ name: 'vault', vault: vault({ ...leases('database/creds/a', 'database/creds/b'), roles: ['ci'] }) }];
    const declared = [{ name: 'vault', vault: vault({ ...leases('database/creds/a'), roles: ['ci'] }) }];
    const [kept, taken] = allDependencies(declared, stored);
    expect(kept).toEqual(declared[0]);
    expect(taken).toEqual({ name: expect.stringMatching(/^vault-[0-9a-f]{8}$/) as string, undeclared: true, vault: vault(leases('database/creds/b')) });
    const again = allDependencies(declared, [...stored, ...(taken === undefined ? [] : [taken])]);
    expect(again.map(({ name }) => name)).toEqual(['vault', taken?.name]);
  });

  it('forgets nothing when another connector takes the name', () => {
    const both = allDependencies([{ name: 'vault', vault: vault({ connectorRef: { name: 'new' } }) }], [{ name: 'vault', vault: vault() }]);
    expect(both.map(({ vault: each }) => each?.connectorRef.name)).toEqual(['new', 'prod']);
    expect(new Set(both.map(({ name }) => name)).size).toBe(2);
  });

  it('holds nothing twice: what is declared under another name was not taken out', () => {
    const stored = [{ name: 'vault', vault: vault(leases('database/creds/a')) }];
    expect(allDependencies([{ name: 'renamed', vault: vault(leases('database/creds/a')) }], stored)).toHaveLength(1);
  });

  it('leaves a long name within what a name may have', () => {
    const name = `v${'x'.repeat(62)}`;
    const [, taken] = allDependencies([{ name, vault: vault() }], [{ name, vault: vault(leases('database/creds/a')) }]);
    expect(taken?.name).toMatch(/^[a-z][-a-z0-9]{0,62}$/);
  });
});
