import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeGoogleClient, type FakeGoogleClient } from '../../../test/fakes/google-client.ts';
import type { GoogleAnswer, GoogleRequest } from './api.ts';
import { type Removal, removeMembers } from './removals.ts';

const never = new AbortController().signal;
const email = 'build@acme.iam.gserviceaccount.com';
const me = `serviceAccount:${email}`;

const policy = (members: readonly string[], etag = 'e1'): GoogleAnswer => ({ status: 200, body: { version: 1, etag, bindings: [{ role: 'roles/viewer', members }] } });
const rolesOf = (member: string): GoogleAnswer => ({
  status: 200,
  body: { version: 1, etag: 'e1', bindings: ['roles/viewer', 'roles/editor', 'roles/owner'].map((role) => ({ role, members: [member] })) },
});
const account = (uniqueId: string): GoogleAnswer => ({ status: 200, body: { email, uniqueId, etag: 'a' } });
const conflict: GoogleAnswer = { status: 409, body: { error: { code: 409, status: 'ABORTED', message: 'concurrent' } } };
const unknownAccount: GoogleAnswer = { status: 404, body: { error: { code: 404, status: 'NOT_FOUND', message: 'Unknown service account' } } };

const remove = (member: string, heldBy?: Removal['heldBy']): Removal => ({ select: (triple) => triple.member === member, ...(heldBy && { heldBy }) });
const held = { project: 'acme', email, uniqueId: '107' };

const run = async (client: FakeGoogleClient, removals: readonly Removal[]) => {
  const clock = createFakeClock();
  const running = removeMembers({ client, clock, random: () => 0, concurrency: 4 }, 'projects/acme', removals, never);
  running.catch(() => undefined);
  await clock.advance(120_000);
  return running;
};

const writes = ({ requests }: FakeGoogleClient): readonly GoogleRequest[] => requests.filter(({ verb }) => verb === 'setIamPolicy');

describe('members that are taken out of a policy', () => {
  it('leave it in one write for all, and each is told whether it was there', async () => {
    const client = createFakeGoogleClient(({ verb }) => (verb === 'getIamPolicy' ? policy(['user:a', 'user:b', 'user:c']) : policy(['user:b'], 'e2')));
    expect(await run(client, [remove('user:a'), remove('user:x'), remove('user:c')])).toEqual(['Accepted', 'NothingThere', 'Accepted']);
    expect(writes(client)).toMatchObject([{ body: { policy: { version: 3, etag: 'e1', bindings: [{ role: 'roles/viewer', members: ['user:b'] }] } } }]);
  });

  it('are not written where none is there, nor where there is no such resource', async () => {
    const client = createFakeGoogleClient(() => policy(['user:b']));
    expect(await run(client, [remove('user:a')])).toEqual(['NothingThere']);
    expect(client.requests).toHaveLength(1);
  });

  it('are read again after each conflict, and what others changed meanwhile is kept', async () => {
    let reads = 0;
    const client = createFakeGoogleClient(({ verb }) => {
      if (verb === 'getIamPolicy') return policy(['user:a', `user:new-${String(++reads)}`], `e${String(reads)}`);
      return reads < 4 ? conflict : policy([], 'e9');
    });
    expect(await run(client, [remove('user:a')])).toEqual(['Accepted']);
    expect(writes(client)).toHaveLength(4);
    expect(writes(client).at(-1)).toMatchObject({ body: { policy: { etag: 'e4', bindings: [{ members: ['user:new-4'] }] } } });
  });

  it('are given up for now when others never cease', async () => {
    const client = createFakeGoogleClient(({ verb }) => (verb === 'getIamPolicy' ? policy(['user:a']) : conflict));
    await expect(run(client, [remove('user:a')])).rejects.toMatchObject({ kind: 'Retryable', reason: 'Conflict' });
    expect(writes(client)).toHaveLength(12);
  });

  it.each([
    ['Google says nothing of it', { status: 200, body: {} }, 'Unexpected'],
    ['we may not', { status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED', message: 'no' } } }, 'PermissionMissing'],
    ['Google is in trouble', { status: 500, body: undefined }, 'ServerError'],
  ] as const)('are not taken for written when %s', async (_, answer, reason) => {
    const client = createFakeGoogleClient(({ verb }) => (verb === 'getIamPolicy' ? policy(['user:a']) : answer));
    await expect(run(client, [remove('user:a')])).rejects.toMatchObject({ reason });
  });

  it('by e-mail are asked for once more after the policy was read, and left where the e-mail is another account\'s', async () => {
    const client = createFakeGoogleClient(({ method, verb }) => (method === 'GET' ? account('108') : verb === 'getIamPolicy' ? policy([me, 'user:a']) : policy([me], 'e2')));
    const [mine, other] = await run(client, [remove(me, held), remove('user:a')]);
    expect([mine, other]).toMatchObject([{ reason: 'IdentityRecreated' }, 'Accepted']);
    expect(client.requests.map(({ verb, path }) => verb ?? path.at(-1))).toEqual(['getIamPolicy', email, 'setIamPolicy']);
    expect(writes(client)).toMatchObject([{ body: { policy: { bindings: [{ members: [me] }] } } }]);
  });

  it('by one e-mail are asked for once for all of its roles, and each is held to its own unique id', async () => {
    const client = createFakeGoogleClient(({ method, verb }) => (method === 'GET' ? account('107') : verb === 'getIamPolicy' ? rolesOf(me) : policy([], 'e2')));
    const inRole = (role: string, heldBy: Removal['heldBy']): Removal => ({ select: (triple) => triple.member === me && triple.role === role, ...(heldBy && { heldBy }) });
    const answers = await run(client, [inRole('roles/viewer', held), inRole('roles/editor', held), inRole('roles/owner', { ...held, uniqueId: '106' })]);
    expect(answers).toMatchObject(['Accepted', 'Accepted', { reason: 'IdentityRecreated' }]);
    expect(client.requests.map(({ verb, path }) => verb ?? path.at(-1))).toEqual(['getIamPolicy', email, 'setIamPolicy']);
    expect(writes(client)).toMatchObject([{ body: { policy: { bindings: [{ role: 'roles/owner', members: [me] }] } } }]);
  });

  it.each([
    ['that account\'s', account('107')],
    ['nobody\'s any more', unknownAccount],
  ])('by e-mail are taken out where the e-mail is %s', async (_, answer) => {
    const client = createFakeGoogleClient(({ method, verb }) => (method === 'GET' ? answer : verb === 'getIamPolicy' ? policy([me]) : policy([], 'e2')));
    expect(await run(client, [remove(me, held)])).toEqual(['Accepted']);
    expect(writes(client)).toMatchObject([{ body: { policy: { bindings: [] } } }]);
  });

  it('by e-mail are left when nobody can tell whose the e-mail is', async () => {
    const client = createFakeGoogleClient(({ method, verb }) => (method === 'GET' ? { status: 403, body: {} } : verb === 'getIamPolicy' ? policy([me]) : policy([], 'e2')));
    await expect(run(client, [remove(me, held)])).rejects.toMatchObject({ reason: 'PermissionMissing', message: expect.stringContaining('iam.serviceAccounts.get') as string });
    expect(writes(client)).toEqual([]);
  });

  it('that are no e-mail need no such question', async () => {
    const client = createFakeGoogleClient(({ verb }) => (verb === 'getIamPolicy' ? policy(['user:a']) : policy([], 'e2')));
    expect(await run(client, [remove('user:a', held)])).toEqual(['Accepted']);
    expect(client.requests).toHaveLength(2);
  });
});
