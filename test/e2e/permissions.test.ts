/**
 * The operator has no right that it does not need, and needs none that it does not have: everything that it can do is done
 * once, as its own account, with every optional right granted, and then the audit log of the API server is read.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeRequest, isDenied, isNamespaceTerminating, isTryOfTheLock, requestsOf } from '../env/audit.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { operatorUser } from '../env/operator-account.ts';
import { startVaultWorld, type VaultWorld } from '../env/vault-world.ts';
import { connector, inVault, offboarding } from '../integration/manifests.ts';
import { createAdmin } from '../integration/rbac-world.ts';
import { letOperatorIn } from './documented-vault.ts';
import { dependencyOf, type GoogleCloudStage, retire, startGoogleCloudStage } from './google-cloud-stage.ts';
import { operatorRequests, reasonOf, rightsGranted, rightsOf, unusedOf } from './rights.ts';
import { identityOf, offboardingOf } from './stage.ts';

const sharedBindings = { clusterRoles: ['view'], roles: [{ namespace: 'sharing', names: ['deployer'] }] };
let stage: GoogleCloudStage;
let world: VaultWorld;

beforeAll(async () => {
  stage = await startGoogleCloudStage({
    stage: {
      args: ['--kubernetes-settle=1s', '--token-secrets', '--allow-loopback-http', '--record-retention=20s'],
      ownKey: true,
      rights: { connectorSecrets: ['vault'], canaryNamespaces: ['googled', 'probed'], sharedBindings },
    },
  });
  world = await startVaultWorld({ cluster: stage.cluster });
  await Promise.all([prune(), expire(), endNamespace(), plan(), cancel(), waive(), share(), endInVault(), endInGoogle(), probe()]);
  await Promise.all([
    untilAsked('get workloadidentities', disturbIdentity),
    untilAsked('get offboardings', disturbRun),
  ]);
  await forgetRecords();
});
afterAll(async () => {
  await stage.stop();
  await world.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);

const tracked = async (namespace: string, spec = ''): Promise<string> => {
  const agent = await createBuildAgent(stage.cluster, namespace);
  await stage.apply(identityOf(agent, spec));
  return agent.name;
};

/** Has a Role, too, whose rules are read. */
const prune = async (): Promise<void> => {
  const name = await tracked('pruned');
  await kubectl('create', 'role', 'deployer', '-n', 'pruned', '--verb=get', '--resource=configmaps');
  await kubectl('create', 'rolebinding', 'deployer', '-n', 'pruned', '--role=deployer', `--serviceaccount=pruned:${name}`);
  await kubectl('wait', '--for=condition=Ready', '--timeout=60s', `wid/${name}`, '-n', 'pruned');
  await kubectl('delete', 'wid', name, '-n', 'pruned', '--timeout=60s');
};

const expire = async (): Promise<void> => {
  const name = await tracked('expiring', `lifecycle: {expiresAt: "${new Date(Date.now() + 2_000).toISOString()}"}`);
  await kubectl('wait', '--for=jsonpath={.status.lifecycleState}=Retired', '--timeout=60s', `wid/${name}`, '-n', 'expiring');
};

const endNamespace = async (): Promise<void> => {
  const name = await tracked('terminating');
  await kubectl('wait', '--for=condition=Ready', '--timeout=60s', `wid/${name}`, '-n', 'terminating');
  await kubectl('delete', 'namespace', 'terminating', '--timeout=90s');
};

const plan = async (): Promise<void> => {
  await stage.apply(offboardingOf(await createBuildAgent(stage.cluster, 'planned'), 'plan', 'mode: Plan'));
  await stage.reason('planned', 'plan', 'PlanOnly');
};

const cancel = async (): Promise<void> => {
  await stage.apply(offboardingOf(await createBuildAgent(stage.cluster, 'cancelled'), 'retire', 'soak: 1h'));
  await stage.reason('cancelled', 'retire', 'Soaking');
  await kubectl('patch', 'offboarding', 'retire', '-n', 'cancelled', '--type=merge', '-p', '{"spec":{"cancel":{"reason":"wrong agent"}}}');
  await stage.reason('cancelled', 'retire', 'Cancelled');
};

const waive = async (): Promise<void> => {
  await stage.apply(offboardingOf(await createBuildAgent(stage.cluster, 'waived'), 'retire', 'soak: 1h'));
  const uid = await kubectl('get', 'offboarding', 'retire', '-n', 'waived', '-o', 'jsonpath={.metadata.uid}');
  await stage.apply(`
apiVersion: offboard.dev/v1alpha1
kind: OffboardingWaiver
metadata: {name: own, namespace: waived}
spec: {offboardingRef: {name: retire, uid: ${uid}}, dependency: kubernetes, reason: tried, expiresAt: "2099-01-01T00:00:00Z"}
`);
  await kubectl('wait', '--for=condition=Stalled', '--timeout=60s', 'offboardingwaiver/own', '-n', 'waived');
};

const share = async (): Promise<void> => {
  const agent = await createBuildAgent(stage.cluster, 'sharing');
  const both = [`--serviceaccount=sharing:${agent.name}`, '--serviceaccount=sharing:other'];
  await kubectl('create', 'role', 'deployer', '-n', 'sharing', '--verb=get', '--resource=configmaps');
  await kubectl('create', 'rolebinding', 'by-role', '-n', 'sharing', '--role=deployer', ...both);
  await kubectl('create', 'rolebinding', 'by-cluster-role', '-n', 'sharing', '--clusterrole=view', ...both);
  await kubectl('create', 'clusterrolebinding', 'in-the-cluster', '--clusterrole=view', ...both);
  await stage.apply(offboardingOf(agent));
  await stage.reason('sharing', 'retire', 'ConfirmedWithUnprovable');
};

/** By a connector that logs in with a token of the operator's own account, and by one that takes a Secret. */
const endInVault = async (): Promise<void> => {
  const { mount, roleId, secretId } = world.operator.appRole;
  await kubectl('create', 'secret', 'generic', 'vault', '-n', 'offboard-system', `--from-literal=id=${await secretId()}`);
  await letOperatorIn(world.bao);
  const auths = { 'vault-prod': { kubernetes: world.operator.kubernetes }, 'by-secret': { appRole: { mount, roleId, secretIdSecretRef: { name: 'vault', key: 'id' } } } };
  await Promise.all(
    Object.entries(auths).map(async ([name, auth]) => {
      const agent = await world.addAgent(`agent-of-${name}`, { namespace: 'vaulted' });
      const lease = await (await agent.login()).lease();
      const vault = { address: world.bao.url, caBundle: world.bao.ca, auth, kubernetesAuthMounts: [{ path: 'kubernetes' }] };
      const grants = [{ namespaces: { selector: { matchLabels: { 'kubernetes.io/metadata.name': 'vaulted' } } }, vault: { authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*'] } }];
      await stage.apply(JSON.stringify(connector(name, { vault, grants, timing: { settle: '1s' } })));
      await kubectl('wait', '--for=condition=Ready', '--timeout=60s', `connector/${name}`);
      const what = inVault(name, { roles: [agent.role], leases: [{ prefix: agent.prefix, exclusive: true }] });
      const identity = { serviceAccount: { name: agent.name }, dependencies: [{ name: 'vault', ...what }] };
      await stage.apply(JSON.stringify(offboarding('vaulted', name, { identity, mode: 'Enforce' })));
      await stage.reason('vaulted', name, 'ConfirmedWithUnprovable');
      expect(await lease.login()).toBe('refused');
    }),
  );
};

/** By a connector that logs in with a token of the operator's own account; what the identity itself gets there is tried by a canary. */
const endInGoogle = async (): Promise<void> => {
  const agent = await stage.addAgent('googled');
  await stage.apply(retire(agent, '', dependencyOf(agent, ', probe: true')));
  const { dependencies = [] } = await stage.reason('googled', 'retire', 'ConfirmedWithUnprovable');
  await stage.oracle.judged(agent);
  const { credentials = [] } = dependencies.find(({ name }) => name === 'google') ?? {};
  expect(credentials.find((credential) => credential.class === 'Impersonation')).toMatchObject({ state: 'Confirmed', method: 'probe/generateAccessToken' });
};

/** What the identity itself gets at the API server is tried by a canary. */
const probe = async (): Promise<void> => {
  const { name } = await createBuildAgent(stage.cluster, 'probed');
  const identity = { serviceAccount: { name }, kubernetes: { probe: true } };
  await stage.apply(JSON.stringify(offboarding('probed', 'retire', { identity, mode: 'Enforce' })));
  const { dependencies = [] } = await stage.reason('probed', 'retire', 'ConfirmedWithUnprovable');
  const { credentials = [] } = dependencies.find((dependency) => dependency.name === 'kubernetes') ?? {};
  expect(credentials.find((credential) => credential.class === 'BoundTokens')).toMatchObject({ state: 'Confirmed', method: 'probe/tokenreview+selfsubjectreview' });
  expect(await kubectl('get', 'secrets', '-n', 'probed', '--field-selector=type=offboard.dev/canary', '-o', 'name')).toBe('');
};

/** The operator reads one of its own objects only after somebody else has written it at the same moment. */
const untilAsked = async (request: string, disturb: () => Promise<(turn: number) => Promise<void>>): Promise<void> => {
  const once = await disturb();
  let turn = 0;
  await waitFor(
    async () => {
      for (let times = 0; times < 20; times += 1) await once((turn += 1));
      for await (const { verb, objectRef } of requestsOf(stage.cluster.auditLog ?? '', operatorUser)) {
        if (`${verb} ${objectRef?.resource ?? ''}` === request) return true;
      }
      return false;
    },
    { timeout: 60_000, interval: 1, what: `the operator being disturbed: ${request}` },
  );
};

/** Its finalizer is to go, and to come, and to go. */
const disturbIdentity = async (): Promise<(turn: number) => Promise<void>> => {
  const name = await tracked('disturbed');
  const admin = createAdmin(stage.cluster);
  return (turn) =>
    admin.patch(`/apis/offboard.dev/v1alpha1/namespaces/disturbed/workloadidentities/${name}`, {
      spec: { lifecycle: { onDelete: turn % 2 === 0 ? 'Offboard' : 'Orphan' } },
    });
};

/** What can never begin is let go at once; somebody puts the finalizer back, again and again. */
const disturbRun = async (): Promise<(turn: number) => Promise<void>> => {
  await kubectl('create', 'namespace', 'ghost');
  await stage.apply(offboardingOf({ namespace: 'ghost', name: 'nobody' }));
  await stage.reason('ghost', 'retire', 'IdentityUnknown');
  const admin = createAdmin(stage.cluster);
  return (turn) =>
    admin.patch('/apis/offboard.dev/v1alpha1/namespaces/ghost/offboardings/retire', {
      metadata: { finalizers: ['offboard.dev/offboarding'], annotations: { 'example.com/turn': String(turn) } },
    });
};

/** Those past their time go, but for the last of the chain. */
const forgetRecords = async (): Promise<void> => {
  const left = (): Promise<string> => kubectl('get', 'offboardingrecords', '-o', 'name');
  await waitFor(async () => (await left()).trim().split('\n').length === 1, { timeout: 60_000, what: 'all records but the last to go' });
};

it('has no right that it does not use', async () => {
  const rights = await rightsOf(stage.cluster);
  expect(rights.length).toBeGreaterThan(45);
  expect(await unusedOf(stage.cluster, rights)).toEqual([]);
});

it.each<readonly [string, object]>([
  ['nothing optional', {}],
  ['tokenSecrets', { tokenSecrets: { enabled: true } }],
  ['connectorSecrets', { connectorSecrets: ['vault'] }],
  ['canaryNamespaces', { canaryNamespaces: ['googled', 'probed'] }],
  ['sharedBindings.clusterRoles', { sharedBindings: { clusterRoles: ['view'] } }],
  ['sharedBindings', { sharedBindings }],
])('has no right by %s alone that was not seen to be used', async (_, values) => {
  const used = new Set((await rightsOf(stage.cluster)).map(({ text }) => text));
  expect((await rightsGranted(values)).map(({ text }) => text).filter((text) => !used.has(text))).toEqual([]);
});

it('has no right to make Secrets, and no other more, where it is given the key', async () => {
  const named = (await rightsGranted({ signingKey: { existingSecret: 'mine' } })).map(({ text }) => text.replace('get secrets mine', 'get secrets offboard-signing-key'));
  const usual = (await rightsGranted({})).map(({ text }) => text);
  expect(usual.filter((text) => !named.includes(text))).toEqual(['Role "offboard-signing-key": create secrets']);
  expect(named.filter((text) => !usual.includes(text))).toEqual([]);
});

it('has no right to everything of a kind, and none by a name that holds for all', async () => {
  for (const { verb, apiGroup, resource, name, text } of await rightsOf(stage.cluster)) expect([verb, apiGroup, resource, name], text).not.toContain('*');
});

it('is denied nothing that it asks for, but to create something in a namespace that is being deleted', async () => {
  const denied = (await operatorRequests(stage.cluster)).filter((event) => isDenied(event) && !isTryOfTheLock(event));
  expect(denied.filter((event) => !isNamespaceTerminating(event)).map(describeRequest)).toEqual([]);
  expect(denied.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource ?? ''} ${objectRef?.namespace ?? ''}`)).toContain('create offboardings terminating');
});

it('lives off no right but its own and those that everybody has', async () => {
  const roles = new Set((await operatorRequests(stage.cluster)).map((event) => / of (\w+ "[^"]+")/.exec(reasonOf(event))?.[1]));
  const ours = new Set((await rightsOf(stage.cluster)).map(({ role }) => role));
  // Its version is told by the API server to everybody, by whichever of the last two comes first.
  const ofEverybody = ['ClusterRole "system:basic-user"', 'ClusterRole "system:discovery"', 'ClusterRole "system:public-info-viewer"'];
  expect([...roles].filter((role) => role === undefined || !ours.has(role)).filter((role) => role === undefined || !ofEverybody.includes(role))).toEqual([]);
});
