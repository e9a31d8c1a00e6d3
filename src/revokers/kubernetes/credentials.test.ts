import { describe, expect, it } from 'vitest';

import type { Target } from '../../api/v1alpha1/index.ts';
import type { Binding } from './bindings.ts';
import { type Account, type Facts, isSole, toInventory, userKeysOf } from './credentials.ts';
import { userKey } from './identity.ts';

const target: Target = { serviceAccount: { namespace: 'ci', name: 'bot', uid: 'u-1' } };
const account = (uid: string): Account => ({ namespace: 'ci', name: 'bot', uid, terminating: false, finalizers: [] });
const binding = (part: Partial<Binding> = {}): Binding => ({
  kind: 'RoleBinding',
  namespace: 'ops',
  name: 'b',
  uid: 'u-b',
  roleKind: 'ClusterRole',
  roleName: 'edit',
  subjectCount: 1,
  subjects: [{ index: 0, kind: 'ServiceAccount', name: 'bot', namespace: 'ci' }],
  ...part,
});
const facts = (part: Partial<Facts> = {}): Facts => ({
  target,
  account: account('u-1'),
  bindings: [],
  inherited: [],
  tokenSecrets: undefined,
  tail: 0,
  ...part,
});
const summary = (given: Facts): readonly string[] =>
  toInventory(given).credentials.map(
    ({ class: kind, uid = '', end, seen }) =>
      `${kind} ${uid} ${end.by}${end.by === 'Person' ? `/${end.reason}` : ''} ${seen ? 'seen' : 'known'}`,
  );

const access = 'Access  Others known';

describe('toInventory', () => {
  it('ends the account by its UID and its tokens with it', () => {
    expect(summary(facts())).toEqual(['ServiceAccount u-1 Revoke seen', 'BoundTokens u-1 Others seen', access]);
  });

  it('names who keeps the grant of a binding, and counts the groups among them', () => {
    const subjects = [
      { index: 0, kind: 'ServiceAccount', name: 'bot', namespace: 'ci' },
      { index: 1, kind: 'ServiceAccount', name: 'other' },
      { index: 2, kind: 'User', name: 'b\u001bob' },
      { index: 3, kind: 'User', name: 'system:serviceaccount:ci:bot' },
    ];
    const sharers = (part: Partial<Binding>) => toInventory(facts({ bindings: [{ binding: binding(part), end: { by: 'Revoke' } }] })).credentials.find(({ class: kind }) => kind === 'RoleBinding')?.sharedWith;
    expect(sharers({ subjects, subjectCount: 6 })).toEqual(['ServiceAccount ops/other', 'User b\\u{1b}ob', '2 groups']);
    expect(sharers({ subjectCount: 2 })).toEqual(['a group']);
    expect(sharers({})).toBeUndefined();
  });

  it('keeps an account that is gone already, so that its absence can be proven', () => {
    expect(summary(facts({ account: undefined }))).toEqual([
      'ServiceAccount u-1 Revoke known',
      'BoundTokens u-1 Others known',
      access,
    ]);
  });

  it('leaves an account of the same name to a person', () => {
    expect(summary(facts({ account: account('u-2') }))).toEqual([
      'ServiceAccount u-1 Revoke known',
      'BoundTokens u-1 Others known',
      'ServiceAccount u-2 Person/IdentityRecreated seen',
      access,
    ]);
  });

  it('knows no account where none was ever seen, and leaves one that turns up to a person', () => {
    const unseen: Target = { serviceAccount: { namespace: 'ci', name: 'bot' } };
    expect(summary(facts({ target: unseen, account: undefined }))).toEqual([access]);
    expect(summary(facts({ target: unseen }))).toEqual(['ServiceAccount u-1 Person/IdentityRecreated seen', access]);
  });

  it('ends legacy token Secrets, but not those of an account that came later', () => {
    const secret = (name: string, accountUid?: string) => ({
      namespace: 'ci',
      name,
      uid: `u-${name}`,
      account: 'bot',
      ...(accountUid !== undefined && { accountUid }),
    });
    const tokenSecrets = [secret('old', 'u-1'), secret('new', 'u-2'), secret('empty')];
    const ids = (given: Facts) =>
      toInventory(given)
        .credentials.filter(({ class: kind }) => kind === 'TokenSecret')
        .map(({ uid }) => uid);
    expect(ids(facts({ tokenSecrets, account: account('u-2') }))).toEqual(['u-old', 'u-empty']);
    expect(ids(facts({ tokenSecrets, account: undefined }))).toEqual(['u-old', 'u-new', 'u-empty']);
    expect(ids(facts({ tokenSecrets }))).toEqual(['u-old', 'u-new', 'u-empty']);
  });

  it('says that the end of a certificate is only declared', () => {
    const { findings } = toInventory(facts({ target: { ...target, certificates: [{ commonName: 'bot', notAfter: '2027-03-01T00:00:00Z' }] } }));
    expect(findings).toContainEqual({
      type: 'NotProvable',
      object: 'certificate of user bot',
      message: expect.stringContaining('nobody has seen it: that it ends at 2027-03-01T00:00:00Z') as string,
    });
  });

  it('says when Secrets are not listed, and nothing of it when they are', () => {
    const types = (given: Facts) => toInventory(given).findings.map(({ type }) => type);
    expect(types(facts())).toEqual(['NotEnumerated', 'NotProvable']);
    expect(types(facts({ tokenSecrets: [] }))).toEqual(['NotProvable']);
    expect(toInventory(facts({ tokenSecrets: [], tail: 9_000 })).findings).toContainEqual({
      type: 'NotProvable',
      object: 'tokens of serviceaccounts/ci/bot',
      message: expect.stringContaining('the settle time is 9 s shorter') as string,
    });
  });

  it('tells what a binding grants, and carries it to the access review of the user it is for', () => {
    const withCertificate: Target = {
      ...target,
      certificates: [{ commonName: 'alice', notAfter: '2027-01-01T00:00:00Z' }],
    };
    const own = { binding: binding(), end: { by: 'Revoke' } as const };
    const everywhere = {
      kind: 'ClusterRoleBinding',
      name: 'c',
      uid: 'u-c',
      roleKind: 'ClusterRole',
      roleName: 'view',
      subjectCount: 1,
    } as const;
    const alices = {
      binding: { ...everywhere, subjects: [{ index: 0, kind: 'User', name: 'alice' }] },
      end: { by: 'Revoke' } as const,
    };
    const { credentials } = toInventory(facts({ target: withCertificate, bindings: [own, alices] }));
    const grants = Object.fromEntries(credentials.map(({ id, grants: list }) => [id, list]));
    expect(grants).toMatchObject({
      'rolebindings/ops/b': ['ClusterRole/edit in ops'],
      'clusterrolebindings/c': ['ClusterRole/view in all namespaces'],
      'access review of system:serviceaccount:ci:bot': ['ClusterRole/edit in ops'],
      'access review of alice': ['ClusterRole/view in all namespaces'],
    });
    expect(credentials.find(({ class: kind }) => kind === 'Certificate')?.end).toEqual({
      by: 'Expiry',
      at: new Date('2027-01-01T00:00:00Z'),
    });
  });

  it('shows inherited grants without end, but not without bound', () => {
    const inherited = Array.from({ length: 20 }, (_, index) => binding({ name: `g${String(index)}` }));
    const findings = toInventory(facts({ inherited })).findings.filter(({ type }) => type === 'Inherited');
    expect(findings).toHaveLength(17);
    expect(findings.at(-1)?.message).toContain('4 more');
  });

  it('asks for at most sixteen grants in an access review', () => {
    const bindings = Array.from({ length: 20 }, (_, index) => ({
      binding: binding({ uid: String(index), roleName: `r${String(index)}` }),
      end: { by: 'Revoke' } as const,
    }));
    expect(toInventory(facts({ bindings })).credentials.at(-1)?.grants).toHaveLength(16);
  });
});

describe('isSole', () => {
  const users = userKeysOf({ ...target, certificates: [{ commonName: 'alice', notAfter: '2027-01-01T00:00:00Z' }] });
  const subject = (index: number, kind: string, name: string) => ({ index, kind, name });

  it('counts every form of the identity as its own', () => {
    expect(
      isSole(
        binding({
          subjectCount: 2,
          subjects: [subject(0, 'User', 'alice'), subject(1, 'User', 'system:serviceaccount:ci:bot')],
        }),
        users,
      ),
    ).toBe(true);
  });

  it.each<[string, Partial<Binding>]>([
    ['another user', { subjectCount: 2, subjects: [subject(0, 'User', 'alice'), subject(1, 'User', 'bob')] }],
    ['a group that is only counted', { subjectCount: 2, subjects: [subject(0, 'User', 'alice')] }],
    ['nobody at all', { subjectCount: 0, subjects: [] }],
  ])('is false beside %s', (_, part) => {
    expect(isSole(binding(part), users)).toBe(false);
  });

  it('is false for somebody else', () => {
    expect(isSole(binding({}), new Set([userKey('bob')]))).toBe(false);
  });
});
