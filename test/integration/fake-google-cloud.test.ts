/**
 * The fake of Google Cloud IAM does what Google does: its answers have the fields that were recorded from Google, and whether access is
 * gone is found by trying it.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { type Account, type GoogleCloud, type Operator, type ShownPolicy, startGoogleCloud } from '../env/google-cloud.ts';
import { fields, list } from '../fakes/google-cloud/json.ts';

let google: GoogleCloud;
beforeAll(async () => {
  google = await startGoogleCloud();
});
afterEach(() => google.calm());
afterAll(() => google.stop());

const object = 'readme.txt';
const everything = ['iam.serviceAccounts.*', 'iam.serviceAccountKeys.*', 'storage.hmacKeys.*', '*.getIamPolicy', '*.setIamPolicy', 'resourcemanager.*', 'cloudasset.*'];
let projects = 0;

/** A project of its own, with an account that can read a bucket, and an operator who may do everything. */
interface Corner {
  readonly project: string;
  readonly resource: string;
  readonly agent: Account;
  readonly agentResource: string;
  readonly member: string;
  readonly bucket: string;
  readonly bucketResource: string;
  readonly operator: Operator;
  readonly token: string;
}

const corner = async (permissions = everything): Promise<Corner> => {
  projects += 1;
  const project = `acme-${projects}`;
  const bucket = `${project}-artifacts`;
  await google.addProject(project);
  const agent = await google.addServiceAccount(project, 'build-agent-7');
  const bucketResource = await google.addBucket(project, bucket, { [object]: 'hello' });
  const operator = await google.addOperator(project, permissions, [`projects/${project}`]);
  return {
    project,
    resource: `projects/${project}`,
    agent,
    agentResource: `//iam.googleapis.com/projects/${project}/serviceAccounts/${agent.email}`,
    member: `serviceAccount:${agent.email}`,
    bucket,
    bucketResource,
    operator,
    token: await operator.token(),
  };
};

const call = async (token: string, method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> => {
  const answer = await google.call(method, path, token, body);
  return { status: answer.status, body: fields(answer.body) };
};

const readPolicy = async ({ token, resource }: Corner, version = 3): Promise<ShownPolicy> =>
  (await call(token, 'POST', `/v3/${resource}:getIamPolicy`, { options: { requestedPolicyVersion: version } })).body as unknown as ShownPolicy;

const writePolicy = ({ token, resource }: Corner, policy: object): ReturnType<typeof call> => call(token, 'POST', `/v3/${resource}:setIamPolicy`, { policy });

const accountPath = ({ project, agent }: Corner): string => `/v1/projects/${project}/serviceAccounts/${agent.uniqueId}`;

const errorOf = (body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => fields(body['error']);

/** For what is bound to happen, on a machine that may be slow. */
const patiently = { timeout: 30_000 };

const until = { title: 'until', expression: 'request.time < timestamp("2030-01-01T00:00:00Z")' };

describe('has the fields that were recorded', () => {
  test('of an account, which says `disabled` only when it is, and of a change, which tells no more than what was named', async () => {
    const here = await corner();
    const made = await call(here.token, 'POST', `/v1/projects/${here.project}/serviceAccounts`, { accountId: 'other-agent', serviceAccount: { displayName: 'Other' } });
    expect(made.status).toBe(200);
    expect(Object.keys(made.body).toSorted()).toEqual(['displayName', 'email', 'etag', 'name', 'oauth2ClientId', 'projectId', 'uniqueId']);
    expect(made.body).toMatchObject({ email: `other-agent@${here.project}.iam.gserviceaccount.com`, uniqueId: expect.stringMatching(/^\d{21}$/) as string });

    expect(await call(here.token, 'PATCH', accountPath(here), { serviceAccount: { description: 'mine' }, updateMask: 'description' })).toEqual({
      status: 200,
      body: { name: `projects/${here.project}/serviceAccounts/${here.agent.email}`, description: 'mine' },
    });
    expect(await call(here.token, 'POST', `${accountPath(here)}:disable`, {})).toEqual({ status: 200, body: {} });
    expect((await call(here.token, 'GET', accountPath(here))).body).toMatchObject({ disabled: true, description: 'mine' });
  });

  test('of keys', async () => {
    const here = await corner();
    const made = await call(here.token, 'POST', `${accountPath(here)}/keys`, { privateKeyType: 'TYPE_GOOGLE_CREDENTIALS_FILE' });
    const shown = ['keyAlgorithm', 'keyOrigin', 'keyType', 'name', 'validAfterTime', 'validBeforeTime'];
    expect(Object.keys(made.body).toSorted()).toEqual([...shown, 'privateKeyData', 'privateKeyType'].toSorted());
    const all = list((await call(here.token, 'GET', `${accountPath(here)}/keys`)).body['keys']);
    expect(all.map((key) => fields(key)['keyType']).toSorted()).toEqual(['SYSTEM_MANAGED', 'USER_MANAGED']);
    const { keys } = (await call(here.token, 'GET', `${accountPath(here)}/keys?keyTypes=USER_MANAGED`)).body;
    expect(list(keys).map((key) => Object.keys(fields(key)).toSorted())).toEqual([shown]);
    expect(await call(here.token, 'DELETE', `/v1/${String(made.body['name'])}`)).toEqual({ status: 200, body: {} });
    expect((await call(here.token, 'GET', `${accountPath(here)}/keys?keyTypes=USER_MANAGED`)).body).toEqual({});
  });

  test('of policies: a new one is its etag alone, one that was written has a version too, and one with conditions version 3', async () => {
    const here = await corner();
    const path = `${accountPath(here)}:getIamPolicy?options.requestedPolicyVersion=3`;
    const first = (await call(here.token, 'POST', path)).body;
    expect(Object.keys(first)).toEqual(['etag']);
    const bindings = [{ role: 'roles/iam.workloadIdentityUser', members: ['user:ann@example.com'] }];
    const set = await call(here.token, 'POST', `${accountPath(here)}:setIamPolicy`, { policy: { version: 3, etag: first['etag'], bindings } });
    expect(set.body).toEqual({ version: 1, etag: expect.any(String) as string, bindings });
    expect(set.body['etag']).not.toBe(first['etag']);
    const emptied = await call(here.token, 'POST', `${accountPath(here)}:setIamPolicy`, { policy: { version: 3, etag: set.body['etag'] } });
    expect(emptied.body).toEqual({ version: 1, etag: expect.any(String) as string });

    await google.grant(here.resource, 'roles/viewer', here.member, until);
    expect(await readPolicy(here)).toMatchObject({ version: 3, bindings: [{}, { role: 'roles/viewer', members: [here.member], condition: until }] });
  });

  test('of HMAC keys and of the policy of a bucket', async () => {
    const here = await corner();
    const key = await google.addHmacKey(here.agent.email);
    const { items, kind } = (await call(here.token, 'GET', `/storage/v1/projects/${here.project}/hmacKeys?serviceAccountEmail=${here.agent.email}`)).body;
    expect(kind).toBe('storage#hmacKeysMetadata');
    expect(list(items).map((item) => Object.keys(fields(item)).toSorted())).toEqual([['accessId', 'etag', 'id', 'kind', 'projectId', 'selfLink', 'serviceAccountEmail', 'state', 'timeCreated', 'updated']]);
    expect(list(items)[0]).toMatchObject({ kind: 'storage#hmacKeyMetadata', accessId: key.accessId, state: 'ACTIVE' });
    const policy = await call(here.token, 'GET', `/storage/v1/b/${here.bucket}/iam?optionsRequestedPolicyVersion=3`);
    expect(policy.body).toEqual({ kind: 'storage#policy', resourceId: `projects/_/buckets/${here.bucket}`, etag: expect.any(String) as string });
  });

  test('of refusals: 404 for an account that is not there, 403 with the permission, and 403 for what nobody may know of', async () => {
    const here = await corner();
    const message = 'Unknown service account';
    expect(await call(here.token, 'GET', `/v1/projects/${here.project}/serviceAccounts/nobody@${here.project}.iam.gserviceaccount.com`)).toEqual({
      status: 404,
      body: { error: { code: 404, message, status: 'NOT_FOUND', errors: [{ domain: 'global', message, reason: 'notFound' }] } },
    });
    const refused = await call(here.token, 'GET', `/v1/projects/-/serviceAccounts/nobody@${here.project}.iam.gserviceaccount.com`);
    expect(refused).toEqual({
      status: 403,
      body: {
        error: {
          code: 403,
          message: "Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).",
          status: 'PERMISSION_DENIED',
          details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'IAM_PERMISSION_DENIED', domain: 'iam.googleapis.com', metadata: { permission: 'iam.serviceAccounts.get' } }],
        },
      },
    });
    const elsewhere = await call(here.token, 'POST', '/v3/projects/no-such-project:getIamPolicy', {});
    expect(elsewhere.status).toBe(403);
    expect(list(errorOf(elsewhere.body)['details'])).toMatchObject([{ metadata: { permission: 'resourcemanager.projects.getIamPolicy', resource: 'projects/no-such-project' } }]);
    expect(await call('', 'GET', accountPath(here))).toMatchObject({ status: 401, body: { error: { status: 'UNAUTHENTICATED' } } });
  });
});

describe('keeps policies as Google does', () => {
  test('a write with an etag that is not the newest is refused, and nothing is lost', async () => {
    const here = await corner();
    const read = await readPolicy(here);
    await google.grant(here.resource, 'roles/viewer', 'user:ann@example.com');
    const before = await google.policy(here.resource);
    const refused = await writePolicy(here, { ...read, version: 3 });
    expect(refused).toMatchObject({ status: 409, body: { error: { status: 'ABORTED' } } });
    expect(await google.policy(here.resource)).toEqual(before);

    const bucket = await call(here.token, 'PUT', `/storage/v1/b/${here.bucket}/iam`, { etag: read.etag, version: 3, bindings: [] });
    expect(bucket.status).toBe(412);
  });

  test('who asks for an old version sees no condition, and can lose those of others only without an etag', async () => {
    const here = await corner();
    await google.grant(here.resource, 'roles/viewer', 'user:ann@example.com', until);
    const old = await readPolicy(here, 1);
    expect(old).toMatchObject({ version: 1, bindings: [{}, { role: expect.stringMatching(/^roles\/viewer_withcond_[0-9a-f]{20}$/) as string }] });
    expect(old.bindings?.[1]).not.toHaveProperty('condition');
    expect((await writePolicy(here, { ...old })).status).toBe(400);
    const withoutEtag = { version: 1, bindings: old.bindings?.slice(0, 1) };
    expect((await writePolicy(here, { ...withoutEtag, etag: old.etag })).status).toBe(400);
    expect((await writePolicy(here, withoutEtag)).status).toBe(200);
    expect((await google.policy(here.resource)).bindings).toHaveLength(1);
  });

  test('members of an account that is deleted are shown so, are not those of a new one, and come back with it', async () => {
    const here = await corner();
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    const members = async (): Promise<readonly string[] | undefined> => (await google.policy(here.bucketResource)).bindings?.[0]?.members;
    const { etag } = await google.policy(here.bucketResource);

    expect((await call(here.token, 'DELETE', accountPath(here))).status).toBe(200);
    expect(await members()).toEqual([`deleted:serviceAccount:${here.agent.email}?uid=${here.agent.uniqueId}`]);
    expect((await google.policy(here.bucketResource)).etag).not.toBe(etag);

    const again = await google.addServiceAccount(here.project, 'build-agent-7');
    expect(again.email).toBe(here.agent.email);
    expect(again.uniqueId).not.toBe(here.agent.uniqueId);
    expect(await members()).toEqual([`deleted:serviceAccount:${here.agent.email}?uid=${here.agent.uniqueId}`]);
    expect(await google.open(await google.keyLogin(await google.addKey(again.email)), { bucket: here.bucket, object })).toBe(403);
    expect((await call(here.token, 'POST', `${accountPath(here)}:undelete`, {})).status).toBe(409);

    await google.changeAccount(again.uniqueId, { deleted: true });
    expect(await call(here.token, 'POST', `${accountPath(here)}:undelete`, {})).toMatchObject({ status: 200, body: { restoredAccount: { uniqueId: here.agent.uniqueId } } });
    expect(await members()).toEqual([here.member]);
  });

  test('a member that is not there is refused, a binding without one is dropped, and a policy has 1,500 at most', async () => {
    const here = await corner();
    const { etag, bindings = [] } = await readPolicy(here);
    const write = (...more: readonly object[]): ReturnType<typeof call> => writePolicy(here, { version: 3, etag, bindings: [...bindings, ...more] });
    expect((await write({ role: 'roles/viewer', members: [`serviceAccount:nobody@${here.project}.iam.gserviceaccount.com`] })).status).toBe(400);
    expect((await write({ role: 'roles/viewer', members: [`deleted:serviceAccount:${here.agent.email}?uid=${here.agent.uniqueId}`] })).status).toBe(400);
    expect((await write({ role: 'roles/viewer', members: Array.from({ length: 1500 }, (_, index) => `user:u${index}@example.com`) })).status).toBe(400);
    expect((await write({ role: 'roles/viewer', members: [] })).body['bindings']).toEqual(bindings);
  });
});

describe('finds access by trying it', () => {
  const ksa = { namespace: 'ci', name: 'build-agent-7', uid: '5f0c2d1e-0000-4000-8000-000000000007' };

  test('a token works while its account is enabled, again when it is enabled again, and never when it is unknown', async () => {
    const here = await corner();
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    const file = await google.addKey(here.agent.email);
    const token = await google.keyLogin(file);
    const what = { bucket: here.bucket, object };
    expect(await google.open(token, what)).toBe(200);
    expect(await google.open('made-up', what)).toBe(401);
    await call(here.token, 'POST', `${accountPath(here)}:disable`, {});
    expect(await google.open(token, what)).toBe(401);
    await expect(google.keyLogin(file)).rejects.toThrow('invalid_grant');
    await call(here.token, 'POST', `${accountPath(here)}:enable`, {});
    expect(await google.open(token, what)).toBe(200);
  });

  test('a key that is deleted logs nobody in any more, and what it minted before lives on', async () => {
    const here = await corner();
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    const file = await google.addKey(here.agent.email);
    const token = await google.keyLogin(file);
    await call(here.token, 'DELETE', `${accountPath(here)}/keys/${file.private_key_id}`);
    await expect(google.keyLogin(file)).rejects.toThrow('invalid_grant');
    expect(await google.open(token, { bucket: here.bucket, object })).toBe(200);
  });

  test('an HMAC key opens what its account may, and is deleted only once it is inactive', async () => {
    const here = await corner();
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    const key = await google.addHmacKey(here.agent.email);
    const path = `/storage/v1/projects/${here.project}/hmacKeys/${key.accessId}`;
    const what = { bucket: here.bucket, object };
    expect(await google.openWithHmacKey(key, what)).toBe(200);
    expect(await google.openWithHmacKey({ ...key, secret: 'another' }, what)).toBe(403);
    expect((await call(here.token, 'DELETE', path)).status).toBe(400);
    expect(await call(here.token, 'PUT', path, { state: 'INACTIVE' })).toMatchObject({ status: 200, body: { state: 'INACTIVE' } });
    expect(await google.openWithHmacKey(key, what)).toBe(403);
    expect((await call(here.token, 'DELETE', path)).status).toBe(204);
  });

  test.each([
    ['the legacy form', ({ pool }: { readonly pool: string }) => `serviceAccount:${pool.split('/').at(-1) ?? ''}[ci/build-agent-7]`],
    ['its subject', ({ pool }: { readonly pool: string }) => `principal://iam.googleapis.com/${pool}/subject/ns/ci/sa/build-agent-7`],
    ['its UID', ({ pool }: { readonly pool: string }) => `principal://iam.googleapis.com/${pool}/kubernetes.serviceaccount.uid/${ksa.uid}`],
    ['its UID as a set', ({ pool }: { readonly pool: string }) => `principalSet://iam.googleapis.com/${pool}/kubernetes.serviceaccount.uid/${ksa.uid}`],
    ['its namespace', ({ pool }: { readonly pool: string }) => `principalSet://iam.googleapis.com/${pool}/namespace/ci`],
    ['its whole pool', ({ pool }: { readonly pool: string }) => `principalSet://iam.googleapis.com/${pool}/*`],
    ['everybody', () => 'allUsers'],
  ])('a ServiceAccount is a member by %s, and another one is not by a form that does not mean it', async (form, memberOf) => {
    const here = await corner();
    const pool = await google.addPool({ project: here.project, pool: `${here.project}.svc.id.goog` });
    const token = await google.exchange(google.signIdentityToken(pool, ksa), pool.audience);
    const other = await google.exchange(google.signIdentityToken(pool, { namespace: 'ops', name: 'neighbour', uid: 'another' }), pool.audience);
    const member = memberOf({ pool: pool.name });
    await expect(google.impersonate(token, here.agent.email)).rejects.toThrow("'iam.serviceAccounts.getAccessToken' denied");
    await google.grant(here.agentResource, 'roles/iam.workloadIdentityUser', member);
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    expect(await google.open(await google.impersonate(token, here.agent.email), { bucket: here.bucket, object })).toBe(200);
    if (form === 'its whole pool' || form === 'everybody') return;
    await expect(google.impersonate(other, here.agent.email)).rejects.toThrow('denied');
    await google.ungrant(here.agentResource, 'roles/iam.workloadIdentityUser', member);
    await expect(google.impersonate(token, here.agent.email)).rejects.toThrow('denied');
  });

  test('groups and all who are authenticated mean accounts too', async () => {
    const here = await corner();
    const token = await google.keyLogin(await google.addKey(here.agent.email));
    const secret = await google.addSecret(here.project, 'deploy-key', 's3cret');
    const what = { project: here.project, secret: 'deploy-key' };
    for (const member of [`group:agents@${here.project}.example.com`, 'allAuthenticatedUsers']) {
      await google.setGroup(`agents@${here.project}.example.com`, [here.member]);
      await google.grant(secret, 'roles/secretmanager.secretAccessor', member);
      expect(await google.open(token, what)).toBe(200);
      await google.ungrant(secret, 'roles/secretmanager.secretAccessor', member);
      expect(await google.open(token, what)).toBe(403);
    }
  });

  test('what is granted above holds below, and only while its condition does', async () => {
    const here = await corner();
    const folder = await google.addFolder('77', await google.addOrganization('7'));
    const project = `${here.project}-below`;
    await google.addProject(project, folder);
    await google.addBucket(project, project, { [object]: 'hello' });
    const token = await google.keyLogin(await google.addKey(here.agent.email));
    const what = { bucket: project, object };
    expect(await google.open(token, what)).toBe(403);
    await google.grant('organizations/7', 'roles/storage.objectViewer', here.member, { title: 'past', expression: 'request.time < timestamp("2020-01-01T00:00:00Z")' });
    expect(await google.open(token, what)).toBe(403);
    await google.grant(folder, 'roles/storage.objectViewer', here.member, { title: 'elsewhere', expression: 'resource.name.startsWith("projects/_/buckets/other/")' });
    expect(await google.open(token, what)).toBe(403);
    await google.grant(folder, 'roles/storage.objectViewer', here.member, { title: 'here', expression: `resource.name.startsWith("projects/_/buckets/${project}/") && ${until.expression}` });
    expect(await google.open(token, what)).toBe(200);
  });

  test('an identity token counts only from the right issuer, for the right audience, in time and unchanged', async () => {
    const here = await corner();
    const pool = await google.addPool({ project: here.project, pool: 'clusters' });
    const good = google.signIdentityToken(pool, ksa);
    await expect(google.exchange(good, pool.audience)).resolves.toMatch(/^ya29\./);
    const [header = '', claims = '', signature = ''] = good.split('.');
    const forged = Buffer.from(JSON.stringify({ ...fields(JSON.parse(Buffer.from(claims, 'base64url').toString())), sub: 'system:serviceaccount:kube-system:admin' })).toString('base64url');
    await expect(google.exchange(`${header}.${forged}.${signature}`, pool.audience)).rejects.toThrow('invalid_grant');
    await expect(google.exchange(google.signIdentityToken({ ...pool, tokenAudiences: ['vault'] }, ksa), pool.audience)).rejects.toThrow('audience');
    await expect(google.exchange(google.signIdentityToken({ ...pool, issuer: 'https://other.invalid' }, ksa), pool.audience)).rejects.toThrow('issuer');
    await expect(google.exchange(google.signIdentityToken(pool, ksa, -10), pool.audience)).rejects.toThrow('stale');
    await expect(google.exchange(good, `${pool.audience}-other`)).rejects.toThrow('invalid_target');
  });

  test('a minted token ends in its time, which the organisation bounds', async () => {
    const here = await corner();
    await google.grant(here.agentResource, 'roles/iam.serviceAccountTokenCreator', `serviceAccount:${here.operator.email}`);
    await expect(google.impersonate(here.token, here.agent.email, 7200)).rejects.toThrow('400');
    await google.setLongestLifetime(43_200);
    await expect(google.impersonate(here.token, here.agent.email, 7200)).resolves.toMatch(/^ya29\./);
    await google.setLongestLifetime(3600);
    const minted = await call(here.token, 'POST', `/v1/projects/-/serviceAccounts/${here.agent.email}:generateAccessToken`, { scope: ['https://www.googleapis.com/auth/cloud-platform'], lifetime: '300s' });
    expect(Math.abs(Date.parse(String(minted.body['expireTime'])) - Date.now() - 300_000)).toBeLessThan(30_000);
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', 'user:ann@example.com');
    expect(await google.open(await google.userToken('ann@example.com'), { bucket: here.bucket, object })).toBe(200);
    expect(await google.open(await google.userToken('ann@example.com', -1), { bucket: here.bucket, object })).toBe(401);
  });

  test('the metadata server speaks for its account, to who asks in the right way', async () => {
    const here = await corner();
    await google.setMetadataAccount(here.operator.email);
    const path = `${google.url}/computeMetadata/v1/instance/service-accounts/default`;
    expect((await fetch(`${path}/token`)).status).toBe(403);
    const headers = { 'metadata-flavor': 'Google' };
    expect(await (await fetch(`${path}/email`, { headers })).text()).toBe(here.operator.email);
    const { access_token: token } = fields(await (await fetch(`${path}/token`, { headers })).json());
    expect((await call(String(token), 'GET', accountPath(here))).status).toBe(200);
  });

  test('an operator may do what its role says, and no more', async () => {
    const here = await corner(['iam.serviceAccounts.get', 'resourcemanager.projects.getIamPolicy']);
    expect((await call(here.token, 'GET', accountPath(here))).status).toBe(200);
    const refused = await call(here.token, 'POST', `${accountPath(here)}:disable`, {});
    expect(list(errorOf(refused.body)['details'])).toMatchObject([{ metadata: { permission: 'iam.serviceAccounts.disable' } }]);
    expect((await writePolicy(here, await readPolicy(here))).status).toBe(403);
    expect((await google.account(here.agent.email)).disabled).toBe(false);

    const asked = ['iam.serviceAccounts.get', 'iam.serviceAccounts.disable'];
    const test_ = async (): Promise<unknown> => (await call(here.token, 'POST', `${accountPath(here)}:testIamPermissions`, { permissions: asked })).body['permissions'];
    expect(await test_()).toEqual(['iam.serviceAccounts.get']);
    await google.set({ testPermissionsFailOpen: true });
    expect(await test_()).toEqual(asked);
    await google.defineRole(`projects/${here.project}/roles/offboard`, []);
    expect((await call(here.token, 'GET', accountPath(here))).status).toBe(403);
  });

  test('a quota project is used only by who may', async () => {
    const here = await corner();
    const read = async (): Promise<number> => (await fetch(`${google.url}${accountPath(here)}`, { headers: { authorization: `Bearer ${here.token}`, 'x-goog-user-project': here.project } })).status;
    expect(await read()).toBe(403);
    await google.grant(here.resource, 'roles/serviceusage.serviceUsageConsumer', `serviceAccount:${here.operator.email}`);
    expect(await read()).toBe(200);
    expect((await google.requests()).at(-1)).toMatchObject({ service: 'iam', status: 200, caller: `serviceAccount:${here.operator.email}`, headers: { 'x-goog-user-project': here.project } });
    expect(JSON.stringify(await google.requests())).not.toContain(here.token);
  });
});

describe('turns as its knobs say', () => {
  test('policies and accounts are read as they were for as long as reads are stale, and written as they are', async () => {
    const here = await corner();
    const before = await readPolicy(here);
    await google.set({ stalePolicies: 60_000, staleAccounts: 60_000 });
    await google.grant(here.resource, 'roles/viewer', 'user:ann@example.com');
    await call(here.token, 'POST', `${accountPath(here)}:disable`, {});
    expect(await readPolicy(here)).toEqual(before);
    expect((await call(here.token, 'GET', accountPath(here))).body).not.toHaveProperty('disabled');
    expect((await writePolicy(here, { ...before, version: 3 })).status).toBe(409);
    await google.set({ stalePolicies: 200, staleAccounts: 200 });
    await google.grant(here.resource, 'roles/browser', 'user:ann@example.com');
    await call(here.token, 'POST', `${accountPath(here)}:enable`, {});
    await expect.poll(async () => (await readPolicy(here)).bindings?.length, patiently).toBe(3);
    await expect.poll(async () => (await call(here.token, 'GET', accountPath(here))).body, patiently).not.toHaveProperty('disabled');
  });

  test('what was taken away goes on working until the change is felt', async () => {
    const here = await corner();
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    const file = await google.addKey(here.agent.email);
    const token = await google.keyLogin(file);
    const open = (): Promise<number> => google.open(token, { bucket: here.bucket, object });
    await google.set({ propagation: 60_000 });
    await google.ungrant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    await call(here.token, 'DELETE', `${accountPath(here)}/keys/${file.private_key_id}`);
    expect(await open()).toBe(200);
    await google.changeAccount(here.agent.email, { disabled: true });
    expect(await open()).toBe(200);
    await expect(google.keyLogin(file)).resolves.toMatch(/^ya29\./);
    await google.set({ propagation: 200 });
    expect(await open()).toBe(401);
    await google.changeAccount(here.agent.email, { disabled: false });
    expect(await open()).toBe(403);
    await expect(google.keyLogin(file)).rejects.toThrow('invalid_grant');
    await google.changeAccount(here.agent.email, { disabled: true });
    await expect.poll(open, patiently).toBe(401);
  });

  test('somebody else writes between a read and a write, as often as told', async () => {
    const here = await corner();
    const read = await readPolicy(here);
    await google.meddle(here.resource, 'roles/viewer', 'user:ann@example.com', 1);
    expect((await writePolicy(here, { ...read, version: 3 })).status).toBe(409);
    const again = await readPolicy(here);
    expect(again.bindings).toHaveLength(2);
    await google.conflict(here.resource, 1);
    expect((await writePolicy(here, { ...again, version: 3 })).status).toBe(409);
    expect((await writePolicy(here, { ...(await readPolicy(here)), version: 3 })).status).toBe(200);
    expect((await google.counts())[here.resource]).toEqual({ reads: 3, writes: 1, conflicts: 2 });
  });

  test.each([
    ['a disable', ({ project, agent }: Corner) => ['POST', `/v1/projects/${project}/serviceAccounts/${agent.email}:disable`] as const],
    ['a change of an account', ({ project, agent }: Corner) => ['PATCH', `/v1/projects/${project}/serviceAccounts/${agent.email}`] as const],
    ['a deletion', ({ project, agent }: Corner) => ['DELETE', `/v1/projects/${project}/serviceAccounts/${agent.email}`] as const],
  ])('%s is answered and changes nothing', async (_, request) => {
    const here = await corner();
    const before = await google.account(here.agent.email);
    const [method, path] = request(here);
    await google.fault({ match: { service: 'iam', method, path: here.project }, fault: { kind: 'nothing' }, times: 1 });
    expect((await call(here.token, method, path, { serviceAccount: { description: 'x' }, updateMask: 'description' })).status).toBe(200);
    expect(await google.account(here.agent.email)).toEqual(before);
    expect((await call(here.token, method, path, { serviceAccount: { description: 'x' }, updateMask: 'description' })).status).toBe(200);
    await expect(google.account(here.agent.uniqueId)).resolves.not.toEqual(before);
  });

  test('a set and the deletion of a key are answered and change nothing', async () => {
    const here = await corner();
    const file = await google.addKey(here.agent.email);
    const before = await google.policy(here.resource);
    const forget = await google.fault({ match: { path: here.project }, fault: { kind: 'nothing' } });
    const set = await writePolicy(here, { version: 3, etag: before.etag, bindings: [] });
    expect(set).toMatchObject({ status: 200, body: { version: 1 } });
    expect(set.body).not.toHaveProperty('bindings');
    expect(await google.policy(here.resource)).toEqual(before);
    expect((await call(here.token, 'DELETE', `${accountPath(here)}/keys/${file.private_key_id}`)).status).toBe(200);
    await expect(google.keyLogin(file)).resolves.toMatch(/^ya29\./);
    await forget();
    expect((await call(here.token, 'DELETE', `${accountPath(here)}/keys/${file.private_key_id}`)).status).toBe(200);
    await expect(google.keyLogin(file)).rejects.toThrow('invalid_grant');
  });

  test('calls are limited, fail, are late, are lost after they were done, or answered with something else', async () => {
    const here = await corner();
    const match = { service: 'iam', path: here.project };
    const get = (timeout = 30_000): Promise<Response> => fetch(`${google.url}${accountPath(here)}`, { headers: { authorization: `Bearer ${here.token}` }, signal: AbortSignal.timeout(timeout) });
    await google.fault({ match, fault: { kind: 'status', status: 429, retryAfter: '2' }, times: 1 });
    const limited = await get();
    expect([limited.status, limited.headers.get('retry-after'), fields(fields(await limited.json())['error'])['status']]).toEqual([429, '2', 'RESOURCE_EXHAUSTED']);
    await google.fault({ match, fault: { kind: 'status', status: 503 }, times: 1 });
    const failed = await get();
    expect([failed.status, failed.headers.get('retry-after')]).toEqual([503, null]);
    await google.fault({ match, fault: { kind: 'html' }, times: 1 });
    expect(await (await get()).text()).toContain('<!doctype html>');
    await google.fault({ match, fault: { kind: 'empty' }, times: 1 });
    expect(await (await get()).text()).toBe('');
    await google.fault({ match, fault: { kind: 'cut' }, times: 1 });
    await expect(get().then((response) => response.text())).rejects.toThrow('terminated');
    await google.fault({ match, fault: { kind: 'reset' }, times: 1 });
    await expect(get()).rejects.toThrow('fetch failed');
    await google.fault({ match, fault: { kind: 'hang' }, times: 1 });
    await expect(get(200)).rejects.toThrow('timeout');
    await google.fault({ match, fault: { kind: 'late', milliseconds: 1_000 }, times: 1 });
    await expect(get(200)).rejects.toThrow('timeout');
    expect((await get()).status).toBe(200);
    await google.set({ latency: 1_000 });
    await expect(get(200)).rejects.toThrow('timeout');
    await google.calm();
    await google.fault({ match, fault: { kind: 'reset', applied: true }, times: 1 });
    await expect(call(here.token, 'POST', `${accountPath(here)}:disable`, {})).rejects.toThrow('fetch failed');
    expect((await google.account(here.agent.email)).disabled).toBe(true);
  });
});

describe('searches', () => {
  test('which policies name an account and what runs as it, page by page and in its own time', async () => {
    const here = await corner();
    const search = async (kind: string, query: string, more = ''): Promise<Readonly<Record<string, unknown>>> => (await call(here.token, 'GET', `/v1/${here.resource}:${kind}?query=${encodeURIComponent(query)}${more}`)).body;
    await google.grant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    await google.grant(here.resource, 'roles/viewer', here.member);
    const query = `policy:"${here.agent.email}"`;
    const first = await search('searchAllIamPolicies', query, '&pageSize=1');
    const second = await search('searchAllIamPolicies', query, `&pageSize=1&pageToken=${String(first['nextPageToken'])}`);
    expect(second).not.toHaveProperty('nextPageToken');
    const found = [...list(first['results']), ...list(second['results'])].map(fields);
    expect(found.map(({ resource }) => resource).toSorted()).toEqual([`//cloudresourcemanager.googleapis.com/${here.resource}`, here.bucketResource].toSorted());
    expect(found.map(({ policy }) => list(fields(policy)['bindings']).length)).toEqual([1, 1]);

    await google.set({ assetLag: 60_000 });
    await google.ungrant(here.bucketResource, 'roles/storage.objectViewer', here.member);
    expect(list((await search('searchAllIamPolicies', query))['results'])).toHaveLength(2);
    await google.set({ assetLag: 200 });
    await google.ungrant(here.resource, 'roles/viewer', here.member);
    await expect.poll(async () => list((await search('searchAllIamPolicies', query))['results']).length, patiently).toBe(0);

    expect(await search('searchAllResources', here.agent.email)).toEqual({});
    const name = `//run.googleapis.com/projects/${here.project}/locations/europe-west1/services/web`;
    await google.attach({ name, assetType: 'run.googleapis.com/Service', project: here.project, email: here.agent.email });
    expect(list((await search('searchAllResources', here.agent.email))['results'])).toMatchObject([{ name, assetType: 'run.googleapis.com/Service' }]);
    await google.detach(name);
    expect(await search('searchAllResources', here.agent.email)).toEqual({});
  });

  test('keys and repositories have policies, by the names that they have in their own services', async () => {
    const here = await corner();
    const name = `projects/${here.project}/locations/global/keyRings/ring/cryptoKeys/key`;
    const key = await google.addResource(here.project, `//cloudkms.googleapis.com/${name}`);
    const token = await google.keyLogin(await google.addKey(here.agent.email));
    expect(await google.may(token, 'cloudkms.cryptoKeyVersions.useToDecrypt', key)).toBe(false);
    const read = await call(here.token, 'GET', `/v1/${name}:getIamPolicy?options.requestedPolicyVersion=3`);
    const bindings = [{ role: 'roles/cloudkms.cryptoKeyEncrypterDecrypter', members: [here.member] }];
    expect((await call(here.token, 'POST', `/v1/${name}:setIamPolicy`, { policy: { version: 3, etag: read.body['etag'], bindings } })).status).toBe(200);
    expect(await google.may(token, 'cloudkms.cryptoKeyVersions.useToDecrypt', key)).toBe(true);

    await google.addResource(here.project, `//pubsub.googleapis.com/projects/${here.project}/topics/builds`);
    expect((await call(here.token, 'GET', `/v1/projects/${here.project}/topics/builds:getIamPolicy`)).body).toEqual({ etag: expect.any(String) as string });
    expect((await google.requests()).at(-1)).toMatchObject({ service: 'pubsub' });
    expect((await call(here.token, 'POST', `/v1/projects/${here.project}/topics/builds:getIamPolicy`)).status).toBe(404);
    expect((await call(here.token, 'GET', `/v1/projects/${here.project}/secrets/none:getIamPolicy`)).status).toBe(404);

    const queue = `projects/${here.project}/locations/global/queues/builds`;
    await google.addResource(here.project, `//cloudtasks.googleapis.com/${queue}`);
    expect((await call(here.token, 'POST', `/v2/${queue}:getIamPolicy`)).body).toEqual({ etag: expect.any(String) as string });
    expect((await call(here.token, 'POST', `/v1/${queue}:getIamPolicy`)).status).toBe(404);
  });
});
