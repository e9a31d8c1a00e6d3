import { describe, expect, it } from 'vitest';

import { OutcomeError, retryable } from '../../runtime/outcome.ts';
import type { GoogleAnswer } from './api.ts';
import { describeFailure } from '../runner.ts';
import {
  classifyAccount,
  classifyEnd,
  classifyHmacDelete,
  classifyHmacKey,
  classifyHmacKeys,
  classifyKey,
  classifyKeys,
  classifyPolicy,
  classifyPolicySearch,
  classifyProject,
  classifyResourceSearch,
  classifySet,
  classifyTested,
  failureOf,
} from './errors.ts';
import { parseResource, type Resource } from './resources.ts';

const resourceOf = (name: string): Resource => {
  const resource = parseResource(name);
  if (resource === undefined) throw new Error(`${name} is none`);
  return resource;
};

const project = resourceOf('projects/acme');
const secret = resourceOf('//secretmanager.googleapis.com/projects/acme/secrets/deploy');
const bucket = resourceOf('//storage.googleapis.com/acme-artifacts');
const account = resourceOf('//iam.googleapis.com/projects/acme/serviceAccounts/107');

const failing = (code: number, status: string, message: string, more: object = {}): GoogleAnswer => ({ status: code, body: { error: { code, status, message, ...more } } });
const notFound = (message: string): GoogleAnswer => failing(404, 'NOT_FOUND', message, { errors: [{ domain: 'global', message, reason: 'notFound' }] });
const inStorage = (code: number, reason: string, message: string): GoogleAnswer => ({ status: code, body: { error: { code, message, errors: [{ message, domain: 'global', reason }] } } });

/** None of these tells anything, whatever was asked. */
const nothings: readonly (readonly [string, GoogleAnswer])[] = [
  ['an empty success', { status: 200, body: undefined }],
  ['a list', { status: 200, body: [] }],
  ['a text', { status: 200, body: 'ok' }],
  ['an error with the status of a success', { status: 200, body: { error: { code: 404, status: 'NOT_FOUND', message: 'Service account acme-artifacts deploy 107 k1 does not exist. Access ID not found' } } }],
  ['a success of another kind', { status: 202, body: {} }],
  ['a page of a proxy', { status: 404, body: undefined }],
  ['a 404 of something else', { status: 404, body: { message: 'Service account not found' } }],
  ['an unknown method', notFound('Method not found.')],
  ['an entity that is not told', notFound('Requested entity was not found.')],
  ['a 404 that says another code', { status: 404, body: { error: { code: 403, status: 'NOT_FOUND', message: 'Service account acme-artifacts deploy 107 does not exist' } } }],
  ['a 404 that says another status', failing(404, 'UNIMPLEMENTED', 'Service account acme-artifacts deploy 107 does not exist. Access ID not found')],
  ['a permission that is missing, or a project that is not there', failing(403, 'PERMISSION_DENIED', 'Permission denied on service account 107 deploy acme-artifacts (or it may not exist). Access ID not found')],
  ['a login that is refused', failing(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.')],
  ['a request that is refused', failing(400, 'INVALID_ARGUMENT', 'Service account 107 does not exist.')],
  ['one that is gone for good', failing(410, 'NOT_FOUND', 'Service account 107 does not exist.')],
  ['too many requests', failing(429, 'RESOURCE_EXHAUSTED', 'Quota exceeded.')],
  ['a server in trouble', failing(500, 'INTERNAL', 'Internal error encountered.')],
  ['a service that is away', failing(503, 'UNAVAILABLE', 'The service is currently unavailable.')],
  ['a gateway', { status: 502, body: undefined }],
];

const questions: Readonly<Record<string, (answer: GoogleAnswer) => { readonly state: string }>> = {
  'the policy of a project': (answer) => classifyPolicy(answer, project),
  'the policy of a secret': (answer) => classifyPolicy(answer, secret),
  'the policy of a bucket': (answer) => classifyPolicy(answer, bucket),
  'the policy of a service account': (answer) => classifyPolicy(answer, account),
  'a write of a policy': classifySet,
  'a service account': (answer) => classifyAccount(answer, { uniqueId: '107' }),
  'a key': (answer) => classifyKey(answer, 'k1'),
  'an HMAC key': (answer) => classifyHmacKey(answer, 'GOOG1'),
  'a deletion of an HMAC key': classifyHmacDelete,
  'the id of a project': (answer) => classifyProject(answer, '42'),
};

describe.each(Object.entries(questions))('%s', (_, classify) => {
  it.each(nothings)('is not told by %s', (__, answer) => {
    expect(classify(answer).state).toBe('Unknown');
  });
});

/** A success may be empty where a list is, and where something was asked to be done. */
const emptiable: Readonly<Record<string, (answer: GoogleAnswer) => { readonly state: string }>> = {
  'a list of keys': classifyKeys,
  'a list of HMAC keys': classifyHmacKeys,
  'a search of policies': classifyPolicySearch,
  'a search of resources': classifyResourceSearch,
  'what we may do': classifyTested,
  'an end': classifyEnd,
};

describe.each(Object.entries(emptiable))('%s', (_, classify) => {
  it.each(nothings)('is not told by %s', (__, answer) => {
    expect(classify(answer).state).toBe('Unknown');
  });
});

describe('a policy', () => {
  const whole = { version: 1, etag: 'x', bindings: [{ role: 'roles/viewer', members: ['user:a'] }] };

  it('is told whole, or not at all', () => {
    expect(classifyPolicy({ status: 200, body: whole }, project)).toMatchObject({ state: 'Policy', policy: { etag: 'x' } });
    expect(classifyPolicy({ status: 200, body: { bindings: whole.bindings } }, project)).toMatchObject({ state: 'Unknown', message: expect.stringContaining('no whole policy') as string });
  });

  it.each([
    ['a secret that Google names', notFound('Secret [projects/42/secrets/deploy] not found or has no versions.'), secret, 'NoResource'],
    ['another secret', notFound('Secret [projects/42/secrets/deploy-2] not found.'), secret, 'Unknown'],
    ['another secret, whose name ends so', notFound('Secret [projects/42/secrets/my-deploy] not found.'), secret, 'Unknown'],
    ['a bucket', inStorage(404, 'notFound', 'The specified bucket does not exist.'), bucket, 'NoResource'],
    ['a service account', notFound('Unknown service account'), account, 'NoResource'],
    ['a service account by its id', notFound('Requested entity was not found: projects/acme/serviceAccounts/107.'), account, 'NoResource'],
    ['another service account by its id', notFound('Requested entity was not found: projects/acme/serviceAccounts/1077.'), account, 'Unknown'],
  ] as const)('of %s that is not there has nobody in it: %#', (_, answer, resource, state) => {
    expect(classifyPolicy(answer, resource).state).toBe(state);
  });

  it.each([
    ['accepted', { status: 200, body: whole }, 'Accepted'],
    ['too late', failing(409, 'ABORTED', 'There were concurrent policy changes.'), 'Conflict'],
    ['too late, in Cloud Storage', inStorage(412, 'conditionNotMet', 'Precondition Failed'), 'Conflict'],
    ['answered by nothing', { status: 200, body: {} }, 'Unknown'],
  ] as const)('that is written is %s', (_, answer, state) => {
    expect(classifySet(answer).state).toBe(state);
  });
});

describe('a service account', () => {
  const body = { name: 'projects/acme/serviceAccounts/build@acme.iam.gserviceaccount.com', projectId: 'acme', uniqueId: '107', email: 'build@acme.iam.gserviceaccount.com', etag: 'x' };

  it.each([
    ['enabled', body, { disabled: false, description: '' }],
    ['disabled', { ...body, disabled: true, description: 'a robot' }, { disabled: true, description: 'a robot' }],
  ])('is %s', (_, shown, expected) => {
    expect(classifyAccount({ status: 200, body: shown }, { uniqueId: '107' })).toMatchObject({ state: 'Present', account: { ...expected, uniqueId: '107' } });
  });

  it.each([
    ['of another id', { ...body, uniqueId: '108' }],
    ['without an id', { ...body, uniqueId: undefined }],
    ['with an id that is none', { ...body, uniqueId: 'me' }],
    ['without an e-mail', { ...body, email: undefined }],
    ['that may be disabled', { ...body, disabled: 'true' }],
  ])('is not one %s', (_, shown) => {
    expect(classifyAccount({ status: 200, body: shown }, { uniqueId: '107' }).state).toBe('Unknown');
  });

  it('by its e-mail is the one that was asked for', () => {
    expect(classifyAccount({ status: 200, body }, { email: 'build-2@acme.iam.gserviceaccount.com' }).state).toBe('Unknown');
  });

  it.each(['Unknown service account', 'Service account projects/acme/serviceAccounts/107 does not exist.'])('is gone when Google says: %s', (message) => {
    expect(classifyAccount(notFound(message), { uniqueId: '107' }).state).toBe('Gone');
    expect(classifyEnd(notFound(message)).state).toBe('NothingThere');
  });
});

describe('keys', () => {
  const named = (id: string, more: object = {}): object => ({ name: `projects/acme/serviceAccounts/build@acme.iam.gserviceaccount.com/keys/${id}`, keyType: 'USER_MANAGED', ...more });

  it('are listed, or the list is none', () => {
    expect(classifyKeys({ status: 200, body: {} })).toEqual({ state: 'Listed', items: [] });
    expect(classifyKeys({ status: 200, body: { keys: [named('k1', { validBeforeTime: '9999-12-31T23:59:59Z' })] } })).toEqual({ state: 'Listed', items: [{ id: 'k1', validBefore: '9999-12-31T23:59:59Z' }] });
    for (const keys of [{}, [{}], [named('k1'), named('k2', { keyType: 'SYSTEM_MANAGED' })], [named('../k1')]]) expect(classifyKeys({ status: 200, body: { keys } }).state).toBe('Unknown');
  });

  it('are gone when Google says so of them or of their account', () => {
    expect(classifyKey({ status: 200, body: named('k1') }, 'k1').state).toBe('Present');
    expect(classifyKey({ status: 200, body: named('k2') }, 'k1').state).toBe('Unknown');
    expect(classifyKey(notFound('Service account key k1 does not exist.'), 'k1').state).toBe('Gone');
    expect(classifyKey(notFound('Unknown service account'), 'k1').state).toBe('Gone');
  });

  it('for Cloud Storage are gone once they are deleted, though they can still be seen', () => {
    const shown = (state: string) => ({ status: 200, body: { accessId: 'GOOG1', state, serviceAccountEmail: 'build@acme.iam.gserviceaccount.com', etag: 'x' } });
    expect(classifyHmacKey(shown('ACTIVE'), 'GOOG1')).toMatchObject({ state: 'Present', key: { active: true } });
    expect(classifyHmacKey(shown('INACTIVE'), 'GOOG1')).toMatchObject({ state: 'Present', key: { active: false } });
    expect(classifyHmacKey(shown('DELETED'), 'GOOG1').state).toBe('Gone');
    expect(classifyHmacKey(shown('ACTIVE'), 'GOOG2').state).toBe('Unknown');
    expect(classifyHmacKey(inStorage(404, 'notFound', 'Access ID not found in project acme.'), 'GOOG1').state).toBe('Gone');
    expect(classifyHmacDelete({ status: 204, body: undefined }).state).toBe('Accepted');
    expect(classifyHmacDelete(inStorage(404, 'notFound', 'Access ID not found in project acme.')).state).toBe('NothingThere');
  });
});

describe('lists', () => {
  it('of a search tell where they go on, and are none when an entry is none', () => {
    expect(classifyPolicySearch({ status: 200, body: { results: [{ resource: '//a' }], nextPageToken: 'p2' } })).toEqual({ state: 'Listed', items: ['//a'], next: 'p2' });
    expect(classifyPolicySearch({ status: 200, body: { results: [{ resource: '//a' }], nextPageToken: '' } })).toEqual({ state: 'Listed', items: ['//a'] });
    expect(classifyPolicySearch({ status: 200, body: { results: [{}] } }).state).toBe('Unknown');
    expect(classifyResourceSearch({ status: 200, body: { results: [{ name: '//a', assetType: 'x/Y' }] } })).toMatchObject({ items: [{ name: '//a', assetType: 'x/Y' }] });
    expect(classifyResourceSearch({ status: 200, body: { results: [{ name: '//a' }] } }).state).toBe('Unknown');
  });

  it('of permissions tell those that we have', () => {
    expect(classifyTested({ status: 200, body: {} })).toEqual({ state: 'Held', permissions: [] });
    expect(classifyTested({ status: 200, body: { permissions: ['a'] } })).toEqual({ state: 'Held', permissions: ['a'] });
    expect(classifyTested({ status: 200, body: { permissions: 'a' } }).state).toBe('Unknown');
  });
});

it('takes a project for the one whose number was asked for', () => {
  expect(classifyProject({ status: 200, body: { name: 'projects/42', projectId: 'acme' } }, '42')).toEqual({ state: 'Project', id: 'acme' });
  for (const body of [{ name: 'projects/43', projectId: 'acme' }, { name: 'projects/42' }, { name: 'projects/42', projectId: '../x' }]) expect(classifyProject({ status: 200, body }, '42').state).toBe('Unknown');
});

describe('a failure', () => {
  const question = { doing: 'reading the policy of projects/acme', permission: 'resourcemanager.projects.getIamPolicy', on: 'projects/acme' };
  const info = (reason: string, metadata: object = {}) => ({ details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'iam.googleapis.com', metadata }] });

  it.each([
    [failing(400, 'INVALID_ARGUMENT', 'no'), 'NeedsPerson', 'Rejected'],
    [failing(401, 'UNAUTHENTICATED', 'no'), 'Retryable', 'Unauthorized'],
    [failing(403, 'PERMISSION_DENIED', 'no'), 'NeedsPerson', 'PermissionMissing'],
    [failing(403, 'PERMISSION_DENIED', 'no', info('SERVICE_DISABLED', { service: 'iam.googleapis.com' })), 'NeedsPerson', 'ServiceDisabled'],
    [inStorage(403, 'userRateLimitExceeded', 'no'), 'Retryable', 'TooManyRequests'],
    [notFound('no'), 'NeedsPerson', 'NoSuchResource'],
    [{ status: 404, body: undefined }, 'Retryable', 'Garbage'],
    [failing(409, 'ABORTED', 'no'), 'Retryable', 'Conflict'],
    [failing(412, 'FAILED_PRECONDITION', 'no'), 'Retryable', 'Conflict'],
    [failing(429, 'RESOURCE_EXHAUSTED', 'no'), 'Retryable', 'TooManyRequests'],
    [failing(500, 'INTERNAL', 'no'), 'Retryable', 'ServerError'],
    [failing(503, 'UNAVAILABLE', 'no'), 'Retryable', 'Unavailable'],
    [{ status: 200, body: undefined }, 'Retryable', 'Unexpected'],
  ] as const)('says who acts next: %#', (answer, kind, reason) => {
    expect(failureOf(answer, question)).toMatchObject({ kind, reason, message: expect.stringContaining('reading the policy of projects/acme') as string });
  });

  it('names the permission that Google names, and else that of the question, and the resource', () => {
    expect(failureOf(failing(403, 'PERMISSION_DENIED', 'no', info('IAM_PERMISSION_DENIED', { permission: 'iam.serviceAccounts.get' })), question).message).toContain('takes iam.serviceAccounts.get on projects/acme');
    expect(failureOf(failing(403, 'PERMISSION_DENIED', 'no'), question).message).toContain('takes resourcemanager.projects.getIamPolicy on projects/acme, or there is no such project');
  });

  it('tells no secret, and no more than fits', () => {
    const leaky = failureOf(failing(403, 'PERMISSION_DENIED', `ya29.leaked-leaked-leaked ${'x'.repeat(5_000)}`, info('x', { permission: 'ya29.leaked-leaked-leaked' })), question);
    expect(leaky.message).not.toContain('leaked-leaked');
    expect(leaky.message.length).toBeLessThan(2_000);
    expect(describeFailure(new TypeError('ya29.leaked-leaked-leaked'))).toBe('could not be told: [redacted]');
    expect(describeFailure(retryable('Timeout', 'too late'))).toBe('could not be told (Timeout): too late');
    expect(leaky).toBeInstanceOf(OutcomeError);
  });
});
