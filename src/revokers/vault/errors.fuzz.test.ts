import fc from 'fast-check';
import { describe, it } from 'vitest';
import { answersLike } from '../../../test/fuzz/answers.ts';
import type { Answer } from '../../../test/fuzz/answers.ts';
import { holds } from '../../../test/fuzz/property.ts';
import {
  classifyAliasWrite, classifyCertificate, classifyCertificateRevoke, classifyDelete, classifyEntity, classifyEntityWrite, classifyIrrevocable, classifyLease,
  classifyLeaseRevoke, classifyList, classifyRead, classifySecretId, classifySecretIdDestroy, classifySecretIdList, classifyToken, classifyTokenRevoke, failureOf,
} from './errors.ts';

const lease = 'database/creds/ci-7/abc';
const errors = (status: number, ...words: readonly string[]): Answer => ({ status, body: { errors: words } });
const data = (fields: object, status = 200): Answer => ({ status, body: { request_id: 'r', data: fields, warnings: null } });
const noEntry = 'failed to find accessor entry for secret_id_accessor: "a"';
const nothing: Answer = { status: 204, body: undefined };

/** As OpenBao 2.7 and Vault 1.21 were seen to answer. */
const real: readonly Answer[] = [
  nothing,
  { status: 202, body: undefined },
  errors(400, 'invalid lease'),
  errors(400, '1 error occurred:\n\t* invalid accessor\n\n'),
  errors(403, '1 error occurred:\n\t* invalid accessor\n\n'),
  errors(403, '1 error occurred:\n\t* permission denied\n\n'),
  errors(400, 'failed to revoke entry: resp: (*logical.Response)(nil) err: ERROR: role cannot be dropped'),
  errors(400, 'role "ci" does not exist'),
  errors(400, 'certificate with serial 01:02 not found'),
  errors(400, 'entity not found'),
  errors(404),
  errors(404, 'no handler for route "x". route entry not found.'),
  errors(500, 'role "ci" does not exist'),
  errors(500, noEntry),
  errors(503, 'Vault is sealed'),
  data({ error: noEntry }, 404),
  data({ id: lease, ttl: 60, renewable: true, expire_time: '2026-11-23T10:00:00Z' }),
  data({ id: lease, ttl: 0, revoke_error: 'it says no' }),
  data({ accessor: 'acc', path: 'auth/kubernetes/login', entity_id: 'e', meta: { role: 'ci' } }),
  data({ id: 'e', disabled: false, aliases: [{ id: 'a', name: 'n', mount_accessor: 'm' }], merged_entity_ids: null }),
  data({ canonical_id: 'e', id: 'a' }),
  data({ keys: ['one', 'two/'] }),
  data({ leases: [{ lease_id: lease, error: 'x' }], lease_count: 1 }),
  data({ secret_id_accessor: 'acc' }),
  data({ certificate: 'pem', revocation_time: 0 }),
  data({ certificate: 'pem', revocation_time: 1_700_000_000 }),
  { status: 200, body: { warnings: ['No token found with this accessor'] } },
  { status: 200, body: { data: { revocation_time: 0 }, warnings: ['certificate is already expired'] } },
];

const answers = answersLike(real);
const textIn = (body: object | undefined): string => JSON.stringify(body ?? null);
const isWordless = (body: object | undefined): boolean => /"errors":\[\]/.test(textIn(body));

interface Question {
  readonly name: string;
  readonly ask: (answer: Answer) => { readonly state: string };
  /** What says that it is gone, or that there is none: the statuses that can, and what must be in the body. */
  readonly gone: readonly { readonly state: string; readonly status: number; readonly says: (body: object | undefined) => boolean }[];
}

const says = (words: string) => (body: object | undefined): boolean => textIn(body).includes(words);
const isNothing = (body: object | undefined): boolean => body === undefined;

/** Whatever is not listed here proves nothing. */
const questions: readonly Question[] = [
  { name: 'a lease', ask: (answer) => classifyLease(answer, lease), gone: [{ state: 'Gone', status: 400, says: says('invalid lease') }] },
  { name: 'a token', ask: (answer) => classifyToken(answer, 'acc'), gone: [400, 403].map((status) => ({ state: 'Gone', status, says: says('invalid accessor') })) },
  { name: 'an entity', ask: classifyEntity, gone: [{ state: 'None', status: 204, says: isNothing }] },
  { name: 'a role', ask: classifyRead, gone: [{ state: 'Absent', status: 404, says: isWordless }] },
  {
    name: 'a secret id',
    ask: (answer) => classifySecretId(answer, 'acc'),
    gone: [
      { state: 'Gone', status: 404, says: says('failed to find accessor entry') },
      { state: 'Gone', status: 500, says: (body) => says('failed to find accessor entry')(body) || says('does not exist')(body) },
    ],
  },
  { name: 'the secret ids of a role', ask: classifySecretIdList, gone: [{ state: 'NoSuchRole', status: 400, says: says('does not exist') }] },
  {
    name: 'a certificate',
    ask: classifyCertificate,
    gone: [
      { state: 'NotStored', status: 404, says: isWordless },
      { state: 'Revoked', status: 200, says: says('revocation_time') },
    ],
  },
  {
    name: 'the end of a token',
    ask: classifyTokenRevoke,
    gone: [
      { state: 'NothingThere', status: 200, says: says('No token found') },
      { state: 'NothingThere', status: 400, says: (body) => says('invalid accessor')(body) || says('token not found')(body) },
      { state: 'Accepted', status: 204, says: () => true },
    ],
  },
  {
    name: 'the end of a secret id',
    ask: classifySecretIdDestroy,
    gone: [
      { state: 'NothingThere', status: 404, says: says('failed to find accessor entry') },
      { state: 'NothingThere', status: 500, says: (body) => says('failed to find accessor entry')(body) || says('does not exist')(body) },
      { state: 'Accepted', status: 204, says: () => true },
    ],
  },
  {
    name: 'the end of a certificate',
    ask: classifyCertificateRevoke,
    gone: [
      { state: 'NothingThere', status: 200, says: says('already expired') },
      { state: 'NothingThere', status: 400, says: says('not found') },
      { state: 'Accepted', status: 200, says: says('revocation_time') },
    ],
  },
  { name: 'the end of a role', ask: classifyDelete, gone: [{ state: 'Accepted', status: 204, says: () => true }] },
  { name: 'the end of a lease', ask: classifyLeaseRevoke, gone: [204, 202].map((status) => ({ state: 'Accepted', status, says: () => true })) },
  { name: 'a change of an entity', ask: classifyEntityWrite, gone: [{ state: 'NoSuchEntity', status: 400, says: says('entity not found') }, { state: 'Done', status: 204, says: () => true }, { state: 'Done', status: 200, says: says('"id"') }] },
  { name: 'a change of an alias', ask: classifyAliasWrite, gone: [{ state: 'Existed', status: 204, says: isNothing }, { state: 'Made', status: 200, says: says('canonical_id') }] },
];

describe.each(questions)('whatever Vault answers about $name', ({ ask, gone }) => {
  it('nothing but what is known to say so says that it is gone or done', () => {
    const endings = new Set(gone.map(({ state }) => state));
    holds(
      fc.property(answers, (answer) => {
        const { state } = ask(answer);
        if (!endings.has(state)) return;
        if (!gone.some((way) => way.state === state && way.status === answer.status && way.says(answer.body))) throw new Error(`${state} by HTTP ${answer.status}: ${textIn(answer.body)}`);
      }),
      400,
    );
  });
});

describe('whatever Vault answers to a list', () => {
  it('is a whole list, or none at all', () => {
    holds(
      fc.property(answers, (answer) => {
        const verdict = classifyList(answer);
        if (verdict.state === 'Unknown') return;
        const listed = (answer.body as { readonly data?: { readonly keys?: unknown } } | undefined)?.data?.keys;
        if (answer.status === 404 ? !isWordless(answer.body) || verdict.keys.length > 0 : answer.status !== 200 || JSON.stringify(listed) !== JSON.stringify(verdict.keys)) throw new Error('it is not what was listed');
      }),
      400,
    );
  });

  it('of what it has given up on is as long as it says', () => {
    const lists = answersLike([data({ leases: [{ lease_id: lease, error: 'x' }], lease_count: 1 }), data({ leases: [], lease_count: 0 })]);
    holds(
      fc.property(lists, (answer) => {
        const verdict = classifyIrrevocable(answer);
        if (verdict.state === 'Unknown') return;
        if (answer.status !== 200 || (answer.body as { readonly data: { readonly lease_count: number } }).data.lease_count !== verdict.leases.length) throw new Error('some are missing');
      }),
    );
  });
});

describe('whatever Vault answers', () => {
  it('is told without a token in it, on one line', () => {
    const token = 'hvs.CAESIJ1234567890abcdefghij';
    holds(
      fc.property(fc.integer({ min: 100, max: 599 }), fc.string({ unit: 'binary', maxLength: 60 }), (status, around) => {
        const { message } = failureOf({ status, body: { errors: [`${around} ${token} ${around}`] } }, 'looking');
        return !message.includes(token) && !/[\u0000-\u001f\u2028\u202e]/.test(message) && message.length <= 1_400;
      }),
    );
  });

  it('that says that Vault is in trouble sends nobody to a person', () => {
    holds(fc.property(answers, ({ body }) => [429, 500, 502, 503, 504].every((status) => failureOf({ status, body }, 'looking').kind === 'Retryable')));
  });
});
