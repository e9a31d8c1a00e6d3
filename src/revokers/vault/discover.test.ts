/** What a Vault holds of an identity that does not name it. */
import { describe, expect, it } from 'vitest';
import type { VaultDependency } from '../../api/v1alpha1/index.ts';
import { createFakeVault, found, refused } from '../../../test/fakes/vault-client.ts';
import { anyMatches } from '../grants.ts';
import type { VaultAnswer } from './client.ts';
import { discover } from './discover.ts';
import type { Look } from './look.ts';

const ofCi = { bound_service_account_names: ['bot'], bound_service_account_namespaces: ['ci'] };
const nothing: VaultAnswer = { status: 404, body: { errors: [] } };
const denied = refused(403, '1 error occurred:\n\t* permission denied\n\n');

interface Held {
  readonly roles?: Readonly<Record<string, object>>;
  readonly folders?: Readonly<Record<string, readonly string[]>>;
  readonly answers?: Readonly<Record<string, VaultAnswer>>;
}

const setup = ({ roles = {}, folders = {}, answers = {} }: Held, dependency: Partial<VaultDependency> = {}) => {
  const keys = (names: readonly string[]): VaultAnswer => (names.length === 0 ? nothing : found({ keys: names }));
  const vault = createFakeVault((what) => {
    const [role, folder] = [what.replace('GET auth/kubernetes/role/', ''), what.replace('LIST sys/leases/lookup/', '')];
    if (answers[what] !== undefined) return answers[what];
    if (what === 'LIST auth/kubernetes/role') return keys(Object.keys(roles));
    if (roles[role] !== undefined) return found(roles[role]);
    return what.startsWith('LIST sys/leases/lookup/') ? keys(folders[folder] ?? []) : nothing;
  });
  const grants = { authRoles: ['ci-*'], leasePatterns: ['database/creds/ci-*', 'rabbit/creds/ci'] };
  const look: Look = {
    connection: {
      client: vault.client,
      settings: { settleTime: 0, maxConcurrent: 8, kubernetesAuthMounts: [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }] },
      grantsCertificate: () => false,
      grantsRole: (name) => anyMatches(grants.authRoles, name),
      leasePatterns: grants.leasePatterns,
    },
    dependency: { connectorRef: { name: 'vault' }, ...dependency },
    target: { serviceAccount: { namespace: 'ci', name: 'bot', uid: 'uid-1' } },
    memory: {} as Look['memory'],
    accountNow: () => Promise.resolve('uid-1'),
    mark: { origin: { address: 'https://vault.example.com', namespace: '', clusterId: 'cluster-1' } },
    now: new Date('2026-11-23T10:00:00Z'),
    signal: new AbortController().signal,
  };
  return { vault, discover: () => discover(look) };
};
const namesOf = async (held: Held, dependency?: Partial<VaultDependency>): Promise<readonly string[]> =>
  (await setup(held, dependency).discover()).undeclared.map(({ type, name, shared }) => `${type} ${name}${shared === true ? ' shared' : ''}`);

describe('the roles that let an identity in and that it does not name', () => {
  it('are found by what they say, whoever else they let in', async () => {
    const roles = {
      'ci-bot': ofCi,
      'ci-all': { ...ofCi, bound_service_account_names: ['*'] },
      'ci-other': { ...ofCi, bound_service_account_names: ['other'] },
      'ci-named': ofCi,
    };
    expect(await namesOf({ roles }, { roles: ['ci-named'] })).toEqual(['AuthRole ci-all shared', 'AuthRole ci-bot']);
  });

  it('are not named to a namespace that is not granted them, and counted', async () => {
    const { undeclared, findings } = await setup({ roles: { secret: ofCi, 'another-secret': ofCi, foreign: { ...ofCi, bound_service_account_names: ['x'] } } }).discover();
    expect(undeclared).toEqual([]);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.message).toMatch(/^2 other roles let the identity in, which the connector does not grant/);
    expect(JSON.stringify(findings)).not.toContain('secret');
  });

  it('are unknown, and not none, where they may not be listed or read', async () => {
    const folders = { 'database/creds': ['ci-bot/'] };
    const unlisted = await setup({ folders, answers: { 'LIST auth/kubernetes/role': { ...denied, asked: { method: 'LIST', path: ['auth', 'kubernetes', 'role'] } } } }).discover();
    expect(unlisted.findings).toMatchObject([{ type: 'NotEnumerated', object: expect.stringContaining('auth/kubernetes') as string, message: expect.stringContaining('path "auth/kubernetes/role" { capabilities = ["list"] }') as string }]);
    expect(unlisted.undeclared, 'the leases are found all the same').toHaveLength(1);
    for (const answer of [denied, found({ keys: [] }), { status: 503, body: undefined }]) {
      const { undeclared, findings } = await setup({ roles: { 'ci-bot': ofCi }, answers: { 'GET auth/kubernetes/role/ci-bot': answer } }).discover();
      expect(undeclared).toEqual([]);
      expect(findings).toHaveLength(1);
    }
  });

  it('that went meanwhile, and mounts without any, are none', async () => {
    expect(await setup({ roles: { 'ci-bot': ofCi }, answers: { 'GET auth/kubernetes/role/ci-bot': nothing } }).discover()).toEqual({ undeclared: [], findings: [] });
    expect(await setup({}).discover()).toEqual({ undeclared: [], findings: [] });
  });

  it('of more than anybody reads are looked at as far as that goes, the granted ones first; one with a strange name is not asked about', async () => {
    const many = Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`a${String(index)}`, { ...ofCi, bound_service_account_names: ['x'] }]));
    const { undeclared, findings } = await setup({ roles: { ...many, 'ci-bot': ofCi } }).discover();
    expect(undeclared.map(({ name }) => name)).toEqual(['ci-bot']);
    expect(findings[0]?.message).toEqual(expect.stringMatching(/^of 1201 that the identity does not name, 201 could not be looked at/));
    const strange = setup({ roles: { 'ci-..\u001b': ofCi } });
    expect((await strange.discover()).findings[0]?.message).toEqual(expect.stringMatching(/^of 1 that the identity does not name, 1 could not be looked at/));
    expect(strange.vault.asked.join()).not.toContain('\u001b');
  });
});

describe('the leases that may be an identity’s', () => {
  it('are told by the paths that are granted and have some, and by no other', async () => {
    const folders = { 'database/creds': ['ci-bot/', 'ci-two/', 'other/', 'a-lease'], 'rabbit/creds': ['ci/'] };
    expect(await namesOf({ folders }, { leases: [{ prefix: 'database/creds/ci-two' }] })).toEqual(['LeasePrefix database/creds/ci-bot', 'LeasePrefix rabbit/creds/ci']);
  });

  it('are unknown, and not none, where they may not be listed', async () => {
    const { findings } = await setup({ answers: { 'LIST sys/leases/lookup/database/creds': denied } }).discover();
    expect(findings).toMatchObject([{ type: 'NotEnumerated', object: 'leases that the identity does not name' }]);
  });
});
