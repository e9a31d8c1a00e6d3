/** The real `gcloud` takes the fake of Google Cloud IAM for Google, and prints what it prints there. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type GoogleCloud, type KeyFile, startGoogleCloud } from '../env/google-cloud.ts';
import { fields, list } from '../fakes/google-cloud/json.ts';

const gcloudPath = '/usr/bin/gcloud';
const installed = existsSync(gcloudPath);
const project = 'acme-ci';
const resource = `projects/${project}`;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly problem: string;
}

let google: GoogleCloud;
let folder: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  google = await startGoogleCloud();
  folder = mkdtempSync(join(tmpdir(), 'offboard-gcloud-'));
  await google.addProject(project);
  await google.grant(resource, 'roles/owner', 'user:admin@example.com');
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, await google.userToken('admin@example.com'), { mode: 0o600 });
  environment = {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    CLOUDSDK_CONFIG: folder,
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: tokenFile,
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: '1',
    CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: '1',
    ...Object.fromEntries(['IAM', 'IAMCREDENTIALS', 'CLOUDRESOURCEMANAGER'].map((service) => [`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service}`, `${google.url}/`])),
  };
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await google.stop();
});

const run = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(gcloudPath, [...args, `--project=${project}`, '--format=json'], { env: environment, timeout: 60_000 }, (error, out, problem) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, problem });
    });
  });

/** What it prints; rejects when it fails. */
const gcloud = async (...args: readonly string[]): Promise<unknown> => {
  const { code, out, problem } = await run(...args);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${problem}`);
  return out.trim() === '' ? undefined : JSON.parse(out);
};

const until = { title: 'until', expression: 'request.time < timestamp("2030-01-01T00:00:00Z")' };
const object = 'readme.txt';

describe.skipIf(!installed)(`the gcloud CLI${installed ? '' : ', which is not installed here'}`, () => {
  test('creates an account and keys, binds it on a condition, disables, enables and deletes it', async () => {
    const email = `robot-9@${project}.iam.gserviceaccount.com`;
    const keyFile = join(folder, 'key.json');
    const what = { bucket: 'artifacts', object };
    await google.addBucket(project, what.bucket, { [object]: 'hello' });
    const made = await gcloud('iam', 'service-accounts', 'create', 'robot-9', '--display-name=Robot');
    expect(made).toMatchObject({ email, displayName: 'Robot', name: `projects/${project}/serviceAccounts/${email}` });
    const { uniqueId } = fields(made);

    await gcloud('iam', 'service-accounts', 'keys', 'create', keyFile, `--iam-account=${email}`);
    const key = JSON.parse(readFileSync(keyFile, 'utf8')) as KeyFile;
    const token = await google.keyLogin(key);
    const keys = list(await gcloud('iam', 'service-accounts', 'keys', 'list', `--iam-account=${email}`, '--managed-by=user'));
    expect(keys).toMatchObject([{ name: expect.stringMatching(`/keys/${key.private_key_id}$`) as string, keyType: 'USER_MANAGED', validBeforeTime: '9999-12-31T23:59:59Z' }]);

    expect(await google.open(token, what)).toBe(403);
    const binding = { role: 'roles/storage.objectViewer', members: [`serviceAccount:${email}`], condition: until };
    const bound = await gcloud('projects', 'add-iam-policy-binding', project, `--member=serviceAccount:${email}`, `--role=${binding.role}`, `--condition=title=${until.title},expression=${until.expression}`);
    expect(bound).toMatchObject({ version: 3 });
    expect(list(fields(bound)['bindings'])).toContainEqual(binding);
    expect(await google.open(token, what)).toBe(200);

    await gcloud('iam', 'service-accounts', 'disable', email);
    expect(await google.open(token, what)).toBe(401);
    expect(await gcloud('iam', 'service-accounts', 'describe', email)).toMatchObject({ uniqueId, disabled: true });
    await gcloud('iam', 'service-accounts', 'enable', email);
    expect(await google.open(token, what)).toBe(200);
    await gcloud('iam', 'service-accounts', 'keys', 'delete', key.private_key_id, `--iam-account=${email}`);
    await expect(google.keyLogin(key)).rejects.toThrow('invalid_grant');

    expect(Object.keys(fields(await gcloud('iam', 'service-accounts', 'get-iam-policy', email)))).toEqual(['etag']);
    await gcloud('iam', 'service-accounts', 'delete', email);
    expect(await google.open(token, what)).toBe(401);
    expect(list(fields(await gcloud('projects', 'get-iam-policy', project))['bindings'])).toContainEqual({ ...binding, members: [`deleted:serviceAccount:${email}?uid=${String(uniqueId)}`] });
    const gone = await run('iam', 'service-accounts', 'describe', email);
    expect([gone.code, gone.problem]).toEqual([1, expect.stringContaining('PERMISSION_DENIED')]);
  });

  test('calls a change in between a conflict, and changes nothing itself', async () => {
    const account = await google.addServiceAccount(project, 'robot-10');
    await google.conflict(resource, 1);
    const { bindings } = await google.policy(resource);
    const told = await run('projects', 'add-iam-policy-binding', project, `--member=serviceAccount:${account.email}`, '--role=roles/browser', '--condition=None');
    expect([told.code, told.problem]).toEqual([1, expect.stringContaining('is the subject of a conflict: There were concurrent policy changes.')]);
    expect((await google.policy(resource)).bindings).toEqual(bindings);
  });
});
