/** What a lock must hold to, in a dependency that has one. */
import { expect } from 'vitest';

import type { LockCapability, Revoker } from '../../src/revokers/revoker.ts';
import { OutcomeError } from '../../src/runtime/outcome.ts';
import { faults, type Stage } from './stage.ts';
import { failed, never, type Rule, under } from './steps.ts';

type Lock = Extract<LockCapability, { readonly kind: 'Lockable' }>;

/** Undefined where there is none, and then nothing is to be shown. */
const lockOf = ({ lock }: Revoker): Lock | undefined => (lock.kind === 'Lockable' ? lock : undefined);

const isSeen = async ({ target }: Stage, lock: Lock | undefined): Promise<string | undefined> => (await lock?.observeLock(target, never()))?.state;

const locksAndUnlocks: Rule = {
  name: 'locks so that nothing more is issued, and unlocks so that all is as it was, also in another process',
  check: async (stage) => {
    const lock = lockOf(stage.revoker);
    if (lock === undefined) return;
    const { admits, lockable, target } = stage;
    if (admits === undefined || lockable === undefined) throw new Error('the stage of a dependency that can be locked must say what it admits');
    const [foreign, before] = [await stage.foreign(), await lockable()];
    expect([await admits(), await isSeen(stage, lock)], 'before').toEqual([true, 'Absent']);
    for (const time of ['once', 'again']) {
      await lock.lock(target, never());
      expect([await admits(), await isSeen(stage, lock)], `locked ${time}`).toEqual([false, 'Present']);
    }
    expect(await stage.foreign(), 'of others').toEqual(foreign);
    const next = lockOf(await stage.restart());
    expect(await isSeen(stage, next), 'another process').toBe('Present');
    for (const time of ['once', 'again']) {
      await next?.unlock(target, never());
      expect([await admits(), await isSeen(stage, next)], `unlocked ${time}`).toEqual([true, 'Absent']);
    }
    expect(await lockable(), 'as it was').toEqual(before);
    expect(await stage.foreign(), 'of others').toEqual(foreign);
  },
};

const takesBackOnlyItsOwn: Rule = {
  name: 'takes back no lock that it did not set',
  check: async (stage) => {
    const lock = lockOf(stage.revoker);
    if (lock === undefined || stage.lockForeign === undefined) return;
    await stage.lockForeign();
    await lock.lock(stage.target, never());
    expect(await isSeen(stage, lock)).toBe('Present');
    await lock.unlock(stage.target, never());
    expect(await stage.admits?.(), 'somebody else had locked it').toBe(false);
  },
};

const believesNoLock: Rule = {
  name: 'does not take an unanswered lock for one that holds, nor for one that does not',
  check: async (stage) => {
    const lock = lockOf(stage.revoker);
    if (lock === undefined) return;
    for (const state of ['Absent', 'Present']) {
      for (const fault of faults) {
        const result = await under(stage, fault, 0, () => lock.observeLock(stage.target, never()));
        expect(failed(result), `observeLock under ${fault} rejected`).toBeUndefined();
        if (result.status === 'fulfilled') expect(['Unknown', state], `observeLock under ${fault}`).toContain(result.value.state);
      }
      await lock.lock(stage.target, never());
    }
  },
};

const refusedLock: Rule = {
  name: 'rejects when a lock was not set, or not taken back',
  check: async (stage) => {
    const lock = lockOf(stage.revoker);
    if (lock === undefined) return;
    for (const operation of ['lock', 'unlock'] as const) {
      const admitted = await stage.admits?.();
      for (const fault of faults) {
        const result = await under(stage, fault, 0, () => lock[operation](stage.target, never()));
        // Not every protocol tells an empty success from a real one; that is what observing is for.
        if (fault === 'Empty' && result.status === 'fulfilled') continue;
        expect(failed(result), `${operation} under ${fault}`).toBeInstanceOf(OutcomeError);
      }
      expect(await stage.admits?.(), `${operation}: nothing has changed`).toBe(admitted);
      await lock.lock(stage.target, never());
    }
  },
};

export const lockRules: readonly Rule[] = [locksAndUnlocks, takesBackOnlyItsOwn, believesNoLock, refusedLock];
