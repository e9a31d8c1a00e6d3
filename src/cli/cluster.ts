/** The one way to a cluster: `withCluster`, by the flags of cluster-flags.ts. */
import { createKubeClient } from '../kube/client.ts';
import type { KubeClient } from '../kube/client.ts';
import { actingAs, loadKubeConfig } from '../kube/config.ts';
import type { KubeConfig } from '../kube/config.ts';
import { createTransport } from '../kube/transport.ts';
import type { ClusterValues } from './cluster-flags.ts';
import { CannotError, UsageError } from './command.ts';
import type { Io } from './command.ts';
import { explained } from './explained.ts';

export interface Cluster {
  readonly client: KubeClient;
  /** The one asked for, or that of the context. */
  readonly namespace: string;
  /** All of them were asked for. */
  readonly everywhere: boolean;
  /** Its address, for messages. */
  readonly server: string;
  /** Aborted when somebody wants the command to end. */
  readonly signal: AbortSignal;
}

/** Connects, works, and hangs up. What goes wrong with the API server is told as a `CannotError` that says the way out. */
export const withCluster = async <T>(values: ClusterValues, io: Io, work: (cluster: Cluster) => Promise<T>): Promise<T> => {
  const config = configOf(values, io);
  const transport = createTransport({ config, clock: io.clock, version: io.version });
  const { server } = config;
  const namespace = values.namespace ?? config.namespace;
  try {
    return await work({ client: createKubeClient(transport), namespace, everywhere: values['all-namespaces'] === true, server, signal: io.signal });
  } catch (error) {
    throw explained(error, server);
  } finally {
    await transport.close();
  }
};

const configOf = ({ kubeconfig, context, as, 'as-group': groups = [], namespace }: ClusterValues, { env, clock }: Io): KubeConfig => {
  if (namespace === '') throw new UsageError('--namespace names none');
  if (as === undefined && groups.length > 0) throw new UsageError('--as-group needs --as');
  const config = loaded(() => loadKubeConfig({ path: kubeconfig, context, env, clock }));
  return as === undefined ? config : actingAs(config, as, groups);
};

const loaded = (load: () => KubeConfig): KubeConfig => {
  try {
    return load();
  } catch (error) {
    throw new CannotError(error instanceof Error ? error.message : String(error));
  }
};
