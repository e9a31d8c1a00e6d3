/** When the operator is killed, and how much of it: drawn from the seed before anything happens. */
import { below } from '../fakes/random.ts';
import type { Random } from '../../src/runtime/random.ts';
import type { Moment } from '../e2e/changes.ts';

export type Trigger =
  /** From the strike before, or from the first change that is made after it. */
  | { readonly kind: 'time'; readonly milliseconds: number; readonly from: 'the strike before' | 'the first change' }
  /** The n-th request since the strike before, of all or of those that change something, of both replicas together. */
  | { readonly kind: 'request'; readonly nth: number; readonly of: 'all' | 'changes'; readonly moment: Moment };

export interface Strike {
  readonly trigger: Trigger;
  /** The one that leads, or that asked; the other one; or both. */
  readonly victims: 'leader' | 'standby' | 'both';
  /** Where nobody leads, which replica counts as the leader. */
  readonly otherwise: 0 | 1;
  /**
   * The lease of a leader that is dead runs for another fifteen seconds, in which nothing happens. Most strikes give it up in its
   * name, as it would have itself, so that the time goes into work; the others wait.
   */
  readonly lease: 'given up' | 'runs out';
  /** The API server is killed at the same moment. */
  readonly apiServer: boolean;
}

export interface PlanOptions {
  readonly kills: number;
  readonly apiServerKills: number;
  /** Of all strikes, the share that waits for the lease to run out. */
  readonly patient: number;
  /** Offboardings under way at any time. */
  readonly runs: number;
}

/**
 * Each moment is drawn so that every order of magnitude is as likely: most strikes come within the first changes after the strike before,
 * and some leave enough time for runs to end and for records to be stored, so that kills fall on every part of a run.
 */
const longestDelay = 8_000;
/** A run takes some twenty changes. */
const changesPerRun = 20;
/** A process makes some forty requests before it leads: so that many strikes come while it starts. */
const requestsPerRun = 10;

export const planOf = (random: Random, { kills, apiServerKills, patient, runs }: PlanOptions): readonly Strike[] => {
  const apiServerAt = new Set(Array.from({ length: apiServerKills }, (_, index) => Math.floor(((index + 0.2 + 0.6 * random()) * kills) / apiServerKills)));
  return Array.from({ length: kills }, (_, index) => ({
    trigger: triggerOf(random, runs),
    victims: pick<Strike['victims']>(random, [['leader', 5], ['both', 3], ['standby', 2]]),
    otherwise: below(random, 2) === 0 ? 0 : 1,
    lease: random() < patient ? 'runs out' : 'given up',
    apiServer: apiServerAt.has(index),
  }));
};

const triggerOf = (random: Random, runs: number): Trigger => {
  const kind = pick<'time' | 'changes' | 'all'>(random, [['time', 3], ['changes', 5], ['all', 2]]);
  if (kind === 'time') return { kind, milliseconds: magnitude(random, longestDelay), from: random() < 0.5 ? 'the strike before' : 'the first change' };
  const moment = random() < 0.5 ? 'before it arrives' : 'after it was answered';
  return { kind: 'request', nth: magnitude(random, runs * (kind === 'all' ? requestsPerRun : changesPerRun)), of: kind, moment };
};

/** From 1 to `most`. */
const magnitude = (random: Random, most: number): number => Math.floor(most ** random());

const pick = <T>(random: Random, weighted: readonly (readonly [T, number])[]): T => {
  let left = random() * weighted.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of weighted) {
    left -= weight;
    if (left < 0) return value;
  }
  throw new Error('nothing to pick from');
};

export const describeStrike = ({ trigger, victims, lease, apiServer }: Strike): string => {
  const when = trigger.kind === 'time' ? `${trigger.milliseconds} ms after ${trigger.from}` : `at request ${trigger.nth} of ${trigger.of}, ${trigger.moment}`;
  return `${when}: ${victims}${apiServer ? ' and the API server' : ''}, the lease ${lease}`;
};
