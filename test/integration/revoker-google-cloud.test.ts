/** What the conformance kit does not ask: the ways of Google Cloud, on the fake that enforces, by effect where there is one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { type GoogleCloud, startGoogleCloud } from '../env/google-cloud.ts';
import { waitFor } from '../env/wait-for.ts';
import type { ImpersonationProbe } from '../../src/revokers/google-cloud/api.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { needsPerson } from '../../src/runtime/outcome.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { addProject, type Agent, type Project } from './google-cloud-agents.ts';
import { type Case, openCase, type TestClient } from './google-cloud-connection.ts';

let google: GoogleCloud;
const opened: TestClient[] = [];

beforeAll(async () => {
  google = await startGoogleCloud();
  await google.addOrganization('1');
});
afterEach(() => google.calm());
afterAll(async () => {
  await Promise.all(opened.map(({ close }) => close()));
  await google.stop();
});

const open = (): Promise<Project> => addProject(google, opened);

const ends = async (opened: Case): Promise<Readonly<Record<string, string>>> => {
  const { credentials } = await opened.inventory();
  return Object.fromEntries(credentials.map(({ id, end }) => [id, end.by === 'Person' ? end.reason : end.by]));
};

const membersOf = async (resource: string): Promise<readonly string[]> => ((await google.policy(resource)).bindings ?? []).flatMap(({ members }) => members);

const until2100 = { title: 'until 2100', expression: 'request.time < timestamp("2100-01-01T00:00:00Z")' };

describe('members of policies', () => {
  it('are taken out in every form in which the identity is one, and nobody else is', async () => {
    const { id, name, pool, addAgent, open: openAgent } = await open();
    const [agent, neighbour] = [await addAgent('build'), await addAgent('build-2')];
    const folder = await google.addFolder(`7${id.replace(/\D/g, '')}`, 'organizations/1');
    const resources = [
      name,
      folder,
      await google.addBucket(id, `${id}-artifacts`, { 'a.txt': 'hello' }),
      await google.addSecret(id, 'deploy', 's3cret'),
      await google.addResource(id, `//cloudkms.googleapis.com/projects/${id}/locations/europe-west1/keyRings/r/cryptoKeys/k`),
      await google.addResource(id, `//artifactregistry.googleapis.com/projects/${id}/locations/europe-west1/repositories/images`),
    ];
    const operator = `projects/${id}/roles/offboard`;
    await google.grant(folder, operator, `serviceAccount:offboard@${id}.iam.gserviceaccount.com`);
    const set = `principalSet://iam.googleapis.com/${pool.name}`;
    const crowds = [`${set}/namespace/ci`, `${set}/*`, 'group:builders@example.com', 'allAuthenticatedUsers'];
    const formsOf = ({ byEmail, legacy, bySubject, byUid, identity: { uid } }: Agent): readonly string[] => [byEmail, legacy, bySubject, byUid, `${set}/kubernetes.serviceaccount.uid/${uid}`];
    for (const resource of resources) {
      for (const member of [...formsOf(neighbour), ...formsOf(agent), ...crowds]) await google.grant(resource, 'roles/browser', member);
      for (const member of [agent.byEmail, neighbour.byEmail]) await google.grant(resource, 'roles/viewer', member, until2100);
    }
    const before = await Promise.all(resources.map((resource) => google.policy(resource)));
    const opened = openAgent(agent, { resources });
    const { findings } = await opened.inventory();
    expect(findings.filter(({ type }) => type === 'Inherited').map(({ object }) => object).sort()).toEqual([...resources].sort());
    expect(findings.filter(({ type }) => type === 'NotProvable')).toHaveLength(resources.length);
    const after = await opened.endAll();
    expect(Object.keys(after)).toHaveLength(resources.length * 6 + 2);
    expect([...new Set(Object.values(after))]).toEqual(['Absent']);
    const mine = new Set(formsOf(agent));
    for (const [index, resource] of resources.entries()) {
      const left = (before[index]?.bindings ?? []).map((binding) => ({ ...binding, members: binding.members.filter((member) => !mine.has(member)) }));
      expect((await google.policy(resource)).bindings, resource).toEqual(left);
    }
  });

  it('of a policy with 1,500 members and conditions leave all else as it was, in one write', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const others = Array.from({ length: 1_497 }, (_, index) => `user:person-${String(index)}@example.com`);
    const bindings = [
      { role: 'roles/viewer', members: [...others.slice(0, 700), agent.byEmail] },
      { role: 'roles/viewer', members: [agent.byEmail, ...others.slice(700, 1_400)], condition: until2100 },
      { role: 'roles/browser', members: others.slice(1_400) },
      { role: `${name}/roles/offboard`, members: [`serviceAccount:offboard@${name.replace('projects/', '')}.iam.gserviceaccount.com`] },
    ];
    await google.writePolicy(name, { bindings });
    await google.clearLog();
    const opened = openAgent(agent);
    const after = await opened.endAll();
    expect([...new Set(Object.values(after))]).toEqual(['Absent']);
    const left = bindings.map((binding) => ({ ...binding, members: binding.members.filter((member) => member !== agent.byEmail) }));
    expect(JSON.stringify((await google.policy(name)).bindings)).toBe(JSON.stringify(left));
  });

  it('of many identities on one project leave it in few writes, and each is told its own', async () => {
    const { name, connectors, addAgent, open: openAgent } = await open();
    const kind = createGoogleCloudKind({ connectors: connectors(), clock: systemClock, random: systemRandom, isForeign: () => false });
    const agents = await Promise.all(Array.from({ length: 30 }, (_, index) => addAgent(`build-${String(index)}`)));
    for (const { byEmail } of agents) await google.grant(name, 'roles/viewer', byEmail);
    const memberships = await Promise.all(
      agents.map(async (agent) => {
        const opened = openAgent(agent, {}, { kind });
        return { opened, credential: await opened.find(`${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`) };
      }),
    );
    await google.clearLog();
    expect(await Promise.all(memberships.map(({ opened, credential }) => opened.revoke(credential)))).toEqual(agents.map(() => 'Accepted'));
    const writes = (await google.requests()).filter(({ path }) => path.includes(':setIamPolicy')).length;
    expect(writes).toBeLessThanOrEqual(3);
    expect(await Promise.all(memberships.map(async ({ opened, credential }) => (await opened.observe(credential)).state))).toEqual(agents.map(() => 'Absent'));
  });

  it('are found by the search where they were not named, and left to a person where the connector does not grant that', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const [granted, other] = [await google.addBucket(id, `${id}-ci`), await google.addBucket(id, `${id}-finance`)];
    for (const bucket of [granted, other]) await google.grant(bucket, 'roles/storage.objectViewer', agent.bySubject);
    const opened = openAgent(agent, {}, { settings: { assetScope: name }, grants: (resource) => resource.endsWith('-ci') });
    const found = await ends(opened);
    expect(found).toMatchObject({ [`${granted} roles/storage.objectViewer ${agent.bySubject}`]: 'Revoke', [`${other} roles/storage.objectViewer ${agent.bySubject}`]: 'NotGranted' });
    const { findings } = await opened.inventory();
    expect(findings.map(({ object }) => object)).not.toContain('other resources');
    await opened.endAll();
    expect([await membersOf(granted), await membersOf(other)]).toEqual([[], [agent.bySubject]]);
  });

  it('are told once, whatever the resource is called', async () => {
    const { id, name, number, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const bucket = await google.addBucket(id, `${id}-artifacts`);
    await google.grant(name, 'roles/viewer', agent.byEmail);
    await google.grant(bucket, 'roles/storage.objectViewer', agent.byEmail);
    const resources = [`projects/${number}`, name, `//cloudresourcemanager.googleapis.com/projects/${id}`, bucket, `//storage.googleapis.com/projects/_/buckets/${id}-artifacts`, `//iam.googleapis.com/projects/${number}/serviceAccounts/${agent.account.email}`];
    const opened = openAgent(agent, { resources });
    expect(Object.keys(await ends(opened))).toEqual([
      `${agent.own} roles/iam.workloadIdentityUser ${agent.legacy}`,
      `${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`,
      `${bucket} roles/storage.objectViewer ${agent.byEmail}?uid=${agent.account.uniqueId}`,
      `${name}/serviceAccounts/${agent.account.email}`,
    ]);
    expect([...new Set(Object.values(await opened.endAll()))]).toEqual(['Absent']);
  });

  it('by a name that other clusters share are left to a person, and the UID goes', async () => {
    const { name, pool, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    for (const member of [agent.bySubject, agent.byUid]) await google.grant(name, 'roles/viewer', member);
    const opened = openAgent(agent, {}, { settings: { pools: [{ name: pool.name, shared: true, subject: 'ns/{namespace}/sa/{name}' }] } });
    expect(await ends(opened)).toEqual({
      [`${agent.own} roles/iam.workloadIdentityUser ${agent.legacy}`]: 'SharedAcrossClusters',
      [`${name} roles/viewer ${agent.bySubject}`]: 'SharedAcrossClusters',
      [`${name} roles/viewer ${agent.byUid}`]: 'Revoke',
      'access tokens': 'Expiry',
    });
    await opened.endAll();
    expect(await membersOf(name)).toContain(agent.bySubject);
    expect(await membersOf(name)).not.toContain(agent.byUid);
    await expect(opened.revoke(await opened.find(`${name} roles/viewer ${agent.bySubject}`))).rejects.toMatchObject({ reason: 'SharedAcrossClusters' });
  });
});

it('takes out what a ServiceAccount has without any service account, of which there is none to lock', async () => {
  const { name, addAgent, connectors } = await open();
  const agent = await addAgent('build');
  for (const member of [agent.byUid, agent.byEmail]) await google.grant(name, 'roles/viewer', member);
  const opened = openCase(connectors(), agent.identity, { resources: [name] });
  expect(opened.revoker.lock).toMatchObject({ kind: 'NotLockable', explanation: expect.stringContaining('no service account') as string });
  expect(await opened.endAll()).toEqual({ [`${name} roles/viewer ${agent.byUid}`]: 'Absent' });
  expect(await membersOf(name)).toContain(agent.byEmail);
  const foreign = openCase(connectors(), { ...agent.identity, uid: 'of-another' }, { resources: [name] }, { isForeign: () => true });
  await expect(foreign.inventory()).rejects.toMatchObject({ reason: 'UIDMismatch' });
});

describe('a service account that is another by now', () => {
  it('is left alone with its roles and keys, and the roles of the one before are gone with it', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    const opened = openAgent(agent);
    const membership = await opened.find(`${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`);
    const before = await opened.find(`${name}/serviceAccounts/${agent.account.email}`);
    await google.changeAccount(agent.account.uniqueId, { deleted: true });
    const successor = await google.addServiceAccount(id, 'build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    await google.addKey(successor.email);
    const deleted = `deleted:${agent.byEmail}?uid=${agent.account.uniqueId}`;
    expect(await ends(opened)).toEqual({ [`${name} roles/viewer ${deleted}`]: 'Revoke', [before.id]: 'IdentityRecreated' });
    expect([await opened.revoke(membership), await opened.revoke(before), (await opened.observe(membership)).state, (await opened.observe(before)).state]).toEqual(['NothingThere', 'NothingThere', 'Absent', 'Absent']);
    await opened.lock();
    await opened.endAll();
    expect(await membersOf(name)).not.toContain(deleted);
    expect(await membersOf(name)).toContain(agent.byEmail);
    expect([await google.account(successor.uniqueId), (await google.keys(successor.email)).length]).toMatchObject([{ disabled: false, deleted: false }, 1]);
  });

  it('is told between the read of a policy and its write', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    let asked = 0;
    let armed = false;
    const opened = openAgent(agent, {}, {
      onRequest: async ({ method, path }) => {
        // The first question is that of the revoke, the second that of the write.
        if (!armed || method !== 'GET' || path.at(-1) !== agent.account.email || ++asked !== 2) return;
        await google.changeAccount(agent.account.uniqueId, { deleted: true });
        await google.addServiceAccount(id, 'build');
        await google.grant(name, 'roles/viewer', agent.byEmail);
      },
    });
    const membership = await opened.find(`${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`);
    armed = true;
    await google.clearLog();
    await expect(opened.revoke(membership)).rejects.toMatchObject({ reason: 'IdentityRecreated' });
    expect((await google.requests()).filter(({ path }) => path.includes(':setIamPolicy'))).toEqual([]);
    expect(await membersOf(name)).toContain(agent.byEmail);
  });

  it('is known as such where nobody pinned the first, by what the run keeps of the first inventory', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const { pinned } = await openAgent(agent, { serviceAccount: { email: agent.account.email } }).inventory();
    const serviceAccount = pinned?.googleCloud?.serviceAccount;
    expect(serviceAccount).toEqual({ email: agent.account.email, uniqueId: agent.account.uniqueId });
    await google.changeAccount(agent.account.uniqueId, { deleted: true });
    await google.addServiceAccount(id, 'build');
    expect(await ends(openAgent(agent, { ...(serviceAccount && { serviceAccount }) }))).toEqual({ [`${name}/serviceAccounts/${agent.account.email}`]: 'IdentityRecreated' });
  });

  it('is not the one whose unique id was pinned by mistake, nor the one that Offboard is', async () => {
    const { operator, addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    const wrong = openAgent(agent, { serviceAccount: { email: agent.account.email, uniqueId: other.account.uniqueId } });
    await expect(wrong.inventory()).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'UIDMismatch' });
    const own = openAgent(agent, { serviceAccount: { email: operator.email } });
    for (const call of [own.inventory, own.lock]) await expect(call()).rejects.toMatchObject({ reason: 'ProtectedIdentity' });
    expect(await google.account(operator.email)).toMatchObject({ disabled: false });
  });

  it('is nobody where there never was one, until a person says who it was', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    await google.changeAccount(agent.account.uniqueId, { deleted: true });
    const [unknown, pinned] = [openAgent(agent, { serviceAccount: { email: agent.account.email } }), openAgent(agent)];
    const account = await unknown.find(`projects/${id}/serviceAccounts/${agent.account.email}`);
    expect(account.end).toMatchObject({ by: 'Person', reason: 'AccountUnknown' });
    expect((await unknown.observe(account)).state).toBe('Unknown');
    expect([...new Set(Object.values(await pinned.endAll()))]).toEqual(['Absent']);
    expect(await membersOf(name)).not.toContain(`deleted:${agent.byEmail}?uid=${agent.account.uniqueId}`);
  });

  it('comes back with what it had when somebody undeletes it, and is ended again', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const { email, uniqueId } = agent.account;
    const opened = openAgent(agent, { serviceAccount: { email, uniqueId, onRetire: 'Delete' } });
    await opened.endAll();
    const [account] = (await opened.inventory()).credentials;
    if (account === undefined) throw new Error('the account is not listed');
    expect((await opened.observe(account)).state).toBe('Absent');
    await google.changeAccount(uniqueId, { deleted: false, disabled: false });
    await google.grant(name, 'roles/viewer', agent.byEmail);
    expect((await opened.observe(account)).state).toBe('Present');
    expect((await opened.inventory()).credentials.filter(({ seen }) => seen).map(({ class: kind }) => kind)).toEqual(['Binding', 'ServiceAccount']);
    await opened.endAll();
    expect([(await opened.observe(account)).state, (await google.account(uniqueId)).deleted]).toEqual(['Absent', true]);
  });

  it('took its keys and its own policy along, also where Google only says that we may not see those', async () => {
    const { addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const { email, uniqueId } = agent.account;
    await google.addKey(email);
    const opened = openAgent(agent, { serviceAccount: { email, uniqueId, onRetire: 'Delete' } });
    const { credentials } = await opened.inventory();
    const states = async (): Promise<readonly string[]> => [...new Set(await Promise.all(credentials.map(async (credential) => (await opened.observe(credential)).state)))];
    const forbidden = { kind: 'status', status: 403, body: { error: { code: 403, status: 'PERMISSION_DENIED', message: 'The caller does not have permission' } } } as const;
    await google.fault({ match: { service: 'iam', path: '/keys/|:getIamPolicy' }, fault: forbidden });
    expect(await states()).toEqual(['Unknown', 'Present']);
    await google.changeAccount(uniqueId, { deleted: true });
    expect(await states()).toEqual(['Absent']);
  });

  it('is deleted only once nothing else of it is left', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const { email, uniqueId } = agent.account;
    await google.grant(name, 'roles/viewer', agent.byEmail);
    const opened = openAgent(agent, { serviceAccount: { email, uniqueId, onRetire: 'Delete' } });
    const account = await opened.find(`${name}/serviceAccounts/${email}`);
    expect(await opened.revoke(account)).toBe('Accepted');
    expect(await google.account(uniqueId)).toMatchObject({ disabled: true, deleted: false });
    expect(await opened.observe(account)).toMatchObject({ state: 'Present', message: expect.stringContaining('deleted once no role and no key') as string });
    await opened.endAll();
    expect(await google.account(uniqueId)).toMatchObject({ deleted: true });
  });
});

describe('when things go wrong', () => {
  it('goes on after conflicts, and keeps what others changed meanwhile', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    const opened = openAgent(agent);
    const membership = await opened.find(`${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`);
    await google.meddle(name, 'roles/viewer', 'user:alice@example.com', 3);
    expect(await opened.revoke(membership)).toBe('Accepted');
    expect((await opened.observe(membership)).state).toBe('Absent');
    expect(await membersOf(name)).toContain('user:alice@example.com');
  });

  it('repeats the whole cycle on a conflict in Cloud Storage, which tells it otherwise', async () => {
    const { id, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const bucket = await google.addBucket(id, `${id}-artifacts`);
    await google.grant(bucket, 'roles/storage.objectViewer', agent.byUid);
    const opened = openAgent(agent, { resources: [bucket] });
    const membership = await opened.find(`${bucket} roles/storage.objectViewer ${agent.byUid}`);
    await google.meddle(bucket, 'roles/storage.objectViewer', 'user:alice@example.com', 1);
    expect(await opened.revoke(membership)).toBe('Accepted');
    expect(await membersOf(bucket)).toEqual(['user:alice@example.com']);
  });

  it('believes no success that changed nothing', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    await google.addKey(agent.account.email);
    const opened = openAgent(agent);
    for (const method of ['POST', 'DELETE', 'PATCH']) await google.fault({ match: { method, path: ':setIamPolicy|:disable|/keys/|serviceAccounts/\\d+$' }, fault: { kind: 'nothing' } });
    expect([...new Set(Object.values(await opened.endAll()))]).toEqual(['Present']);
    await opened.lock();
    expect((await opened.observeLock()).state).toBe('Absent');
    await google.calm();
    expect([...new Set(Object.values(await opened.endAll()))]).toEqual(['Absent']);
  });

  it('sees what was ended only once Google shows it', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    const opened = openAgent(agent);
    await google.set({ stalePolicies: 700 });
    const membership = await waitFor(() => opened.find(`${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`));
    expect(await opened.revoke(membership)).toBe('Accepted');
    expect((await opened.observe(membership)).state).toBe('Present');
    expect(await membersOf(name)).not.toContain(agent.byEmail);
    await waitFor(async () => (await opened.observe(membership)).state === 'Absent');
  });

  it('names the permission that was taken away half-way, and the resource, and goes on when it is back', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.grant(name, 'roles/viewer', agent.byEmail);
    const opened = openAgent(agent);
    const membership = await opened.find(`${name} roles/viewer ${agent.byEmail}?uid=${agent.account.uniqueId}`);
    await google.defineRole(`projects/${id}/roles/offboard`, ['*.get', '*.list', '*.getIamPolicy']);
    await expect(opened.revoke(membership)).rejects.toMatchObject({ reason: 'PermissionMissing', message: expect.stringMatching(new RegExp(`takes resourcemanager.projects.setIamPolicy on ${name}`)) as string });
    expect((await opened.observe(membership)).state).toBe('Present');
    await google.defineRole(`projects/${id}/roles/offboard`, ['resourcemanager.projects.setIamPolicy']);
    expect(await opened.observe(membership)).toMatchObject({ state: 'Unknown', message: expect.stringContaining('resourcemanager.projects.getIamPolicy') as string });
    await google.defineRole(`projects/${id}/roles/offboard`, ['*']);
    expect(await opened.revoke(membership)).toBe('Accepted');
    expect((await opened.observe(membership)).state).toBe('Absent');
  });

  it('takes a project that is not there for one that it may not read', async () => {
    const { addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await expect(openAgent(agent, { resources: ['projects/no-such-project'] }).inventory()).rejects.toMatchObject({ reason: 'PermissionMissing' });
    const elsewhere = openAgent(agent, { serviceAccount: { email: 'build@no-such-project.iam.gserviceaccount.com', uniqueId: agent.account.uniqueId } });
    await expect(elsewhere.inventory()).rejects.toMatchObject({ reason: 'PermissionMissing' });
    const account = await openAgent(agent).find(`projects/${agent.account.project}/serviceAccounts/${agent.account.email}`);
    expect((await elsewhere.observe({ ...account, id: 'projects/no-such-project/serviceAccounts/build@no-such-project.iam.gserviceaccount.com' })).state).toBe('Unknown');
  });

  it('ends nothing that a status names and that is not the identity\'s', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    for (const { byEmail } of [agent, other]) await google.grant(name, 'roles/viewer', byEmail);
    const key = (await google.addKey(other.account.email)).private_key_id;
    const hmacKey = await google.addHmacKey(other.account.email);
    const opened = openAgent(agent);
    const end = { by: 'Revoke' } as const;
    const forged = [
      { id: `${name} roles/viewer ${other.byEmail}?uid=${other.account.uniqueId}`, class: 'Binding', end, seen: true },
      { id: `${name} roles/viewer ${other.byEmail}`, class: 'Binding', end, seen: true },
      { id: `${other.own} roles/iam.workloadIdentityUser ${other.legacy}`, class: 'Binding', end, seen: true },
      { id: `projects/${id}/serviceAccounts/${other.account.uniqueId}/keys/${key}`, class: 'ServiceAccountKey', end, seen: true },
      { id: `projects/${id}/hmacKeys/${hmacKey.accessId}`, class: 'HmacKey', end, seen: true },
      { id: `projects/${id}/serviceAccounts/${other.account.email}`, uid: other.account.uniqueId, class: 'ServiceAccount', end, seen: true },
    ];
    const before = [await google.policy(name), await google.policy(other.own)];
    for (const credential of forged) {
      const [result] = await Promise.allSettled([opened.revoke(credential)]);
      expect(result.status === 'fulfilled' ? result.value : (result.reason as { readonly reason: string }).reason, credential.id).toMatch(/^(NothingThere|NotRevocable)$/);
    }
    expect([await google.policy(name), await google.policy(other.own)]).toEqual(before);
    expect([await google.keys(other.account.email), await google.account(other.account.uniqueId)]).toMatchObject([[key], { disabled: false, deleted: false }]);
  });

  it('leaves an account as somebody else had disabled it, and asks a person where nobody can tell who did', async () => {
    const { id, addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    await google.changeAccount(agent.account.uniqueId, { description: 'x'.repeat(250) });
    const opened = openAgent(agent);
    await opened.lock();
    expect(await opened.observeLock()).toMatchObject({ state: 'Present', message: expect.stringContaining('no room for a mark') as string });
    await expect(opened.unlock()).rejects.toMatchObject({ reason: 'LockUnmarked', message: expect.stringContaining(`gcloud iam service-accounts enable ${agent.account.email} --project=${id}`) as string });
    expect((await google.account(agent.account.uniqueId)).disabled).toBe(true);
  });
});

it('is unlocked as it was, with what somebody else wrote into its description meanwhile', async () => {
  const { addAgent, open: openAgent } = await open();
  const agent = await addAgent('build');
  const opened = openAgent(agent);
  await opened.lock();
  const { description } = await google.account(agent.account.uniqueId);
  expect(description).toMatch(/^The robot called build \[disabled by Offboard: [0-9a-f]{16}\]$/);
  await google.changeAccount(agent.account.uniqueId, { description: `${description ?? ''}, of team CI` });
  await opened.unlock();
  expect(await google.account(agent.account.uniqueId)).toMatchObject({ disabled: false, description: 'The robot called build, of team CI' });
});

describe('the positive control of a probe', () => {
  const withProbe = async (answer: 'Worked' | 'Refused' | Error) => {
    const { addAgent, open: openAgent } = await open();
    const agent = await addAgent('build');
    const disabledWhenAsked: boolean[] = [];
    const probe: ImpersonationProbe = {
      control: async () => {
        disabledWhenAsked.push((await google.account(agent.account.uniqueId)).disabled);
        if (answer instanceof Error) throw answer;
        return answer;
      },
      attempt: async () => {
        if (answer !== 'Worked') return undefined;
        return agent.actAs().then(() => ({ state: 'Present', method: 'probe' }) as const, () => ({ state: 'Absent', method: 'probe' }) as const);
      },
    };
    const { email, uniqueId } = agent.account;
    return { agent, disabledWhenAsked, opened: openAgent(agent, { serviceAccount: { email, uniqueId }, probe: true }, { probe }) };
  };

  it('is taken before the account is disabled, and makes a refusal count', async () => {
    const { agent, disabledWhenAsked, opened } = await withProbe('Worked');
    const impersonation = await opened.find(`impersonation of ${agent.account.email}`);
    expect(await opened.observe(impersonation)).toMatchObject({ state: 'Present', method: 'probe' });
    await opened.lock();
    expect(disabledWhenAsked).toEqual([false]);
    expect(await opened.observe(impersonation)).toMatchObject({ state: 'Absent', method: 'probe' });
  });

  it('proves nothing where it was refused, and is no error: the policy tells alone, and says so', async () => {
    const { agent, opened } = await withProbe('Refused');
    const impersonation = await opened.find(`impersonation of ${agent.account.email}`);
    expect(await opened.observe(impersonation)).toMatchObject({ state: 'Present', method: 'getIamPolicy (no positive control)' });
    await opened.lock();
    expect((await opened.inventory()).findings.find(({ object }) => object === 'the probe')?.message).toContain('proves nothing');
    expect(await opened.observe(impersonation)).toMatchObject({ state: 'Absent', method: 'getIamPolicy (no positive control)' });
  });

  it('keeps the account from being locked where it could not be tried, since it could not be taken later', async () => {
    const { agent, opened } = await withProbe(needsPerson('PermissionMissing', 'it takes create on serviceaccounts/token'));
    await expect(opened.lock()).rejects.toMatchObject({ reason: 'PermissionMissing' });
    expect((await google.account(agent.account.uniqueId)).disabled).toBe(false);
  });
});
