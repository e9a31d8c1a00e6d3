/** What a positive control must hold to, in a dependency that has one. */
import { expect } from 'vitest';

import type { Controls, Revoker } from '../../src/revokers/revoker.ts';
import { OutcomeError } from '../../src/runtime/outcome.ts';
import { faults, type Stage } from './stage.ts';
import { never, type Rule, under } from './steps.ts';

interface Tried {
  readonly controls: Controls;
  /** What was made to be tried, as the dependency has it. */
  readonly left: () => Promise<readonly unknown[]>;
}

/** Undefined where nothing is tried, and then nothing is to be shown. */
const triedBy = ({ leftBehind }: Stage, { controls }: Revoker): Tried | undefined => {
  if (controls === undefined) return undefined;
  if (leftBehind === undefined) throw new Error('the stage of a dependency that is tried must say what was made for that');
  return { controls, left: leftBehind };
};

const leavesNothing: Rule = {
  name: 'leaves nothing behind of what it tries, also of another process, and may be asked again',
  check: async (stage) => {
    const here = triedBy(stage, stage.revoker);
    if (here === undefined) return;
    const foreign = await stage.foreign();
    expect(await here.controls.take(stage.target, never())).toEqual([]);
    expect(await here.left(), 'the stage must show what was made').not.toEqual([]);
    const other = triedBy(stage, await stage.restart());
    for (const time of ['once', 'again']) {
      await other?.controls.drop(stage.target, never());
      expect(await here.left(), `dropped ${time}`).toEqual([]);
    }
    await here.controls.drop(stage.target, never());
    expect(await stage.foreign(), 'of others').toEqual(foreign);
  },
};

const unseenIsLeft: Rule = {
  name: 'does not say that what it tried is gone when it could not tell',
  check: async (stage) => {
    const here = triedBy(stage, stage.revoker);
    if (here === undefined) return;
    await here.controls.take(stage.target, never());
    for (const fault of faults) {
      const other = triedBy(stage, await stage.restart());
      const result = await under(stage, fault, 0, async () => other?.controls.drop(stage.target, never()));
      if (result.status === 'rejected') expect(result.reason, fault).toBeInstanceOf(OutcomeError);
      else expect(await here.left(), fault).toEqual([]);
    }
    await here.controls.drop(stage.target, never());
    expect(await here.left()).toEqual([]);
  },
};

export const controlRules: readonly Rule[] = [leavesNothing, unseenIsLeft];
