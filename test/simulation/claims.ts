/** What a status says of one thing, held against what is true at that moment; and who may say and do it at all. */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { CredentialStatus } from '../../src/api/v1alpha1/index.ts';
import { trackedKey } from '../../src/policy/credential.ts';
import type { OffboardingObject, OffboardingWaiverObject } from '../../src/reconcile/objects.ts';
import type { WireAnswer, WireRequest, WireStream } from './engine/wire.ts';
import type { Stored, World } from './invariants.ts';
import { Violation, epoch } from './invariants.ts';
import type { Realm } from './realm.ts';
import { lookedAtAgainAfter } from './realm.ts';
import { announces, conditionOf, credentialsOf, dependenciesOf, dependencyOf, isTrue, nameOf } from './runs.ts';
import type { Life } from './ways.ts';
import { isOf } from './ways.ts';

export interface Claims {
  readonly onStored: (change: Stored) => void;
  /** A process of the operator sends this; whether it will ever arrive is not known. */
  readonly onSent: (request: WireRequest, realm: Realm | undefined) => void;
  /** Time has passed, and it may be that nothing else has happened. */
  readonly onTime: () => void;
  /** This took effect, or was refused by the realm itself. */
  readonly onAnswered: (request: WireRequest, realm: Realm, answer: WireAnswer | WireStream) => void;
}

export const createClaims = (world: World): Claims => {
  /** Which dependencies of which runs were ever given up. */
  const waived = new Set<string>();
  /** Whose end was ever asked for, also by a run that is gone while its last request is under way. */
  const targets = new Set<string | undefined>();
  /** How many ends of something were taken by each. */
  const taken = new Map<Realm, number>();
  /** What each process was told that it may not do. */
  const denied = new Map<string, Set<string>>();
  return {
    onStored: ({ plural, type, object, previous, by }) => {
      if (plural === 'offboardingwaivers') {
        const { offboardingRef, dependency } = (object as OffboardingWaiverObject).spec;
        waived.add(`${offboardingRef.uid} ${dependency}`);
      }
      if (plural === 'serviceaccounts' && type === 'DELETED' && world.startedAt(by) !== undefined) checkTarget(targets, object.metadata.uid, object.metadata.name);
      if (plural === 'offboardings') targets.add((object as OffboardingObject).status?.target?.serviceAccount.uid);
      if (plural !== 'offboardings' || type === 'DELETED' || previous === undefined || world.startedAt(by) === undefined) return;
      const [before, after] = [previous as OffboardingObject, object as OffboardingObject];
      if (before.status === after.status) return;
      // Some things end by the time alone.
      world.ways.look();
      checkAbsent(world, before, after);
      checkWaived(waived, after);
      checkAlone(world, before, after);
      checkInUse(world, before, after);
      checkRights(before, after, denied.get(by));
      checkRevoked(world, before, after, taken);
      checkShared(world, before, after);
      checkSuperseded(world, before, after);
    },
    onTime: () => { checkOverdue(world); },
    onSent: (request, realm) => {
      if (world.startedAt(request.from) === undefined || !isAct(request)) return;
      checkSuspended(world, request, realm);
      const leader = world.leader()?.name;
      if (leader !== request.from) throw new Violation('Alone', `${request.from} sends ${request.method} ${request.path}, and ${leader ?? 'nobody'} leads`);
    },
    onAnswered: (request, realm, answer) => {
      if (isTaken(answer.status) && realm.ends(request) !== undefined) taken.set(realm, (taken.get(realm) ?? 0) + 1);
      if (!request.path.endsWith('/selfsubjectaccessreviews') || answer.status !== 201 || 'open' in answer) return;
      const told = denied.get(request.from) ?? new Set();
      denied.set(request.from, told);
      const { resourceAttributes: { verb, resource } } = (JSON.parse(request.body ?? '') as Review).spec;
      if (answer.body.includes('"allowed":true')) told.delete(`${verb} ${resource}`);
      else told.add(`${verb} ${resource}`);
    },
  };
};

/** Each process tries to lead, and tells of itself; tokens are asked for, and questions are, by whoever only watches as well. */
const isAct = ({ method, path }: WireRequest): boolean => method !== 'GET' && method !== 'LIST' && !/\/leases|\/events|reviews|\/token(\?|$)|dryRun=All/.test(path);

/** What is refused for our own sake, or fails, has ended nothing. */
const isTaken = (status: number): boolean => status < 400 || status === 404;

const isGone = (status: CredentialStatus | undefined): boolean => status?.state === 'Absent' || status?.state === 'Confirmed';

export const livesOf = (world: World, { status }: OffboardingObject, realm: Realm): readonly Life[] => {
  const person = status?.target === undefined ? undefined : world.personOf(status.target.serviceAccount);
  return person === undefined ? [] : world.ways.of(person, realm);
};

/** Milliseconds. What was made again a moment ago was not there yet when it was asked about. */
const moment = 1_000;

/** Also what is not believed yet is told to people. Where a change is felt late, what is stored is no lie before it is felt. */
const checkAbsent = (world: World, before: OffboardingObject, after: OffboardingObject): void => {
  for (const realm of world.realms) {
    if (realm.name === 'google') continue;
    const known = new Map(credentialsOf(before, realm.name).map((each) => [trackedKey(each), each]));
    for (const credential of credentialsOf(after, realm.name)) {
      if (!isGone(credential) || isGone(known.get(trackedKey(credential)))) continue;
      const alive = livesOf(world, after, realm).find((life) => isOf(credential, life) && life.diedAt === undefined && world.now() - life.bornAt > moment);
      if (alive !== undefined) throw new Violation('NeverLies', `${nameOf(after)} says that ${credential.id} is absent, and ${alive.id} works`);
    }
  }
};

/** Milliseconds that whoever is not in trouble has to take back what it says, also where it was killed meanwhile. */
const longEnough = 90_000;

/** What was given up until a time is not given up after it. */
const checkOverdue = ({ offboardings, waivers, now, calmSince, clocksWereSet }: World): void => {
  if (clocksWereSet() || now() - calmSince() < longEnough) return;
  for (const run of offboardings()) {
    if (!isTrue(run, 'Ready')) continue;
    const mine = waivers().filter(({ spec }) => spec.offboardingRef.uid === run.metadata.uid);
    const over = dependenciesOf(run).find(({ name, state }) => state === 'Waived' && !mine.some(({ spec }) => spec.dependency === name && Date.parse(spec.expiresAt) > epoch + now() - longEnough));
    if (over !== undefined) throw new Violation('NeverLies', `${nameOf(run)} is Ready without ${over.name}, which nobody gives up any more`);
  }
};

const checkWaived = (waived: ReadonlySet<string>, after: OffboardingObject): void => {
  const unasked = dependenciesOf(after).find(({ name, state }) => state === 'Waived' && !waived.has(`${after.metadata.uid} ${name}`));
  if (unasked !== undefined) throw new Violation('NeverLies', `${nameOf(after)} says that ${unasked.name} is waived, and nobody ever gave it up`);
};

/** Whoever took the name of one that went is somebody else. */
const checkTarget = (targets: ReadonlySet<string | undefined>, uid: string, name: string): void => {
  if (name.startsWith('offboard-canary-') || targets.has(uid)) return;
  throw new Violation('NeighboursKeepTheirs', `the account ${name} with UID ${uid} was deleted, and nobody asked for its end`);
};

/** What still runs as the identity holds a Routine run up before it begins. */
const checkInUse = (world: World, before: OffboardingObject, after: OffboardingObject): void => {
  if (before.status?.startedAt !== undefined || after.status?.startedAt === undefined || after.spec.urgency === 'Emergency') return;
  const { serviceAccount } = after.status.target ?? {};
  if (serviceAccount !== undefined && world.isInUse(serviceAccount)) throw new Violation('NothingBeforeItsTime', `${nameOf(after)} starts, and a pod runs as ${serviceAccount.name}`);
};

type Review = { readonly spec: { readonly resourceAttributes: { readonly verb: string; readonly resource: string } } };

/** Without these nothing of any identity can be ended, or proven to have. */
const always: readonly string[] = ['get serviceaccounts', 'delete serviceaccounts', 'list rolebindings', 'list clusterrolebindings', 'list secrets'];

/** Whoever was told last that it may not do something does not begin what takes that. In an Emergency it ends what it can. */
const checkRights = (before: OffboardingObject, after: OffboardingObject, denied: ReadonlySet<string> | undefined): void => {
  if (before.status?.startedAt !== undefined || after.status?.startedAt === undefined || after.spec.urgency === 'Emergency') return;
  const lacking = always.find((right) => denied?.has(right) === true);
  if (lacking === undefined || dependencyOf(after, 'kubernetes')?.state === 'Waived') return;
  throw new Violation('NothingBeforeItsTime', `${nameOf(after)} starts, and the API server has said that ${lacking} is not allowed`);
};

/** Whoever has told that it knows that a run is suspended sends nothing more for it. */
const checkSuspended = ({ offboardings }: World, request: WireRequest, realm: Realm | undefined): void => {
  const ends = realm?.ends(request);
  if (realm === undefined || ends === undefined) return;
  const runs = offboardings().filter((run) => announces(run, realm.name, ends));
  const isKnown = ({ spec, status, metadata: { generation } }: OffboardingObject): boolean => spec.suspend === true && status?.observedGeneration === generation;
  const [first] = runs;
  if (first !== undefined && runs.every(isKnown)) throw new Violation('NothingBeforeItsTime', `${request.from} sends ${request.method} ${request.path}, and ${nameOf(first)} is suspended`);
};

const isUnderWay = ({ spec, status }: OffboardingObject): boolean => spec.mode === 'Enforce' && status?.startedAt !== undefined && status.completedAt === undefined;

const checkAlone = (world: World, before: OffboardingObject, after: OffboardingObject): void => {
  if (before.status?.startedAt !== undefined || !isUnderWay(after)) return;
  const other = world.offboardings().find((run) => run.metadata.uid !== after.metadata.uid && run.status?.identity === after.status?.identity && isUnderWay(run));
  if (other !== undefined) throw new Violation('Alone', `${nameOf(after)} starts, and ${nameOf(other)} is under way for the same identity`);
};

/** Whoever gives way gives way to somebody. */
const checkSuperseded = (world: World, before: OffboardingObject, after: OffboardingObject): void => {
  const isSuperseded = (run: OffboardingObject): boolean => conditionOf(run, 'Ready')?.reason === reasons.superseded;
  if (!isSuperseded(after) || isSuperseded(before)) return;
  const others = world.offboardings().filter(({ metadata, spec, status }) => metadata.uid !== after.metadata.uid && spec.mode === 'Enforce' && status?.identity === after.status?.identity);
  if (others.length === 0) throw new Violation('Alone', `${nameOf(after)} says that another run took over, and there is none`);
};

/** That a person must take something apart is said of what others have as well. */
const checkShared = (world: World, before: OffboardingObject, after: OffboardingObject): void => {
  const [was, is] = [conditionOf(before, 'Stalled'), conditionOf(after, 'Stalled')];
  const person = after.status?.target === undefined ? undefined : world.personOf(after.status.target.serviceAccount);
  if (is?.status !== 'True' || is.reason === was?.reason || person === undefined) return;
  const until = world.realms.flatMap(({ sharedUntil }) => sharedUntil?.[is.reason]?.(person) ?? []);
  if (until.length > 0 && !until.some((time) => time + lookedAtAgainAfter > world.now())) throw new Violation('NeverLies', `${nameOf(after)} waits for ${is.reason}, and it has nothing in common with anybody`);
};

/** That every revoke was accepted takes at least one that was, wherever something works that was to be revoked. */
const checkRevoked = (world: World, before: OffboardingObject, after: OffboardingObject, taken: ReadonlyMap<Realm, number>): void => {
  if (before.status?.revokedAt !== undefined || after.status?.revokedAt === undefined) return;
  for (const realm of world.realms) {
    if ((taken.get(realm) ?? 0) > 0) continue;
    const asked = credentialsOf(after, realm.name).filter(({ revokeRequestedAt }) => revokeRequestedAt !== undefined);
    const alive = livesOf(world, after, realm).find((life) => life.diedAt === undefined && asked.some((credential) => isOf(credential, life)));
    if (alive !== undefined) throw new Violation('NeverLies', `${nameOf(after)} says that every revoke was accepted; ${realm.name} has taken none, and ${alive.id} works`);
  }
};
