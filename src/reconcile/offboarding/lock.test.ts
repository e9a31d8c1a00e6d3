/** How a run locks what can be locked, and takes that back. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aWaiver } from '../../../test/builders/offboarding.ts';
import { createVaultedWorld, down, inWorld, vault } from '../../../test/fakes/vaulted-world.ts';
import type { World } from '../../../test/fakes/world.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';

let world: World;
const { change, condition, declare, dependency, pass, revokes, run } = inWorld(() => world);

beforeEach(() => {
  world = createVaultedWorld();
});

describe('a lock', () => {
  it('comes in a later look than the write that says that the run has begun', async () => {
    world.cluster.failStatusWrites = retryable('Timeout', 'no answer');
    await expect(world.look()).rejects.toThrow('no answer');
    expect(world.vault('vault').calls).not.toContain('lock');
    world.cluster.failStatusWrites = undefined;
    await world.look();
    expect(world.status().startedAt).toBeDefined();
    expect(world.vault('vault').isLocked).toBe(false);
    await world.look();
    expect(world.vault('vault').isLocked).toBe(true);
  });

  it('that one refuses keeps none of the others from being locked, and holds a Routine run', async () => {
    declare([vault('vault'), vault('second')]);
    world.vault('vault').failures.lock = needsPerson('PermissionMissing', 'may not disable entities');
    await pass(60_000);
    expect(world.vault('second').isLocked).toBe(true);
    expect(dependency('second')?.state).toBe('Locked');
    expect(dependency('vault')).toMatchObject({ state: 'Blocked', reason: 'PermissionMissing' });
    expect(condition('Stalled')).toMatchObject({ reason: 'PermissionMissing', message: 'vault: may not disable entities' });
    expect([...revokes(), ...revokes('vault'), ...revokes('second')]).toEqual([]);
    delete world.vault('vault').failures.lock;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(world.vault('second').calls.filter((call) => call === 'lock')).toHaveLength(1);
  });

  it('that was not seen to hold is none, and in an Emergency is tried again while the rest is revoked', async () => {
    run({ urgency: 'Emergency' });
    const vaulted = world.vault('vault');
    vaulted.failures.observeLock = retryable('Timeout', 'no answer');
    await pass(20_000);
    expect(dependency('fake')?.state).toBe('Confirmed');
    expect(revokes('vault')).toContain('revoke token 1');
    expect(condition('Locked')?.status).toBe('False');
    expect(condition('Ready')?.status).toBe('False');
    delete vaulted.failures.observeLock;
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('Locked')?.status).toBe('True');
  });

  it('is taken back by a cancel in each that may have one, and the one that cannot be asked is named', async () => {
    declare([vault('vault'), vault('second')]);
    run({ soak: '1h' });
    await pass(1_000);
    expect([world.vault('vault').isLocked, world.vault('second').isLocked]).toEqual([true, true]);
    world.vault('vault').failures.unlock = down;
    change({ cancel: { reason: 'wrong agent' } });
    await world.look();
    expect(world.vault('second').isLocked).toBe(false);
    expect(condition('Reconciling')?.message).toBe('vault: cannot be unlocked: connection refused');
    expect(condition('Locked')).toMatchObject({ status: 'False', reason: 'Cancelled' });
    expect(condition('Cancelled')).toMatchObject({ status: 'Unknown', reason: 'Pending' });
    expect(world.events.filter(({ reason }) => reason === 'CannotCancel')).toEqual([]);
    expect(world.status().completedAt).toBeUndefined();
    delete world.vault('vault').failures.unlock;
    await world.look();
    expect(world.vault('vault').isLocked).toBe(false);
    expect(condition('Ready')?.reason).toBe('Cancelled');
    expect(condition('Locked')).toMatchObject({ status: 'False', reason: 'Cancelled' });
    world.restart();
    await world.look();
    expect(condition('Locked')).toMatchObject({ status: 'False', reason: 'Cancelled' });
  });

  it('is taken back also where another could never be had', async () => {
    declare([vault('vault'), vault('second')]);
    world.vault('vault').failures.lock = down;
    await pass(5_000);
    expect(world.status().lockedAt).toBeUndefined();
    change({ cancel: { reason: 'wrong agent' } });
    await world.look();
    expect(world.vault('second').isLocked).toBe(false);
    expect(condition('Ready')?.reason).toBe('Cancelled');
  });
});

describe('a lock that a waiver gives up', () => {
  const waived = (expiresAt: string): void => {
    world.waivers.splice(0, world.waivers.length, aWaiver({ spec: { dependency: 'vault', expiresAt } }));
  };

  it('is not said to hold, and is had once the waiver has ended, also by another process', async () => {
    const { failures } = world.vault('vault');
    Object.assign(failures, { lock: down, revoke: down });
    waived('2026-11-23T10:05:00Z');
    await pass(60_000);
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'CompletedWithWaivers' });
    expect(condition('Locked')).toMatchObject({ status: 'False', message: 'vault: it could not be locked, and a waiver gave that up' });
    world.restart();
    await pass(300_000);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Reopened' });
    delete failures.lock;
    delete failures.revoke;
    await pass(300_000);
    expect(world.vault('vault').isLocked).toBe(true);
    await world.settle();
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    expect(condition('Locked')?.status).toBe('True');
  });
});
