/** The commands of docs/google-cloud.md, as they are, by the real gcloud: after them Offboard gets in, and may do what the role says. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type GoogleCloud, type Pool, startGoogleCloud } from '../env/google-cloud.ts';
import { permissionsIn } from '../env/google-roles.ts';

const gcloudPath = '/usr/bin/gcloud';
const installed = existsSync(gcloudPath);

/** All of "Set-up", up to the lines that are for the cluster. */
const commands = (): string => {
  const [, setUp = ''] = /^## Set-up\n(.*?)^## /ms.exec(readFileSync('docs/google-cloud.md', 'utf8')) ?? [];
  return [...setUp.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block.replace(/^kubectl (?:apply|wait) .*$/gm, '')).join('\n');
};

let google: GoogleCloud;
let folder: string;
/** Whose keys the cluster signs with. */
let cluster: Pool;

beforeAll(async () => {
  google = await startGoogleCloud();
  folder = mkdtempSync(join(tmpdir(), 'offboard-guide-'));
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

const follow = async (): Promise<void> => {
  writeFileSync(join(folder, 'token'), await google.userToken('admin@example.com'), { mode: 0o600 });
  writeFileSync(join(folder, 'kubectl'), kubectl(cluster), { mode: 0o700 });
  symlinkSync(resolve('config'), join(folder, 'config'));
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
  await promisify(execFile)('bash', ['-euc', commands()], { cwd: folder, env, timeout: 100_000 });
};

describe.skipIf(!installed)(`the set-up of the guide${installed ? '' : ', without gcloud, which is not installed here'}`, () => {
  it('lets Offboard in by a token of its ServiceAccount, with the published role', { timeout: 120_000 }, async () => {
    await follow();
    const provider = `//iam.googleapis.com/${cluster.name.replace('/before', '/clusters')}/providers/prod`;
    const token = google.signIdentityToken({ ...cluster, tokenAudiences: [`https:${provider}`] }, { namespace: 'offboard-system', name: 'offboard', uid: 'u-1' });
    const itself = await google.impersonate(await google.exchange(token, provider), 'offboard@acme-ops.iam.gserviceaccount.com');
    const asked = permissionsIn('role');
    const answer = await google.call('POST', '/v3/projects/acme-ci:testIamPermissions', itself, { permissions: [...asked, 'storage.objects.get'] });
    expect(answer).toEqual({ status: 200, body: { permissions: asked } });
    const another = google.signIdentityToken({ ...cluster, tokenAudiences: [`https:${provider}`] }, { namespace: 'ci', name: 'offboard', uid: 'u-2' });
    await expect(google.impersonate(await google.exchange(another, provider), 'offboard@acme-ops.iam.gserviceaccount.com')).rejects.toThrow('403');
  });
});
