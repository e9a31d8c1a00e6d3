import { describe, expect, it } from 'vitest';

import { accountId, bindingId, hmacKeyId, impersonationId, keyId, locate, searchedId, tokensId } from './ids.ts';

const account = { email: 'build@acme.iam.gserviceaccount.com', uniqueId: '107' };

describe('an id', () => {
  it.each([
    ['Binding', bindingId('projects/acme', { role: 'roles/viewer', member: 'user:a', condition: '' }), { resource: 'projects/acme' }],
    ['ServiceAccount', accountId('example.com:acme', account.email), { project: 'example.com:acme', email: account.email }],
    ['ServiceAccountKey', keyId('acme', '107', 'a1b2'), { project: 'acme', uniqueId: '107', key: 'a1b2' }],
    ['HmacKey', hmacKeyId('acme', 'GOOG1EX'), { project: 'acme', accessId: 'GOOG1EX' }],
    ['AccessTokens', tokensId, {}],
    ['Impersonation', impersonationId(account.email), { email: account.email }],
    ['SearchedBinding', searchedId('//bigquery.googleapis.com/projects/acme/datasets/d'), { resource: '//bigquery.googleapis.com/projects/acme/datasets/d' }],
  ])('of a %s can be read back', (kind, id, located) => {
    expect(locate({ id, class: kind })).toEqual({ class: kind, ...located });
  });

  it.each([
    ['Binding', 'projects/acme'],
    ['ServiceAccount', 'projects/acme/serviceAccounts/107'],
    ['ServiceAccountKey', 'projects/acme/serviceAccounts/107/keys/../x'],
    ['ServiceAccountKey', 'projects/a/b/serviceAccounts/107/keys/x'],
    ['HmacKey', 'projects/acme/hmacKeys/a/b'],
    ['Impersonation', 'impersonation of a b'],
    ['Lease', 'anything'],
  ])('of a %s is not: %s', (kind, id) => {
    expect(locate({ id, class: kind })).toBeUndefined();
  });

  it('of a member by e-mail has the unique id that it stood for, and that of any other has none', () => {
    const triple = { role: 'roles/viewer', condition: 'abc' };
    expect(bindingId('projects/acme', { ...triple, member: `serviceAccount:${account.email}` }, account)).toBe(`projects/acme roles/viewer if:abc serviceAccount:${account.email}?uid=107`);
    expect(bindingId('projects/acme', { ...triple, member: 'serviceAccount:p.svc.id.goog[a/b]' }, account)).toBe('projects/acme roles/viewer if:abc serviceAccount:p.svc.id.goog[a/b]');
  });

  it('of a role with half a character in it holds none, since no status and no record would keep it, and is another for another', () => {
    const ids = ['roles/\ud800', 'roles/\ud801', 'roles/\ufffd'].map((role) => bindingId('projects/acme', { role, member: 'user:a', condition: '' }));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect({ id, whole: id.isWellFormed(), located: locate({ id, class: 'Binding' }) }).toEqual({ id, whole: true, located: { class: 'Binding', resource: 'projects/acme' } });
  });

  it('stays within the limit of the API, however long its parts are, and tells its resource', () => {
    const resource = `//x.googleapis.com/${'r'.repeat(380)}`;
    const ids = ['a', 'b'].map((end) => bindingId(resource, { role: `organizations/1/roles/${'x'.repeat(64)}`, member: `principal://${'y'.repeat(900)}${end}`, condition: '' }));
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect([id.length <= 1_000, locate({ id, class: 'Binding' })]).toEqual([true, { class: 'Binding', resource }]);
  });
});
