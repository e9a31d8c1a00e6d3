/** What works again after a run has said that nothing does. That is no lie of the run; that it goes on saying so is one. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { OffboardingObject, OffboardingRecordObject } from '../../src/reconcile/objects.ts';
import type { Stored, World } from './invariants.ts';
import { Violation } from './invariants.ts';
import type { Person, Realm } from './realm.ts';
import { conditionOf, dependencyOf, isTrue, nameOf } from './runs.ts';
import type { Life } from './ways.ts';

export interface Returns {
  /** Since when a run has said, without a break, that nothing works there; undefined while it does not say so. */
  readonly saidAt: (run: OffboardingObject, realm: Realm) => number | undefined;
  /** After everything else has been held against what is stored. */
  readonly onStored: (change: Stored) => void;
  /** Time has passed, and it may be that nothing else has happened. */
  readonly onTime: () => void;
  /** What came back, and is not told yet. */
  readonly untold: () => readonly string[];
}

/** Milliseconds in which it is told, once trouble has ended: a watch that went mute before is noticed after 150 s at the latest. */
const toldWithin = 180_000;

export const createReturns = (world: World): Returns => {
  const [cluster] = world.realms;
  const said = new Map<string, number>();
  const recordedAt = new Map<string, number>();
  const keyOf = ({ metadata: { uid } }: OffboardingObject, { name }: Realm): string => `${uid} ${name}`;
  const saidAt = (run: OffboardingObject, realm: Realm): number | undefined => said.get(keyOf(run, realm));

  const note = (run: OffboardingObject): void => {
    for (const realm of world.realms) {
      const says = isTrue(run, 'Ready') && dependencyOf(run, realm.name)?.state !== 'Waived';
      if (!says) said.delete(keyOf(run, realm));
      else if (!said.has(keyOf(run, realm))) said.set(keyOf(run, realm), world.now());
    }
  };
  const checkTold = (before: OffboardingObject, after: OffboardingObject): void => {
    if (!isResurrected(after) || isResurrected(before)) return;
    const [person] = world.people.filter((each) => isOf(each, after.status?.identity));
    const since = world.realms.map((realm) => saidAt(before, realm));
    if (person === undefined || since.includes(undefined)) return;
    const isTrueOf = (realm: Realm, index: number): boolean => world.ways.of(person, realm).some(({ bornAt }) => bornAt > (since[index] ?? 0));
    if (!world.realms.some(isTrueOf)) throw new Violation('StaysDead', `${nameOf(after)} says that something came back, and nothing did`);
  };

  /** Only the cluster has watches; the other systems are asked by the hour. */
  const backSince = (person: Person, when: number | undefined): Life | undefined =>
    cluster === undefined || when === undefined ? undefined : world.ways.of(person, cluster).find(({ bornAt, diedAt }) => diedAt === undefined && bornAt > when);

  const untold = (): readonly { readonly what: string; readonly since: number }[] =>
    world.people.flatMap((person) => {
      const record = lastOf(world.records() as readonly OffboardingRecordObject[], person);
      if (record === undefined || cluster === undefined) return [];
      const run = world.offboardings().find(({ status }) => status?.recordRef?.name === record.metadata.name);
      return [
        ...(isTrue(record, 'Resurrected') || record.spec.outcome === 'CompletedWithWaivers' ? [] : [{ who: `record ${record.metadata.name}`, back: backSince(person, recordedAt.get(record.metadata.name)) }]),
        ...(run === undefined || !isTrue(run, 'Ready') ? [] : [{ who: `${nameOf(run)}, which is Ready,`, back: backSince(person, saidAt(run, cluster)) }]),
      ].flatMap(({ who, back }) => (back === undefined ? [] : [{ what: `${who} does not say that ${back.id} works again`, since: back.bornAt }]));
    });

  return {
    saidAt,
    onStored: ({ plural, type, object, previous, by }) => {
      if (plural === 'offboardingrecords' && type === 'ADDED') recordedAt.set(object.metadata.name, world.now());
      if (plural !== 'offboardings' || type === 'DELETED' || world.startedAt(by) === undefined) return;
      if (previous !== undefined) checkTold(previous as OffboardingObject, object as OffboardingObject);
      note(object as OffboardingObject);
    },
    onTime: () => {
      const late = untold().find(({ since }) => world.now() - Math.max(since, world.calmSince()) > toldWithin);
      if (late !== undefined) throw new Violation('StaysDead', `${late.what}, for ${String(Math.round(world.now() - late.since))} ms`);
    },
    untold: () => untold().map(({ what }) => what),
  };
};

const isOf = ({ namespace, name }: Person, identity: string | undefined): boolean => identity === `${namespace}/${name}`;

const isResurrected = (run: OffboardingObject): boolean => conditionOf(run, 'Ready')?.reason === reasons.resurrected;

/** Of all that are of the same name it is the last that watches. */
const lastOf = (records: readonly OffboardingRecordObject[], { namespace, name }: Person): OffboardingRecordObject | undefined =>
  records.filter(({ spec }) => spec.identity?.namespace === namespace && spec.identity.name === name && spec.outcome !== 'Cancelled').at(-1);
