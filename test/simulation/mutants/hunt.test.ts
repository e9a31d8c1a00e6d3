import { describe, expect, it } from 'vitest';
import { hunt, render, seedsOf } from './hunt.ts';
import { mutants } from './list.ts';
import type { Mutant } from './mutant.ts';
import type { Batch, Simulate } from './run.ts';

const [mutant] = mutants as readonly [Mutant];

/** Sees something with these seeds, and keeps what it was asked. */
const seeing = (...seeds: readonly number[]): { readonly simulate: Simulate; readonly asked: readonly Batch[] } => {
  const asked: Batch[] = [];
  const simulate: Simulate = (_, batch) => {
    asked.push(batch);
    const failed = seeds.filter((seed) => seed >= batch.seed && seed < batch.seed + batch.runs).map((seed) => ({ seed, invariant: 'dead when Ready' }));
    const [first] = failed;
    return Promise.resolve(batch.stop && first !== undefined ? { runs: first.seed - batch.seed + 1, failed: [first] } : { runs: batch.runs, failed });
  };
  return { simulate, asked };
};

const limits = { firstSeed: 101, firstBatch: 10, limit: 100 };

describe('a hunt', () => {
  it('ends with the first batch when that sees the mutant, and tells how many of its runs did', async () => {
    const { simulate, asked } = seeing(103, 107);
    const found = await hunt(mutant, { ...limits, simulate });
    expect(found).toMatchObject({ caughtAfter: 3, runs: 10, failed: [{ seed: 103 }, { seed: 107 }] });
    expect(asked).toEqual([{ seed: 101, runs: 10, stop: false }]);
  });

  it('goes on with more and more seeds, each once, and stops at the first that sees it', async () => {
    const { simulate, asked } = seeing(133, 134);
    const found = await hunt(mutant, { ...limits, simulate });
    expect(found).toMatchObject({ caughtAfter: 33, runs: 33, failed: [{ seed: 133 }] });
    expect(asked).toEqual([{ seed: 101, runs: 10, stop: false }, { seed: 111, runs: 40, stop: true }]);
  });

  it('is not over with one that merely dies, or breaks a form', async () => {
    const dying: Simulate = (_, { seed, runs }) => Promise.resolve(seed > 103 ? { runs, failed: [{ seed: 120, invariant: 'NeverLies' }] } : { runs: 3, failed: [{ seed: 103, invariant: 'ProcessLives' }] });
    expect(await hunt(mutant, { ...limits, simulate: dying, stopAtFirst: true })).toMatchObject({ caughtAfter: 20, failed: [{ seed: 120, invariant: 'NeverLies' }] });
  });

  it('gives up at its limit', async () => {
    const { simulate, asked } = seeing(201);
    const found = await hunt(mutant, { ...limits, simulate });
    expect(found).toMatchObject({ caughtAfter: undefined, runs: 100, failed: [] });
    expect(asked.reduce((sum, { runs }) => sum + runs, 0)).toBe(100);
  });

  it('takes no answer for one of runs that were not done', async () => {
    const lazy: Simulate = (_, { runs }) => Promise.resolve({ runs: runs - 1, failed: [] });
    await expect(hunt(mutant, { ...limits, simulate: lazy })).rejects.toThrow(`the simulation with ${mutant.name} gave up after 9 of 10 runs`);
  });
});

describe('what is told of hunts', () => {
  it('is a line for each, with the invariants that saw it', () => {
    const failed = [{ seed: 4, invariant: 'settled' }, { seed: 2, invariant: 'dead when Ready' }, { seed: 9, invariant: 'settled' }];
    const hunts = [
      { mutant, caughtAfter: 2, runs: 40, failed },
      { mutant, caughtAfter: undefined, runs: 4_000, failed: [] },
    ];
    const [head, seen, free] = render(hunts).split('\n');
    expect(head).toMatch(/^mutant +caught after +seen in +by$/);
    expect(seen).toMatch(new RegExp(`^${mutant.name} +2 +3 of 40 +dead when Ready, settled$`));
    expect(free).toMatch(new RegExp(`^${mutant.name} +never +0 of 4000$`));
    expect(seedsOf(hunts)).toEqual([2, 4, 9]);
  });
});
