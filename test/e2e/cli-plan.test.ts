/** What is found of an identity, and what its end would come to, told by the operator that would carry it out. */
import { load } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OffboardingStatus, WorkloadIdentitySpec } from '../../src/api/v1alpha1/index.ts';
import { type Ended, startCli } from '../env/cli.ts';
import { waitFor } from '../env/control-plane.ts';
import { startVaultStage } from './vault-stage.ts';
import type { VaultAgent, VaultStage } from './vault-stage.ts';

let stage: VaultStage;
let agent: VaultAgent;

const people = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: use-vault}
rules: [{apiGroups: [offboard.dev], resources: [connectors], resourceNames: [vault], verbs: [use]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: use-vault}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: use-vault}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: owners, namespace: seven}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}, {kind: User, apiGroup: rbac.authorization.k8s.io, name: bob}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: seven}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: seven, namespace: seven}, {kind: ServiceAccount, name: neighbour, namespace: seven}, {kind: Group, apiGroup: rbac.authorization.k8s.io, name: auditors}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: builder, namespace: seven}
spec:
  replicas: 0
  selector: {matchLabels: {app: builder}}
  template:
    metadata: {labels: {app: builder}}
    spec: {serviceAccountName: seven, containers: [{name: main, image: example.com/builder}]}
`;

beforeAll(async () => {
  stage = await startVaultStage();
  agent = await stage.addAgent('seven');
  await stage.apply(people);
  await stage.cluster.kubectl(['annotate', 'serviceaccount', 'seven', '-n', 'seven', 'eks.amazonaws.com/role-arn=arn:aws:iam::1:role/seven']);
  const role = { bound_service_account_namespaces: 'seven', token_policies: ['default'] };
  await stage.world.bao.ask('POST', 'auth/kubernetes/role/ci-everybody', { ...role, bound_service_account_names: '*' });
  await stage.world.bao.ask('POST', 'auth/kubernetes/role/not-granted', { ...role, bound_service_account_names: 'seven' });
  await waitFor(async () => (await stage.cluster.kubectl(['auth', 'can-i', 'create', 'offboardings.offboard.dev', '-n', 'seven', '--as=alice']).catch(() => 'no')).startsWith('yes'), { what: 'alice to have her rights' });
});
afterAll(async () => {
  await stage.stop();
});

const cli = (args: readonly string[], input = ''): Promise<Ended> => startCli(stage.cluster.kubeconfig, args, input).ended;
const plans = (): Promise<string> => stage.cluster.kubectl(['get', 'offboardings', '-n', 'seven', '-o', 'name']);
const specOf = (manifest: string): WorkloadIdentitySpec => (load(manifest) as { readonly spec: WorkloadIdentitySpec }).spec;
/** Wherever it is broken into lines. */
const flat = (text: string): string => text.replaceAll(/\n *#? +/g, ' ').replaceAll(/ +/g, ' ');
const expectNarrow = (text: string): void => {
  // Only what cannot be broken is longer.
  for (const line of text.split('\n')) if (line.length > 80) expect(line.trim().replace(/^# /, ''), line).not.toContain(' ');
};

it('what is found of a ServiceAccount is a manifest that can be applied, and the same each time', async () => {
  const { code, out, err } = await cli(['discover', 'seven', '-n', 'seven', '--as=alice']);
  expect({ code, err }, out).toEqual({ code: 0, err: '' });
  expect(specOf(out).dependencies).toEqual([{ name: 'vault', vault: { connectorRef: { name: 'vault' }, roles: [agent.vault.role], leases: [{ prefix: agent.vault.prefix }] } }]);
  await stage.cluster.kubectl(['apply', '--server-side', '--dry-run=server', '--as=alice', '-f', '-'], { stdin: out });
  const plain = flat(out);
  for (const words of [
    'rolebindings/seven/readers: ClusterRole/view in seven; also for ServiceAccount seven/neighbour, a group, who keep it',
    'Deployment seven/builder: its pod template names the identity',
    'eks.amazonaws.com/role-arn: arn:aws:iam::1:role/seven, an IAM role of AWS. Offboard does not end it',
    '- ci-everybody auth/kubernetes: it lets others in as well, by bound_service_account_names (*)',
    'another role lets the identity in, which the connector does not grant this namespace',
    'Found by the ServiceAccount, and in need of no name: Login, Token.',
  ]) expect(plain).toContain(words);
  expect(out).not.toContain('not-granted');
  expectNarrow(out);
  expect((await cli(['discover', 'seven', '-n', 'seven', '--as=alice', '--connector', 'vault'])).out).toBe(out);
  expect(JSON.parse((await cli(['discover', 'seven', '-n', 'seven', '-o', 'json'])).out)).toEqual(load(out));
  expect(await plans()).toBe('');
});

it('whoever may use no connector is told that nobody looked there', async () => {
  const { code, out } = await cli(['discover', 'seven', '-n', 'seven', '--as=bob', '--connector', 'vault']);
  expect(code).toBe(0);
  expect(specOf(out).dependencies).toBeUndefined();
  expect(flat(out)).toContain('NOT KNOWN: nobody could look there, so there may be more: connector vault: you lack the verb "use" on connectors.offboard.dev "vault"');
  expect(await cli(['discover', 'sevn', '-n', 'seven', '--as=bob'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('there is no ServiceAccount "sevn" in namespace seven: did you mean seven?') as string });
});

it('a plan says what would be ended, what is kept for others, and what blocks it, and is gone afterwards', async () => {
  const manifest = (await cli(['discover', 'seven', '-n', 'seven'])).out;
  const blocked = await cli(['plan', '-f', '-', '--as=alice'], manifest);
  expect(blocked).toMatchObject({ code: 2, err: '' });
  const plain = flat(blocked.out);
  for (const words of [
    'Plan for the end of seven/seven (Retired). Nothing was changed.\n\n1. kubernetes BLOCKED InUse, as told below in use Deployment seven/builder',
    'delete serviceaccounts/seven/seven',
    'take out rolebindings/seven/readers: ClusterRole/view in seven; kept for ServiceAccount seven/neighbour, a group',
    `1. vault: looked at for the last time after kubernetes, whose credentials log in here`,
    `delete auth/kubernetes/role/${agent.vault.role}`,
    `person leases under ${agent.vault.prefix}`,
    'left out auth role ci-everybody',
    'Access left: nobody can say until when, since a person must end something first',
    'BLOCKED by kubernetes, vault: as things are, it would not be carried out.',
  ]) expect(plain).toContain(words);
  expectNarrow(blocked.out);
  await stage.cluster.kubectl(['delete', 'deployment', 'builder', '-n', 'seven']);
  const settled = manifest.replace('        # exclusive: true', '        exclusive: true');
  const free = await cli(['plan', '-f', '-', '-n', 'seven', '--as=alice'], settled);
  expect(free, free.out).toMatchObject({ code: 0, err: '' });
  expect(free.out).toMatch(/Access left: \d+s from the first revoke on/);
  expect(free.out).toMatch(/Nothing blocks it. It is carried out with spec.mode Enforce.\n$/);
  await stage.apply(settled);
  expect((await cli(['plan', 'seven', '-n', 'seven', '--as=alice'])).out).toBe(free.out);
  expect(await plans()).toBe('');
  await Promise.all(agent.paths.map(async ({ attempt }) => { expect(await attempt()).toBe(200); }));
});

it('a plan for programs is its status, and stays where it is asked to', async () => {
  const { code, out, err } = await cli(['plan', '-f', '-', '--keep', '-o', 'yaml'], 'apiVersion: offboard.dev/v1alpha1\nkind: Offboarding\nmetadata: {name: retire, namespace: seven}\nspec: {mode: Enforce, suspend: true, reason: OwnerLeft, identity: {serviceAccount: {name: seven}}}\n');
  expect(code, out).toBe(0);
  const status = load(out) as OffboardingStatus;
  expect(status.dependencies?.map(({ name, forecast }) => `${name} ${String(forecast?.stage)}`)).toEqual(['kubernetes 1']);
  expect(status.forecast?.residualFor).toBeGreaterThan(0);
  const name = /^kept: Offboarding (\S+) in namespace seven\n$/.exec(err)?.[1] ?? '';
  expect((await stage.run('seven', name))?.spec).toMatchObject({ mode: 'Plan', reason: 'OwnerLeft' });
  await stage.cluster.kubectl(['delete', 'offboarding', name, '-n', 'seven']);
});

it('a plan that nobody may make, or that is of nothing, says so in words', async () => {
  expect(await cli(['plan', 'sevenn', '-n', 'seven'])).toMatchObject({ code: 2, out: expect.stringMatching(/BLOCKED: the plan is not complete: .*there\s+is\s+no\s+WorkloadIdentity/) as string });
  expect(await cli(['plan', 'seven', '-n', 'seven', '--as=eve'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('eve lacks the verb "create" on offboardings.offboard.dev in namespace seven') as string });
  expect(await plans()).toBe('');
});

it('where Offboard may not list auth roles, that is said, and not taken for none', async () => {
  await stage.world.withdraw('auth/kubernetes/role');
  const { out } = await cli(['discover', 'seven', '-n', 'seven', '--as=alice']);
  await stage.world.giveBack();
  expect(specOf(out).dependencies?.[0]?.vault?.roles).toBeUndefined();
  expect(flat(out)).toContain('path "auth/kubernetes/role" { capabilities = ["list"] }');
});

it('whoever interrupts it leaves nothing behind', async () => {
  stage.operator().process.signal('SIGSTOP');
  const running = startCli(stage.cluster.kubeconfig, ['plan', 'seven', '-n', 'seven']);
  await waitFor(async () => (await plans()).includes('seven-plan-'), { what: 'the plan to be made' });
  running.kill('SIGINT');
  expect(await running.ended).toEqual({ code: 130, out: '', err: '' });
  expect(await plans()).toBe('');
  stage.operator().process.signal('SIGCONT');
});
