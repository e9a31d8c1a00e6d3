/** A service account that others use as well stays theirs; this identity's part of it goes, and what it made is waited out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type GoogleCloud, startGoogleCloud } from '../env/google-cloud.ts';
import { waitFor } from '../env/wait-for.ts';
import { addProject, type Project } from './google-cloud-agents.ts';
import type { TestClient } from './google-cloud-connection.ts';

let google: GoogleCloud;
const opened: TestClient[] = [];

beforeAll(async () => {
  google = await startGoogleCloud();
  await google.addOrganization('1');
});
afterAll(async () => {
  await Promise.all(opened.map(({ close }) => close()));
  await google.stop();
});

const open = (): Promise<Project> => addProject(google, opened);

const membersOf = async (resource: string): Promise<readonly string[]> => ((await google.policy(resource)).bindings ?? []).flatMap(({ members }) => members);

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
    const tokens = await opened.find('access tokens');
    expect(await opened.observe(tokens)).toMatchObject({ state: 'Present', message: expect.stringContaining('more of them can still be made') as string });
    await opened.endAll();
    const first = await opened.observe(tokens);
    expect(first).toMatchObject({ state: 'Present', message: expect.stringContaining('made before') as string });
    expect((await opened.observe(tokens)).expiresAt?.getTime()).toBeCloseTo(first.expiresAt?.getTime() ?? 0, -2);
    expect((await opened.inventory()).credentials.map(({ id }) => id)).toContain(tokens.id);
    await waitFor(async () => (await opened.observe(tokens)).state === 'Absent');
    expect(Date.now()).toBeGreaterThanOrEqual((first.expiresAt?.getTime() ?? Infinity) - 5);
    // A token of the one may have made a token of another in its last moment.
    expect((await opened.inventory()).findings).toContainEqual(expect.objectContaining({ type: 'NotProvable', object: 'access tokens' }));
  });

  it('is not told to be over while a token of a key lives, however late somebody deleted the key', async () => {
    const { id, operator, addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    const bucket = await google.addBucket(id, `${id}-artifacts`, { 'a.txt': 'hello' });
    await google.grant(bucket, 'roles/storage.objectViewer', agent.byEmail);
    await google.grant(agent.own, 'roles/iam.workloadIdentityUser', other.legacy);
    const keyFile = await google.addKey(agent.account.email);
    const opened = openAgent(agent, {}, { settings: { accessTokenLifetime: 60_000 } });
    await opened.endAll();
    const tokens = await opened.find('access tokens');
    expect(await opened.observe(tokens)).toMatchObject({ message: expect.stringContaining('more of them can still be made') as string });
    const token = await google.keyLogin(keyFile);
    const path = `/v1/projects/${id}/serviceAccounts/${agent.account.uniqueId}/keys/${keyFile.private_key_id}`;
    expect((await google.call('DELETE', path, await operator.token())).status).toBe(200);
    expect(await google.open(token, { bucket: `${id}-artifacts`, object: 'a.txt' })).toBe(200);
    expect(await opened.observe(tokens)).toMatchObject({ state: 'Present', message: expect.stringContaining('made before') as string });
  });

  it('is waited out where a role or a lock of before is nowhere to be seen any more', async () => {
    const { id, addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    const bucket = await google.addBucket(id, `${id}-artifacts`, { 'a.txt': 'hello' });
    await google.grant(bucket, 'roles/storage.objectViewer', agent.byEmail);
    const token = await agent.actAs();
    const opened = openAgent(agent, {}, { settings: { accessTokenLifetime: 60_000 } });
    await opened.lock();
    expect([...new Set(Object.values(await opened.endAll()))]).toEqual(['Absent']);
    // Somebody else takes the account into use.
    await google.grant(bucket, 'roles/storage.objectViewer', agent.byEmail);
    await google.grant(agent.own, 'roles/iam.workloadIdentityUser', other.legacy);
    await google.changeAccount(agent.account.uniqueId, { disabled: false });
    expect(await google.open(token, { bucket: `${id}-artifacts`, object: 'a.txt' })).toBe(200);
    for (const process of [opened, openAgent(agent, {}, { settings: { accessTokenLifetime: 60_000 } })]) {
      const tokens = await process.find('access tokens');
      expect(tokens).toMatchObject({ end: { by: 'Expiry' }, seen: false });
      expect(await process.observe(tokens)).toMatchObject({ state: 'Present', message: expect.stringContaining('made before') as string });
    }
  });

  it('is nobody\'s any more once all who shared it are retired, at the same time, and is ended then', async () => {
    const { addAgent, open: openAgent } = await open();
    const [agent, other] = [await addAgent('build'), await addAgent('deploy')];
    await google.grant(agent.own, 'roles/iam.workloadIdentityUser', other.legacy);
    await google.addKey(agent.account.email);
    const both = [openAgent(agent), openAgent({ ...other, account: agent.account })];
    const classes = (): Promise<readonly (readonly string[])[]> =>
      Promise.all(both.map(async (each) => (await each.inventory()).credentials.map(({ class: kind, end }) => `${kind} ${end.by}`)));
    expect(await classes()).toEqual(both.map(() => ['Binding Revoke', 'ServiceAccountKey Person', 'AccessTokens Expiry']));
    await Promise.all(both.map((each) => each.endAll()));
    expect(await classes()).toEqual(both.map(() => ['ServiceAccountKey Revoke', 'AccessTokens Expiry', 'ServiceAccount Revoke']));
    await Promise.all(both.map((each) => each.endAll()));
    expect(await google.account(agent.account.uniqueId)).toMatchObject({ disabled: true });
    expect(await google.keys(agent.account.email)).toEqual([]);
  });
});
