/** The Kubernetes revoker against a real API server. That access is gone is always told by trying the credential. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { requireTools } from '../env/tools/locate.ts';
import { issueCertificate } from '../env/x509.ts';
import type { Finding, Target } from '../../src/api/v1alpha1/index.ts';
import type { PolicyRule, RoleBinding } from '../../src/kube/objects.ts';
import type { CachedCluster } from '../../src/revokers/kubernetes/inventory.ts';
import { assembleRevoker } from '../../src/revokers/kubernetes/revoker.ts';
import type { Credential, Inventory, Observation, Revoker } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
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
  groupSubject,
  type Operator,
  operatorRules,
  requestToken,
  secretPath,
  secretRules,
  userSubject,
} from './rbac-world.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
/** No watches here: these tests ask for the fresh truth. */
const noCache: CachedCluster = {
  unsynced: () => ['nothing is watched'],
  account: () => undefined,
  binding: () => undefined,
  sawDeleted: () => false,
  size: () => 0,
  catchUp: () => Promise.reject(new Error('nothing is watched')),
  view: { bindingsOf: () => [], tokenSecretsOf: undefined },
};

let cluster: ControlPlane;
let admin: Admin;
const operators: Operator[] = [];

beforeAll(async () => {
  cluster = await startControlPlane();
  admin = createAdmin(cluster);
  await createClusterRole(admin, 'read-configmaps', [
    { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] },
  ]);
}, 120_000);

afterAll(async () => {
  await Promise.all(operators.map((operator) => operator.close()));
  await cluster.stop();
});

const configMaps = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`;
const withToken = async (token: string, namespace: string): Promise<number> =>
  (await cluster.request(configMaps(namespace), { token })).status;

interface Scene {
  readonly revoker: Revoker;
  readonly operator: Operator;
  readonly target: Target;
  readonly namespace: string;
  readonly inventory: () => Promise<Inventory>;
  readonly find: (id: string) => Promise<Credential>;
  readonly observe: (credential: Credential) => Promise<Observation>;
  readonly revoke: (id: string) => Promise<unknown>;
  /** Revokes all that can be, and waits until each is seen to be absent. */
  readonly endAll: () => Promise<void>;
}

const setTheScene = async (
  options: {
    readonly tokenSecrets?: boolean;
    readonly more?: readonly PolicyRule[];
    readonly certificates?: Target['certificates'];
    readonly finalizers?: readonly string[];
  } = {},
): Promise<Scene> => {
  const { tokenSecrets = false, more = [] } = options;
  const operator = await createOperator(cluster, admin, [
    ...operatorRules,
    ...(tokenSecrets ? secretRules : []),
    ...more,
  ]);
  operators.push(operator);
  const namespace = await createNamespace(admin);
  const { metadata } = await createAccount(admin, namespace, 'bot', options.finalizers);
  const target: Target = {
    serviceAccount: { namespace, name: 'bot', uid: metadata.uid },
    ...(options.certificates && { certificates: options.certificates }),
  };
  const revoker = assembleRevoker({
    client: operator.client,
    clock: systemClock,
    settleTime: 15_000,
    tokenSecrets,
    cached: noCache,
  });
  const inventory = (): Promise<Inventory> => revoker.inventory(target, 'Fresh', never);
  const observe = (credential: Credential): Promise<Observation> => revoker.observe(credential, target, never);
  const find = async (id: string): Promise<Credential> => {
    const { credentials } = await inventory();
    const found = credentials.find((credential) => credential.id === id);
    if (found === undefined)
      throw new Error(`${id} is not among ${credentials.map((credential) => credential.id).join(', ')}`);
    return found;
  };
  return {
    revoker,
    operator,
    target,
    namespace,
    inventory,
    observe,
    find,
    revoke: async (id) => revoker.revoke(await find(id), target, never),
    endAll: async () => {
      const { credentials } = await inventory();
      const revocable = credentials.filter(({ end }) => end.by === 'Revoke');
      expect(await revoker.preflight(target, credentials, never)).toEqual([]);
      for (const credential of revocable) await revoker.revoke(credential, target, never);
      for (const credential of credentials.filter(({ end }) => end.by !== 'Expiry')) {
        await waitFor(async () => (await observe(credential)).state === 'Absent', {
          what: `${credential.id} is absent`,
        });
      }
    },
  };
};

describe('every credential of an account', () => {
  it('works before, is listed, and is refused after', async () => {
    const scene = await setTheScene({ tokenSecrets: true });
    const { namespace, operator } = scene;
    const elsewhere = await createNamespace(admin);
    await bind(admin, namespace, 'without-namespace', 'read-configmaps', [{ kind: 'ServiceAccount', name: 'bot' }]);
    await bind(admin, elsewhere, 'user-form', 'read-configmaps', [
      userSubject(`system:serviceaccount:${namespace}:bot`),
    ]);
    await bind(admin, undefined, `everywhere-${namespace}`, 'read-configmaps', [accountSubject(namespace)]);
    const requested = await requestToken(admin, namespace);
    const legacy = await createTokenSecret(admin, namespace, 'bot-token');
    await waitFor(async () => (await withToken(requested, elsewhere)) === 200, { what: 'the requested token works' });
    expect(await withToken(legacy, elsewhere)).toBe(200);

    const { credentials, findings } = await scene.inventory();
    expect(credentials.map(({ id, end, seen }) => `${id} ${end.by} ${seen ? 'seen' : 'known'}`).sort()).toEqual(
      [
        `access review of system:serviceaccount:${namespace}:bot Others known`,
        `clusterrolebindings/everywhere-${namespace} Revoke seen`,
        `rolebindings/${elsewhere}/user-form Revoke seen`,
        `rolebindings/${namespace}/without-namespace Revoke seen`,
        `secrets/${namespace}/bot-token Revoke seen`,
        `serviceaccounts/${namespace}/bot Revoke seen`,
        `tokens of serviceaccounts/${namespace}/bot Others seen`,
      ].sort(),
    );
    expect(findings.map(({ type }) => type)).toContain('NotProvable');
    for (const credential of credentials)
      expect(await scene.observe(credential), credential.id).toMatchObject({ state: 'Present' });

    await scene.endAll();

    // Both were used a moment ago, so each API server may know them for ten seconds more.
    for (const token of [requested, legacy]) {
      await waitFor(async () => (await withToken(token, elsewhere)) === 401, {
        timeout: 15_000,
        what: 'the token is refused',
      });
    }
    for (const where of [namespace, elsewhere]) {
      const kubeconfig = cluster.kubeconfigFor({ as: `system:serviceaccount:${namespace}:bot` });
      await expect(cluster.kubectl(['get', 'configmaps', '-n', where], { kubeconfig })).rejects.toThrow('Forbidden');
    }
    expect(await admin.get(secretPath(namespace, 'bot-token'))).toBeUndefined();
    for (const part of [legacy, Buffer.from(legacy).toString('base64')])
      expect(operator.heard().includes(part), 'no byte of a token was read').toBe(false);
    expect(operator.heard()).toContain('bot-token');
  });

  it('is refused all the same where the operator may not read Secrets', async () => {
    const scene = await setTheScene();
    const { namespace } = scene;
    await bind(admin, namespace, 'reader', 'read-configmaps', [accountSubject(namespace)]);
    const legacy = await createTokenSecret(admin, namespace, 'bot-token');
    await waitFor(async () => (await withToken(legacy, namespace)) === 200, { what: 'the legacy token works' });
    const { credentials, findings } = await scene.inventory();
    expect(credentials.some(({ class: kind }) => kind === 'TokenSecret')).toBe(false);
    expect(findings.some(({ type }) => type === 'NotEnumerated')).toBe(true);
    await scene.endAll();
    await waitFor(async () => (await withToken(legacy, namespace)) === 401, {
      timeout: 15_000,
      what: 'the legacy token is refused',
    });
    expect(scene.operator.heard()).not.toContain('bot-token');
  });

  it('may come back under the same name, and then is left alone', async () => {
    const scene = await setTheScene();
    const { namespace, target, revoker } = scene;
    const old = await scene.find(`serviceaccounts/${namespace}/bot`);
    await admin.remove(accountPath(namespace, 'bot'));
    const { metadata: next } = await createAccount(admin, namespace);
    const { credentials } = await scene.inventory();
    expect(
      credentials.find(({ uid, class: kind }) => kind === 'ServiceAccount' && uid === next.uid)?.end,
    ).toMatchObject({ by: 'Person', reason: 'IdentityRecreated' });
    expect(await scene.observe(old)).toMatchObject({ state: 'Absent' });
    expect(await revoker.revoke(old, target, never)).toBe('NothingThere');
    expect((await admin.get(accountPath(namespace, 'bot')))?.metadata.uid).toBe(next.uid);
  });
});

describe('an account that a finalizer holds', () => {
  it('is Present for as long as it is held, and can mint tokens meanwhile', async () => {
    const scene = await setTheScene({ finalizers: ['example.com/hold'] });
    const { namespace } = scene;
    const [account, tokens] = [
      await scene.find(`serviceaccounts/${namespace}/bot`),
      await scene.find(`tokens of serviceaccounts/${namespace}/bot`),
    ];
    expect(await scene.revoke(account.id)).toBe('Accepted');
    expect(await scene.observe(account)).toMatchObject({ state: 'Present', reason: 'HeldByFinalizer' });
    expect(await scene.observe(tokens)).toMatchObject({ state: 'Present', method: 'via-serviceaccount' });
    await bind(admin, namespace, 'reader', 'read-configmaps', [accountSubject(namespace)]);
    const minted = await requestToken(admin, namespace);
    await waitFor(async () => (await withToken(minted, namespace)) === 200, { what: 'a token minted meanwhile works' });
    await admin.patch(accountPath(namespace, 'bot'), { metadata: { finalizers: null } });
    expect(await scene.observe(account)).toMatchObject({ state: 'Absent' });
    expect(await scene.observe(tokens)).toMatchObject({ state: 'Absent' });
  });
});

describe('a binding that others share', () => {
  const subjectsOf = async (namespace: string, name: string): Promise<RoleBinding['subjects']> =>
    (await admin.get<RoleBinding>(bindingPath(namespace, name)))?.subjects;
  const others = [userSubject('bob'), groupSubject('devs')];

  it('loses just the subject, where the operator may bind that role', async () => {
    const scene = await setTheScene({
      more: [
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
          resourceNames: ['read-configmaps'],
          verbs: ['bind'],
        },
      ],
    });
    const { namespace } = scene;
    const [bob, devs] = others;
    if (bob === undefined || devs === undefined) throw new Error('two are needed');
    await bind(admin, namespace, 'shared', 'read-configmaps', [
      bob,
      accountSubject(namespace),
      devs,
      { kind: 'ServiceAccount', name: 'bot' },
    ]);
    const credential = await scene.find(`rolebindings/${namespace}/shared`);
    expect(await scene.revoke(credential.id)).toBe('Accepted');
    expect(await subjectsOf(namespace, 'shared')).toEqual(others);
    expect(await scene.observe(credential)).toMatchObject({ state: 'Absent' });
    expect((await scene.inventory()).credentials.some(({ id }) => id === credential.id)).toBe(false);
  });

  it.each(['shared', '--force', "it's $(touch never) `id`", 'line\nbreak\u001b[31m'])(
    'is left to a person otherwise, with a command that works: %j',
    async (name) => {
      const scene = await setTheScene();
      const { namespace } = scene;
      await bind(admin, namespace, name, 'read-configmaps', [
        ...others,
        accountSubject(namespace),
        { kind: 'ServiceAccount', name: 'bot' },
      ]);
      const credential = await scene.find(`rolebindings/${namespace}/${name}`);
      expect(credential.end).toMatchObject({ by: 'Person', reason: 'SharedBinding' });
      const message = credential.end.by === 'Person' ? credential.end.message : '';
      expect(message).toContain(
        `bind clusterroles.rbac.authorization.k8s.io "read-configmaps" in namespace "${namespace}"`,
      );
      await expect(
        scene.revoker.revoke({ ...credential, end: { by: 'Revoke' } }, scene.target, never),
      ).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'SharedBinding' });
      expect(await scene.observe(credential)).toMatchObject({ state: 'Present' });

      const command = message.slice(message.indexOf('run: ') + 'run: '.length);
      const environment = {
        ...process.env,
        PATH: `${await requireTools()}:${process.env['PATH'] ?? ''}`,
        KUBECONFIG: cluster.kubeconfig,
      };
      await run('bash', ['-c', command], { env: environment });
      expect(await subjectsOf(namespace, name)).toEqual(others);
      expect(await scene.observe(credential)).toMatchObject({ state: 'Absent' });
      await expect(
        run('bash', ['-c', command], { env: environment }),
        'a second time it finds nothing to remove',
      ).rejects.toThrow();
      expect(await subjectsOf(namespace, name)).toEqual(others);
    },
  );

  it('and whose role is gone is left to a person, or changed where the operator may bind even so', async () => {
    const scene = await setTheScene();
    const { namespace } = scene;
    await bind(admin, namespace, 'dangling', 'no-such-role', [...others, accountSubject(namespace)]);
    const credential = await scene.find(`rolebindings/${namespace}/dangling`);
    expect(credential.end).toMatchObject({ by: 'Person', reason: 'DanglingRoleRef' });
    await expect(
      scene.revoker.revoke({ ...credential, end: { by: 'Revoke' } }, scene.target, never),
    ).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'DanglingRoleRef' });
    expect(await scene.observe(credential), 'a 404 to the patch is no absence').toMatchObject({ state: 'Present' });

    const binder = await setTheScene({
      more: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['bind'] }],
    });
    await bind(admin, binder.namespace, 'dangling', 'no-such-role', [...others, accountSubject(binder.namespace)]);
    expect(await binder.revoke(`rolebindings/${binder.namespace}/dangling`)).toBe('Accepted');
    expect(await subjectsOf(binder.namespace, 'dangling')).toEqual(others);
  });
});

describe('a client certificate', () => {
  it('outlives its bindings until it expires, and can do nothing of its own', async () => {
    const notAfter = new Date(Date.now() + 3_600_000);
    notAfter.setMilliseconds(0);
    const scene = await setTheScene({
      certificates: [{ commonName: 'bot-certificate', notAfter: notAfter.toISOString() }],
    });
    const { namespace } = scene;
    const { certificate, key } = issueCertificate(cluster.authority, { commonName: 'bot-certificate' }, { notAfter });
    const withCertificate = async (path: string): Promise<number> =>
      (await cluster.request(path, { certificate, key })).status;
    await bind(admin, namespace, 'reader', 'read-configmaps', [
      userSubject('bot-certificate'),
      accountSubject(namespace),
    ]);
    await waitFor(async () => (await withCertificate(configMaps(namespace))) === 200, {
      what: 'the certificate works',
    });
    expect(await scene.observe(await scene.find('access review of bot-certificate'))).toMatchObject({
      state: 'Present',
    });

    await scene.endAll();
    expect(await withCertificate(configMaps(namespace))).toBe(403);
    expect(await withCertificate('/api'), 'the certificate itself is still good').toBe(200);
    const credential = await scene.find('certificate of user bot-certificate');
    expect(credential.end).toEqual({ by: 'Expiry', at: notAfter });
    expect(await scene.observe(credential)).toMatchObject({ state: 'Present', method: 'declared-not-after' });
  });
});

describe('what comes through a group', () => {
  it('is told as inherited, and does not stand in the way', async () => {
    const scene = await setTheScene();
    const { namespace } = scene;
    await bind(admin, namespace, 'everybody', 'read-configmaps', [groupSubject(`system:serviceaccounts:${namespace}`)]);
    await bind(admin, namespace, 'own', 'read-configmaps', [accountSubject(namespace)]);
    const access = await scene.find(`access review of system:serviceaccount:${namespace}:bot`);
    expect(access.grants).toEqual([`ClusterRole/read-configmaps in ${namespace}`]);
    const before = await scene.observe(access);
    expect(before).toMatchObject({ state: 'Present' });
    expect(before.message).toContain(`RoleBinding "own/${namespace}"`);
    const { findings } = await scene.inventory();
    expect(findings.filter(({ type }) => type === 'Inherited').map(({ object }) => object)).toContain(
      `rolebindings/${namespace}/everybody`,
    );

    await scene.endAll();
    expect(await scene.observe(access)).toEqual({ state: 'Absent', method: 'create/subjectaccessreviews (a sample)' });
    expect(await admin.get(bindingPath(namespace, 'everybody'))).toBeDefined();
  });
});

describe('what runs as the account', () => {
  it('is named, also when it is at rest', async () => {
    const scene = await setTheScene();
    const { namespace } = scene;
    const spec = {
      serviceAccountName: 'bot',
      containers: [{ name: 'c', image: 'example.com/none' }],
      restartPolicy: 'Never',
    };
    const labels = { app: 'x' };
    await admin.create(`/api/v1/namespaces/${namespace}/pods`, { metadata: { name: 'runner' }, spec });
    await admin.create(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      metadata: { name: 'idle' },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { ...spec, restartPolicy: 'Always' } },
      },
    });
    await admin.create(`/apis/batch/v1/namespaces/${namespace}/cronjobs`, {
      metadata: { name: 'nightly' },
      spec: { schedule: '0 0 * * *', suspend: true, jobTemplate: { spec: { template: { spec } } } },
    });
    const used = (): Promise<readonly Finding[]> => scene.revoker.usage(scene.target, never);
    await waitFor(async () => (await used()).some(({ object }) => object === `Deployment ${namespace}/idle`), {
      what: 'the Deployment is listed',
    });
    expect(
      (await used()).map(({ type, object, message }) => `${type} ${object ?? ''}: ${message}`),
    ).toEqual([
      `InUse CronJob ${namespace}/nightly: its pod template names the identity (suspended: it would start pods as it again)`,
      `InUse Deployment ${namespace}/idle: its pod template names the identity (scaled to 0: it would start pods as it again)`,
      `InUse Pod ${namespace}/runner: runs as the identity (Pending)`,
    ]);
  });
});

describe('an operator that may not', () => {
  it('is told exactly what it lacks', async () => {
    const scene = await setTheScene();
    const { namespace } = scene;
    await bind(admin, namespace, 'own', 'read-configmaps', [accountSubject(namespace)]);
    const { credentials } = await scene.inventory();
    const lookingOnly = operatorRules
      .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== 'delete' && verb !== 'create') }))
      .filter(({ verbs }) => verbs.length > 0);
    const lesser = await createOperator(cluster, admin, lookingOnly);
    operators.push(lesser);
    const revoker = assembleRevoker({
      client: lesser.client,
      clock: systemClock,
      settleTime: 15_000,
      tokenSecrets: false,
      cached: noCache,
    });
    const missing = await revoker.preflight(scene.target, credentials, never);
    expect(missing.map(({ permission }) => permission).sort()).toEqual([
      'create subjectaccessreviews.authorization.k8s.io',
      `delete rolebindings.rbac.authorization.k8s.io in namespace "${namespace}"`,
      `delete serviceaccounts "bot" in namespace "${namespace}"`,
    ]);
    const own = credentials.find(({ id }) => id === `rolebindings/${namespace}/own`);
    if (own)
      await expect(revoker.revoke(own, scene.target, never)).rejects.toMatchObject({
        kind: 'NeedsPerson',
        reason: 'PermissionMissing',
      });
    const access = credentials.find(({ class: kind }) => kind === 'Access');
    if (access) expect(await revoker.observe(access, scene.target, never)).toMatchObject({ state: 'Unknown' });
  });
});
