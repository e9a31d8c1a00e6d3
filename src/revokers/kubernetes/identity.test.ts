import { describe, expect, it } from 'vitest';

import { accountOfUser, accountUser, groupsOfUser, identityOfKey, subjectKey, usersOf } from './identity.ts';

describe('subjectKey', () => {
  it.each([
    [
      'a ServiceAccount in its namespace',
      { kind: 'ServiceAccount', name: 'bot', namespace: 'ci' },
      'ops',
      'user system:serviceaccount:ci:bot',
    ],
    [
      "a ServiceAccount without a namespace, as the binding's own",
      { kind: 'ServiceAccount', name: 'bot' },
      'ci',
      'user system:serviceaccount:ci:bot',
    ],
    [
      'a ServiceAccount with an empty namespace, the same',
      { kind: 'ServiceAccount', name: 'bot', namespace: '' },
      'ci',
      'user system:serviceaccount:ci:bot',
    ],
    ['a ServiceAccount without any namespace as nobody', { kind: 'ServiceAccount', name: 'bot' }, undefined, undefined],
    [
      'the User form of a ServiceAccount',
      { kind: 'User', name: 'system:serviceaccount:ci:bot' },
      'ops',
      'user system:serviceaccount:ci:bot',
    ],
    ['any other user', { kind: 'User', name: 'alice' }, undefined, 'user alice'],
    [
      'the group of all ServiceAccounts',
      { kind: 'Group', name: 'system:serviceaccounts' },
      undefined,
      'group system:serviceaccounts',
    ],
    [
      "the group of a namespace's ServiceAccounts",
      { kind: 'Group', name: 'system:serviceaccounts:ci' },
      undefined,
      'group system:serviceaccounts:ci',
    ],
    ['everybody as nobody in particular', { kind: 'Group', name: 'system:authenticated' }, undefined, undefined],
    [
      'a user who is named like a group as a user',
      { kind: 'User', name: 'group system:serviceaccounts' },
      undefined,
      'user group system:serviceaccounts',
    ],
    ['a kind that does not exist as nobody', { kind: 'Robot', name: 'alice' }, 'ci', undefined],
  ])('reads %s', (_, subject, namespace, key) => {
    expect(subjectKey(subject, namespace)).toBe(key);
  });
});

describe('user names', () => {
  it('lead back to the ServiceAccount', () => {
    expect(accountOfUser(accountUser({ namespace: 'ci', name: 'bot' }))).toEqual({ namespace: 'ci', name: 'bot' });
  });

  it.each([
    'alice',
    'system:serviceaccount:ci',
    'system:serviceaccount:ci:',
    'system:serviceaccount::bot',
    'system:serviceaccount:a:b:c',
  ])("are no ServiceAccount's: %s", (user) => {
    expect(accountOfUser(user)).toBeUndefined();
  });

  it("of a target are its account's and its certificates', each once", () => {
    const certificates = [
      { commonName: 'alice', notAfter: '2027-01-01T00:00:00Z' },
      { commonName: 'alice', notAfter: '2028-01-01T00:00:00Z' },
    ];
    expect(usersOf({ serviceAccount: { namespace: 'ci', name: 'bot' }, certificates })).toEqual([
      'system:serviceaccount:ci:bot',
      'alice',
    ]);
  });

  it('of ServiceAccounts bring three groups with them, others one', () => {
    expect(groupsOfUser('system:serviceaccount:ci:bot')).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:ci',
      'system:authenticated',
    ]);
    expect(groupsOfUser('alice')).toEqual(['system:authenticated']);
  });

  it('say whose credentials a changed binding concerns', () => {
    expect(identityOfKey('user system:serviceaccount:ci:bot')).toEqual({ namespace: 'ci', name: 'bot' });
    expect(identityOfKey('user alice')).toEqual({ user: 'alice' });
    expect(identityOfKey('group system:serviceaccounts')).toBeUndefined();
  });
});
