import { beforeEach, describe, expect, it } from 'vitest';
import { aCredential } from '../../../test/builders/credentials.ts';
import { anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { createWorld } from '../../../test/fakes/world.ts';
import type { World } from '../../../test/fakes/world.ts';
import type { OffboardingStatus } from '../../api/v1alpha1/index.ts';
import { offboardingFinalizer } from '../../api/v1alpha1/index.ts';
import { needsPerson, retryable } from '../../runtime/outcome.ts';

const condition = (status: OffboardingStatus, type: string) => status.conditions?.find((each) => each.type === type);
const account = aCredential({ id: 'serviceaccounts/ci/agent', uid: 'uid-of-account', class: 'ServiceAccount' });
const binding = aCredential();

let world: World;

beforeEach(() => {
  world = createWorld();
  world.identity(anIdentity());
  world.put(anOffboarding());
  world.revoker.declared.push(account);
  for (const credential of [account, binding]) world.revoker.present.set(credential.id, credential);
});

describe('an Offboarding', () => {
  it('ends Ready when every credential was absent through the settle time', async () => {
    const status = await world.settle();
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    expect(status).toMatchObject({ phase: 'Complete', progress: '2/2', identity: 'ci/agent' });
    expect(status.completedAt).toBeDefined();
    expect(status.residualUntil).toBeUndefined();
    expect(world.object().metadata.finalizers).toEqual([]);
  });

  it('tells the metrics once how long it took from the first revoke until all was gone', async () => {
    const { revokeStartedAt = '', completedAt = '' } = await world.settle();
    const seconds = (Date.parse(completedAt) - Date.parse(revokeStartedAt)) / 1000;
    expect(seconds).toBeGreaterThan(0);
    await world.look();
    world.restart();
    await world.look();
    expect(world.ends).toEqual([{ urgency: 'Routine', seconds }]);
  });

  it('looks for what is there after all when something works that should have ended with all the others', async () => {
    const tokens = aCredential({ id: 'tokens of serviceaccounts/ci/agent', class: 'BoundTokens', end: { by: 'Others' } });
    world.revoker.present.set(tokens.id, tokens);
    // For longer than a settle time somebody answers in its place that there is no such account.
    world.revoker.present.delete(account.id);
    const during = await world.settle('retire', 12);
    expect(during.dependencies?.[0]?.credentials?.map(({ state }) => state)).toEqual(['Confirmed', 'Present', 'Confirmed']);
    expect(condition(during, 'Ready')?.status).toBe('False');
    world.revoker.present.set(account.id, account);
    world.revoker.onRevoke = ({ id }) => {
      for (const ended of [id, ...(id === account.id ? [tokens.id] : [])]) world.revoker.present.delete(ended);
      return undefined;
    };
    const status = await world.settle();
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
  });

  it('stores the intent before the first revoke, and holds itself by its finalizer', async () => {
    await world.look();
    expect(world.revoker.calls.filter((call) => call.startsWith('revoke'))).toEqual([]);
    const status = world.status();
    expect(status.revokeStartedAt).toBeDefined();
    expect(status.dependencies?.[0]?.credentials?.every(({ revokeRequestedAt }) => revokeRequestedAt !== undefined)).toBe(true);
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
  });

  it('revokes nothing when the intent could not be stored', async () => {
    world.cluster.failStatusWrites = retryable('Timeout', 'no answer');
    await expect(world.look()).rejects.toThrow('no answer');
    await expect(world.look()).rejects.toThrow('no answer');
    expect(world.revoker.calls.filter((call) => call.startsWith('revoke'))).toEqual([]);
  });

  it('revokes nothing that appeared later either, when that intent could not be stored', async () => {
    await world.look();
    await world.look();
    const late = aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' });
    world.revoker.present.set(late.id, late);
    world.cluster.failStatusWrites = retryable('Timeout', 'no answer');
    await expect(world.look()).rejects.toThrow('no answer');
    await expect(world.look()).rejects.toThrow('no answer');
    expect(world.revoker.calls).not.toContain('revoke rolebindings/ci/late');
    world.cluster.failStatusWrites = undefined;
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
    expect(world.revoker.calls).toContain('revoke rolebindings/ci/late');
  });

  it('enumerates once more when it could not say that it is ready: by then there may be something new', async () => {
    await world.look();
    await world.look();
    await world.clock.advance(15_000);
    world.cluster.failStatusWrites = retryable('Timeout', 'no answer');
    await expect(world.look()).rejects.toThrow('no answer');
    world.cluster.failStatusWrites = undefined;
    const before = world.revoker.calls.length;
    await world.look();
    expect(condition(world.status(), 'Ready')?.status).toBe('True');
    expect(world.revoker.calls.slice(before)).toContain('inventory Fresh');
  });

  it('leaves what another process finished as it is, whatever it has seen itself', async () => {
    await world.look();
    await world.look();
    const other = createWorld();
    other.identity(anIdentity());
    other.put(world.object());
    const finished = await other.settle();
    expect(finished.progress).toBe('2/2');
    world.put(other.object());
    await world.look();
    expect(world.status()).toEqual(finished);
  });

  it('needs few writes: the intent, the settling, the end', async () => {
    await world.settle();
    expect(world.writes()).toBe(3);
  });

  it('writes nothing while nothing changes', async () => {
    world.revoker.onRevoke = () => undefined;
    await world.look();
    await world.look();
    const before = world.writes();
    for (let i = 0; i < 5; i += 1) await world.look();
    expect(world.writes()).toBe(before);
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'Revoking' });
  });

  it('never believes a revoke that was accepted and did nothing', async () => {
    world.revoker.onRevoke = () => undefined;
    const status = await world.settle('retire', 20);
    expect(condition(status, 'Ready')?.status).toBe('False');
    expect(status.phase).toBe('Revoking');
  });

  it('goes back to revoke what appears while it settles', async () => {
    await world.look();
    await world.look();
    const late = aCredential({ id: 'rolebindings/ci/late', uid: 'uid-late' });
    world.revoker.present.set(late.id, late);
    const status = await world.settle();
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(status.progress).toBe('3/3');
    expect(world.revoker.calls).toContain('revoke rolebindings/ci/late');
  });

  it('begins every settle time anew in a new process, and forgets no credential', async () => {
    await world.look();
    await world.look();
    await world.clock.advance(14_000);
    world.restart();
    await world.look();
    await world.clock.advance(2_000);
    await world.look();
    expect(condition(world.status(), 'Ready')?.reason).toBe('Settling');
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
    expect(world.status().progress).toBe('2/2');
  });

  it('does not say that all was revoked while a new process could not look yet', async () => {
    await world.look();
    world.restart();
    world.revoker.failures.inventory = retryable('Timeout', 'no answer');
    await world.look();
    expect(condition(world.status(), 'Revoked')?.status).toBe('False');
    expect(world.status()).toMatchObject({ progress: '0/2', phase: 'Verifying' });
    delete world.revoker.failures.inventory;
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });

  it('records what was gone before it asked as found absent', async () => {
    world.revoker.present.delete(account.id);
    const status = await world.settle();
    expect(status.dependencies?.[0]?.credentials?.find(({ class: name }) => name === 'ServiceAccount')).toMatchObject({ state: 'Confirmed', foundAbsent: true });
  });

  it('names what cannot be proven when it ends', async () => {
    world.revoker.findings = [{ type: 'NotProvable', message: 'an open watch may outlive it' }];
    const status = await world.settle();
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'ConfirmedWithUnprovable' });
    expect(status.summary?.notProvable).toBe(1);
  });

  it('names what is left to others, which leaves nothing of its own unproven', async () => {
    world.revoker.findings = [{ type: 'Shared', message: 'the account is also that of team B' }];
    const status = await world.settle();
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    expect(status.summary?.notProvable).toBe(0);
    expect(status.dependencies?.[0]?.findings).toEqual([{ type: 'Shared', message: 'the account is also that of team B' }]);
  });
});

describe('a failure', () => {
  it('to observe is Unknown, is retried, and ends when it ends', async () => {
    await world.look();
    world.revoker.failures.observe = new Error('connection reset');
    await world.look();
    expect(world.status().dependencies?.[0]).toMatchObject({ state: 'Unknown' });
    expect(condition(world.status(), 'Reconciling')?.reason).toBe('DependencyUnavailable');
    delete world.revoker.failures.observe;
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });

  it('that a person must mend stalls the run with the words that say how, and clears itself', async () => {
    await world.look();
    world.revoker.failures.revoke = needsPerson('PermissionMissing', 'cannot delete rolebindings in "ci"');
    await world.look();
    expect(condition(world.status(), 'Stalled')).toMatchObject({ status: 'True', reason: 'PermissionMissing' });
    expect(world.status().dependencies?.[0]?.lastError).toMatchObject({ code: 'PermissionMissing' });
    delete world.revoker.failures.revoke;
    const status = await world.settle();
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(condition(status, 'Stalled')).toBeUndefined();
    expect(status.dependencies?.[0]?.lastError).toBeUndefined();
  });

  it('to enumerate at the end keeps it from ending', async () => {
    await world.look();
    await world.look();
    world.revoker.failures.inventory = retryable('Timeout', 'no answer');
    await world.clock.advance(16_000);
    await world.look();
    expect(condition(world.status(), 'Ready')?.status).toBe('False');
    delete world.revoker.failures.inventory;
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });

  it('that goes on is counted on powers of two only', async () => {
    await world.look();
    world.revoker.failures.inventory = retryable('Timeout', 'no answer');
    world.restart();
    for (let i = 0; i < 9; i += 1) await world.look();
    expect(world.status().dependencies?.[0]?.attempts).toBe(8);
    expect(world.writes()).toBeLessThanOrEqual(6);
  });
});

describe('before anything is touched', () => {
  it.each([
    ['a permission is missing', () => (world.revoker.missing = [{ permission: 'delete x', message: 'delete rolebindings in "ci"' }]), 'PermissionMissing'],
    ['a workload still runs', () => (world.revoker.findings = [{ type: 'InUse', object: 'pod ci/runner', message: 'runs' }]), 'InUse'],
    ['the identity does not exist', () => { world.identity(undefined); }, 'IdentityNotFound'],
    ['the account was never seen', () => { world.identity(anIdentity({ status: {} })); world.cluster.accountUid = undefined; }, 'IdentityUnknown'],
    ['a shared binding needs a person', () => {
      world.revoker.present.set('s', aCredential({ id: 's', end: { by: 'Person', reason: 'SharedBinding', message: 'run kubectl' } }));
    }, 'SharedBinding'],
  ])('the run stalls when %s', async (_, arrange, reason) => {
    arrange();
    await world.look();
    expect(condition(world.status(), 'Stalled')).toMatchObject({ status: 'True', reason });
    expect(world.status().startedAt).toBeUndefined();
    expect(world.revoker.calls.filter((call) => call.startsWith('revoke'))).toEqual([]);
  });

  it.each([
    ['kube-system', anOffboarding({ metadata: { name: 'odd', namespace: 'kube-system' }, spec: { identity: { serviceAccount: { name: 'x' } } } })],
    ['a default account', anOffboarding({ metadata: { name: 'odd' }, spec: { identity: { serviceAccount: { name: 'default' } } } })],
    ['the operator itself', anOffboarding({ metadata: { name: 'odd', namespace: 'offboard-system' }, spec: { identity: { serviceAccount: { name: 'offboard' } } } })],
    ['two identities at once', anOffboarding({ metadata: { name: 'odd' }, spec: { workloadIdentityRef: { name: 'agent' }, identity: { serviceAccount: { name: 'x' } } } })],
    ['what it does not support inline', anOffboarding({ metadata: { name: 'odd' }, spec: { identity: { serviceAccount: { name: 'x' }, dependencies: [{ name: 'vault' }] } } })],
    ['another namespace', anOffboarding({ metadata: { name: 'odd' }, spec: { workloadIdentityRef: { name: 'agent', namespace: 'other' } } })],
  ])('the run refuses %s for ever', async (_, offboarding) => {
    world.put(offboarding);
    expect(await world.look('odd')).toEqual({ kind: 'done' });
    expect(condition(world.status('odd'), 'Stalled')?.reason).toBe('InvalidSpec');
    expect(world.object('odd').metadata.finalizers ?? []).toEqual([]);
  });

  it('the run refuses an identity that depends on what it does not support, until that is taken out', async () => {
    world.identity(anIdentity({ spec: { dependencies: [{ name: 'vault' }] } }));
    await world.look();
    expect(condition(world.status(), 'Stalled')).toMatchObject({ reason: 'InvalidSpec' });
    expect(condition(world.status(), 'Stalled')?.message).toMatch(/^WorkloadIdentity "agent", spec.dependencies: .*"vault"/);
    expect(world.revoker.calls).toEqual([]);
    world.identity(anIdentity());
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });

  it('an Emergency waits neither for a soak nor for workloads, and still verifies', async () => {
    world.put(anOffboarding({ spec: { urgency: 'Emergency', soak: '1h' } }));
    world.revoker.findings = [{ type: 'InUse', object: 'pod ci/runner', message: 'runs' }];
    const started = world.clock.monotonic();
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
    expect(world.clock.monotonic() - started).toBeGreaterThanOrEqual(15_000);
    expect(world.clock.monotonic() - started).toBeLessThan(60_000);
  });

  it('asks for no absence that it was told of, and asks for the one that confirms it', async () => {
    world.put(anOffboarding());
    const gone = new Set<string>();
    world.revoker.onRevoke = ({ id }) => {
      world.revoker.present.delete(id);
      gone.add(id);
    };
    world.revoker.toldGone = ({ id }) => (gone.has(id) ? { state: 'Absent', method: 'told' } : undefined);
    const status = await world.settle();
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'Confirmed' });
    const asked = (id: string): number => world.revoker.calls.filter((call) => call === `observe ${id}`).length;
    for (const id of gone) expect(asked(id), id).toBe(1);
    expect(gone.size).toBeGreaterThan(0);
    expect(status.dependencies?.[0]?.credentials?.map(({ method }) => method)).not.toContain('told');
  });

  it('does not believe what it was told when asking shows otherwise', async () => {
    world.put(anOffboarding());
    world.revoker.onRevoke = () => undefined;
    world.revoker.toldGone = () => ({ state: 'Absent', method: 'told' });
    await world.settle('retire', 12);
    expect(condition(world.status(), 'Ready')?.status).toBe('False');
    const states = world.status().dependencies?.[0]?.credentials?.map(({ state }) => state);
    expect(states, 'and is not told the same again').toEqual(states?.map(() => 'Present'));
  });

  it('a Plan calls nothing that writes and says so', async () => {
    world.put(anOffboarding({ spec: { mode: 'Plan' } }));
    await world.settle();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'PlanOnly' });
    expect(condition(world.status(), 'Planned')?.status).toBe('True');
    expect(world.revoker.calls).toEqual(['inventory Cached', 'preflight', 'usage']);
    expect(world.object().metadata.finalizers).toBeUndefined();
  });

  it('a Plan that becomes an Enforce is carried out', async () => {
    world.put(anOffboarding({ spec: { mode: 'Plan' } }));
    await world.settle();
    const planned = world.object();
    world.put({ ...planned, spec: { ...planned.spec, mode: 'Enforce' } });
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });
});

describe('a person', () => {
  it('suspends a run and lets it go on', async () => {
    world.put(anOffboarding({ spec: { suspend: true } }));
    expect(await world.look()).toEqual({ kind: 'done' });
    expect(condition(world.status(), 'Ready')?.reason).toBe('Suspended');
    const suspended = world.object();
    world.put({ ...suspended, spec: { ...suspended.spec, suspend: false } });
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });

  it('cancels a run in its soak, and nothing was revoked', async () => {
    world.put(anOffboarding({ spec: { soak: '1h' } }));
    await world.look();
    expect(condition(world.status(), 'Ready')?.reason).toBe('Soaking');
    const soaking = world.object();
    world.put({ ...soaking, spec: { ...soaking.spec, cancel: { reason: 'wrong agent' } } });
    expect(await world.look()).toEqual({ kind: 'done' });
    expect(condition(world.status(), 'Ready')?.reason).toBe('Cancelled');
    expect(world.object().metadata.finalizers).toEqual([]);
    expect(world.revoker.present.size).toBe(2);
  });

  it.each([
    ['after the first revoke', () => world.look()],
    ['while the identity is being deleted', async () => {
      world.identity(anIdentity({ metadata: { deletionTimestamp: '2026-11-23T10:00:00Z' } }));
      await Promise.resolve();
    }],
    ['while the namespace is being deleted', () => Promise.resolve((world.cluster.namespaceDeleting = true))],
  ])('cannot cancel %s', async (_, arrange) => {
    await arrange();
    const object = world.object();
    world.put({ ...object, spec: { ...object.spec, cancel: { reason: 'changed my mind' } } });
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
    expect(world.events.map(({ reason }) => reason)).toContain('CannotCancel');
  });

  it('who deletes a run does not end it before its end', async () => {
    await world.look();
    const object = world.object();
    world.put({ ...object, metadata: { ...object.metadata, deletionTimestamp: '2026-11-23T10:00:01Z' } });
    await world.look();
    expect(world.object().metadata.finalizers).toEqual([offboardingFinalizer]);
    await world.settle();
    expect(world.object().metadata.finalizers).toEqual([]);
  });

  it('is told when a run is past its deadline, and the work goes on', async () => {
    world.put(anOffboarding({ spec: { deadline: '1m' } }));
    world.revoker.onRevoke = () => undefined;
    await world.settle('retire', 14);
    expect(world.events.map(({ reason }) => reason)).toContain('Overdue');
    expect(world.status().completedAt).toBeUndefined();
  });
});

describe('two runs for one identity', () => {
  it('go one after the other', async () => {
    world.put(anOffboarding({ metadata: { name: 'second', uid: 'second' } }));
    await world.look();
    await world.look('second');
    expect(condition(world.status('second'), 'Ready')?.reason).toBe('WaitingForOtherRun');
    await world.settle();
    expect(condition(await world.settle('second'), 'Ready')?.status).toBe('True');
  });

  it('that begin at the same moment do not both act', async () => {
    world.put(anOffboarding({ metadata: { name: 'second', uid: 'second' } }));
    await Promise.all([world.look(), world.look('second')]);
    expect([world.status(), world.status('second')].filter(({ startedAt }) => startedAt !== undefined)).toHaveLength(1);
    expect(condition(world.status('second'), 'Ready')?.message).toBe('Offboarding "retire" already retires ci/agent; this one goes on after it');
  });

  it('end with the emergency when one is one', async () => {
    world.put(anOffboarding({ spec: { soak: '1h' } }));
    await world.look();
    world.put(anOffboarding({ metadata: { name: 'now', uid: 'now', creationTimestamp: '2026-11-23T10:00:30Z' }, spec: { urgency: 'Emergency' } }));
    await world.look('now');
    await world.look();
    expect(condition(world.status(), 'Ready')?.reason).toBe('Superseded');
    expect(condition(await world.settle('now'), 'Ready')?.status).toBe('True');
  });
});

describe('after the end', () => {
  it('the identity that comes back is told, and nothing is revoked by itself', async () => {
    await world.settle();
    const before = world.revoker.calls.length;
    world.revoker.present.set(binding.id, { ...binding, uid: 'uid-2' });
    await world.look();
    expect(condition(world.status(), 'Ready')).toMatchObject({ status: 'False', reason: 'Resurrected' });
    expect(world.status().phase).toBe('Resurrected');
    expect(world.revoker.calls.slice(before)).toEqual(['inventory Cached', 'inventory Fresh']);
  });

  it('an account re-created half-way is left alone and stalls the run', async () => {
    await world.look();
    await world.look();
    const second = aCredential({ ...account, uid: 'uid-second', end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' } });
    world.revoker.present.set(account.id, second);
    const status = await world.settle('retire', 10);
    expect(condition(status, 'Stalled')).toMatchObject({ status: 'True', reason: 'IdentityRecreated' });
    expect(world.revoker.present.has(account.id)).toBe(true);
  });

  it('what came back is revoked again as soon as its pause is over, also while a person is waited for', async () => {
    await world.look();
    await world.look();
    world.revoker.present.set(account.id, aCredential({ ...account, uid: 'uid-second', end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' } }));
    world.revoker.present.set(binding.id, { ...binding, uid: 'uid-2' });
    const before = world.revoker.calls.length;
    const paused = await world.look();
    expect(condition(world.status(), 'Stalled')?.reason).toBe('IdentityRecreated');
    expect(paused).toEqual({ kind: 'again', after: 1_000 });
    await world.clock.advance(1_000);
    expect(await world.look()).toEqual({ kind: 'again', after: 0 });
    await world.look();
    expect(world.revoker.calls.slice(before).filter((call) => call.startsWith('revoke'))).toEqual([`revoke ${binding.id}`]);
  });

  it('what came back is not left standing when its pause ends while a look is under way', async () => {
    await world.look();
    await world.look();
    world.revoker.present.set(account.id, aCredential({ ...account, uid: 'uid-second', end: { by: 'Person', reason: 'IdentityRecreated', message: 'left alone' } }));
    world.revoker.present.set(binding.id, { ...binding, uid: 'uid-2' });
    await world.look();
    await world.clock.advance(990);
    world.revoker.onObserve = () => world.clock.advance(20);
    expect(await world.look()).toEqual({ kind: 'again', after: 1 });
  });

  it('what comes back many times a second wakes the run up no more than once a second', async () => {
    await world.look();
    await world.look();
    let looks = 0;
    for (let life = 1; life <= 100; life += 1) {
      world.revoker.present.set(binding.id, { ...binding, uid: `life-${life}` });
      const before = world.revoker.calls.length;
      await world.look();
      if (world.revoker.calls.length > before) looks += 1;
      world.revoker.present.delete(binding.id);
      await world.clock.advance(50);
      await world.look();
    }
    // Three returns are followed as they come; then five seconds are five looks.
    expect(looks).toBeLessThanOrEqual(3 + 5 + 1);
    expect(condition(world.status(), 'Ready')?.status).toBe('False');
    expect(condition(await world.settle(), 'Ready')?.status).toBe('True');
  });

  it('what something keeps putting back names its manager', async () => {
    world.revoker.onRevoke = (credential) => {
      const life = Number(credential.uid?.split('#')[1] ?? 0) + 1;
      world.revoker.present.set(credential.id, { ...credential, uid: `${binding.uid ?? ''}#${life}`, manager: 'argocd-controller' });
      if (credential.id === account.id) world.revoker.present.delete(credential.id);
    };
    const status = await world.settle('retire', 40);
    expect(condition(status, 'Stalled')).toMatchObject({ status: 'True', reason: 'ManagedElsewhere' });
    expect(condition(status, 'Stalled')?.message).toContain('argocd-controller');
    expect(status.dependencies?.[0]?.credentials).toHaveLength(2);
  });
});
