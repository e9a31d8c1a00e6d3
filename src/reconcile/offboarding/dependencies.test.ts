/** A run with more than one dependency: the cluster, whose account logs in to a vault. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { aWaiver } from '../../../test/builders/offboarding.ts';
import { account, createVaultedWorld, down, inWorld, token, vault } from '../../../test/fakes/vaulted-world.ts';
import type { World } from '../../../test/fakes/world.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';

let world: World;
const { condition, declare, dependency, pass, revokes, run } = inWorld(() => world);

beforeEach(() => {
  world = createVaultedWorld();
});

describe('a run with two dependencies', () => {
  it('is Ready when both are proven gone, and not a moment earlier', async () => {
    await pass(20_000);
    expect(dependency('fake')?.state).toBe('Confirmed');
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Settling' });
    const status = await world.settle();
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    expect(status).toMatchObject({ progress: '2/2', target: { dependencies: [{ name: 'vault', vault: { connectorRef: { name: 'prod' } } }] } });
    expect(condition('Locked')).toMatchObject({ status: 'True', message: 'every dependency that can be locked is locked; fake: nothing to lock' });
  });

  it('takes the last look at what logins left only when no login can come any more', async () => {
    Object.assign(world.vault('vault'), { settleTime: 1_000 });
    await pass(10_000);
    expect(dependency('vault')).toMatchObject({ state: 'Settling', message: 'every known credential is gone; the last look comes once fake is confirmed' });
    expect(world.vault('vault').calls).not.toContain('inventory Fresh');
    await pass(5_500);
    expect(condition('Ready')?.status).toBe('True');
    expect(world.vault('vault').calls.filter((call) => call === 'inventory Fresh')).toHaveLength(1);
  });

  it('goes by what was found under a name when it began, whoever takes that name later, in another process too', async () => {
    const pinned = { vault: { connectorRef: { name: 'the-first' } } };
    world.vault('vault').pinned = pinned;
    await world.look();
    const kept = [{ name: 'vault', ...pinned }];
    expect(world.status().target?.dependencies).toEqual(kept);
    delete world.vault('vault').pinned;
    world.restart();
    await world.settle();
    expect(world.status().target?.dependencies).toEqual(kept);
    expect(condition('Ready')?.status).toBe('True');
  });

  it('finds what a login left in the last moment, and ends it', async () => {
    const vaulted = world.vault('vault');
    Object.assign(vaulted, { settleTime: 1_000 });
    await pass(14_000);
    const late = aCredential({ id: 'token 2', uid: 'here', class: 'Token' });
    vaulted.present.set(late.id, late);
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(revokes('vault')).toEqual(['revoke token 1', 'revoke token 2']);
  });

  it('waits for the tail of what issues, and does not spin meanwhile', async () => {
    Object.assign(world.vault('vault'), { settleTime: 1_000 });
    world.revoker.tail = 5_000;
    await pass(16_000);
    expect(dependency('fake')?.state).toBe('Confirmed');
    expect(condition('Ready')?.status).toBe('False');
    expect(await pass(3_000), 'looks').toBeLessThan(3);
    expect(world.vault('vault').calls).not.toContain('inventory Fresh');
    await pass(3_000);
    expect(condition('Ready')?.status).toBe('True');
  });

  it('begins that tail anew in a new process', async () => {
    Object.assign(world.vault('vault'), { settleTime: 1_000 });
    world.revoker.tail = 5_000;
    await pass(18_000);
    world.restart();
    await pass(3_000);
    expect(condition('Ready')?.status).toBe('False');
    await pass(3_500);
    expect(condition('Ready')?.status).toBe('True');
  });

  it('does not count a look at one that came before the other issued something new', async () => {
    Object.assign(world.vault('vault'), { settleTime: 1_000 });
    await pass(14_500);
    const second = aCredential({ id: 'secrets/ci/late', uid: 'uid-late', class: 'ServiceAccount' });
    // Only a fresh look at the cluster shows it, in the very look that would be the last.
    const { inventory } = world.revoker;
    Object.assign(world.revoker, {
      inventory: async (...args: Parameters<typeof inventory>) => {
        if (args[1] === 'Fresh' && !revokes().includes(`revoke ${second.id}`)) world.revoker.present.set(second.id, second);
        return inventory(...args);
      },
    });
    // By then the vault was looked at, and that counted.
    await pass(3_000);
    expect(revokes()).toContain(`revoke ${second.id}`);
    expect(dependency('vault')?.state).toBe('Settling');
    world.revoker.tail = 5_000;
    await pass(15_000);
    expect(dependency('fake')?.state).toBe('Confirmed');
    expect(dependency('vault')?.state).toBe('Settling');
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(world.vault('vault').calls.filter((call) => call === 'inventory Fresh').length).toBeGreaterThan(1);
  });

  it('does not wait for the logins of another account of that name', async () => {
    await pass(1_000);
    const stranger = { ...account, uid: 'uid-second', end: { by: 'Person' as const, reason: 'IdentityRecreated', message: 'it is left alone' } };
    world.revoker.present.set(account.id, stranger);
    await pass(60_000);
    expect(dependency('vault')?.state).toBe('Confirmed');
    expect(condition('Stalled')).toMatchObject({ reason: 'IdentityRecreated' });
  });

  it('does not believe that what was seen in one place is gone because another shows nothing of it', async () => {
    const vaulted = world.vault('vault');
    await world.look();
    // The server lost its storage: it answers under another id, and cannot tell of what it knew before.
    vaulted.failures.observe = retryable('OriginChanged', 'this is another server');
    const another = { ...token, uid: 'elsewhere' };
    vaulted.present.set(token.id, another);
    await pass(2_000);
    vaulted.present.delete(token.id);
    await pass(120_000);
    expect(dependency('vault')?.credentials?.map(({ uid, state }) => [uid, state])).toEqual([['here', 'Unknown'], ['elsewhere', 'Unknown']]);
    expect(condition('Ready')?.status).toBe('False');
  });
});

describe('a count of many, in a new process', () => {
  const shared = (name: string, uid: string): void => {
    for (let i = 0; i < 200; i += 1) world.vault(name).present.set(`token ${i}`, { ...token, id: `token ${i}`, uid });
  };

  beforeEach(async () => {
    world.vault('vault').present.clear();
    shared('vault', 'here');
    world.vault('vault').origin = 'here';
    await world.look();
    await world.look();
    await world.look();
    expect(dependency('vault')?.credentials).toMatchObject([{ id: 'every Token', uid: 'here', count: 200 }]);
    world.restart();
  });

  it('is confirmed when the place in which they were seen shows none', async () => {
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });

  it('is not when another place answers by now', async () => {
    world.vault('vault').origin = 'elsewhere';
    await pass(300_000);
    expect(dependency('vault')).toMatchObject({ state: 'Unknown' });
    expect(dependency('vault')?.message).toContain('they were seen in here, and elsewhere answers now');
    expect(condition('Ready')?.status).toBe('False');
  });
});

describe('the status', () => {
  it('lists no more credentials than it has room for, however many dependencies there are', async () => {
    declare([vault('vault'), vault('second')]);
    for (const name of ['vault', 'second']) {
      for (let i = 0; i < 100; i += 1) world.vault(name).present.set(`token ${i}`, { ...token, id: `token ${i}` });
    }
    await world.look();
    const listed = world.status().dependencies?.flatMap(({ credentials = [] }) => credentials) ?? [];
    expect(listed.length).toBeLessThanOrEqual(128);
    expect(world.status().summary?.total).toBe(201);
    await world.settle();
    expect(world.status().progress).toBe('201/201');
  });
});

describe('an order', () => {
  it('of as many as there can be is walked in no time', async () => {
    const names = Array.from({ length: 16 }, (_, i) => `v${i}`);
    declare(names.map((name, i) => vault(name, names.slice(0, i))));
    await world.settle('retire', 200);
    expect(condition('Ready')?.status).toBe('True');
  });

  it('is kept: nothing is revoked, nor meant to be, before all that comes first is confirmed', async () => {
    declare([vault('vault', ['fake'])]);
    expect(await pass(14_000), 'looks').toBeLessThan(5);
    expect(revokes('vault')).toEqual([]);
    expect(dependency('vault')).toMatchObject({ state: 'Locked', message: 'nothing is revoked here before fake is confirmed' });
    expect(dependency('vault')?.credentials?.[0]?.revokeRequestedAt).toBeUndefined();
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Settling' });
    expect(condition('Revoked')?.status).toBe('False');
    await pass(1_100);
    expect(revokes('vault'), 'at once').toEqual(['revoke token 1']);
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });

  it('is kept in a new process, and what was begun goes on whatever opens again', async () => {
    declare([vault('vault', ['fake'])]);
    world.vault('vault').onRevoke = () => undefined;
    await pass(5_000);
    world.restart();
    await pass(5_000);
    expect(revokes('vault')).toEqual([]);
    await pass(20_000);
    const before = revokes('vault').length;
    expect(before).toBeGreaterThan(0);
    const late = aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' });
    world.revoker.present.set(late.id, late);
    world.revoker.onRevoke = () => undefined;
    await pass(30_000);
    expect(dependency('fake')?.state).toBe('Revoking');
    expect(revokes('vault').length).toBeGreaterThan(before);
  });

  it('goes on behind what was given up', async () => {
    declare([vault('vault', ['fake'])]);
    world.revoker.onRevoke = () => undefined;
    world.waivers.push(aWaiver());
    await pass(60_000);
    expect(revokes('vault')).toEqual(['revoke token 1']);
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'CompletedWithWaivers' });
  });

  it.each([
    ['has no beginning', [vault('one', ['two']), vault('two', ['one'])], /one after two after one/],
    ['names what is not there', [vault('one', ['gone'])], /"one" is to come after "gone"/],
    ['names itself', [vault('one', ['one'])], /one after one/],
  ])('that %s is refused in words', async (_, dependencies, message) => {
    declare(dependencies);
    await world.look();
    expect(condition('Stalled')).toMatchObject({ reason: 'InvalidSpec', message: expect.stringMatching(message) as string });
    expect(revokes()).toEqual([]);
  });
});

describe('one dependency that is down', () => {
  const fail = (): void => {
    for (const operation of ['inventory', 'preflight', 'lock', 'unlock', 'observeLock', 'revoke', 'observe'] as const) world.vault('vault').failures[operation] = down;
  };
  const heal = (): void => {
    for (const operation of Object.keys(world.vault('vault').failures)) Reflect.deleteProperty(world.vault('vault').failures, operation);
  };

  it('does not hold up the others after the start, and is never Ready', async () => {
    await world.look();
    await world.look();
    fail();
    await pass(15_500);
    expect(dependency('fake')?.state, 'as soon as it can be').toBe('Confirmed');
    expect(dependency('vault')).toMatchObject({ state: 'Unknown', lastError: { code: 'Unavailable' } });
    await pass(600_000);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'DependencyUnavailable', message: 'vault: connection refused' });
    heal();
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });

  it('is asked again soon, while another settles', async () => {
    // Nothing of it is to be revoked again, which would wake the run up by itself.
    world.vault('vault').present.set(token.id, { ...token, end: { by: 'Others' } });
    await world.look();
    await world.look();
    fail();
    await world.look();
    await pass(1_000);
    expect(dependency('vault')?.state).toBe('Unknown');
    world.clock.schedule(500, heal);
    await pass(5_000);
    expect(dependency('vault')?.state).toBe('Revoking');
  });

  it('holds a Routine run before anything is touched', async () => {
    fail();
    await pass(60_000);
    expect(condition('Ready')).toMatchObject({ reason: 'DependencyUnavailable', message: 'vault: connection refused' });
    expect([...revokes(), ...revokes('vault')]).toEqual([]);
    expect(world.status().startedAt).toBeUndefined();
  });

  it('does not protect the access to all others in an Emergency, and nobody says that it was looked at', async () => {
    run({ urgency: 'Emergency' });
    fail();
    await pass(60_000);
    expect(dependency('fake')?.state).toBe('Confirmed');
    expect(dependency('vault')).toMatchObject({ state: 'Unknown' });
    expect(condition('Planned')?.status).toBe('False');
    expect(condition('Locked')?.status).toBe('False');
    expect(condition('Revoked')?.status).toBe('False');
    expect(condition('Ready')?.status).toBe('False');
    expect(world.status().residualUntil).toBe('unknown');
    heal();
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(world.vault('vault').calls).toContain('lock');
    expect(revokes('vault')).toEqual(['revoke token 1']);
  });

  it('holds an Emergency too when there is nothing else to revoke', async () => {
    run({ urgency: 'Emergency' });
    fail();
    world.revoker.failures.inventory = needsPerson('PermissionMissing', 'may not list');
    await pass(30_000);
    expect(world.status().startedAt).toBeUndefined();
    expect(condition('Stalled')).toMatchObject({ reason: 'PermissionMissing', message: 'fake: may not list' });
  });

  it('that was never looked at is given up by a waiver, in words', async () => {
    fail();
    await world.look();
    world.waivers.push(aWaiver({ spec: { dependency: 'vault' } }));
    await pass(60_000);
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'CompletedWithWaivers' });
    expect(condition('Ready')?.message).toContain('vault: given up until');
    expect(condition('Planned')?.status).toBe('False');
    expect(dependency('vault')).toMatchObject({ state: 'Waived' });
  });

  it('and was given up unseen is taken up when it can be asked: what it holds did not come after the end', async () => {
    fail();
    await world.look();
    world.waivers.push(aWaiver({ spec: { dependency: 'vault' } }));
    await pass(60_000);
    expect(condition('Ready')?.reason).toBe('CompletedWithWaivers');
    heal();
    await pass(300_000);
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    expect(revokes('vault')).toEqual(['revoke token 1']);
  });

  it('is looked at by back-off beside what waits for a person, and not as seldom', async () => {
    const shared = aCredential({ id: 'rolebindings/ci/shared', end: { by: 'Person', reason: 'SharedBinding', message: 'take the subject out' } });
    run({ urgency: 'Emergency' });
    world.revoker.present.set(shared.id, shared);
    const child = aCredential({ id: 'token 2', class: 'Token', end: { by: 'Others' } });
    world.vault('vault').present.clear();
    world.vault('vault').present.set(child.id, child);
    await world.look();
    await world.look();
    const result = await world.look();
    expect(condition('Stalled')?.reason).toBe('SharedBinding');
    expect(result.kind === 'again' && result.after).toBeLessThan(2_000);
  });
});

describe('what nobody can revoke', () => {
  const tokens = (end: string) => aCredential({ id: 'access tokens', class: 'AccessTokens', end: { by: 'Expiry', at: new Date(end) } });
  const runUntil = (end: string): void => {
    world.vault('vault').present.set('access tokens', tokens(end));
  };
  const told = () => [dependency('vault')?.credentials?.find(({ id }) => id === 'access tokens')?.expiresAt, world.status().residualUntil];

  beforeEach(async () => {
    runUntil('2026-11-23T11:00:00Z');
    await pass(120_000);
    expect(dependency('vault')).toMatchObject({ state: 'Waiting', reason: 'WaitingForExpiry' });
    expect(told()).toEqual(['2026-11-23T11:00:00.000Z', '2026-11-23T11:00:00Z']);
  });

  it('is waited for until the time that is known now, and the status is quiet meanwhile', async () => {
    runUntil('2026-11-23T11:30:00Z');
    await world.look();
    expect(told()).toEqual(['2026-11-23T11:30:00.000Z', '2026-11-23T11:30:00Z']);
    const writes = world.writes();
    expect(await pass(80 * 60_000), 'looks').toBeLessThan(5);
    expect(world.writes()).toBe(writes);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'WaitingForExpiry' });
    world.vault('vault').present.delete('access tokens');
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });

  it('is waited for until then by a new process as well', async () => {
    world.restart();
    runUntil('2026-11-23T11:30:00Z');
    await world.look();
    expect(told()).toEqual(['2026-11-23T11:30:00.000Z', '2026-11-23T11:30:00Z']);
  });

  it('is still looked at with pauses that grow once its time has passed and it is there, and no end is promised', async () => {
    const looks = await pass(3 * 3_600_000);
    expect(world.clock.now().getTime()).toBeGreaterThan(Date.parse('2026-11-23T12:30:00Z'));
    expect(looks).toBeLessThan(150);
    expect(dependency('vault')?.message).toContain('access tokens');
    expect(told()).toEqual([undefined, 'unknown']);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Revoking' });
    world.vault('vault').present.delete('access tokens');
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });

  it('has no end while more of it can be made, and the status is quiet meanwhile', async () => {
    const { observe } = world.vault('vault');
    Object.assign(world.vault('vault'), {
      observe: async (...args: Parameters<typeof observe>) => {
        const { expiresAt: _, ...observation } = await observe(...args);
        return observation;
      },
    });
    await world.look();
    expect(told()).toEqual([undefined, 'unknown']);
    const writes = world.writes();
    await pass(3 * 3_600_000);
    expect(world.writes()).toBe(writes);
    Object.assign(world.vault('vault'), { observe });
    runUntil('2026-11-23T14:00:00Z');
    await pass(120_000);
    expect(told()).toEqual(['2026-11-23T14:00:00.000Z', '2026-11-23T14:00:00Z']);
  });

  it('is asked again by back-off, when its time has passed and nobody answers', async () => {
    world.vault('vault').failures.observe = down;
    expect(await pass(3 * 3_600_000), 'looks').toBeLessThan(150);
    expect(dependency('vault')?.state).toBe('Unknown');
    expect(world.status().residualUntil).toBe('unknown');
  });
});

describe('what was taken out of the WorkloadIdentity', () => {
  const held = { name: 'vault', credentials: 3, provable: true, declared: true, vault: { connectorRef: { name: 'prod' } } };

  it('is retired too while the status still lists it', async () => {
    declare([], { serviceAccountUID: 'uid-of-account', dependencies: [{ name: 'kubernetes', credentials: 1, provable: true }, held] });
    await world.settle();
    expect(world.status().target?.dependencies).toEqual([{ name: 'vault', undeclared: true, vault: { connectorRef: { name: 'prod' } } }]);
    expect(revokes('vault')).toEqual(['revoke token 1']);
    expect(condition('Ready')?.status).toBe('True');
  });
});

describe('a dependency on Google Cloud', () => {
  const googleCloud = { connectorRef: { name: 'gcp' }, serviceAccount: { email: 'agent@acme-ci.iam.gserviceaccount.com' }, resources: ['projects/a'] };
  const binding = aCredential({ id: 'binding 1', class: 'Binding' });

  it('is one beside the others: taken into the target as declared, and ended', async () => {
    declare([vault('vault'), { name: 'google', after: ['vault'], googleCloud }]);
    world.google('google').present.set(binding.id, binding);
    world.google('google').findings = [{ type: 'Shared', message: 'the account is also that of team B' }];
    await pass(20_000);
    const serviceAccount = { ...googleCloud.serviceAccount, onRetire: 'KeepDisabled' };
    expect(world.status().target?.dependencies?.[1]).toEqual({ name: 'google', after: ['vault'], googleCloud: { ...googleCloud, serviceAccount } });
    expect(dependency('google')).toMatchObject({ state: 'Locked', message: 'nothing is revoked here before vault is confirmed' });
    await world.settle();
    expect(world.google('google').calls).toContain('revoke binding 1');
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    expect(world.status().progress).toBe('3/3');
  });

  it('is retired too while only the status lists it any more', async () => {
    world.google('google').present.set(binding.id, binding);
    declare([], { serviceAccountUID: 'uid-of-account', dependencies: [{ name: 'google', credentials: 1, provable: true, declared: true, googleCloud }] });
    await world.settle();
    expect(world.status().target?.dependencies).toEqual([{ name: 'google', undeclared: true, googleCloud }]);
    expect(world.google('google').calls).toContain('revoke binding 1');
    expect(condition('Ready')?.status).toBe('True');
  });
});

describe('a dependency that another version knew', () => {
  it('is refused before the start', async () => {
    declare([{ name: 'google' }]);
    await world.look();
    expect(condition('Stalled')).toMatchObject({ reason: 'InvalidSpec' });
    expect(condition('Stalled')?.message).toContain('"google"');
  });

  it('keeps a run that began with it from ever being Ready, and holds up nothing else', async () => {
    await world.look();
    const begun = world.object();
    const { target, ...status } = begun.status ?? {};
    if (target === undefined) throw new Error('the run has no target');
    world.put({ ...begun, status: { ...status, target: { ...target, dependencies: [...(target.dependencies ?? []), { name: 'google' }] } } });
    const child = aCredential({ id: 'token 2', uid: 'here', class: 'Token', end: { by: 'Others' } });
    world.vault('vault').present.set(child.id, child);
    world.clock.schedule(60_000, () => world.vault('vault').present.delete(child.id));
    await pass(400_000);
    expect([dependency('fake')?.state, dependency('vault')?.state, dependency('google')?.state]).toEqual(['Confirmed', 'Confirmed', 'Blocked']);
    expect(condition('Ready')?.status).toBe('False');
  });
});

describe('after the end', () => {
  it('a dependency that does not answer takes nothing back, and is not asked again and again', async () => {
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    world.vault('vault').failures.inventory = down;
    const writes = world.writes();
    expect(await world.look()).toEqual({ kind: 'again', after: 2_880_000 });
    expect(condition('Ready')?.status).toBe('True');
    expect(world.writes()).toBe(writes);
  });

  it('a new process, which takes up all that ever ended, asks only what costs nothing', async () => {
    await world.settle();
    world.restart();
    const before = world.vault('vault').calls.length;
    await world.look();
    expect(world.vault('vault').calls).toHaveLength(before);
    await world.look();
    expect(world.vault('vault').calls.slice(before)).toEqual(['inventory Cached']);
  });

  it('all of them are asked every hour or so, and nothing is written while nothing comes back', async () => {
    await world.settle();
    const before = world.vault('vault').calls.length;
    const writes = world.writes();
    expect(await pass(24 * 3_600_000), 'looks').toBeLessThan(40);
    expect(world.vault('vault').calls.slice(before).length).toBeGreaterThan(20);
    expect(world.writes()).toBe(writes);
    world.vault('vault').present.set(token.id, token);
    await pass(3_600_000);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Resurrected' });
    expect(await world.look()).toEqual({ kind: 'done' });
  });

  it('what came back in any of them is told', async () => {
    await world.settle();
    world.vault('vault').present.set(token.id, token);
    await world.look();
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Resurrected' });
  });
});
