/** Independent streams of chance out of one seed, so that what one part draws moves nothing elsewhere. */
import { createSeededRandom } from '../../fakes/random.ts';
import type { Random } from '../../../src/runtime/random.ts';

/** The same numbers for the same seed and name. */
export const streamOf = (seed: number, name: string): Random => {
  let hash = seed | 0;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return createSeededRandom(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d));
};

export const between = (random: Random, least: number, most: number): number => least + random() * (most - least);

export const pick = <T>(random: Random, from: readonly [T, ...T[]]): T => from[Math.floor(random() * from.length)] ?? from[0];

export const chance = (random: Random, probability: number): boolean => random() < probability;
