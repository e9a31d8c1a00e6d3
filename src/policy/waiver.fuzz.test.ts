import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { credentials, trackedThings } from '../../test/fuzz/credentials.ts';
import { holds } from '../../test/fuzz/property.ts';
import { conditionTypes, reasons } from '../api/v1alpha1/conditions.ts';
import type { Condition, OffboardingStatus } from '../api/v1alpha1/index.ts';
import type { Credential } from '../revokers/revoker.ts';
import { believableFrom, cameBack, isOpen, track } from './credential.ts';
import { listed, withTimes } from './tracking.ts';
import { hasEnded, isLeftOver, isOnItsWay, isReopened, isWaived } from './waiver.ts';

const isThere = (credential: Credential): Credential => ({ ...credential, seen: true });
const recreated = ({ id, class: kind }: Credential, uid: string): Credential => ({ id, class: kind, uid, seen: true, end: { by: 'Person', reason: reasons.identityRecreated, message: 'x' } });

describe('what a complete run has left', () => {
  it('is each thing that its status lists and that was not proven gone, and nothing that it does not list', () => {
    holds(
      fc.property(trackedThings, credentials, (tracked, other) => {
        const statuses = tracked.map(({ status }) => status);
        for (const { credential, status } of tracked) {
          const others = statuses.filter((each) => each.id === credential.id);
          if (status.state !== 'Confirmed' && !isLeftOver(isThere(credential), statuses)) throw new Error(`${credential.id} was left`);
          if (others.every((each) => each.state === 'Confirmed' && each.returned === undefined) && isLeftOver(isThere(credential), statuses)) throw new Error(`${credential.id} came after the end`);
        }
        if (!statuses.some(({ id }) => id === other.id) && isLeftOver(isThere(other), statuses)) throw new Error(`nobody listed ${other.id}`);
      }),
      300,
    );
  });

  it('is never an account that took the name of another', () => {
    holds(
      fc.property(trackedThings, (tracked) => {
        const statuses = tracked.map(({ status }) => status);
        return tracked.every(({ credential }) => !isLeftOver(recreated(credential, 'uid-of-a-new-one'), statuses));
      }),
      100,
    );
  });

  it('may be any of a class that was only counted, until all of that were proven gone', () => {
    holds(
      fc.property(trackedThings, credentials, (tracked, credential) => {
        const statuses = listed(tracked, 1);
        const counted = statuses.filter((each) => each.class === credential.class && each.count !== undefined);
        if (counted.some(({ state }) => state !== 'Confirmed') && !isLeftOver(isThere(credential), statuses)) throw new Error('it may have been one of those');
      }),
      100,
    );
  });
});

describe('what is on its way to its end', () => {
  it('is nothing of a dependency of which all is gone, and anything that was not asked to end yet', () => {
    holds(
      fc.property(trackedThings, credentials, fc.constantFrom(0, 15_000), fc.nat({ max: 1e6 }), (tracked, credential, settle, now) => {
        if (isOnItsWay(tracked.filter((entry) => !isOpen(entry)), settle, now)) throw new Error('all is gone');
        if (!isOnItsWay([...tracked, track({ ...credential, end: { by: 'Revoke' } })], settle, now)) throw new Error('nobody asked it to end yet');
      }),
      100,
    );
  });

  it('is what was seen absent, until that can be believed', () => {
    holds(
      fc.property(trackedThings, fc.constantFrom(0, 15_000, 60_000), (tracked, settle) => {
        for (const entry of tracked) {
          const from = believableFrom(entry, settle);
          if ((from === undefined) !== (entry.absentSince === undefined)) throw new Error('it is believed without an absence');
          if (from === undefined || entry.absentSince === undefined) continue;
          // Clocks have fractions.
          if (Math.abs(from - entry.absentSince - settle) > 0.001) throw new Error('it is not a settle time');
          if (isOpen(entry) && !isOnItsWay([entry], settle, from - 1)) throw new Error('it can be believed soon');
        }
      }),
      100,
    );
  });
});

describe('what came back', () => {
  it('is counted, and revoked again after a pause that grows, and never longer than five minutes', () => {
    holds(
      fc.property(credentials, fc.nat({ max: 1e6 }), fc.integer({ min: 2, max: 40 }), (credential, now, times) => {
        let entry = track(credential);
        let before = 0;
        for (let count = 1; count <= times; count += 1) {
          entry = cameBack(entry, now);
          const pause = (entry.notBefore ?? 0) - now;
          if (entry.status.returned !== count) throw new Error(`it came back ${entry.status.returned ?? 0} times`);
          if (pause < before || pause <= 0 || pause > 300_000) throw new Error(`a pause of ${pause} after ${before}`);
          before = pause;
        }
      }),
      50,
    );
  });

  it('has a time at which it was first known of, which stays', () => {
    holds(
      fc.property(trackedThings, trackedThings, (one, other) => {
        const first = withTimes(one, new Date('2026-11-23T10:00:00Z'));
        const both = withTimes([...first, ...other], new Date('2026-11-23T11:00:00Z'));
        expect(both.slice(0, first.length)).toEqual(first);
        return both.every(({ status }) => status.foundAt !== undefined) && both.length === one.length + other.length;
      }),
      100,
    );
  });
});

describe('a run', () => {
  const statuses = fc.record({ reason: fc.constantFrom(...Object.values(reasons)), isComplete: fc.boolean() }).map(({ reason, isComplete }): OffboardingStatus => {
    const ready: Condition = { type: conditionTypes.ready, status: 'False', reason, message: '', lastTransitionTime: '2026-11-23T10:00:00Z', observedGeneration: 1 };
    return { conditions: [ready], ...(isComplete && { completedAt: '2026-11-23T10:00:00Z' }) };
  });

  it('has ended, or is complete by waivers alone, or goes on: one of these', () => {
    holds(
      fc.property(statuses, (status) => {
        const states = [hasEnded(status), isWaived(status), status.completedAt === undefined];
        if (states.filter(Boolean).length !== 1) throw new Error(states.join());
        if (isWaived(status) && !isReopened(status)) throw new Error('what was waived is taken for proven when its waivers end');
        if (hasEnded(status) && status.conditions?.[0]?.reason === reasons.completedWithWaivers) throw new Error('it has ended by waivers');
      }),
    );
  });
});
