/** A small universe around the simulated Google Cloud: one process with the real revoker in it, and nothing else of the operator. */
import { createStore } from '../../../src/kube/store.ts';
import type { ConnectorObject } from '../../../src/revokers/connector.ts';
import { createGoogleConnectors } from '../../../src/revokers/google-cloud/connectors.ts';
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
  readonly start: (name?: string) => Operator;
  /** Lets events run until the promise has settled; throws when that takes longer than so many virtual milliseconds. */
  readonly until: <T>(promise: Promise<T>, limit?: number) => Promise<T>;
}

export interface Operator {
  readonly process: Process;
  readonly open: (planted: Planted, options?: DependencyOptions) => Case;
}

export interface UniverseOptions {
  readonly seed?: number;
  readonly faults?: FaultsOf;
  readonly connector?: Partial<ConnectorOptions>;
}

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
    start: (name = 'operator-0.1') => {
      const process = createProcess({ name, scheduler, network, epoch });
      const { clock } = process;
      const random = streamOf(seed, name);
      const store = createStore<ConnectorObject>();
      const { metadata, ...manifest } = google.connectorManifest({ namespaces: ['ci'], settle: '0s', ...connector });
      store.upsert({ ...manifest, metadata: { ...metadata, uid: 'connector', resourceVersion: '1', creationTimestamp: '' } });
      const connectors = createGoogleConnectors({
        client: createFakeKube().client, store, clock, random, connect: process.connect, userAgent: 'offboard/test', mayAct: process.isAlive, allowLoopbackHttp: false,
        readSecret: () => Promise.reject(new Error('nobody logs in by a key here')),
        ownToken: () => Promise.reject(new Error('nobody logs in by federation here')),
      });
      const kind = createGoogleCloudKind({ connectors, clock, random, isForeign: () => false });
      return { process, open: (planted, options) => caseOf(kind, planted.serviceAccount, google.dependencyFor(planted, options)) };
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
