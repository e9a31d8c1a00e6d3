/** Two electors, a clock for each wall, and an API that delays, drops and answers twice: never two leaders at one moment. */
import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { below, createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { sleep } from './clock.ts';
import type { Clock } from './clock.ts';
import { createLeaderElector, LeadershipLostError } from './leader-election.ts';
import type { LeaderLock, LeaderRecord } from './lease-claim.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent };

const forEver = new AbortController().signal;

/** The stored record; `latency` and `loss` apply to each way separately, so a write may work whose answer is lost. */
const createLossyLock = (clock: Clock, random: Random, weather: { loss: number; latency: number }): (() => LeaderLock) => {
  let stored: LeaderRecord | undefined;
  let version = 0;
  const travel = async (): Promise<void> => {
    await sleep(clock, random() * weather.latency, forEver);
    if (random() >= weather.loss) return;
    if (random() < 0.5) throw new Error('connection reset');
    await new Promise(() => undefined);
  };
  const call = async <T>(act: () => T): Promise<T> => {
    await travel();
    const result = act();
    await travel();
    return result;
  };
  const store = (record: LeaderRecord): LeaderRecord => {
    version += 1;
    stored = { ...record, version: String(version) };
    return stored;
  };
  return () => ({
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
  });
};

describe('two electors in bad weather', () => {
  it('never lead at the same time, and one of them leads most of the time when the weather is good', async () => {
    const random = createSeededRandom(printedSeed('leader election'));
    const clock = createFakeClock();
    const weather = { loss: 0, latency: 0 };
    const lock = createLossyLock(clock, random, weather);
    const leaders = new Set<string>();
    const counts = { lost: 0, stopped: 0, led: 0, overlapping: 0 };

    /** One process: leads until it loses, is killed or is stopped; its work ends only when it exits, or some seconds after it was told. */
    const live = async (identity: string): Promise<void> => {
      const wall = (random() - 0.5) * 7_200_000;
      // Timers of a busy process are late, by less than what run leaves before others may lead.
      const own: Clock = {
        monotonic: () => clock.monotonic(),
        now: () => new Date(clock.now().getTime() + wall),
        schedule: (delay, action) => clock.schedule(delay + random() * 400, action),
      };
      const stop = new AbortController();
      const elector = createLeaderElector({ lock: lock(), identity, clock: own, random, log: silent });
      clock.schedule(random() * 300_000, () => {
        stop.abort(new Error('stopped'));
      });
      const lead = async (signal: AbortSignal): Promise<void> => {
        leaders.add(identity);
        counts.led += 1;
        if (leaders.size > 1) counts.overlapping += 1;
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        await sleep(clock, random() * 12_000, forEver);
        leaders.delete(identity);
      };
      try {
        await elector.run(stop.signal, lead);
        counts.stopped += 1;
      } catch (error) {
        if (!(error instanceof LeadershipLostError)) throw error;
        counts.lost += 1;
      }
      // The process has exited, and whatever it was doing with it.
      leaders.delete(identity);
    };

    let ended = false;
    const failures: unknown[] = [];
    const keepAlive = async (name: string): Promise<void> => {
      for (let life = 0; !ended; life += 1) {
        await live(`${name}-${String(life)}`);
        await sleep(clock, random() * 5_000, forEver);
      }
    };
    for (const name of ['one', 'two']) void keepAlive(name).catch((error: unknown) => failures.push(error));

    let ledInGoodWeather = 0;
    const hours = 6;
    for (let minute = 0; minute < hours * 60; minute += 1) {
      const bad = below(random, 3) === 0;
      weather.loss = bad ? random() : 0.02;
      weather.latency = bad ? random() * 6_000 : 50;
      await clock.advance(60_000);
      if (!bad && leaders.size === 1) ledInGoodWeather += 1;
    }
    ended = true;
    expect(failures).toEqual([]);
    expect(counts.overlapping).toBe(0);
    expect(counts.led).toBeGreaterThan(20);
    expect(counts.lost).toBeGreaterThan(5);
    expect(counts.stopped).toBeGreaterThan(5);
    expect(ledInGoodWeather).toBeGreaterThan(hours * 60 * 0.4);
  }, 60_000);
});
