/** What people may do to a run: cancel it, and take its finalizer off. */
import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { aRecord } from '../../../test/builders/tombstone.ts';
import { createWorld } from '../../../test/fakes/world.ts';
import type { World } from '../../../test/fakes/world.ts';
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import type { OffboardingSpec } from '../../api/v1alpha1/index.ts';
import { retryable } from '../../runtime/outcome.ts';

const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-account', class: 'ServiceAccount' });

let world: World;

const begin = (options: Parameters<typeof createWorld>[0] = {}): void => {
  world = createWorld(options);
  world.identity(anIdentity());
  world.put(anOffboarding({ spec: { soak: '1h' } }));
  world.revoker.declared.push(account);
  world.revoker.present.set(account.id, account);
};

beforeEach(() => { begin(); });

const condition = (type: string) => world.status().conditions?.find((each) => each.type === type);
const change = (spec: Partial<OffboardingSpec>): void => {
  const object = world.object();
  world.put({ ...object, spec: { ...object.spec, ...spec } });
};
const takeOff = (): void => {
  const object = world.object();
  world.put({ ...object, metadata: { ...object.metadata, finalizers: [] } });
};

describe('a cancel', () => {
  it('that is accepted says who, and is there to be read', async () => {
    await world.look();
    change({ cancel: { reason: 'wrong agent', requestedBy: { username: 'alice' } } });
    await world.look();
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'Cancelled', message: 'cancelled by alice before anything was revoked: wrong agent' });
    expect(condition('Cancelled')).toMatchObject({ status: 'True', reason: 'Cancelled' });
    await world.look();
    expect(condition('Cancelled')).toMatchObject({ status: 'True', reason: 'Cancelled' });
  });

  it('leaves everything locked of an identity that another run has retired, and says so', async () => {
    begin({ lockable: true });
    world.records.push(aRecord('0000000007'));
    await world.look();
    change({ cancel: { reason: 'once was enough' } });
    await world.look();
    expect(condition('Ready')).toMatchObject({ reason: 'Cancelled', message: expect.stringContaining('everything stays locked, since the identity was retired before (OffboardingRecord "0000000007")') as string });
    expect(world.revoker.calls.filter((call) => call.startsWith('unlock'))).toEqual([]);
  });

  it('takes the locks back of a name that is used again on purpose, and after a run that was cancelled as well', async () => {
    const by = { namespace: 'ci', name: 'agent', uid: 'uid-of-new', at: '2026-11-23T10:00:00Z' };
    begin({ lockable: true });
    world.records.push(aRecord('0000000007', {}, { status: { supersededBy: by } }), aRecord('0000000008', { outcome: 'Cancelled' }));
    await world.look();
    change({ cancel: { reason: 'wrong agent' } });
    await world.look();
    expect(condition('Ready')?.message).toBe('cancelled before anything was revoked: wrong agent');
    expect(world.revoker.calls.filter((call) => call.startsWith('unlock'))).toHaveLength(1);
  });

  it('that comes too late says why, in an event once, and in a condition to the end', async () => {
    change({ soak: '0s' });
    await world.look();
    change({ cancel: { reason: 'too late' } });
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('Cancelled')).toMatchObject({ status: 'False', reason: 'CannotCancel' });
    expect(condition('Cancelled')?.message).toContain('revoking has begun');
    expect(world.events.filter(({ reason }) => reason === 'CannotCancel')).toHaveLength(1);
  });

  it('of a run that has ended otherwise says so', async () => {
    await world.look();
    change({ suspend: true });
    world.put(anOffboarding({ metadata: { name: 'now', uid: 'now' }, spec: { urgency: 'Emergency' } }));
    await world.look('now');
    await world.look();
    change({ cancel: { reason: 'too late' } });
    await world.look();
    expect(condition('Ready')?.reason).toBe('Superseded');
    expect(condition('Cancelled')).toMatchObject({ status: 'False', reason: 'CannotCancel', message: 'cannot be cancelled: the run had ended' });
  });

  it('that nobody asked for is not spoken of', async () => {
    await world.look();
    expect(condition('Cancelled')).toBeUndefined();
  });
});

describe('a run whose finalizer somebody took off', () => {
  const looks = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) await world.look();
  };

  it.each([
    ['in its soak', () => undefined],
    ['before it has begun', () => { world.revoker.findings = [{ type: 'InUse', object: 'pod ci/runner', message: 'runs' }]; }],
    ['while it revokes', () => { change({ soak: '0s' }); world.revoker.onRevoke = () => undefined; }],
  ])('%s says so, once, and is not held again', async (_, arrange) => {
    arrange();
    await looks(3);
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
    takeOff();
    await looks(3);
    expect(world.object().metadata.finalizers).toEqual([]);
    expect(condition('GlassBroken')).toMatchObject({ status: 'True', reason: 'FinalizerRemoved' });
    expect(condition('Ready')?.status).toBe('False');
    expect(world.events.filter(({ reason }) => reason === 'GlassBroken')).toHaveLength(1);
    world.restart();
    await looks(1);
    expect(world.object().metadata.finalizers).toEqual([]);
    expect(condition('GlassBroken')?.status).toBe('True');
  });

  it('goes on, and is Ready when it is true', async () => {
    await world.look();
    takeOff();
    change({ soak: '0s' });
    await world.settle();
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('GlassBroken')).toBeUndefined();
  });

  it('is held again when they put it back', async () => {
    await world.look();
    takeOff();
    await world.look();
    const object = world.object();
    world.put({ ...object, metadata: { ...object.metadata, finalizers: [offboardingFinalizer] } });
    await world.look();
    expect(condition('GlassBroken')).toBeUndefined();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
  });

  it('and that then goes is told of, as nobody else would', async () => {
    await world.look();
    takeOff();
    await world.look();
    world.remove();
    await world.look();
    await world.look();
    expect(world.events.filter(({ reason }) => reason === 'GoneBeforeItsEnd').map(({ note }) => note)).toEqual([
      'The Offboarding is gone, and 0/1 was proven gone of ci/agent; OffboardingRecord "0000000001" says what is left, keeps the name locked and watches it',
    ]);
    const [record] = world.ledger.records;
    expect(record).toMatchObject({ outcome: 'Abandoned', people: { glassBroken: true }, dependencies: [{ state: 'Open', credentials: [{ id: account.id }] }] });
    expect(record?.dependencies[0]?.credentials[0]).not.toHaveProperty('strength');
  });

  it('is told of once that is recorded, and not before', async () => {
    await world.look();
    takeOff();
    await world.look();
    world.ledger.fail(retryable('Down', 'no key'));
    world.remove();
    await expect(world.look()).rejects.toThrow('no key');
    expect(world.events.map(({ reason }) => reason)).not.toContain('GoneBeforeItsEnd');
    world.ledger.fail(undefined);
    await world.look();
    expect([world.ledger.records.length, world.events.filter(({ reason }) => reason === 'GoneBeforeItsEnd').length]).toEqual([1, 1]);
  });

  it('leaves no record where nothing had been locked', async () => {
    world.revoker.missing = [{ permission: 'delete x', message: 'delete rolebindings in "ci"' }];
    await world.look();
    takeOff();
    world.remove();
    await world.look();
    expect(world.ledger.records).toEqual([]);
  });

  it.each([
    ['has ended', async () => { change({ soak: '0s' }); await world.settle(); }],
    ['could not begin', async () => { world.identity(undefined); await world.look(); }],
  ])('is not told of when it %s', async (_, arrange) => {
    await arrange();
    world.remove();
    await world.look();
    expect(world.events.map(({ reason }) => reason)).not.toContain('GoneBeforeItsEnd');
  });

  it('is not one that could not begin, and then can', async () => {
    world.identity(undefined);
    await world.look();
    expect(world.object().metadata.finalizers ?? []).toEqual([]);
    world.identity(anIdentity());
    await world.look();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
    expect(condition('GlassBroken')).toBeUndefined();
  });

  it('is not a plan that is turned into a run', async () => {
    world.put(anOffboarding({ spec: { mode: 'Plan' } }));
    await world.look();
    const plan = world.object();
    world.put({ ...plan, metadata: { ...plan.metadata, generation: 2 }, spec: { ...plan.spec, mode: 'Enforce', soak: '1h' } });
    await world.look();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
  });
});

describe('an intent that could not be stored', () => {
  it('is none: whoever suspends the run meanwhile sees nothing that is about to be revoked', async () => {
    world.put(anOffboarding());
    world.cluster.failStatusWrites = retryable('Conflict', 'the object has been modified');
    await expect(world.look()).rejects.toThrow('the object has been modified');
    world.cluster.failStatusWrites = undefined;
    change({ suspend: true });
    await world.look();
    const { dependencies = [], revokeStartedAt } = world.status();
    expect(revokeStartedAt).toBeUndefined();
    expect(dependencies.flatMap(({ credentials = [] }) => credentials.filter(({ revokeRequestedAt }) => revokeRequestedAt !== undefined))).toEqual([]);
  });
});
