/** What a record says, held against what was true when it was stored, and against the status that it is the record of. */
import type { CredentialStatus } from '../../src/api/v1alpha1/index.ts';
import type { Statement } from '../../src/evidence/envelope.ts';
import type { Predicate, RecordedCredential, RecordedDependency } from '../../src/evidence/predicate.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { trackedKey } from '../../src/policy/credential.ts';
import type { OffboardingObject, OffboardingWaiverObject } from '../../src/reconcile/objects.ts';
import { livesOf } from './claims.ts';
import type { WireAnswer, WireRequest, WireStream } from './engine/wire.ts';
import type { Stored, World } from './invariants.ts';
import { Violation, epoch, justNow } from './invariants.ts';
import type { Realm } from './realm.ts';
import { conditionOf, credentialsOf, dependenciesOf, isTrue, nameOf } from './runs.ts';
import { isOf } from './ways.ts';

export interface Records {
  readonly onStored: (change: Stored) => void;
  readonly onAnswered: (request: WireRequest, realm: Realm, answer: WireAnswer | WireStream) => void;
}

/** Every waiver that ever was, as it was last. */
interface KnownWaiver {
  readonly waiver: OffboardingWaiverObject;
  /** Since when the operator says that it counts. */
  readonly countsSince: number | undefined;
  readonly goneAt: number | undefined;
}

/** How often what is of one account was tried, and refused after it had worked. */
interface Tries {
  readonly refusals: number;
}

export const createRecords = (world: World): Records => {
  const waivers = new Map<string, KnownWaiver>();
  /** By the UID of the account; there is none of what never worked. */
  const tries = new Map<string, Tries>();
  const note = (waiver: OffboardingWaiverObject, type: Stored['type']): void => {
    const counts = conditionOf(waiver, 'Ready')?.reason === 'InForce';
    const countsSince = counts ? (waivers.get(waiver.metadata.uid)?.countsSince ?? world.now()) : undefined;
    waivers.set(waiver.metadata.uid, { waiver, countsSince, goneAt: type === 'DELETED' ? world.now() : undefined });
  };
  return {
    onStored: ({ plural, type, object, previous, by }) => {
      if (plural === 'offboardingwaivers') note(object as OffboardingWaiverObject, type);
      if (type === 'DELETED' || world.startedAt(by) === undefined) return;
      if (plural === 'offboardingrecords' && previous === undefined) checkTruth(world, predicateOf(object), [...waivers.values()], tries);
      if (plural !== 'offboardings') return;
      const [before, after] = [previous as OffboardingObject | undefined, object as OffboardingObject];
      const { recordRef } = after.status ?? {};
      const isNew = recordRef?.name !== before?.status?.recordRef?.name || (isTrue(after, 'Ready') && !isTrue({ ...before }, 'Ready'));
      if (recordRef === undefined || !isNew) return;
      const record = world.records().find(({ metadata: { name } }) => name === recordRef.name);
      if (record !== undefined) checkSame(after, predicateOf(record));
    },
    onAnswered: (request, realm, answer) => {
      if (world.startedAt(request.from) === undefined) return;
      const tried = realm.tried?.(request, answer);
      if (tried === undefined) return;
      const before = tries.get(tried.uid);
      if (tried.taken) tries.set(tried.uid, { refusals: 0 });
      else if (before !== undefined) tries.set(tried.uid, { refusals: before.refusals + 1 });
    },
  };
};

const predicateOf = ({ spec }: { readonly spec?: unknown } & KubeObject): Predicate => {
  const { payload } = (spec as { readonly envelope: { readonly payload: string } }).envelope;
  return (JSON.parse(Buffer.from(payload, 'base64').toString()) as Statement).predicate;
};

// ---- against the world -----------------------------------------------------------------------------------------

const lies = (predicate: Predicate, what: string): Violation => new Violation('RecordTells', `record ${predicate.record.name} ${what}`);

const checkTruth = (world: World, predicate: Predicate, waivers: readonly KnownWaiver[], tries: ReadonlyMap<string, Tries>): void => {
  const run = world.offboardings().find(({ metadata: { uid } }) => uid === predicate.run.uid);
  // One that somebody let go before its end is recorded when it is gone.
  if ((run === undefined) !== (predicate.outcome === 'Abandoned')) throw lies(predicate, `says ${predicate.outcome}, and its run is ${run === undefined ? 'not' : 'still'} there`);
  checkWaivers(world, predicate, waivers.filter(({ waiver: { spec } }) => spec.offboardingRef.uid === predicate.run.uid));
  for (const dependency of predicate.dependencies) {
    for (const credential of dependency.credentials) {
      checkStrength(predicate, credential, tries);
      if (run !== undefined) checkAbsence(world, predicate, run, dependency, credential);
    }
  }
};

/** Milliseconds within which a process that is not in trouble has heard of what another one wrote. */
const heardWithin = 20_000;

const checkWaivers = (world: World, predicate: Predicate, known: readonly KnownWaiver[]): void => {
  const { people: { waivers }, dependencies } = predicate;
  const at = epoch + world.now();
  for (const { name, dependency, approvedBy, expiresAt } of waivers) {
    const it = known.find(({ waiver: { metadata, spec } }) => metadata.name === name && spec.dependency === dependency && spec.approvedBy?.username === approvedBy && spec.expiresAt === expiresAt);
    if (it === undefined) throw lies(predicate, `says that ${approvedBy} gave up ${dependency} by ${name}, and nobody did`);
    const isOver = !world.clocksWereSet() && Date.parse(expiresAt) < at - justNow;
    if (isOver || (it.goneAt !== undefined && it.goneAt < world.now() - justNow)) throw lies(predicate, `says that ${dependency} is given up by ${name}, which is over`);
  }
  const isNamed = (wanted: string): boolean => waivers.some(({ dependency }) => dependency === wanted);
  const unnamed = dependencies.find(({ name, state }) => state === 'Waived' && !isNamed(name));
  if (unnamed !== undefined) throw lies(predicate, `says that ${unnamed.name} was given up, and not by whom`);
  if (world.clocksWereSet()) return;
  const forgotten = known.find(({ waiver: { spec }, countsSince, goneAt }) => goneAt === undefined && countsSince !== undefined && countsSince < world.now() - heardWithin && Date.parse(spec.expiresAt) > at && !isNamed(spec.dependency));
  if (forgotten !== undefined) throw lies(predicate, `does not say that ${forgotten.waiver.spec.dependency} was given up by ${forgotten.waiver.metadata.name}, which is in force`);
};

/** It takes two refusals, after it had worked. */
const checkStrength = (predicate: Predicate, { id, uid = '', strength }: RecordedCredential, tries: ReadonlyMap<string, Tries>): void => {
  if (strength !== 'Probed') return;
  const { refusals } = tries.get(uid) ?? {};
  if (refusals === undefined) throw lies(predicate, `says that ${id} was tried, and nothing of it was ever seen to work`);
  if (refusals < 2) throw lies(predicate, `says that ${id} was tried, and it was refused ${String(refusals)} times since it worked`);
};

/** Nothing is absent before it has ended, and nobody has looked for more before that. What began again later was not there. */
const checkAbsence = (world: World, predicate: Predicate, run: OffboardingObject, { name, state, enumeratedAt }: RecordedDependency, credential: RecordedCredential): void => {
  const realm = world.realms.find((each) => each.name === name);
  const { absentSince } = credential;
  if (realm === undefined || absentSince === undefined || world.clocksWereSet()) return;
  const absent = Date.parse(absentSince) - epoch;
  for (const life of livesOf(world, run, realm)) {
    if (!isOf(credential, life) || life.bornAt > absent) continue;
    const ended = (life.diedAt ?? Infinity) - realm.propagation;
    // Less than a millisecond is how times are written.
    if (ended > absent + 1) throw lies(predicate, `says that ${credential.id} is absent since ${absentSince}, and ${life.id} ${life.diedAt === undefined ? 'works' : `worked for ${String(Math.round(ended - absent))} ms more`}`);
    const looked = enumeratedAt === undefined ? 0 : Date.parse(enumeratedAt) - epoch + 1_000;
    if (state === 'Confirmed' && ended > looked) throw lies(predicate, `says that the last look at ${name} was at ${enumeratedAt ?? 'no time'}, and ${life.id} worked after it`);
  }
};

// ---- against the status ----------------------------------------------------------------------------------------

type Listed = Pick<CredentialStatus, 'id' | 'uid' | 'state' | 'revokeRequestedAt'>;

const textOf = (credentials: readonly Listed[]): readonly string[] => credentials.map((each) => `${trackedKey(each)} ${each.state} ${each.revokeRequestedAt ?? ''}`).toSorted();

const keysOf = (credentials: readonly Listed[]): readonly string[] => credentials.map(trackedKey).toSorted();

const stateOf = (state: string): string => (state === 'Confirmed' || state === 'Waived' ? state : 'Open');

const checkSame = (run: OffboardingObject, predicate: Predicate): void => {
  const { outcome } = run.status?.recordRef ?? {};
  if (predicate.run.uid !== run.metadata.uid || predicate.outcome !== outcome) throw lies(predicate, `is not of the end of ${nameOf(run)}, ${outcome ?? ''}, whose status names it`);
  for (const { name, state } of dependenciesOf(run)) {
    const recorded = predicate.dependencies.find((each) => each.name === name);
    if (recorded?.state !== stateOf(state)) throw lies(predicate, `says that ${name} is ${recorded?.state ?? 'no dependency'}, and ${nameOf(run)} that it is ${state}`);
    // A record of what was given up may be of an earlier look: one that was stored while the status could not be.
    const text = recorded.state === 'Waived' ? keysOf : textOf;
    const [said, stored] = [text(recorded.credentials), text(credentialsOf(run, name))];
    const [other] = [...stored.filter((each) => !said.includes(each)), ...said.filter((each) => !stored.includes(each))];
    if (other !== undefined) throw lies(predicate, `and the status of ${nameOf(run)} do not say the same of ${name}: ${other}`);
  }
};
