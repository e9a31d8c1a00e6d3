/** A small universe around the simulated Google Cloud: one process with the real revoker in it, and nothing else of the operator. */
import { createStore } from '../../../src/kube/store.ts';
import type { ConnectorObject } from '../../../src/revokers/connector.ts';
import type { GoogleClient } from '../../../src/revokers/google-cloud/api.ts';
import { createGoogleConnectors, type GoogleConnectors } from '../../../src/revokers/google-cloud/connectors.ts';
import { createGoogleCloudKind } from '../../../src/revokers/google-cloud/revoker.ts';
import { publishedPermissions } from '../../env/google-roles.ts';
import { createFakeKube } from '../../fakes/kube.ts';
import { type Case, caseOf } from '../../integration/revoker-case.ts';
import { createNetwork, type FaultsOf } from '../engine/network.ts';
import { createProcess, type Process } from '../engine/process.ts';
import { streamOf } from '../engine/random.ts';
import { createScheduler, type Scheduler } from '../engine/scheduler.ts';
import type { ConnectorOptions, DependencyOptions } from './manifests.ts';
import type { Planted } from './people.ts';
import { createSimulatedGoogle, type SimulatedGoogle } from './server.ts';

export interface Universe {
  readonly scheduler: Scheduler;
  readonly google: SimulatedGoogle;
  /** Requests and faults, in order. */
  readonly trace: readonly string[];
  /** A process in which the real revoker runs, with a connector to it all. */
  readonly start: (options?: StartOptions) => Operator;
  /** Lets events run until the promise has settled; throws when that takes longer than so many virtual milliseconds. */
  readonly until: <T>(promise: Promise<T>, limit?: number) => Promise<T>;
}

export interface Operator {
  readonly process: Process;
  readonly open: (planted: Planted, options?: DependencyOptions) => Case;
  /** As when the Connector is made anew: nothing is remembered of the services. */
  readonly reconnect: () => void;
}

export interface StartOptions {
  readonly name?: string;
  /** Throws in place of a request where the client library is to fail in a way that nobody expected. */
  readonly beforeRequest?: () => void;
}

export interface UniverseOptions {
  readonly seed?: number;
  readonly faults?: FaultsOf;
  readonly connector?: Partial<ConnectorOptions>;
}

/** With one client for each of the connectors', since what is remembered hangs on that. */
const guarded = ({ connect }: GoogleConnectors, beforeRequest: () => void): GoogleConnectors['connect'] => {
  const clients = new WeakMap<GoogleClient, GoogleClient>();
  const guard = (client: GoogleClient): GoogleClient => {
    const known = clients.get(client) ?? {
      ...client,
      request: (request, signal) => {
        beforeRequest();
        return client.request(request, signal);
      },
    };
    clients.set(client, known);
    return known;
  };
  return async (...asked) => {
    const connection = await connect(...asked);
    return { ...connection, client: guard(connection.client) };
  };
};

export const epoch = Date.UTC(2026, 0, 1);

export const createUniverse = ({ seed = 1, faults = () => undefined, connector = {} }: UniverseOptions = {}): Universe => {
  const scheduler = createScheduler();
  const trace: string[] = [];
  const google = createSimulatedGoogle({ scheduler, random: streamOf(seed, 'google'), epoch, permissions: publishedPermissions });
  const network = createNetwork({ scheduler, random: streamOf(seed, 'network'), servers: [google.server], faults, trace: (line) => trace.push(line) });
  return {
    scheduler,
    google,
    trace,
    start: ({ name = 'operator-0.1', beforeRequest = () => undefined } = {}) => {
      const process = createProcess({ name, scheduler, network, epoch });
      const { clock } = process;
      const random = streamOf(seed, name);
      const store = createStore<ConnectorObject>();
      const { metadata, spec } = google.connectorManifest({ namespaces: ['ci'], settle: '0s', ...connector });
      let versions = 0;
      const put = (): void => {
        versions += 1;
        store.upsert({ spec, metadata: { ...metadata, uid: `connector-${versions}`, resourceVersion: String(versions), creationTimestamp: '' } });
      };
      put();
      const connectors = createGoogleConnectors({
        client: createFakeKube().client, store, clock, random, connect: process.connect, userAgent: 'offboard/test', mayAct: process.isAlive, allowLoopbackHttp: false,
        readSecret: () => Promise.reject(new Error('nobody logs in by a key here')),
        ownToken: () => Promise.reject(new Error('nobody logs in by federation here')),
      });
      const kind = createGoogleCloudKind({ connectors: { ...connectors, connect: guarded(connectors, beforeRequest) }, clock, random, isForeign: () => false });
      return {
        process,
        open: (planted, options) => caseOf(kind, planted.serviceAccount, google.dependencyFor(planted, options)),
        reconnect: () => {
          put();
          connectors.changed('google');
        },
      };
    },
    until: async (promise, limit = 600_000) => {
      const seen = { isSettled: false };
      const settled = (): void => {
        seen.isSettled = true;
      };
      promise.then(settled, settled);
      await scheduler.run(scheduler.now() + limit, () => seen.isSettled);
      if (!seen.isSettled) throw new Error(`nothing came of it within ${limit / 1_000} s`);
      return promise;
    },
  };
};
