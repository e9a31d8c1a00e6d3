/** The small world with the operator's own parts on it, through a process and its network: connectors, their inspection, the revoker. */
import { createFakeKube } from '../../fakes/kube.ts';
import type { Dependency, Target } from '../../../src/api/v1alpha1/index.ts';
import { namespaces, secrets } from '../../../src/kube/resources.ts';
import { createStore } from '../../../src/kube/store.ts';
import type { ConnectorObject, ConnectorReport } from '../../../src/revokers/connector.ts';
import type { Revoker } from '../../../src/revokers/revoker.ts';
import { createSecretReader } from '../../../src/revokers/secrets.ts';
import { createVaultConnectors } from '../../../src/revokers/vault/connectors.ts';
import { createVaultInspection } from '../../../src/revokers/vault/inspect.ts';
import type { AccountNow } from '../../../src/revokers/vault/look.ts';
import { createVaultKind } from '../../../src/revokers/vault/revoker.ts';
import { createNetwork, type FaultsOf } from '../engine/network.ts';
import { createProcess } from '../engine/process.ts';
import { streamOf } from '../engine/random.ts';
import { connectorManifest, dependencyFor, secretManifest } from './manifests.ts';
import { createPump } from './pump.ts';
import { bot, createSmallWorld, role, type SmallWorld, there } from './small-world.ts';

const operatorNamespace = 'offboard-system';
export const never = new AbortController().signal;

export interface OperatedWorld extends SmallWorld {
  readonly revoker: Revoker;
  readonly target: Target;
  readonly inspect: () => Promise<ConnectorReport>;
  /** The call, with the time that it takes. */
  readonly during: <T>(call: () => Promise<T>) => Promise<T>;
  /** Puts it into the Secret from which the operator reads its token. */
  readonly handOver: (token: string) => void;
  /** What was asked, such as `GET /v1/sys/health`, and what took effect. */
  readonly requests: readonly string[];
}

export const createOperatedWorld = (
  faults: FaultsOf = () => undefined,
  dependency: Dependency = dependencyFor(role),
  accountNow: AccountNow = () => Promise.resolve(undefined),
): OperatedWorld => {
  const world = createSmallWorld();
  const { scheduler } = world;
  const requests: string[] = [];
  const network = createNetwork({
    scheduler,
    random: streamOf(7, 'network'),
    servers: [world.wire],
    faults: (request, server) => {
      requests.push(`${request.method} ${request.path}`);
      return faults(request, server);
    },
    trace: () => undefined,
  });
  const { clock, connect } = createProcess({ name: 'operator', scheduler, network, epoch: Date.parse('2030-01-01T00:00:00Z') });
  const pump = createPump(scheduler);
  const kube = createFakeKube();
  kube.put(namespaces, { metadata: { name: bot.namespace } });
  const store = createStore<ConnectorObject>();
  const manifest = connectorManifest();
  const connector: ConnectorObject = { ...manifest, metadata: { ...manifest.metadata, uid: 'of-the-connector', resourceVersion: '1', creationTimestamp: '' } };
  store.upsert(connector);
  const handOver = (token: string): void => { kube.put(secrets, { ...secretManifest(operatorNamespace, token) }); };
  handOver(world.operator.id);
  const connectors = createVaultConnectors({
    client: kube.client, store, clock, connect, random: streamOf(7, 'operator'), userAgent: 'offboard/test', mayAct: () => true, allowLoopbackHttp: false,
    readSecret: createSecretReader(kube.client, operatorNamespace), ownToken: () => Promise.reject(new Error('nobody logs in by Kubernetes here')),
  });
  const inspect = createVaultInspection(connectors);
  return {
    ...world,
    requests,
    revoker: there(createVaultKind({ connectors, clock, isForeign: () => false, accountNow }).bind(dependency)),
    target: { serviceAccount: bot, dependencies: [dependency] },
    inspect: () => pump.during(() => inspect(connector, never)),
    during: pump.during,
    handOver,
  };
};

/** What a run does, without its waits: looks, locks, looks again, ends all that can be, looks at each. Returns what is still there. */
export const offboard = async ({ revoker, target, during }: Pick<OperatedWorld, 'revoker' | 'target' | 'during'>): Promise<readonly string[]> => {
  const { lock } = revoker;
  if (lock.kind === 'NotLockable') throw new Error(lock.explanation);
  const first = await during(() => revoker.inventory(target, 'Fresh', never));
  const missing = await during(() => revoker.preflight(target, first.credentials, never));
  if (missing.length > 0) throw new Error(missing.map(({ message }) => message).join('; '));
  await during(() => lock.lock(target, never));
  const locked = await during(() => lock.observeLock(target, never));
  if (locked.state !== 'Present') throw new Error(`not locked: ${String(locked.message)}`);
  const { credentials } = await during(() => revoker.inventory(target, 'Fresh', never));
  const ended = credentials.filter(({ end }) => end.by === 'Revoke');
  for (const credential of ended) await during(() => revoker.revoke(credential, target, never));
  const left: string[] = [];
  for (const credential of ended) {
    const { state } = await during(() => revoker.observe(credential, target, never));
    if (state !== 'Absent') left.push(credential.id);
  }
  return left;
};
