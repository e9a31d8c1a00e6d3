/** The commands of docs/google-cloud.md, as they are, by the real gcloud: after them Offboard gets in, and may do what the role says. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { documented } from '../docs/documented.ts';
import { type GoogleCloud, type Pool, startGoogleCloud } from '../env/google-cloud.ts';
import { permissionsIn } from '../env/google-roles.ts';

const gcloudPath = '/usr/bin/gcloud';
const installed = existsSync(gcloudPath);

let google: GoogleCloud;
let folder: string;
/** Whose keys the cluster signs with. */
let cluster: Pool;

beforeAll(async () => {
  google = await startGoogleCloud();
  folder = mkdtempSync(join(tmpdir(), 'offboard-guide-'));
  symlinkSync(resolve('config'), join(folder, 'config'));
  for (const project of ['acme-ops', 'acme-ci']) {
    await google.addProject(project);
    await google.grant(`projects/${project}`, 'roles/owner', 'user:admin@example.com');
  }
  cluster = await google.addPool({ project: 'acme-ops', pool: 'before' });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await google.stop();
});

/** Says what an API server says of the tokens that it signs. */
const kubectl = ({ issuer, jwks }: Pool): string => `#!/bin/sh
case "$*" in
"get --raw /openid/v1/jwks") echo '${JSON.stringify({ keys: jwks })}';;
"get --raw /.well-known/openid-configuration") echo '${JSON.stringify({ issuer, jwks_uri: 'x' })}';;
*) exit 1;;
esac
`;

/** Runs them as who administers both projects. */
const follow = async (commands: string): Promise<void> => {
  writeFileSync(join(folder, 'token'), await google.userToken('admin@example.com'), { mode: 0o600 });
  writeFileSync(join(folder, 'kubectl'), kubectl(cluster), { mode: 0o700 });
  const env = {
    PATH: `${folder}:/usr/bin:/bin`,
    HOME: folder,
    CLOUDSDK_CONFIG: folder,
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: join(folder, 'token'),
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: '1',
    CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: '1',
    ...Object.fromEntries(['IAM', 'CLOUDRESOURCEMANAGER', 'SERVICEUSAGE'].map((service) => [`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service}`, `${google.url}/`])),
  };
  await promisify(execFile)('bash', ['-euc', commands], { cwd: folder, env, timeout: 240_000 });
};

describe.skipIf(!installed)(`the set-up of the guide${installed ? '' : ', without gcloud, which is not installed here'}`, () => {
  it('lets Offboard in by a token of its ServiceAccount, with the published role', { timeout: 250_000 }, async () => {
    await follow(documented('docs/google-cloud.md', 'Set-up'));
    const provider = `//iam.googleapis.com/${cluster.name.replace('/before', '/clusters')}/providers/prod`;
    const token = google.signIdentityToken({ ...cluster, tokenAudiences: [`https:${provider}`] }, { namespace: 'offboard-system', name: 'offboard', uid: 'u-1' });
    const itself = await google.impersonate(await google.exchange(token, provider), 'offboard@acme-ops.iam.gserviceaccount.com');
    const asked = permissionsIn('role');
    const answer = await google.call('POST', '/v3/projects/acme-ci:testIamPermissions', itself, { permissions: [...asked, 'storage.objects.get'] });
    expect(answer).toEqual({ status: 200, body: { permissions: asked } });
    const another = google.signIdentityToken({ ...cluster, tokenAudiences: [`https:${provider}`] }, { namespace: 'ci', name: 'offboard', uid: 'u-2' });
    await expect(google.impersonate(await google.exchange(another, provider), 'offboard@acme-ops.iam.gserviceaccount.com')).rejects.toThrow('403');
  });

  it('enables an account again that was kept disabled', { timeout: 250_000 }, async () => {
    const { email } = await google.addServiceAccount('acme-ci', 'build-agent-7');
    await google.changeAccount(email, { disabled: true });
    await follow(documented('docs/google-cloud.md', 'Undo').replace('EMAIL', email).replace('PROJECT', 'acme-ci'));
    expect(await google.account(email)).toMatchObject({ disabled: false });
  });
});
