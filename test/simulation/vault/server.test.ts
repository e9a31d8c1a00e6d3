import { describe, expect, it } from 'vitest';

import { bot, createSmallWorld, other, prefix, role, there } from './small-world.ts';

const lookupLease = 'sys/leases/lookup';
const revokeLease = 'sys/leases/revoke';
const alias = `auth/kubernetes alias ${bot.uid}`;
const accessorOf = ({ accessor }: { readonly accessor: string }): string => `auth/token accessor ${accessor}`;

describe('a token', () => {
  it('that is revoked takes its children along at once, and what was leased to them soon', async () => {
    const { ask, people, login, working, pass, changes } = createSmallWorld();
    const token = login();
    const child = there(people.child(token));
    const lease = there(people.lease(child, role));
    expect(working()).toEqual([accessorOf(token), accessorOf(child), lease.id, alias]);
    expect(ask('POST', 'auth/token/revoke-accessor', { accessor: token.accessor })).toMatchObject({ status: 204, body: undefined });
    expect(working()).toEqual([lease.id, alias]);
    expect([people.isTaken(token), people.isTaken(child)]).toEqual([false, false]);
    expect(ask('POST', lookupLease, { lease_id: lease.id })).toMatchObject({ status: 200, body: { data: { ttl: 0, renewable: false } } });
    await pass(150);
    expect(working()).toEqual([alias]);
    expect(ask('POST', lookupLease, { lease_id: lease.id })).toMatchObject({ status: 400, body: { errors: ['invalid lease'] } });
    expect(changes.map(({ what, works }) => [what, works])).toEqual([
      ['Token', true], ['Token', true], ['User', true], ['Token', false], ['Token', false], ['User', false],
    ]);
  });

  it('a second time is not there any more', () => {
    const { ask, login } = createSmallWorld();
    const { accessor } = login();
    ask('POST', 'auth/token/revoke-accessor', { accessor });
    expect(ask('POST', 'auth/token/revoke-accessor', { accessor })).toMatchObject({ status: 200, body: { warnings: ['No token found with this accessor'] } });
    expect(ask('POST', 'auth/token/lookup-accessor', { accessor })).toMatchObject({ status: 400, body: { errors: ['1 error occurred:\n\t* invalid accessor\n\n'] } });
  });

  it('ends with its time, and what was leased to it', async () => {
    const { people, working, pass, jwt } = createSmallWorld();
    people.addAgent(bot, role, { tokenTtl: 60_000 });
    const token = there(people.login(jwt(), role));
    const lease = there(people.lease(token, role));
    await pass(59_999);
    expect(working()).toEqual([accessorOf(token), lease.id, alias]);
    await pass(1);
    expect(working()).toEqual([lease.id, alias]);
    await pass(150);
    expect(working()).toEqual([alias]);
  });

  it('that is renewed lives on', async () => {
    const { ask, pass, operator } = createSmallWorld();
    await pass(operator.ttl - 1);
    expect(ask('POST', 'auth/token/renew-self', {})).toMatchObject({ status: 200, body: { auth: { lease_duration: 86_400, renewable: true } } });
    await pass(operator.ttl - 1);
    expect(ask('GET', 'auth/token/lookup-self')).toMatchObject({ status: 200, body: { data: { ttl: 0 } } });
    await pass(1);
    expect(ask('GET', 'auth/token/lookup-self')).toMatchObject({ status: 403, body: { errors: ['permission denied'] } });
  });

  it('that is an orphan tells nobody whose it is, and outlives its maker', () => {
    const { ask, people, login, truth } = createSmallWorld();
    const token = login();
    const orphan = there(people.orphan(token));
    expect(ask('POST', 'auth/token/lookup-accessor', { accessor: orphan.accessor })).toMatchObject({ body: { data: { entity_id: '', orphan: true, path: 'auth/token/create-orphan', meta: null } } });
    people.revokeToken(token.accessor);
    people.setDisabled(bot, true);
    expect(people.isTaken(orphan)).toBe(true);
    expect(truth.working(bot.uid)).toEqual([{ what: 'Token', credential: accessorOf(orphan), owner: bot.uid, orphan: true }]);
  });

  it('is listed by its accessor, with those that lead to none', () => {
    const { ask, login, knobs, operator } = createSmallWorld();
    const { accessor } = login();
    expect(ask('GET', 'auth/token/accessors?list=true')).toMatchObject({ status: 200, body: { data: { keys: [operator.accessor, accessor] } } });
    knobs.leaveDangling();
    const { data: { keys } } = ask('LIST', 'auth/token/accessors').body as { readonly data: { readonly keys: readonly string[] } };
    expect(keys).toHaveLength(3);
    expect(ask('POST', 'auth/token/lookup-accessor', { accessor: keys[2] })).toMatchObject({ status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } });
  });
});

describe('an entity', () => {
  it('that is disabled refuses its tokens and its logins, and takes them again when it is enabled', () => {
    const { ask, people, login, working, changes, jwt } = createSmallWorld();
    const token = login();
    const lease = there(people.lease(token, role));
    const { body } = ask('POST', 'identity/lookup/entity', { alias_name: bot.uid, alias_mount_accessor: mountAccessor(ask) });
    const { data: { id } } = body as { readonly data: { readonly id: string } };
    expect(ask('POST', `identity/entity/id/${id}`, { disabled: true })).toMatchObject({ status: 204 });
    expect([people.isTaken(token), people.admits(jwt(), role), people.login(jwt(), role), people.lease(token, role)]).toEqual([false, false, undefined, undefined]);
    expect(working()).toEqual([lease.id]);
    people.setDisabled(bot, false);
    expect([people.isTaken(token), people.admits(jwt(), role)]).toEqual([true, true]);
    expect(changes.map(({ what, works }) => `${what} ${String(works)}`)).toEqual(['Token true', 'User true', 'Token false', 'Login false', 'Token true', 'Login true']);
  });

  it('that is deleted comes back as another one', () => {
    const { people, login, working } = createSmallWorld();
    const token = login();
    people.setDisabled(bot, true);
    people.deleteEntity(bot);
    expect(working()).toEqual([alias]);
    expect(login().entityId).not.toBe(token.entityId);
    expect(people.isTaken(token)).toBe(false);
  });

  it('is made for an alias that has none, and for no other', () => {
    const { ask } = createSmallWorld();
    const wanted = { alias_name: bot.uid, alias_mount_accessor: mountAccessor(ask) };
    const made = { name: bot.uid, mount_accessor: mountAccessor(ask) };
    expect(ask('POST', 'identity/lookup/entity', wanted)).toMatchObject({ status: 204, body: undefined });
    expect(ask('POST', 'identity/entity-alias', made)).toMatchObject({ status: 200 });
    expect(ask('POST', 'identity/lookup/entity', wanted)).toMatchObject({ status: 200, body: { data: { disabled: false, merged_entity_ids: null } } });
    expect(ask('POST', 'identity/entity-alias', made)).toMatchObject({ status: 204 });
    expect(ask('POST', 'identity/entity/id/nobody', { disabled: true })).toMatchObject({ status: 400, body: { errors: ['entity not found from id'] } });
  });

  it('is not made by a token that the API server takes no more', () => {
    const { people, forgetAccount, jwt } = createSmallWorld();
    forgetAccount(bot);
    expect([people.login(jwt(), role), people.admits(jwt(), role), people.entity(bot)]).toEqual([undefined, false, undefined]);
    expect(people.login(jwt(other), role), 'of another role').toBeUndefined();
  });
});

const mountAccessor = (ask: ReturnType<typeof createSmallWorld>['ask']): string =>
  (ask('GET', 'sys/auth').body as { readonly data: Readonly<Record<string, { readonly accessor: string }>> }).data['kubernetes/']?.accessor ?? '';

describe('a lease', () => {
  const leased = () => {
    const world = createSmallWorld();
    const token = world.login();
    return { ...world, token, lease: there(world.people.lease(token, role)) };
  };

  it.each([[true, 204], [undefined, 204], [false, 202]])('that is revoked with sync %s is answered with %i, whether it is there or not', async (sync, status) => {
    const { ask, lease, working, pass } = leased();
    expect(ask('POST', revokeLease, { lease_id: lease.id, sync })).toMatchObject({ status });
    if (sync === false) await pass(150);
    expect(working()).not.toContain(lease.id);
    expect(ask('POST', revokeLease, { lease_id: lease.id, sync })).toMatchObject({ status });
    expect(ask('POST', revokeLease, {})).toMatchObject({ status: 400, body: { errors: ['lease_id must be specified'] } });
  });

  it('that the database refuses is told, stays as it is, and is given up on in ten minutes once it is queued', async () => {
    const { ask, lease, working, pass, knobs } = leased();
    const look = () => ask('POST', lookupLease, { lease_id: lease.id }).body;
    knobs.stick(lease.user);
    expect(ask('POST', revokeLease, { lease_id: lease.id, sync: true })).toMatchObject({
      status: 400, body: { errors: [expect.stringMatching(/^failed to revoke entry: resp: \(\*logical\.Response\)\(nil\) err: .*cannot be dropped/)] },
    });
    expect(look()).toMatchObject({ data: { ttl: 3_600, renewable: true } });
    ask('POST', revokeLease, { lease_id: lease.id, sync: false });
    await pass(590_000);
    expect(look()).toMatchObject({ data: { ttl: -590, renewable: false } });
    expect(look()).not.toHaveProperty('data.revoke_error');
    await pass(10_000);
    expect(look()).toMatchObject({ data: { revoke_error: expect.stringMatching(/^out of retries: /) as string } });
    expect(ask('GET', 'sys/leases?type=irrevocable&limit=none')).toMatchObject({ body: { data: { lease_count: 1, leases: [{ lease_id: lease.id }] } } });
    knobs.unstick(lease.user);
    expect(ask('POST', revokeLease, { lease_id: lease.id, sync: false })).toMatchObject({ status: 202 });
    await pass(3_600_000);
    expect(working(), 'what is not waited for does nothing for it').toContain(lease.id);
    expect(ask('POST', revokeLease, { lease_id: lease.id, sync: true })).toMatchObject({ status: 204 });
    expect(working()).not.toContain(lease.id);
  });

  it('of a token that ends while the database is down is tried until it is up', async () => {
    const { lease, token, people, working, pass, knobs } = leased();
    knobs.database('down');
    people.revokeToken(token.accessor);
    await pass(60_000);
    expect(working()).toContain(lease.id);
    knobs.database('up');
    await pass(60_000);
    expect(working()).toEqual([alias]);
  });

  it('is not given while the database refuses', () => {
    const { token, people, knobs, working } = leased();
    knobs.database('refuses');
    expect(people.lease(token, role)).toBeUndefined();
    expect(people.lease(token, 'ci-other'), 'nor by a right that is not there').toBeUndefined();
    expect(working()).toHaveLength(3);
  });

  it('that a person forgets leaves its user behind', () => {
    const { ask, lease, people, truth } = leased();
    expect(ask('LIST', `sys/leases/lookup/${prefix}`)).toMatchObject({ body: { data: { keys: [lease.id.split('/').at(-1)] } } });
    expect(ask('LIST', 'sys/leases/lookup/database')).toMatchObject({ body: { data: { keys: ['creds/'] } } });
    people.forceLeases(prefix);
    expect(ask('LIST', `sys/leases/lookup/${prefix}`)).toMatchObject({ status: 404, body: { errors: [] } });
    expect(truth.working(bot.uid)).toContainEqual({ what: 'User', credential: lease.id, owner: bot.uid, forgotten: true });
  });
});

describe('a request', () => {
  it('is refused without a token, without the right, and where nothing leads', () => {
    const { ask, knobs, login } = createSmallWorld();
    const denied = { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };
    expect(ask('GET', 'sys/auth', undefined, { 'x-vault-token': 'nobody' })).toMatchObject({ status: 403, body: { errors: ['permission denied'] } });
    expect(ask('GET', 'sys/auth', undefined, { 'x-vault-token': login().id })).toMatchObject(denied);
    expect(ask('GET', 'nowhere/at/all')).toMatchObject(denied);
    expect(ask('LIST', 'sys/leases/lookup/nowhere')).toMatchObject({ status: 404, body: { errors: [] } });
    expect(ask('GET', 'auth/kubernetes/role/nobody')).toMatchObject({ status: 404, body: { errors: [] } });
    expect(ask('GET', 'sys/auth', undefined, { 'x-vault-namespace': 'team' })).toMatchObject({ status: 404, body: { errors: ['namespace not found'] } });
    knobs.withdraw('auth/token/accessors');
    expect(ask('LIST', 'auth/token/accessors')).toMatchObject(denied);
    expect(ask('POST', 'sys/capabilities-self', { paths: ['auth/token/accessors', 'sys/leases/lookup/x/', 'identity/entity/id/1'] })).toMatchObject({
      status: 200, body: { data: { 'auth/token/accessors': ['deny'], 'sys/leases/lookup/x/': ['list', 'sudo'], 'identity/entity/id/1': ['delete', 'update'] } },
    });
    knobs.giveBack();
    expect(ask('LIST', 'auth/token/accessors')).toMatchObject({ status: 200 });
  });

  it('never makes the server throw', () => {
    const { wire } = createSmallWorld();
    for (const path of ['', '/', '/v1/', '/v1/%zz', '/v1/auth//login', '/v1/sys/leases/lookup/?list=true', '/v1/auth/kubernetes/role']) {
      for (const method of ['GET', 'POST', 'PATCH', 'LIST', 'DELETE']) {
        for (const body of [undefined, '', '[]', '{', 'null', '{"paths":3,"accessor":{}}']) {
          expect(() => wire.handle({ from: 'test', method, path, headers: {}, body }), `${method} ${path} ${String(body)}`).not.toThrow();
        }
      }
    }
  });

  it('is answered in the same way by the same seed', async () => {
    const play = async (): Promise<string> => {
      const { ask, login, people, pass, scheduler } = createSmallWorld();
      const lease = there(people.lease(login(), role));
      ask('POST', revokeLease, { lease_id: lease.id, sync: false });
      await pass(1_000);
      return JSON.stringify([lease, scheduler.events(), ask('LIST', 'auth/token/accessors'), ask('GET', 'sys/health')]);
    };
    expect(await play()).toBe(await play());
  });
});
