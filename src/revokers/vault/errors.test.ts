/** Every answer here was given by a real server (OpenBao 2.7), but for those marked as somebody else's. */
import { describe, expect, it } from 'vitest';

import { retryable } from '../../runtime/outcome.ts';
import type { VaultAnswer } from './client.ts';
import { describeFailure } from '../runner.ts';
import {
  classifyAliasWrite,
  classifyCertificate,
  classifyCertificateRevoke,
  classifyDelete,
  classifyEntity,
  classifyEntityWrite,
  classifyIrrevocable,
  classifyLease,
  classifyLeaseRevoke,
  classifyList,
  classifyRead,
  classifySecretId,
  classifySecretIdDestroy,
  classifySecretIdList,
  classifyToken,
  classifyTokenRevoke,
  describeAnswer,
  failureOf,
} from './errors.ts';

const answer = (status: number, body?: unknown): VaultAnswer => ({ status, body });
const errors = (status: number, ...words: readonly string[]): VaultAnswer => answer(status, { errors: words });
const data = (content: object, more: object = {}): VaultAnswer => answer(200, { request_id: 'r', data: content, ...more });

const denied = errors(403, '1 error occurred:\n\t* permission denied\n\n');
const badToken = errors(403, 'permission denied');
const sealed = errors(503, 'Vault is sealed');
const noRoute = errors(404, 'no handler for route "nosuchmount/x". route entry not found.');
const tainted = errors(404, 'no handler for route "x". route entry or namespace is tainted.');
const noNamespace = errors(404, 'namespace not found');
const emptyList = errors(404);
const tooMany = errors(429);

/** Answers to any question that prove nothing about it. */
const provesNothing: Readonly<Record<string, VaultAnswer>> = {
  'a missing permission': denied,
  'a token of ours that ended': badToken,
  'a sealed server': sealed,
  'no such mount': noRoute,
  'a mount that is going': tainted,
  'no such namespace': noNamespace,
  'too many requests': tooMany,
  'an internal error': errors(500, 'internal error'),
  "a proxy's 502": answer(502, {}),
  'success with nothing in it': answer(200),
  'success about something else': data({ id: 'something else' }),
  'success of another program': answer(200, { status: 'ok' }),
  'a caller error': errors(400, 'lease_id must be specified'),
  'a 404 that is not of the server': answer(404, { message: 'Not Found' }),
};

const questions: Readonly<Record<string, (given: VaultAnswer) => { readonly state: string }>> = {
  'a lease': (given) => classifyLease(given, 'database/creds/app/x'),
  'the revoke of a lease': classifyLeaseRevoke,
  'a token': (given) => classifyToken(given, 'accessor'),
  'the revoke of a token': classifyTokenRevoke,
  'an entity': classifyEntity,
  'the update of an entity': classifyEntityWrite,
  'an alias': classifyAliasWrite,
  'a list': classifyList,
  'the irrevocable leases': classifyIrrevocable,
  'a delete': classifyDelete,
  'a list of secret ids': classifySecretIdList,
  'a secret id': (given) => classifySecretId(given, 'accessor'),
  'the destruction of a secret id': classifySecretIdDestroy,
  'a certificate': classifyCertificate,
  'the revoke of a certificate': classifyCertificateRevoke,
};

describe.each(Object.entries(questions))('%s', (question, classify) => {
  it.each(Object.entries(provesNothing))('is not told by %s', (what, given) => {
    // The id of whatever was written is all that the server says of an update.
    if (question === 'the update of an entity' && what === 'success about something else') return;
    // The one thing that a refused look at an accessor may mean is told by our capabilities.
    const expected = question === 'a token' && given.status === 403 ? 'Denied' : 'Unknown';
    expect(classify(given).state).toBe(expected);
  });
});

describe('a lease', () => {
  const id = 'database/creds/app/QE0A87hm0kViXTdJ9l4B7DiX';
  const lease = (content: object): VaultAnswer => data({ id, path: 'database/creds/app', issue_time: '…', ...content });

  it('is live while it has time left', () => {
    expect(classifyLease(lease({ ttl: 3_599, renewable: true, expire_time: '…' }), id)).toEqual({ state: 'Live' });
  });

  it('is gone when the server says that there is none, in just those words', () => {
    expect(classifyLease(errors(400, 'invalid lease'), id)).toEqual({ state: 'Gone' });
    expect(classifyLease(errors(400, 'failed to revoke entry: resp: (*logical.Response)(nil) err: invalid lease'), id).state).toBe('Unknown');
    expect(classifyLease(errors(400, 'something', 'invalid lease'), id).state).toBe('Unknown');
  });

  it('is pending when its time is over and the server has not given up', () => {
    const since = '2026-11-24T23:38:54.183960626Z';
    expect(classifyLease(lease({ ttl: 0, renewable: false, expire_time: since }), id)).toEqual({ state: 'Pending', seconds: 0, since });
    expect(classifyLease(lease({ ttl: -61, renewable: false, expire_time: since }), id)).toEqual({ state: 'Pending', seconds: 61, since });
    expect(classifyLease(lease({ renewable: false, expire_time: since }), id).state).toBe('Unknown');
  });

  it('is irrevocable when it tells why', () => {
    const why = 'out of retries: failed to revoke entry: postgres://vault:hunter2pass@db/ refused';
    expect(classifyLease(lease({ ttl: -700, renewable: false, revoke_error: why }), id)).toEqual({
      state: 'Irrevocable',
      why: 'out of retries: failed to revoke entry: postgres://[redacted]@db/ refused',
    });
  });

  it('is not told by the answer about another', () => {
    expect(classifyLease(lease({ ttl: 5 }), `${id}x`).state).toBe('Unknown');
  });
});

describe('the revoke of a lease', () => {
  it('was taken: done (204) or queued (202)', () => {
    expect([classifyLeaseRevoke(answer(204)), classifyLeaseRevoke(answer(202))]).toEqual([{ state: 'Accepted' }, { state: 'Accepted' }]);
  });

  it('was refused by what stands behind, whose words are all that is told', () => {
    const words = 'failed to revoke entry: resp: (*logical.Response)(nil) err: ERROR: role "v-x" cannot be dropped because some objects depend on it (SQLSTATE 2BP01)';
    expect(classifyLeaseRevoke(errors(400, words))).toEqual({
      state: 'Refused',
      why: 'ERROR: role "v-x" cannot be dropped because some objects depend on it (SQLSTATE 2BP01)',
    });
  });
});

describe('a token', () => {
  const accessor = 'dWILBXaJNsXbjCck8xYm0oZT';

  it('is there with what never changes of it', () => {
    const meta = { role: 'bot', service_account_name: 'bot', service_account_uid: 'u' };
    expect(classifyToken(data({ accessor, entity_id: 'e', path: 'auth/kubernetes/login', meta, id: '', ttl: 5 }), accessor)).toEqual({
      state: 'Present',
      facts: { accessor, entityId: 'e', path: 'auth/kubernetes/login', meta },
    });
  });

  it('may have neither entity nor metadata', () => {
    const found = classifyToken(data({ accessor, entity_id: '', path: 'auth/token/create', meta: null }), accessor);
    expect(found).toMatchObject({ state: 'Present', facts: { entityId: '', meta: {} } });
  });

  it('is gone when its accessor is none', () => {
    expect(classifyToken(errors(400, '1 error occurred:\n\t* invalid accessor\n\n'), accessor)).toEqual({ state: 'Gone' });
  });

  it('is not told by the answer about another', () => {
    expect(classifyToken(data({ accessor: 'other', entity_id: '', path: 'x' }), accessor).state).toBe('Unknown');
  });

  it('was ended (204), or there was none (200 with a warning)', () => {
    expect(classifyTokenRevoke(answer(204))).toEqual({ state: 'Accepted' });
    expect(classifyTokenRevoke(answer(200, { data: null, warnings: ['No token found with this accessor'] }))).toEqual({ state: 'NothingThere' });
    expect(classifyTokenRevoke(errors(400, '1 error occurred:\n\t* invalid accessor\n\n'))).toEqual({ state: 'NothingThere' });
    expect(classifyTokenRevoke(errors(400, 'token not found'))).toEqual({ state: 'NothingThere' });
    expect(classifyTokenRevoke(answer(200, { data: null, warnings: ['something else'] })).state).toBe('Unknown');
  });
});

describe('an entity', () => {
  const alias = { id: 'a', name: 'u', mount_accessor: 'auth_kubernetes_1', mount_path: 'auth/kubernetes/', metadata: null };
  const content = { id: 'e', disabled: true, aliases: [alias], merged_entity_ids: ['f'], metadata: { team: 'build' } };

  it('is there with its aliases, what was merged into it, and whether it is disabled', () => {
    expect(classifyEntity(data(content))).toEqual({
      state: 'Present',
      entity: {
        id: 'e',
        disabled: true,
        aliases: [{ id: 'a', name: 'u', mountAccessor: 'auth_kubernetes_1', mountPath: 'auth/kubernetes/', metadata: {} }],
        mergedIds: ['f'],
        metadata: { team: 'build' },
      },
    });
    expect(classifyEntity(data({ ...content, aliases: null, merged_entity_ids: null, metadata: null }))).toMatchObject({ entity: { aliases: [], mergedIds: [], metadata: {} } });
  });

  it('is none when nobody has the alias: an empty 204, and nothing else', () => {
    expect(classifyEntity(answer(204))).toEqual({ state: 'None' });
    expect(classifyEntity(emptyList).state).toBe('Unknown');
  });

  it.each([{ disabled: 'true' }, { id: '' }, { aliases: [{ name: 'u' }] }, { aliases: 'u' }, { merged_entity_ids: [1] }])('is not told where a part of it cannot be read: %j', (broken) => {
    expect(classifyEntity(data({ ...content, ...broken })).state).toBe('Unknown');
  });

  it('was updated, or is gone by now', () => {
    expect(classifyEntityWrite(answer(204))).toEqual({ state: 'Done' });
    expect(classifyEntityWrite(errors(400, 'entity not found from id'))).toEqual({ state: 'NoSuchEntity' });
    expect(classifyEntityWrite(errors(500, '1 error occurred:\n\t* invalid entity metadata')).state).toBe('Unknown');
  });

  it('was made for an alias, or the alias existed', () => {
    expect(classifyAliasWrite(data({ canonical_id: 'e', id: 'a' }))).toEqual({ state: 'Made', entityId: 'e' });
    expect(classifyAliasWrite(answer(204))).toEqual({ state: 'Existed' });
    expect(classifyAliasWrite(errors(400, 'invalid mount accessor "auth_wrong"')).state).toBe('Unknown');
  });
});

describe('a list', () => {
  it('has keys, or is empty: a 404 without words', () => {
    expect(classifyList(data({ keys: ['a', 'b/'] }))).toEqual({ state: 'Keys', keys: ['a', 'b/'] });
    expect(classifyList(emptyList)).toEqual({ state: 'Keys', keys: [] });
  });

  it('is not told by half of one', () => {
    expect(classifyList(data({ keys: ['a', 1] })).state).toBe('Unknown');
  });

  it('of irrevocable leases is whole when it is as long as it says', () => {
    const leases = [{ lease_id: 'database/creds/app/x', mount_id: 'm', error: 'out of retries' }];
    expect(classifyIrrevocable(data({ lease_count: 1, leases }))).toEqual({ state: 'Leases', leases: [{ leaseId: 'database/creds/app/x', error: 'out of retries' }] });
    expect(classifyIrrevocable(data({ lease_count: 0, leases: [] }))).toEqual({ state: 'Leases', leases: [] });
    expect(classifyIrrevocable(data({ lease_count: 10_001, leases })).state).toBe('Unknown');
    expect(classifyIrrevocable(emptyList).state).toBe('Unknown');
  });
});

describe('a role', () => {
  it('is there, or absent: a 404 without words', () => {
    expect(classifyRead(data({ token_type: 'default' }))).toEqual({ state: 'Present', data: { token_type: 'default' } });
    expect(classifyRead(emptyList)).toEqual({ state: 'Absent' });
    for (const given of [noRoute, tainted, noNamespace, denied, sealed]) expect(classifyRead(given).state).toBe('Unknown');
  });

  it('was deleted, if there was any', () => {
    expect(classifyDelete(answer(204))).toEqual({ state: 'Accepted' });
  });
});

describe('a secret id', () => {
  const accessor = '4b919c3d-2bae-7ab5-3a93-1167fe738589';
  const noEntry = `failed to find accessor entry for secret_id_accessor: "${accessor}"`;

  it('is there', () => {
    expect(classifySecretId(data({ secret_id_accessor: accessor, secret_id_num_uses: 0 }), accessor)).toEqual({ state: 'Present' });
  });

  it('is gone: a 404 whose words are in its data, or its role is gone: a 500', () => {
    expect(classifySecretId(answer(404, { data: { error: noEntry } }), accessor)).toEqual({ state: 'Gone' });
    expect(classifySecretId(errors(500, '1 error occurred:\n\t* role "nope" does not exist\n\n'), accessor)).toEqual({ state: 'Gone' });
    expect(classifySecretId(emptyList, accessor).state).toBe('Unknown');
  });

  it('was destroyed; a second time is a 500 that is no outage', () => {
    expect(classifySecretIdDestroy(answer(204))).toEqual({ state: 'Accepted' });
    expect(classifySecretIdDestroy(errors(500, `1 error occurred:\n\t* ${noEntry}\n\n`))).toEqual({ state: 'NothingThere' });
    expect(classifySecretIdDestroy(errors(500, '1 error occurred:\n\t* role "nope" does not exist\n\n'))).toEqual({ state: 'NothingThere' });
  });

  it('list is empty, or its role is gone: a 400', () => {
    expect(classifySecretIdList(emptyList)).toEqual({ state: 'Keys', keys: [] });
    expect(classifySecretIdList(errors(400, 'role "nope" does not exist'))).toEqual({ state: 'NoSuchRole' });
  });
});

describe('a certificate', () => {
  it('is valid, revoked, or not stored', () => {
    expect(classifyCertificate(data({ certificate: 'pem', revocation_time: 0 }))).toEqual({ state: 'Valid', pem: 'pem' });
    expect(classifyCertificate(data({ certificate: 'pem', revocation_time: 1_795_563_533 }))).toEqual({ state: 'Revoked', pem: 'pem' });
    expect(classifyCertificate(emptyList)).toEqual({ state: 'NotStored' });
  });

  it('was revoked, also when it was already; an unknown serial is a 400', () => {
    expect(classifyCertificateRevoke(data({ revocation_time: 1_795_563_533, state: 'revoked' }))).toEqual({ state: 'Accepted' });
    expect(classifyCertificateRevoke(errors(400, 'certificate with serial 00:11 not found.'))).toEqual({ state: 'NothingThere' });
    const expired = 'certificate with serial 32:09 already expired; refusing to add to CRL.';
    expect(classifyCertificateRevoke(answer(200, { data: null, warnings: [expired] }))).toEqual({ state: 'NothingThere' });
    expect(classifyCertificateRevoke(data({ revocation_time: 0 })).state).toBe('Unknown');
  });
});

describe('a failure', () => {
  it.each([
    ['a missing permission', denied, 'NeedsPerson', 'PermissionMissing'],
    ['a token of ours that ended', badToken, 'Retryable', 'Unauthorized'],
    ['a sealed server', sealed, 'Retryable', 'Unavailable'],
    ['no such mount', noRoute, 'NeedsPerson', 'NoSuchPath'],
    ['no such namespace', noNamespace, 'NeedsPerson', 'NoSuchPath'],
    ['a 404 that is not of the server', answer(404, '<html>'), 'Retryable', 'Garbage'],
    ['too many requests', tooMany, 'Retryable', 'TooManyRequests'],
    ['a caller error', errors(400, 'lease_id must be specified'), 'NeedsPerson', 'Rejected'],
    ['an internal error', errors(500, 'internal error'), 'Retryable', 'ServerError'],
    ['success with nothing in it', answer(200), 'Retryable', 'Unexpected'],
  ])('from %s says what happens next', (_, given, kind, reason) => {
    expect(failureOf(given, 'listing leases')).toMatchObject({ kind, reason });
  });

  it('names the right that was lacking, as a policy says it', () => {
    const asked = { method: 'LIST', path: ['sys', 'leases', 'lookup', 'database', 'creds', 'ci-7'] } as const;
    expect(failureOf({ ...denied, asked }, 'listing leases').message).toContain('path "sys/leases/lookup/database/creds/ci-7" { capabilities = ["list"] }');
    expect(failureOf({ ...badToken, asked }, 'listing leases').message).not.toContain('capabilities');
  });

  it('is told on one line, without secrets', () => {
    const leaky = errors(500, 'dial\n\tpostgres://root:hunter2pass@db failed for hvs.CAESIJ1234567890abcdef');
    for (const text of [describeAnswer(leaky), failureOf(leaky, 'revoking').message, describeFailure(retryable('X', describeAnswer(leaky)))]) {
      expect(text).not.toMatch(/hunter2pass|CAESIJ|\n/);
      expect(text).toContain('500');
    }
    expect(describeFailure(new Error('lost hvs.CAESIJ1234567890abcdef'))).not.toContain('CAESIJ');
  });
});
