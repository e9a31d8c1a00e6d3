import { describe, expect, it } from 'vitest';

import { cachedOf, plant } from '../../../test/contract/kubernetes-stage.ts';
import { apiAudience, createFakeApiServers, type SeenRequest, unauthorized } from '../../../test/fakes/api-servers.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import type { Target } from '../../api/v1alpha1/index.ts';
import { canaryName, createBoundCanaries } from '../../kube/canary.ts';
import { ApiError, errorFromStatus } from '../../kube/errors.ts';
import { namespaces, secrets, serviceAccounts } from '../../kube/resources.ts';
import type { Credential, Observation } from '../revoker.ts';
import { assembleRevoker } from './revoker.ts';

const never = new AbortController().signal;
const [a, b] = ['10.0.0.1:6443', '10.0.0.2:6443'] as const;
const account = { namespace: 'ci', name: 'bot' };

const setUp = (probe = true) => {
  const kube = createFakeKube();
  const target: Target = { ...plant(kube), ...(probe && { probe }) };
  const uid = target.serviceAccount.uid ?? '';
  const clock = createFakeClock();
  const servers = createFakeApiServers(kube, clock);
  /** Another process: it knows nothing of what this one holds. */
  const start = () => {
    const canaries = createBoundCanaries({ client: kube.client, transport: servers.transport, clock });
    return assembleRevoker({
      client: kube.client, clock, settleTime: 15_000, tokenSecrets: false, cached: cachedOf(kube, false), probes: { canaries, apiServers: servers.apiServers },
    });
  };
  const revoker = start();
  const { controls } = revoker;
  if (controls === undefined) throw new Error('there are no controls');
  const tokens: Credential = { id: 'tokens of serviceaccounts/ci/bot', uid, class: 'BoundTokens', end: { by: 'Others' }, seen: true };
  const secret = { namespace: 'ci', name: canaryName(uid) };
  return {
    kube, target, uid, clock, servers, start, secret, revoker,
    take: () => controls.take(target, never),
    drop: () => controls.drop(target, never),
    observe: (by = revoker): Promise<Observation> => by.observe(tokens, target, never),
    findSecret: () => kube.find(secrets, secret),
    endAccount: () => { kube.drop(serviceAccounts, account); },
  };
};

const status = (code: number, reason: string, message = reason): Error => errorFromStatus({ kind: 'Status', status: 'Failure', code, reason, message }, code, { verb: 'create' });
const forbidden = (what: string): Error => status(403, 'Forbidden', `${what} is forbidden: User "offboard" cannot create resource "${what}" in API group ""`);
const noControl = { state: 'Absent', method: 'via-serviceaccount (no positive control)' };
const method = 'probe/tokenreview+selfsubjectreview';
const failure = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined, (error: unknown) => error);

describe('a positive control', () => {
  it('is a token bound to an empty Secret, for ten minutes, that works at every API server', async () => {
    const { take, servers, findSecret, uid, observe, kube } = setUp();
    expect(await take()).toEqual([]);
    expect(findSecret()).toMatchObject({ type: 'offboard.dev/canary', metadata: { labels: { 'app.kubernetes.io/managed-by': 'offboard' } } });
    expect(findSecret()).not.toHaveProperty('data');
    expect(findSecret()?.metadata.name).toBe(canaryName(uid));
    for (const server of [a, b]) {
      const asked = servers.requests.filter((request) => request.server === server && request.resource !== 'serviceaccounts/token');
      expect(asked.map(({ resource, as, audiences }) => [resource, as, audiences?.length ?? 0])).toEqual([
        ['tokenreviews', 'operator', 0], ['tokenreviews', 'operator', 2], ['selfsubjectreviews', 'token', 0],
      ]);
      expect(asked[1]?.audiences?.[0]).toBe(apiAudience);
    }
    expect(servers.open(), 'every connection by the token is closed').toBe(0);
    expect(await observe()).toMatchObject({ state: 'Present', method: 'via-serviceaccount' });
    expect(kube.all(secrets)).toHaveLength(3);
  });

  it('is taken once, and anew where it would not last', async () => {
    const { take, servers, clock, kube, secret } = setUp();
    await take();
    const first = kube.find(secrets, secret);
    await clock.advance(200_000);
    await take();
    expect(servers.tokens).toHaveLength(1);
    await clock.advance(100_000);
    await take();
    expect(servers.tokens).toHaveLength(2);
    expect(kube.find(secrets, secret)?.metadata.uid, 'with the Secret the first token ends').not.toBe(first?.metadata.uid);
  });

  it.each<readonly [string, (world: ReturnType<typeof setUp>) => void]>([
    ['the API server is in trouble', ({ servers }) => { servers.instead(({ resource }) => { if (resource === 'serviceaccounts/token') throw status(503, 'ServiceUnavailable'); }); }],
    ['it is locked by now', ({ servers }) => { servers.instead(({ resource }) => { if (resource === 'serviceaccounts/token') throw status(403, 'Forbidden', "serviceaccounts \"bot\" is forbidden: ValidatingAdmissionPolicy 'offboard-lock-identity' with binding 'x' denied request: serviceaccount ci/bot is offboarded"); }); }],
  ])('goes on while it lives where another one cannot be had: %s', async (_, change) => {
    const world = setUp();
    await world.take();
    await world.clock.advance(400_000);
    change(world);
    expect(await world.take()).toEqual([]);
    world.servers.instead(() => undefined);
    world.endAccount();
    expect(await world.observe()).toMatchObject({ state: 'Absent', method, tried: { refusals: 6 } });
  });

  it('is not asked for: nothing is made, tried or said', async () => {
    const { take, drop, servers, kube, observe, endAccount } = setUp(false);
    const before = kube.all(secrets);
    expect(await take()).toEqual([]);
    await drop();
    endAccount();
    expect(await observe()).toEqual({ state: 'Absent', method: 'via-serviceaccount' });
    expect(servers.requests).toEqual([]);
    expect(kube.all(secrets)).toEqual(before);
  });

  it.each<readonly [string, (request: SeenRequest) => unknown, string]>([
    ['one API server refuses it', ({ server, resource }) => (server === b && resource === 'tokenreviews' ? { kind: 'TokenReview', status: { user: {}, error: 'token lookup failed' } } : undefined), 'token lookup failed'],
    ['a real call does not work', ({ resource }) => { if (resource === 'selfsubjectreviews') throw unauthorized(); }, 'it refuses the token'],
    ['it is taken for somebody else', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'TokenReview', status: { authenticated: true, user: { username: 'system:serviceaccount:ci:other', uid: 'x' }, audiences: ['x'] } } : undefined), 'somebody else'],
    ['it is taken for another one of the name', ({ resource }) => (resource === 'selfsubjectreviews' ? { kind: 'SelfSubjectReview', status: { userInfo: { username: 'system:serviceaccount:ci:bot', uid: 'x' } } } : undefined), 'somebody else'],
    ['it is not said for which audience', ({ resource, as }) => (resource === 'tokenreviews' && as === 'operator' ? { kind: 'TokenReview', status: { authenticated: true, user: { username: 'system:serviceaccount:ci:bot', uid: 'uid-1' } } } : undefined), 'for which audience'],
    ['an API server is not reachable', ({ server, resource }) => { if (server === b && resource !== 'serviceaccounts/token') throw new ApiError(0, 'Timeout', 'no answer in time'); }, `${b} before the lock either: no answer in time`],
    ['a proxy answers', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'Page' } : undefined), 'cannot be used'],
    ['that it is authenticated is said in another way', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'TokenReview', status: { authenticated: 'true', user: { username: 'system:serviceaccount:ci:bot', uid: 'uid-1' }, audiences: ['x'] } } : undefined), 'without a reason'],
  ])('that does not work is told, and proves nothing: %s', async (_, instead, words) => {
    const { take, servers, observe, endAccount, findSecret } = setUp();
    servers.instead(instead);
    expect(await take()).toEqual([{ type: 'NotProbed', object: 'tokens of serviceaccounts/ci/bot', message: expect.stringContaining(words) as string }]);
    expect(findSecret(), 'nothing is left of it').toBeUndefined();
    servers.instead(() => undefined);
    endAccount();
    expect(await observe()).toEqual(noControl);
  });

  it.each<readonly [string, (world: ReturnType<typeof setUp>) => void, string]>([
    ['the account is gone', ({ endAccount }) => { endAccount(); }, 'gone before'],
    ['another one has its name', ({ kube }) => { kube.put(serviceAccounts, { metadata: account }); }, 'another ServiceAccount has its name'],
    ['the namespace is ending', ({ kube }) => { kube.onRequest((verb) => { if (verb === 'create') throw errorFromStatus({ kind: 'Status', status: 'Failure', code: 403, reason: 'Forbidden', message: 'x', details: { causes: [{ reason: 'NamespaceTerminating' }] } }, 403); }); }, 'namespace is being deleted'],
    ['it is locked by now', ({ servers }) => { servers.instead(({ resource }) => { if (resource === 'serviceaccounts/token') throw status(403, 'Forbidden', "serviceaccounts \"bot\" is forbidden: ValidatingAdmissionPolicy 'offboard-lock-identity' with binding 'x' denied request: serviceaccount ci/bot is offboarded"); }); }, 'locked already'],
    ['a Secret of somebody else is in the way', ({ kube, secret }) => { kube.put(secrets, { type: 'Opaque', metadata: secret }); kube.onRequest((verb) => { if (verb === 'delete') throw status(403, 'Forbidden', "secrets is forbidden: ValidatingAdmissionPolicy 'offboard-fence-removals' with binding 'x' denied request: no"); }); }, 'is in the way'],
  ])('that cannot be had is told, and nobody is sent after it: %s', async (_, change, words) => {
    const world = setUp();
    change(world);
    expect(await world.take()).toMatchObject([{ type: 'NotProbed', message: expect.stringContaining(words) as string }]);
  });

  it.each<readonly [string, (world: ReturnType<typeof setUp>) => void, string]>([
    ['serviceaccounts/token', ({ servers }) => { servers.instead(({ resource }) => { if (resource === 'serviceaccounts/token') throw forbidden(resource); }); }, 'may not create serviceaccounts/token in namespace "ci": bind the ClusterRole offboard-canaries there'],
    ['secrets', ({ kube }) => { kube.allow(({ verb, resource }) => !(verb === 'create' && resource === 'secrets')); }, 'may not create secrets in namespace "ci": bind the ClusterRole offboard-canaries there'],
    ['tokenreviews', ({ servers }) => { servers.instead(({ resource }) => { if (resource === 'tokenreviews') throw forbidden('tokenreviews'); }); }, 'may not create tokenreviews.authentication.k8s.io: bind the ClusterRole offboard-token-reviews'],
  ])('without the right to %s is for a person, who is told what to bind', async (_, change, words) => {
    const world = setUp();
    change(world);
    expect(await failure(world.take())).toMatchObject({ kind: 'NeedsPerson', reason: 'PermissionMissing', message: expect.stringContaining(words) as string });
  });

  it('that a policy refuses is for a person', async () => {
    const { take, servers } = setUp();
    servers.instead(({ resource }) => { if (resource === 'serviceaccounts/token') throw status(403, 'Forbidden', "serviceaccounts \"bot\" is forbidden: ValidatingAdmissionPolicy 'offboard-fence-tokens' with binding 'x' denied request: no"); });
    expect(await failure(take())).toMatchObject({ kind: 'NeedsPerson', reason: 'AdmissionDenied' });
  });

  it('is tried again where the API server is only in trouble', async () => {
    const { take, servers } = setUp();
    servers.instead(({ resource }) => { if (resource === 'serviceaccounts/token') throw status(503, 'ServiceUnavailable'); });
    expect(await failure(take())).toMatchObject({ kind: 'Retryable' });
    servers.instead(() => undefined);
    expect(await take()).toEqual([]);
  });

  it('has every right that it takes named before', async () => {
    const { revoker, target, kube } = setUp();
    kube.allow(({ resource, subresource }) => resource !== 'tokenreviews' && resource !== 'secrets' && subresource !== 'token');
    expect((await revoker.preflight(target, [], never)).map(({ permission }) => permission)).toEqual([
      'create serviceaccounts/token in namespace "ci"', 'create secrets in namespace "ci"', 'delete secrets in namespace "ci"', 'create tokenreviews.authentication.k8s.io',
    ]);
    expect(await revoker.preflight({ serviceAccount: target.serviceAccount }, [], never)).toEqual([]);
  });
});

describe('a negative probe', () => {
  it('that is refused everywhere is the end', async () => {
    const { take, clock, endAccount, observe } = setUp();
    const controlAt = clock.now();
    await take();
    await clock.advance(10_000);
    endAccount();
    expect(await observe()).toEqual({ state: 'Absent', method, tried: { controlAt, refusals: 6, servers: 2, deadAtSource: true } });
  });

  it('tells what is dead at the source from what a cache still takes', async () => {
    const { take, clock, endAccount, observe } = setUp();
    await take();
    await clock.advance(5_000);
    endAccount();
    expect(await observe()).toMatchObject({
      state: 'Present', method, tried: { servers: 2, refusals: 2, deadAtSource: true },
      message: `dead at source; API server ${a}, ${b} still accepts it from its cache (up to 10 s)`,
      worksUntil: new Date(clock.now().getTime() + 10_000),
    });
    const until = new Date(clock.now().getTime() + 10_000);
    await clock.advance(1_000);
    expect((await observe()).worksUntil, 'and no later for a later look').toEqual(until);
    await clock.advance(4_000);
    expect(await observe()).toMatchObject({ state: 'Absent', tried: { refusals: 6 } });
  });

  it('knows the end of the old one when there is a new one of its name', async () => {
    const { take, clock, kube, observe } = setUp();
    await take();
    await clock.advance(10_000);
    kube.put(serviceAccounts, { metadata: account });
    expect(await observe()).toMatchObject({ state: 'Absent', method });
  });

  it('does not believe in an end where the token still works: somebody answers 404 for an account that is there', async () => {
    const { take, clock, kube, observe } = setUp();
    await take();
    await clock.advance(60_000);
    kube.onRequest((verb, resource) => {
      if (verb === 'get' && resource === serviceAccounts) throw errorFromStatus({ kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound', message: 'no', details: { name: 'bot', kind: 'serviceaccounts' } }, 404, { verb: 'get' });
    });
    expect(await observe()).toMatchObject({ state: 'Present', method, message: expect.stringContaining('says that the ServiceAccount is gone, and a token of it still works') as string });
    expect((await observe()).tried, 'which tells it from what is just there').toMatchObject({ deadAtSource: false, servers: 2 });
  });

  it.each<readonly [string, (request: SeenRequest) => unknown, string]>([
    ['it is slow', ({ server }) => { if (server === b) throw new ApiError(0, 'Timeout', 'no answer in time'); }, 'no answer in time'],
    ['it is ill', ({ server, resource }) => { if (server === b && resource === 'tokenreviews') throw status(500, 'InternalError'); }, 'InternalError'],
    ['it does not know us', ({ server, as }) => { if (server === b && as === 'operator') throw unauthorized(); }, 'Unauthorized'],
    ['we may not ask any more', ({ resource }) => { if (resource === 'tokenreviews') throw forbidden('tokenreviews'); }, 'cannot create resource'],
    ['a proxy refuses', ({ resource }) => { if (resource === 'selfsubjectreviews') throw new ApiError(401, 'Garbage', 'is there a proxy in between?'); }, 'proxy'],
    ['a proxy answers', ({ resource }) => (resource === 'selfsubjectreviews' ? { kind: 'Page' } : undefined), 'cannot be used'],
    ['it could not look', ({ resource, audiences }) => (resource === 'tokenreviews' && audiences !== undefined ? { kind: 'TokenReview', status: { user: {}, error: '[invalid bearer token, etcdserver: request timed out]' } } : undefined), 'not for the end of its account: [invalid bearer token, etcdserver'],
    ['it gives no reason', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'TokenReview', status: { user: {} } } : undefined), 'without a reason'],
    ['only the Secret is gone', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'TokenReview', status: { user: {}, error: '[invalid bearer token, service account token has been invalidated]' } } : undefined), 'for the sake of: Secret'],
    ['the token ran out on its clock', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'TokenReview', status: { user: {}, error: '[invalid bearer token, service account token has expired]' } } : undefined), 'for the sake of: Expired'],
    ['another account of that name is gone', ({ resource }) => (resource === 'tokenreviews' ? { kind: 'TokenReview', status: { user: {}, error: '[invalid bearer token, serviceaccounts "bot2" not found]' } } : undefined), 'not for the end of its account'],
  ])('cannot tell where an API server cannot: %s', async (_, instead, words) => {
    const { take, clock, endAccount, observe, servers } = setUp();
    await take();
    await clock.advance(10_000);
    endAccount();
    servers.instead(instead);
    expect(await observe()).toMatchObject({ state: 'Unknown', method, message: expect.stringContaining(words) as string });
    servers.instead(() => undefined);
    expect(await observe()).toMatchObject({ state: 'Absent', method });
  });

  it('cannot tell while an API server at which it worked is not seen, and asks one that joined', async () => {
    const { take, clock, endAccount, observe, servers } = setUp();
    await take();
    await clock.advance(10_000);
    endAccount();
    servers.show([a]);
    expect(await observe()).toMatchObject({ state: 'Unknown', message: expect.stringContaining(`${b} still takes a token of it could not be told: the canary worked there`) as string });
    servers.show([a, b, '10.0.0.3:6443']);
    expect(await observe()).toMatchObject({ state: 'Absent', tried: { servers: 3, refusals: 9 } });
  });

  it('does not ask while the account is there', async () => {
    const { take, observe, servers } = setUp();
    await take();
    const before = servers.requests.length;
    expect(await observe()).toMatchObject({ state: 'Present', method: 'via-serviceaccount' });
    expect(servers.requests).toHaveLength(before);
  });

  it('proves nothing by a canary that may have run out', async () => {
    const { take, clock, endAccount, observe } = setUp();
    await take();
    endAccount();
    await clock.advance(584_999);
    expect(await observe()).toMatchObject({ method });
    await clock.advance(1);
    expect(await observe()).toEqual(noControl);
  });

  it('proves nothing by a canary that ran out while it was tried', async () => {
    const { take, clock, endAccount, observe, servers } = setUp();
    await take();
    endAccount();
    await clock.advance(584_999);
    servers.instead(async () => { await clock.advance(1); });
    expect(await observe()).toEqual(noControl);
  });

  it('proves nothing after a restart, which is told', async () => {
    const { take, clock, endAccount, observe, start } = setUp();
    await take();
    await clock.advance(10_000);
    endAccount();
    expect(await observe(start())).toEqual(noControl);
  });
});

describe('the end of the canary', () => {
  it('is seen: its Secret is gone, and the token is refused everywhere', async () => {
    const { take, drop, findSecret, servers } = setUp();
    await take();
    await drop();
    expect(findSecret()).toBeUndefined();
    expect(servers.requests.slice(-2).map(({ server, resource, audiences }) => [server, resource, audiences?.length])).toEqual([[a, 'tokenreviews', 2], [b, 'tokenreviews', 2]]);
  });

  it('takes what another process made, also when the account and the namespace are gone', async () => {
    const { take, start, target, findSecret, endAccount } = setUp();
    await take();
    endAccount();
    const { controls } = start();
    await controls?.drop(target, never);
    expect(findSecret()).toBeUndefined();
    await controls?.drop(target, never);
  });

  it('forgets the token, so that nothing is told by it any more', async () => {
    const { take, drop, endAccount, observe, clock } = setUp();
    await take();
    await clock.advance(10_000);
    await drop();
    endAccount();
    expect(await observe()).toEqual(noControl);
  });

  it('is not told before an API server has heard of it', async () => {
    const { take, drop, servers, clock } = setUp();
    await take();
    const taken = { kind: 'TokenReview', status: { authenticated: true, user: { username: 'system:serviceaccount:ci:bot', uid: 'uid-1' }, audiences: [apiAudience] } };
    let stale = 3;
    servers.instead(({ server, resource }) => (server === b && resource === 'tokenreviews' && stale-- > 0 ? taken : undefined));
    const done = drop();
    await clock.advance(299);
    expect(stale).toBe(0);
    await clock.advance(1);
    await done;
  });

  it.each<readonly [string, (world: ReturnType<typeof setUp>) => void, object]>([
    ['something holds its Secret', ({ kube, secret }) => { kube.put(secrets, { type: 'offboard.dev/canary', metadata: { ...secret, finalizers: ['example.com/hold'] } }); }, { kind: 'Retryable', reason: 'CanaryLeft', message: expect.stringContaining('finalizer') as string }],
    ['it could not be told', ({ servers }) => { servers.instead(({ server }) => { if (server === b) throw new ApiError(0, 'Timeout', 'no answer in time'); }); }, { kind: 'Retryable', reason: 'CanaryLeft' }],
    ['the right was taken', ({ kube }) => { kube.put(namespaces, { metadata: { name: 'ci' } }); kube.allow(({ verb, resource }) => !(verb === 'delete' && resource === 'secrets')); }, { kind: 'NeedsPerson', reason: 'PermissionMissing', message: expect.stringContaining('may not') as string }],
  ])('is not told where it was not seen: %s', async (_, change, expected) => {
    const world = setUp();
    await world.take();
    change(world);
    expect(await failure(world.drop())).toMatchObject(expected);
  });

  it.each<readonly [string, (world: ReturnType<typeof setUp>) => void]>([
    ['something holds its Secret', ({ kube, secret }) => { kube.put(secrets, { type: 'offboard.dev/canary', metadata: { ...secret, finalizers: ['example.com/hold'] } }); }],
    ['the right was never given', ({ kube }) => { kube.put(namespaces, { metadata: { name: 'ci' } }); kube.allow(({ verb, resource }) => !(verb === 'delete' && resource === 'secrets')); }],
  ])('is waited for no longer than a canary can live, also of another process: %s', async (_, change) => {
    const world = setUp();
    change(world);
    expect(await failure(world.drop())).toMatchObject({ message: expect.any(String) as string });
    await world.clock.advance(614_999);
    expect(await failure(world.drop())).toBeDefined();
    await world.clock.advance(1);
    expect(await world.drop(), 'and told').toContain(`Secret "${world.secret.name}" in namespace "ci" is left`);
    expect(await world.drop(), 'once').toBeUndefined();
  });

  it('leaves a Secret of its name that is not Offboard\'s', async () => {
    const { drop, kube, secret } = setUp();
    kube.put(secrets, { type: 'Opaque', metadata: secret });
    kube.onRequest((verb) => { if (verb === 'delete') throw status(403, 'Forbidden', "secrets is forbidden: ValidatingAdmissionPolicy 'offboard-fence-removals' with binding 'x' denied request: no"); });
    await drop();
    expect(kube.find(secrets, secret)).toBeDefined();
  });

  it('is awaited for as long as the token could live', async () => {
    const { take, drop, servers, clock } = setUp();
    await take();
    servers.instead(() => { throw new ApiError(0, 'Timeout', 'no answer in time'); });
    expect(await failure(drop())).toMatchObject({ reason: 'CanaryLeft' });
    await clock.advance(600_000);
    await drop();
  });
});

it('lets no token out, whatever an API server answers', async () => {
  const world = setUp();
  const said: unknown[] = [];
  const echo = (kind: string) => (request: SeenRequest): unknown => {
    const token = world.servers.tokens.at(-1) ?? '';
    if (request.resource === 'serviceaccounts/token' || token === '') return undefined;
    if (kind === 'error') throw status(500, 'InternalError', `cannot review ${token}`);
    return { kind: 'TokenReview', status: { user: { username: token }, error: `bad token ${token}`, authenticated: kind === 'taken' } };
  };
  for (const kind of ['error', 'refused', 'taken']) {
    world.servers.instead(echo(kind));
    said.push(await world.take().catch((error: unknown) => error));
    world.servers.instead(() => undefined);
    await world.take();
    world.kube.drop(serviceAccounts, account);
    world.servers.instead(echo(kind));
    said.push(await world.observe(), await failure(world.drop()));
    world.servers.instead(() => undefined);
    world.kube.put(serviceAccounts, { metadata: { ...account, uid: world.uid } });
    await world.drop();
  }
  const text = JSON.stringify(said.map((each) => (each instanceof Error ? [each.message, each.stack, each.cause instanceof Error ? [each.cause.message, each.cause.stack] : each.cause] : each)));
  expect(world.servers.tokens.length).toBeGreaterThan(3);
  for (const token of world.servers.tokens) for (const part of token.split('.').slice(1, 2)) expect(text).not.toContain(part);
});
