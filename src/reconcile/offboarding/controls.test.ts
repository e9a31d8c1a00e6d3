/** How a run tries what it retires: before the lock, from the first absence on, and never by what another process had in its memory. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { createWorld } from '../../../test/fakes/world.ts';
import type { World } from '../../../test/fakes/world.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';

let world: World;

const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-account', class: 'ServiceAccount' });
const only = () => world.status().dependencies?.[0];
const condition = (type: string) => world.status().conditions?.find((each) => each.type === type);
const begin = (spec: Parameters<typeof anOffboarding>[0] = {}): void => {
  world.identity(anIdentity({ spec: { kubernetes: { probe: true } } }));
  world.put(anOffboarding(spec));
  world.revoker.present.set(account.id, account);
};

beforeEach(() => {
  world = createWorld({ lockable: true, stays: true, probing: true });
});

describe('a control', () => {
  it('is taken after the run is stored and before the lock, and gone before the end', async () => {
    begin();
    await world.settle();
    const order = world.revoker.calls.filter((call) => ['take', 'lock', 'drop', `revoke ${account.id}`].includes(call));
    expect(order).toEqual(['take', 'lock', `revoke ${account.id}`, 'drop']);
    expect(condition('Ready')?.status).toBe('True');
  });

  it('makes of two refusals that span the settle time a proof', async () => {
    begin();
    await world.settle();
    expect(only()?.credentials?.[0]).toMatchObject({
      state: 'Confirmed',
      strength: 'Probed',
      probe: { controlAt: '2026-11-23T09:59:00.000Z', refusals: 6, servers: 1 },
    });
    const { probe, absentSince, absentFor } = only()?.credentials?.[0] ?? {};
    expect(probe?.deadAt).toBe(absentSince);
    expect(probe?.refusedAt).toBe(absentSince);
    expect(absentFor).toBeGreaterThanOrEqual(15_000);
  });

  it('that failed is told, and what it was for is only observed', async () => {
    world.revoker.untried = [{ type: 'NotProbed', object: 'tokens', message: 'the token did not work' }];
    begin();
    await world.settle();
    expect(only()?.credentials?.[0]).toMatchObject({ state: 'Confirmed', strength: 'Observed' });
    expect(only()?.findings).toContainEqual({ type: 'NotProbed', object: 'tokens', message: 'the token did not work' });
  });

  it('is taken anew where it is over before the lock can be had', async () => {
    world.revoker.failures.lock = needsPerson('LockNotInstalled', 'the policy is not there');
    begin();
    await world.settle('retire', 4);
    await world.clock.advance(660_000);
    world.revoker.canary = false;
    delete world.revoker.failures.lock;
    await world.settle();
    expect(only()?.credentials?.[0]).toMatchObject({ state: 'Confirmed', strength: 'Probed' });
    expect(world.revoker.calls.filter((call) => call === 'take')).toHaveLength(2);
    expect(only()?.findings ?? []).toEqual([]);
  });

  it('that was over before it was refused for a settle time is told, and what it was for is only observed', async () => {
    begin();
    await world.settle('retire', 3);
    expect(only()?.credentials?.[0]).toMatchObject({ state: 'Absent', probe: { refusals: 3 } });
    world.revoker.canary = false;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(only()?.credentials?.[0]?.strength).toBe('Observed');
    expect(only()?.findings?.filter(({ type }) => type === 'NotProbed')).toEqual([
      { type: 'NotProbed', object: 'tokens of ci/agent', message: expect.stringContaining('was over before it was refused') as string },
    ]);
  });

  it('that was contradicted once, and is over, leaves it to a person', async () => {
    const { observe } = world.revoker;
    let looks = 0;
    const contradicted: typeof observe = async (...asked) => {
      const seen = await observe(...asked);
      if (seen.tried === undefined) return seen;
      looks += 1;
      world.revoker.canary = false;
      return { ...seen, state: 'Present', tried: { ...seen.tried, refusals: 0, deadAtSource: false } };
    };
    Object.assign(world.revoker, { observe: contradicted });
    begin();
    await world.settle('retire', 12);
    expect(looks).toBe(1);
    expect(condition('Ready')?.status).toBe('False');
    expect(condition('Stalled')).toMatchObject({ reason: 'Contradicted', message: expect.stringContaining('approve a waiver') as string });
    world.restart();
    await world.settle('retire', 12);
    expect(condition('Stalled')?.reason).toBe('Contradicted');
  });

  it('that may not be taken holds a Routine run, and not an Emergency', async () => {
    world.revoker.failures.take = needsPerson('PermissionMissing', 'may not create serviceaccounts/token');
    begin();
    await world.settle('retire', 4);
    expect(condition('Stalled')).toMatchObject({ reason: 'PermissionMissing', message: 'fake: may not create serviceaccounts/token' });
    expect(world.revoker.calls).not.toContain('lock');
    begin({ spec: { urgency: 'Emergency' } });
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(only()?.credentials?.[0]?.strength).toBe('Observed');
    expect(only()?.findings?.filter(({ type }) => type === 'NotProbed'), 'and why is said, as it was').toEqual([
      { type: 'NotProbed', object: 'tokens of ci/agent', message: expect.stringContaining('may not create serviceaccounts/token') as string },
    ]);
  });

  it('that was lost is told, also by a run that nothing could lock', async () => {
    world.revoker.failures.lock = retryable('Timeout', 'no answer');
    begin({ spec: { urgency: 'Emergency' } });
    await world.settle('retire', 2);
    expect(world.status().revokeStartedAt).toBeDefined();
    world.restart();
    await world.settle('retire', 4);
    expect(world.status().lockedAt).toBeUndefined();
    expect(world.revoker.calls.filter((call) => call === 'take')).toHaveLength(1);
    expect(only()?.findings).toContainEqual(expect.objectContaining({ type: 'NotProbed', object: 'tokens of ci/agent' }));
  });

  it('that failed is told once, however often is looked for more', async () => {
    const { inventory } = world.revoker;
    const late = aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' });
    const telling: typeof inventory = async (...asked) => {
      if (asked[1] === 'Fresh' && !world.revoker.calls.includes(`revoke ${late.id}`)) world.revoker.present.set(late.id, late);
      const { credentials } = await inventory(...asked);
      return { credentials, findings: [{ type: 'NotProbed', object: 'the probe', message: 'it was refused before, too' }] };
    };
    Object.assign(world.revoker, { inventory: telling });
    begin();
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(only()?.findings?.filter(({ type }) => type === 'NotProbed')).toHaveLength(1);
  });

  it('that cannot be taken away does not keep an Emergency waiting', async () => {
    begin({ spec: { soak: '1h' } });
    await world.settle('retire', 4);
    world.revoker.failures.drop = needsPerson('PermissionMissing', 'may not delete secrets');
    world.put(anOffboarding({ metadata: { name: 'now', uid: 'now', creationTimestamp: '2026-11-23T10:00:30Z' }, spec: { urgency: 'Emergency' } }));
    await world.look('now');
    await world.look();
    expect(world.status()).toMatchObject({ phase: 'Superseded' });
    await world.settle('now', 6);
    expect(world.status('now').revokeStartedAt).toBeDefined();
  });

  it('is taken anew by a process that starts before the lock, and lost with one that ends after it', async () => {
    world.revoker.failures.lock = retryable('Timeout', 'no answer');
    begin();
    await world.settle('retire', 4);
    world.restart();
    world.revoker.canary = false;
    delete world.revoker.failures.lock;
    begin({ spec: { soak: '1h' }, status: world.status() });
    await world.settle('retire', 3);
    expect(world.revoker.calls.filter((call) => call === 'take')).toHaveLength(2);
    expect(world.status().phase).toBe('Soaking');
    world.restart();
    world.revoker.canary = false;
    await world.settle('retire', 90);
    expect(condition('Ready')?.status).toBe('True');
    expect(world.revoker.calls.filter((call) => call === 'take')).toHaveLength(2);
    expect(only()?.credentials?.[0]?.strength).toBe('Observed');
    expect(only()?.findings).toContainEqual(expect.objectContaining({ type: 'NotProbed', object: 'tokens of ci/agent' }));
    expect(world.revoker.calls).toContain('drop');
  });

  it('is gone before a cancel is over, and keeps the run open until then', async () => {
    begin({ spec: { soak: '1h' } });
    await world.settle('retire', 4);
    world.revoker.failures.drop = retryable('Timeout', 'no answer');
    const object = world.object();
    world.put({ ...object, spec: { ...object.spec, cancel: { reason: 'wrong agent' } } });
    await world.look();
    expect(condition('Reconciling')?.message).toBe('fake: what was made to be tried is not gone: no answer');
    expect(world.revoker.isLocked).toBe(true);
    delete world.revoker.failures.drop;
    await world.look();
    expect(condition('Ready')?.reason).toBe('Cancelled');
    expect([world.revoker.canary, world.revoker.isLocked]).toEqual([false, false]);
  });

  it('of which something is left that gives no access is told to people', async () => {
    world.revoker.left = 'Secret "offboard-canary-1" is left';
    begin();
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(world.events).toContainEqual(expect.objectContaining({ type: 'Warning', reason: 'CanaryLeft', note: 'fake: Secret "offboard-canary-1" is left' }));
  });

  it('that cannot be taken away keeps what is proven from being Ready', async () => {
    world.revoker.failures.drop = retryable('Timeout', 'no answer');
    begin();
    await world.settle();
    expect(condition('Ready')).toMatchObject({ status: 'False', message: 'fake: what was made to be tried is not gone: no answer' });
    delete world.revoker.failures.drop;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });
});

describe('a lock that stays', () => {
  const lose = () => {
    world.revoker.isLocked = false;
  };

  it('is put back where it was lost, which stays known', async () => {
    begin({ spec: { soak: '1h' } });
    await world.settle('retire', 4);
    lose();
    await world.look();
    expect(condition('Locked')?.status).toBe('True');
    expect(world.revoker.isLocked).toBe(true);
    const { lockLostAt } = world.status();
    expect(lockLostAt).toBeDefined();
    expect(world.events).toContainEqual(expect.objectContaining({ type: 'Warning', reason: 'LockLost', note: 'The lock did not hold for a while, and was put back' }));
    await world.look();
    expect(world.status().lockLostAt).toBe(lockLostAt);
  });

  it('and cannot be put back is said, and holds a Routine run that has revoked nothing', async () => {
    begin({ spec: { soak: '10s' } });
    await world.look();
    await world.look();
    lose();
    world.revoker.failures.lock = needsPerson('LockNotInstalled', 'the policy offboard-lock-identity is not there');
    await world.settle('retire', 6);
    expect(condition('Locked')).toMatchObject({ status: 'False', reason: 'LockLost' });
    expect(condition('Stalled')).toMatchObject({ reason: 'LockNotInstalled', message: 'fake: the policy offboard-lock-identity is not there' });
    expect(world.revoker.calls.some((call) => call.startsWith('revoke'))).toBe(false);
    expect(world.events.filter(({ reason }) => reason === 'LockLost')).toHaveLength(1);
    delete world.revoker.failures.lock;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('Locked')?.status).toBe('True');
  });

  it('does not hold what has begun, but its end', async () => {
    begin();
    await world.settle('retire', 2);
    expect(world.status().revokeStartedAt).toBeDefined();
    world.revoker.failures.lock = needsPerson('LockNotInstalled', 'gone');
    lose();
    await world.settle('retire', 6);
    expect(only()?.credentials?.[0]?.state).toBe('Confirmed');
    expect(condition('Locked')?.status).toBe('False');
    expect(condition('Stalled')?.reason).toBe('LockNotInstalled');
    delete world.revoker.failures.lock;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('Locked')?.status).toBe('True');
  });

  it('and that nobody can see is neither held nor lost', async () => {
    begin({ spec: { soak: '1h' } });
    await world.settle('retire', 3);
    const { lock } = world.revoker;
    if (lock.kind !== 'Lockable') throw new Error('it is lockable');
    world.revoker.lock = { ...lock, observeLock: () => Promise.resolve({ state: 'Unknown', method: 'fake', message: 'no answer' }) };
    await world.look();
    expect(condition('Locked')).toMatchObject({ status: 'Unknown', reason: 'LockLost', message: 'fake: no answer' });
    expect(world.status().lockLostAt).toBeUndefined();
    world.revoker.lock = lock;
    await world.look();
    expect(condition('Locked')?.status).toBe('True');
  });

  it.each([
    [{ state: 'Present', method: 'fake', message: 'tried on 2 API servers; not tried, as it cannot be reached: c' }, 'True', 'Locked'],
    [{ state: 'Unknown', method: 'fake', message: 'no answer' }, 'Unknown', 'Unknown'],
  ] as const)('is recorded as it was seen last, in the words of whoever saw it: %j', async (seen, status, lock) => {
    begin({ spec: { soak: '1m' } });
    await world.settle('retire', 3);
    const { lock: kind } = world.revoker;
    if (kind.kind !== 'Lockable') throw new Error('it is lockable');
    world.revoker.lock = { ...kind, observeLock: () => Promise.resolve(seen) };
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('Locked')).toMatchObject({ status, message: expect.stringContaining(`fake: ${seen.message}`) as string });
    expect(world.ledger.records[0]?.dependencies[0]).toMatchObject({ lock, lockMessage: seen.message });
  });

  it('and that this process never saw does not hold the revokes, but the end', async () => {
    begin({ spec: { soak: '1h' } });
    await world.settle('retire', 3);
    expect(world.status().lockedAt).toBeDefined();
    const { lock } = world.revoker;
    if (lock.kind !== 'Lockable') throw new Error('it is lockable');
    world.revoker.lock = { ...lock, observeLock: () => Promise.resolve({ state: 'Unknown', method: 'fake', message: 'the watch has not listed yet' }) };
    world.restart();
    const object = world.object();
    world.put({ ...object, spec: { ...object.spec, soak: '0s' } });
    await world.settle('retire', 12);
    expect(only()?.credentials?.[0]?.state).toBe('Confirmed');
    expect(condition('Locked')).toMatchObject({ status: 'Unknown', message: 'fake: the watch has not listed yet' });
    expect(condition('Ready')).toMatchObject({ status: 'False', message: 'fake: the lock is not confirmed: the watch has not listed yet' });
    world.revoker.lock = lock;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });
});
