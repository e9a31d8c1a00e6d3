/** What the lock denies, and what it lets pass, on each of two API servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startControlPlane, waitFor } from '../env/control-plane.ts';
import { accountsIn, type Call, createAccountCall, denied, type LockWorld, openLockWorld, untilDenied } from './lock-world.ts';

const rbac = 'rbac.authorization.k8s.io';
const dry = '?dryRun=All';
const merge = 'application/merge-patch+json';
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';
const owner = (name: string): object => ({ 'kubernetes.io/service-account.name': name });
const bytes = (text: string): string => Buffer.from(text).toString('base64');

const account = (namespace: string, metadata: object): Call => ({ method: 'POST', path: `${accountsIn(namespace)}${dry}`, body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata } });
const token = (namespace: string, name: string, query = ''): Call => ({
  method: 'POST', path: `${accountsIn(namespace)}/${name}/token${query}`, body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
});
const pod = (namespace: string, spec: object): Call => ({
  method: 'POST', path: `/api/v1/namespaces/${namespace}/pods${dry}`,
  body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } },
});
const secretsIn = (namespace: string): string => `/api/v1/namespaces/${namespace}/secrets`;
const secret = (namespace: string, name: string, type: string, metadata: object = {}, data: object = {}): Call => ({
  method: 'POST', path: `${secretsIn(namespace)}${dry}`, body: { apiVersion: 'v1', kind: 'Secret', type, metadata: { name, ...metadata }, data },
});
const tokenType = 'kubernetes.io/service-account-token';
const patch = (path: string, body: object): Call => ({ method: 'PATCH', path: `${path}${dry}`, body, type: merge });

const sa = (name: string, namespace?: string): object => ({ kind: 'ServiceAccount', name, ...(namespace !== undefined && { namespace }) });
const user = (name: string): object => ({ kind: 'User', apiGroup: rbac, name });
const bindingsIn = (namespace: string | undefined): string => `/apis/${rbac}/v1/${namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`}`;
const binding = (namespace: string | undefined, name: string, subjects: readonly object[]): object => ({
  apiVersion: `${rbac}/v1`, kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding', metadata: { name }, roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' }, subjects,
});
const bind = (namespace: string | undefined, ...subjects: readonly object[]): Call => ({ method: 'POST', path: `${bindingsIn(namespace)}${dry}`, body: binding(namespace, 'new', subjects) });

let world: LockWorld;

beforeAll(async () => {
  world = await openLockWorld(await startControlPlane({ replicas: 2, controllerManager: false }));
  const made: readonly Call[] = [
    ...['ci', 'builds', 'other'].map((name): Call => ({ method: 'POST', path: '/api/v1/namespaces', body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } })),
    ...[['ci', 'bot'], ['ci', 'free'], ['ci', 'default'], ['builds', 'default'], ['other', 'bot']].map(([namespace = '', name = '']) => createAccountCall(namespace, name, false)),
    ...[
      secret('ci', 'own', tokenType, { annotations: owner('bot') }, { token: bytes('t') }),
      secret('ci', 'empty', tokenType, { annotations: owner('bot') }),
      secret('ci', 'given-up', tokenType, { annotations: owner('bot'), labels: { [invalidSince]: '2026-11-23' } }, { token: bytes('t') }),
      secret('ci', 'foreign', tokenType, { annotations: owner('free') }, { token: bytes('t') }),
    ].map((call) => ({ ...call, path: call.path.replace(dry, '') })),
    { method: 'POST', path: bindingsIn('ci'), body: binding('ci', 'shared', [sa('bot'), sa('free', 'ci'), user('jane')]) },
    { method: 'POST', path: bindingsIn('ci'), body: binding('ci', 'foreign', [sa('free', 'ci')]) },
    { method: 'POST', path: bindingsIn(undefined), body: binding(undefined, 'wide', [sa('bot', 'ci'), user('jane')]) },
  ];
  for (const call of made) expect([call.path, await world.ask(call)]).toEqual([call.path, 'allowed']);
  // What is locked in kube-system, nobody could lock: it is never matched.
  await world.write({ ci: '\nbot\nghost\n', builds: '\ndefault\n', 'kube-system': '\nbot\n' });
  await untilDenied(world, 'ci', 'bot');
}, 180_000);

afterAll(() => world.stop());

describe('the lock denies on every API server', () => {
  it.each<readonly [string, string, () => Call]>([
    ['the ServiceAccount made again', 'identity', () => account('ci', { name: 'bot' })],
    ['the ServiceAccount applied', 'identity', () => ({ method: 'PATCH', path: `${accountsIn('ci')}/ghost${dry}&fieldManager=x`, type: 'application/apply-patch+yaml', body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'ghost', namespace: 'ci' } } })],
    ['a token of it', 'identity', () => token('ci', 'bot')],
    ['a token of it as a dry run, which would be a real one', 'identity', () => token('ci', 'bot', dry)],
    ['a pod that runs as it', 'pods', () => pod('ci', { serviceAccountName: 'bot' })],
    ['a pod that names it in the old field', 'pods', () => pod('ci', { serviceAccount: 'bot' })],
    ['a pod that names nobody, where the default account is locked', 'pods', () => pod('builds', {})],
    ['a Secret for a token of it', 'secrets', () => secret('ci', 'new', tokenType, { annotations: owner('bot') })],
    ['a Secret with a token of it', 'secrets', () => secret('ci', 'new', tokenType, { annotations: owner('bot') }, { token: bytes('t') })],
    ['a token put into its empty Secret', 'secrets', () => patch(`${secretsIn('ci')}/empty`, { data: { token: bytes('t') } })],
    ['another token put into its Secret', 'secrets', () => patch(`${secretsIn('ci')}/own`, { data: { token: bytes('u') } })],
    ['the Secret of another made its own', 'secrets', () => patch(`${secretsIn('ci')}/foreign`, { metadata: { annotations: owner('bot') } })],
    ['its token taken back, by the label removed', 'secrets', () => patch(`${secretsIn('ci')}/given-up`, { metadata: { labels: { [invalidSince]: null } } })],
    ['its token taken back, by the label emptied', 'secrets', () => patch(`${secretsIn('ci')}/given-up`, { metadata: { labels: { [invalidSince]: '' } } })],
    ['a RoleBinding for it', 'bindings', () => bind('ci', sa('bot', 'ci'))],
    ['a RoleBinding for it that leaves the namespace out', 'bindings', () => bind('ci', sa('bot'))],
    ['a RoleBinding for it as a user', 'bindings', () => bind('ci', user('system:serviceaccount:ci:bot'))],
    ['a RoleBinding elsewhere', 'bindings', () => bind('other', user('jane'), sa('bot', 'ci'))],
    ['a ClusterRoleBinding for it', 'bindings', () => bind(undefined, sa('bot', 'ci'))],
    ['a ClusterRoleBinding for it as a user', 'bindings', () => bind(undefined, user('system:serviceaccount:ci:bot'))],
    ['a RoleBinding that gains it', 'bindings', () => patch(`${bindingsIn('ci')}/foreign`, { subjects: [sa('free', 'ci'), sa('bot', 'ci')] })],
    ['a RoleBinding that gains it in another form', 'bindings', () => patch(`${bindingsIn('ci')}/shared`, { subjects: [sa('bot'), sa('bot', 'ci')] })],
    ['a ClusterRoleBinding that gains it in another form', 'bindings', () => patch(`${bindingsIn(undefined)}/wide`, { subjects: [sa('bot', 'ci'), user('system:serviceaccount:ci:bot')] })],
  ])('%s', async (_, policy, call) => {
    expect(await world.askAll(call())).toBe(`offboard-lock-${policy}`);
  });
});

describe('the lock lets pass', () => {
  it.each<readonly [string, () => Call]>([
    ['another ServiceAccount', () => account('ci', { name: 'new' })],
    ['one whose name begins like it', () => account('ci', { name: 'bot-2' })],
    ['one whose name ends like it', () => account('ci', { name: 'my.bot' })],
    ['one whose name is yet to be made', () => account('ci', { generateName: 'bot' })],
    ['one of its name elsewhere', () => account('default', { name: 'bot' })],
    ['a change of the ServiceAccount', () => patch(`${accountsIn('ci')}/bot`, { metadata: { labels: { a: 'b' } } })],
    ['the end of the ServiceAccount', () => ({ method: 'DELETE', path: `${accountsIn('ci')}/bot${dry}` })],
    ['a token of another', () => token('ci', 'free')],
    ['a token of one of its name elsewhere', () => token('other', 'bot')],
    ['a pod as another', () => pod('ci', { serviceAccountName: 'free' })],
    ['a pod as nobody', () => pod('ci', {})],
    ['a Secret of another type', () => secret('ci', 'bot', 'Opaque', { annotations: owner('bot') }, { token: bytes('t') })],
    ['a Secret for a token of another', () => secret('ci', 'new', tokenType, { annotations: owner('free') })],
    ['a label on its Secret', () => patch(`${secretsIn('ci')}/own`, { metadata: { labels: { a: 'b' } } })],
    ['its token given up', () => patch(`${secretsIn('ci')}/own`, { metadata: { labels: { [invalidSince]: '2026-11-23' } } })],
    ['its token taken out', () => patch(`${secretsIn('ci')}/own`, { data: null })],
    ['the end of its Secret', () => ({ method: 'DELETE', path: `${secretsIn('ci')}/own${dry}` })],
    ['a binding for others', () => bind('ci', sa('free', 'ci'), user('jane'))],
    ['a binding for all accounts of the namespace', () => bind('ci', { kind: 'Group', apiGroup: rbac, name: 'system:serviceaccounts:ci' })],
    ['a binding for a user who is called nearly so', () => bind('ci', user('system:serviceaccount:ci:bot:x'), user('ci:bot'))],
    ['a binding elsewhere for one of its name there', () => bind('other', sa('bot'))],
    ['a binding that loses it', () => patch(`${bindingsIn('ci')}/shared`, { subjects: [sa('free', 'ci'), user('jane')] })],
    ['a binding that loses others and keeps it', () => patch(`${bindingsIn('ci')}/shared`, { subjects: [sa('bot')] })],
    ['a binding that gains others beside it', () => patch(`${bindingsIn('ci')}/shared`, { subjects: [sa('bot'), user('joe')] })],
    ['a label on a binding that has it', () => patch(`${bindingsIn(undefined)}/wide`, { metadata: { labels: { a: 'b' } } })],
    ['a ClusterRoleBinding that loses it', () => patch(`${bindingsIn(undefined)}/wide`, { subjects: [user('jane')] })],
    ['anything in kube-system', () => account('kube-system', { name: 'bot' })],
    ['a binding in kube-system', () => bind('kube-system', sa('bot', 'ci'))],
  ])('%s', async (_, call) => {
    expect(await world.askAll(call())).toBe('allowed');
  });
});

describe('who is locked', () => {
  it('stays when the manifests are applied again, by the server or by kubectl', async () => {
    const before = await world.data();
    await world.cluster.kubectl(['apply', '--server-side', '-f', 'config/policies/lock.yaml']);
    expect(await world.data()).toEqual(before);
    await world.cluster.kubectl(['apply', '-f', 'config/policies/lock.yaml']);
    expect(await world.data()).toEqual(before);
  });

  it('is for Offboard to change, and for nobody else who may write ConfigMaps', async () => {
    const path = '/api/v1/namespaces/offboard-system/configmaps';
    await world.cluster.kubectl(['create', 'role', 'writer', '-n', 'offboard-system', '--verb=*', '--resource=configmaps']);
    await world.cluster.kubectl(['create', 'rolebinding', 'writer', '-n', 'offboard-system', '--role=writer', '--user=jane']);
    // Nobody but the administrator holds all verbs: "*" in a Role of the test would be "breakglass", too.
    await world.cluster.kubectl(['patch', 'role', 'writer', '-n', 'offboard-system', '--type=json', '-p', JSON.stringify([{ op: 'replace', path: '/rules/0/verbs', value: ['get', 'list', 'create', 'update', 'patch', 'delete', 'deletecollection'] }])]);
    const kubeconfig = world.cluster.kubeconfigFor({ as: 'jane' });
    const jane = (...args: readonly string[]): Promise<string> => world.cluster.kubectl([...args, '-n', 'offboard-system'], { kubeconfig });
    await waitFor(async () => (await jane('auth', 'can-i', 'deletecollection', 'configmaps')).trim() === 'yes', { what: 'her rights' });
    const refused = 'only Offboard changes who is locked';
    for (const body of ['{"data":{"ci":null}}', '{"data":{"x":"y"}}', '{"immutable":true}', '{"binaryData":{"x":"eA=="}}']) {
      await expect(jane('patch', 'configmap', 'offboard-lock', '--type=merge', '-p', body), body).rejects.toThrow(refused);
    }
    await expect(jane('delete', 'configmap', 'offboard-lock')).rejects.toThrow(refused);
    await expect(jane('delete', '--raw', path)).rejects.toThrow(refused);
    await jane('label', 'configmap', 'offboard-lock', 'a=b');
    await jane('create', 'configmap', 'other', '--from-literal=a=b');
    await jane('delete', 'configmap', 'other');
    await world.cluster.kubectl(['patch', 'role', 'writer', '-n', 'offboard-system', '--type=json', '-p', JSON.stringify([{ op: 'add', path: '/rules/0/verbs/-', value: 'breakglass' }])]);
    await waitFor(() => jane('patch', 'configmap', 'offboard-lock', '--type=merge', '-p', '{"data":{"x":"y"}}'), { what: 'the glass being broken' });
    await jane('patch', 'configmap', 'offboard-lock', '--type=merge', '-p', '{"data":{"x":null}}');
  });

  it('is nobody without the ConfigMap, and everybody again with it', async () => {
    const before = await world.data();
    await world.cluster.kubectl(['delete', 'configmap', 'offboard-lock', '-n', 'offboard-system']);
    await waitFor(async () => (await world.askAll(account('ci', { name: 'bot' }))).startsWith('409'), { what: 'the end of the lock' });
    expect(await world.askAll(pod('ci', { serviceAccountName: 'bot' }))).toBe('allowed');
    expect(await world.askAll(bind(undefined, sa('bot', 'ci')))).toBe('allowed');
    await world.cluster.kubectl(['apply', '--server-side', '-f', 'config/policies/lock.yaml']);
    await world.write(before ?? {});
    await waitFor(() => denied(world, 'ci', 'bot'), { what: 'the lock' });
  });
});
