/** The operator's own parts, unmodified, on the simulated server: what they make of it, and what it really was. */
import { describe, expect, it } from 'vitest';

import { createOperatedWorld, never, offboard } from './operated.ts';
import { bot, other, role, there } from './small-world.ts';

describe('a Connector', () => {
  it('is looked at', async () => {
    const { inspect } = createOperatedWorld();
    expect(await inspect()).toMatchObject({ serverVersion: '2.7.2', clusterId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string, token: { renewable: true, expiresAt: '2030-01-01T23:59:59Z' }, missingPermissions: [], troubles: [] });
  });

  it('tells what it lacks, and that it was given back', async () => {
    const { inspect, knobs } = createOperatedWorld();
    knobs.withdraw('identity/entity/id/*');
    expect(await inspect()).toMatchObject({ missingPermissions: ['path "identity/entity/id/*" { capabilities = ["update", "delete"] }'] });
    knobs.giveBack();
    expect(await inspect()).toMatchObject({ missingPermissions: [] });
  });

  it('tells that it is sealed, that its token is worth nothing, and finds another server', async () => {
    const { inspect, knobs, handOver, pass, operator } = createOperatedWorld();
    const { clusterId } = await inspect();
    knobs.seal();
    await expect(inspect()).rejects.toMatchObject({ kind: 'Retryable', reason: 'Sealed' });
    knobs.unseal();
    knobs.revokeOperatorToken(operator);
    await pass(60_000);
    await expect(inspect()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'ConnectorNotReady' });
    await expect(inspect(), 'from the second look on its own reason is told').rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LoginRefused' });
    handOver(knobs.loseStorage().id);
    await pass(60_000);
    const after = await inspect();
    expect(after.clusterId).not.toBe(clusterId);
  });
});

describe('an offboarding', () => {
  it('ends all that works of the identity, and nothing of its neighbour', async () => {
    const world = createOperatedWorld();
    const { people, login, working, changes } = world;
    const token = login();
    there(people.lease(there(people.child(token)), role));
    const theirs = login(other);
    there(people.lease(theirs, 'ci-other'));
    const neighbour = working(other);
    expect(neighbour).toHaveLength(3);
    expect(await offboard(world)).toEqual([]);
    expect(working()).toEqual([]);
    expect(working(other)).toEqual(neighbour);
    expect(changes.filter(({ owner, works }) => owner === other.uid && !works)).toEqual([]);
  });

  it('is of the earlier lives of the account as well: their tokens, and what those have made, are stopped, given back and ended', async () => {
    const world = createOperatedWorld();
    const { people, login, revoker: { lock, ...revoker }, during } = world;
    const target = { ...world.target, serviceAccount: { ...bot, uid: '33333333-3333-3333-3333-333333333333' } };
    if (lock.kind === 'NotLockable') throw new Error(lock.explanation);
    const first = login();
    const child = there(people.child(first));
    const taken = (): readonly boolean[] => [first, child].map((token) => people.isTaken(token));

    await during(() => lock.lock(target, never));
    expect(await during(() => lock.observeLock(target, never))).toMatchObject({ state: 'Present' });
    expect(taken()).toEqual([false, false]);
    await during(() => lock.unlock(target, never));
    expect(taken()).toEqual([true, true]);

    const { credentials } = await during(() => revoker.inventory(target, 'Fresh', never));
    const tokens = credentials.filter((credential) => credential.class === 'Token');
    const idOf = ({ accessor }: { readonly accessor: string }): string => `auth/token accessor ${accessor}`;
    expect(tokens.map(({ id }) => id).sort()).toEqual([first, child].map(idOf).sort());
    // The child first: only its entity tells whose it is.
    for (const one of [child, first]) expect(await during(() => revoker.revoke(there(tokens.find(({ id }) => id === idOf(one))), target, never))).toBe('Accepted');
    expect(taken()).toEqual([false, false]);
  });

  it('asks which account is there after every token was answered, and ends nothing of that one', async () => {
    const askedAfter: string[] = [];
    const world = createOperatedWorld(undefined, undefined, () => {
      askedAfter.push(world.requests.findLast((request) => /\/token\/(accessors|lookup-accessor)/.test(request)) ?? 'no look at the tokens');
      return Promise.resolve(bot.uid);
    });
    const { login, revoker, during } = world;
    const token = login();
    const target = { ...world.target, serviceAccount: { ...bot, uid: '33333333-3333-3333-3333-333333333333' } };
    const { credentials, origin } = await during(() => revoker.inventory(target, 'Fresh', never));
    expect(askedAfter).toEqual(['POST /v1/auth/token/lookup-accessor']);
    expect(credentials.filter((credential) => credential.class === 'Token')).toEqual([]);
    const its = { id: `auth/token accessor ${token.accessor}`, uid: there(origin), class: 'Token', end: { by: 'Revoke' }, seen: true } as const;
    await expect(during(() => revoker.revoke(its, target, never))).rejects.toMatchObject({ reason: 'NotRevocable' });
    expect(askedAfter.length, 'before a revoke it is asked again').toBeGreaterThan(1);
  });

  it('sees what the database refuses, and what was accepted and not done', async () => {
    const world = createOperatedWorld();
    const { people, login, working, knobs, revoker, target, during, pass } = world;
    const lease = there(people.lease(login(), role));
    knobs.database('down');
    expect(await offboard(world)).toEqual([lease.id]);
    expect(working()).toEqual([lease.id]);
    // The token that has ended queued it once more, just now.
    await pass(1_000);
    knobs.database('up');
    knobs.accept('Lease', { kind: 'Ignored' });
    expect(await offboard(world)).toEqual([lease.id]);
    knobs.accept('Lease', { kind: 'Done' });
    expect(await offboard(world)).toEqual([]);
    expect(working()).toEqual([]);
    expect((await during(() => revoker.inventory(target, 'Fresh', never))).credentials.filter(({ seen }) => seen)).toEqual([]);
  });

  it('through a standby that is behind believes nothing that is older than its question', async () => {
    const world = createOperatedWorld();
    const { people, login, working, knobs } = world;
    const token = login();
    knobs.standby(60_000);
    const lease = there(people.lease(token, role));
    expect(working()).toContain(lease.id);
    expect(await offboard(world)).toEqual([]);
    expect(working()).toEqual([]);
  });

  it('does not see a user whose lease a person forgot: that lie is one of Vault itself', async () => {
    const world = createOperatedWorld();
    const { people, login, truth } = world;
    const lease = there(people.lease(login(), role));
    people.forceLeases(`database/creds/${role}`);
    expect(await offboard(world)).toEqual([]);
    expect(truth.working(bot.uid)).toMatchObject([{ what: 'User', credential: lease.id, forgotten: true }]);
  });

  it('finds a credential that is issued between two of its requests', async () => {
    let late: string | undefined;
    const world = createOperatedWorld(({ path }) => {
      if (late === undefined && path.startsWith('/v1/sys/leases/lookup/')) late = there(people.lease(token, role)).id;
      return undefined;
    });
    const { people, login, working } = world;
    const token = login();
    expect(await offboard(world)).toEqual([]);
    expect(late).toBeDefined();
    expect(working()).toEqual([]);
  });
});
