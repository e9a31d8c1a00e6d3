/**
 * The Connectors of one type, as those who retire credentials use them: one connection for all who may use it, for as long as its
 * spec is what it was made from.
 */
import { isDeepStrictEqual } from 'node:util';

import { reasons } from '../api/v1alpha1/conditions.ts';
import type { ConnectorSpec, Grant, Target } from '../api/v1alpha1/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, toOutcome } from '../kube/errors.ts';
import { namespaces } from '../kube/resources.ts';
import type { StoreReader } from '../kube/store.ts';
import { OutcomeError, needsPerson } from '../runtime/outcome.ts';
import type { ConnectorObject } from './connector.ts';
import { type GrantedNamespace, grantsFor, needsLabels } from './grants.ts';

/** A dependency, as far as it says which Connector it uses. */
interface Using {
  readonly connectorRef: { readonly name: string };
}

/** What is particular to one type. `Usable` is all that a connection is made from, and holds the settings. */
export interface ConnectorType<Dependency extends Using, Settings, Usable extends Settings, Connection extends Closable> {
  /** The part of a spec that says what is connected to; undefined in a Connector of another type. */
  readonly part: (spec: ConnectorSpec) => object | undefined;
  /** Throws an `Invalid` error that names the field of a spec that is not usable. */
  readonly usable: (spec: ConnectorSpec) => Usable;
  /** What is usual where there is no connector. */
  readonly usual: Settings;
  readonly create: (name: string, spec: Usable) => Connection;
  /** Whether this grant alone covers all that the dependency names. */
  readonly covers: (grant: Grant, dependency: Dependency) => boolean;
}

interface Closable {
  readonly close: () => Promise<void>;
}

export interface Opened<Usable, Connection> {
  readonly spec: Usable;
  readonly connection: Connection;
}

export interface Granted<Usable, Connection> extends Opened<Usable, Connection> {
  /** The grants of which each alone covers all that the dependency names; at least one. */
  readonly grants: readonly Grant[];
}

export interface ConnectorsOf<Dependency, Settings, Usable, Connection> {
  /**
   * Rejects with `NotGranted`, in the same words, when no grant covers all that the dependency names and when there is no such
   * connector: who may not use one learns nothing about it.
   */
  readonly use: (dependency: Dependency, target: Target, signal: AbortSignal) => Promise<Granted<Usable, Connection>>;
  /** What the connector says, without asking anybody; what is usual where there is none. */
  readonly settings: (name: string) => Settings;
  /** The one connection that all use. Throws an `Invalid` error that names the field of a spec that is not usable. */
  readonly open: (connector: ConnectorObject) => Opened<Usable, Connection>;
  /** A connection that was made from another spec than this, or whose connector is gone, is closed. */
  readonly changed: (name: string) => void;
  readonly close: () => Promise<void>;
}

export interface ConnectorsOptions {
  readonly client: KubeClient;
  readonly store: StoreReader<ConnectorObject>;
}

export const createConnectorsOf = <Dependency extends Using, Settings, Usable extends Settings, Connection extends Closable>(
  { client, store }: ConnectorsOptions,
  type: ConnectorType<Dependency, Settings, Usable, Connection>,
): ConnectorsOf<Dependency, Settings, Usable, Connection> => {
  interface Entry extends Opened<Usable, Connection> {
    readonly uid: string;
    readonly from: object;
  }
  const entries = new Map<string, Entry>();
  const closing = new Set<Promise<void>>();
  const find = (name: string): ConnectorObject | undefined => {
    const found = store.get(undefined, name);
    return found === undefined || type.part(found.spec) === undefined ? undefined : found;
  };

  const drop = (name: string): void => {
    const entry = entries.get(name);
    if (entry === undefined) return;
    entries.delete(name);
    const closed = entry.connection.close().catch(() => undefined).finally(() => closing.delete(closed));
    closing.add(closed);
  };

  const open = (connector: ConnectorObject): Entry => {
    const { metadata: { name, uid }, spec: { timing = {} } } = connector;
    // What a connector grants may change without any of its connections noticing.
    const from = { part: type.part(connector.spec), timing };
    const before = entries.get(name);
    if (before?.uid === uid && isDeepStrictEqual(before.from, from)) return before;
    drop(name);
    const spec = type.usable(connector.spec);
    const entry: Entry = { uid, from, spec, connection: type.create(name, spec) };
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
      return connector === undefined ? type.usual : tryOrElse<Settings>(() => type.usable(connector.spec), () => type.usual);
    },
    use: async (dependency, target, signal) => {
      const { namespace } = target.serviceAccount;
      const { name } = dependency.connectorRef;
      const connector = find(name);
      const all = connector?.spec.grants;
      const labels = needsLabels(all) ? await labelsOf(client, namespace, signal) : undefined;
      const grants = grantsFor(all, { name: namespace, labels }, (grant) => type.covers(grant, dependency));
      if (connector === undefined || grants.length === 0) throw notGranted(name, namespace);
      const { connection, spec } = tryOrElse(() => open(connector), () => { throw notReady(name); });
      return { connection, spec, grants };
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

/** All that a tenant is told of a connector that cannot be used as it is. */
export const notReady = (name: string): OutcomeError =>
  needsPerson(reasons.connectorNotReady, `connector "${name}" is not ready; those who run Offboard find the reason in its status`);

/** As they are now: whoever lost a label lost what it granted. A namespace that is not there has none. */
const labelsOf = async (client: KubeClient, name: string, signal: AbortSignal): Promise<GrantedNamespace['labels']> => {
  try {
    return (await client.get(namespaces, { name }, { signal, metadataOnly: true })).metadata.labels ?? {};
  } catch (error) {
    if (isNotFound(error, namespaces, name)) return undefined;
    throw signal.aborted ? error : toOutcome(error);
  }
};
