import { describe, expect, it } from 'vitest';

import { createBoundCanaries, canaryName } from '../../../src/kube/canary.ts';
import { isConflict, isNotFound, isRbacForbidden } from '../../../src/kube/errors.ts';
import type { SelfSubjectAccessReview, SubjectAccessReview } from '../../../src/kube/objects.ts';
import { clusterRoles, configMaps, pods, roleBindings, secrets, selfSubjectAccessReviews, serviceAccounts, subjectAccessReviews } from '../../../src/kube/resources.ts';
import { reviewToken, tryToken, type TokenVerdict } from '../../../src/kube/token-review.ts';
import { createCanaries } from '../../../src/kube/tokens.ts';
import { type ClusterWorld, createClusterWorld } from './world.ts';

const never = new AbortController().signal;
const bot = { namespace: 'ci', name: 'bot' };
const rbac = 'rbac.authorization.k8s.io';

const setUp = (): { readonly world: ClusterWorld; readonly account: { readonly namespace: string; readonly name: string; readonly uid: string } } => {
  const world = createClusterWorld();
  const { metadata } = world.cluster.as('alice').create(serviceAccounts, { metadata: bot });
  return { world, account: { ...bot, uid: metadata.uid } };
};
const review = async (world: ClusterWorld, account: { readonly namespace: string; readonly name: string; readonly uid: string }, token: string, audiences?: readonly string[], server = 0): Promise<TokenVerdict> => {
  const all = await world.ended(world.apiServers.all(never));
  const asked = all[server];
  if (asked === undefined) throw new Error('no such server');
  return world.ended(reviewToken(asked, account, token, audiences, never));
};
const refusalOf = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return error;
  }
};
const fresh = (): readonly string[] => ['https://kubernetes.default.svc.cluster.local', `offboard-nonce`];
const refused = (cause: string): object => ({ said: 'Refused', cause });

describe('a token', () => {
  it('is taken, and told by its own server who it is', async () => {
    const { world, account } = setUp();
    const token = world.cluster.as('alice').requestToken(bot);
    expect(await review(world, account, token.text)).toEqual({ said: 'Taken', audiences: ['https://kubernetes.default.svc.cluster.local'] });
    const [first] = await world.ended(world.apiServers.all(never));
    if (first === undefined) throw new Error('no server');
    expect(await world.ended(tryToken(first, account, token.text, never))).toMatchObject({ said: 'Taken' });
  });

  it('is dead at its source at once, and works for ten seconds from its first use where it was used', async () => {
    const { world, account } = setUp();
    const { tokens } = world.cluster;
    const { text } = world.cluster.as('alice').requestToken(bot);
    expect([tokens.worksAt(0, text), tokens.worksAt(1, text), tokens.isDeadAtSource(text)]).toEqual([true, true, false]);
    expect(tokens.use(0, text)).toBe(true);
    await world.pass(4_000);
    world.cluster.as('alice').remove(serviceAccounts, bot);
    expect(tokens.use(0, text), 'it does not last longer for that').toBe(true);
    expect([tokens.worksAt(0, text), tokens.worksAt(1, text), tokens.isDeadAtSource(text)]).toEqual([true, false, true]);
    expect((await review(world, account, text)).said).toBe('Taken');
    expect(await review(world, account, text, fresh()), 'what was never named is not remembered').toEqual(refused('Account'));
    await world.pass(6_000);
    expect(tokens.worksAt(0, text)).toBe(false);
    expect(await review(world, account, text)).toEqual(refused('Account'));
  });

  it('of an account that was made anew is refused by its UID, and by a restart at once', async () => {
    const { world, account } = setUp();
    const { text } = world.cluster.as('alice').requestToken(bot);
    world.cluster.tokens.use(0, text);
    world.cluster.as('alice').remove(serviceAccounts, bot);
    world.cluster.as('alice').create(serviceAccounts, { metadata: bot });
    expect(world.cluster.tokens.whyDead(text)).toMatch(/^service account UID \(.*\) does not match claim/);
    expect(await review(world, account, text, undefined, 1)).toEqual(refused('Account'));
    world.cluster.servers[0]?.restart();
    expect(world.cluster.tokens.worksAt(0, text)).toBe(false);
  });

  it('of an account that is held works for a minute, and new ones are made', async () => {
    const { world, account } = setUp();
    const alice = world.cluster.as('alice');
    const { text } = alice.requestToken(bot);
    alice.patch(serviceAccounts, bot, { metadata: { finalizers: ['a/b'] } });
    alice.remove(serviceAccounts, bot);
    await world.pass(59_000);
    expect((await review(world, account, text, fresh())).said).toBe('Taken');
    await world.pass(1_100);
    expect(await review(world, account, text, [...fresh(), 'another'])).toEqual(refused('Account'));
    expect(world.cluster.tokens.isDeadAtSource(alice.requestToken(bot).text)).toBe(true);
  });

  it('is over at its time, and is for its audiences alone', async () => {
    const { world, account } = setUp();
    const { text } = world.cluster.as('alice').requestToken(bot, { audiences: ['vault'], seconds: 600 });
    expect(await review(world, account, text)).toMatchObject({ said: 'Unknown', why: expect.stringContaining('is invalid for the target audiences') as string });
    expect(await review(world, account, text, ['vault'])).toEqual({ said: 'Taken', audiences: ['vault'] });
    await world.pass(600_000);
    expect(await review(world, account, text, ['vault', 'x'])).toEqual(refused('Expired'));
  });

  it('that is bound ends with what it is bound to', async () => {
    const { world, account } = setUp();
    const alice = world.cluster.as('alice');
    const { metadata: { uid } } = alice.create(pods, { metadata: { namespace: 'ci', name: 'p' }, spec: { serviceAccountName: 'bot' } });
    const { text } = alice.requestToken(bot, { bound: { kind: 'Pod', name: 'p', uid } });
    alice.remove(pods, { namespace: 'ci', name: 'p' });
    expect(await review(world, account, text)).toEqual(refused('Secret'));
  });

  it('of a Secret is filled in, and ends with the account, whose Secrets go a moment later', async () => {
    const { world } = setUp();
    const alice = world.cluster.as('alice');
    const key = { namespace: 'ci', name: 'bot-token' };
    alice.create(secrets, { type: 'kubernetes.io/service-account-token', metadata: { ...key, annotations: { 'kubernetes.io/service-account.name': 'bot' } } });
    await world.pass(100);
    const [token] = world.cluster.tokens.all();
    expect(token).toMatchObject({ legacy: 'bot-token', name: 'bot' });
    expect(world.cluster.tokens.worksAt(0, token?.text ?? '')).toBe(true);
    alice.remove(serviceAccounts, bot);
    expect(world.cluster.tokens.isDeadAtSource(token?.text ?? '')).toBe(true);
    expect(alice.get(secrets, key)).toBeDefined();
    await world.pass(100);
    expect(alice.get(secrets, key)).toBeUndefined();
  });

  it('is asked for with the UID of its account', async () => {
    const { world, account } = setUp();
    const path = '/api/v1/namespaces/ci/serviceaccounts/bot/token';
    const ask = (metadata: object, spec: object): Promise<unknown> =>
      world.ended(world.transport.request({ verb: 'create', resource: 'serviceaccounts/token', method: 'POST', path, body: { metadata, spec } })).catch((error: unknown) => error);
    expect(isConflict(await ask({ uid: 'another' }, {}))).toBe(true);
    expect(isNotFound(await ask({ uid: account.uid }, { boundObjectRef: { kind: 'Secret', name: 'x' } }), secrets, 'x')).toBe(true);
    expect(await ask({}, { expirationSeconds: 599 })).toMatchObject({ code: 422 });
    expect(await ask({}, { expirationSeconds: 600 })).toMatchObject({ status: { expirationTimestamp: expect.stringMatching(/^2026-11-23T10:10:0/) as string } });
  });

  it('lets its account do what is bound to it, and is known where that is nothing', async () => {
    const { world } = setUp();
    const alice = world.cluster.as('alice');
    const { text } = alice.requestToken(bot);
    const client = world.clientWith(text);
    const refusal: unknown = await world.ended(client.list(configMaps, { namespace: 'ci' })).catch((error: unknown) => error);
    expect(isRbacForbidden(refusal)).toBe(true);
    expect((refusal as Error).message).toContain('"system:serviceaccount:ci:bot"');
    alice.create(clusterRoles, { metadata: { name: 'view' }, rules: [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'] }] });
    alice.create(roleBindings, { metadata: { namespace: 'ci', name: 'b' }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' }, subjects: [{ kind: 'ServiceAccount', name: 'bot' }] });
    expect((await world.ended(client.list(configMaps, { namespace: 'ci' }))).items).toEqual([]);
    expect(world.cluster.access(bot)).toMatchObject([{ kind: 'RoleBinding', name: 'b', namespace: 'ci', through: 'Itself', effective: true }]);
    const error: unknown = await world.ended(world.clientWith('nonsense').list(configMaps, {})).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: 401, reason: 'Unauthorized' });
  });
});

describe('the canaries of the operator', () => {
  it('are made, tried and removed', async () => {
    const { world, account } = setUp();
    const canaries = createBoundCanaries({ client: world.client, transport: world.transport, clock: world.process.clock });
    const made = await world.ended(canaries.make(account, never));
    if (!('token' in made)) throw new Error(made.impossible);
    expect((await review(world, account, made.token)).said).toBe('Taken');
    await world.ended(canaries.remove(account, never));
    expect(world.cluster.as('alice').get(secrets, { namespace: 'ci', name: canaryName(account.uid) })).toBeUndefined();
    expect(await review(world, account, made.token, fresh())).toEqual(refused('Secret'));
  });

  it('for another audience are not taken here', async () => {
    const { world, account } = setUp();
    const { transport, process: { clock, connect }, cluster } = world;
    const config = { server: cluster.servers[0]?.origin ?? '', namespace: 'x', source: 'x', tls: {}, authHeaders: () => Promise.resolve({}), forgetCredentials: () => undefined };
    const canaries = createCanaries({ transport, config, clock, connect, version: 'test' });
    expect(await world.ended(canaries.issue(account, 'vault', never))).toHaveProperty('token');
  });
});

describe('an access review', () => {
  it('is answered by the bindings, and of the operator by what was taken from it', async () => {
    const { world } = setUp();
    const alice = world.cluster.as('alice');
    alice.create(clusterRoles, { metadata: { name: 'view' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods/log'], resourceNames: ['p'] }] });
    alice.create(roleBindings, { metadata: { namespace: 'ci', name: 'b' }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' }, subjects: [{ apiGroup: rbac, kind: 'Group', name: 'system:serviceaccounts:ci' }] });
    const ask = async (groups: readonly string[], name: string): Promise<unknown> => {
      const spec = { user: 'system:serviceaccount:ci:bot', groups, resourceAttributes: { verb: 'get', resource: 'pods', subresource: 'log', namespace: 'ci', name } };
      return (await world.ended(world.client.review<SubjectAccessReview>(subjectAccessReviews, { spec }))).status;
    };
    expect(await ask(['system:serviceaccounts:ci'], 'p')).toEqual({ allowed: true, reason: 'RBAC: allowed by RoleBinding "b/ci" of ClusterRole "view" to Group "system:serviceaccounts:ci"' });
    expect(await ask([], 'p')).toEqual({ allowed: false });
    expect(await ask(['system:serviceaccounts:ci'], 'q')).toEqual({ allowed: false });
    const mayI = async (resourceAttributes: object): Promise<boolean | undefined> =>
      (await world.ended(world.client.review<SelfSubjectAccessReview>(selfSubjectAccessReviews, { spec: { resourceAttributes } }))).status?.allowed;
    const giveBack = world.cluster.take({ verb: 'delete', group: rbac, resource: 'rolebindings', namespace: 'ci' });
    const asked = { verb: 'delete', group: rbac, resource: 'rolebindings' };
    expect([await mayI(asked), await mayI({ ...asked, namespace: 'ci' }), await mayI({ ...asked, namespace: 'ops' })]).toEqual([false, false, true]);
    giveBack();
    expect(await mayI(asked)).toBe(true);
  });

  it('of a right to bind that was taken is heard in the words of the API server', async () => {
    const { world } = setUp();
    const alice = world.cluster.as('alice');
    alice.create(clusterRoles, { metadata: { name: 'view' }, rules: [] });
    for (const name of ['view', 'missing']) alice.create(roleBindings, { metadata: { namespace: 'ci', name }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name }, subjects: [] });
    world.cluster.take({ verb: 'bind', group: rbac, resource: 'clusterroles' });
    const patch = (name: string): Promise<unknown> =>
      world.ended(world.client.patch(roleBindings, { namespace: 'ci', name }, { type: 'merge', body: { subjects: null } })).catch((error: unknown) => error);
    expect(refusalOf(() => alice.patch(roleBindings, { namespace: 'ci', name: 'view' }, { roleRef: { name: 'missing' } }))).toMatchObject({ code: 422 });
    expect(isRbacForbidden(await patch('view'))).toBe(true);
    expect(await patch('missing')).toMatchObject({ code: 404, details: { name: 'missing' } });
  });
});
