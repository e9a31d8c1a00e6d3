/**
 * The conformance kit, with the Kubernetes revoker on a real API server. There is no controller manager: it would remove
 * the token Secrets of a deleted account before the kit has asked for it.
 */
import { afterAll, beforeAll } from 'vitest';

import { describeRevoker } from '../contract/describe-revoker.ts';
import type { Stage } from '../contract/stage.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { createJumpingClock } from '../fakes/clock.ts';
import { leakedSecret, withFaults } from '../fakes/kube-faults.ts';
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { ApiServers } from '../../src/kube/api-servers.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { ConfigMap, KubeObject, RoleBinding } from '../../src/kube/objects.ts';
import { pathTo } from '../../src/kube/path.ts';
import { serviceAccounts } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { partSubjects } from '../../src/revokers/kubernetes/bindings.ts';
import { userKeysOf } from '../../src/revokers/kubernetes/credentials.ts';
import { locate } from '../../src/revokers/kubernetes/ids.ts';
import { holds } from '../../src/revokers/kubernetes/lock-entries.ts';
import { createKubernetesRevoker, type KubernetesRevoker } from '../../src/revokers/kubernetes/revoker.ts';
import type { Credential } from '../../src/revokers/revoker.ts';
import type { Logger } from '../../src/runtime/logger.ts';
import { installOffboard } from './install.ts';
import { lockKey } from './lock-world.ts';
import {
  accountPath,
  accountSubject,
  type Admin,
  bind,
  bindingPath,
  createAccount,
  createAdmin,
  createClusterRole,
  createNamespace,
  createOperator,
  createTokenSecret,
  type Operator,
  operatorRules,
  secretPath,
  secretRules,
  userSubject,
} from './rbac-world.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
const lockPath = `/api/v1/namespaces/${lockKey.namespace}/configmaps/${lockKey.name}`;
const lockRules = [
  { apiGroups: [''], resources: ['configmaps'], resourceNames: [lockKey.name], verbs: ['get', 'list', 'watch', 'patch'] },
  { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['create'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
  { apiGroups: ['admissionregistration.k8s.io'], resources: ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'], verbs: ['list', 'watch'] },
  // This operator is not the one that the policies name.
  { apiGroups: ['offboard.dev'], resources: ['offboardings'], verbs: ['operate'] },
];

/** Its tries pass through what goes wrong, as everything else does. */
const serversThrough = (client: KubeClient): ApiServers => {
  const transport: Transport = {
    request: ({ body, signal }) => client.create(serviceAccounts, lockKey.namespace, body, signal && { signal }),
    stream: () => {
      throw new Error('nothing is watched');
    },
    close: () => Promise.resolve(),
  };
  return { all: () => Promise.resolve([{ name: 'one:6443', transport, withToken: () => transport }]), discovers: true, close: () => Promise.resolve() };
};

/** Whatever it creates is a dry run. */
const creatingNothing = ({ client, transport }: Operator): KubeClient => ({
  ...client,
  create: async (resource, namespace, body, options) => {
    const path = pathTo(resource, { namespace }, { dryRun: 'All' });
    return (await transport.request({ verb: 'create', resource: resource.plural, method: 'POST', path, body, signal: options?.signal })) as never;
  },
});

const bindAll = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['bind'] };

let cluster: ControlPlane;
let admin: Admin;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await installOffboard(cluster);
  admin = createAdmin(cluster);
  await createClusterRole(admin, 'read-configmaps', [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
  ]);
}, 120_000);

afterAll(() => cluster.stop());

const pathOf = (credential: Credential): string | undefined => {
  const located = locate(credential);
  if (located === undefined || !('name' in located)) return undefined;
  const { namespace, name } = located;
  if (located.class === 'RoleBinding' || located.class === 'ClusterRoleBinding') return bindingPath(namespace, name);
  return (located.class === 'TokenSecret' ? secretPath : accountPath)(namespace ?? '', name);
};

/** The same thing once more, as a new object. */
const sketchOf = ({ metadata, ...rest }: KubeObject): object => ({
  ...rest,
  metadata: { name: metadata.name, annotations: metadata.annotations },
});

const open = async (): Promise<Stage> => {
  const operator = await createOperator(cluster, admin, [...operatorRules, ...secretRules, ...lockRules, bindAll]);
  const namespace = await createNamespace(admin);
  const { metadata } = await createAccount(admin, namespace);
  await createAccount(admin, namespace, 'other');
  await createTokenSecret(admin, namespace, 'bot-token', 'bot', false);
  await createTokenSecret(admin, namespace, 'other-token', 'other', false);
  const own = [{ kind: 'ServiceAccount', name: 'bot' }];
  await bind(admin, namespace, 'own', 'read-configmaps', own);
  await bind(admin, namespace, 'shared', 'read-configmaps', [userSubject('bob'), ...own]);
  await bind(admin, namespace, 'of others', 'read-configmaps', [accountSubject(namespace, 'other')]);
  await bind(admin, undefined, `wide-${namespace}`, 'read-configmaps', [
    accountSubject(namespace),
    userSubject('alice'),
  ]);
  const target: Target = {
    serviceAccount: { namespace, name: 'bot', uid: metadata.uid },
    certificates: [{ commonName: 'alice', notAfter: '2027-06-01T00:00:00Z' }],
  };

  const { clock, jump } = createJumpingClock();
  const { client, breakWith, writes } = withFaults(creatingNothing(operator));
  const stop = new AbortController();
  const watching: Promise<unknown>[] = [];
  const held: string[] = [];
  const create = async (): Promise<KubernetesRevoker> => {
    const next = createKubernetesRevoker({
      client,
      clock,
      random: () => 0.5,
      log: silent,
      settleTime: 15_000,
      tokenSecrets: true,
      lock: { namespace: lockKey.namespace, servers: serversThrough(client) },
    });
    const reflectors = [...next.reflectors, ...next.lockReflectors];
    watching.push(...reflectors.map((reflector) => reflector.run(stop.signal)));
    await Promise.all(reflectors.map((reflector) => reflector.waitForSync(stop.signal)));
    return next;
  };
  const locked = async (): Promise<boolean> => holds((await admin.get<ConfigMap>(lockPath))?.data ?? {}, { namespace, name: 'bot' });
  const ownAfterwards = [accountPath(namespace), secretPath(namespace), bindingPath(namespace)];

  return {
    revoker: (await create()).revoker,
    target,
    planted: [
      `serviceaccounts/${namespace}/bot`,
      `tokens of serviceaccounts/${namespace}/bot`,
      `secrets/${namespace}/bot-token`,
      `rolebindings/${namespace}/own`,
      `rolebindings/${namespace}/shared`,
      `clusterrolebindings/wide-${namespace}`,
      'certificate of user alice',
      `access review of system:serviceaccount:${namespace}:bot`,
      'access review of alice',
    ],
    secrets: [leakedSecret],
    restart: async () => (await create()).revoker,
    breakWith,
    writes,
    exists: async (credential) => {
      const found = await admin.get<RoleBinding>(pathOf(credential) ?? '/');
      if (found?.metadata.uid !== credential.uid) return false;
      return found?.subjects === undefined || partSubjects(found, userKeysOf(target)).ours.length > 0;
    },
    foreign: async () => {
      const lists = await Promise.all(
        ownAfterwards.map((path) => admin.get<KubeObject & { readonly items: readonly RoleBinding[] }>(path)),
      );
      return lists
        .flatMap((list) => list?.items ?? [])
        .flatMap((item): readonly object[] => {
          if (item.subjects !== undefined) return partSubjects(item, userKeysOf(target)).others;
          return item.metadata.name.startsWith('other') ? [item] : [];
        });
    },
    hold: async (credential) => {
      const path = pathOf(credential) ?? '/';
      held.push(path);
      await admin.patch(path, { metadata: { finalizers: ['example.com/hold'] } });
    },
    recreate: async (credential) => {
      const path = pathOf(credential) ?? '/';
      const found = await admin.get(path);
      await admin.remove(path);
      if (found) await admin.create(path.slice(0, path.lastIndexOf('/')), sketchOf(found));
    },
    deny: operator.deny,
    // An API server sees what is stored a little later.
    admits: async () => {
      const before = await locked();
      const answer = (): Promise<boolean> => admin.create(`${accountPath(namespace, 'bot')}/token`, { spec: {} }).then(() => true, (error: unknown) => !String(error).includes('offboard-lock-identity'));
      await waitFor(async () => (await answer()) === !before, { what: 'the API server seeing who is locked', interval: 5 }).catch(() => undefined);
      return answer();
    },
    lockable: async () => JSON.stringify((await admin.get<ConfigMap>(lockPath))?.data),
    advance: jump,
    settle: () => Promise.resolve(),
    close: async () => {
      stop.abort(new Error('the stage is over'));
      await Promise.all(watching);
      for (const path of held) if (await admin.get(path)) await admin.patch(path, { metadata: { finalizers: null } });
      await admin.remove(bindingPath(undefined, `wide-${namespace}`));
      await operator.close();
    },
  };
};

describeRevoker('kubernetes, on a real API server', { open });
