/**
 * The conformance kit for revokers.
 *
 *     describeRevoker('vault', { open: async () => stageWithARealOrFakeVault() });
 *
 * A stage needs something to revoke, something of somebody else's beside it, and a way to make every request go wrong.
 */
import { describe, it } from 'vitest';

import { rules } from './rules.ts';
import type { Harness } from './stage.ts';
import type { Rule } from './steps.ts';

export const describeRevoker = (name: string, harness: Harness, held: readonly Rule[] = rules): void => {
  describe(`the revoker ${name}`, () => {
    for (const rule of held) it(rule.name, () => play(rule, harness));
  });
};

const play = async (rule: Rule, harness: Harness): Promise<void> => {
  const stage = await harness.open();
  try {
    await rule.check(stage);
  } finally {
    await stage.close();
  }
};

/** The names of the rules that a revoker breaks, for those who want to see it shown wrong. */
export const brokenRules = async (harness: Harness): Promise<readonly string[]> => {
  const broken: string[] = [];
  for (const rule of rules) {
    try {
      await play(rule, harness);
    } catch {
      broken.push(rule.name);
    }
  }
  return broken;
};
