/**
 * The stage of the conformance kit on the simulated cluster: the whole way from the revoker to the wire is the real one, its watches and
 * its two API servers too, and what goes wrong goes wrong on the wire.
 */
import type { Target } from '../../../src/api/v1alpha1/index.ts';
import { canaryType, createBoundCanaries } from '../../../src/kube/canary.ts';
import type { RoleBinding } from '../../../src/kube/objects.ts';
import { clusterRoleBindings, configMaps, roleBindings, secrets, serviceAccounts } from '../../../src/kube/resources.ts';
import { partSubjects } from '../../../src/revokers/kubernetes/bindings.ts';
import { userKeysOf } from '../../../src/revokers/kubernetes/credentials.ts';
import { locate } from '../../../src/revokers/kubernetes/ids.ts';
import { createKubernetesRevoker } from '../../../src/revokers/kubernetes/revoker.ts';
import type { Credential, Revoker } from '../../../src/revokers/revoker.ts';
import { account, plant, planted } from '../../contract/kubernetes-stage.ts';
import type { Fault, Harness, Stage } from '../../contract/stage.ts';
import { leakedSecret } from '../../fakes/kube-faults.ts';
import { silentLog } from '../../fakes/world.ts';
import type { FaultsOf, WireFault } from '../engine/network.ts';
import { streamOf } from '../engine/random.ts';
import type { WireAnswer, WireRequest } from '../engine/wire.ts';
import type { Hands, StoredObject } from './cluster.ts';
import { type ClusterWorld, createClusterWorld, createPump, operatorNamespace } from './world.ts';

const instead = (status: number, body: unknown, type = 'application/json'): WireFault => {
  const answer: WireAnswer = { status, headers: { 'content-type': type }, body: typeof body === 'string' ? body : JSON.stringify(body) };
  return { kind: 'Instead', answer };
};

const refusal = (code: number, reason: string, details: object = {}): WireFault =>
  instead(code, { kind: 'Status', status: 'Failure', code, reason, message: `${reason}: the token ${leakedSecret} was sent`, details });

/** As it is on the wire. A client that throws by itself has no such form: there, what comes is cut in its middle. */
const wireFaults: Readonly<Record<Fault, WireFault>> = {
  Unauthorized: refusal(401, 'Unauthorized'),
  Forbidden: refusal(403, 'Forbidden'),
  NotFoundPage: instead(404, `<html>${leakedSecret}</html>`, 'text/html'),
  NotFoundOther: refusal(404, 'NotFound', { name: 'something-else', kind: 'widgets' }),
  TooManyRequests: refusal(429, 'TooManyRequests', { retryAfterSeconds: 1 }),
  ServerError: refusal(500, 'InternalError'),
  Unavailable: instead(503, 'upstream connect error', 'text/plain'),
  Garbage: instead(200, `<html>${leakedSecret}</html>`, 'text/html'),
  Empty: instead(200, {}),
  Disconnected: { kind: 'BrokenBefore' },
  Hanging: { kind: 'LostBefore' },
  Crash: instead(200, `{"kind":"${leakedSecret}`),
};

interface Wire {
  readonly faults: FaultsOf;
  readonly breakWith: (fault: Fault | undefined, after?: number) => void;
  readonly writes: () => number;
}

const isWatch = ({ path }: WireRequest): boolean => path.includes('watch=true');
const changesSomething = ({ method, path }: WireRequest): boolean => method !== 'GET' && !path.includes('reviews');

/** What is watched already goes on, so that watches neither meet a fault nor count. */
const createWire = (): Wire => {
  let fault: Fault | undefined;
  let healthy = 0;
  let writes = 0;
  return {
    faults: (request) => {
      if (changesSomething(request)) writes += 1;
      if (fault === undefined || isWatch(request)) return undefined;
      healthy -= 1;
      return healthy >= 0 ? undefined : wireFaults[fault];
    },
    breakWith: (next, after = 0) => {
      fault = next;
      healthy = after;
    },
    writes: () => writes,
  };
};

const resourceOf = {
  ServiceAccount: serviceAccounts, BoundTokens: serviceAccounts, TokenSecret: secrets, RoleBinding: roleBindings, ClusterRoleBinding: clusterRoleBindings,
} as const;

const lockKey = { namespace: operatorNamespace, name: 'offboard-lock' };

/** Past the revoker, and past the network. */
const pastIt = (world: ClusterWorld, alice: Hands, target: Target) => {
  const find = (credential: Credential) => {
    const located = locate(credential);
    if (located === undefined || !('name' in located)) return undefined;
    const { namespace, name } = located;
    const [resource, key] = [resourceOf[located.class], { name, ...(namespace !== undefined && { namespace }) }];
    const object = alice.get(resource, key);
    return object && { resource, key, object };
  };
  const subjectsOf = (object: StoredObject) => partSubjects(object as unknown as RoleBinding, userKeysOf(target));
  return {
    exists: (credential: Credential): Promise<boolean> => {
      const object = find(credential)?.object;
      return Promise.resolve(object !== undefined && object.metadata.uid === credential.uid && (!('subjects' in object) || subjectsOf(object).ours.length > 0));
    },
    foreign: () =>
      Promise.resolve([
        ...alice.list(serviceAccounts).filter(({ metadata }) => metadata.name !== 'bot'),
        ...alice.list(secrets).filter(({ metadata, type }) => metadata.name !== 'bot-token' && type !== canaryType),
        ...[...alice.list(roleBindings), ...alice.list(clusterRoleBindings)].flatMap((object) => subjectsOf(object).others),
      ]),
    hold: (credential: Credential): Promise<void> => {
      const there = find(credential);
      if (there !== undefined) alice.patch(there.resource, there.key, { metadata: { finalizers: ['example.com/hold'] } });
      return Promise.resolve();
    },
    recreate: (credential: Credential): Promise<void> => {
      const there = find(credential);
      if (there === undefined) return Promise.resolve();
      alice.remove(there.resource, there.key);
      alice.create(there.resource, there.object);
      return Promise.resolve();
    },
    leftBehind: () => Promise.resolve(alice.list(secrets).filter(({ type }) => type === canaryType)),
    lockable: () => Promise.resolve(JSON.stringify(alice.get(configMaps, lockKey)?.['data'])),
    deny: () => {
      world.cluster.take({ verb: '*', resource: '*' });
    },
  };
};

export const simulatedHarness: Harness = {
  open: async () => {
    const wire = createWire();
    const world = createClusterWorld({ faults: wire.faults });
    const { cluster, process: { clock }, apiServers } = world;
    const alice = cluster.as('alice');
    // It would remove the token Secrets of a deleted account before the kit has asked for it.
    cluster.controllers.setDelay(Infinity);
    const target: Target = { ...plant({ put: (resource, sketch) => alice.create(resource, sketch) }), probe: true };
    alice.patch(configMaps, lockKey, { data: { ci: '\nsomebody\n', [operatorNamespace]: '\nold\n' } });
    const pump = createPump(world);
    const stop = new AbortController();
    const watching: Promise<unknown>[] = [];
    const create = async (): Promise<Revoker> => {
      const { client, transport } = world;
      const probes = { apiServers, canaries: createBoundCanaries({ client, transport, clock }) };
      const lock = { namespace: operatorNamespace, servers: apiServers };
      const made = createKubernetesRevoker({ client, clock, random: streamOf(1, 'revoker'), log: silentLog, settleTime: 15_000, tokenSecrets: true, lock, probes });
      const reflectors = [...made.reflectors, ...made.lockReflectors];
      watching.push(...reflectors.map((reflector) => reflector.run(stop.signal)));
      await Promise.all(reflectors.map((reflector) => reflector.waitForSync(stop.signal)));
      return made.revoker;
    };
    const stage: Stage = {
      revoker: await create(),
      target,
      planted,
      secrets: [leakedSecret],
      restart: create,
      breakWith: wire.breakWith,
      writes: wire.writes,
      ...pastIt(world, alice, target),
      // Each server sees what is stored a little later.
      admits: async () => {
        await pump.move(100);
        return cluster.servers.some((_, server) => {
          try {
            cluster.as('alice', server).requestToken(account);
            return true;
          } catch {
            return false;
          }
        });
      },
      advance: pump.move,
      settle: () => pump.move(1_000),
      close: async () => {
        stop.abort(new Error('the stage is over'));
        await Promise.all(watching);
        await pump.stop();
      },
    };
    return stage;
  },
};
