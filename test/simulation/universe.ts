/**
 * One run: a cluster, what identities depend on beside it, the operator, people, and everything of a plan. Goes on until all of that has
 * happened, and all retirements have come to their end and nothing came back for a while, also of those that waited for a person; or until
 * one of them did not in the time that it has.
 */
import { offboardingRecords, offboardingWaivers, offboardings, pods, serviceAccounts, workloadIdentities } from '../../src/kube/resources.ts';
import type { OffboardingObject, OffboardingWaiverObject } from '../../src/reconcile/objects.ts';
import { createClaims } from './claims.ts';
import { createClusterRealm } from './cluster-realm.ts';
import type { Network, Receiver } from './engine/network.ts';
import { createNetwork } from './engine/network.ts';
import { between, streamOf } from './engine/random.ts';
import { createScheduler } from './engine/scheduler.ts';
import type { WireRequest, WireServer } from './engine/wire.ts';
import { createFaults } from './faults.ts';
import { createIncidents } from './incidents.ts';
import { createLooks } from './looks.ts';
import { createMoments } from './moments.ts';
import type { Stored, World } from './invariants.ts';
import { Violation, createInvariants, epoch } from './invariants.ts';
import { atTheEnd, restsOn, whatIsOpen } from './liveness.ts';
import { createPeople, namesakeOf, neighbour, operatorNamespace as namespace } from './people.ts';
import type { EndsLater, IdentityPlan, Plan } from './plan.ts';
import { calmAt } from './plan.ts';
import { type Reactions, createReactions } from './reactions.ts';
import type { Person, Realm } from './realm.ts';
import { createRecords } from './records.ts';
import { createReturns } from './returns.ts';
import { createReplicas } from './replicas.ts';
import type { Replicas } from './replicas.ts';
import { createGoogleRealm } from './google-realm.ts';
import type { OutsideOptions, OutsideRealm } from './vault-realm.ts';
import { createVaultRealm } from './vault-realm.ts';
import { said, silent, traceLog } from './trace.ts';
import { createEndOfWaits } from './waits.ts';
import { createWays } from './ways.ts';

export interface Outcome {
  readonly violation: Violation | undefined;
  /** Of virtual time. */
  readonly milliseconds: number;
  readonly events: number;
  /** How each retirement that waited for a person stood before he acted, and how each stood at the end. */
  readonly ends: readonly string[];
  /** The incidents that happened before the end. */
  readonly happened: readonly string[];
  /** Every request, write and incident, where that was asked for. */
  readonly trace: readonly string[];
}

/** Milliseconds after the last trouble within which everything has come to its end, or says which person it waits for. */
export const bound = 1_200_000;
/** Milliseconds until somebody mends what somebody else broke. */
const mendedAfter = 20_000;
/** Milliseconds before its end is asked for. */
const undeclaredBefore = 2_500;
/** Milliseconds for which whoever was retired goes on trying. */
const afterlife = 8_000;

export interface Watched {
  readonly trace: boolean;
  /** Told of every change that is stored. */
  readonly onStored?: (change: Stored) => void;
}

export const simulate = async (plan: Plan, { trace: traced, onStored }: Watched): Promise<Outcome> => {
  const lines: string[] = [];
  const scheduler = createScheduler();
  const trace = traced
    ? (line: string): void => { lines.push(`${(scheduler.now() / 1000).toFixed(3).padStart(9)}  ${line}`); }
    : (): void => undefined;
  let failure: unknown;
  const fail = (error: unknown): void => { failure ??= error; };

  const clusterRealm = createClusterRealm({ scheduler, random: streamOf(plan.seed, 'cluster'), epoch, namespace, setting: plan.setting });
  const { cluster } = clusterRealm;
  const admin = cluster.as('kubernetes-admin');
  const outside = (name: 'vault' | 'google', create: (options: OutsideOptions) => OutsideRealm): OutsideRealm | undefined =>
    plan.identities.some((each) => each[name]) ? create({ scheduler, random: streamOf(plan.seed, name), epoch, namespace, cluster, setting: plan.setting }) : undefined;
  const vault = outside('vault', createVaultRealm);
  const google = outside('google', createGoogleRealm);
  const realms: readonly Realm[] = [clusterRealm.realm, ...[vault, google].flatMap((each) => each?.realm ?? [])];
  const identities = plan.identities.map(({ name }): Person => ({ namespace: 'ci', name }));
  const faults = createFaults(streamOf(plan.seed, 'wire'));
  const runs = (): readonly OffboardingObject[] => admin.list(offboardings) as unknown as readonly OffboardingObject[];

  let replicas: Replicas | undefined;
  const stepped = plan.incidents.some(({ kind }) => kind === 'StepWall');
  const ways = createWays(scheduler.now, realms, identities);
  const looks = createLooks(scheduler.now);
  const realmAt = new Map(realms.flatMap((realm) => realm.servers.map(({ origin }) => [origin, realm] as const)));
  /** When each request was sent, and which is taking effect. */
  const sent = new WeakMap<WireRequest, number>();
  let inHand: WireRequest | undefined;
  const world: World = {
    now: scheduler.now,
    sentAt: () => (inHand === undefined ? undefined : sent.get(inHand)) ?? scheduler.now(),
    realms, ways, looks, people: identities,
    personOf: ({ namespace: home, name }) => identities.find((each) => each.namespace === home && each.name === name),
    offboardings: runs,
    startedAt: (name) => replicas?.startedAt(name),
    clocksWereSet: () => stepped,
    sharedAtFirst: ({ name }) => plan.identities.some((each) => each.name === name && (each.sharedRole || each.sharedLeases || each.sharedEntity || each.sharedAccount)),
    listsWereShort: () => plan.incidents.some((incident) => incident.kind === 'Wire' && incident.fault === 'ShortLists'),
    recordsWereDeleted: () => plan.incidents.some((incident) => incident.kind === 'Person' && incident.act === 'DeleteRecord'),
    records: () => admin.list(offboardingRecords),
    saidAt: (run, realm) => returns.saidAt(run, realm),
    waivers: () => admin.list(offboardingWaivers) as unknown as readonly OffboardingWaiverObject[],
    workloadIdentities: () => admin.list(workloadIdentities),
    account: (account) => admin.get(serviceAccounts, account),
    isInUse: ({ namespace: home, name }) => admin.list(pods, home).some((pod) => (pod as { readonly spec?: { readonly serviceAccountName?: string } }).spec?.serviceAccountName === name),
    leader: () => leader,
    calmSince: () => (troubles > 0 ? scheduler.now() : calmSince),
  };
  const invariants = createInvariants(world);
  const claims = createClaims(world);
  const records = createRecords(world);
  const returns = createReturns(world);
  /** Undefined when something has changed since it was asked. */
  let isOpen: boolean | undefined;
  let troubles = 0;
  let calmSince = 0;
  let leader: { readonly name: string; readonly since: number } | undefined;
  let reactions: Reactions | undefined;
  cluster.onChange((change) => {
    if (change.resource.plural === 'leases') {
      const name = (change.object as { readonly spec?: { readonly holderIdentity?: string } }).spec?.holderIdentity ?? '';
      if (name !== leader?.name) leader = { name, since: scheduler.now() };
    }
    trace(`${change.from} ${change.type} ${change.resource.plural} ${change.object.metadata.namespace ?? ''}/${change.object.metadata.name}${said(change.object, change.previous)}`);
    isOpen = undefined;
    const stored = { ...change, by: change.from, plural: change.resource.plural };
    onStored?.(stored);
    invariants.onStored(stored);
    claims.onStored(stored);
    records.onStored(stored);
    returns.onStored(stored);
    reactions?.onStored(stored);
  });

  const servers = realms.flatMap((realm) => realm.servers.map((server): WireServer => ({
    ...server,
    handle: (request) => {
      inHand = request;
      const answer = server.handle(request);
      inHand = undefined;
      if (realm.gives(request)) ways.look();
      invariants.onRequest(request, realm);
      looks.onAnswered(request, realm, answer);
      claims.onAnswered(request, realm, answer);
      records.onAnswered(request, realm, answer);
      if (world.startedAt(request.from) !== undefined) reactions?.onAnswered(request, answer.status);
      return answer;
    },
  })));
  const wire = createNetwork({ scheduler, random: streamOf(plan.seed, 'network'), servers, faults: faults.of, trace });
  const network: Network = {
    ...wire,
    send: (origin, request, receiver) => {
      sent.set(request, scheduler.now());
      // Thrown here it would only be one more error of the network to whoever sends.
      try {
        claims.onSent(request, realmAt.get(origin));
      } catch (error) {
        fail(error);
      }
      const watched: Receiver = {
        ...receiver,
        answer: (answer) => {
          looks.onDelivered(request, answer);
          receiver.answer(answer);
        },
      };
      return replicas?.onSend(request.from) === 'Lost' ? () => undefined : wire.send(origin, request, watched);
    },
  };

  const neighbours = [neighbour, ...plan.identities.filter((each) => each.namesake).map(namesakeOf)];
  for (const realm of realms) neighbours.forEach(realm.welcome);
  plan.identities.forEach((each, index) => {
    const identity = identities[index] as Person;
    for (const realm of realms) if (realm.name === 'kubernetes' || each[realm.name]) realm.settle(identity, each);
    const after = each.ordered ? { after: [each.google ? 'google' : 'kubernetes'] } : {};
    clusterRealm.introduce(identity, each, [
      ...(each.google && google !== undefined ? [google.dependencyOf(identity, each)] : []),
      ...(each.vault && vault !== undefined ? [{ ...vault.dependencyOf(identity, each), ...after }] : []),
    ]);
  });
  const endsLater: EndsLater = (lasts, end) => {
    troubles += 1;
    scheduler.after(lasts, () => {
      troubles -= 1;
      calmSince = scheduler.now();
      end();
    });
  };
  plan.identities.forEach((each, index) => {
    const { namespace: home, name } = identities[index] as Person;
    if (each.certified > 0) scheduler.after(each.at + each.certified, ways.look);
    if (each.inUse === 0) return;
    const pod = { namespace: home, name: `${name}-pod` };
    admin.create(pods, { metadata: pod, spec: { serviceAccountName: name, containers: [{ name: 'agent', image: 'agent' }] } });
    // With its namespace it went before.
    endsLater(each.at + each.inUse, () => { if (admin.get(pods, pod) !== undefined) admin.remove(pods, pod); });
  });
  /** Somebody has changed what is his, or an identity's. */
  const onPeople = (): void => {
    ways.look();
    invariants.onPeople();
  };
  onPeople();
  const operators = replicas = createReplicas({
    seed: plan.seed, count: plan.replicas, scheduler, endsLater, network, epoch, namespace, origins: clusterRealm.realm.servers.map(({ origin }) => origin), fail,
    log: (name) => (traced ? traceLog(name, trace) : silent),
  });
  const people = createPeople({ cluster, wall: () => new Date(epoch + scheduler.now()), trace, mend: (act) => { endsLater(mendedAfter, act); } });

  const meddlers = reactions = createReactions({
    cluster, scheduler, realms,
    kill: (process) => { operators.kill(Number(/^operator-(\d+)/.exec(process)?.[1] ?? 0), mendedAfter / 5); },
    mend: (act) => { endsLater(mendedAfter, act); },
    onPeople: (what) => {
      trace(`people: ${what}`);
      onPeople();
    },
  });

  const happened: string[] = [];
  const incidents = createIncidents({
    seed: plan.seed, realms, operators, faults, people, meddlers, endsLater, onPeople,
    identities: identities.map((person, index) => ({ person, plan: plan.identities[index] as IdentityPlan })),
    onBegin: (name, incident) => {
      happened.push(name);
      trace(`-- ${JSON.stringify(incident)}`);
    },
  });
  const moments = createMoments({ endsLater, identities, incidents: plan.incidents, happen: incidents.happen });
  cluster.onChange(({ resource: { plural }, object }) => { moments.onStored({ plural, object }); });
  for (const incident of plan.incidents) if (incident.since === undefined) endsLater(incident.at, () => { incidents.happen(incident); });
  plan.identities.forEach((each, index) => {
    const identity = identities[index] as Person;
    if (each.undeclared) endsLater(each.at - undeclaredBefore, () => { people.undeclare(identity); });
    endsLater(each.at, () => { people.retire(identity, each); });
  });

  const acting = streamOf(plan.seed, 'agents');
  const live = (identity: Person): void => {
    scheduler.after(between(acting, 1_000, 6_000), () => {
      for (const realm of realms) realm.act(identity, acting);
      ways.look();
      claims.onTime();
      returns.onTime();
      live(identity);
    });
  };
  identities.forEach(live);
  const staying = streamOf(plan.seed, 'neighbours');
  /** Whoever stays goes about his own. */
  const stay = (one: Person): void => {
    scheduler.after(between(staying, 2_000, 10_000), () => {
      for (const realm of realms) realm.act(one, staying);
      invariants.onPeople();
      if (scheduler.now() < calmAt) stay(one);
    });
  };
  neighbours.forEach(stay);

  let restsSince: number | undefined;
  const isOver = (): boolean => {
    if (failure !== undefined) return true;
    if (troubles > 0 || (isOpen ??= whatIsOpen(world).length + returns.untold().length > 0)) restsSince = undefined;
    else restsSince ??= scheduler.now();
    return restsSince !== undefined && scheduler.now() - restsSince > afterlife;
  };
  const waited: string[] = [];
  const endWaits = createEndOfWaits(world, admin);
  /** Whether anybody was waited for, so that it must go on now. */
  const isHelped = (): boolean => {
    if (failure !== undefined || restsSince === undefined) return false;
    const rests = endWaits().map(restsOn);
    waited.push(...rests);
    if (rests.length === 0) return false;
    trace(`people: end what is waited for: ${rests.join(', ')}`);
    restsSince = isOpen = undefined;
    onPeople();
    return true;
  };
  try {
    do await scheduler.run(Math.max(scheduler.now(), calmAt) + bound, isOver);
    while (isHelped());
    if (failure === undefined) atTheEnd(world, restsSince !== undefined, clusterRealm.publicKey);
  } catch (error) {
    fail(error);
  }
  operators.stop();
  if (failure !== undefined && !(failure instanceof Violation)) throw failure instanceof Error ? failure : new Error('a run failed', { cause: failure });
  return { violation: failure, milliseconds: scheduler.now(), events: scheduler.events(), ends: [...waited, ...runs().map(restsOn)], happened, trace: lines };
};
