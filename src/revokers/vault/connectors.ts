/** The Connectors, as those who retire credentials use them. */
import { isDeepStrictEqual } from 'node:util';

import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { ConnectorSpec, Target, VaultDependency } from '../../api/v1alpha1/index.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isNotFound, toOutcome } from '../../kube/errors.ts';
import { namespaces } from '../../kube/resources.ts';
import type { StoreReader } from '../../kube/store.ts';
import { OutcomeError, needsPerson } from '../../runtime/outcome.ts';
import type { ConnectorObject } from '../connector.ts';
import type { VaultConnection, VaultSettings } from './client.ts';
import { type Connection, type ConnectionOptions, createConnection, notReady } from './connection.ts';
import { coverCertificate, type GrantedNamespace, grantsFor, needsLabels } from './grants.ts';
import { type UsableConnector, usable, usualSettings } from './settings.ts';

export interface VaultConnectors {
  /**
   * The connection that a dependency of the target may use. Rejects with `NotGranted`, in the same words, when no grant covers
   * all that the dependency names and when there is no such connector: who may not use one learns nothing about it.
   */
  readonly connect: (dependency: VaultDependency, target: Target, signal: AbortSignal) => Promise<VaultConnection>;
  /** What the connector says, without asking anybody; what is usual where there is none. */
  readonly settings: (connector: string) => VaultSettings;
}

/** A connection as the connector's own status needs it. */
export interface Opened {
  readonly spec: UsableConnector;
  readonly connection: Connection;
}

export interface VaultConnectorsOwner extends VaultConnectors {
  /** The one connection that all use. Throws an `Invalid` error that names the field of a spec that is not usable. */
  readonly open: (connector: ConnectorObject) => Opened;
  /** A connection that was made from another spec than this, or whose connector is gone, is closed. */
  readonly changed: (name: string) => void;
  readonly close: () => Promise<void>;
}

export interface VaultConnectorsOptions extends Omit<ConnectionOptions, 'name' | 'spec'> {
  readonly client: KubeClient;
  readonly store: StoreReader<ConnectorObject>;
  readonly allowLoopbackHttp: boolean;
}

interface Entry extends Opened {
  readonly uid: string;
  readonly from: Pick<ConnectorSpec, 'vault' | 'timing'>;
}

export const createVaultConnectors = (options: VaultConnectorsOptions): VaultConnectorsOwner => {
  const { client, store, allowLoopbackHttp } = options;
  const entries = new Map<string, Entry>();
  const closing = new Set<Promise<void>>();
  const find = (name: string): ConnectorObject | undefined => store.get(undefined, name);

  const drop = (name: string): void => {
    const entry = entries.get(name);
    if (entry === undefined) return;
    entries.delete(name);
    const closed = entry.connection.close().catch(() => undefined).finally(() => closing.delete(closed));
    closing.add(closed);
  };

  const open = (connector: ConnectorObject): Opened => {
    const { metadata: { name, uid } } = connector;
    // What a connector grants may change without any of its connections noticing.
    const { vault, timing } = connector.spec;
    const from = { ...(vault !== undefined && { vault }), ...(timing !== undefined && { timing }) };
    const before = entries.get(name);
    if (before?.uid === uid && isDeepStrictEqual(before.from, from)) return before;
    drop(name);
    const spec = usable(connector.spec, allowLoopbackHttp);
    const entry: Entry = { uid, from, spec, connection: createConnection({ ...options, name, spec }) };
    entries.set(name, entry);
    return entry;
  };

  return {
    open,
    changed: (name) => {
      const connector = find(name);
      if (connector === undefined) drop(name);
      else if (entries.has(name)) tryOrElse(() => open(connector), () => undefined);
    },
    settings: (name) => {
      const connector = find(name);
      return connector === undefined ? usualSettings : tryOrElse(() => usable(connector.spec, allowLoopbackHttp), () => usualSettings);
    },
    connect: async (dependency, target, signal) => {
      const { namespace } = target.serviceAccount;
      const { name } = dependency.connectorRef;
      const connector = find(name);
      const grants = connector?.spec.grants;
      const labels = needsLabels(grants) ? await labelsOf(client, namespace, signal) : undefined;
      const covering = grantsFor(grants, { name: namespace, labels }, dependency);
      if (connector === undefined || covering.length === 0) throw notGranted(name, namespace);
      const { connection, spec } = tryOrElse(() => open(connector), () => { throw notReady(name); });
      return {
        client: connection.client,
        settings: spec,
        grantsCertificate: (mount, commonName) => coverCertificate(covering, mount, commonName),
      };
    },
    close: async () => {
      for (const name of [...entries.keys()]) drop(name);
      await Promise.all(closing);
    },
  };
};

const tryOrElse = <T>(work: () => T, otherwise: (error: OutcomeError) => T): T => {
  try {
    return work();
  } catch (error) {
    if (error instanceof OutcomeError) return otherwise(error);
    throw error;
  }
};

/** Word for word the same, whether there is such a connector or not. */
const notGranted = (name: string, namespace: string): OutcomeError =>
  needsPerson(
    reasons.notGranted,
    `no connector "${name}" grants namespace "${namespace}" all that the dependency names; those who run Offboard can grant it`,
  );

/** As they are now: whoever lost a label lost what it granted. A namespace that is not there has none. */
const labelsOf = async (client: KubeClient, name: string, signal: AbortSignal): Promise<GrantedNamespace['labels']> => {
  try {
    return (await client.get(namespaces, { name }, { signal, metadataOnly: true })).metadata.labels ?? {};
  } catch (error) {
    if (isNotFound(error, namespaces, name)) return undefined;
    throw signal.aborted ? error : toOutcome(error);
  }
};
