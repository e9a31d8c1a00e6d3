/**
 * The ServiceAccount that the operator runs as, with exactly the rights that the chart gives it.
 *
 *     const token = await installOperatorAccount(cluster);
 *     const token = await installOperatorAccount(cluster, { tokenSecrets: { enabled: true } });
 *
 * CRDs, policies and the namespace are there already (`installOffboard`).
 */
import type { ControlPlane } from './control-plane.ts';
import { renderChart } from './helm.ts';
import { waitFor } from './wait-for.ts';

const namespace = 'offboard-system';
export const operatorUser = `system:serviceaccount:${namespace}:offboard`;

/** Values of the chart: the optional rights that are granted. */
export interface Rights {
  readonly tokenSecrets?: { readonly enabled: boolean };
  /** By name, in its own namespace. */
  readonly connectorSecrets?: readonly string[];
  /** Where it may make tokens of ServiceAccounts, and the Secrets to which they are bound. */
  readonly canaryNamespaces?: readonly string[];
  readonly sharedBindings?: {
    readonly clusterRoles?: readonly string[];
    readonly roles?: readonly { readonly namespace: string; readonly names: readonly string[] }[];
  };
}

/** Rights are granted once, so that a test which takes some away does not get them back with the next operator. */
const installed = new WeakMap<ControlPlane, Map<string, Promise<string>>>();

/** Resolves to a token of it, once its rights are in force. */
export const installOperatorAccount = (cluster: ControlPlane, rights: Rights = {}): Promise<string> => {
  const known = installed.get(cluster) ?? new Map<string, Promise<string>>();
  installed.set(cluster, known);
  const key = JSON.stringify(rights);
  const token = known.get(key) ?? install(cluster, rights);
  known.set(key, token);
  return token;
};

const install = async (cluster: ControlPlane, rights: Rights): Promise<string> => {
  const { clusterRoles = [], roles = [] } = rights.sharedBindings ?? {};
  const shared = clusterRoles.length + roles.length > 0;
  const only = ['service-account.yaml', 'rbac.yaml', ...(shared ? ['shared-bindings.yaml'] : [])];
  const named = new Set([...roles.map((role) => role.namespace), ...(rights.canaryNamespaces ?? [])]);
  const namespaces = [...named].map((name) => JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  const stdin = [...namespaces, await renderChart({ values: rights, only })].join('\n---\n');
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin });
  const token = (await cluster.kubectl(['create', 'token', 'offboard', '-n', namespace, '--duration=24h'])).trim();
  const kubeconfig = cluster.kubeconfigFor({ token });
  const inForce = (what: string, ...args: readonly string[]): Promise<string> =>
    waitFor(() => cluster.kubectl(['auth', 'can-i', ...args], { kubeconfig }), { what: `the operator's right to ${what}` });
  // Each role comes into force as a whole.
  await inForce('end bindings', 'delete', 'rolebindings', '-A');
  await inForce('its lock', 'patch', 'configmaps/offboard-lock', '-n', namespace);
  await inForce('API servers', 'list', 'endpointslices.discovery.k8s.io', '-n', 'default');
  await inForce('its Lease', 'get', 'leases/offboard-leader', '-n', namespace);
  await inForce('tokens of its own', 'create', 'serviceaccounts/offboard', '--subresource=token', '-n', namespace);
  await inForce('the signing key', 'get', 'secrets/offboard-signing-key', '-n', namespace);
  for (const name of rights.connectorSecrets ?? []) await inForce(`Secret ${name}`, 'get', `secrets/${name}`, '-n', namespace);
  for (const name of rights.canaryNamespaces ?? []) {
    await inForce(`canaries in ${name}`, 'create', 'serviceaccounts/any', '--subresource=token', '-n', name);
    await inForce('reviews of tokens', 'create', 'tokenreviews.authentication.k8s.io');
  }
  if (rights.tokenSecrets?.enabled === true) await inForce('Secrets', 'list', 'secrets', '-A');
  if (clusterRoles.length > 0) await inForce('shared bindings', 'patch', 'rolebindings', '-A');
  return token;
};
