/** How an enumeration changes what a run tracks: new credentials open it again, known ones keep what was observed. */
import { createHash } from 'node:crypto';
import type { CredentialState, CredentialStatus, Strength } from '../api/v1alpha1/index.ts';
import type { Credential } from '../revokers/revoker.ts';
import { cameBack, ending, isOpen, track, trackedKey } from './credential.ts';
import type { Tracked } from './credential.ts';

/** How many credentials one status may list one by one; beyond that the largest classes become one entry each. */
export const maxListedCredentials = 128;

/** A credential that came back more often than this is managed by something else, and a person is told. */
export const maxReturns = 3;

const maxGrants = 16;

export interface Merge {
  readonly tracked: readonly Tracked[];
  /** True when the enumeration showed something that was not known, or that was believed gone. */
  readonly foundNew: boolean;
}

/**
 * Merges a fresh inventory. A thing of a known name with a new UID, or one that was confirmed and is seen again, has
 * returned: it replaces the old entry, counts, and is revoked again after a pause that grows with each return.
 */
export const mergeFresh = (tracked: readonly Tracked[], found: readonly Credential[], monotonic: number): Merge =>
  merge(tracked, found, monotonic, true);

/** Merges an inventory from a watch: it may be late, so it only ever adds what is not known at all, and what may be revoked by now. */
export const mergeCached = (tracked: readonly Tracked[], found: readonly Credential[], monotonic: number): Merge =>
  merge(tracked, found.filter((credential) => credential.seen), monotonic, false);

const merge = (tracked: readonly Tracked[], found: readonly Credential[], monotonic: number, fresh: boolean): Merge => {
  const result = new Map(tracked.map((entry) => [trackedKey(entry.credential), entry]));
  const byId = Map.groupBy(tracked, ({ credential }) => credential.id);
  const foundKeys = new Set(found.map(trackedKey));
  let foundNew = false;
  for (const credential of found) {
    const key = trackedKey(credential);
    const known = result.get(key);
    if (known === undefined) {
      const earlier = credential.seen ? (byId.get(credential.id) ?? []).filter((entry) => sameKind(entry, credential)) : [];
      // An earlier one that was not seen to go stays: what a watch shows may be the older of the two, and what shows another may
      // be a dependency that has lost its storage. One that is found beside it stays as well.
      for (const entry of earlier) if (wasSeenGone(entry) && !foundKeys.has(trackedKey(entry.credential))) result.delete(trackedKey(entry.credential));
      const previous = earlier.findLast((entry) => wasSeenGone(entry) || entry.status.revokeRequestedAt !== undefined || entry.status.returned !== undefined);
      result.set(key, previous === undefined ? track(credential) : returned(credential, previous, monotonic));
      foundNew = true;
    } else if (!isOpen(known) && credential.seen && fresh) {
      result.set(key, returned(credential, known, monotonic));
      foundNew = true;
    } else if (isOpen(known) && known.credential.end.by === 'Person' && credential.end.by === 'Revoke') {
      // Whoever had to act first did, such as by giving the operator a right.
      result.set(key, ending({ ...known, credential }, credential.end));
    } else if (fresh) {
      const listed = { ...known, credential };
      result.set(key, withGrants(isOpen(known) ? ending(listed, credential.end) : listed, known.credential.grants ?? []));
    }
  }
  return { tracked: [...result.values()], foundNew };
};

const wasSeenGone = ({ status }: Tracked): boolean => status.state === 'Absent' || status.state === 'Confirmed';

/**
 * What is left of access is asked by what was granted: the bindings that say so are gone by then, so what they granted is
 * kept, and is in the status for the next process.
 */
const withGrants = (tracked: Tracked, before: readonly string[]): Tracked => {
  const grants = [...new Set([...before, ...(tracked.credential.grants ?? [])])].slice(0, maxGrants);
  if (tracked.credential.end.by !== 'Others' || grants.length === 0) return tracked;
  return { ...tracked, credential: { ...tracked.credential, grants }, status: { ...tracked.status, grants } };
};

/**
 * An account that came back is not the one that went: both stay in the run. Of what is revoked by name, and of the accounts
 * that took its place, only the last is kept, however often something makes another.
 */
const sameKind = ({ credential: { end } }: Tracked, credential: Credential): boolean =>
  end.by === credential.end.by && (end.by === 'Revoke' || end.by === 'Person');

const returned = (credential: Credential, previous: Tracked, monotonic: number): Tracked =>
  cameBack(track(credential), monotonic, previous.status.returned);

/**
 * Takes up a run where a process left it, with the first fresh inventory of the new process. What the status lists is
 * observed again by this process; what it counted as a class becomes one entry, for those of the class that are not
 * found any more, that only enumerations can confirm.
 */
export const resume = (
  statuses: readonly CredentialStatus[],
  found: readonly Credential[],
  monotonic: number,
  settleTime = 0,
): readonly Tracked[] => {
  const left = statuses.flatMap((status) => {
    if (status.count === undefined) return [status];
    const isOne = (credential: Credential): boolean =>
      credential.seen && credential.class === status.class && (status.uid === undefined || status.uid === credential.uid);
    const count = status.count - found.filter(isOne).length;
    return count > 0 ? [{ ...status, count }] : [];
  });
  return mergeFresh(left.map((status) => resumed(believed(status, settleTime), monotonic)), found, monotonic).tracked;
};

/** What was confirmed by a settle time that is too short by now is observed again: the record is held to the one that it names. */
const believed = (status: CredentialStatus, settleTime: number): CredentialStatus => {
  const { absentFor, confirmedAt: _, strength: __, ...rest } = status;
  return status.state === 'Confirmed' && absentFor !== undefined && absentFor < settleTime ? { ...rest, state: 'Absent' } : status;
};

const resumed = (status: CredentialStatus, monotonic: number): Tracked => {
  const { absentSince: _, ...rest } = status;
  const { expiresAt, grants, uid } = status;
  return {
    credential: {
      id: status.id,
      ...(uid === undefined ? {} : { uid }),
      class: status.class,
      ...(grants === undefined ? {} : { grants }),
      end: expiresAt === undefined ? { by: 'Others' } : { by: 'Expiry', at: new Date(expiresAt) },
      seen: false,
    },
    status: status.state === 'Absent' ? { ...rest, state: 'Unknown' } : status,
    ...(status.state === 'Confirmed' ? { confirmedAt: monotonic } : {}),
    ...(status.count === undefined ? {} : { aggregate: true as const }),
  };
};

const severity: readonly CredentialState[] = ['Present', 'Unknown', 'Waiting', 'Absent', 'Confirmed'];

const worst = (states: readonly CredentialState[]): CredentialState =>
  severity.find((state) => states.includes(state)) ?? 'Unknown';

/** Of a class, what its weakest member rests on. */
const weakest: readonly Strength[] = ['WaitedOut', 'Observed', 'Probed'];

/** Everything that is tracked has a time at which the run first knew of it. */
export const withTimes = (tracked: readonly Tracked[], now: Date): readonly Tracked[] =>
  tracked.every(({ status }) => status.foundAt !== undefined)
    ? tracked
    : tracked.map((entry) => (entry.status.foundAt === undefined ? { ...entry, status: { ...entry.status, foundAt: now.toISOString() } } : entry));

/** The credentials as the status lists them: at most `limit` entries, the largest classes counted instead of listed. */
export const listed = (tracked: readonly Tracked[], limit = maxListedCredentials): readonly CredentialStatus[] => {
  const classes = Map.groupBy(tracked, (entry) => entry.credential.class);
  const bySize = [...classes.entries()].sort(([, a], [, b]) => b.length - a.length);
  let total = tracked.length;
  const counted = new Set<string>();
  for (const [name, members] of bySize) {
    // One of a class takes no more room than its count.
    if (total <= limit || members.length === 1) break;
    counted.add(name);
    total -= members.length - 1;
  }
  return [...classes.entries()].flatMap(([name, members]) =>
    counted.has(name) ? placesOf(members).map((there) => asClass(name, there)) : members.map((entry) => entry.status),
  );
};

/**
 * Where a dependency has but a few UIDs for many credentials, the UID says in which place each was seen, and the count is kept
 * for each place: what was seen in one is not proven gone by another.
 */
const placesOf = (members: readonly Tracked[]): readonly (readonly Tracked[])[] => {
  const places = Map.groupBy(members, ({ credential }) => credential.uid);
  return places.size <= mostPlaces && places.size * 2 <= members.length ? [...places.values()] : [members];
};

const mostPlaces = 8;

/** An intent is as old as it was when it was stored first, whoever has one of his own for the same credential. */
export const withStoredIntents = (listed: readonly CredentialStatus[], stored: readonly CredentialStatus[]): readonly CredentialStatus[] => {
  const intents = new Map(stored.map((status) => [trackedKey(status), status.revokeRequestedAt]));
  return listed.map((status) => {
    const first = intents.get(trackedKey(status));
    return first === undefined || status.revokeRequestedAt === undefined || first >= status.revokeRequestedAt ? status : { ...status, revokeRequestedAt: first };
  });
};

const asClass = (name: string, members: readonly Tracked[]): CredentialStatus => {
  const count = members.reduce((sum, entry) => sum + (entry.status.count ?? 1), 0);
  const digest = createHash('sha256')
    .update(members.map((entry) => entry.status.digest ?? trackedKey(entry.credential)).sort().join('\n'))
    .digest('hex');
  const times = (pick: (status: CredentialStatus) => string | undefined): readonly string[] =>
    members.flatMap((entry) => pick(entry.status) ?? []).sort();
  const requests = times((status) => status.revokeRequestedAt);
  const state = worst(members.map((entry) => entry.status.state));
  const absent = times((status) => status.absentSince).at(-1);
  const confirmed = times((status) => status.confirmedAt).at(-1);
  const [found] = times((status) => status.foundAt);
  const spans = members.flatMap(({ status }) => status.absentFor ?? []);
  const strength = weakest.find((each) => members.some(({ status }) => status.strength === each));
  const speaker = members.find((entry) => entry.status.reason !== undefined) ?? members.find((entry) => entry.status.message !== undefined);
  const { reason, message } = speaker?.status ?? {};
  const uids = new Set(members.map(({ credential }) => credential.uid));
  const [end, ...otherEnds] = new Set(members.map(({ status }) => status.end));
  const [uid] = uids.size === 1 ? uids : [];
  return {
    id: `every ${name}`,
    ...(uid === undefined ? {} : { uid }),
    class: name,
    state,
    count,
    digest,
    ...(end === undefined || otherEnds.length > 0 ? {} : { end }),
    ...(found === undefined ? {} : { foundAt: found }),
    ...(requests[0] === undefined ? {} : { revokeRequestedAt: requests[0] }),
    ...((state === 'Absent' || state === 'Confirmed') && absent !== undefined ? { absentSince: absent } : {}),
    ...(state === 'Confirmed' && confirmed !== undefined ? { confirmedAt: confirmed } : {}),
    ...(state === 'Confirmed' && spans.length > 0 ? { absentFor: Math.min(...spans) } : {}),
    ...(state === 'Confirmed' && strength !== undefined ? { strength } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
};
