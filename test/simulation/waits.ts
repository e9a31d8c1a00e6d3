/**
 * What a run waits for, by its own word, held against what is so: whoever waits for what is not there, or not any more, waits for nobody.
 * What is not here ends by itself.
 */
import { reasons } from '../../src/api/v1alpha1/conditions.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { offboardings, serviceAccounts } from '../../src/kube/resources.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import type { Hands } from './cluster/cluster.ts';
import type { World } from './invariants.ts';
import { Violation } from './invariants.ts';
import type { Person } from './realm.ts';
import { conditionOf, dependenciesOf, isActing, isTrue, nameOf } from './runs.ts';

type IsSo = (run: OffboardingObject, world: World) => boolean;

interface Cause {
  readonly isSo: IsSo;
  /** What it takes a person for; nothing where all that is left is to give it up. */
  readonly end?: (run: OffboardingObject, world: World, hands: Hands) => void;
}

/** Nobody need do anything about it. */
const wanted: Readonly<Record<string, IsSo>> = {
  [reasons.planOnly]: ({ spec }) => spec.mode === 'Plan',
  [reasons.cancelled]: ({ spec }) => spec.cancel !== undefined,
  [reasons.waitingForOtherRun]: (run, { offboardings: all }) => all().some((other) => other.metadata.uid !== run.metadata.uid && other.status?.identity === run.status?.identity && isActing(other)),
  // These two are held against the truth when they are told: what there was may be gone since.
  [reasons.superseded]: () => true,
  [reasons.resurrected]: () => true,
};

const personOf = ({ spec, status }: OffboardingObject, { people }: World): Person | undefined =>
  people.find(({ namespace, name }) => (status?.identity === undefined ? name === spec.workloadIdentityRef?.name : status.identity === `${namespace}/${name}`));

const accountOf = (run: OffboardingObject, world: World): KubeObject | undefined => {
  const person = personOf(run, world);
  return person === undefined ? undefined : world.account(person);
};

const keyOf = ({ metadata: { namespace = '', name } }: KubeObject): Person => ({ namespace, name });

/** It can never begin. */
const ofNoUse = (isSo: IsSo): Cause => ({ isSo, end: (run, _, hands) => { hands.remove(offboardings, keyOf(run)); } });

/** What it has in common with somebody is taken apart. */
const inCommon = (reason: string): Cause => ({
  isSo: (run, world) => world.realms.some(({ sharedUntil }) => sharedUntil?.[reason]?.(personOf(run, world) ?? keyOf(run)) === Infinity),
  end: (run, world) => {
    for (const { acts } of world.realms) acts?.Unshare?.(personOf(run, world) ?? keyOf(run));
  },
});

/** Something in one of the systems takes a person. */
const stuckIn = (reason: string): Cause => ({
  isSo: (run, world) => world.realms.some(({ isStuck }) => isStuck?.[reason]?.(personOf(run, world) ?? keyOf(run)) === true),
  end: (run, world) => {
    for (const { isStuck, free } of world.realms) if (isStuck?.[reason]?.(personOf(run, world) ?? keyOf(run)) === true) free?.(personOf(run, world) ?? keyOf(run));
  },
});

const forAPerson: Readonly<Record<string, Cause>> = {
  [reasons.suspended]: {
    isSo: ({ spec }) => spec.suspend === true,
    end: (run, _, hands) => { hands.patch(offboardings, keyOf(run), { spec: { suspend: false } }); },
  },
  [reasons.identityNotFound]: ofNoUse(({ metadata, spec }, { workloadIdentities }) =>
    !workloadIdentities().some((each) => each.metadata.namespace === metadata.namespace && each.metadata.name === spec.workloadIdentityRef?.name)),
  [reasons.identityUnknown]: ofNoUse((run, world) => accountOf(run, world) === undefined),
  [reasons.identityRecreated]: {
    isSo: (run, world) => {
      const account = accountOf(run, world);
      const isAnother = account !== undefined && account.metadata.uid !== run.status?.target?.serviceAccount.uid;
      return isAnother || stuckIn(reasons.identityRecreated).isSo(run, world);
    },
    end: (run, world, hands) => {
      if (stuckIn(reasons.identityRecreated).isSo(run, world)) stuckIn(reasons.identityRecreated).end?.(run, world, hands);
      else hands.remove(serviceAccounts, personOf(run, world) ?? keyOf(run));
    },
  },
  HeldByFinalizer: {
    isSo: (run, world) => {
      const { deletionTimestamp, finalizers = [] } = accountOf(run, world)?.metadata ?? {};
      return deletionTimestamp !== undefined && finalizers.length > 0;
    },
    end: (run, world, hands) => { hands.patch(serviceAccounts, personOf(run, world) ?? keyOf(run), { metadata: { finalizers: null } }); },
  },
  ...Object.fromEntries([reasons.sharedRole, reasons.sharedLeasePath, reasons.sharedEntity, reasons.sharedAccount].map((reason) => [reason, inCommon(reason)])),
  [reasons.contradicted]: {
    isSo: (run) => dependenciesOf(run).some(({ credentials = [] }) => credentials.some(({ state, probe }) => state === 'Unknown' && probe !== undefined && probe.refusedAt === undefined)),
  },
  [reasons.revocationStuck]: stuckIn(reasons.revocationStuck),
  [reasons.accountUnknown]: stuckIn(reasons.accountUnknown),
};

/** What it says of itself when it does not say that it goes on by itself. */
export const reasonOf = (run: OffboardingObject): string => conditionOf(run, isTrue(run, 'Stalled') ? 'Stalled' : 'Ready')?.reason ?? '';

/** It stays as it is, since somebody wants it so. */
export const isAsWanted = (run: OffboardingObject, world: World): boolean => wanted[reasonOf(run)]?.(run, world) === true;

/** It waits for somebody, and rightly so. */
export const waitsForAPerson = (run: OffboardingObject, world: World): boolean => forAPerson[reasonOf(run)]?.isSo(run, world) === true;

/** Whoever is waited for does what it takes, once. Returns the runs that waited. */
export const createEndOfWaits = (world: World, hands: Hands): (() => readonly OffboardingObject[]) => {
  const ended = new Set<string>();
  return () => {
    const waiting = world.offboardings().filter((run) => waitsForAPerson(run, world) && forAPerson[reasonOf(run)]?.end !== undefined);
    for (const run of waiting) {
      const wait = `${nameOf(run)} for ${reasonOf(run)}`;
      // What is unknown is so again where nobody has seen the account since.
      if (ended.has(wait) && reasonOf(run) !== reasons.accountUnknown) throw new Violation('Lives', `${wait} waits again, after a person did what it takes`);
      ended.add(wait);
      forAPerson[reasonOf(run)]?.end?.(run, world, hands);
    }
    return waiting;
  };
};
