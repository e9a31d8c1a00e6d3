/** What a dependency takes and cannot carry out. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { createVaultedWorld, down, inWorld, token } from '../../../test/fakes/vaulted-world.ts';
import type { World } from '../../../test/fakes/world.ts';

let world: World;
const { condition, dependency, pass, revokes, run } = inWorld(() => world);

beforeEach(() => {
  world = createVaultedWorld();
});

describe('what ends only once nothing else is left', () => {
  it('does not wait for ever for what was gone and is back, as with an account that somebody has undeleted', async () => {
    const vault = world.vault('vault');
    const key = aCredential({ id: 'key', class: 'Key' });
    vault.present.set(key.id, key);
    const open = { held: true };
    vault.onRevoke = ({ id }) => {
      if (id === key.id || (!open.held && !vault.present.has(key.id))) vault.present.delete(id);
      return undefined;
    };
    await pass(60_000);
    expect(dependency('vault')?.credentials?.find(({ id }) => id === key.id)?.state).toBe('Confirmed');
    vault.present.set(key.id, key);
    open.held = false;
    await world.settle();
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
  });
});

describe('a revoke that cannot be carried out', () => {
  const stuck = (message = 'role "v-app" owns objects') => ({ refused: 'RevocationStuck', message });

  beforeEach(() => {
    world.vault('vault').onRevoke = () => stuck();
  });

  it('stalls the run with the words of who refuses, and does not hold up the rest', async () => {
    await pass(20_000);
    expect(condition('Stalled')).toMatchObject({ reason: 'RevocationStuck', message: 'vault: token 1: role "v-app" owns objects' });
    expect(dependency('vault')).toMatchObject({ state: 'Blocked', reason: 'RevocationStuck' });
    expect(dependency('vault')?.credentials?.[0]).toMatchObject({ state: 'Present', reason: 'RevocationStuck', message: 'role "v-app" owns objects' });
    expect(dependency('fake')?.state).toBe('Confirmed');
    expect(condition('Revoked')?.status).toBe('False');
    expect(world.events.filter(({ reason }) => reason === 'RevocationStuck')).toHaveLength(1);
  });

  it('is sent again after pauses that grow to five minutes, and writes nothing meanwhile', async () => {
    await pass(600_000);
    const sent = revokes('vault').length;
    expect(sent).toBeGreaterThan(8);
    const writes = world.writes();
    await pass(900_000);
    expect(revokes('vault').length - sent).toBeGreaterThanOrEqual(3);
    expect(revokes('vault').length - sent).toBeLessThanOrEqual(4);
    expect(world.writes()).toBe(writes);
  });

  it('ends by itself when it can be carried out', async () => {
    await pass(30_000);
    world.vault('vault').onRevoke = ({ id }) => { world.vault('vault').present.delete(id); };
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(dependency('vault')?.credentials?.[0]).toMatchObject({ state: 'Confirmed' });
    expect(dependency('vault')?.credentials?.[0]).not.toHaveProperty('reason');
  });

  it('ends also when somebody else has ended it', async () => {
    await pass(30_000);
    world.vault('vault').present.delete(token.id);
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
  });

  it('stays stuck while it cannot be observed, and in a new process', async () => {
    await pass(20_000);
    world.vault('vault').failures.observe = down;
    await pass(5_000);
    expect(condition('Stalled')?.reason).toBe('RevocationStuck');
    delete world.vault('vault').failures.observe;
    world.restart();
    await world.look();
    expect(condition('Stalled')?.reason).toBe('RevocationStuck');
  });

  it('is told also when something else speaks for the run', async () => {
    const shared = aCredential({ id: 'rolebindings/ci/shared', end: { by: 'Person', reason: 'SharedBinding', message: 'take the subject out' } });
    run({ urgency: 'Emergency' });
    world.revoker.present.set(shared.id, shared);
    await pass(10_000);
    expect(condition('Stalled')?.reason).toBe('SharedBinding');
    expect(world.events.filter(({ reason }) => reason === 'RevocationStuck').map(({ note }) => note)).toEqual(['vault: token 1: role "v-app" owns objects']);
  });
});
