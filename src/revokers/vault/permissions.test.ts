import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { VaultDependency } from '../../api/v1alpha1/index.ts';
import type { Credential } from '../revoker.ts';
import type { VaultAnswer, VaultClient, VaultRequest } from './client.ts';
import { authRoles } from './paths.ts';
import { connectorPermissions, missingPermissions, neededFor, type PathPermission, policyLine } from './permissions.ts';

const never = new AbortController().signal;
const mounts = [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }] as const;
const everything: VaultDependency = {
  connectorRef: { name: 'vault' },
  roles: ['ci-bot'],
  leases: [{ prefix: 'database/creds/ci-bot', exclusive: true }],
  appRoles: [{ mount: 'approle', name: 'bot', exclusive: true }],
  certificates: [{ mount: 'pki', serialNumber: '39:dd:2e' }],
};
const role: Credential = { id: 'auth/kubernetes/role/ci-bot', class: 'AuthRole', end: { by: 'Revoke' }, seen: true };

describe('what the operator asks for', () => {
  it('is no more than what the identity names takes', () => {
    const none = neededFor({ connectorRef: { name: 'vault' } }, [], []).map(policyLine);
    expect(none).toEqual(connectorPermissions([]).map(policyLine));
    expect(none.join('\n')).not.toMatch(/identity|sys\/leases|role|cert/);
  });

  it('is the deletion of a role only where there is one to be deleted', () => {
    const lines = (credentials: readonly Credential[]) => neededFor(everything, mounts, credentials).map(policyLine);
    expect(lines([role])).toContain('path "auth/kubernetes/role/ci-bot" { capabilities = ["read", "delete"] }');
    expect(lines([{ ...role, end: { by: 'Person', reason: 'SharedRole', message: 'x' } }])).toContain('path "auth/kubernetes/role/ci-bot" { capabilities = ["read"] }');
  });

  it('never ends the access of others at once', () => {
    expect(neededFor(everything, mounts, [role]).map(policyLine).join('\n')).not.toMatch(/revoke-force|revoke-prefix|revoke-orphan|tidy/);
  });
});

describe('missing permissions', () => {
  const asked: VaultRequest[] = [];
  const clientThat = (answer: VaultAnswer): VaultClient => ({
    request: (request) => {
      asked.push(request);
      return Promise.resolve(answer);
    },
    watermark: () => Promise.reject(new Error('not asked')),
    self: () => Promise.reject(new Error('not asked')),
  });
  const wanted: readonly PathPermission[] = [
    { path: 'auth/token/accessors', capabilities: ['list', 'sudo'] },
    { path: 'sys/leases/lookup/database/creds/x/', capabilities: ['list', 'sudo'] },
    { path: 'sys/auth', capabilities: ['read'] },
  ];

  it('are named as lines for a policy, with just what is lacking', async () => {
    const data = { 'auth/token/accessors': ['list'], 'sys/leases/lookup/database/creds/x/': ['deny'], 'sys/auth': ['root'] };
    const missing = await missingPermissions(clientThat({ status: 200, body: { data } }), wanted, never);
    expect(missing.map(({ permission }) => permission)).toEqual([
      'path "auth/token/accessors" { capabilities = ["sudo"] }',
      'path "sys/leases/lookup/database/creds/x/*" { capabilities = ["list", "sudo"] }',
    ]);
    for (const { permission, message } of missing) expect(message).toContain(permission);
    expect(asked.at(-1)).toMatchObject({ method: 'POST', path: ['sys', 'capabilities-self'], body: { paths: wanted.map(({ path }) => path) } });
  });

  it.each<[string, VaultAnswer]>([
    ['says nothing of one path', { status: 200, body: { data: { 'auth/token/accessors': ['list', 'sudo'] } } }],
    ['is empty', { status: 200, body: undefined }],
    ['is a refusal', { status: 403, body: { errors: ['permission denied'] } }],
  ])('are not told by an answer that %s', async (_, answer) => {
    await expect(missingPermissions(clientThat(answer), wanted, never)).rejects.toMatchObject({ name: 'OutcomeError' });
  });
});

describe('the policy that is published', () => {
  const folder = join(import.meta.dirname, '../../../config/vault');
  const published: readonly PathPermission[] = readdirSync(folder)
    .filter((file) => file.endsWith('.hcl'))
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/^path "([^"]+)"\s*\{ capabilities = \[([^\]]*)\] \}$/gm)].map(([, path = '', list = '']) => ({
        path,
        capabilities: [...list.matchAll(/"(\w+)"/g)].map(([, word]) => word as PathPermission['capabilities'][number]),
      })),
    );
  /** For the client's own token, and for the questions by which it knows what is current and what it may do. */
  const ofTheClient = ['auth/token/lookup-self', 'auth/token/renew-self', 'auth/token/revoke-self', 'sys/capabilities-self'];
  const covers = (pattern: string, path: string): boolean => {
    const escaped = pattern.replace(/[.]/g, '\\.').replaceAll('+', '[^/]+');
    return new RegExp(`^${escaped.endsWith('*') ? escaped.slice(0, -1) : `${escaped}$`}`).test(path);
  };
  const needed = neededFor(everything, mounts, [role]);
  /** What no run needs. */
  const ofPlans: readonly PathPermission[] = [{ path: authRoles('kubernetes').join('/'), capabilities: ['list'] }];

  it.each(needed.map((need) => [policyLine(need), need] as const))('gives %s', (_, { path, capabilities }) => {
    const given = published.filter((each) => covers(each.path, path)).flatMap((each) => each.capabilities);
    expect(given).toEqual(expect.arrayContaining([...capabilities]));
  });

  it.each(published.filter(({ path }) => !ofTheClient.includes(path)).map((each) => [policyLine(each), each] as const))('needs %s', (_, { path, capabilities }) => {
    const used = [...needed, ...ofPlans].filter((need) => covers(path, need.path)).flatMap((need) => need.capabilities);
    expect(used).toEqual(expect.arrayContaining([...capabilities]));
  });
});
