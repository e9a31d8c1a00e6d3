/**
 * The conformance kit, with the Kubernetes revoker on a real API server. There is no controller manager: it would remove
 * the token Secrets of a deleted account before the kit has asked for it.
 */
import { afterAll, beforeAll } from 'vitest';

import { describeRevoker } from '../contract/describe-revoker.ts';
import type { Stage } from '../contract/stage.ts';
import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { createFakeClock } from '../fakes/clock.ts';
import { leakedSecret, withFaults } from '../fakes/kube-faults.ts';
import type { Target } from '../../src/api/v1alpha1/index.ts';
import type { KubeObject, RoleBinding } from '../../src/kube/objects.ts';
import { partSubjects } from '../../src/revokers/kubernetes/bindings.ts';
import { userKeysOf } from '../../src/revokers/kubernetes/credentials.ts';
import { locate } from '../../src/revokers/kubernetes/ids.ts';
import { createKubernetesRevoker, type KubernetesRevoker } from '../../src/revokers/kubernetes/revoker.ts';
import type { Credential } from '../../src/revokers/revoker.ts';
import type { Logger } from '../../src/runtime/logger.ts';
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
const bindAll = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['bind'] };

let cluster: ControlPlane;
let admin: Admin;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
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
  const operator = await createOperator(cluster, admin, [...operatorRules, ...secretRules, bindAll]);
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

  const clock = createFakeClock();
  const { client, breakWith, writes } = withFaults(operator.client);
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
    });
    watching.push(...next.reflectors.map((reflector) => reflector.run(stop.signal)));
    await Promise.all(next.reflectors.map((reflector) => reflector.waitForSync(stop.signal)));
    return next;
  };
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
    advance: (ms) => clock.advance(ms),
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
