/** Which cluster a command talks to, as whom, and in which namespace: the same flags everywhere, read as kubectl reads them. */
import type { Flags } from './flags.ts';

const heading = 'Cluster';

/** For what is in no namespace. */
export const clusterFlags = {
  kubeconfig: { type: 'string', value: 'FILE', text: 'of which cluster (default: KUBECONFIG, which may name several files, then the pod, then ~/.kube/config)', completes: 'files', heading },
  context: { type: 'string', value: 'NAME', text: 'of which cluster, by a context of the kubeconfig', completes: 'nothing', heading },
  as: { type: 'string', value: 'USER', text: 'act as this user, or system:serviceaccount:NAMESPACE:NAME', completes: 'nothing', heading },
  'as-group': { type: 'string', multiple: true, value: 'GROUP', text: 'and as in this group; may be given again', completes: 'nothing', heading },
} as const satisfies Flags;

/** For what is in one. */
export const namespacedFlags = {
  namespace: { type: 'string', short: 'n', value: 'NAME', text: 'in which namespace (default: that of the context)', completes: 'namespaces', heading },
  ...clusterFlags,
} as const satisfies Flags;

/** Beside those, for what may look everywhere. */
export const everywhereFlag = {
  'all-namespaces': { type: 'boolean', short: 'A', text: 'in all namespaces', heading },
} as const satisfies Flags;

/** What of the flags was given. */
export interface ClusterValues {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly as?: string | undefined;
  readonly 'as-group'?: readonly string[] | undefined;
  readonly namespace?: string | undefined;
  readonly 'all-namespaces'?: boolean | undefined;
}
