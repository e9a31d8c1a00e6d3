import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { aWaiver, anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { createWorld } from '../../../test/fakes/world.ts';
import type { World } from '../../../test/fakes/world.ts';
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import type { OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { needsPerson } from '../../runtime/outcome.ts';

const condition = (status: OffboardingStatus, type: string) => status.conditions?.find((each) => each.type === type);
const requestedBy = { username: 'alice' };
const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-account', class: 'ServiceAccount' });
const shared = aCredential({ id: 'rolebindings/ci/shared', uid: 'uid-shared', end: { by: 'Person', reason: 'SharedBinding', message: 'others use it' } });

let world: World;

beforeEach(() => {
  world = createWorld();
  world.identity(anIdentity());
  world.put(anOffboarding({ spec: { requestedBy } }));
  world.revoker.declared.push(account);
  for (const credential of [account, shared]) world.revoker.present.set(credential.id, credential);
});

/** Looks until the Ready condition has this reason. */
const until = async (reason: string, name = 'retire'): Promise<OffboardingStatus> => {
  for (let i = 0; i < 30; i += 1) {
    const result = await world.look(name);
    if (condition(world.status(name), 'Ready')?.reason === reason) return world.status(name);
    await world.clock.advance(result.kind === 'again' ? result.after : 1_000);
  }
  throw new Error(`it is ${JSON.stringify(condition(world.status(name), 'Ready'))}`);
};

const untilExpiry = async (): Promise<void> => {
  await world.clock.advance(Date.parse('2026-11-23T10:30:00Z') - world.clock.now().getTime());
};

describe('a run under a waiver', () => {
  it('ends what can be ended, and is Ready in the words of who gave the rest up', async () => {
    expect((await world.settle('retire', 3)).startedAt).toBeUndefined();
    world.waivers.push(aWaiver());
    const status = await until('CompletedWithWaivers');
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(condition(status, 'Ready')?.message).toBe('proven gone but for what was given up: fake: given up until 2026-11-23T10:30:00Z, approved by boss: others use it');
    expect(condition(status, 'Verified')).toMatchObject({ status: 'False', reason: 'Waived' });
    expect(status).toMatchObject({ phase: 'Complete', progress: '1/2', residualUntil: 'unknown', summary: { confirmed: 1, total: 2, waived: 1 } });
    expect(status.completedAt).toBeDefined();
    expect(status.waitingOn).toBeUndefined();
    expect(status.dependencies?.[0]).toMatchObject({
      state: 'Waived',
      reason: 'SharedBinding',
      waiver: { name: 'waive', approvedBy: 'boss', expiresAt: '2026-11-23T10:30:00Z' },
    });
    expect(status.dependencies?.[0]?.credentials?.map(({ state }) => state).toSorted()).toEqual(['Confirmed', 'Present']);
    expect(world.events.map(({ reason }) => reason)).toContain('CompletedWithWaivers');
    expect(world.object().metadata.finalizers).toEqual([]);
  });

  it('waits for what can still be confirmed before it is Ready', async () => {
    world.waivers.push(aWaiver());
    await world.look();
    await world.look();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'SharedBinding' });
    const started = world.clock.monotonic();
    await until('CompletedWithWaivers');
    expect(world.clock.monotonic() - started).toBeGreaterThanOrEqual(15_000);
  });

  it('is open again by itself when that expires, held again, and says why', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    await untilExpiry();
    expect(await world.look()).toMatchObject({ kind: 'again' });
    const status = world.status();
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'Reopened', message: 'open again, for a waiver is not in force any more: fake: others use it' });
    expect(condition(status, 'Stalled')).toMatchObject({ status: 'True', reason: 'SharedBinding' });
    expect(status.completedAt).toBeUndefined();
    expect(status.phase).toBe('Blocked');
    expect(status.dependencies?.[0]?.waiver).toBeUndefined();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
    expect(world.events.filter(({ reason }) => reason === 'Reopened')).toHaveLength(1);
    await world.settle('retire', 3);
    expect(condition(world.status(), 'Ready')?.reason).toBe('Reopened');
    world.revoker.present.delete(shared.id);
    expect(condition(await until('Confirmed'), 'Ready')?.status).toBe('True');
    expect(world.object().metadata.finalizers).toEqual([]);
  });

  it('looks again no later than when that expires, also in a new process', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    world.restart();
    for (let i = 0; i < 20 && world.clock.now() < new Date('2026-11-23T10:30:00Z'); i += 1) {
      expect(condition(world.status(), 'Ready')?.status).toBe('True');
      const result = await world.look();
      await world.clock.advance(result.kind === 'again' ? result.after : 60_000_000);
    }
    expect(world.clock.now().getTime() - Date.parse('2026-11-23T10:30:00Z')).toBeLessThan(1_000);
    await world.look();
    expect(condition(world.status(), 'Ready')?.reason).toBe('Reopened');
  });

  it('is open again when that is deleted', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    world.waivers.length = 0;
    await world.look();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'Reopened' });
    world.waivers.push(aWaiver({ metadata: { name: 'another' } }));
    expect(condition(await until('CompletedWithWaivers'), 'Ready')?.status).toBe('True');
  });

  it('writes nothing while nothing changes', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    const before = world.writes();
    for (let i = 0; i < 5; i += 1) await world.look();
    expect(world.writes()).toBe(before);
  });

  it('is confirmed when what was given up ends after all, at the time of that', async () => {
    world.waivers.push(aWaiver());
    const waived = await until('CompletedWithWaivers');
    world.revoker.present.delete(shared.id);
    await world.clock.advance(60_000);
    const status = await until('Confirmed');
    expect(status.summary?.waived).toBeUndefined();
    expect(Date.parse(status.completedAt ?? '')).toBeGreaterThan(Date.parse(waived.completedAt ?? '') + 60_000);
    await untilExpiry();
    expect(await world.look()).toEqual({ kind: 'done' });
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
  });

  it('goes on to revoke what it could not, when it can', async () => {
    world.revoker.onRevoke = () => undefined;
    world.waivers.push(aWaiver());
    const waived = await until('CompletedWithWaivers');
    expect(waived.progress).toBe('0/2');
    world.revoker.onRevoke = ({ id }) => { world.revoker.present.delete(id); };
    await world.clock.advance(60_000);
    await world.look();
    expect(world.revoker.present.has(account.id)).toBe(false);
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'True', reason: 'CompletedWithWaivers' });
  });

  it.each([
    ['a grant', aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' })],
    ['another account of the name', aCredential({ ...account, uid: 'uid-second', end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' } })],
    ['what was confirmed', { ...account, uid: 'uid-third' }],
  ])('is Resurrected when %s comes after it was complete, and nothing of that is revoked', async (_, late) => {
    world.waivers.push(aWaiver());
    const { completedAt } = await until('CompletedWithWaivers');
    world.revoker.present.set(late.id, late);
    const before = world.revoker.calls.length;
    await world.look();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'Resurrected' });
    expect(condition(world.status(), 'Ready')?.message).toContain(`${late.id} came back after the end`);
    expect(world.status().completedAt).toBe(completedAt);
    expect(await world.look()).toEqual({ kind: 'done' });
    await untilExpiry();
    await world.look();
    expect(condition(world.status(), 'Ready')?.reason).toBe('Resurrected');
    expect(world.revoker.calls.slice(before).filter((call) => call.startsWith('revoke'))).toEqual([]);
    expect(world.revoker.present.get(late.id)?.uid).toBe(late.uid);
  });

  it('is Resurrected by that in a new process too', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    world.restart();
    world.revoker.present.set('late', aCredential({ id: 'late', uid: 'uid-late' }));
    await world.look();
    expect(condition(world.status(), 'Ready')?.reason).toBe('Resurrected');
    expect(world.revoker.present.has('late')).toBe(true);
  });

  it('keeps on ending what something puts back that was given up', async () => {
    let life = 0;
    const binding = aCredential({ id: 'rolebindings/ci/gitops', manager: 'argocd-controller' });
    world.revoker.present.set(binding.id, binding);
    world.revoker.onRevoke = ({ id }) => {
      world.revoker.present.delete(id);
      life += 1;
      if (id === binding.id) world.revoker.present.set(id, { ...binding, uid: `life-${life}` });
    };
    world.waivers.push(aWaiver());
    const status = await until('CompletedWithWaivers');
    expect(status.dependencies?.[0]?.credentials?.find(({ id }) => id === binding.id)?.returned).toBeGreaterThan(0);
    const before = world.revoker.calls.filter((call) => call === `revoke ${binding.id}`).length;
    for (let i = 0; i < 6; i += 1) {
      const result = await world.look();
      expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'True', reason: 'CompletedWithWaivers' });
      await world.clock.advance(result.kind === 'again' ? Math.min(result.after, 60_000) : 0);
    }
    expect(world.revoker.calls.filter((call) => call === `revoke ${binding.id}`).length).toBeGreaterThan(before);
  });

  it('looks for anything new before it is complete', async () => {
    world.waivers.push(aWaiver());
    await world.look();
    await world.look();
    await world.clock.advance(15_000);
    const late = aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' });
    const { inventory } = world.revoker;
    // The watch is late: only a fresh look shows it.
    Object.assign(world.revoker, {
      inventory: async (...args: Parameters<typeof inventory>) => {
        if (args[1] === 'Fresh' && !world.revoker.calls.includes(`revoke ${late.id}`)) world.revoker.present.set(late.id, late);
        return inventory(...args);
      },
    });
    await until('CompletedWithWaivers');
    expect(world.revoker.calls).toContain(`revoke ${late.id}`);
    expect(world.status().progress).toBe('2/3');
  });

  it('gives up what nobody can ask, and does not let it hold the rest', async () => {
    world.waivers.push(aWaiver());
    world.revoker.failures.inventory = needsPerson('PermissionMissing', 'may not list rolebindings');
    world.revoker.failures.preflight = needsPerson('PermissionMissing', 'may not ask');
    const status = await until('CompletedWithWaivers');
    expect(status.dependencies?.[0]).toMatchObject({ state: 'Waived', reason: 'PermissionMissing', lastError: { code: 'PermissionMissing' } });
    expect(status).toMatchObject({ progress: '0/0', summary: { total: 0, waived: 1 } });
  });

  it('is held by workloads that still run all the same', async () => {
    world.waivers.push(aWaiver());
    world.revoker.findings = [{ type: 'InUse', object: 'pod ci/runner', message: 'runs' }];
    await world.settle('retire', 3);
    expect(condition(world.status(), 'Stalled')?.reason).toBe('InUse');
    expect(world.revoker.calls.filter((call) => call.startsWith('revoke'))).toEqual([]);
  });

  it('is held while nobody can say whether workloads run, but in an Emergency', async () => {
    world.waivers.push(aWaiver());
    world.revoker.failures.usage = needsPerson('PermissionMissing', 'may not list pods');
    await world.settle('retire', 3);
    expect(condition(world.status(), 'Stalled')).toMatchObject({ reason: 'PermissionMissing', message: 'fake: may not list pods' });
    expect(world.status().startedAt).toBeUndefined();
    const held = world.object();
    world.put({ ...held, spec: { ...held.spec, urgency: 'Emergency' } });
    await until('CompletedWithWaivers');
  });

  it.each([
    ['by who asked for it', aWaiver({ spec: { approvedBy: requestedBy } })],
    ['for an earlier run of that name', aWaiver({ spec: { offboardingRef: { name: 'retire', uid: 'earlier' } } })],
    ['that has expired', aWaiver({ spec: { expiresAt: '2026-11-23T10:00:00Z' } })],
    ['for another dependency', aWaiver({ spec: { dependency: 'vault' } })],
  ])('is not completed by one %s', async (_, waiver) => {
    world.waivers.push(waiver);
    await world.settle('retire', 5);
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'SharedBinding' });
  });

  it('that is suspended is not complete, and is again when it goes on', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    const complete = world.object();
    world.put({ ...complete, spec: { ...complete.spec, suspend: true } });
    await world.look();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'Suspended' });
    expect(world.status().completedAt).toBeUndefined();
    const suspended = world.object();
    world.put({ ...suspended, spec: { ...suspended.spec, suspend: false } });
    await until('CompletedWithWaivers');
  });

  it('gives way to another run, and then acts no more', async () => {
    world.waivers.push(aWaiver());
    await until('CompletedWithWaivers');
    world.put(anOffboarding({ metadata: { name: 'second', uid: 'second', creationTimestamp: '2026-11-23T09:00:00Z' }, spec: { requestedBy, urgency: 'Emergency' } }));
    await world.look('second');
    expect(condition(world.status('second'), 'Ready')?.reason).toBe('WaitingForOtherRun');
    await world.look();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'Superseded' });
    const late = aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' });
    world.revoker.present.set(late.id, late);
    const before = world.revoker.calls.length;
    await world.look();
    await untilExpiry();
    await world.look();
    expect(world.revoker.calls.slice(before)).toEqual([]);
    expect(condition(world.status(), 'Ready')?.reason).toBe('Superseded');
  });
});
