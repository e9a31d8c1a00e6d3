/** What the conformance kit does not ask: the ways of Google Cloud, on the fake that enforces, by effect where there is one. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { type GoogleCloud, startGoogleCloud } from '../env/google-cloud.ts';
import { waitFor } from '../env/wait-for.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { addProject, type Agent, type Project } from './google-cloud-agents.ts';
import type { Case, TestClient } from './google-cloud-connection.ts';

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
      [`access tokens through ${agent.own}`]: 'Expiry',
    });
    await opened.endAll();
    expect(await membersOf(name)).toContain(agent.bySubject);
    expect(await membersOf(name)).not.toContain(agent.byUid);
    await expect(opened.revoke(await opened.find(`${name} roles/viewer ${agent.bySubject}`))).rejects.toMatchObject({ reason: 'SharedAcrossClusters' });
  });
});

describe('a service account that others use', () => {
  it('is neither disabled nor deleted, and loses only what lets this identity in', async () => {
    const { name, addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    await google.grant(agent.own, 'roles/iam.workloadIdentityUser', other.legacy);
    await google.grant(name, 'roles/viewer', agent.byEmail);
    await google.addKey(agent.account.email);
    const opened = openAgent(agent, { serviceAccount: { email: agent.account.email, uniqueId: agent.account.uniqueId, onRetire: 'Delete' } });
    const { credentials, findings } = await opened.inventory();
    expect(findings.find(({ type }) => type === 'Shared')?.message).toContain(other.legacy);
    expect(credentials.map(({ class: kind, end }) => [kind, end.by === 'Person' ? end.reason : end.by])).toEqual([
      ['Binding', 'Revoke'],
      ['ServiceAccountKey', 'SharedAccount'],
      ['AccessTokens', 'Expiry'],
    ]);
    await opened.lock();
    expect(await opened.observeLock()).toMatchObject({ state: 'Present', message: expect.stringContaining('not disabled, since others use it') as string });
    await opened.endAll();
    await expect(agent.actAs()).rejects.toThrow('403');
    expect(await google.impersonate(await other.federated(), agent.account.email)).not.toBe('');
    expect(await membersOf(name)).toContain(agent.byEmail);
    expect(await google.account(agent.account.uniqueId)).toMatchObject({ disabled: false, deleted: false, description: 'The robot called build' });
  });

  it('is told as such right before it would be ended, however it was before', async () => {
    const { addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    const opened = openAgent(agent);
    const account = await opened.find(`projects/${agent.account.project}/serviceAccounts/${agent.account.email}`);
    await google.grant(agent.own, 'roles/iam.serviceAccountTokenCreator', other.byEmail);
    await expect(opened.revoke(account)).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'SharedAccount' });
    expect((await google.account(agent.account.uniqueId)).disabled).toBe(false);
    expect((await opened.observe(account)).state).toBe('Present');
  });

  it('is one that something runs as, and not one that people may look at', async () => {
    const { id, name, addAgent, open: openAgent } = await open();
    const [agent, watched] = [await addAgent('build'), await addAgent('watched')];
    const machine = `//compute.googleapis.com/projects/${id}/zones/europe-west1-b/instances/machine`;
    await google.attach({ name: machine, assetType: 'compute.googleapis.com/Instance', project: id, email: agent.account.email });
    await google.grant(watched.own, 'roles/iam.serviceAccountViewer', 'group:auditors@example.com');
    const options = { settings: { assetScope: name } };
    expect((await openAgent(agent, {}, options).inventory()).findings.find(({ type }) => type === 'Shared')?.message).toContain(`attached to ${machine}`);
    expect((await openAgent(watched, {}, options).inventory()).findings.map(({ type }) => type)).not.toContain('Shared');
  });

  it('leaves access tokens that are waited out from the moment when no more could be made', async () => {
    const { addAgent, open: openAgent } = await open();
    const [agent, release] = [await addAgent('build'), await addAgent('release')];
    await google.grant(release.own, 'roles/iam.serviceAccountTokenCreator', agent.byUid);
    const opened = openAgent(agent, { resources: [release.own] }, { settings: { accessTokenLifetime: 700 } });
    const tokens = await opened.find(`access tokens through ${release.own}`);
    expect(await opened.observe(tokens)).toMatchObject({ state: 'Present', message: 'more of them can still be made' });
    await opened.endAll();
    const first = await opened.observe(tokens);
    expect(first).toMatchObject({ state: 'Present', message: expect.stringContaining('made before') as string });
    expect((await opened.observe(tokens)).expiresAt?.getTime()).toBeCloseTo(first.expiresAt?.getTime() ?? 0, -2);
    expect((await opened.inventory()).credentials.map(({ id }) => id)).toContain(tokens.id);
    await waitFor(async () => (await opened.observe(tokens)).state === 'Absent');
    expect(Date.now()).toBeGreaterThanOrEqual((first.expiresAt?.getTime() ?? Infinity) - 5);
  });
});
