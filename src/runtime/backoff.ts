import type { Random } from './random.ts';

export interface BackoffOptions {
  /** The first wait, in milliseconds. */
  readonly base: number;
  /** What each further failure multiplies the wait by; at least 1. */
  readonly factor: number;
  /** No wait is longer, in milliseconds. */
  readonly max: number;
  /** The part of the wait left to chance: 0 none, 0.2 waits 80 to 100 %, 1 is "full jitter" (0 to 100 %). */
  readonly jitter: number;
  readonly random: Random;
}

/** How long to wait after a number of failures. Pure but for its randomness. */
export interface Backoff {
  /** Milliseconds to wait before the next attempt; `failures` is how many waits came before it, so 0 gives the base. */
  next(failures: number): number;
}

/** Exponential back-off. Jitter only shortens a wait, so that `max` holds. */
export const createBackoff = ({ base, factor, max, jitter, random }: BackoffOptions): Backoff => {
  if (!(base > 0 && factor >= 1 && max >= base && jitter >= 0 && jitter <= 1)) {
    throw new RangeError('back-off needs base > 0, factor ≥ 1, max ≥ base and jitter from 0 to 1');
  }
  return { next: (failures) => Math.min(max, base * factor ** Math.max(0, failures)) * (1 - jitter * random()) };
};
