/** What people and pipelines get wrong. Whatever it is: nothing is claimed that is not true, and the operator says what to do. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../bench/api.ts';
import type { Api } from '../bench/api.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { requireTools } from '../env/tools/locate.ts';
import { hostileNames, looksLikeToken } from './hostile.ts';
import { isUnfit, startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { expectAlive, identityOf, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let oracle: Oracle;

beforeAll(async () => {
  stage = await startStage();
  oracle = await startOracle(stage.cluster);
});
afterAll(async () => {
  try {
    await oracle.calm(stage.operator());
    await oracle.stop();
  } finally {
    await stage.stop();
  }
});

const retireByReference = (namespace: string, reference: string, run = 'retire'): string => `
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: ${run}, namespace: ${namespace}}
spec: {workloadIdentityRef: ${reference}, reason: Retired, mode: Enforce}
`;
const complaintOf = (applied: Promise<unknown>): Promise<string> => applied.then(() => '', String);
const message = (namespace: string, run = 'retire'): string => readyOf(oracle.run(namespace, run)?.status)?.message ?? '';
const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);

/** Before the others: it changes a CRD. */
describe('an identity with a dependency of a type that this version does not know', () => {
  const rule = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/dependencies/items/x-kubernetes-validations';

  it('that was stored all the same is not retired without it', async () => {
    const agent = await createBuildAgent(stage.cluster, 'from-the-future');
    const crd = 'crd/workloadidentities.offboard.dev';
    const rules = await kubectl('get', crd, '-o', 'jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.dependencies.items.x-kubernetes-validations}');
    await kubectl('patch', crd, '--type=json', '-p', JSON.stringify([{ op: 'remove', path: rule }]));
    await waitFor(() => stage.apply(identityOf(agent, 'dependencies: [{name: vault-2030}]')).then(() => true), { what: 'the rule to be gone' });
    await kubectl('patch', crd, '--type=json', '-p', JSON.stringify([{ op: 'add', path: rule, value: JSON.parse(rules) as unknown }]));
    await stage.apply(retireByReference(agent.namespace, `{name: ${agent.name}}`));
    await oracle.reason(agent.namespace, 'retire', 'InvalidSpec');
    expect(message(agent.namespace)).toMatch(/spec\.dependencies.*vault-2030/);
    await expectAlive(agent);
  });
});

describe('bad input', () => {
  it.concurrent('several Offboardings for one identity, applied at once, act one after the other and all end true', async () => {
    const agent = await createBuildAgent(stage.cluster, 'many-runs');
    await oracle.guard(agent);
    await stage.apply([
      identityOf(agent),
      ...['a', 'b', 'c'].map((run) => offboardingOf(agent, run)),
      ...['d', 'e'].map((run) => retireByReference(agent.namespace, `{name: ${agent.name}}`, run)),
    ].join('---'));
    const ends = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((run) => oracle.reason(agent.namespace, run, 'ConfirmedWithUnprovable')));
    const times = ends.map(({ startedAt = '', completedAt = '' }) => ({ startedAt, completedAt })).toSorted((a, b) => a.startedAt.localeCompare(b.startedAt));
    for (const [index, { startedAt }] of times.entries()) if (index > 0) expect(startedAt >= (times[index - 1]?.completedAt ?? '')).toBe(true);
    const waiting = ['a', 'b', 'c', 'd', 'e'].flatMap((run) => oracle.said(agent.namespace, run)).filter((said) => said.startsWith('WaitingForOtherRun'));
    for (const said of waiting) expect(said).toMatch(/^WaitingForOtherRun: Offboarding "[a-e]" already retires many-runs\/build-agent-7/);
    await waitFor(() => oracle.claims(agent) >= 5, { what: 'every claim to be tried' });
    await oracle.judged(agent);
  });

  it.concurrent('identities that share bindings and are retired at the same moment end true, and a neighbour keeps its access', async () => {
    const agents = await Promise.all(['one', 'two', 'three', 'four'].map((name) => createBuildAgent(stage.cluster, 'sharing', `agent-${name}`)));
    const bind = (name: string, extra: readonly string[]): Promise<string> =>
      kubectl('create', 'rolebinding', name, '-n', 'sharing', '--clusterrole=view', ...agents.map(({ name: agent }) => `--serviceaccount=sharing:${agent}`), ...extra);
    await Promise.all([bind('ours-1', []), bind('ours-2', []), bind('with-neighbour', ['--user=neighbour'])]);
    oracle.keep([oracle.asUser('the neighbour on a shared binding', 'neighbour', '/api/v1/namespaces/sharing/configmaps')]);
    await Promise.all(agents.map((agent) => oracle.guard(agent)));
    await stage.apply(agents.map((agent) => offboardingOf(agent, agent.name)).join('---'));
    for (const agent of agents) await oracle.reason('sharing', agent.name, 'ConfirmedWithUnprovable');
    for (const agent of agents) await oracle.judged(agent);
    expect(await kubectl('get', 'rolebindings', '-n', 'sharing', '-o', 'jsonpath={range .items[*]}{.metadata.name}:{.subjects[*].name} {end}')).toBe('with-neighbour:neighbour ');
  });

  it.concurrent('a reference to nothing is said so, holds nobody up, and goes on once there is something', async () => {
    const agent = await createBuildAgent(stage.cluster, 'missing');
    await oracle.guard(agent);
    await stage.apply(retireByReference('missing', '{name: not-there-yet}'));
    await oracle.reason('missing', 'retire', 'IdentityNotFound');
    expect(message('missing')).toBe(
      'spec.workloadIdentityRef: there is no WorkloadIdentity "not-there-yet" in namespace "missing"; create it, or name the ServiceAccount in spec.identity',
    );
    await stage.apply(retireByReference('missing', '{name: never}', 'typo'));
    await oracle.reason('missing', 'typo', 'IdentityNotFound');
    await kubectl('delete', 'offboarding', 'typo', '-n', 'missing', '--timeout=20s');
    await expectAlive(agent);
    await stage.apply(identityOf(agent).replace(`metadata: {name: ${agent.name},`, 'metadata: {name: not-there-yet,'));
    await oracle.reason('missing', 'retire', 'ConfirmedWithUnprovable');
    await oracle.judged(agent);
  });

  it.concurrent('another namespace is refused by the API server, with the field', async () => {
    const agent = await createBuildAgent(stage.cluster, 'foreign');
    await stage.apply(identityOf(agent));
    const refusal = await complaintOf(stage.apply(retireByReference('default', `{name: ${agent.name}, namespace: foreign}`)));
    expect(refusal).toContain('spec.workloadIdentityRef.namespace');
    await expectAlive(agent);
  });

  it.concurrent('an account that never existed holds its run until it appears, and is then retired', async () => {
    await kubectl('create', 'namespace', 'never');
    const agent = { namespace: 'never', name: 'build-agent-7' };
    await stage.apply(identityOf(agent));
    await stage.apply(retireByReference('never', '{name: build-agent-7}').replace('mode:', 'soak: 1h, suspend: true, mode:'));
    await oracle.reason('never', 'retire', 'IdentityUnknown');
    const born = await createBuildAgent(stage.cluster, 'never');
    await oracle.guard(born);
    // It is held until there is something to retire: the lock would keep it from being made whole.
    await kubectl('patch', 'offboarding', 'retire', '-n', 'never', '--type=merge', '-p', '{"spec":{"suspend":false}}');
    await oracle.reason('never', 'retire', 'Soaking');
    await kubectl('patch', 'offboarding', 'retire', '-n', 'never', '--type=merge', '-p', '{"spec":{"soak":"0s"}}');
    await oracle.reason('never', 'retire', 'ConfirmedWithUnprovable');
    await oracle.judged(born);
  });

  it.concurrent('a UID that is not the account\'s leaves the account alone, says so, and never ends', async () => {
    const agent = await createBuildAgent(stage.cluster, 'wrong-uid');
    await stage.apply(offboardingOf(agent).replace('{name: build-agent-7}', '{name: build-agent-7, uid: 00000000-0000-4000-8000-000000000000}'));
    await oracle.reason('wrong-uid', 'retire', 'IdentityRecreated');
    expect(message('wrong-uid')).toContain(`with UID ${agent.uid}`);
    expect(await stage.exists('serviceaccount', agent.name, '-n', 'wrong-uid')).toBe(true);
  });
});

const rbac = 'rbac.authorization.k8s.io';
const bindings = (namespace: string): string => `/apis/${rbac}/v1/namespaces/${namespace}/rolebindings`;
const user = (name: string): object => ({ kind: 'User', apiGroup: rbac, name });
const bind = async (api: Api, namespace: string, name: string, role: string, subjects: readonly object[], annotations = {}): Promise<void> => {
  const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: role };
  const { status, body } = await api.call('POST', bindings(namespace), { metadata: { name, annotations }, roleRef, subjects });
  if (status !== 201) throw new Error(body);
};

describe('a hostile name', () => {
  let api: Api;
  beforeAll(() => {
    api = connect({ kubeconfig: stage.cluster.kubeconfig, userAgent: 'hostile', connections: 8 });
  });
  afterAll(() => api.close());

  it.concurrent.each<readonly [string, object]>([
    ['spec.identity.serviceAccount.name', { identity: { serviceAccount: { name: '../../kube-system' } } }],
    ['spec.identity.serviceAccount.name', { identity: { serviceAccount: { name: 'a%2fb' } } }],
    ['spec.identity.serviceAccount.name', { identity: { serviceAccount: { name: 'x'.repeat(254) } } }],
    ['spec.identity.serviceAccount.name', { identity: { serviceAccount: { name: 'a\u001b[31m\n' } } }],
    ['spec.identity.serviceAccount.uid', { identity: { serviceAccount: { name: 'a', uid: '$(id)' } } }],
    ['spec.identity.serviceAccount.uid', { identity: { serviceAccount: { name: 'a', uid: 'x'.repeat(65) } } }],
    ['spec.workloadIdentityRef.name', { workloadIdentityRef: { name: '..' } }],
    ['spec.workloadIdentityRef.namespace', { workloadIdentityRef: { name: 'a', namespace: 'a/b' } }],
    ['spec.identity.kubernetes.certificates[0].commonName', { identity: { serviceAccount: { name: 'a' }, kubernetes: { certificates: [{ commonName: 'x'.repeat(254), notAfter: '2030-01-01T00:00:00Z' }] } } }],
    ['spec.identity.owner.contact', { identity: { serviceAccount: { name: 'a' }, owner: { contact: 'x'.repeat(254) } } }],
    ['spec.cancel.reason', { identity: { serviceAccount: { name: 'a' } }, cancel: { reason: 'x'.repeat(1_025) } }],
    ['spec.reason', { identity: { serviceAccount: { name: 'a' } }, reason: 'Retired\nCompromised' }],
    ['spec.soak', { identity: { serviceAccount: { name: 'a' } }, soak: '1h;id' }],
  ])('that the schema refuses in %s is refused with that field', async (field, spec) => {
    const body = { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { generateName: 'refused-' }, spec: { reason: 'Retired', mode: 'Enforce', ...spec } };
    const answer = await api.call('POST', '/apis/offboard.dev/v1alpha1/namespaces/default/offboardings', body);
    expect(answer.status).toBe(422);
    expect((JSON.parse(answer.body) as { readonly details: { readonly causes: readonly { readonly field: string }[] } }).details.causes.map((cause) => cause.field)).toContain(field);
  });

  it.concurrent('of a binding, a user, a certificate or a manager ends with all others, and breaks out of nothing', async () => {
    const agent = await createBuildAgent(stage.cluster, 'hostile');
    await oracle.guard(agent);
    const subject = { kind: 'ServiceAccount', namespace: 'hostile', name: agent.name };
    const annotations = { 'argocd.argoproj.io/tracking-id': `\u001b[31m\n${looksLikeToken}:x/y` };
    await Promise.all(hostileNames.map((name) => bind(api, 'hostile', name, 'view', [subject], annotations)));
    // Shared, with a role that the operator may not bind: a person gets a command.
    const neighbours = hostileNames.slice(0, 4);
    await bind(api, 'hostile', `shared ${hostileNames[2] ?? ''}`, 'edit', [...neighbours.slice(0, 2).map(user), subject, ...neighbours.slice(2).map(user)]);
    // The others do not fit into the header of an impersonation.
    oracle.keep([oracle.asUser('the hostile neighbour', hostileNames[2] ?? '', '/api/v1/namespaces/hostile/configmaps')]);
    // To everybody of the namespace: told as a finding.
    await bind(api, 'default', '\u202e'.repeat(900), 'view', [{ kind: 'Group', apiGroup: rbac, name: 'system:serviceaccounts:hostile' }]);
    const commonName = `cn\n\u001b[31m../%2f'"$(id)\u202e`;
    await bind(api, 'hostile', 'by certificate', 'view', [user(commonName)]);
    const notAfter = new Date(Date.now() + 12_000).toISOString();
    const identity = { serviceAccount: { name: agent.name }, owner: { name: hostileNames[0], contact: looksLikeToken }, kubernetes: { certificates: [{ commonName, notAfter }] } };
    await stage.apply(JSON.stringify({ apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name: 'retire', namespace: 'hostile' }, spec: { identity, reason: 'Retired', mode: 'Enforce' } }));

    await oracle.reason('hostile', 'retire', 'SharedBinding');
    await runInShell(/run: (kubectl patch .*)$/s.exec(message('hostile'))?.[1] ?? 'there is no command');
    await oracle.reason('hostile', 'retire', 'WaitingForExpiry');
    await oracle.reason('hostile', 'retire', 'ConfirmedWithUnprovable');
    await oracle.judged(agent);
    const left = JSON.parse((await api.call('GET', bindings('hostile'))).body) as { readonly items: readonly { readonly metadata: { readonly name: string }; readonly subjects: readonly { readonly name: string }[] }[] };
    expect(left.items.map(({ subjects }) => subjects.map(({ name }) => name))).toEqual([neighbours]);
  });

  it.concurrent('in the reason of a cancel is told on one line', async () => {
    const agent = await createBuildAgent(stage.cluster, 'hostile-cancel');
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h'));
    await oracle.reason('hostile-cancel', 'retire', 'Soaking');
    const reason = `wrong\n\u001b[31m\u202e ${looksLikeToken} ${'x'.repeat(600)}`;
    await kubectl('patch', 'offboarding', 'retire', '-n', 'hostile-cancel', '--type=merge', '-p', JSON.stringify({ spec: { cancel: { reason } } }));
    await oracle.reason('hostile-cancel', 'retire', 'Cancelled');
    expect(message('hostile-cancel')).toMatch(/^cancelled by admin before anything was revoked: wrong\\n\\u001b\[31m\\u202e \[redacted\] x+$/);
    await expectAlive(agent);
  });

  it.concurrent('as long as names may be is retired like any other, also by deleting its WorkloadIdentity', async () => {
    const name = `${'a'.repeat(215)}.${'b'.repeat(37)}`;
    await kubectl('create', 'namespace', 'long');
    await api.call('POST', '/api/v1/namespaces/long/serviceaccounts', { metadata: { name } });
    await bind(api, 'long', 'x', 'view', [{ kind: 'ServiceAccount', namespace: 'long', name }]);
    const asAccount = oracle.asUser('the account with the long name', `system:serviceaccount:long:${name}`, '/api/v1/namespaces/long/configmaps');
    await waitFor(async () => (await asAccount.attempt()) === 200);
    await stage.apply(identityOf({ namespace: 'long', name }));
    await kubectl('wait', '--for=condition=Ready', '--timeout=30s', `wid/${name}`, '-n', 'long');
    await kubectl('delete', 'wid', name, '-n', 'long', '--timeout=60s');
    expect(await asAccount.attempt()).toBe(403);
    await stage.apply(offboardingOf({ namespace: 'long', name }, name));
    await oracle.reason('long', name, 'ConfirmedWithUnprovable');
  });
});

/** Run as a person would who copies it from the status; whatever breaks out of it leaves a file. */
const runInShell = async (command: string): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'offboard-shell-'));
  const env = { PATH: `${await requireTools()}:${process.env['PATH'] ?? ''}`, KUBECONFIG: stage.cluster.kubeconfig, KUBECACHEDIR: join(stage.cluster.folder, 'kubectl-cache'), HOME: folder };
  await promisify(execFile)('bash', ['-c', command], { cwd: folder, env });
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
};

/** Last, when everything hostile has been told. */
describe('what the operator wrote about all that', () => {
  it('is one line of JSON each in the log, and shows no token', () => {
    const lines = stage.operator().log().split('\n').filter((line) => line !== '');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.stringMatching(/^(info|warn)$/) as string });
    expect(lines.filter(isUnfit)).toEqual([]);
  });

  it('is readable in events', async () => {
    const { items } = JSON.parse(await kubectl('get', 'events.events.k8s.io', '-A', '-o', 'json')) as { readonly items: readonly { readonly note: string; readonly reportingController?: string }[] };
    const ours = items.filter(({ reportingController }) => reportingController === 'offboard.dev/operator').map(({ note }) => note);
    expect(ours.some((note) => note.includes('SharedBinding') || note.includes('also grants to'))).toBe(true);
    expect(ours.filter(isUnfit)).toEqual([]);
  });

  it('is in no metric at all', async () => {
    const text = await (await fetch(`${stage.operator().url}/metrics`)).text();
    for (const line of text.split('\n')) expect(line).toMatch(/^$|^# (HELP|TYPE) [a-z_0-9]+ |^[a-z_0-9]+(\{([a-z_]+="[\w.:+*-]*",?)*\})? \S+$/);
    for (const word of ['hostile', 'forged', 'build-agent', 'esc', looksLikeToken.slice(0, 20)]) expect(text.replaceAll(/^# .*$/gm, '')).not.toContain(word);
  });
});
