/** Whatever becomes of each call, and of the processes: their clocks differ, and run up to one part in a hundred too fast or too slow. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFakeClock } from '../../test/fakes/clock.ts';
import type { FakeClock } from '../../test/fakes/clock.ts';
import { holdsInTime } from '../../test/fuzz/property.ts';
import { sleep } from './clock.ts';
import type { Clock } from './clock.ts';
import { createLeaderElector, LeadershipLostError } from './leader-election.ts';
import type { LeaderElector } from './leader-election.ts';
import type { LeaderLock, LeaderRecord } from './lease-claim.ts';
import type { Logger } from './logger.ts';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };
const never = new AbortController().signal;

/** What becomes of one call: how long it and its answer take, in milliseconds, and what is lost on the way. */
interface Fate {
  readonly there: number;
  readonly back: number;
  readonly lost: 'nothing' | 'call' | 'answer' | 'connection before' | 'connection after';
}

const well: Fate = { there: 10, back: 10, lost: 'nothing' };
const ways = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 50 }) }, { weight: 2, arbitrary: fc.integer({ min: 0, max: 20_000 }) });
const fates: fc.Arbitrary<Fate> = fc.record({ there: ways, back: ways, lost: fc.oneof({ weight: 3, arbitrary: fc.constant('nothing' as const) }, { weight: 2, arbitrary: fc.constantFrom('call' as const, 'answer' as const, 'connection before' as const, 'connection after' as const) }) });

/** One process after another under one name. */
interface Replica {
  /** Its seconds for one of ours. */
  readonly rate: number;
  readonly wall: number;
  /** Milliseconds by which a timer is late, one after the other. */
  readonly late: readonly number[];
  /** What its dice fall on, one after the other. */
  readonly dice: readonly number[];
  /** When each of its processes is told to stop, counted from when it began. */
  readonly stops: readonly number[];
  /** How long work takes to heed that it must end. */
  readonly heeds: number;
}

const replica: fc.Arbitrary<Replica> = fc.record({
  rate: fc.constantFrom(1, 0.99, 1.01),
  wall: fc.integer({ min: -1e10, max: 1e10 }),
  late: fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 4 }),
  dice: fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { minLength: 1, maxLength: 4 }),
  stops: fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 3 }),
  heeds: fc.oneof(fc.constant(0), fc.constant(20_000), fc.nat({ max: 20_000 })),
});

interface Stage {
  readonly clock: FakeClock;
  readonly lockFor: () => LeaderLock;
  readonly stored: () => LeaderRecord | undefined;
  /** From now on every call is answered. */
  readonly calmDown: () => void;
}

const createStage = (all: readonly Fate[]): Stage => {
  const clock = createFakeClock();
  let stored: LeaderRecord | undefined;
  let version = 0;
  let calls = 0;
  let isCalm = false;
  const call = async <T>(act: () => T): Promise<T> => {
    const { there, back, lost } = isCalm ? well : (all[calls++ % all.length] ?? well);
    await sleep(clock, there, never);
    if (lost === 'connection before') throw new Error('connection refused');
    if (lost === 'call') return new Promise(() => undefined);
    const result = act();
    await sleep(clock, back, never);
    if (lost === 'connection after') throw new Error('connection reset');
    return lost === 'answer' ? new Promise(() => undefined) : result;
  };
  const store = (record: LeaderRecord): LeaderRecord => (stored = { ...record, version: String((version += 1)) });
  return {
    clock,
    stored: () => stored,
    calmDown: () => {
      isCalm = true;
    },
    lockFor: () => ({
      get: () => call(() => stored),
      create: (record) =>
        call(() => {
          if (stored !== undefined) throw new Error('already exists');
          return store(record);
        }),
      update: (record) =>
        call(() => {
          if (stored?.version !== record.version) throw new Error('conflict');
          return store(record);
        }),
    }),
  };
};

/** All that has happened so far. */
interface Play {
  /** Whose work runs. */
  readonly working: Set<string>;
  readonly electors: Map<string, LeaderElector>;
  readonly wrong: string[];
  began: number;
  ended: boolean;
}

const clockOf = (clock: Clock, { rate, wall, late }: Replica): Clock => {
  let timers = 0;
  return {
    monotonic: () => clock.monotonic() * rate + Math.abs(wall),
    now: () => new Date(clock.now().getTime() + wall),
    schedule: (delay, action) => clock.schedule(delay / rate + (late[timers++ % late.length] ?? 0), action),
  };
};

/** The processes of one replica, each with a name of its own; its work ends with it. */
const live = async (name: string, play: Play, stage: Stage, replica: Replica): Promise<void> => {
  const clock = clockOf(stage.clock, replica);
  let throws = 0;
  const random = (): number => replica.dice[throws++ % replica.dice.length] ?? 0;
  for (let life = 0; !play.ended; life += 1) {
    const identity = `${name}-${life}`;
    const elector = createLeaderElector({ lock: stage.lockFor(), identity, clock, random, log: silent });
    play.electors.set(identity, elector);
    const stop = new AbortController();
    const stopsAt = replica.stops[life];
    if (stopsAt !== undefined) stage.clock.schedule(stopsAt, () => { stop.abort(new Error('stopped')); });
    try {
      await elector.run(stop.signal, async (signal) => {
        const leaders = [...play.electors].filter(([other, { isLeader }]) => other !== identity && isLeader()).map(([other]) => other);
        if (leaders.length + play.working.size > 0) play.wrong.push(`${identity} leads beside ${[...leaders, ...play.working].join(' ')}`);
        if (!elector.isLeader()) play.wrong.push(`${identity} works and does not lead`);
        play.working.add(identity);
        play.began += 1;
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        await sleep(stage.clock, replica.heeds, never);
        play.working.delete(identity);
      });
    } catch (error) {
      if (!(error instanceof LeadershipLostError)) throw error;
    }
    play.working.delete(identity);
    play.electors.delete(identity);
    await sleep(stage.clock, 500, never);
  }
};

const minutes = 2;
/** A lease, a retry, and what a lost leader may still take to leave. */
const longestWithout = 15_000 + 4_400 + 1_000;

const perform = async (replicas: readonly Replica[], all: readonly Fate[], look: (play: Play, stage: Stage) => Promise<void>): Promise<void> => {
  const stage = createStage(all);
  const play: Play = { working: new Set(), electors: new Map(), wrong: [], began: 0, ended: false };
  const failures: unknown[] = [];
  for (const [index, each] of replicas.entries()) void live('abc'.charAt(index), play, stage, each).catch((error: unknown) => failures.push(error));
  await stage.clock.advance(minutes * 60_000);
  await look(play, stage);
  play.ended = true;
  expect([failures, play.wrong]).toEqual([[], []]);
};

const replicas = fc.array(replica, { minLength: 2, maxLength: 3 });
const weather = fc.array(fates, { minLength: 1, maxLength: 60, size: '+2' });

describe('of processes that stand for election, whatever is lost or late', () => {
  it('none leads, or still works, at an instant at which another one begins to lead', async () => {
    await holdsInTime(fc.asyncProperty(replicas, weather, (all, fate) => perform(all, fate, () => Promise.resolve())), 100);
  });

  it('one leads soon after everything is answered again, and goes on', async () => {
    await holdsInTime(
      fc.asyncProperty(replicas, weather, (all, fate) =>
        perform(all.map((each) => ({ ...each, stops: each.stops.filter((at) => at < 30_000) })), fate, async (play, { clock, stored, calmDown }) => {
          calmDown();
          await clock.advance(2 * longestWithout);
          const began = play.began;
          await clock.advance(60_000);
          expect([[...play.working], play.began]).toEqual([[stored()?.holderIdentity], began]);
        }),
      ),
      25,
    );
  });
});
