/** A cluster in memory, with everything that this revoker can find of one identity, and the same of others beside it. */
import type { Target } from '../../src/api/v1alpha1/index.ts';
import { canaryType, createBoundCanaries } from '../../src/kube/canary.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject, RoleBinding, Subject } from '../../src/kube/objects.ts';
import {
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  pods,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
} from '../../src/kube/resources.ts';
import { keysOf, partSubjects, projectBinding } from '../../src/revokers/kubernetes/bindings.ts';
import { projectAccount, projectTokenSecret } from '../../src/revokers/kubernetes/client.ts';
import { userKeysOf } from '../../src/revokers/kubernetes/credentials.ts';
import { locate } from '../../src/revokers/kubernetes/ids.ts';
import type { CachedCluster } from '../../src/revokers/kubernetes/inventory.ts';
import { assembleRevoker, type RevokerOptions } from '../../src/revokers/kubernetes/revoker.ts';
import type { Credential, Revoker } from '../../src/revokers/revoker.ts';
import type { Transport } from '../../src/kube/transport.ts';
import { createMovingClock } from '../fakes/clock.ts';
import { createFakeApiServers } from '../fakes/api-servers.ts';
import { leakedSecret, withFaults } from '../fakes/kube-faults.ts';
import { createFakeKube, type FakeKube } from '../fakes/kube.ts';
import type { Harness, Stage } from './stage.ts';

const rbac = 'rbac.authorization.k8s.io';
export const account = { namespace: 'ci', name: 'bot' };
export const accountSubject: Subject = { kind: 'ServiceAccount', ...account };
export const otherSubject: Subject = { kind: 'ServiceAccount', name: 'other', namespace: 'ci' };
export const user = (name: string): Subject => ({ kind: 'User', apiGroup: rbac, name });
export const group = (name: string): Subject => ({ kind: 'Group', apiGroup: rbac, name });
export const clusterRole = (name: string): RoleBinding['roleRef'] => ({ apiGroup: rbac, kind: 'ClusterRole', name });
export const role = (name: string): RoleBinding['roleRef'] => ({ apiGroup: rbac, kind: 'Role', name });

/** Fills a fake cluster; what it says of the target is what an inventory must list. */
export const plant = (kube: Pick<FakeKube, 'put'>): Target => {
  const { metadata } = kube.put(serviceAccounts, { metadata: account });
  kube.put(serviceAccounts, { metadata: { namespace: 'ci', name: 'other' } });
  for (const owner of ['bot', 'other']) {
    kube.put(secrets, {
      type: 'kubernetes.io/service-account-token',
      data: { token: leakedSecret },
      metadata: {
        namespace: 'ci',
        name: `${owner}-token`,
        annotations: { 'kubernetes.io/service-account.name': owner },
      },
    });
  }
  kube.put(clusterRoles, {
    rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }],
    metadata: { name: 'view' },
  });
  kube.put(roles, {
    rules: [{ verbs: ['update'], apiGroups: [''], resources: ['configmaps'] }],
    metadata: { namespace: 'ops', name: 'edit' },
  });
  const bind = (
    name: string,
    namespace: string | undefined,
    roleRef: RoleBinding['roleRef'],
    subjects: readonly Subject[],
  ): void => {
    kube.put(namespace === undefined ? clusterRoleBindings : roleBindings, {
      roleRef,
      subjects,
      metadata: { name, ...(namespace !== undefined && { namespace }) },
    });
  };
  bind('own', 'ci', clusterRole('view'), [{ kind: 'ServiceAccount', name: 'bot' }]);
  bind('as user', 'ops', role('edit'), [user('system:serviceaccount:ci:bot')]);
  bind('shared', 'ops', clusterRole('view'), [otherSubject, accountSubject, user('bob')]);
  bind('everywhere', undefined, clusterRole('view'), [accountSubject, user('alice')]);
  bind('of others', 'ci', clusterRole('view'), [otherSubject]);
  bind('same name elsewhere', 'ops', clusterRole('view'), [{ kind: 'ServiceAccount', name: 'bot' }]);
  bind('inherited', undefined, clusterRole('view'), [group('system:serviceaccounts')]);
  kube.put(pods, {
    spec: { serviceAccountName: 'bot' },
    status: { phase: 'Running' },
    metadata: { namespace: 'ci', name: 'runner' },
  });
  return {
    serviceAccount: { ...account, uid: metadata.uid },
    certificates: [{ commonName: 'alice', notAfter: '2027-01-01T00:00:00Z' }],
  };
};

export const planted: readonly string[] = [
  'serviceaccounts/ci/bot',
  'tokens of serviceaccounts/ci/bot',
  'secrets/ci/bot-token',
  'rolebindings/ci/own',
  'rolebindings/ops/as user',
  'rolebindings/ops/shared',
  'clusterrolebindings/everywhere',
  'certificate of user alice',
  'access review of system:serviceaccount:ci:bot',
  'access review of alice',
];

/** What watches would know, read at every look. */
export const cachedOf = (kube: FakeKube, tokenSecrets: boolean): CachedCluster => {
  const intern = (text: string): string => text;
  const bindings = () => [
    ...kube.all(roleBindings).map((raw) => projectBinding('RoleBinding', raw as RoleBinding, intern)),
    ...kube.all(clusterRoleBindings).map((raw) => projectBinding('ClusterRoleBinding', raw as RoleBinding, intern)),
  ];
  return {
    unsynced: () => [],
    sawDeleted: () => false,
    size: () => 0,
    catchUp: () => Promise.reject(new Error('nothing is watched')),
    binding: ({ kind, ...key }) => {
      const raw = kube.find(kind === 'RoleBinding' ? roleBindings : clusterRoleBindings, key);
      return raw && projectBinding(kind, raw as RoleBinding, intern);
    },
    account: (name) => {
      const found = kube.find(serviceAccounts, name);
      return found && projectAccount(found);
    },
    view: {
      bindingsOf: (key) => bindings().filter((binding) => keysOf(binding).includes(key)),
      tokenSecretsOf: tokenSecrets
        ? ({ namespace, name }) =>
            kube
              .all(secrets)
              .flatMap((raw) => projectTokenSecret(raw) ?? [])
              .filter((one) => one.namespace === namespace && one.account === name)
        : undefined,
    },
  };
};

const operatorNamespace = 'offboard-system';
const lockKey = { namespace: operatorNamespace, name: 'offboard-lock' };

/** Somebody is locked already, and so is an account beside the operator's own. */
export const plantLock = (kube: FakeKube): void => {
  kube.put(configMaps, { metadata: lockKey, data: { ci: '\nother\n', [operatorNamespace]: '\nold\n' } });
};

/** Two API servers that see every write at once, with policies that nobody touches. */
export const lockThrough = (client: KubeClient): NonNullable<RevokerOptions['lock']> => {
  const transport: Transport = {
    request: ({ body, signal }) => client.create(serviceAccounts, operatorNamespace, body, signal && { signal }),
    stream: () => {
      throw new Error('nothing is watched');
    },
    close: () => Promise.resolve(),
  };
  const servers = ['one:6443', 'two:6443'].map((name) => ({ name, transport, withToken: () => transport }));
  return {
    namespace: operatorNamespace,
    servers: { all: () => Promise.resolve(servers), discovers: true, close: () => Promise.resolve() },
    watches: { reflectors: [], wrong: () => undefined, blind: () => undefined, onChange: () => undefined },
  };
};

const isOurs = (raw: KubeObject, target: Target): boolean =>
  'subjects' in raw && partSubjects(raw as RoleBinding, userKeysOf(target)).ours.length > 0;

export const kubernetesHarness: Harness = {
  open: () => {
    const kube = createFakeKube();
    const target: Target = { ...plant(kube), probe: true };
    const { clock, move, stop } = createMovingClock();
    plantLock(kube);
    const { client, breakWith, writes } = withFaults(kube.client);
    const { apiServers, transport } = createFakeApiServers(kube, clock);
    const create = (): Revoker => {
      const probes = { apiServers, canaries: createBoundCanaries({ client, transport, clock }) };
      return assembleRevoker({ client, clock, settleTime: 15_000, tokenSecrets: true, cached: cachedOf(kube, true), lock: lockThrough(client), probes });
    };
    const find = (credential: Credential) => {
      const located = locate(credential);
      if (located === undefined || !('name' in located)) return undefined;
      const resource = {
        ServiceAccount: serviceAccounts,
        BoundTokens: serviceAccounts,
        TokenSecret: secrets,
        RoleBinding: roleBindings,
        ClusterRoleBinding: clusterRoleBindings,
      }[located.class];
      const found = kube.find(resource, located);
      return found && { resource, found };
    };
    const stage: Stage = {
      revoker: create(),
      target,
      planted,
      secrets: [leakedSecret],
      restart: () => Promise.resolve(create()),
      breakWith,
      writes,
      leftBehind: () => Promise.resolve(kube.all(secrets).filter((raw) => 'type' in raw && raw.type === canaryType)),
      exists: (credential) => {
        const there = find(credential)?.found;
        const grants =
          there !== undefined &&
          there.metadata.uid === credential.uid &&
          (!('subjects' in there) || isOurs(there, target));
        return Promise.resolve(grants);
      },
      foreign: () =>
        Promise.resolve([
          ...kube.all(serviceAccounts).filter(({ metadata }) => metadata.name !== 'bot'),
          ...kube.all(secrets).filter(({ metadata }) => metadata.name !== 'bot-token'),
          ...[...kube.all(roleBindings), ...kube.all(clusterRoleBindings)].flatMap(
            (raw) => partSubjects(raw as RoleBinding, userKeysOf(target)).others,
          ),
        ]),
      hold: (credential) => {
        const there = find(credential);
        if (there)
          kube.put(there.resource, {
            ...there.found,
            metadata: { ...there.found.metadata, finalizers: ['example.com/hold'] },
          });
        return Promise.resolve();
      },
      recreate: (credential) => {
        const there = find(credential);
        const { uid: _, ...metadata } = there?.found.metadata ?? { name: '', uid: '' };
        if (there) kube.put(there.resource, { ...there.found, metadata });
        return Promise.resolve();
      },
      deny: () => {
        kube.allow(() => false);
      },
      admits: () =>
        kube.client.create(serviceAccounts, account.namespace, { metadata: { name: account.name } }).then(
          () => true,
          () => false,
        ),
      lockable: () => {
        const found = kube.find(configMaps, lockKey);
        return Promise.resolve(JSON.stringify(found && { ...found, metadata: { ...found.metadata, resourceVersion: '' } }));
      },
      advance: move,
      settle: () => Promise.resolve(),
      close: () => {
        stop();
        return Promise.resolve();
      },
    };
    return Promise.resolve(stage);
  },
};
