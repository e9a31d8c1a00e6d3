/**
 * A whole Google Cloud at one address, which answers at the instant of arrival: the same core as the fake over sockets, on virtual
 * time. It knows what is true, and what each write of the operator did to whom.
 *
 *     const google = createSimulatedGoogle({ scheduler, random: streamOf(seed, 'google'), epoch, permissions });
 *     const agent = google.plant({ serviceAccount, account: 'ci-build', keys: 1, bindings: [{ resource: bucket, role: 'roles/storage.objectViewer' }] });
 *     createNetwork({ …, servers: [google.server] });
 *     google.connectorManifest({ namespaces: ['ci'] });            // and google.dependencyFor(agent)
 *     google.truth.works(agent);                                   // at this instant
 */
import type { Answer } from '../../fakes/google-cloud/answers.ts';
import { type Arrived, happen, written } from '../../fakes/google-cloud/core.ts';
import type { Fields } from '../../fakes/google-cloud/json.ts';
import { principalName } from '../../fakes/google-cloud/members.ts';
import type { Resource } from '../../fakes/google-cloud/world.ts';
import type { Random } from '../../../src/runtime/random.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import type { WireAnswer, WireRequest, WireServer } from '../engine/wire.ts';
import { createServerFaults, type GoogleKnobs } from './faults.ts';
import { type Ground, layGround, simulatedNature } from './ground.ts';
import { createRegister, formsOf, type Register } from './holders.ts';
import { createManifests, type Manifests } from './manifests.ts';
import { createPeople, mayActAs, type People, plant, type Planted, type Planting } from './people.ts';
import { createTruth, policyDiff, type Truth } from './truth.ts';

/** One thing that a write changed. */
export interface Effect {
  /** Virtual milliseconds. */
  readonly at: number;
  /** Which process sent it. */
  readonly from: string;
  /** As whom. */
  readonly caller: string;
  /** Such as `removed roles/viewer uid:1… of projects/acme-ci`, or the method and path. */
  readonly what: string;
  /** Whose it was alone, `NAMESPACE/NAME` of who was planted; undefined: somebody else's, who must not lose it. */
  readonly of: string | undefined;
}

export interface SimulatedGoogle extends Manifests {
  readonly server: WireServer;
  readonly knobs: GoogleKnobs;
  readonly people: People;
  readonly truth: Truth;
  readonly plant: (planting: Planting) => Planted;
  /** The one may act as the account of the other from now on, or may no longer. */
  readonly actAs: (one: Planted, other: Planted, may?: boolean) => void;
  /** Everything that came over the wire and took effect, in order. */
  readonly effects: readonly Effect[];
  /** Members of policies as they stand, by resource: what nobody was registered for must not change but by people. */
  readonly foreignMembers: () => readonly string[];
}

export interface SimulatedGoogleOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** As the processes have it. */
  readonly epoch: number;
  /** Of the operator, such as those of the published roles. */
  readonly permissions: readonly string[];
  /** The claims of a ServiceAccount's token that the cluster takes now; none is taken unless told. */
  readonly claimsOf?: (token: string) => Fields | undefined;
  readonly origin?: string;
}

export const createSimulatedGoogle = (options: SimulatedGoogleOptions): SimulatedGoogle => {
  const { scheduler, random, epoch, permissions, claimsOf = () => undefined, origin = 'https://google.sim' } = options;
  let isChanged = false;
  const nature = simulatedNature({ now: scheduler.now, epoch, random, changed: () => { isChanged = true; } });
  const ground = layGround(origin, nature, permissions, claimsOf);
  const register = createRegister(ground.pool);
  const faults = createServerFaults(ground.core, () => { truth.look(); });
  const truth: Truth = createTruth({ ground, register, scheduler, propagation: faults.propagation });
  const settle = (): void => {
    if (!isChanged) return;
    isChanged = false;
    truth.look();
  };
  const people = createPeople(ground, permissions, settle);
  const effects: Effect[] = [];
  const server = createServer(origin, { ground, register, scheduler, faults, effects, settle });
  return {
    ...createManifests(ground, origin),
    server,
    knobs: faults,
    people,
    truth,
    effects,
    plant: (planting) => plant(ground, register, people, planting),
    actAs: (one, { account = '' }, may = true) => { people[may ? 'grant' : 'ungrant'](mayActAs(account, formsOf(ground.pool, one).byName)); },
    foreignMembers: () => foreignMembers(ground, register),
  };
};

interface Serving {
  readonly ground: Ground;
  readonly register: Register;
  readonly scheduler: Scheduler;
  readonly faults: ReturnType<typeof createServerFaults>;
  readonly effects: Effect[];
  readonly settle: () => void;
}

const createServer = (origin: string, serving: Serving): WireServer => ({
  origin,
  name: 'google',
  handle: (request) => {
    try {
      return serve(serving, request);
    } catch (error) {
      // As of a path that cannot be decoded.
      return { status: 400, body: JSON.stringify({ error: { code: 400, message: String(error), status: 'INVALID_ARGUMENT' } }) };
    } finally {
      serving.settle();
    }
  },
});

const serve = (serving: Serving, request: WireRequest): WireAnswer => {
  const { ground, scheduler, faults } = serving;
  const { method, path, headers, body = '' } = request;
  const arrived = ground.core.arrive({ method, url: path, headers, body });
  const given = decide(arrived);
  const fate = given.commit === undefined ? undefined : faults.fateOf({ service: arrived.service, method, path });
  if (typeof fate === 'object') {
    scheduler.after(fate.inMilliseconds, () => {
      carryOut(serving, request, arrived, decide(arrived));
      serving.settle();
    });
  }
  const { commit: _, ...unchanged } = given;
  const outcome = happen(fate === undefined ? { ...given, commit: () => { carryOut(serving, request, arrived, given); } } : unchanged, arrived.fault, arrived.service);
  if (outcome.kind !== 'Answer') throw new Error('what breaks on its way is the network\'s');
  const { text, headers: answered } = written(outcome.answer);
  return { status: outcome.answer.status, headers: answered, body: text };
};

const decide = ({ decide: now }: Arrived): Answer => {
  const given = now();
  if (given instanceof Promise) throw new Error('nothing takes time here but the network');
  return given;
};

const carryOut = ({ ground, register, scheduler, effects }: Serving, { from, method, path }: WireRequest, { caller }: Arrived, { commit, policyOf }: Answer): void => {
  if (commit === undefined) return;
  const { world } = ground.core;
  const policy = policyOf === undefined ? undefined : world.resources.get(policyOf)?.policy;
  const before = policy?.now();
  commit();
  const base = { at: scheduler.now(), from, caller: principalName(world, caller) };
  if (policy === undefined || before === undefined) {
    effects.push({ ...base, what: `${method} ${path}`, of: holderOf(ground, register, path) });
    return;
  }
  for (const { what, member } of policyDiff(before, policy.now())) effects.push({ ...base, what: `${what} of ${policyOf ?? ''}`, of: register.ofMember(member) });
};

/** Whose account, or whose key, a path is about. */
const holderOf = ({ core: { world } }: Ground, register: Register, path: string): string | undefined => {
  const accessId = /\/hmacKeys\/([^/?]+)/.exec(path)?.[1];
  if (accessId !== undefined) return register.ofAccount(world.hmacKeys.get(accessId)?.now().account ?? '');
  const name = decodeURIComponent(/\/serviceAccounts\/([^/:?]+)/.exec(path)?.[1] ?? '');
  return register.ofAccount(world.accounts.has(name) ? name : (world.emails.get(name) ?? ''));
};

const foreignMembers = ({ core: { world } }: Ground, register: Register): readonly string[] =>
  [...world.resources.values()].flatMap(({ name, policy }: Resource) =>
    policy.now().bindings.flatMap(({ role, members, condition }) =>
      members.filter((member) => register.ofMember(member) === undefined).map((member) => `${name} ${role}${condition === undefined ? '' : ` if:${JSON.stringify(condition)}`} ${member}`),
    ),
  );
