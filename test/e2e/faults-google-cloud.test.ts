/** Google Cloud, or the way to it, fails in the middle of runs. Nobody is Ready while anything of it works, and no neighbour is touched. */
import { afterAll, beforeAll, expect, it } from 'vitest';

import { permissionsIn, publishedPermissions } from '../env/google-roles.ts';
import type { Fault, Match } from '../env/google-cloud.ts';
import { waitFor } from '../env/wait-for.ts';
import { projectId } from '../env/google-cloud-world.ts';
import { addSoakingAgent, byUid, dependencyOf, goOn, retire, startGoogleCloudStage } from './google-cloud-stage.ts';
import type { GoogleAgent, GoogleCloudStage } from './google-cloud-stage.ts';
import { changeRun, dependencyOfRun, done, failsAt, saysOf } from './runs.ts';
import { expectAlive } from './stage.ts';

let stage: GoogleCloudStage;

beforeAll(async () => {
  // Of one test that takes a right of the operator's away in the cluster.
  stage = await startGoogleCloudStage({ stage: { args: ['--kubernetes-settle=1s', '--leader-election=false', '--allow-loopback-http'], mayBeDenied: true } });
  await stage.connect({ name: 'patient', settle: '3s' });
});
afterAll(async () => {
  await stage.google.calm();
  await stage.stop();
});

/** Calls about this agent's bucket or account alone, so that the others go on. */
const ofBucket = ({ name }: GoogleAgent): Match => ({ service: 'storage', path: `/b/acme-${name}/iam` });
const ofAccount = ({ account }: GoogleAgent, what = ''): Match => ({ service: 'iam', path: `/serviceAccounts/(${account.uniqueId}|${account.email.replaceAll('.', '\\.')})${what}` });

/** While the calls that match meet this. */
const meanwhile = async (match: Match, fault: Fault, act: () => Promise<void>): Promise<void> => {
  const mend = await stage.google.fault({ match, fault });
  await act().finally(mend);
};

/** It has ended, and it was true: for the identity, and for everybody else. */
const endsTruly = async (agent: GoogleAgent): Promise<void> => {
  // Whoever has mended what stood in its way wakes it.
  await changeRun(stage, agent, { deadline: '2h' });
  await stage.reason(agent.namespace, 'retire', done, 110_000);
  await stage.oracle.judged(agent);
  await stage.expectNeighbours(agent);
};

const nothingClaimed = (agent: GoogleAgent): void => {
  expect(stage.oracle.claims(agent)).toBe(0);
};

it.concurrent.each<readonly [string, Fault]>([
  ['busy', { kind: 'status', status: 429, retryAfter: '1' }],
  ['crowded', { kind: 'status', status: 429 }],
  ['unavailable', { kind: 'status', status: 503 }],
  ['silent', { kind: 'hang' }],
  ['astray', { kind: 'html' }],
  ['empty', { kind: 'empty' }],
  ['cut', { kind: 'cut' }],
  ['broken', { kind: 'reset' }],
])('a way to Google Cloud that is %s makes nothing absent', async (name, fault) => {
  const agent = await addSoakingAgent(stage, name);
  await meanwhile(ofBucket(agent), fault, async () => {
    await goOn(stage, agent);
    await failsAt(stage, agent, 'google');
    nothingClaimed(agent);
  });
  await endsTruly(agent);
});

it.concurrent('a write that is answered as done and changes nothing is no end', async () => {
  const agent = await addSoakingAgent(stage, 'unchanged');
  await meanwhile({ ...ofBucket(agent), method: 'PUT' }, { kind: 'nothing' }, async () => {
    await goOn(stage, agent);
    await saysOf(stage, agent, 'google', /still there/);
    nothingClaimed(agent);
  });
  await endsTruly(agent);
});

it.concurrent('a disable that is answered as done and changes nothing is no lock', async () => {
  const agent = await stage.addAgent('unlocked');
  await meanwhile(ofAccount(agent, ':disable'), { kind: 'nothing' }, async () => {
    await stage.apply(retire(agent));
    await saysOf(stage, agent, 'google', /lock is not confirmed/);
    await expectAlive(agent);
  });
  await endsTruly(agent);
});

it.concurrent('a key that is answered as deleted and is not is no end', async () => {
  const agent = await addSoakingAgent(stage, 'keyholder');
  await meanwhile({ ...ofAccount(agent, '/keys/'), method: 'DELETE' }, { kind: 'nothing' }, async () => {
    await goOn(stage, agent);
    await saysOf(stage, agent, 'google', /still there/);
    nothingClaimed(agent);
  });
  await endsTruly(agent);
});

it.concurrent('somebody who writes the same policy all the time keeps his, and loses nothing', async () => {
  const agent = await addSoakingAgent(stage, 'stormy');
  await stage.google.fault({ match: { ...ofBucket(agent), method: 'PUT' }, fault: { kind: 'conflict' }, times: 6 });
  await stage.google.conflict(agent.bucket, 4);
  await goOn(stage, agent);
  await endsTruly(agent);
  expect((await stage.google.counts())[agent.bucket]?.conflicts).toBeGreaterThanOrEqual(6);
});

it.concurrent('a policy of 1,500 members with conditions is left as it was but for its own', async () => {
  const agent = await stage.addAgent('crowd');
  const project = `projects/${projectId}`;
  const condition = { title: 'office hours', description: 'of the others', expression: 'request.time < timestamp("2099-01-01T00:00:00Z")' };
  const members = Array.from({ length: 740 }, (_, index) => `user:colleague-${String(index)}@example.com`);
  const bucket = await stage.google.addBucket(projectId, 'acme-crowd-of-many');
  await stage.google.writePolicy(bucket, { bindings: [{ role: 'roles/viewer', members }, { role: 'roles/viewer', members, condition }] });
  const before = JSON.stringify((await stage.google.policy(bucket)).bindings);
  for (const own of [byUid(stage.pool, agent.uid), `serviceAccount:${agent.account.email}`]) await stage.google.grant(bucket, 'roles/viewer', own, condition);
  await stage.apply(retire(agent, '', dependencyOf(agent).replace(`resources: [${project}`, `resources: ["${bucket}", ${project}`)));
  await endsTruly(agent);
  expect(JSON.stringify((await stage.google.policy(bucket)).bindings)).toBe(before);
});

it.concurrent('an account that is enabled again while it is verified is ended again', async () => {
  const agent = await stage.addAgent('lazarus');
  await stage.apply(retire(agent, '', dependencyOf(agent).replace('{name: google}', '{name: patient}')));
  const isSettling = async (): Promise<boolean> =>
    ((await dependencyOfRun(stage, agent, 'google'))?.credentials ?? []).some((credential) => credential.class === 'ServiceAccount' && credential.state === 'Absent');
  await waitFor(isSettling, { what: 'the account to be absent once', timeout: 60_000, interval: 100 });
  await stage.google.changeAccount(agent.account.uniqueId, { disabled: false });
  nothingClaimed(agent);
  await endsTruly(agent);
  expect(await stage.google.account(agent.account.uniqueId)).toMatchObject({ disabled: true });
});

it.concurrent('a deleted account that is brought back while it is verified is ended again', async () => {
  const agent = await stage.addAgent('revenant');
  await stage.apply(retire(agent, '', dependencyOf(agent, '', ', onRetire: Delete').replace('{name: google}', '{name: patient}')));
  await waitFor(async () => (await stage.google.account(agent.account.uniqueId)).deleted, { what: 'the account to be deleted', timeout: 60_000, interval: 100 });
  await stage.google.changeAccount(agent.account.uniqueId, { deleted: false, disabled: false });
  nothingClaimed(agent);
  await endsTruly(agent);
  expect(await stage.google.account(agent.account.uniqueId)).toMatchObject({ deleted: true });
});

it.concurrent('an account that is made anew with the same e-mail is left alone, with what it has', async () => {
  const agent = await addSoakingAgent(stage, 'renewed');
  const { email, uniqueId } = agent.account;
  await stage.google.changeAccount(uniqueId, { deleted: true });
  const another = await stage.google.addServiceAccount(projectId, email.split('@')[0] ?? '');
  expect(another.uniqueId).not.toBe(uniqueId);
  await stage.google.grant(agent.bucket, 'roles/storage.objectViewer', `serviceAccount:${another.email}`);
  await goOn(stage, agent);
  await stage.reason(agent.namespace, 'retire', 'IdentityRecreated');
  expect(await stage.google.account(another.uniqueId)).not.toMatchObject({ disabled: true });
  const policy = await stage.google.policy(agent.bucket);
  expect(JSON.stringify(policy)).toContain(`"serviceAccount:${another.email}"`);
  await waitFor(async () => !JSON.stringify(await stage.google.policy(agent.bucket)).includes(`uid=${uniqueId}`), { what: 'what is left of the first account to be gone', timeout: 60_000 });
  nothingClaimed(agent);
});

it.concurrent('a project that is not there is told, before anything is touched', async () => {
  const agent = await stage.addAgent('mistaken');
  await stage.apply(retire(agent, '', dependencyOf(agent).replace(`[projects/${projectId}`, '[projects/acme-no-such')));
  await stage.reason(agent.namespace, 'retire', 'PermissionMissing');
  await saysOf(stage, agent, 'google', /acme-no-such.*no such project/);
  await expectAlive(agent);
});

it.concurrent('a probe that may not be made is told before anything is touched', async () => {
  const agent = await stage.addAgent('unprobed');
  await stage.apply(retire(agent, '', dependencyOf(agent, ', probe: true')));
  await stage.reason(agent.namespace, 'retire', 'PermissionMissing');
  await saysOf(stage, agent, 'google', /serviceaccounts\/token/);
  await expectAlive(agent);
});

/** Of runs that go on after what they met; they are waited for together. */
const ends: Promise<void>[] = [];
const letEnd = (agent: GoogleAgent): void => {
  const ended = endsTruly(agent);
  // Awaited by the last test but one.
  ended.catch(() => undefined);
  ends.push(ended);
};

it('a permission that is taken away half-way is named, and its return is enough', async () => {
  const agent = await addSoakingAgent(stage, 'denied');
  const role = `projects/${projectId}/roles/offboard`;
  const lost = 'storage.buckets.setIamPolicy';
  expect(permissionsIn('role')).toContain(lost);
  await stage.google.defineRole(role, publishedPermissions.filter((permission) => permission !== lost));
  try {
    await goOn(stage, agent);
    await stage.reason(agent.namespace, 'retire', 'PermissionMissing');
    await saysOf(stage, agent, 'google', /storage\.buckets\.setIamPolicy/);
    nothingClaimed(agent);
  } finally {
    await stage.google.defineRole(role, publishedPermissions);
  }
  letEnd(agent);
});

it('a process that is killed between the intent and the confirmation is taken up by the next', async () => {
  const agent = await addSoakingAgent(stage, 'orphaned');
  await meanwhile(ofBucket(agent), { kind: 'late', milliseconds: 1_000 }, async () => {
    await goOn(stage, agent);
    await waitFor(async () => JSON.stringify((await stage.run(agent.namespace, 'retire'))?.status?.dependencies).includes('revokeRequestedAt'), { what: 'the intent to be stored', interval: 50 });
    await stage.restartOperator('SIGKILL');
  });
  letEnd(agent);
});

it('whatever they met, they have all ended, and it was true', async () => {
  expect(ends.length).toBeGreaterThan(0);
  await Promise.all(ends);
});

it('reads that are late, and access that outlives its end, keep the run from its end until they are over', async () => {
  const agent = await stage.addAgent('late');
  const { google } = stage;
  await google.set({ stalePolicies: 1_000, staleAccounts: 1_000, propagation: 1_500 });
  await stage.apply(retire(agent, '', dependencyOf(agent).replace('{name: google}', '{name: patient}')));
  await endsTruly(agent);
});
