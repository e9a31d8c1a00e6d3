/** The real revoker of Google Cloud, in a simulated process, on the simulated server. */
import { describe, expect, it } from 'vitest';

import type { Credential } from '../../../src/revokers/revoker.ts';
import type { Case } from '../../integration/revoker-case.ts';
import { streamOf } from '../engine/random.ts';
import { createScheduler } from '../engine/scheduler.ts';
import { shortened } from '../short-lists.ts';
import type { Planted } from './people.ts';
import { createSimulatedGoogle } from './server.ts';
import type { Turn } from './truth.ts';
import { createUniverse, epoch, type Universe, type UniverseOptions } from './universe.ts';

const bucket = '//storage.googleapis.com/acme-artifacts';
const secret = '//secretmanager.googleapis.com/projects/acme-ci/secrets/deploy';
const later = { title: 'until later', expression: 'request.time < timestamp("2099-01-01T00:00:00Z")' };

const plantAgent = ({ google }: Universe, name = 'build'): Planted =>
  google.plant({
    serviceAccount: { namespace: 'ci', name, uid: `uid-of-${name}` },
    account: `ci-${name}`,
    keys: 1,
    hmacKeys: 1,
    bindings: [
      { resource: bucket, role: 'roles/storage.objectViewer' },
      { resource: bucket, role: 'roles/storage.objectAdmin', condition: later },
      { resource: secret, role: 'roles/secretmanager.secretAccessor', as: 'byUid' },
      { resource: secret, role: 'roles/secretmanager.viewer', as: 'byName' },
    ],
  });

const setUp = (options?: UniverseOptions) => {
  const universe = createUniverse(options);
  const { google } = universe;
  const agent = plantAgent(universe);
  const neighbour = plantAgent(universe, 'neighbour');
  google.people.grant({ resource: bucket, role: 'roles/storage.objectViewer', member: 'user:ann@example.com' });
  return { ...universe, universe, agent, neighbour, retired: universe.start().open(agent) };
};

const alive = ({ google }: Universe, holder: Planted): readonly string[] => google.truth.ways(holder).flatMap(({ id, works }) => (works ? [id] : []));

/** As a run does it: find all, lock, find all again, revoke one by one, and ask until all is absent. */
const offboard = async ({ scheduler, until }: Universe, retired: Case): Promise<readonly Credential[]> => {
  const retry = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries += 1) {
      const [ended] = await until(Promise.allSettled([work()]));
      if (ended.status === 'fulfilled') return ended.value;
      if (tries === 20) throw ended.reason;
      await scheduler.run(scheduler.now() + 5_000);
    }
  };
  await retry(async () => {
    await retired.lock();
    if ((await retired.observeLock()).state !== 'Present') throw new Error('not locked yet');
  });
  const { credentials } = await retry(() => retired.inventory());
  for (const credential of credentials.filter(({ end }) => end.by === 'Revoke')) {
    await retry(async () => {
      await retired.revoke(credential);
      if ((await retired.observe(credential)).state !== 'Absent') throw new Error(`${credential.id} is still there`);
    });
  }
  return credentials;
};

describe('a whole offboarding on virtual time', () => {
  it('finds what is there, locks it, ends it, and sees it gone, which is true', async () => {
    const { universe, agent, neighbour, retired, google, trace } = setUp();
    const before = google.foreignMembers();
    const ways = alive(universe, agent);
    expect(ways).toEqual(expect.arrayContaining([
      `${bucket} roles/storage.objectViewer serviceAccount:${agent.email ?? ''}?uid=${agent.account ?? ''}`,
      `projects/acme-ci/serviceAccounts/${agent.account ?? ''}/keys/${agent.keys[0] ?? ''}`,
      `projects/acme-ci/hmacKeys/${agent.hmacKeys[0] ?? ''}`,
      `impersonation of ${agent.email ?? ''}`,
    ]));
    const found = await offboard(universe, retired);
    const plain = ways.filter((id) => !id.includes(' if:') && !id.startsWith('impersonation'));
    expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(plain));
    expect(alive(universe, agent)).toEqual([]);
    expect(google.truth.ways(agent).filter(({ isStored }) => isStored)).toEqual([]);
    expect(google.foreignMembers()).toEqual(before);
    expect(alive(universe, neighbour)).toHaveLength(ways.length);
    expect(google.effects.length).toBeGreaterThanOrEqual(8);
    expect([...new Set(google.effects.map(({ of }) => of))]).toEqual(['ci/build']);
    expect(trace.length).toBeGreaterThan(20);
  });

  it('goes the same way for the same seed, and another one for another', async () => {
    const traceOf = async (seed: number): Promise<readonly string[]> => {
      const { universe, retired, trace, scheduler, google } = setUp({ seed });
      await offboard(universe, retired);
      return [...trace, String(scheduler.now()), JSON.stringify(google.effects)];
    };
    const [one, again, other] = [await traceOf(7), await traceOf(7), await traceOf(8)];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('goes through quotas, troubles, conflicts, and permissions that are taken away and come back', async () => {
    const { universe, agent, neighbour, retired, google, scheduler } = setUp();
    const before = google.foreignMembers();
    google.knobs.refuse('TooManyRequests', { times: 5, retryAfter: 2 });
    google.knobs.refuse('Unavailable', { times: 3, service: 'iam', retryAfter: 1 });
    google.knobs.refuse('ServerError', { times: 2, service: 'storage', method: 'PUT', applied: true });
    google.people.rewriteBeforeWrites(bucket, 3);
    google.people.rewriteBeforeWrites(secret, 1, { role: 'roles/secretmanager.viewer', member: 'user:bob@example.com' });
    scheduler.after(2_000, () => { google.people.takePermissions(); });
    scheduler.after(40_000, () => { google.people.givePermissions(); });
    await offboard(universe, retired);
    expect(alive(universe, agent)).toEqual([]);
    expect(google.foreignMembers().filter((line) => !before.includes(line))).toEqual([`${secret} roles/secretmanager.viewer user:bob@example.com`]);
    expect(before.filter((line) => !google.foreignMembers().includes(line))).toEqual([]);
    expect(google.effects.every(({ of }) => of === 'ci/build')).toBe(true);
    expect(google.truth.works(neighbour)).toBe(true);
  });

  it('lies to nobody who asks for what was accepted and did not happen, or happens later', async () => {
    const { universe, agent, retired, google } = setUp();
    google.knobs.swallow(3);
    google.knobs.queue(2, 12_000, { service: 'storage' });
    await offboard(universe, retired);
    expect(alive(universe, agent)).toEqual([]);
  });
});

describe('what comes between', () => {
  it('is found by the next look: a role, a key, an account that is enabled again', async () => {
    const { universe, agent, retired, google } = setUp();
    await offboard(universe, retired);
    google.people.grant({ resource: bucket, role: 'roles/storage.objectViewer', member: `serviceAccount:${agent.email ?? ''}` });
    google.people.addKey(agent.email ?? '');
    google.people.setDisabled(agent.account ?? '', false);
    expect(google.truth.works(agent)).toBe(true);
    await offboard(universe, retired);
    expect(google.truth.ways(agent).filter(({ works, isStored }) => works || isStored)).toEqual([]);
  });

  it('is a death in the middle of a write, after which another process ends what is left', async () => {
    const { universe, agent, google, scheduler } = setUp();
    const [first, second] = [universe.start({ name: 'operator-0.1' }), universe.start({ name: 'operator-0.2' })];
    const dying = first.open(agent);
    const hanging = dying.lock().then(() => dying.endAll());
    const seen = google.truth.onChange(({ way }) => {
      if (way.kind === 'Key') first.process.kill();
    });
    await scheduler.run(600_000, () => !first.process.isAlive());
    await scheduler.run(scheduler.now() + 60_000);
    seen();
    await expect(Promise.race([hanging, Promise.resolve('nothing comes of it')])).resolves.toBe('nothing comes of it');
    const before = google.effects.length;
    expect(google.truth.ways(agent).some(({ isStored }) => isStored)).toBe(true);
    await offboard(universe, second.open(agent));
    expect(google.truth.ways(agent).filter(({ works, isStored }) => works || isStored)).toEqual([]);
    expect([...new Set(google.effects.slice(before).map(({ from }) => from))]).toEqual(['operator-0.2']);
  });

  it('is an account that is deleted, and comes back with nothing that would let anybody in', async () => {
    const { universe, agent, google } = setUp();
    const retired = universe.start().open(agent, { onRetire: 'Delete' });
    const { credentials } = await universe.until(retired.inventory());
    expect(credentials.at(-1)?.class).toBe('ServiceAccount');
    await offboard(universe, retired);
    expect(google.people.account(agent.account ?? '')).toMatchObject({ deleted: true });
    google.people.undeleteAccount(agent.account ?? '');
    expect(google.people.account(agent.account ?? '')).toMatchObject({ deleted: false, disabled: true });
    expect(alive(universe, agent)).toEqual([]);
  });
});

describe('a login over the wire', () => {
  const claims = (name: string) => ({ aud: 'whatever', exp: epoch / 1_000 + 600, 'kubernetes.io': { namespace: 'ci', serviceaccount: { name, uid: `uid-of-${name}` } } });

  it('is given to whom the cluster knows, and to act as the account to whom its policy lets', () => {
    const scheduler = createScheduler();
    const google = createSimulatedGoogle({
      scheduler,
      random: streamOf(1, 'google'),
      epoch,
      permissions: [],
      claimsOf: (token) => (token.startsWith('of ') ? { ...claims(token.slice(3)), aud: tokenAudience() } : undefined),
    });
    const provider = google.connectorManifest({ namespaces: [] }).spec.googleCloud?.workloadIdentityPools?.[0]?.provider;
    const tokenAudience = (): string => provider?.tokenAudience ?? '';
    const agent = google.plant({ serviceAccount: { namespace: 'ci', name: 'build', uid: 'uid-of-build' }, account: 'ci-build' });
    const ask = (path: string, body: object, token?: string) => {
      const answer = google.server.handle({ from: 'agent', method: 'POST', path, headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) }, body: JSON.stringify(body) });
      return { status: answer.status, body: JSON.parse('body' in answer ? answer.body : '') as Readonly<Record<string, string>> };
    };
    const exchange = (subject: string) => ask('/v1/token', { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', audience: provider?.audience, subject_token: subject });
    const enter = (token = '') => ask(`/v1/projects/-/serviceAccounts/${agent.email ?? ''}:generateAccessToken`, { scope: ['x'] }, token).status;
    expect(exchange('forged').status).toBe(400);
    const [mine, other] = [exchange('of build').body['access_token'], exchange('of other').body['access_token']];
    expect([enter(mine), enter(other), enter('ya29.none')]).toEqual([200, 403, 401]);
    google.people.setDisabled(agent.account ?? '', true);
    expect(enter(mine)).toBe(400);
  });

  it('answers whatever is sent', () => {
    const { google } = setUp();
    const ask = (method: string, path: string, body?: string) => google.server.handle({ from: 'x', method, path, headers: {}, body });
    expect(ask('GET', '/v1/projects/%E0%A4%A').status).toBe(400);
    expect(ask('BREW', '/').status).toBe(404);
    expect(ask('POST', '/v1/token', '{').status).toBe(400);
    expect(ask('GET', '/v1/projects/acme-ci/serviceAccounts/x').status).toBe(401);
  });
});

describe('what is true', () => {
  it('ends only when the change is felt, and tells when that is', async () => {
    const { universe, agent, google, scheduler } = setUp();
    google.knobs.delay({ propagation: 60_000 });
    await scheduler.run(120_000);
    const turns: Turn[] = [];
    google.truth.onChange((turn) => turns.push(turn));
    google.people.setDisabled(agent.account ?? '', true);
    await scheduler.run(scheduler.now() + 59_000);
    expect(google.truth.works(agent)).toBe(true);
    expect(turns).toEqual([]);
    await scheduler.run(scheduler.now() + 2_000);
    expect(turns.map(({ way }) => [way.kind, way.works])).toContainEqual(['Key', false]);
    const own = `//iam.googleapis.com/projects/acme-ci/serviceAccounts/${agent.account ?? ''}`;
    expect(alive(universe, agent).filter((id) => !id.startsWith(own))).toEqual([`${secret} roles/secretmanager.secretAccessor principal://iam.googleapis.com/${poolOf(google)}/kubernetes.serviceaccount.uid/uid-of-build`, `${secret} roles/secretmanager.viewer principal://iam.googleapis.com/${poolOf(google)}/subject/ns/ci/sa/build`]);
    expect(new Set(turns.map(({ holder }) => holder))).toEqual(new Set(['ci/build']));
  });

  it('holds for access tokens that were taken before, and for accounts that come back', async () => {
    const { agent, google, scheduler } = setUp();
    const token = (): boolean | undefined => google.truth.ways(agent).find(({ kind }) => kind === 'AccessToken')?.works;
    expect(google.truth.takeToken(agent, 3_600)).toBe(true);
    const turns: Turn[] = [];
    google.truth.onChange((turn) => turns.push(turn));
    google.people.deleteAccount(agent.account ?? '');
    expect([token(), google.truth.takeToken(agent, 3_600)]).toEqual([false, false]);
    const own = google.truth.ways(agent).filter(({ id }) => id.includes(agent.account ?? ''));
    expect(own.map(({ kind, works, isStored }) => `${kind} ${String(works)} ${String(isStored)}`)).toEqual(['Binding false true', 'Binding false true', 'Binding false true', 'Key false true']);
    expect(own[1]?.id).toBe(`${bucket} roles/storage.objectViewer deleted:serviceAccount:${agent.email ?? ''}?uid=${agent.account ?? ''}`);
    google.people.undeleteAccount(agent.account ?? '');
    expect(token()).toBe(true);
    expect(turns.filter(({ way }) => way.kind === 'AccessToken').map(({ way }) => way.works)).toEqual([false, true]);
    await scheduler.run(3_601_000);
    expect(token()).toBe(false);
    expect(turns.filter(({ way }) => way.kind === 'AccessToken').map(({ way }) => way.works)).toEqual([false, true, false]);
  });

  it('is not what a stale read tells', async () => {
    const { universe, agent, retired, google, scheduler } = setUp();
    const { until } = universe;
    await scheduler.run(100_000);
    google.knobs.delay({ staleAccounts: 30_000, stalePolicies: 30_000 });
    await scheduler.run(200_000);
    google.people.setDisabled(agent.account ?? '', true);
    expect(await until(retired.observeLock())).toMatchObject({ state: 'Absent' });
    await scheduler.run(scheduler.now() + 31_000);
    expect(await until(retired.observeLock())).toMatchObject({ state: 'Present' });
  });
});

describe('a write', () => {
  const writer = () => {
    const { google, scheduler, neighbour } = setUp();
    const ask = (method: string, path: string, body?: object, token?: string): Readonly<Record<string, unknown>> => {
      const headers = { 'metadata-flavor': 'Google', 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
      const answer = google.server.handle({ from: 'operator-0.1', method, path, headers, body: body && JSON.stringify(body) });
      return { status: answer.status, ...JSON.parse('body' in answer ? answer.body : '{}') as object };
    };
    const token = String(ask('GET', '/computeMetadata/v1/instance/service-accounts/default/token')['access_token']);
    const path = '/storage/v1/b/acme-artifacts/iam';
    const { etag } = ask('GET', `${path}?optionsRequestedPolicyVersion=3`, undefined, token);
    const wipe = () => ask('PUT', path, { etag, version: 3, bindings: [] }, token)['status'];
    const email = google.people.account(neighbour.account ?? '').email;
    return { google, scheduler, wipe, disable: () => ask('POST', `/v1/projects/acme-ci/serviceAccounts/${email}:disable`, {}, token)['status'] };
  };

  it('that takes from others what is theirs is told, with whose it was', () => {
    const { google, wipe, disable } = writer();
    const before = google.foreignMembers();
    expect([wipe(), disable()]).toEqual([200, 200]);
    expect(google.effects.map(({ of = 'nobody planted', what }) => `${of}: ${what.replace(/uid:\d+|(?<=Accounts\/).*(?=:)/, '…').replace(/\{.*\}/, '(on a condition)')}`)).toEqual([
      `ci/build: removed roles/storage.objectViewer … of ${bucket}`,
      `ci/neighbour: removed roles/storage.objectViewer … of ${bucket}`,
      `nobody planted: removed roles/storage.objectViewer user:ann@example.com of ${bucket}`,
      `ci/build: removed roles/storage.objectAdmin … (on a condition) of ${bucket}`,
      `ci/neighbour: removed roles/storage.objectAdmin … (on a condition) of ${bucket}`,
      'ci/neighbour: POST /v1/projects/acme-ci/serviceAccounts/…:disable',
    ]);
    expect(before.filter((line) => !google.foreignMembers().includes(line))).toEqual([`${bucket} roles/storage.objectViewer user:ann@example.com`]);
  });

  it('that would be refused, swallowed or queued is done once that is taken back', () => {
    const { google, wipe } = writer();
    const undo = [google.knobs.refuse('Unavailable', { times: 9 }), google.knobs.swallow(9), google.knobs.queue(9, 5_000)];
    expect([wipe(), google.effects.length]).toEqual([503, 0]);
    for (const one of undo) one();
    expect([wipe(), google.effects.length]).toEqual([200, 5]);
  });

  it('that is queued is decided on when its turn comes, and fails where somebody was faster', async () => {
    for (const [isFaster, effects] of [[false, 5], [true, 0]] as const) {
      const { google, scheduler, wipe } = writer();
      google.knobs.queue(1, 5_000);
      expect([wipe(), google.effects.length]).toEqual([200, 0]);
      if (isFaster) google.people.rewrite(bucket);
      await scheduler.run(4_999);
      expect(google.effects).toEqual([]);
      await scheduler.run(5_001);
      expect(google.effects).toHaveLength(effects);
    }
  });
});

describe('a proxy that lies', () => {
  it('passes on a part of each list, and whole policies', async () => {
    const { universe, google } = setUp({ faults: () => ({ kind: 'Garbled', garble: shortened(() => 0.9) }) });
    const retired = universe.start({ name: 'operator-1.1' }).open(plantAgent(universe, 'other'));
    const { credentials } = await universe.until(retired.inventory());
    expect(credentials.filter(({ class: kind }) => kind.endsWith('Key'))).toEqual([]);
    expect(credentials.filter(({ class: kind }) => kind === 'Binding')).toHaveLength(5);
    expect(google.effects).toEqual([]);
  });
});

const poolOf = (google: Universe['google']): string => google.connectorManifest({ namespaces: [] }).spec.googleCloud?.workloadIdentityPools?.[0]?.name ?? '';
