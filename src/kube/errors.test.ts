import { describe, expect, it } from 'vitest';

import { invalid } from '../runtime/outcome.ts';
import {
  ApiError, errorFromStatus, isAdmissionDenied, isAlreadyExists, isConflict, isExpired, isNamespaceTerminating, isNotFound,
  isRbacForbidden, isRetryable, toOutcome,
} from './errors.ts';
import type { StatusDetails } from './objects.ts';
import { roleBindings, secrets, serviceAccounts, workloadIdentities } from './resources.ts';

const status = (code: number, reason: string, message: string, details?: StatusDetails): ApiError =>
  errorFromStatus({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details }, code, { verb: 'get' });

// As a kube-apiserver 1.36.3 words them.
const notFound = status(404, 'NotFound', 'secrets "x" not found', { name: 'x', kind: 'secrets' });
const rbac = status(
  403, 'Forbidden', 'secrets is forbidden: User "op" cannot list resource "secrets" in API group "" at the cluster scope',
  { kind: 'secrets' },
);
const escalation = status(
  403, 'Forbidden',
  'rolebindings.rbac.authorization.k8s.io "rb" is forbidden: user "op" (groups=["g"]) is attempting to grant RBAC permissions not currently held:\n' +
    '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
  { name: 'rb', group: 'rbac.authorization.k8s.io', kind: 'rolebindings' },
);
const policyText = "ValidatingAdmissionPolicy 'lock' with binding 'lock' denied request: serviceaccount ci/bot is offboarded";
const policy = status(403, 'Forbidden', `pods "p" is forbidden: ${policyText}`, {
  name: 'p', kind: 'pods', causes: [{ message: policyText }],
});
const quota = status(403, 'Forbidden', 'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1', {
  name: 'p', kind: 'pods',
});
const terminating = status(
  403, 'Forbidden', 'events.events.k8s.io "e" is forbidden: unable to create new content in namespace ci because it is being terminated',
  { name: 'e', group: 'events.k8s.io', kind: 'events', causes: [{ reason: 'NamespaceTerminating', message: 'namespace ci is being terminated', field: 'metadata.namespace' }] },
);
const precondition = status(
  409, 'Conflict', 'Operation cannot be fulfilled on ServiceAccount "bot": the UID in the precondition (a) does not match the UID in record (b). The object might have been deleted and then recreated',
  { name: 'bot', kind: 'ServiceAccount' },
);
const exists = status(409, 'AlreadyExists', 'serviceaccounts "bot" already exists', { name: 'bot', kind: 'serviceaccounts' });
const expired = status(410, 'Expired', 'too old resource version: 1 (2322)');

describe('isNotFound', () => {
  it('believes the API server about the very object that was asked for', () => {
    expect(isNotFound(notFound, secrets, 'x')).toBe(true);
  });

  it.each<[string, unknown]>([
    ['another name', status(404, 'NotFound', 'secrets "y" not found', { name: 'y', kind: 'secrets' })],
    ['another resource', status(404, 'NotFound', 'configmaps "x" not found', { name: 'x', kind: 'configmaps' })],
    ['the same word in another group', status(404, 'NotFound', '', { name: 'x', kind: 'secrets', group: 'example.com' })],
    ['a resource type that the server does not know', status(404, 'NotFound', 'the server could not find the requested resource', {})],
    ['a page of a proxy', errorFromStatus('<html>404</html>', 404)],
    ['a bare 404', new ApiError(404, 'NotServed', 'the server does not know that path')],
    ['a 403 that says NotFound', status(403, 'NotFound', '', { name: 'x', kind: 'secrets' })],
    ['no answer', new ApiError(0, 'Timeout', 'no answer')],
    ['any other error', new Error('secrets "x" not found')],
  ])('does not take %s for it', (_, error) => {
    expect(isNotFound(error, secrets, 'x')).toBe(false);
  });

  it('does not take the missing role of a binding for the binding, though the words are the same', () => {
    // Measured: patching binding `rb` whose role `rb` is gone is answered in exactly the words of a missing binding.
    const body = {
      kind: 'Status', status: 'Failure', reason: 'NotFound', message: 'rolebindings.rbac.authorization.k8s.io "rb" not found',
      details: { name: 'rb', group: 'rbac.authorization.k8s.io', kind: 'rolebindings' },
    };
    expect(isNotFound(errorFromStatus(body, 404, { verb: 'patch' }), roleBindings, 'rb')).toBe(false);
    expect(isNotFound(errorFromStatus(body, 404, { verb: 'delete' }), roleBindings, 'rb')).toBe(true);
    expect(isNotFound(errorFromStatus(body, 404, { verb: 'get' }), roleBindings, 'rb')).toBe(true);
  });

  it('knows objects of a custom resource', () => {
    const error = status(404, 'NotFound', 'workloadidentities.offboard.dev "a" not found', {
      name: 'a', group: 'offboard.dev', kind: 'workloadidentities',
    });
    expect(isNotFound(error, workloadIdentities, 'a')).toBe(true);
    expect(isNotFound(error, serviceAccounts, 'a')).toBe(false);
  });
});

describe('the kinds of refusal', () => {
  it.each<[string, ApiError, { rbac: boolean; admission: boolean; terminating: boolean }]>([
    ['a missing permission', rbac, { rbac: true, admission: false, terminating: false }],
    ['a grant of more than one has', escalation, { rbac: true, admission: false, terminating: false }],
    ['an admission policy', policy, { rbac: false, admission: true, terminating: false }],
    ['a quota', quota, { rbac: false, admission: true, terminating: false }],
    ['a terminating namespace', terminating, { rbac: false, admission: false, terminating: true }],
    ['a missing object', notFound, { rbac: false, admission: false, terminating: false }],
  ])('tells %s', (_, error, expected) => {
    expect({
      rbac: isRbacForbidden(error), admission: isAdmissionDenied(error), terminating: isNamespaceTerminating(error),
    }).toEqual(expected);
  });

  it('tells a conflict from a name that is taken', () => {
    expect([isConflict(precondition), isAlreadyExists(precondition)]).toEqual([true, false]);
    expect([isConflict(exists), isAlreadyExists(exists)]).toEqual([false, true]);
  });

  it('knows a version that is too old, also when only the stream says so', () => {
    expect(isExpired(expired)).toBe(true);
    expect(isExpired(errorFromStatus({ kind: 'Status', code: 410, reason: 'Expired', message: '' }, undefined))).toBe(true);
    expect(isExpired(notFound)).toBe(false);
  });
});

describe('toOutcome', () => {
  it.each<[string, unknown, string, string]>([
    ['a missing permission', rbac, 'NeedsPerson', 'PermissionMissing'],
    ['an admission policy', policy, 'NeedsPerson', 'AdmissionDenied'],
    ['a terminating namespace', terminating, 'Retryable', 'NamespaceTerminating'],
    ['refused credentials', status(401, 'Unauthorized', 'Unauthorized'), 'Retryable', 'Unauthorized'],
    ['a conflict', precondition, 'Retryable', 'Conflict'],
    ['a name that is taken', exists, 'Retryable', 'AlreadyExists'],
    ['a bad request', status(400, 'BadRequest', 'field label not supported'), 'NeedsPerson', 'Rejected'],
    ['an invalid object', status(422, 'Invalid', 'spec is invalid'), 'NeedsPerson', 'Rejected'],
    ['an expired version', expired, 'Retryable', 'Expired'],
    ['too many requests', status(429, 'TooManyRequests', 'slow down'), 'Retryable', 'TooManyRequests'],
    ['a failing server', errorFromStatus({ kind: 'Status', code: 500, message: 'etcdserver: request is too large' }, 500), 'Retryable', 'InternalError'],
    ['no answer', new ApiError(0, 'Timeout', 'no answer'), 'Retryable', 'Timeout'],
    ['no connection', new ApiError(0, 'Transport', 'refused'), 'Retryable', 'Transport'],
    ['no credentials', new ApiError(0, 'Credentials', 'unreadable'), 'Retryable', 'Credentials'],
    ['an answer that is none', errorFromStatus('<html>', 403), 'Retryable', 'Garbage'],
    ['a status nobody has seen', status(418, 'Teapot', ''), 'Retryable', 'Unexpected'],
    ['an error of ours', new TypeError('x is undefined'), 'Retryable', 'Unexpected'],
    ['no error at all', undefined, 'Retryable', 'Unexpected'],
  ])('tells what to do about %s', (_, error, kind, reason) => {
    expect(toOutcome(error)).toMatchObject({ kind, reason });
    expect(isRetryable(error)).toBe(kind === 'Retryable');
  });

  it('keeps an outcome that was told already', () => {
    const told = invalid('InvalidName', 'no');
    expect(toOutcome(told)).toBe(told);
  });

  it('passes on how long the server asks to wait', () => {
    const error = status(504, 'Timeout', 'Too large resource version', { retryAfterSeconds: 3 });
    expect(toOutcome(error).retryAfter).toBe(3000);
  });

  // What cannot store its status throws, and whoever threw comes back no sooner than was asked.
  it('passes on no wish to wait for days', () => {
    expect(toOutcome(status(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 1e9 })).retryAfter).toBe(60_000);
  });

  it('names the permission that is missing, in the words of the server', () => {
    expect(toOutcome(escalation).message).toContain('Resources:["secrets"], Verbs:["get"]');
  });
});

describe('an ApiError', () => {
  it('is one line without secrets, and not long', () => {
    const token = `eyJhbGciOiJSUzI1NiJ9.${'a'.repeat(80)}.c2ln`;
    const error = status(400, 'BadRequest', `cannot use\n"${token}"\u001b[31m ${'x'.repeat(5000)}`, { name: token, causes: [{ message: token }] });
    expect(error.message).not.toContain('aaaa');
    expect(JSON.stringify(error.details)).not.toContain('aaaa');
    expect(error.message).not.toMatch(/[\n\u001b]/);
    expect(error.message.length).toBeLessThanOrEqual(500);
  });

  it('bears any nonsense in the place of a Status', () => {
    for (const body of [null, 7, [], {}, { kind: 'Status', details: 7, reason: {}, message: [] }, { kind: 'Status', details: { causes: [null, 3] } }]) {
      expect(errorFromStatus(body, 500)).toBeInstanceOf(ApiError);
    }
  });

  it('is no success, whatever the body calls itself', () => {
    expect(errorFromStatus({ kind: 'Status', status: 'Success' }, 500).reason).toBe('Garbage');
  });
});
