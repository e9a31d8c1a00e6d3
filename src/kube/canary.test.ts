import { afterEach, describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { type Handler, sendJson, startHttpServer } from '../../test/fakes/http-server.ts';
import { canaryName, createBoundCanaries } from './canary.ts';
import { createKubeClient } from './client.ts';
import { createTransport } from './transport.ts';

const never = new AbortController().signal;
const account = { namespace: 'ci', name: 'agent', uid: 'uid-1' };
const name = canaryName('uid-1');
const path = `/api/v1/namespaces/ci/secrets/${name}`;
const signedFor = (uid: string): string =>
  `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(JSON.stringify({ 'kubernetes.io': { serviceaccount: { name: 'agent', uid } } })).toString('base64url')}.c2lnbmF0dXJl`;
const made = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name, namespace: 'ci', uid: 'secret-1', resourceVersion: '1' } };
const status = (code: number, reason: string, details: object = {}): object => ({ kind: 'Status', status: 'Failure', code, reason, message: reason, details });
const gone = status(404, 'NotFound', { name, kind: 'secrets' });

type Answer = readonly [code: number, body: object];
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An API server that gives these answers, in turn, by method and end of the path; the last of them again and again. */
const setUp = async (answers: { readonly create?: readonly Answer[]; readonly token?: readonly Answer[]; readonly remove?: readonly Answer[]; readonly namespace?: readonly Answer[] }) => {
  const left = {
    namespace: [...(answers.namespace ?? [])],
    create: [...(answers.create ?? [[201, made] as const])],
    token: [...(answers.token ?? [[201, { kind: 'TokenRequest', status: { token: signedFor('uid-1') } }] as const])],
    remove: [...(answers.remove ?? [[404, gone] as const])],
  };
  const handler: Handler = (request, response) => {
    const turn = request.method === 'GET' ? left.namespace : request.method === 'DELETE' ? left.remove : request.path.endsWith('/token') ? left.token : left.create;
    const [code, body] = (turn.length > 1 ? turn.shift() : turn[0]) ?? [500, {}];
    sendJson(response, code, body);
  };
  const server = await startHttpServer(handler);
  const config = { server: server.url, namespace: 'default', source: 'test', tls: {}, authHeaders: () => Promise.resolve({}), forgetCredentials: () => undefined };
  const clock = createFakeClock();
  const transport = createTransport({ config, clock, version: 'test' });
  cleanups.push(server.close, transport.close);
  const canaries = createBoundCanaries({ client: createKubeClient(transport), transport, clock });
  return { canaries, clock, sent: () => server.requests.map(({ method, path: to, body }) => ({ method, path: to.split('?')[0], body: body === '' ? undefined : (JSON.parse(body) as unknown) })), requests: server.requests };
};

describe('a bound canary', () => {
  it('is of that very account, for nobody but the API server, for ten minutes, and bound to an empty Secret beside it', async () => {
    const { canaries, sent, clock, requests } = await setUp({});
    expect(await canaries.make(account, never)).toEqual({ token: signedFor('uid-1'), until: clock.monotonic() + 600_000 });
    expect(sent()).toEqual([
      { method: 'POST', path: '/api/v1/namespaces/ci/secrets', body: { apiVersion: 'v1', kind: 'Secret', type: 'offboard.dev/canary', metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'offboard' }, ownerReferences: [{ apiVersion: 'v1', kind: 'ServiceAccount', name: 'agent', uid: 'uid-1' }] } } },
      {
        method: 'POST', path: '/api/v1/namespaces/ci/serviceaccounts/agent/token',
        body: {
          apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: { uid: 'uid-1' },
          spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, uid: 'secret-1' }, expirationSeconds: 600 },
        },
      },
    ]);
    expect(requests[0]?.headers.accept, 'what is in a Secret is not read, not even in one of our own').toContain('as=PartialObjectMetadata');
  });

  it('has a name that tells nothing, is always the same, and fits', () => {
    expect(name).toMatch(/^offboard-canary-[0-9a-f]{32}$/);
    expect([canaryName('uid-1') === name, canaryName('uid-2') === name]).toEqual([true, false]);
  });

  it('takes the place of one that a process left', async () => {
    const { canaries, sent } = await setUp({ create: [[409, status(409, 'AlreadyExists')], [201, made]], remove: [[200, { kind: 'Status', status: 'Success' }]] });
    expect(await canaries.make(account, never)).toHaveProperty('token');
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'DELETE', 'POST', 'POST']);
  });

  it('is not to be had where a Secret of its name stays when it is deleted, as by a finalizer', async () => {
    const { canaries, sent } = await setUp({ create: [[409, status(409, 'AlreadyExists')]], remove: [[200, { kind: 'Status', status: 'Success' }]] });
    expect(await canaries.make(account, never)).toEqual({ impossible: expect.stringContaining('something holds it') as string });
    expect(sent().map(({ method }) => method)).toEqual(['POST', 'DELETE', 'POST']);
  });

  it('that is one of another account is used by nobody', async () => {
    const { canaries } = await setUp({ token: [[201, { kind: 'TokenRequest', status: { token: signedFor('uid-2') } }]] });
    expect(await canaries.make(account, never)).toEqual({ impossible: 'the token that was made is not one of this account' });
  });

  it('is told of by the conflict that there is: of the account, or of the Secret, which is made anew', async () => {
    const conflict = (words: string): Answer => [409, { ...status(409, 'Conflict'), message: `Operation cannot be fulfilled on serviceaccounts "agent": ${words}` }];
    const other = await setUp({ token: [conflict('the UID in the token request (uid-1) does not match the UID of the service account (uid-2)')] });
    expect(await other.canaries.make(account, never)).toEqual({ impossible: 'another ServiceAccount has its name by now' });
    const secret = await setUp({ token: [conflict('the UID in the bound object reference (secret-1) does not match the UID in record. The object might have been deleted and then recreated')] });
    await expect(secret.canaries.make(account, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Conflict' });
  });

  it('is over when two deletions in a row say so, and not before', async () => {
    const success: Answer = [200, { kind: 'Status', status: 'Success' }];
    const removed = await setUp({ remove: [success, [404, gone]] });
    await removed.canaries.remove(account, never);
    expect(removed.sent().map(({ method, path: to }) => [method, to])).toEqual([['DELETE', path], ['DELETE', path]]);
    const held = await setUp({ remove: [success] });
    await expect(held.canaries.remove(account, never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'CanaryLeft' });
    const proxy = await setUp({ remove: [[404, { error: 'no such page' }]] });
    await expect(proxy.canaries.remove(account, never)).rejects.toMatchObject({ kind: 'Retryable' });
    const other = await setUp({ remove: [[404, status(404, 'NotFound', { name: 'ci', kind: 'namespaces' })]] });
    await expect(other.canaries.remove(account, never), 'an answer about something else').rejects.toMatchObject({ kind: 'Retryable' });
  });

  describe('that may not be deleted', () => {
    const forbidden: Answer = [403, { ...status(403, 'Forbidden'), message: 'secrets "x" is forbidden: User "offboard" cannot delete resource "secrets" in API group "" in the namespace "ci"' }];
    const namespace = (remaining?: string, ending = true): Answer => [200, {
      kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'ci', uid: 'n', resourceVersion: '1', ...(ending && { deletionTimestamp: '2026-11-23T10:00:00Z' }) },
      status: { conditions: remaining === undefined ? [] : [{ type: 'NamespaceContentRemaining', status: 'True', message: remaining }] },
    }];

    it.each<readonly [string, Answer]>([
      ['went', [404, status(404, 'NotFound', { name: 'ci', kind: 'namespaces' })]],
      ['holds nothing of the kind any more', namespace('Some resources are remaining: offboardings.offboard.dev has 1 resource instances')],
    ])('is gone where the namespace %s', async (_, answer) => {
      const { canaries } = await setUp({ remove: [forbidden], namespace: [answer] });
      await canaries.remove(account, never);
    });

    it.each<readonly [string, Answer, object]>([
      ['still holds Secrets', namespace('Some resources are remaining: secrets. has 1 resource instances'), { kind: 'Retryable', reason: 'CanaryLeft' }],
      ['has not told yet what is left', namespace(), { kind: 'Retryable', reason: 'CanaryLeft' }],
      ['stays', namespace(undefined, false), { kind: 'NeedsPerson', reason: 'PermissionMissing', message: expect.stringContaining('may not delete secrets in namespace "ci": bind the ClusterRole offboard-canaries there') as string }],
      ['could not be read', [500, status(500, 'InternalError')], { kind: 'Retryable' }],
    ])('is not gone where the namespace %s', async (_, answer, expected) => {
      const { canaries } = await setUp({ remove: [forbidden], namespace: [answer] });
      await expect(canaries.remove(account, never)).rejects.toMatchObject(expected);
    });
  });
});
