/** The access paths of a record as lines of a picture: each credential one, or, of many, each class of a dependency. Pure. */
import type { RecordedCredential, RecordedDependency } from '../../evidence/predicate.ts';
import { clipped } from './html.ts';
import { instantOf } from './time.ts';
import { countOf, strengthOf, strengths } from './words.ts';
import type { Strength } from './words.ts';

export interface Lane {
  readonly title: string;
  readonly text: string;
  /** Milliseconds since 1970; undefined where the record has no such time. */
  readonly found: number | undefined;
  readonly asked: number | undefined;
  readonly absent: number | undefined;
  readonly confirmed: number | undefined;
  /** The weakest of those it stands for. */
  readonly end: Strength;
}

export interface Group {
  readonly dependency: string;
  readonly lanes: readonly Lane[];
}

/** More than these in one picture nobody tells apart. */
const mostLanes = 32;

export const groupsOf = (dependencies: readonly RecordedDependency[]): readonly Group[] => {
  const isShort = dependencies.flatMap(({ credentials }) => credentials).length <= mostLanes;
  return dependencies.map(({ name, credentials }) => ({ dependency: name, lanes: isShort ? credentials.map(laneOf) : byClass(credentials) }));
};

const laneOf = (credential: RecordedCredential): Lane => ({
  title: `${clipped(credential.class)}${credential.count === undefined ? '' : `, ${credential.count.toLocaleString('en')} of them`}`,
  text: clipped(credential.id),
  found: instantOf(credential.foundAt),
  asked: instantOf(credential.revokeRequestedAt),
  absent: instantOf(credential.absentSince),
  confirmed: credential.state === 'Confirmed' ? instantOf(credential.confirmedAt) : undefined,
  end: strengthOf(credential),
});

/** From the first that was found to the last that was confirmed: a class is gone when all of it is. */
const byClass = (credentials: readonly RecordedCredential[]): readonly Lane[] => {
  const classes = [...Map.groupBy(credentials, (each) => each.class).entries()];
  const named = classes.length <= mostLanes ? classes : [...classes.slice(0, mostLanes - 1), [`${String(classes.length - mostLanes + 1)} other classes`, classes.slice(mostLanes - 1).flatMap(([, members]) => members)] as const];
  return named.map(([title, members]) => {
    const lanes = members.map(laneOf);
    const all = (times: readonly (number | undefined)[]): readonly number[] => times.filter((time) => time !== undefined);
    const last = (times: readonly (number | undefined)[]): number | undefined => (times.includes(undefined) ? undefined : least(times, -1));
    const ends = new Set(lanes.map(({ end }) => end));
    return {
      title: clipped(title),
      text: `${countOf(members).toLocaleString('en')} credentials`,
      found: least(all(lanes.map(({ found }) => found)), 1),
      asked: least(all(lanes.map(({ asked }) => asked)), 1),
      absent: last(lanes.map(({ absent }) => absent)),
      confirmed: last(lanes.map(({ confirmed }) => confirmed)),
      end: strengths.findLast((strength) => ends.has(strength)) ?? 'Open',
    };
  });
};

/** The first, or by sign -1 the last. There may be too many for arguments of a call. */
const least = (times: readonly (number | undefined)[], sign: 1 | -1): number | undefined =>
  times.reduce<number | undefined>((best, time) => (time !== undefined && (best === undefined || time * sign < best * sign) ? time : best), undefined);
