import { describe, expect, it } from 'vitest';
import type { GoogleCloudDependency, VaultDependency } from '../api/v1alpha1/index.ts';
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

  it('keeps the order of what was taken out together, wherever each was listed and by whatever name it goes now', () => {
    const [first, second] = ['first', 'second'].map((name) => ({ name, after: name === 'first' ? ['second'] : [], vault: vault({ connectorRef: { name } }) }));
    const orders = (declared: Parameters<typeof allDependencies>[0]) => allDependencies(declared, [first, second].flatMap((each) => each ?? [])).map(({ name, after }) => [name, after]);
    expect(orders([])).toEqual([['first', ['second']], ['second', undefined]]);
    const renamed: unknown = expect.stringMatching(/^second-[0-9a-f]{8}$/);
    expect(orders([{ name: 'second', vault: vault() }])).toEqual([['second', undefined], ['first', ['second', renamed]], [renamed, undefined]]);
  });

  it('keeps its order also while what is declared has none that could be kept', () => {
    const old = { name: 'old', after: ['kubernetes'], vault: vault({ connectorRef: { name: 'other' } }) };
    const round = [{ name: 'a', after: ['b'], vault: vault() }, { name: 'b', after: ['a'], vault: vault() }];
    expect(allDependencies(round, [old]).at(-1)).toMatchObject({ name: 'old', after: ['kubernetes'] });
  });

  it('gives what was taken out a name that nobody has, also where somebody has taken the one that it would have', () => {
    const stored = [{ name: 'vault', vault: vault({ connectorRef: { name: 'old' } }) }];
    const made = allDependencies([{ name: 'vault', vault: vault() }], stored)[1]?.name ?? '';
    const names = allDependencies([{ name: 'vault', vault: vault() }, { name: made, vault: vault() }], stored).map(({ name }) => name);
    expect(names.slice(0, 2)).toEqual(['vault', made]);
    expect(new Set(names).size).toBe(3);
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

describe('what is taken out of a dependency on Google Cloud', () => {
  const email = 'agent@acme-ci.iam.gserviceaccount.com';
  const account = { email, onRetire: 'KeepDisabled' as const };
  const google = (change: Partial<GoogleCloudDependency> = {}): GoogleCloudDependency => ({ connectorRef: { name: 'gcp' }, ...change });
  const left = (now: readonly GoogleCloudDependency[], before: GoogleCloudDependency) =>
    allDependencies(now.map((googleCloud, i) => ({ name: `google-${i}`, googleCloud })), [{ name: 'google', googleCloud: before }]).slice(now.length);

  it('has the defaults of the API as long as it is declared', () => {
    expect(declaredDependencies([{ name: 'google', googleCloud: google({ serviceAccount: { email } }) }])).toEqual([
      { name: 'google', googleCloud: google({ serviceAccount: account }) },
    ]);
  });

  it('is all of it where the connector is not used any more', () => {
    const before = google({ serviceAccount: account, resources: ['projects/a'], probe: true });
    expect(left([], before)).toEqual([{ name: 'google', undeclared: true, googleCloud: before }]);
    expect(left([google({ connectorRef: { name: 'other' } })], before)[0]?.googleCloud).toEqual(before);
  });

  it('is a resource along with the account, which is retired as is declared now', () => {
    const pinned = { email, uniqueId: '1', onRetire: 'KeepDisabled' as const };
    const now = google({ serviceAccount: pinned, resources: ['projects/a'] });
    const before = google({ serviceAccount: { email, onRetire: 'Delete' }, resources: ['projects/a', 'projects/b'] });
    expect(left([now], before)[0]?.googleCloud).toEqual(google({ serviceAccount: pinned, resources: ['projects/b'] }));
  });

  it('is an account along with all resources, where its roles would be found', () => {
    const before = google({ serviceAccount: account, resources: ['projects/a'] });
    expect(left([google({ resources: ['projects/a'] })], before)[0]?.googleCloud).toEqual(before);
    expect(left([google({ serviceAccount: account }), google({ resources: ['projects/a'] })], before)[0]?.googleCloud).toEqual(before);
  });

  it('is the account that was pinned, where another may have its e-mail now', () => {
    const pinned = google({ serviceAccount: { ...account, uniqueId: '1' } });
    expect(left([google({ serviceAccount: account })], pinned)[0]?.googleCloud).toEqual(pinned);
    expect(left([google({ serviceAccount: { ...account, uniqueId: '2' } })], pinned)[0]?.googleCloud).toEqual(pinned);
    expect(left([pinned], google({ serviceAccount: account }))).toEqual([]);
  });

  it('is nothing where others name it all, or it never named anything', () => {
    expect(left([google({ serviceAccount: account, resources: ['projects/a', 'projects/b'] })], google({ serviceAccount: account, resources: ['projects/b'] }))).toEqual([]);
    expect(left([google({ resources: ['projects/b'] })], google())).toEqual([]);
    expect(left([google({ serviceAccount: account })], google({ resources: ['projects/b'] }))[0]?.googleCloud).toEqual(google({ resources: ['projects/b'] }));
  });
});
