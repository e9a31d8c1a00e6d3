import { describe, expect, it } from 'vitest';

import type { Grant, VaultDependency } from '../../api/v1alpha1/index.ts';
import { type GrantedNamespace, grantsFor as allGrantsFor } from '../grants.ts';
import { coverCertificate, covers } from './grants.ts';

const ci: Grant = {
  namespaces: { names: ['ci'] },
  vault: { authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*'], appRoles: ['approle/ci-*'], certificates: ['pki/int/*.ci.example.com'] },
};
const whole: VaultDependency = {
  connectorRef: { name: 'vault' },
  roles: ['ci-7'],
  leases: [{ prefix: 'database/creds/ci-7' }],
  appRoles: [{ name: 'ci-7' }],
  certificates: [{ mount: 'pki/int', serialNumber: '39:dd' }],
};
const inCi = { name: 'ci', labels: undefined };
const grantsFor = (grants: readonly Grant[] | undefined, namespace: GrantedNamespace, dependency: VaultDependency): readonly Grant[] =>
  allGrantsFor(grants, namespace, (grant) => covers(grant, dependency));

describe('a dependency', () => {
  it('is granted by a grant that covers all it names', () => {
    expect(grantsFor([ci], inCi, whole)).toEqual([ci]);
  });

  it('that names nothing needs no more than a grant to its namespace', () => {
    expect(grantsFor([{ namespaces: { names: ['ci'] } }], inCi, { connectorRef: { name: 'vault' } })).toHaveLength(1);
  });

  it('is granted nothing where nothing is granted', () => {
    expect(grantsFor(undefined, inCi, whole)).toEqual([]);
    expect(grantsFor([], inCi, { connectorRef: { name: 'vault' } })).toEqual([]);
  });

  it('of another namespace is granted nothing', () => {
    for (const name of ['ci2', 'c', 'CI', '', 'ci/..', '*']) expect(grantsFor([ci], { name, labels: undefined }, whole)).toEqual([]);
  });

  const more: readonly [string, Partial<VaultDependency>][] = [
    ['role', { roles: ['ci-7', 'prod-1'] }],
    ['lease prefix', { leases: [{ prefix: 'database/creds/ci-7' }, { prefix: 'database/creds/prod' }] }],
    ['AppRole', { appRoles: [{ name: 'ci-7' }, { mount: 'other', name: 'ci-7' }] }],
    ['AppRole in a mount that a slash hides', { appRoles: [{ mount: 'approle/ci-x', name: 'ci-7' }] }],
    ['certificate mount', { certificates: [{ mount: 'pki', serialNumber: '39:dd' }] }],
  ];
  it.each(more)('with one %s too many is not granted at all', (_, extra) => {
    expect(grantsFor([ci], inCi, { ...whole, ...extra })).toEqual([]);
  });

  it('is granted no AppRole whose name goes on where its mount should', () => {
    const grant: Grant = { namespaces: { names: ['ci'] }, vault: { appRoles: ['approle/ci/*'] } };
    const appRole = (mount: string, name: string): VaultDependency => ({ connectorRef: { name: 'vault' }, appRoles: [{ mount, name }] });
    expect(grantsFor([grant], inCi, appRole('approle/ci', 'agent'))).toEqual([grant]);
    expect(grantsFor([grant], inCi, appRole('approle', 'ci/agent'))).toEqual([]);
  });

  it('is not put together from two grants', () => {
    const roles: Grant = { namespaces: { names: ['ci'] }, vault: { authRoles: ['*'] } };
    const leases: Grant = { namespaces: { names: ['ci'] }, vault: { leasePrefixes: ['database/creds/*'] } };
    const both: VaultDependency = { connectorRef: { name: 'vault' }, roles: ['ci-7'], leases: [{ prefix: 'database/creds/ci-7' }] };
    expect(grantsFor([roles, leases], inCi, both)).toEqual([]);
  });
});

describe('a certificate', () => {
  it('is granted by its mount and common name', () => {
    expect(coverCertificate([ci], 'pki/int', 'agent-7.ci.example.com')).toBe(true);
    expect(coverCertificate([ci], 'pki', 'agent-7.ci.example.com')).toBe(false);
    expect(coverCertificate([ci], 'pki/int', 'agent-7.prod.example.com')).toBe(false);
  });

  it.each(['', '*.ci.example.com', 'x/y.ci.example.com', '.ci.example.com', 'x y.ci.example.com', 'х.ci.example.com'])(
    'of the name %j is not granted',
    (name) => {
      expect(coverCertificate([ci], 'pki/int', name)).toBe(false);
    },
  );

  it('whose name reaches into the mount is not granted', () => {
    const grant: Grant = { namespaces: { names: ['ci'] }, vault: { certificates: ['pki/int/*'] } };
    expect(coverCertificate([grant], 'pki', 'int/x')).toBe(false);
    expect(coverCertificate([grant], 'pki/int', 'x')).toBe(true);
  });
});
