/** The simulated cluster is only as good as it is like a real one: both are asked the same, and must say the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { ApiError } from '../../src/kube/errors.ts';
import type { ConfigMap, KubeObject, SubjectAccessReview } from '../../src/kube/objects.ts';
import {
  clusterRoleBindings, clusterRoles, configMaps, events, leases, namespaces, offboardingRecords, offboardings, pods, type Resource, roleBindings, secrets, serviceAccounts, subjectAccessReviews,
  validatingAdmissionPolicies, validatingAdmissionPolicyBindings,
} from '../../src/kube/resources.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import { expectedPolicies, differenceOf } from '../../src/revokers/kubernetes/lock-policies.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { createClusterWorld, createPump, type ClusterWorld } from '../simulation/cluster/world.ts';
import { installOffboard } from './install.ts';

interface Side {
  readonly client: KubeClient;
  readonly transport: Transport;
  /** Until it sees what was stored just now. */
  readonly until: (condition: () => Promise<boolean>) => Promise<void>;
}

let cluster: ControlPlane;
let real: Side;
let simulated: Side;
let world: ClusterWorld;
let pump: ReturnType<typeof createPump>;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  const transport = createTransport({ config: loadKubeConfig({ path: cluster.kubeconfig, clock: systemClock }), clock: systemClock, version: 'test' });
  real = { transport, client: createKubeClient(transport), until: async (condition) => { await waitFor(condition, { what: 'the API server', interval: 5 }); } };
  world = createClusterWorld();
  pump = createPump(world);
  const until = async (condition: () => Promise<boolean>): Promise<void> => {
    while (!(await condition())) await pump.move(5);
  };
  simulated = { transport: world.transport, client: world.client, until };
  for (const name of ['ci', 'ops']) await real.client.create(namespaces, undefined, { metadata: { name } });
}, 120_000);

afterAll(async () => {
  await pump.stop();
  await cluster.stop();
});

/** UIDs, versions and the names of users are each cluster's own. */
const worded = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>')
    .replaceAll(/\b\d{3,}\b/g, '<number>');

/** Some causes a real one tells twice. */
const shown = (value: unknown): unknown => {
  if (value instanceof ApiError) {
    const { code, reason, message, details: { name, group, kind, causes } = {} } = value;
    return { code, reason, message: worded(message), name, group, kind, causes: causes && [...new Set(causes.map((cause) => worded(JSON.stringify(cause))))] };
  }
  if (value instanceof Error || value === undefined) return value;
  if (typeof value !== 'object' || value === null || !('metadata' in value) || !('kind' in value) || (value.kind as string).endsWith('Review')) return value;
  const { kind, apiVersion, metadata, ...rest } = value as KubeObject & Readonly<Record<string, unknown>>;
  const { uid, resourceVersion, creationTimestamp, deletionTimestamp, managedFields: _, ...others } = metadata;
  return { kind, apiVersion, ...rest, metadata: { ...others, isNamed: [uid, resourceVersion, creationTimestamp].every((each) => typeof each === 'string' && each !== ''), deleting: deletionTimestamp !== undefined } };
};

/** Does the same on both sides, and gives what both said. */
const ask = async (run: (side: Side) => Promise<unknown>): Promise<unknown> => {
  const [one, other] = await Promise.all([real, simulated].map((side) => run(side).then(shown, shown)));
  expect(other).toEqual(one);
  return one;
};

const create = (resource: Resource, namespace: string | undefined, body: object) => ({ client }: Side): Promise<unknown> => client.create(resource, namespace, body);

describe('the simulated cluster says what a real one says', () => {
  const key = { namespace: 'ci', name: 'run' };
  const run = { metadata: { name: 'run' }, spec: { identity: { serviceAccount: { name: 'bot' } }, mode: 'Plan', reason: 'Retired', soak: '1h' }, status: { phase: 'Forged' } };

  it('of what is not there', async () => {
    for (const resource of [serviceAccounts, leases, offboardings]) {
      await ask(({ client }) => client.get(resource, key));
      await ask(({ client }) => client.delete(resource, key));
      await ask(({ client }) => client.patch(resource, key, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } }));
    }
    await ask(create(configMaps, 'nowhere', { metadata: { name: 'x' } }));
    await ask(({ client }) => client.list(secrets, { fieldSelector: 'data.x=1' }));
  });

  it('of an object of ours, its status and its generation', async () => {
    await ask(async ({ client }) => {
      const { spec: _, ...made } = await client.create<KubeObject & { readonly spec: unknown }>(offboardings, 'ci', run);
      return made;
    });
    const status = { observedGeneration: 1 };
    const patch = (part: 'status' | undefined, body: object) => ({ client }: Side) =>
      client.patch<KubeObject & { readonly spec: { readonly soak?: string; readonly suspend?: boolean } }>(offboardings, key, { type: 'merge', body, ...(part !== undefined && { subresource: part }) })
        .then(({ spec: { soak, suspend }, ...rest }) => ({ ...rest, spec: { soak, suspend } }));
    await ask(patch('status', { status, spec: { soak: '30m' }, metadata: { labels: { a: 'b' } } }));
    expect(await ask(patch(undefined, { status: { observedGeneration: 9 }, spec: { soak: '30m' }, metadata: { labels: { a: 'b' } } }))).toMatchObject({ status, spec: { soak: '30m' }, metadata: { generation: 2 } });
    await ask(patch(undefined, { metadata: { resourceVersion: '1' } }));
    await ask(patch(undefined, { metadata: { uid: 'another' } }));
    await ask(patch(undefined, { metadata: { finalizers: ['x.dev/a'] } }));
    await ask(async (side) => {
      const before = await side.client.get<KubeObject>(offboardings, key);
      const after = await patch(undefined, { metadata: { labels: { a: 'b' } } })(side);
      return { isSame: before.metadata.resourceVersion === after.metadata.resourceVersion };
    });
    await ask(({ client }) => client.delete(offboardings, key));
    expect(await ask(patch(undefined, {}))).toMatchObject({ metadata: { deleting: true, generation: 3 } });
    await ask(patch(undefined, { metadata: { finalizers: ['x.dev/a', 'x.dev/b'] } }));
    await ask(create(offboardings, 'ci', run));
    await ask(patch(undefined, { metadata: { finalizers: null } }));
    await ask(({ client }) => client.get(offboardings, key));
  });

  it('of a guarded JSON patch, and one that does not apply', async () => {
    await ask(create(configMaps, 'ci', { metadata: { name: 'c' }, data: { a: 'b' } }));
    const c = { namespace: 'ci', name: 'c' };
    const patch = (body: unknown) => ({ client }: Side): Promise<unknown> => client.patch(configMaps, c, { type: 'json', body });
    await ask(patch([{ op: 'test', path: '/data/a', value: 'c' }]));
    await ask(patch([{ op: 'remove', path: '/data/x' }]));
    await ask(patch([{ op: 'replace', path: '/metadata/resourceVersion', value: '1' }, { op: 'add', path: '/data/b', value: 'c' }]));
    await ask(patch([{ op: 'add', path: '/data/b', value: 'c' }]));
    await ask(({ client }) => client.delete(configMaps, c, { uid: 'another' }));
    await ask(({ client }) => client.delete(configMaps, c, { resourceVersion: '1' }));
    await ask(create(configMaps, 'ci', { metadata: { name: 'c' } }));
    await ask(create(configMaps, 'ci', { metadata: { name: '' } }));
    await ask(({ client }) => client.delete(configMaps, c));
  });

  it('of what the operator writes beside', async () => {
    await ask(create(leases, 'ci', { metadata: { name: 'l' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-11-23T10:00:00.000000Z' } }));
    await ask(async ({ client }) => {
      const body = {
        metadata: { name: 'e' }, eventTime: '2026-11-23T10:00:00.000000Z', action: 'A', reason: 'R', note: 'n', type: 'Normal',
        reportingController: 'offboard.dev/x', reportingInstance: 'x', regarding: { kind: 'Pod', namespace: 'ci', name: 'p' },
      };
      const { kind, metadata } = await client.create<KubeObject>(events, 'ci', body);
      return { kind, metadata };
    });
    await ask(({ client }) => client.get(offboardingRecords, { name: 'x' }));
  });

  it('of the policies of the lock', async () => {
    const differences = ({ client }: Side) => Promise.all(expectedPolicies('offboard-system').map(async (expected) => {
      const resource = expected.kind === 'ValidatingAdmissionPolicy' ? validatingAdmissionPolicies : validatingAdmissionPolicyBindings;
      const stored = await client.get<KubeObject & { readonly spec: unknown }>(resource, { name: expected.name });
      return { name: expected.name, difference: differenceOf(expected, stored.spec) };
    }));
    await ask(differences);
  });

  it('of who is locked', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reads' };
    const subject = { kind: 'ServiceAccount', name: 'bot', namespace: 'ci' };
    await ask(create(clusterRoles, undefined, { metadata: { name: 'reads' }, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }));
    const account = create(serviceAccounts, 'ci', { metadata: { name: 'bot' } });
    await ask(account);
    await ask(create(roleBindings, 'ci', { metadata: { name: 'has it' }, roleRef, subjects: [subject] }));
    const review = (groups: readonly string[]) => async ({ client }: Side) => {
      const spec = { user: 'system:serviceaccount:ci:bot', groups, resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'ci' } };
      const ask = async () => (await client.review<SubjectAccessReview>(subjectAccessReviews, { spec })).status;
      return ask();
    };
    await real.until(async () => (await review([])(real))?.allowed === true);
    await ask(review([]));
    await ask(async (side) => {
      await side.client.patch<ConfigMap>(configMaps, { namespace: 'offboard-system', name: 'offboard-lock' }, { type: 'merge', body: { data: { ci: '\nbot\n' } } });
      await side.until(() => account(side).then(() => false, (error: unknown) => (error as ApiError).code === 403));
      return { locked: true };
    });
    await ask(account);
    const token = { path: '/api/v1/namespaces/ci/serviceaccounts/bot/token', method: 'POST', verb: 'create', resource: 'x', body: { spec: {} } } as const;
    await ask(({ transport }) => transport.request(token));
    await ask(create(pods, 'ci', { metadata: { name: 'p' }, spec: { serviceAccountName: 'bot', containers: [{ name: 'c', image: 'i' }] } }));
    await ask(create(secrets, 'ci', { type: 'kubernetes.io/service-account-token', metadata: { name: 's', annotations: { 'kubernetes.io/service-account.name': 'bot' } } }));
    await ask(create(roleBindings, 'ops', { metadata: { name: 'b' }, roleRef, subjects: [subject] }));
    await ask(create(roleBindings, 'ci', { metadata: { name: 'b' }, roleRef, subjects: [{ kind: 'ServiceAccount', name: 'bot', namespace: 'ci' }, { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccount:ci:bot' }] }));
    await ask(create(clusterRoleBindings, undefined, { metadata: { name: 'b-of-the-simulation' }, roleRef, subjects: [subject] }));
    await ask(({ client }) => client.patch(roleBindings, { namespace: 'ci', name: 'has it' }, { type: 'merge', body: { metadata: { labels: { a: 'b' } } } }));
    await ask(({ client }) => client.patch(roleBindings, { namespace: 'ci', name: 'has it' }, { type: 'merge', body: { subjects: [] } }));
    await ask(({ client }) => client.patch(roleBindings, { namespace: 'ci', name: 'has it' }, { type: 'merge', body: { subjects: [subject] } }));
  });

  it('of tokens', async () => {
    await ask(create(serviceAccounts, 'ci', { metadata: { name: 'other' } }));
    const path = '/api/v1/namespaces/ci/serviceaccounts/other/token';
    const request = ({ transport }: Side, body: object) => transport.request({ path, method: 'POST', verb: 'create', resource: 'x', body });
    await ask((side) => request(side, { metadata: { uid: 'another' }, spec: {} }));
    await ask((side) => request(side, { spec: { expirationSeconds: 599 } }));
    await ask((side) => request(side, { spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'nothing' } } }));
    const review = async ({ transport }: Side, spec: object): Promise<unknown> => {
      const answer = await transport.request({ path: '/apis/authentication.k8s.io/v1/tokenreviews', method: 'POST', verb: 'create', resource: 'x', body: { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec } });
      const { status: { authenticated, error, audiences, user: { username, groups } } } = answer as {
        readonly status: { readonly authenticated?: boolean; readonly error?: string; readonly audiences?: readonly string[]; readonly user: { readonly username?: string; readonly groups?: readonly string[] } };
      };
      return { authenticated, error: error === undefined ? error : worded(error), audiences: audiences?.length, username, groups };
    };
    const life = async (side: Side, end: (side: Side) => Promise<unknown>, bound?: object): Promise<unknown> => {
      const made = (await request(side, { spec: { ...(bound !== undefined && { boundObjectRef: bound }) } })) as { readonly status: { readonly token: string } };
      const { token } = made.status;
      const taken = await review(side, { token });
      await end(side);
      return { taken, cached: await review(side, { token }), asked: await review(side, { token, audiences: ['https://kubernetes.default.svc.cluster.local', 'nonce'] }), other: await review(side, { token, audiences: ['x'] }) };
    };
    await ask(create(secrets, 'ci', { metadata: { name: 'bound' }, type: 'x/y' }));
    await ask((side) => life(side, ({ client }) => client.delete(secrets, { namespace: 'ci', name: 'bound' }), { apiVersion: 'v1', kind: 'Secret', name: 'bound' }));
    await ask((side) => life(side, ({ client }) => client.delete(serviceAccounts, { namespace: 'ci', name: 'other' })));
    await ask(create(serviceAccounts, 'ci', { metadata: { name: 'other' } }));
    await ask((side) => life(side, async ({ client }) => {
      await client.delete(serviceAccounts, { namespace: 'ci', name: 'other' });
      await client.create(serviceAccounts, 'ci', { metadata: { name: 'other' } });
    }));
    await ask((side) => review(side, { token: 'nonsense' }));
  });

  it('of what goes with an account, and with a namespace', async () => {
    const held = { metadata: { name: 'held', finalizers: ['x.dev/a'] }, spec: { identity: { serviceAccount: { name: 'any' } }, mode: 'Plan', reason: 'Retired' } };
    await ask(async ({ client }) => {
      await client.create(namespaces, undefined, { metadata: { name: 'ends' } });
      await client.create(serviceAccounts, 'ends', { metadata: { name: 'a' } });
      await client.create(offboardings, 'ends', held);
      await client.delete(namespaces, { name: 'ends' });
      return { ended: true };
    });
    await ask(create(configMaps, 'ends', { metadata: { name: 'x' } }));
    await ask(async (side) => {
      await side.until(async () => (await side.client.list<KubeObject>(serviceAccounts, { namespace: 'ends' })).items.length === 0);
      return side.client.patch(offboardings, { namespace: 'ends', name: 'held' }, { type: 'merge', body: { metadata: { finalizers: null } } }).then(() => ({ taken: true }));
    });
    await ask(async (side) => {
      const isGone = (): Promise<boolean> => side.client.get(namespaces, { name: 'ends' }).then(() => false, (error: unknown) => (error as ApiError).code === 404);
      await side.until(isGone);
      return { gone: true };
    });
  });
});
