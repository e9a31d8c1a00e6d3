/** A cluster of several API servers in which the lock is installed, the operator's own account there, and somebody who may do anything. */
import { createApiServers } from '../../src/kube/api-servers.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { ConfigMap } from '../../src/kube/objects.ts';
import { configMaps } from '../../src/kube/resources.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import { createKubernetesRevoker, type KubernetesRevoker } from '../../src/revokers/kubernetes/revoker.ts';
import type { LockCapability } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, waitFor } from '../env/control-plane.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { silentLog } from '../fakes/world.ts';
import { installOffboard } from './install.ts';

export const operatorNamespace = 'offboard-system';
export const lockKey = { namespace: operatorNamespace, name: 'offboard-lock' };
export const never = (): AbortSignal => new AbortController().signal;

export interface Call {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly type?: string;
}

export interface LockWorld {
  readonly cluster: ControlPlane;
  /** What an API server says to the administrator: `allowed`, the name of the policy that denies, or what else went wrong. */
  readonly ask: (call: Call, replica?: number) => Promise<string>;
  /** One answer for all API servers, or all of them. */
  readonly askAll: (call: Call) => Promise<string>;
  readonly data: () => Promise<Readonly<Record<string, string>> | undefined>;
  /** As the administrator, who holds every verb. */
  readonly write: (data: Readonly<Record<string, string | null>>) => Promise<void>;
  /** A process of the operator, by its own account. */
  readonly start: (options?: { readonly more?: readonly string[]; readonly isTombstone?: (namespace: string, name: string) => boolean }) => Promise<Started>;
  readonly stop: () => Promise<void>;
}

export interface Started {
  readonly kubernetes: KubernetesRevoker;
  readonly lock: Extract<LockCapability, { readonly kind: 'Lockable' }>;
  readonly token: string;
  readonly servers: ReturnType<typeof createApiServers>;
}

/** By the causes of the answer, as the operator does it. */
const verdictOf = (error: unknown): string => {
  if (!(error instanceof ApiError)) throw error;
  const [cause] = error.details?.causes ?? [];
  return /^ValidatingAdmissionPolicy '([^']+)'/.exec(cause?.message ?? '')?.[1] ?? `${error.code} ${error.message}`;
};

export const openLockWorld = async (cluster: ControlPlane): Promise<LockWorld> => {
  await installOffboard(cluster);
  const token = await installOperatorAccount(cluster);
  const admins = cluster.urls.map((_, replica) => transportBy(cluster.kubeconfigFor({}, replica)));
  const cleanups: (() => Promise<unknown>)[] = admins.map((admin) => admin.close);
  const [admin] = admins;
  if (admin === undefined) throw new Error('there is no API server');
  const client = createKubeClient(admin);
  const ask = async ({ method, path, body, type }: Call, replica = 0): Promise<string> => {
    try {
      const verb = { POST: 'create', PATCH: 'patch', DELETE: 'delete' } as const;
      await admins[replica]?.request({ verb: verb[method], resource: 'any', method, path, body, ...(type !== undefined && { contentType: type }) });
      return 'allowed';
    } catch (error) {
      return verdictOf(error);
    }
  };
  return {
    cluster,
    ask,
    askAll: async (call) => [...new Set(await Promise.all(admins.map((_, replica) => ask(call, replica))))].join(' | '),
    data: async () => (await client.get<ConfigMap>(configMaps, lockKey)).data,
    write: async (data) => {
      await client.patch(configMaps, lockKey, { type: 'merge', body: { data } });
    },
    start: async ({ more = [], isTombstone } = {}) => {
      const config = loadKubeConfig({ path: cluster.kubeconfigFor({ token }), clock: systemClock });
      const common = { config, clock: systemClock, version: 'test' };
      const transport = createTransport(common);
      const servers = createApiServers({ ...common, transport, urls: [...cluster.urls, ...more] });
      const kubernetes = createKubernetesRevoker({
        client: createKubeClient(transport), clock: systemClock, random: () => 0.5, log: silentLog, settleTime: 15_000, tokenSecrets: false,
        lock: { namespace: operatorNamespace, servers, ...(isTombstone && { isTombstone }) },
      });
      const stop = new AbortController();
      const all = [...kubernetes.reflectors, ...kubernetes.lockReflectors];
      const running = all.map((reflector) => reflector.run(stop.signal));
      cleanups.push(async () => {
        stop.abort(new Error('the test is over'));
        await Promise.all(running);
        await servers.close();
        await transport.close();
      });
      await Promise.all(all.map((reflector) => reflector.waitForSync(never())));
      const { lock } = kubernetes.revoker;
      if (lock.kind !== 'Lockable') throw new Error(lock.explanation);
      return { kubernetes, lock, token, servers };
    },
    stop: async () => {
      await Promise.all(cleanups.map((cleanup) => cleanup()));
      await cluster.stop();
    },
  };
};

const transportBy = (kubeconfig: string): Transport =>
  createTransport({ config: loadKubeConfig({ path: kubeconfig, clock: systemClock }), clock: systemClock, version: 'test' });

export const accountsIn = (namespace: string): string => `/api/v1/namespaces/${namespace}/serviceaccounts`;

export const createAccountCall = (namespace: string, name: string, dryRun = true): Call => ({
  method: 'POST',
  path: `${accountsIn(namespace)}${dryRun ? '?dryRun=All' : ''}`,
  body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
});

/** Whether that account is denied on every API server. */
export const denied = async (world: LockWorld, namespace: string, name: string): Promise<boolean> =>
  (await world.askAll(createAccountCall(namespace, name))) === 'offboard-lock-identity';

export const untilDenied = (world: LockWorld, namespace: string, name: string): Promise<true> =>
  waitFor(() => denied(world, namespace, name), { what: `${namespace}/${name} being locked`, interval: 5 });

/** Policies as every API server has them by now: one that was written later is in force there. */
export const policiesSettled = async (world: LockWorld, name: string): Promise<void> => {
  const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], resourceNames: [name], operations: ['CREATE'] };
  const group = 'admissionregistration.k8s.io/v1';
  const objects = [
    { apiVersion: group, kind: 'ValidatingAdmissionPolicy', metadata: { name }, spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'false' }] } },
    { apiVersion: group, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } },
  ];
  await world.cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) });
  const call: Call = { method: 'POST', path: '/api/v1/namespaces/default/configmaps?dryRun=All', body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } } };
  await waitFor(async () => (await world.askAll(call)) === name, { what: `the policy ${name} in force` });
};
