/** What the records of ends mean: which one watches, what came back, whether a name may be used again, and the figures of all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { reasons } from '../api/v1alpha1/conditions.ts';
import { nameVerdict, supersededRecord } from './supersede.ts';
import { tombstoneFigures } from './tombstone-figures.ts';
import { intactFact, isRoot, isThere, restOf, resurrectedFact, returnedAfter, saysSound, standingTombstone, tombstoneOf } from './tombstone.ts';
import type { DependencyLook, LockState, RecordFacts, Returned, Soundness } from './tombstone.ts';

const numbered = (number: number): string => String(number).padStart(10, '0');
const start = Date.parse('2026-11-23T10:00:00Z');

const condition = fc.record({ type: fc.constantFrom('Intact', 'Resurrected'), status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const), reason: fc.constantFrom(reasons.asSigned, reasons.recordChanged, reasons.lockLost, reasons.dependencyUnavailable), observedGeneration: fc.nat({ max: 2 }) });
const record: fc.Arbitrary<Omit<RecordFacts, 'metadata'>> = fc
  .record({ name: fc.constantFrom('agent', 'agent', 'other', undefined), outcome: fc.constantFrom('Confirmed' as const, 'Waived' as const, 'Cancelled' as const), by: fc.constantFrom(undefined, undefined, 'uid-1', 'uid-2'), conditions: fc.uniqueArray(condition, { maxLength: 2, selector: ({ type }) => type }) })
  .map(({ name, outcome, by, conditions }) => ({
    spec: name === undefined ? {} : { outcome, identity: { namespace: 'ci', name }, completedAt: '2026-11-23T10:00:00Z' },
    status: {
      ...(by && { supersededBy: { namespace: 'ci', name: 'agent', uid: by } }),
      conditions: conditions.map((each) => ({ ...each, message: 'm', lastTransitionTime: '2026-11-23T10:00:00Z' })),
    },
  })) as fc.Arbitrary<Omit<RecordFacts, 'metadata'>>;
/** In any order, as a list has them. */
const records: fc.Arbitrary<readonly RecordFacts[]> = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 12 }), record), { maxLength: 6, selector: ([number]) => number })
  .map((all) => all.map(([number, each]) => ({ ...each, metadata: { name: numbered(number), generation: 1 } })));

const ofName = (all: readonly RecordFacts[], name: string): readonly RecordFacts[] => all.filter(({ spec }) => spec.identity?.name === name);
/** That says of a name that it is retired. */
const lastEnd = (all: readonly RecordFacts[]): RecordFacts | undefined =>
  all.filter(({ spec }) => spec.identity !== undefined && spec.outcome !== 'Cancelled').toSorted((a, b) => Number(b.metadata.name) - Number(a.metadata.name))[0];

describe('of whatever records there are of one name', () => {
  it('the last end is the tombstone, wherever in the list it is, and stands until it is superseded', () => {
    holds(
      fc.property(records, (all) => {
        const own = ofName(all, 'agent');
        expect(tombstoneOf(own)).toBe(lastEnd(own));
        expect(standingTombstone(own)).toBe(lastEnd(own)?.status?.supersededBy === undefined ? lastEnd(own) : undefined);
      }),
    );
  });

  it('one watches exactly when its name is retired by it, and not again since', () => {
    holds(
      fc.property(records, (all) => {
        const own = ofName(all, 'agent');
        for (const each of own) if ((restOf(each, own) === undefined) !== (each === standingTombstone(own))) throw new Error(`${each.metadata.name} of ${own.length}`);
      }),
    );
  });

  it('a name that is retired is used again only by the WorkloadIdentity that its last record was superseded by', () => {
    const claims = fc.record({ uid: fc.constantFrom('uid-1', 'uid-2', 'uid-3'), record: fc.option(fc.integer({ min: 0, max: 14 }).map(numbered), { nil: undefined }) });
    holds(
      fc.property(records, claims, (all, { uid, record: named }) => {
        const claim = { uid, account: { namespace: 'ci', name: 'agent' }, record: named };
        const view = {
          get: (name: string) => all.find(({ metadata }) => metadata.name === name),
          of: (identity: string) => all.filter(({ spec }) => `${spec.identity?.namespace ?? ''}/${spec.identity?.name ?? ''}` === identity),
          head: () => all.filter(isRoot).map(({ metadata }) => metadata.name).toSorted().at(-1),
        };
        const verdict = nameVerdict(claim, view);
        const last = lastEnd(ofName(all, 'agent'));
        const isLocked = last !== undefined && last.status?.supersededBy === undefined;
        const found = view.get(named ?? '');
        // Its own record may have been followed by another end since: that is another identity's affair, and it is none of a free name.
        const isOwn = found?.status?.supersededBy?.uid === uid;
        if (isLocked && verdict === undefined && !isOwn) throw new Error('a locked name is said to be free');
        if (verdict?.kind === 'Confirmed' || verdict?.kind === 'Waived') throw new Error('it is never an end');
        if (verdict?.reason === reasons.superseding && last?.metadata.name !== named) throw new Error('it would supersede another than the last');
        const superseded = supersededRecord(claim, view);
        if (superseded !== undefined && superseded !== named) throw new Error('another than was named');
        if (superseded !== undefined && !(isOwn && found.spec.identity?.name === 'agent')) throw new Error('one that does not say so');
        if (named !== undefined && !isOwn && nameVerdict({ ...claim, ends: [named] }, view)?.reason !== reasons.recordMismatch) throw new Error('it would take back its own end');
      }),
      600,
    );
  });
});

describe('whatever comes back, goes and comes again', () => {
  const things = fc.uniqueArray(fc.record({ id: fc.nat({ max: 40 }).map((id) => `thing-${id}`), class: fc.constantFrom('Token', 'Lease') }), { maxLength: 12, selector: ({ id }) => id });
  const dependency = fc.constantFrom('kubernetes', 'vault');
  const look: fc.Arbitrary<DependencyLook> = fc.oneof({ weight: 3, arbitrary: fc.record({ dependency, present: things }) }, fc.record({ dependency, unseen: fc.constant('away') }));
  const life = fc.array(fc.uniqueArray(look, { maxLength: 2, selector: ({ dependency }) => dependency }), { maxLength: 8 });

  const play = (looks: readonly (readonly DependencyLook[])[], each: (before: readonly Returned[], now: readonly Returned[], seen: readonly DependencyLook[], at: string) => void): void => {
    looks.reduce<readonly Returned[]>((before, seen, index) => {
      const at = new Date(start + index * 1_000);
      const now = returnedAfter(before, seen, at);
      each(before, now, seen, at.toISOString());
      return now;
    }, []);
  };
  /** What they said is there; of one that could not tell, nothing. */
  const answersOf = (seen: readonly DependencyLook[]) => seen.filter((each) => 'present' in each);
  const isIn = (all: readonly Returned[], { dependency, id }: Pick<Returned, 'dependency' | 'id'>): boolean => all.some((entry) => entry.dependency === dependency && entry.id === id);

  it('what is there is listed as there, what was not asked stays as it was, and there are 32 at most', () => {
    holds(
      fc.property(life, (looks) => {
        play(looks, (before, now, seen) => {
          if (now.length > 32) throw new Error(`${now.length} of them`);
          const present = answersOf(seen).flatMap((each) => each.present.map(({ id }) => ({ dependency: each.dependency, id })));
          if (now.length < 32) for (const each of [...present, ...before]) if (!isIn(now, each)) throw new Error(`forgot ${each.id}`);
          for (const entry of now) {
            const asked = answersOf(seen).find((each) => each.dependency === entry.dependency);
            if (asked === undefined) expect(before).toContainEqual(entry);
            else if (asked.present.some(({ id }) => id === entry.id) !== isThere(entry)) throw new Error(`${entry.id} is said to be ${isThere(entry) ? 'there' : 'gone'}`);
          }
        });
      }),
    );
  });

  it('the first time that it was seen stays, and the time at which it went; what is there makes room for nothing that is gone', () => {
    holds(
      fc.property(life, (looks) => {
        play(looks, (before, now, seen, at) => {
          for (const entry of now) {
            const was = before.find((each) => each.dependency === entry.dependency && each.id === entry.id);
            if (entry.seenAt !== (was?.seenAt ?? at)) throw new Error('the first time is forgotten');
            if (!isThere(entry) && entry.goneAt !== (was?.goneAt ?? at)) throw new Error('it went at another time');
          }
          const isStillThere = (entry: Returned): boolean => isThere(entry) && answersOf(seen).every((each) => each.dependency !== entry.dependency || each.present.some(({ id }) => id === entry.id));
          const lost = before.filter((entry) => isStillThere(entry) && !isIn(now, entry));
          if (lost.length > 0 && now.some((entry) => !isThere(entry))) throw new Error('it made room for what is gone');
          if (lost.length > 0 && seen.length === 0) throw new Error('nobody looked');
        });
      }),
    );
  });

  it('it is told exactly while it is there, but by a record that watches nothing; and no is never said where somebody could not tell', () => {
    holds(
      fc.property(life, fc.boolean(), fc.boolean(), record, (looks, rests, everywhere, each) => {
        play(looks, (_, now, seen) => {
          const facts: RecordFacts = { ...each, metadata: { name: numbered(1), generation: 1 } };
          const { status, reason } = resurrectedFact(now, rests ? { reason: reasons.newerRecord, message: 'm' } : undefined, { looks: seen, everywhere }, facts);
          if ((status === 'True') !== (!rests && now.some(isThere))) throw new Error(status);
          if (!rests && status === 'False' && seen.length > answersOf(seen).length) throw new Error('unknown is said to be absent');
          if (!rests && status === 'False' && (reason === reasons.notReturned) !== (now.length === 0)) throw new Error(`what came back is forgotten: ${reason}`);
        });
      }),
    );
  });
});

describe('whatever is known of a record and its lock', () => {
  const soundness: fc.Arbitrary<Soundness> = fc.constantFrom({ kind: 'Sound' as const }, { kind: 'Changed' as const, message: 'c' }, { kind: 'Unchecked' as const, message: 'u' });
  const locks: fc.Arbitrary<LockState | undefined> = fc.constantFrom(undefined, ...(['Held', 'Lost', 'Unknown', 'NotLockable'] as const).map((state) => ({ state, message: 'l' })));

  it('it is Intact only where it was checked, or was so before, and nothing says otherwise', () => {
    holds(
      fc.property(soundness, locks, fc.boolean(), record, (sound, lock, rests, each) => {
        const facts: RecordFacts = { ...each, metadata: { name: numbered(1), generation: 1 } };
        const before = facts.status?.conditions?.find(({ type }) => type === 'Intact')?.status;
        const { status, reason, message } = intactFact(sound, lock, rests ? { reason: reasons.newerRecord, message: 'm' } : undefined, facts);
        if (sound.kind === 'Changed' && (status !== 'False' || reason !== reasons.recordChanged)) throw new Error('it was changed');
        if (lock?.state === 'Held' && sound.kind === 'Sound' && !rests && !message.includes(`(${lock.message})`)) throw new Error('where it was tried is not told');
        if (lock?.state === 'Lost' && status !== 'False') throw new Error('the lock is lost');
        const isUnknown = sound.kind === 'Unchecked' || (lock?.state === 'Unknown' && !rests);
        if (status === 'True' && (sound.kind === 'Unchecked' || isUnknown) && before !== 'True') throw new Error('what is not known is said to be well');
        if (isUnknown && sound.kind !== 'Changed' && lock?.state !== 'Lost' && status !== (before ?? 'Unknown')) throw new Error(`${before ?? 'nothing'} became ${status}`);
        const intact = facts.status?.conditions?.find(({ type }) => type === 'Intact');
        if (saysSound(facts) && (intact === undefined || intact.observedGeneration !== 1 || intact.status === 'Unknown' || intact.reason === reasons.recordChanged)) throw new Error('nobody has said so of this generation');
      }),
      400,
    );
  });

  it('all are counted once as watching or at rest, in whatever order, and numbers that are missing are told', () => {
    holds(
      fc.property(records, (all) => {
        const { tombstones, recordHead, recordsMissing } = tombstoneFigures(all);
        expect(tombstoneFigures(all.toReversed())).toEqual({ tombstones, recordHead, recordsMissing });
        const count = (state: string): number => tombstones.find((each) => each.state === state)?.count ?? 0;
        const roots = all.filter(({ spec }) => spec.identity !== undefined);
        const watching = roots.filter((each) => restOf(each, ofName(all, each.spec.identity?.name ?? '')) === undefined);
        expect([count('watching'), count('resting')]).toEqual([watching.length, roots.length - watching.length]);
        expect(count('superseded')).toBe(roots.filter(({ status }) => status?.supersededBy !== undefined).length);
        const numbers = roots.map(({ metadata }) => Number(metadata.name));
        expect(recordHead).toBe(Math.max(0, ...numbers));
        const missing = Array.from({ length: recordHead }, (_, i) => i + 1).filter((number) => number > Math.min(...numbers) && !numbers.includes(number));
        expect(recordsMissing).toBe(missing.length);
      }),
      400,
    );
  });
});
