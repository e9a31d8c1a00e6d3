/**
 * What must hold after every event, whatever happens. Each is checked when something that it is about changes: a stored object, a request
 * that took effect, a way in that began to work.
 */
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import type { OffboardingObject, OffboardingWaiverObject } from '../../src/reconcile/objects.ts';
import { trackedKey } from '../../src/policy/credential.ts';
import { hasEnded } from '../../src/policy/waiver.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import type { WireRequest } from './engine/wire.ts';
import type { Looks } from './looks.ts';
import type { Person, Realm, Way } from './realm.ts';
import { announces, credentialsOf, dependenciesOf, dependencyOf, isTrue, nameOf } from './runs.ts';
import type { Life, Ways } from './ways.ts';
import { isOf } from './ways.ts';

export const invariantNames = [
  'NeverLies', 'SettleTimeHolds', 'SettlesInOneProcess', 'NothingForgotten', 'NeighboursKeepTheirs', 'LockHolds', 'StaysDead', 'LooksLast',
  'NothingBeforeItsTime', 'IntentFirst', 'FinalizerLast', 'RecordTells', 'ConditionsConform', 'InOrder', 'Lives', 'ProcessLives', 'Alone',
] as const;
export type InvariantName = (typeof invariantNames)[number];

/** Thrown out of the event that broke one. */
export class Violation extends Error {
  readonly invariant: InvariantName;

  constructor(invariant: InvariantName, message: string) {
    super(message);
    this.name = 'Violation';
    this.invariant = invariant;
  }
}

/** A stored change, by whom. */
export interface Stored {
  readonly plural: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
  readonly previous?: KubeObject | undefined;
  readonly by: string;
}

export interface World {
  readonly now: () => number;
  /** When the request was sent that is taking effect now. */
  readonly sentAt: () => number;
  readonly realms: readonly Realm[];
  readonly ways: Ways;
  readonly looks: Pick<Looks, 'last'>;
  readonly people: readonly Person[];
  readonly personOf: (target: Target['serviceAccount']) => Person | undefined;
  readonly offboardings: () => readonly OffboardingObject[];
  /** When a process of the operator began; undefined for anybody else. */
  readonly startedAt: (process: string) => number | undefined;
  /** True when a clock of the operator was set during this run: then what goes by the time of day may be early. */
  readonly clocksWereSet: () => boolean;
  readonly records: () => readonly KubeObject[];
  /** Whether it had something in common with a neighbour at its beginning: that is not its own to lose. */
  readonly sharedAtFirst: (person: Person) => boolean;
  /** Of which a part was passed off as the whole, for a while. */
  readonly listsWereShort: () => boolean;
  /** By people: then the chain has an end that nobody can see, or a gap that an auditor is told of. */
  readonly recordsWereDeleted: () => boolean;
  readonly workloadIdentities: () => readonly KubeObject[];
  /** The ServiceAccount of that name, whichever it is. */
  readonly account: (account: Person) => KubeObject | undefined;
  /** Whether something runs as that account. */
  readonly isInUse: (account: Target['serviceAccount']) => boolean;
  /** Since when a run has said, without a break, that nothing works there; undefined while it does not say so. */
  readonly saidAt: (run: OffboardingObject, realm: Realm) => number | undefined;
  readonly waivers: () => readonly OffboardingWaiverObject[];
  /** Who holds the operator's Lease, and since when. */
  readonly leader: () => { readonly name: string; readonly since: number } | undefined;
  /** When the last trouble ended; now, while one lasts. */
  readonly calmSince: () => number;
}

export interface Invariants {
  readonly onStored: (change: Stored) => void;
  readonly onRequest: (request: WireRequest, realm: Realm) => void;
  /** People have changed what is theirs. */
  readonly onPeople: () => void;
}

/** The wall-clock time at the beginning of each universe, in milliseconds since 1970. */
export const epoch = Date.parse('2026-06-01T00:00:00Z');

/** What somebody has in the cluster: people, and controllers for them, may change it. */
const isSomebodys: ReadonlySet<string> = new Set(['serviceaccounts', 'secrets', 'rolebindings', 'clusterrolebindings']);

export const createInvariants = (world: World): Invariants => {
  /** Identities of which a run was Ready at some time. */
  const retired = new Set<string>();
  /** Since when the cluster's lock does not stand that once did. */
  const lostAt = new Map<Person, number>();
  const locked = new Set<Person>();
  /** By people, who may: what is given out from then on while it does not stand is theirs. That it takes effect late is ours to see. */
  let lockWasTouched = false;
  const lookAtLocks = (): void => {
    const [cluster] = world.realms;
    for (const person of world.people) {
      if (cluster?.isLocked(person) === true) {
        locked.add(person);
        lostAt.delete(person);
      } else if (locked.has(person) && !lostAt.has(person)) lostAt.set(person, world.now());
    }
  };
  /** When each run that ended, or was let go, did: what it had sent may still be on its way. */
  const overAt = new Map<string, number>();
  const deleted = new Map<string, OffboardingObject>();
  /** As of when each says that it is locked, by the clock of the world. */
  const lockedAt = new Map<string, number>();
  /** The same of when each started. */
  const startedAt = new Map<string, number>();
  const others = new Map(world.realms.map((realm) => [realm, realm.ofOthers()]));
  world.ways.onBorn((identity, realm, way) => {
    if (lockWasTouched && realm.isLocked(identity) === false) return;
    for (const run of runsOf(world, identity)) checkBirth(run, realm, way, realm.staysOpen?.(identity) === true);
  });
  const refresh = (realms: readonly Realm[]): void => {
    for (const realm of realms) others.set(realm, realm.ofOthers());
  };
  const onPeople = (): void => { refresh(world.realms); };
  return {
    onPeople,
    onStored: (change) => {
      const isOperator = world.startedAt(change.by) !== undefined;
      if (change.plural === 'configmaps' || change.plural === 'validatingadmissionpolicybindings') {
        lockWasTouched ||= !isOperator;
        lookAtLocks();
      }
      if (isOperator) checkFinalizers(change, retired);
      else if (isSomebodys.has(change.plural)) refresh(world.realms.slice(0, 1));
      if (change.plural === 'offboardings' && change.type === 'DELETED') {
        overAt.set(change.object.metadata.uid, world.now());
        deleted.set(change.object.metadata.uid, change.object as OffboardingObject);
      }
      if (change.plural !== 'offboardings' || change.type === 'DELETED') return;
      const before = change.previous as OffboardingObject | undefined;
      const after = change.object as OffboardingObject;
      if (!isOperator || before === undefined || before.status === after.status) return;
      // It takes effect a moment after it is written.
      lookAtLocks();
      checkConditions(after);
      checkForgotten(before, after);
      const { uid } = after.metadata;
      if (after.status?.lockedAt !== before.status?.lockedAt) lockedAt.set(uid, world.sentAt());
      if (after.status?.startedAt !== before.status?.startedAt) startedAt.set(uid, world.now());
      if (hasEnded(after.status) && !hasEnded(before.status)) overAt.set(uid, world.now());
      checkIntent(world, before, after, lockedAt.get(uid));
      checkConfirmed(world, before, after, change.by);
      checkLocked(world, after, lostAt);
      if (!isTrue(after, 'Ready')) return;
      checkReady(world, before, after, change.by);
      if (isTrue(before, 'Ready')) return;
      checkTracked(world, after, startedAt.get(uid) ?? 0);
      retired.add(after.status?.identity ?? '');
    },
    onRequest: (request, realm) => {
      if (world.startedAt(request.from) === undefined) return;
      const ends = realm.ends(request);
      if (ends !== undefined) {
        const isOver = ({ metadata: { uid } }: OffboardingObject): boolean => world.now() - (overAt.get(uid) ?? Infinity) > longestWork;
        const runs = [...world.offboardings(), ...deleted.values()].filter((run) => announces(run, realm.name, ends) && !isOver(run));
        if (runs.length === 0) throw new Violation('IntentFirst', `${request.from} ${request.method} ${request.path}, and no run that is under way has announced that`);
        checkAlone(world, request);
        checkOrder(world, request, realm, runs);
      }
      if (request.method !== 'GET' && request.method !== 'LIST' && realm.ofOthers() !== others.get(realm)) {
        throw new Violation('NeighboursKeepTheirs', `${request.from} ${request.method} ${request.path} changed what others have in ${realm.name}:\n${others.get(realm) ?? ''}\n→ ${realm.ofOthers()}`);
      }
    },
  };
};

export const runsOf = ({ offboardings }: Pick<World, 'offboardings'>, { namespace, name }: Person): readonly OffboardingObject[] =>
  offboardings().filter(({ status }) => status?.identity === `${namespace}/${name}`);

const personOfRun = ({ personOf }: World, { status }: OffboardingObject): Person | undefined =>
  status?.target === undefined ? undefined : personOf(status.target.serviceAccount);

/** Milliseconds from a question to the write of what was answered. */
const lastLookAgo = 20_000;

/** What people bring back after it was looked at is told with the next look. */
const isBackSinceTheLastLook = ({ now }: World, { broughtBackAt = -Infinity }: Way): boolean => now() - broughtBackAt <= lastLookAgo;

const checkReady = (world: World, before: OffboardingObject, run: OffboardingObject, by: string): void => {
  const person = personOfRun(world, run);
  if (person === undefined) throw new Violation('NeverLies', `${nameOf(run)} is Ready, and nobody knows for whom`);
  let lastOfCluster = 0;
  for (const realm of world.realms) {
    const dependency = dependencyOf(run, realm.name);
    if (dependency?.state === 'Waived') {
      checkWaiver(world, run, realm.name);
      continue;
    }
    if (dependency === undefined && realm.name !== 'kubernetes' && world.ways.of(person, realm).length === 0) continue;
    // What came back since it says so is told, and soon.
    const saidAt = world.saidAt(run, realm);
    const lives = world.ways.of(person, realm);
    const back = new Set(lives.flatMap(({ id, bornAt }) => (bornAt > (saidAt ?? Infinity) ? [id] : [])));
    const alive = realm.waysIn(person).filter((way) => !back.has(way.id) && !isBackSinceTheLastLook(world, way));
    if (alive.length > 0) throw new Violation('NeverLies', `${nameOf(run)} is Ready, and these work: ${alive.map(({ id }) => id).join(', ')}`);
    const last = Math.max(0, ...lives.map(({ id, diedAt }) => (back.has(id) ? 0 : (diedAt ?? 0))));
    if (realm.name === 'kubernetes') lastOfCluster = last + realm.settleTime;
    if (world.now() - last < realm.settleTime - realm.propagation) {
      throw new Violation('SettleTimeHolds', `${nameOf(run)} is Ready ${String(Math.round(world.now() - last))} ms after the last way into ${realm.name} ended; an absence must hold ${String(realm.settleTime)} ms`);
    }
    if (saidAt !== undefined) continue;
    const ended = realm.name === 'kubernetes' ? last : Math.max(last, lastOfCluster);
    const unseen = realm.lists(person, run.status?.target?.serviceAccount.uid).find((list) => world.looks.last(by, realm, list) < ended);
    if (unseen !== undefined) {
      throw new Violation('LooksLast', `${nameOf(run)} is Ready; ${by} saw the list ${unseen} of ${realm.name} last at ${String(world.looks.last(by, realm, unseen))}, and what could give more ended at ${String(ended)}`);
    }
  }
  const { recordRef } = run.status ?? {};
  if (isTrue(before, 'Ready')) return;
  if (recordRef === undefined || !world.records().some(({ metadata: { name } }) => name === recordRef.name)) {
    throw new Violation('RecordTells', `${nameOf(run)} is Ready, and its record is not stored`);
  }
};

/** Milliseconds: longer than a status takes to be written. */
export const justNow = 30_000;

/** What is not followed under the name by which the world knows it is not held to what is true of it, either. */
const checkTracked = (world: World, run: OffboardingObject, startedAt: number): void => {
  const person = personOfRun(world, run);
  // What no list had, and then went by itself, nobody could follow.
  for (const realm of person === undefined || world.listsWereShort() || world.sharedAtFirst(person) ? [] : world.realms) {
    const tracked = credentialsOf(run, realm.name);
    const wasThere = ({ bornAt, diedAt = Infinity }: Life): boolean => bornAt < startedAt && diedAt > startedAt;
    const untold = world.ways.of(person as Person, realm).find((life) => wasThere(life) && !tracked.some((credential) => isOf(credential, life)) && realm.unfollowed?.(life, run.status?.target?.serviceAccount.uid) !== true);
    if (untold !== undefined) throw new Violation('NeverLies', `${nameOf(run)} is Ready, and ${untold.id}, which worked when it started, is none of what it has followed in ${realm.name}`);
  }
};

const checkWaiver = (world: World, run: OffboardingObject, dependency: string): void => {
  const inForce = world.waivers().some(({ spec }) => spec.offboardingRef.uid === run.metadata.uid && spec.dependency === dependency && Date.parse(spec.expiresAt) > epoch + world.now() - justNow);
  if (!inForce && !world.clocksWereSet()) throw new Violation('NeverLies', `${nameOf(run)} is Ready without ${dependency}, and nobody has given that up`);
};

const checkForgotten = (before: OffboardingObject, after: OffboardingObject): void => {
  if (before.status?.startedAt === undefined) return;
  for (const dependency of dependenciesOf(before)) {
    const now = new Set(credentialsOf(after, dependency.name).map(trackedKey));
    // Of very many there is one entry for each class, which counts them.
    const counted = new Set(credentialsOf(after, dependency.name).flatMap((each) => (each.count === undefined ? [] : [each.class])));
    const lost = (dependency.credentials ?? []).filter((credential) => !now.has(trackedKey(credential)) && !counted.has(credential.class));
    if (lost.length > 0) throw new Violation('NothingForgotten', `${nameOf(after)} knew of ${lost.map(({ id }) => id).join(', ')} in ${dependency.name}, and does not any more`);
  }
};

/** Milliseconds from when something was seen to the write that tells it, with what a time of whole seconds leaves out. */
const rounded = 2_000;

/** The write that announces the end of something must find a run that may go on: its version is a condition of the write. */
const checkIntent = (world: World, before: OffboardingObject, after: OffboardingObject, lockedAt: number | undefined): void => {
  const begins = before.status?.revokeStartedAt === undefined && after.status?.revokeStartedAt !== undefined;
  const intends = dependenciesOf(after).some(({ name, credentials = [] }) => {
    const known = new Map(credentialsOf(before, name).map((each) => [trackedKey(each), each]));
    return credentials.some((each) => each.revokeRequestedAt !== undefined && known.get(trackedKey(each))?.revokeRequestedAt === undefined);
  });
  if (!begins && !intends) return;
  const { spec, status } = after;
  if (spec.mode !== 'Enforce') throw new Violation('NothingBeforeItsTime', `${nameOf(after)} is a Plan, and is about to revoke`);
  if (spec.suspend === true) throw new Violation('NothingBeforeItsTime', `${nameOf(after)} is suspended, and is about to revoke`);
  if (status?.startedAt === undefined) throw new Violation('NothingBeforeItsTime', `${nameOf(after)} is about to revoke and has not started`);
  if (begins && isTrue(after, 'Cancelled')) throw new Violation('NothingBeforeItsTime', `${nameOf(after)} was cancelled, and is about to revoke`);
  if (!begins || spec.urgency === 'Emergency' || world.clocksWereSet()) return;
  const soak = Number(/^(\d+)s$/.exec(spec.soak ?? '0s')?.[1] ?? 0) * 1000;
  const soaked = world.now() - (lockedAt ?? world.now());
  if (status.lockedAt === undefined || soaked < soak - rounded) throw new Violation('NothingBeforeItsTime', `${nameOf(after)} is about to revoke ${String(soaked)} ms after it was locked, and is to soak ${String(soak)} ms`);
};

/** Two observations of one process span the settle time: so none is believed sooner than that after the process began to lead, and to look. */
const checkConfirmed = (world: World, before: OffboardingObject, after: OffboardingObject, by: string): void => {
  const leader = world.leader();
  const age = world.now() - Math.max(world.startedAt(by) ?? 0, leader?.name === by ? leader.since : 0);
  const person = personOfRun(world, after);
  for (const { name, credentials = [] } of dependenciesOf(after)) {
    const realm = world.realms.find((each) => each.name === name);
    if (realm === undefined || person === undefined) continue;
    const known = new Map(credentialsOf(before, name).map((each) => [trackedKey(each), each.state]));
    const confirmed = credentials.filter((each) => each.state === 'Confirmed' && known.get(trackedKey(each)) !== 'Confirmed');
    if (confirmed.length === 0) continue;
    const { settleTime } = realm;
    if (age < settleTime) throw new Violation('SettlesInOneProcess', `${by} has led for ${String(Math.round(age))} ms and believes that ${confirmed.map(({ id }) => id).join(', ')} is gone, which must have held for ${String(settleTime)} ms`);
    for (const life of world.ways.of(person, realm)) {
      const { credential, uid, diedAt, id } = life;
      if (!confirmed.some((each) => each.id === credential && (uid === undefined || each.uid === undefined || each.uid === uid))) continue;
      if (isBackSinceTheLastLook(world, life)) continue;
      if (diedAt === undefined) throw new Violation('NeverLies', `${nameOf(after)} says that ${credential} is confirmed, and ${id} works`);
      if (world.now() - diedAt < settleTime - realm.propagation) throw new Violation('SettleTimeHolds', `${nameOf(after)} says that ${credential} is confirmed ${String(Math.round(world.now() - diedAt))} ms after its end; an absence must hold ${String(settleTime)} ms`);
    }
  }
};

const checkConditions = (run: OffboardingObject): void => {
  const [first] = kstatusViolations(run);
  if (first !== undefined) throw new Violation('ConditionsConform', `${nameOf(run)}: ${first}`);
};

/** Milliseconds for which a request may be on its way. */
const longestWay = 20_000;
/** The same of all that one look at a run may still send. */
const longestWork = 60_000;

const checkAlone = (world: World, { from, method, path }: WireRequest): void => {
  const leader = world.leader();
  if (leader === undefined || leader.name === from || world.now() - leader.since < longestWay) return;
  throw new Violation('Alone', `${from} ${method} ${path}, and ${leader.name} has led for ${String(Math.round(world.now() - leader.since))} ms`);
};

/** What comes after another dependency is not touched while anything of that works. */
const checkOrder = (world: World, { from, method, path }: WireRequest, realm: Realm, runs: readonly OffboardingObject[]): void => {
  for (const run of runs) {
    const person = personOfRun(world, run);
    const after = run.status?.target?.dependencies?.find(({ name }) => name === realm.name)?.after ?? [];
    for (const name of after) {
      const before = world.realms.find((each) => each.name === name);
      const isWaived = dependencyOf(run, name)?.state === 'Waived';
      if (person === undefined || before === undefined || isWaived || world.ways.of(person, before).every(({ diedAt }) => diedAt !== undefined)) continue;
      throw new Violation('InOrder', `${from} ${method} ${path} while ${name} still lets ${person.name} in, after which it is to come`);
    }
  }
};

/** A lock that was lost is told, or put back, soon. */
const checkLocked = (world: World, run: OffboardingObject, lostAt: ReadonlyMap<Person, number>): void => {
  const person = personOfRun(world, run);
  const lost = person === undefined ? undefined : lostAt.get(person);
  if (lost !== undefined && isTrue(run, 'Locked') && run.status?.completedAt === undefined && world.now() - lost > longestWay) {
    throw new Violation('LockHolds', `${nameOf(run)} says that it is locked, and is not for ${String(Math.round(world.now() - lost))} ms`);
  }
};

const isOver = (run: OffboardingObject): boolean => run.status?.completedAt !== undefined;

const checkFinalizers = ({ object, previous, type }: Stored, retired: ReadonlySet<string>): void => {
  const ours = (each: KubeObject | undefined): boolean => each?.metadata.finalizers?.some((name) => name.startsWith('offboard.dev/')) === true;
  if (!ours(previous) || (type !== 'DELETED' && ours(object))) return;
  if (object.kind === 'Offboarding') {
    const run = previous as OffboardingObject;
    if (run.status?.startedAt !== undefined && !isOver(run) && run.spec.mode === 'Enforce') throw new Violation('FinalizerLast', `${nameOf(run)} was let go before its end`);
    return;
  }
  if (object.kind !== 'WorkloadIdentity') return;
  const { spec } = object as unknown as { readonly spec: { readonly serviceAccount: { readonly name: string }; readonly lifecycle?: { readonly onDelete?: string } } };
  if (object.metadata.deletionTimestamp === undefined || spec.lifecycle?.onDelete === 'Orphan') return;
  const identity = `${object.metadata.namespace ?? ''}/${spec.serviceAccount.name}`;
  if (!retired.has(identity)) throw new Violation('FinalizerLast', `WorkloadIdentity ${nameOf(object)} was let go, and no run of it was ever Ready`);
};

/** After the lock was seen to hold, and after the end, nothing more is given out. */
const checkBirth = (run: OffboardingObject, realm: Realm, { id: way, broughtBackAt }: Way, staysOpen: boolean): void => {
  if (broughtBackAt !== undefined) return;
  if (run.spec.mode !== 'Enforce') return;
  const { completedAt } = run.status ?? {};
  const dependency = dependencyOf(run, realm.name);
  if (dependency === undefined || dependency.state === 'Waived') return;
  if (isTrue(run, 'Ready')) throw new Violation('StaysDead', `${nameOf(run)} is Ready, and ${way} works since`);
  // Whoever cancels it has everything unlocked.
  if (completedAt === undefined && run.spec.cancel === undefined && isTrue(run, 'Locked') && !staysOpen) throw new Violation('LockHolds', `${nameOf(run)} is locked, and ${way} was given out since`);
};
