/** What Connectors add to the operator: the watch on them, the look at each, and the connections that revokers use. */
import type { Config } from './config.ts';
import type { KubeClient } from './kube/client.ts';
import type { EventRecorder } from './kube/events.ts';
import { createReflector } from './kube/reflector.ts';
import type { Reflector, ReflectorOptions } from './kube/reflector.ts';
import { connectors as resource } from './kube/resources.ts';
import type { OwnTokens } from './kube/tokens.ts';
import type { Figures } from './observability/figures.ts';
import type { Metrics } from './observability/metrics.ts';
import { connectorFigures, isReady } from './policy/connector-figures.ts';
import { createConnectorReconciler } from './reconcile/connector/reconciler.ts';
import { projectConnector } from './reconcile/indexes.ts';
import { asksOtherwise, keyOf, splitKey } from './reconcile/objects.ts';
import type { ConnectorObject, InspectConnector } from './revokers/connector.ts';
import { createGoogleConnectors } from './revokers/google-cloud/connectors.ts';
import type { GoogleConnectors } from './revokers/google-cloud/connectors.ts';
import { createGoogleInspection } from './revokers/google-cloud/inspect.ts';
import { createSecretReader, textFile } from './revokers/secrets.ts';
import { createVaultConnectors } from './revokers/vault/connectors.ts';
import type { VaultConnectors } from './revokers/vault/connectors.ts';
import { createVaultInspection } from './revokers/vault/inspect.ts';
import type { ReconcileResult } from './runtime/controller.ts';
import type { Connect } from './runtime/http-pool.ts';

export interface ConnectorsOptions extends Pick<ReflectorOptions<ConnectorObject>, 'clock' | 'random' | 'log'> {
  readonly config: Config;
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly version: string;
  readonly ownTokens: OwnTokens;
  /** Real sockets when absent. */
  readonly connect?: Connect | undefined;
  /** False when another process may be the one that acts. */
  readonly mayAct: () => boolean;
  /** A Connector is to be looked at. */
  readonly wake: (key: string) => void;
  /** A Connector can be used again, or in another way than before: whatever waits for that need not wait any longer. */
  readonly wakeUsers: (name: string) => void;
}

export interface Connectors {
  readonly vault: VaultConnectors;
  readonly google: GoogleConnectors;
  readonly reflector: Reflector<ConnectorObject>;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>;
  readonly figures: () => Figures['connectors'];
  /** Closes every connection. */
  readonly close: () => Promise<void>;
}

export const createConnectors = (options: ConnectorsOptions): Connectors => {
  const { config, client, clock, random, log, metrics, events, wake, wakeUsers } = options;
  const reflector = createReflector<ConnectorObject>({
    client,
    clock,
    random,
    log,
    metrics: metrics.watch,
    resource,
    project: projectConnector,
    indexers: {},
    onChange: ({ object, previous }) => {
      for (const each of [vault, google]) each.changed(object.metadata.name);
      const asks = previous === undefined || asksOtherwise(previous, object);
      if (asks) wake(keyOf(object));
      if (asks || (isReady(object) && !isReady(previous))) wakeUsers(object.metadata.name);
    },
  });
  const common = {
    client,
    clock,
    random,
    store: reflector.store,
    allowLoopbackHttp: config.allowLoopbackHttp,
    userAgent: `offboard/${options.version}`,
    mayAct: options.mayAct,
    ownToken: options.ownTokens.issue,
    connect: options.connect,
  };
  const counting = (type: string) => ({ code }: { readonly code: string }): void => {
    metrics.onConnectorRequest({ type, code });
  };
  const vault = createVaultConnectors({ ...common, readSecret: createSecretReader(client, config.namespace), onRequest: counting('vault') });
  const google = createGoogleConnectors({
    ...common,
    readSecret: createSecretReader(client, config.namespace, textFile),
    onRequest: counting('google-cloud'),
  });
  const reconcile = createConnectorReconciler({
    client,
    clock,
    random,
    events,
    inspect: inspectionOf({ vault: createVaultInspection(vault), google: createGoogleInspection(google) }),
    read: (key) => reflector.store.get(undefined, splitKey(key).name),
    keep: reflector.upsert,
  });
  return {
    vault,
    google,
    reflector,
    reconcile,
    figures: () => connectorFigures(reflector.store.list()),
    close: async () => {
      await Promise.all([vault.close(), google.close()]);
    },
  };
};

/** One that is of no type that this version knows is told so by the one for Vault, which names the fields. */
const inspectionOf =
  ({ vault, google }: { readonly vault: InspectConnector; readonly google: InspectConnector }): InspectConnector =>
  (connector, signal) => (connector.spec.googleCloud === undefined ? vault : google)(connector, signal);
