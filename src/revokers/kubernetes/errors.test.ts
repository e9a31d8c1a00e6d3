import { describe, expect, it } from 'vitest';

import { ApiError } from '../../kube/errors.ts';
import { roleBindings, serviceAccounts } from '../../kube/resources.ts';
import { retryable } from '../../runtime/outcome.ts';
import { classify, classifyError, describeFailure } from './errors.ts';

const asked = { resource: serviceAccounts, namespace: 'ci', name: 'bot' };
const object = { kind: 'ServiceAccount', metadata: { namespace: 'ci', name: 'bot', uid: 'u-1' } };
const notFound = (details: unknown): unknown => ({
  kind: 'Status',
  status: 'Failure',
  reason: 'NotFound',
  code: 404,
  message: 'not found',
  details,
});
const failure = (code: number, reason: string): unknown => ({
  kind: 'Status',
  status: 'Failure',
  reason,
  code,
  message: 'no',
  details: {},
});

describe('classify', () => {
  it('says Present, with the UID, for the object itself', () => {
    expect(classify(200, object, asked)).toEqual({ state: 'Present', uid: 'u-1' });
  });

  it('says Absent for the Status that names this very object', () => {
    expect(classify(404, notFound({ name: 'bot', kind: 'serviceaccounts' }), asked)).toEqual({ state: 'Absent' });
  });

  it.each([
    ['another name', 404, notFound({ name: 'other', kind: 'serviceaccounts' })],
    ['another kind', 404, notFound({ name: 'bot', kind: 'secrets' })],
    ['another group', 404, notFound({ name: 'bot', kind: 'serviceaccounts', group: 'example.com' })],
    ['no details', 404, notFound(undefined)],
    ['a missing resource type', 404, notFound({})],
    ["a proxy's page", 404, '<html>not found</html>'],
    ['nothing at all', 404, undefined],
    [
      'a Status of success',
      404,
      { kind: 'Status', status: 'Success', reason: 'NotFound', details: { name: 'bot', kind: 'serviceaccounts' } },
    ],
    ['the right Status with another code', 500, notFound({ name: 'bot', kind: 'serviceaccounts' })],
    ['our own token refused', 401, failure(401, 'Unauthorized')],
    ['our own permission missing', 403, failure(403, 'Forbidden')],
    ['a time-out', 408, failure(408, 'Timeout')],
    ['gone, as a resource version', 410, failure(410, 'Gone')],
    ['too many requests', 429, failure(429, 'TooManyRequests')],
    ['an internal error', 500, failure(500, 'InternalError')],
    ['an unavailable server', 503, 'upstream connect error'],
    ['a redirect', 302, ''],
    ['another object', 200, { metadata: { namespace: 'ci', name: 'other', uid: 'u-1' } }],
    ['the object in another namespace', 200, { metadata: { namespace: 'ops', name: 'bot', uid: 'u-1' } }],
    ['an object without a UID', 200, { metadata: { namespace: 'ci', name: 'bot' } }],
    ['an empty object', 200, {}],
    ['a page with 200', 200, '<html>sign in</html>'],
    ['null', 200, null],
    ['a list', 200, { kind: 'ServiceAccountList', metadata: {}, items: [] }],
    ['a NotFound with 200', 200, notFound({ name: 'bot', kind: 'serviceaccounts' })],
    ['no content', 204, undefined],
  ])('says Unknown for %s', (_, status, body) => {
    expect(classify(status, body, asked)).toMatchObject({ state: 'Unknown' });
  });

  it('knows an absent object by its name, however odd', () => {
    for (const name of ['a  b\nc', 'x'.repeat(400)]) {
      const body = notFound({ name, kind: 'rolebindings', group: 'rbac.authorization.k8s.io' });
      expect(classify(404, body, { resource: roleBindings, namespace: 'ci', name })).toEqual({ state: 'Absent' });
    }
  });
});

describe('classifyError', () => {
  it.each([
    new Error('socket hang up'),
    new DOMException('aborted', 'AbortError'),
    retryable('NotFound', 'not found'),
    'text',
    undefined,
  ])('says Unknown for %s', (error) => {
    expect(classifyError(error, asked).state).toBe('Unknown');
  });

  it('does not believe a write that says 404: a patched binding names its role so', () => {
    const details = { name: 'edit', kind: 'rolebindings', group: 'rbac.authorization.k8s.io' };
    const error = new ApiError(404, 'NotFound', 'rolebindings "edit" not found', { details, verb: 'patch' });
    expect(classifyError(error, { resource: roleBindings, namespace: 'ci', name: 'edit' }).state).toBe('Unknown');
  });
});

describe('describeFailure', () => {
  it('names what happened and hides what looks like a secret', () => {
    const message = describeFailure(new Error('Bearer abcdefghijklmnop was refused'));
    expect(message).toContain('could not be told');
    expect(message).not.toContain('abcdefghijklmnop');
    expect(describeFailure(new ApiError(503, 'ServiceUnavailable', 'try later'))).toBe(
      'could not be told (HTTP 503 ServiceUnavailable): try later',
    );
  });
});
