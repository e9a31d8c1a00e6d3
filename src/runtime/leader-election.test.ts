import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import type { FakeClock } from '../../test/fakes/clock.ts';
import { sleep } from './clock.ts';
import { createLeaderElector, LeadershipLostError } from './leader-election.ts';
import type { LeaderElector, LeaderElectorOptions } from './leader-election.ts';
import type { LeaderLock, LeaderRecord } from './lease-claim.ts';
import type { Logger } from './logger.ts';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };

interface FakeLock extends LeaderLock {
  record: LeaderRecord | undefined;
  /** What happens to calls: they work, fail, get no answer ever, or take effect without an answer. */
  mode: 'up' | 'down' | 'hangs' | 'mute';
  calls: number;
}

const createFakeLock = (): FakeLock => {
  let version = 0;
  const answer = <T>(act: () => T): Promise<T> => {
    lock.calls += 1;
    if (lock.mode === 'down') return Promise.reject(new Error('connection refused'));
    if (lock.mode === 'hangs') return new Promise(() => undefined);
    if (lock.mode === 'mute') {
      act();
      return new Promise(() => undefined);
    }
    return new Promise((resolve) => {
      resolve(act());
    });
  };
  const store = (record: LeaderRecord): LeaderRecord => {
    version += 1;
    lock.record = { ...record, version: String(version) };
    return lock.record;
  };
  const lock: FakeLock = {
    record: undefined,
    mode: 'up',
    calls: 0,
    get: () => answer(() => lock.record),
    create: (record) =>
      answer(() => {
        if (lock.record !== undefined) throw new Error('already exists');
        return store(record);
      }),
    update: (record) =>
      answer(() => {
        if (lock.record?.version !== record.version) throw new Error('conflict');
        return store(record);
      }),
  };
  return lock;
};

interface Candidate {
  readonly elector: LeaderElector;
  readonly stop: () => void;
  /** Ends the work that was told to end. */
  readonly finish: () => void;
  /** Monotonic times. */
  readonly state: { leadingSince?: number; toldToEnd?: { at: number; why: unknown }; ended?: { at: number; error: unknown } };
  readonly told: boolean[];
}

/** Runs an elector whose work ends by `finish`, or at once when it is told to and `obedient`. */
const stand = (
  clock: FakeClock,
  lock: LeaderLock,
  identity: string,
  { obedient = true, ...rest }: Partial<LeaderElectorOptions> & { obedient?: boolean } = {},
): Candidate => {
  const stop = new AbortController();
  const work = Promise.withResolvers<undefined>();
  const state: Candidate['state'] = {};
  const told: boolean[] = [];
  const elector = createLeaderElector({
    lock, identity, clock, random: () => 0.5, log: silent, onLeading: (leading) => told.push(leading), ...rest,
  });
  const lead = async (signal: AbortSignal): Promise<void> => {
    state.leadingSince = clock.monotonic();
    signal.addEventListener('abort', () => {
      state.toldToEnd = { at: clock.monotonic(), why: signal.reason };
      if (obedient) work.resolve(undefined);
    });
    await work.promise;
  };
  void elector.run(stop.signal, lead).then(
    () => (state.ended = { at: clock.monotonic(), error: undefined }),
    (error: unknown) => (state.ended = { at: clock.monotonic(), error }),
  );
  return {
    elector,
    stop: () => {
      stop.abort(new Error('stopped by SIGTERM'));
    },
    finish: () => {
      work.resolve(undefined);
    },
    state,
    told,
  };
};

describe('leader election', () => {
  it('creates the lease, leads and keeps renewing it', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one');
    await clock.advance(0);
    expect(one.elector.isLeader()).toBe(true);
    expect(lock.record).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 0 });
    const acquired = lock.record?.acquireTime;
    await clock.advance(600_000);
    expect(one.elector.isLeader()).toBe(true);
    expect(lock.record?.acquireTime).toEqual(acquired);
    expect(clock.now().getTime() - (lock.record?.renewTime.getTime() ?? 0)).toBeLessThanOrEqual(2000);
    expect(one.told).toEqual([true]);
  });

  it('renews with a single call', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    stand(clock, lock, 'one');
    await clock.advance(0);
    const before = lock.calls;
    await clock.advance(19_001);
    expect(lock.calls - before).toBe(10);
  });

  it('ends the work, then releases the lease, when it is stopped, and another takes over within a retry', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one', { obedient: false });
    await clock.advance(0);
    const two = stand(clock, lock, 'two');
    await clock.advance(60_000);
    one.stop();
    await clock.advance(30_000);
    expect(one.state.toldToEnd?.at).toBe(60_000);
    expect(one.elector.isLeader(), 'it renews until its work has ended').toBe(true);
    expect(two.elector.isLeader()).toBe(false);
    one.finish();
    await clock.advance(0);
    expect(one.state.ended).toEqual({ at: 90_000, error: undefined });
    expect(lock.record).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    await clock.advanceUntil(() => two.elector.isLeader(), 4400);
    expect(lock.record).toMatchObject({ holderIdentity: 'two', leaseDurationSeconds: 15, leaseTransitions: 1 });
    expect(one.told).toEqual([true, false]);
  });

  it('ends the work a renew deadline after the last renewal was sent, and rejects while nobody else can lead yet', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one', { obedient: false, random: () => 0 });
    const two = stand(clock, lock, 'two', { random: () => 0 });
    await clock.advance(60_000);
    const renewedAt = clock.monotonic() - (clock.now().getTime() - (lock.record?.renewTime.getTime() ?? 0));
    lock.mode = 'hangs';
    await clock.advanceUntil(() => one.state.toldToEnd !== undefined, 20_000);
    expect(one.state.toldToEnd?.at).toBe(renewedAt + 10_000);
    expect(one.state.toldToEnd?.why).toBeInstanceOf(LeadershipLostError);
    expect(one.elector.isLeader()).toBe(false);
    lock.mode = 'up';
    await clock.advanceUntil(() => one.state.ended !== undefined, 20_000);
    expect(one.state.ended).toMatchObject({ at: renewedAt + 14_000, error: expect.any(LeadershipLostError) as unknown });
    expect(two.elector.isLeader()).toBe(false);
    await clock.advanceUntil(() => two.elector.isLeader(), 20_000);
    expect(two.state.leadingSince).toBeGreaterThanOrEqual(renewedAt + 15_000);
    expect(one.told).toEqual([true, false]);
  });

  it('counts from when a renewal was sent, not from when it was answered', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    let slow = false;
    const slowLock: LeaderLock = {
      ...lock,
      update: async (record) => {
        const stored = await lock.update(record);
        if (slow) await sleep(clock, 3_000, new AbortController().signal);
        return stored;
      },
    };
    const one = stand(clock, slowLock, 'one', { random: () => 0 });
    await clock.advance(1_000);
    slow = true;
    await clock.advance(4_500);
    lock.mode = 'hangs';
    await clock.advanceUntil(() => one.state.toldToEnd !== undefined, 20_000);
    expect(one.state.toldToEnd?.at).toBe(12_000);
  });

  it('lives through refusals shorter than the renew deadline', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one');
    await clock.advance(20_000);
    for (const mode of ['down', 'hangs', 'mute'] as const) {
      lock.mode = mode;
      await clock.advance(6_000);
      lock.mode = 'up';
      await clock.advance(20_000);
      expect(one.elector.isLeader(), mode).toBe(true);
    }
  });

  it('goes on when its lease was deleted and nobody took it', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one');
    await clock.advance(5_000);
    lock.record = undefined;
    await clock.advance(5_000);
    expect(one.elector.isLeader()).toBe(true);
    expect(lock.record).toMatchObject({ holderIdentity: 'one' });
  });

  it.each(['intruder', ''])('is lost at once when the lease names "%s" instead', async (holderIdentity) => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one');
    await clock.advance(5_000);
    const record = await lock.get();
    if (record === undefined) throw new Error('no record');
    await lock.update({ ...record, holderIdentity });
    await clock.advance(2_000);
    expect(one.state.ended?.error).toBeInstanceOf(LeadershipLostError);
    expect(lock.record?.holderIdentity).toBe(holderIdentity);
  });

  it('never trusts the time that the holder wrote', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const longAgo = new Date(0);
    await lock.create({
      holderIdentity: 'other', leaseDurationSeconds: 15, acquireTime: longAgo, renewTime: longAgo, leaseTransitions: 7, version: '',
    });
    const one = stand(clock, lock, 'one', { random: () => 0 });
    await clock.advance(14_999);
    expect(one.elector.isLeader()).toBe(false);
    clock.stepWall(-3_600_000);
    await clock.advanceUntil(() => one.elector.isLeader(), 2_000);
    expect(lock.record).toMatchObject({ holderIdentity: 'one', leaseTransitions: 8 });
  });

  it('gives a holder with a longer lease that time', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const now = clock.now();
    await lock.create({ holderIdentity: 'other', leaseDurationSeconds: 60, acquireTime: now, renewTime: now, leaseTransitions: 0, version: '' });
    const one = stand(clock, lock, 'one', { random: () => 0 });
    await clock.advance(59_999);
    expect(one.elector.isLeader()).toBe(false);
    await clock.advanceUntil(() => one.elector.isLeader(), 2_000);
  });

  it('says that it does not lead as soon as the deadline has passed, even when timers are late', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    let late = 0;
    const slow = { ...clock, monotonic: () => clock.monotonic() + late };
    const one = stand(clock, lock, 'one', { clock: slow });
    await clock.advance(0);
    late = 10_000;
    expect(one.elector.isLeader()).toBe(false);
    await clock.advance(2_000);
    expect(one.state.ended?.error, 'a renewal after the deadline heals nothing').toBeInstanceOf(LeadershipLostError);
  });

  it('stops while it waits, without a write', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    stand(clock, lock, 'one');
    await clock.advance(0);
    const two = stand(clock, lock, 'two');
    await clock.advance(3_000);
    two.stop();
    await clock.advance(0);
    expect(two.state).toEqual({ ended: { at: 3_000, error: undefined } });
    expect(two.told).toEqual([]);
  });

  it('gives back a lease that it got while it was stopped', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const one = stand(clock, lock, 'one');
    one.stop();
    await clock.advance(0);
    expect(one.state.ended).toEqual({ at: 0, error: undefined });
    expect(lock.record?.holderIdentity ?? '').toBe('');
    expect(one.elector.isLeader()).toBe(false);
  });

  it('stops in time when the API hangs, and says that the lease was not released', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const warnings: string[] = [];
    const one = stand(clock, lock, 'one', { log: { ...silent, warn: (message) => warnings.push(message) } });
    await clock.advance(1_000);
    lock.mode = 'hangs';
    one.stop();
    await clock.advance(2_000);
    expect(one.state.ended).toEqual({ at: 3_000, error: undefined });
    expect(warnings).toEqual(['The lease could not be released and will expire by itself']);
    expect(clock.pending()).toBeLessThanOrEqual(1);
  });

  it('releases the lease and passes on what the work failed with', async () => {
    const clock = createFakeClock();
    const lock = createFakeLock();
    const elector = createLeaderElector({ lock, identity: 'one', clock, random: () => 0, log: silent });
    const run = elector.run(new AbortController().signal, () => Promise.reject(new Error('broken')));
    await expect(run).rejects.toThrow('broken');
    expect(lock.record?.holderIdentity).toBe('');
    await expect(elector.run(new AbortController().signal, () => Promise.resolve())).rejects.toThrow('once');
  });

  it('refuses times that cannot keep two leaders apart', () => {
    const make = (times: Partial<LeaderElectorOptions>) => () =>
      createLeaderElector({ lock: createFakeLock(), identity: 'one', clock: createFakeClock(), random: () => 0, log: silent, ...times });
    expect(make({ renewDeadline: 15_000 })).toThrow(RangeError);
    expect(make({ retryPeriod: 9_000 })).toThrow(RangeError);
    expect(make({ leaseDuration: 15_500 })).toThrow(RangeError);
  });
});
