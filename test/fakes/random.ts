import type { Random } from '../../src/runtime/random.ts';

/** A random generator that repeats itself for the same seed (mulberry32). */
export const createSeededRandom = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** `TEST_SEED` when it is set, else a new one. It is printed, so that a failure can be run again. */
export const printedSeed = (name: string): number => {
  const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  console.info(`${name}: TEST_SEED=${String(seed)}`);
  return seed;
};

/** A whole number from 0 up to, but not including, `end`. */
export const below = (random: Random, end: number): number => Math.floor(random() * end);
