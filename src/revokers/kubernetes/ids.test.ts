import { describe, expect, it } from 'vitest';

import {
  accessId,
  accountId,
  bindingId,
  certificateId,
  grantText,
  locate,
  parseGrant,
  secretId,
  tokensId,
} from './ids.ts';

const account = { namespace: 'ci', name: 'bot' };

describe('locate', () => {
  it.each([
    ['ServiceAccount', accountId(account), account],
    ['BoundTokens', tokensId(account), account],
    ['TokenSecret', secretId(account), account],
    [
      'RoleBinding',
      bindingId({ kind: 'RoleBinding', namespace: 'ci', name: 'odd name:\n in ci' }),
      { namespace: 'ci', name: 'odd name:\n in ci' },
    ],
    ['ClusterRoleBinding', bindingId({ kind: 'ClusterRoleBinding', name: 'a:b' }), { name: 'a:b' }],
    ['Certificate', certificateId('alice of x'), { user: 'alice of x' }],
    ['Access', accessId('system:serviceaccount:ci:bot'), { user: 'system:serviceaccount:ci:bot' }],
  ])('reads the id of a %s back', (kind, id, expected) => {
    expect(locate({ id, class: kind })).toEqual({ class: kind, ...expected });
  });

  it.each([
    ['ServiceAccount', 'serviceaccounts/ci'],
    ['ServiceAccount', 'serviceaccounts/ci/a/b'],
    ['ServiceAccount', 'secrets/ci/a'],
    ['ServiceAccount', 'serviceaccounts//a'],
    ['RoleBinding', 'clusterrolebindings/a'],
    ['ClusterRoleBinding', 'clusterrolebindings/'],
    ['ClusterRoleBinding', 'clusterrolebindings/a/b'],
    ['Certificate', 'alice'],
    ['Unheard', 'serviceaccounts/ci/a'],
  ])('refuses what is no id of a %s: %s', (kind, id) => {
    expect(locate({ id, class: kind })).toBeUndefined();
  });

  it('leads to an over-long binding by its UID alone', () => {
    const id = bindingId({ kind: 'RoleBinding', namespace: 'ci', name: 'x'.repeat(2000) });
    expect(id.length).toBeLessThanOrEqual(1024);
    expect(id).not.toBe(bindingId({ kind: 'RoleBinding', namespace: 'ci', name: `${'x'.repeat(1999)}y` }));
    expect(locate({ id, class: 'RoleBinding' })).toEqual({ class: 'RoleBinding', cut: true });
  });

  it('cuts no character in half: it would be stored as another', () => {
    for (const name of ['😀'.repeat(1_000), `x${'😀'.repeat(1_000)}`]) {
      const id = bindingId({ kind: 'RoleBinding', namespace: 'ci', name });
      expect(id.isWellFormed()).toBe(true);
      expect(locate({ id, class: 'RoleBinding' })).toEqual({ class: 'RoleBinding', cut: true });
    }
    expect(grantText({ roleKind: 'ClusterRole', roleName: '😀'.repeat(1_000) }).isWellFormed()).toBe(true);
  });
});

describe('parseGrant', () => {
  it.each([
    { roleKind: 'ClusterRole', roleName: 'edit', namespace: 'ci' },
    { roleKind: 'ClusterRole', roleName: 'view' },
    { roleKind: 'Role', roleName: 'lives in ops', namespace: 'ci' },
    { roleKind: 'ClusterRole', roleName: 'tricky in all namespaces\n' },
  ] as const)('reads back what grantText wrote: %j', (grant) => {
    expect(parseGrant(grantText(grant))).toEqual(grant);
  });

  it.each([
    '',
    'edit in ci',
    'Role/x',
    'Role/x in all namespaces',
    'User/x in ci',
    'ClusterRole/ in ci',
    'ClusterRole/x in CI',
  ])('refuses %j', (text) => {
    expect(parseGrant(text)).toBeUndefined();
  });
});
