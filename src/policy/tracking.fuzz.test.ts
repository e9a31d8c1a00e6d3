import fc from 'fast-check';
import { describe, it } from 'vitest';
import { credentials, trackedThings } from '../../test/fuzz/credentials.ts';
import { holds } from '../../test/fuzz/property.ts';
import type { CredentialStatus } from '../api/v1alpha1/index.ts';
import { isOpen, trackedKey } from './credential.ts';
import type { Tracked } from './credential.ts';
import { listed, mergeCached, mergeFresh, resume, withStoredIntents } from './tracking.ts';

/** Each once, as an inventory has them. */
const inventories = fc.uniqueArray(credentials, { maxLength: 12, selector: trackedKey });
const merges = fc.constantFrom(mergeFresh, mergeCached);
const limits = fc.constantFrom(1, 3, 8, 128);

const keysOf = (tracked: readonly Tracked[]): ReadonlySet<string> => new Set(tracked.map(({ credential }) => trackedKey(credential)));
const wasSeenGone = ({ status }: Tracked): boolean => status.state === 'Absent' || status.state === 'Confirmed';
const sum = (statuses: readonly CredentialStatus[]): number => statuses.reduce((all, { count = 1 }) => all + count, 0);

describe('an enumeration of any kind', () => {
  it('forgets nothing: what was tracked stays, or was seen to be gone and another of its name took its place', () => {
    holds(
      fc.property(trackedThings, inventories, merges, (tracked, found, merge) => {
        const after = merge(tracked, found, 0).tracked;
        const keys = keysOf(after);
        if (keys.size !== after.length) throw new Error('one is there twice');
        for (const entry of tracked) {
          if (keys.has(trackedKey(entry.credential))) continue;
          if (!wasSeenGone(entry)) throw new Error(`forgot ${entry.credential.id}`);
          if (!after.some(({ credential }) => credential.id === entry.credential.id && credential.seen)) throw new Error(`nothing took the place of ${entry.credential.id}`);
        }
      }),
      400,
    );
  });

  it('tracks all that it found, but for what a watch only thinks is there', () => {
    holds(
      fc.property(trackedThings, inventories, merges, (tracked, found, merge) => {
        const keys = keysOf(merge(tracked, found, 0).tracked);
        for (const credential of found) if ((credential.seen || merge === mergeFresh) && !keys.has(trackedKey(credential))) throw new Error(`does not track ${trackedKey(credential)}`);
      }),
      400,
    );
  });

  it('ends nothing, and says that something is new exactly when there is', () => {
    holds(
      fc.property(trackedThings, inventories, merges, (tracked, found, merge) => {
        const before = new Map(tracked.map((entry) => [trackedKey(entry.credential), entry]));
        const { tracked: after, foundNew } = merge(tracked, found, 0);
        for (const { credential, status } of after) {
          const state = before.get(trackedKey(credential))?.status.state;
          if (status.state !== state && status.state !== 'Present' && status.state !== 'Waiting') throw new Error(`${state ?? 'new'} became ${status.state}`);
        }
        const counts = found.filter(({ seen }) => seen || merge === mergeFresh);
        const isNew = counts.some((credential) => {
          const known = before.get(trackedKey(credential));
          return known === undefined || (merge === mergeFresh && credential.seen && !isOpen(known));
        });
        if (foundNew !== isNew) throw new Error(`new: ${String(foundNew)}`);
      }),
    );
  });

  it('opens again what was confirmed and is there', () => {
    holds(
      fc.property(trackedThings, inventories, (tracked, found) => {
        const after = mergeFresh(tracked, found, 0).tracked;
        for (const { credential, status } of after) {
          if (status.state === 'Confirmed' && found.some((each) => each.seen && trackedKey(each) === trackedKey(credential))) throw new Error(`${credential.id} is there, and Confirmed`);
        }
      }),
    );
  });

  it('finds nothing new when it is made once more', () => {
    holds(
      fc.property(trackedThings, inventories, (tracked, found) => {
        const once = mergeFresh(tracked, found, 0).tracked;
        const twice = mergeFresh(once, found, 0);
        return !twice.foundNew && [...keysOf(twice.tracked)].join() === [...keysOf(once)].join();
      }),
    );
  });
});

describe('a status with room for so many', () => {
  it('counts each, whatever is listed one by one', () => {
    holds(fc.property(trackedThings, limits, (tracked, limit) => sum(listed(tracked, limit)) === sum(tracked.map(({ status }) => status))));
  });

  it('lists one by one where there is room, and has few entries where there is none', () => {
    holds(
      fc.property(trackedThings, limits, (tracked, limit) => {
        const entries = listed(tracked, limit);
        const classes = new Set(tracked.map(({ credential }) => credential.class)).size;
        if (tracked.length <= limit && entries.length !== tracked.length) throw new Error('it counted what there is room for');
        // A class may be counted for each of eight places.
        if (entries.length > Math.max(limit, classes * 8)) throw new Error(`${entries.length} entries`);
      }),
    );
  });

  it('says of many that they are gone, and since when, only where each of them is', () => {
    holds(
      fc.property(trackedThings, (tracked) => {
        const entries = listed(tracked, 1);
        for (const entry of entries) {
          if (entry.count === undefined) continue;
          const isOfAPlace = entries.filter((each) => each.class === entry.class).length > 1;
          const members = tracked.filter(({ credential }) => credential.class === entry.class && (!isOfAPlace || credential.uid === entry.uid));
          if (entry.count !== members.length) throw new Error(`it stands for ${entry.count}, and there are ${members.length}`);
          if (entry.state === 'Confirmed' && members.some(isOpen)) throw new Error('Confirmed, and one is open');
          if (entry.state === 'Absent' && !members.every(wasSeenGone)) throw new Error('Absent, and one is not');
          const spans = members.flatMap(({ status }) => status.absentFor ?? []);
          if (entry.absentFor !== undefined && entry.absentFor > Math.min(...spans)) throw new Error('absent for longer than one of them');
          if (entry.strength === 'Probed' && members.some(({ status }) => status.strength !== 'Probed')) throw new Error('Probed, and one is not');
        }
      }),
    );
  });
});

describe('a new process', () => {
  it('takes up all that the status has, and believes no absence that it did not see', () => {
    holds(
      fc.property(trackedThings, limits, fc.constantFrom(0, 15_000, 60_000), (tracked, limit, settle) => {
        const stored = listed(tracked, limit);
        const resumed = resume(stored, [], 5, settle);
        if (sum(resumed.map(({ status }) => status)) !== sum(stored)) throw new Error('some are forgotten');
        for (const { status, absentSince, refusedThroughout, confirmedAt } of resumed) {
          if (absentSince !== undefined || refusedThroughout !== undefined || status.state === 'Absent') throw new Error('an absence of an earlier process is believed');
          const before = stored.find((each) => trackedKey(each) === trackedKey(status) && each.class === status.class);
          if ((status.state === 'Confirmed') !== (confirmedAt !== undefined)) throw new Error('it is not known since when');
          if (status.state === 'Confirmed' && before?.state !== 'Confirmed') throw new Error('it was not confirmed');
          if (status.state === 'Confirmed' && (before?.absentFor ?? settle) < settle) throw new Error('its absence did not hold as long as it must now');
        }
      }),
    );
  });

  it('forgets none that was listed one by one, whatever its first inventory finds', () => {
    holds(
      fc.property(trackedThings, inventories, (tracked, found) => {
        const stored = tracked.map(({ status }) => status);
        const keys = keysOf(resume(stored, found, 5));
        for (const status of stored) {
          const isReplaced = status.state === 'Confirmed' && found.some(({ id, seen }) => seen && id === status.id);
          if (!keys.has(trackedKey(status)) && !isReplaced) throw new Error(`forgot ${trackedKey(status)}`);
        }
        for (const credential of found) if (!keys.has(trackedKey(credential))) throw new Error(`does not track ${trackedKey(credential)}`);
      }),
    );
  });

  it('keeps the first time at which each was asked to end', () => {
    holds(
      fc.property(trackedThings, trackedThings, (one, other) => {
        const stored = other.map(({ status }) => status);
        const kept = withStoredIntents(one.map(({ status }) => status), stored);
        for (const [index, status] of kept.entries()) {
          const now = one[index]?.status.revokeRequestedAt;
          const first = stored.find((each) => trackedKey(each) === trackedKey(status))?.revokeRequestedAt;
          if ((status.revokeRequestedAt === undefined) !== (now === undefined)) throw new Error('an intent came or went');
          if (status.revokeRequestedAt !== undefined && first !== undefined && status.revokeRequestedAt > first) throw new Error('later than it was');
        }
      }),
    );
  });
});
