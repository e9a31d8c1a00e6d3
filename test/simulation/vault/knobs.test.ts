import { describe, expect, it } from 'vitest';

import type { Acceptance, Ending } from './core.ts';
import { bot, createSmallWorld, prefix, role, there } from './small-world.ts';

const lookupLease = 'sys/leases/lookup';
const alias = `auth/kubernetes alias ${bot.uid}`;

describe('an end that was accepted', () => {
  /** Asks for it, and says what works of it at once, and after a while. */
  const asked = async (what: Ending, acceptance: Acceptance): Promise<readonly [boolean, boolean]> => {
    const { ask, people, login, working, pass, knobs } = createSmallWorld();
    const { accessor, entityId } = login();
    const lease = there(people.lease(login(), role));
    const appRole = people.addAppRole(role, bot);
    const secretId = appRole.secretId();
    people.addCertificate('aa:bb', 'pem', bot);
    const calls: Readonly<Record<Ending, readonly [string, string, object | undefined, string]>> = {
      Lease: ['POST', 'sys/leases/revoke', { lease_id: lease.id, sync: true }, lease.id],
      Token: ['POST', 'auth/token/revoke-accessor', { accessor }, `auth/token accessor ${accessor}`],
      Entity: ['POST', `identity/entity/id/${entityId}`, { disabled: true }, alias],
      AuthRole: ['DELETE', `auth/kubernetes/role/${role}`, undefined, alias],
      SecretId: ['POST', `auth/approle/role/${role}/secret-id-accessor/destroy`, { secret_id_accessor: secretId.accessor }, `auth/approle/role/${role} secret id accessor ${secretId.accessor}`],
      Certificate: ['POST', 'pki/revoke', { serial_number: 'aa:bb' }, 'pki/cert/aa:bb'],
    };
    const [method, path, body, credential] = calls[what];
    expect(working()).toContain(credential);
    knobs.accept(what, acceptance);
    expect([200, 204]).toContain(ask(method, path, body).status);
    const atOnce = working().includes(credential);
    await pass(10_000);
    return [atOnce, working().includes(credential)];
  };
  const endings: readonly Ending[] = ['Lease', 'Token', 'Entity', 'AuthRole', 'SecretId', 'Certificate'];

  it.each(endings)('of a %s is carried out, now, later, or never', async (what) => {
    expect(await asked(what, { kind: 'Done' })).toEqual([false, false]);
    expect(await asked(what, { kind: 'Late', after: 5_000 })).toEqual([true, false]);
    expect(await asked(what, { kind: 'Late', after: 15_000 })).toEqual([true, true]);
    expect(await asked(what, { kind: 'Ignored' })).toEqual([true, true]);
    expect(await asked(what, { kind: 'Fails', after: 5_000 })).toEqual([true, true]);
  });

  it('of a lease shows as pending, and then as given up', async () => {
    const { ask, people, login, pass, knobs } = createSmallWorld();
    const lease = there(people.lease(login(), role));
    const look = () => ask('POST', lookupLease, { lease_id: lease.id }).body;
    knobs.accept('Lease', { kind: 'Fails', after: 5_000 });
    ask('POST', 'sys/leases/revoke', { lease_id: lease.id, sync: true });
    await pass(4_000);
    expect(look()).toMatchObject({ data: { ttl: -4, renewable: false } });
    await pass(1_000);
    expect(look()).toMatchObject({ data: { ttl: -5, revoke_error: expect.stringContaining('out of retries') as string } });
    knobs.accept('Lease', { kind: 'Done' });
    ask('POST', 'sys/leases/revoke', { lease_id: lease.id, sync: true });
    expect(look()).toEqual({ errors: ['invalid lease'] });
  });

  it('of a lease may be given up by a person', () => {
    const { ask, people, login, knobs, working } = createSmallWorld();
    const lease = there(people.lease(login(), role));
    knobs.giveUpOn(lease.id);
    expect(ask('POST', lookupLease, { lease_id: lease.id })).toMatchObject({ body: { data: { ttl: 0, revoke_error: expect.stringContaining('out of retries') as string } } });
    expect(working()).toContain(lease.id);
  });
});

describe('a standby', () => {
  const list = `sys/leases/lookup/${prefix}?list=true`;

  it('tells what was so a while ago, passes writes on, and catches up', async () => {
    const { ask, people, login, pass, knobs } = createSmallWorld();
    const token = login();
    knobs.standby(3_000);
    const lease = there(people.lease(token, role));
    expect(ask('GET', list), 'not there yet').toMatchObject({ status: 404, body: { errors: [] } });
    await pass(3_000);
    expect(ask('GET', list)).toMatchObject({ status: 200 });
    expect(ask('POST', 'sys/leases/revoke', { lease_id: lease.id, sync: true })).toMatchObject({ status: 204 });
    expect(ask('GET', list), 'still there').toMatchObject({ status: 200 });
    await pass(3_000);
    expect(ask('GET', list)).toMatchObject({ status: 404 });
    knobs.standby(undefined);
    there(people.lease(token, role));
    expect(ask('GET', list)).toMatchObject({ status: 200 });
  });

  it('that has not come far enough says so, or passes the question on, if it heeds that', async () => {
    const { ask, people, login, pass, knobs } = createSmallWorld();
    const token = login();
    knobs.standby(3_000);
    there(people.lease(token, role));
    const index = String(ask('PUT', 'cubbyhole/offboard', { watermark: 'offboard' }).headers?.['x-vault-index']);
    const bound = { 'x-vault-index': index };
    const forwarded = { ...bound, 'x-vault-inconsistent': 'forward-active-node' };
    expect(ask('GET', list, undefined, bound)).toMatchObject({ status: 429, headers: { 'retry-after': '1' }, body: { errors: [] } });
    expect(ask('GET', list, undefined, forwarded)).toMatchObject({ status: 200 });
    knobs.standby(3_000, false);
    there(people.lease(token, role));
    people.forceLeases(prefix);
    expect(ask('GET', list, undefined, { ...forwarded, 'x-vault-index': String(ask('PUT', 'cubbyhole/offboard', {}).headers?.['x-vault-index']) })).toMatchObject({ status: 200 });
    await pass(3_000);
    expect(ask('GET', list, undefined, bound)).toMatchObject({ status: 404 });
  });

  it('that is asked for some paths only tells of those what was so a while ago', () => {
    const { ask, people, login, knobs } = createSmallWorld();
    const token = login();
    knobs.standby(3_000, true, (path) => path.startsWith('sys/leases/lookup/'));
    const lease = there(people.lease(token, role));
    expect(ask('GET', list)).toMatchObject({ status: 404 });
    expect(ask('POST', lookupLease, { lease_id: lease.id })).toMatchObject({ status: 200 });
  });

  it('is as healthy as the active node to those who ask for that', () => {
    const { ask, knobs } = createSmallWorld();
    knobs.standby(1);
    expect(ask('GET', 'sys/health')).toMatchObject({ status: 429, body: { standby: true } });
    expect(ask('GET', 'sys/health?standbyok=true&perfstandbyok=true')).toMatchObject({ status: 200, body: { sealed: false, initialized: true } });
  });

  it('there is none where nothing tells how far the storage is', () => {
    const { ask } = createSmallWorld({ storage: 'memory' });
    expect(ask('PUT', 'cubbyhole/offboard', {}).headers).toBeUndefined();
  });
});

describe('a server that is sealed', () => {
  it('says so to everything, lets nobody in, and does what is due when it is unsealed', async () => {
    const { ask, people, login, jwt, pass, knobs, working } = createSmallWorld();
    people.addAgent(bot, role, { tokenTtl: 60_000 });
    const token = login();
    const lease = there(people.lease(token, role));
    knobs.giveUpOn(lease.id);
    knobs.seal();
    expect(ask('GET', 'sys/auth')).toMatchObject({ status: 503, body: { errors: ['Vault is sealed'] } });
    expect(ask('GET', 'sys/health?standbyok=true')).toMatchObject({ status: 503, body: { sealed: true } });
    expect([people.login(jwt(), role), people.child(token), people.isTaken(token)]).toEqual([undefined, undefined, false]);
    await pass(120_000);
    knobs.unseal();
    knobs.unseal();
    expect(working()).toEqual([lease.id, alias]);
    expect(ask('GET', 'sys/leases?type=irrevocable'), 'not restored yet').toMatchObject({ body: { data: { lease_count: 0 } } });
    await pass(90);
    expect(ask('GET', 'sys/leases?type=irrevocable')).toMatchObject({ body: { data: { lease_count: 1 } } });
  });
});

describe('a server that lost its storage', () => {
  it('is another one, in which nobody is known and the users are forgotten', async () => {
    const { ask, people, login, operator, pass, knobs, truth, changes } = createSmallWorld();
    const token = login();
    const lease = there(people.lease(token, role));
    people.setDisabled(bot, true);
    knobs.accept('Token', { kind: 'Late', after: 1_000 });
    ask('POST', 'auth/token/revoke-accessor', { accessor: token.accessor });
    const before = ask('GET', 'sys/health').body;
    const anew = knobs.loseStorage();
    expect(ask('GET', 'sys/health').body).not.toEqual(before);
    expect(ask('GET', 'auth/token/lookup-self')).toMatchObject({ status: 403, body: { errors: ['permission denied'] } });
    const asAnew = { 'x-vault-token': anew.id };
    expect(ask('POST', lookupLease, { lease_id: lease.id }, asAnew)).toMatchObject({ status: 400, body: { errors: ['invalid lease'] } });
    expect(ask('GET', `auth/kubernetes/role/${role}`, undefined, asAnew)).toMatchObject({ status: 200 });
    expect(truth.working(bot.uid)).toEqual([
      { what: 'User', credential: lease.id, owner: bot.uid, forgotten: true }, { what: 'Login', credential: alias, owner: bot.uid },
    ]);
    expect(changes.findLast(({ owner }) => owner === bot.uid), 'the lock was lost').toMatchObject({ what: 'Login', works: true });
    expect(knobs.loseStorage(operator).id).toBe(operator.id);
    await pass(2_000);
    expect(ask('GET', 'auth/token/lookup-self')).toMatchObject({ status: 200 });
  });
});

it('an operator whose token was revoked is a stranger', () => {
  const { ask, knobs, operator, people } = createSmallWorld();
  knobs.revokeOperatorToken(operator);
  expect(ask('GET', 'sys/auth')).toMatchObject({ status: 403, body: { errors: ['permission denied'] } });
  expect(ask('GET', 'sys/auth', undefined, { 'x-vault-token': people.operatorToken().id })).toMatchObject({ status: 200 });
});
