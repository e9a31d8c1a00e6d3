/** Identities that have access to Google Cloud are retired there too, and nobody else is. */
import { afterAll, beforeAll, expect, it } from 'vitest';

import { waitFor } from '../env/control-plane.ts';
import type { AccessPath } from '../env/build-agent.ts';
import { member, projectId } from '../env/google-cloud-world.ts';
import { byUid, dependencyOf, retire, startGoogleCloudStage } from './google-cloud-stage.ts';
import type { GoogleAgent, GoogleCloudStage } from './google-cloud-stage.ts';
import { changeRun, dependencyOfRun, done, saysOf } from './runs.ts';
import { expectAlive, identityOf, readyOf } from './stage.ts';

/** Whose probes the operator may make. */
const probed = 'probed';

let stage: GoogleCloudStage;

beforeAll(async () => {
  stage = await startGoogleCloudStage({ stage: { args: ['--kubernetes-settle=1s', '--leader-election=false', '--allow-loopback-http'], rights: { canaryNamespaces: [probed] } } });
  const { google } = stage;
  await stage.connect({ name: 'searching', spec: { assetSearch: { scope: 'organizations/1' } } });
  await stage.connect({ name: 'shared', spec: { workloadIdentityPools: [{ name: stage.pool.name, clusters: 'Shared' }] } });
  await stage.connect({ name: 'careless', serviceAccounts: [`*@${projectId}.iam.gserviceaccount.com`] });
  const bucket = await google.addBucket(projectId, 'acme-neighbours', { 'artifact.tar': 'hello' });
  const neighbour = await google.addServiceAccount(projectId, 'neighbour');
  await google.grant(bucket, 'roles/storage.objectViewer', `serviceAccount:${neighbour.email}`);
  const key = await google.addKey(neighbour.email);
  const attempt = async (): Promise<number> => google.open(await google.keyLogin(key), { bucket: 'acme-neighbours', object: 'artifact.tar' });
  stage.oracle.keep([{ name: 'the neighbour’s key', request: 'GET object', attempt }]);
});
afterAll(async () => {
  await stage.stop();
});

/** Connectors of their own for those that need another, so that all can run at once. */
const searching = (agent: GoogleAgent): string => retire(agent, '', dependencyOf(agent).replace('{name: google}', '{name: searching}'));

const google = (agent: GoogleAgent) => dependencyOfRun(stage, agent, 'google');
const tryAll = (ways: readonly AccessPath[]): Promise<readonly number[]> => Promise.all(ways.map(({ attempt }) => attempt()));
const accountOf = ({ account }: GoogleAgent) => stage.google.account(account.uniqueId);

/** In life it is looked at every hour or so; here whatever wakes the run up has it looked at. */
const foundAgain = async (agent: GoogleAgent): Promise<void> => {
  let hours = 2;
  const isFound = async (): Promise<boolean> => {
    await changeRun(stage, agent, { deadline: `${String(hours++)}h` });
    return readyOf((await stage.run(agent.namespace, 'retire'))?.status)?.reason === 'Resurrected';
  };
  await waitFor(isFound, { what: `what came back of ${agent.name} to be told`, timeout: 60_000, interval: 1_000 });
};

it.concurrent('tokens, keys and bindings in every form are dead before Ready is said, and neighbours keep theirs', async () => {
  const agent = await stage.addAgent('seven');
  await stage.apply(retire(agent));
  const { dependencies = [] } = await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  expect(dependencies.map(({ name, state }) => `${name} ${state}`)).toEqual(['kubernetes Confirmed', 'google Confirmed']);
  const { credentials = [] } = dependencies.find(({ name }) => name === 'google') ?? {};
  const count = (kind: string): number => credentials.filter((each) => each.class === kind).length;
  expect(Object.fromEntries(['ServiceAccount', 'ServiceAccountKey', 'HmacKey', 'Binding'].map((kind) => [kind, count(kind)]))).toEqual({
    ServiceAccount: 1, ServiceAccountKey: 1, HmacKey: 1, Binding: 5,
  });
  await stage.expectNeighbours(agent);
  expect(await accountOf(agent)).toMatchObject({ disabled: true });
});

it.concurrent('an account that is to be deleted goes last, and leaves no member behind', async () => {
  const agent = await stage.addAgent('deleted');
  await stage.apply(retire(agent, '', dependencyOf(agent, '', ', onRetire: Delete')));
  await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  await stage.expectNeighbours(agent);
  expect(await accountOf(agent)).toMatchObject({ deleted: true });
  for (const resource of [agent.bucket, agent.secret]) expect(JSON.stringify(await stage.google.policy(resource))).not.toContain(agent.account.email);
});

it.concurrent('a run that soaks has locked the account, and its cancel leaves all as it was', async () => {
  const agent = await stage.addAgent('spared');
  const before = await accountOf(agent);
  const policies = await Promise.all([agent.bucket, agent.secret].map((resource) => stage.google.policy(resource)));
  await stage.apply(retire(agent, 'soak: 1h'));
  await stage.reason(agent.namespace, 'retire', 'Soaking');
  const byAccount = agent.ways.filter(({ name }) => !name.startsWith('federated'));
  expect((await tryAll(byAccount)).filter((status) => status === 200)).toEqual([]);
  await changeRun(stage, agent, { cancel: { reason: 'needed after all' } });
  await stage.reason(agent.namespace, 'retire', 'Cancelled');
  await expectAlive(agent);
  const { disabled, description } = await accountOf(agent);
  expect({ disabled, description }).toEqual({ disabled: before.disabled, description: before.description });
  expect(await Promise.all([agent.bucket, agent.secret].map((resource) => stage.google.policy(resource)))).toEqual(policies);
});

it.concurrent('a plan touches nothing and lists everything', async () => {
  const agent = await stage.addAgent('planned');
  await stage.apply(retire(agent, 'mode: Plan'));
  await stage.reason(agent.namespace, 'retire', 'PlanOnly');
  expect((await google(agent))?.credentials?.length).toBeGreaterThanOrEqual(8);
  await expectAlive(agent);
});

it.concurrent('an account that others use stays theirs: this identity’s part goes, and its last token is waited out', async () => {
  const { google: cloud } = stage;
  const agent = await stage.addAgent('sharing', { seconds: 3, withoutKeys: true, sharedWith: [member('shared-with', 'other')] });
  await stage.apply(retire(agent));
  const { dependencies = [] } = await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  const { credentials = [], findings = [] } = dependencies.find(({ name }) => name === 'google') ?? {};
  expect(findings.map(({ type }) => type)).toContain('Shared');
  expect(credentials.map((each) => each.class)).toContain('AccessTokens');
  expect(await accountOf(agent)).not.toMatchObject({ disabled: true });
  expect(JSON.stringify(await cloud.policy(agent.secret))).not.toContain('sa/sharing');
  // What the account itself may do is what the others work with.
  expect(JSON.stringify(await cloud.policy(agent.bucket))).toContain(agent.account.email);
  const policy = JSON.stringify(await cloud.policy(`//iam.googleapis.com/projects/${projectId}/serviceAccounts/${agent.account.email}`));
  expect(policy).toContain('shared-with/other');
  expect(policy).not.toContain('sharing/sharing');
});

it.concurrent('keys of an account that others use may be anybody’s, and wait for a person', async () => {
  const agent = await stage.addAgent('whose', { sharedWith: [member('shared-with', 'another')] });
  await stage.apply(retire(agent));
  await stage.reason(agent.namespace, 'retire', 'SharedAccount');
  await saysOf(stage, agent, 'google', /key/);
  expect(stage.oracle.claims(agent)).toBe(0);
});

it.concurrent('what only a search finds is ended too, and waits for a person where the connector does not grant it', async () => {
  const { google: cloud } = stage;
  const agent = await stage.addAgent('found');
  const found = await cloud.addBucket(projectId, 'acme-found-by-search', { 'artifact.tar': 'hello' });
  const foreign = await cloud.addBucket(projectId, 'else-of-found', { 'artifact.tar': 'hello' });
  for (const bucket of [found, foreign]) await cloud.grant(bucket, 'roles/storage.objectViewer', byUid(stage.pool, agent.uid));
  await stage.apply(searching(agent));
  await stage.reason(agent.namespace, 'retire', 'NotGranted');
  await saysOf(stage, agent, 'google', /else-of-found/);
  await expectAlive(agent);
  await cloud.ungrant(foreign, 'roles/storage.objectViewer', byUid(stage.pool, agent.uid));
  await changeRun(stage, agent, { deadline: '2h' });
  await stage.reason(agent.namespace, 'retire', done, 90_000);
  await stage.oracle.judged(agent);
  expect(JSON.stringify(await cloud.policy(found))).not.toContain(agent.uid);
});

it.concurrent('a name that means the same in other clusters is left to a person, and the UID is not', async () => {
  const agent = await stage.addAgent('elsewhere');
  await stage.apply(retire(agent, 'urgency: Emergency', dependencyOf(agent).replace('{name: google}', '{name: shared}')));
  await stage.reason(agent.namespace, 'retire', 'SharedAcrossClusters');
  await waitFor(async () => !JSON.stringify(await stage.google.policy(agent.secret)).includes(agent.uid), { what: 'the member by UID to be gone', timeout: 60_000 });
  expect(JSON.stringify(await stage.google.policy(agent.secret))).toContain('ns/elsewhere/sa/elsewhere');
  expect(stage.oracle.claims(agent)).toBe(0);
});

it.concurrent('the tokens that it could make of another account are waited out', async () => {
  const { google: cloud } = stage;
  const agent = await stage.addAgent('chained');
  const next = await cloud.addServiceAccount(projectId, 'next-in-chain');
  const name = `//iam.googleapis.com/projects/${projectId}/serviceAccounts/${next.email}`;
  await cloud.grant(agent.bucket, 'roles/storage.objectViewer', `serviceAccount:${next.email}`);
  await cloud.grant(name, 'roles/iam.serviceAccountTokenCreator', `serviceAccount:${agent.account.email}`);
  const token = await cloud.impersonate(agent.token, next.email, 3);
  const way: AccessPath = { name: 'token of the next account', request: 'GET object', attempt: () => agent.opens(token) };
  await stage.oracle.guard(agent, [way]);
  await stage.apply(retire(agent, '', dependencyOf(agent).replace('resources: [', `resources: ["${name}", `)));
  const { dependencies = [] } = await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  expect(dependencies.flatMap(({ credentials = [] }) => credentials).find((each) => each.class === 'AccessTokens')?.state).toBe('Confirmed');
});

it.concurrent('a probe that worked before is refused at the end, and that is the proof', async () => {
  const agent = await stage.addAgent(probed);
  await stage.apply(retire(agent, '', dependencyOf(agent, ', probe: true')));
  const { dependencies = [] } = await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  expect(dependencies.flatMap(({ credentials = [] }) => credentials).find((each) => each.class === 'Impersonation')).toMatchObject({
    state: 'Confirmed', method: 'probe/generateAccessToken',
  });
});

it.concurrent('an account that is brought back after the end is told', async () => {
  const agent = await stage.addAgent('undead');
  await stage.apply(retire(agent, '', dependencyOf(agent, '', ', onRetire: Delete')));
  await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  await stage.google.changeAccount(agent.account.uniqueId, { deleted: false, disabled: false });
  await foundAgain(agent);
});

it.concurrent('a role that is given again after the end is told', async () => {
  const agent = await stage.addAgent('regranted');
  await stage.apply(retire(agent));
  await stage.reason(agent.namespace, 'retire', done);
  await stage.oracle.judged(agent);
  await stage.google.grant(agent.bucket, 'roles/storage.objectViewer', `serviceAccount:${agent.account.email}`);
  await foundAgain(agent);
});

it.concurrent('the deletion of a WorkloadIdentity waits until Google Cloud is done', async () => {
  const agent = await stage.addAgent('declared');
  await stage.apply(identityOf(agent, `dependencies: [${dependencyOf(agent)}]`));
  await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', 'wid/declared', '-n', agent.namespace]);
  await stage.cluster.kubectl(['delete', 'wid', 'declared', '-n', agent.namespace, '--timeout=90s']);
  await stage.oracle.judged(agent);
});

it.concurrent('what no grant covers is refused in the same words as a connector that is not there', async () => {
  const agent = await stage.addAgent('ungranted');
  const words = async (name: string, dependency: string): Promise<string> => {
    await stage.apply(retire(agent, '', dependency).replace('name: retire', `name: ${name}`));
    const { conditions = [] } = await stage.reason(agent.namespace, name, 'NotGranted');
    return conditions.find(({ type }) => type === 'Ready')?.message ?? '';
  };
  const foreign = await words('foreign', dependencyOf(agent).replace(agent.account.email, `other@${projectId}.iam.gserviceaccount.com`));
  expect(await words('absent', dependencyOf(agent).replace('{name: google}', '{name: no-such}'))).toBe(foreign.replace('"google"', '"no-such"'));
  await expectAlive(agent);
});

it.concurrent('a run that waits for a connector goes on once it is there', async () => {
  const agent = await stage.addAgent('early');
  await stage.apply(retire(agent, 'mode: Plan', dependencyOf(agent).replace('{name: google}', '{name: later}')));
  await stage.reason(agent.namespace, 'retire', 'NotGranted');
  await stage.connect({ name: 'later' });
  // By itself it would look again a quarter of a minute after the last time.
  await stage.reason(agent.namespace, 'retire', 'PlanOnly', 10_000);
});

it.concurrent('the account of Offboard itself is never touched', async () => {
  const agent = await stage.addAgent('suicide');
  await stage.apply(retire(agent, '', dependencyOf(agent).replace(agent.account.email, stage.operatorEmail).replace(`, uniqueId: "${agent.account.uniqueId}"`, '').replace('{name: google}', '{name: careless}')));
  await stage.reason(agent.namespace, 'retire', 'ProtectedIdentity');
  await expectAlive(agent);
});
