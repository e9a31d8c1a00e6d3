/**
 * The roles in config/google-cloud are what Offboard uses and nothing else: with just them, it retires one identity that has something
 * of every kind, and what it then asked for is held against what they list.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { GoogleCloudDependency, Target } from '../../src/api/v1alpha1/index.ts';
import { type Connection, createConnection } from '../../src/revokers/google-cloud/client.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import { usable, type UsableConnector } from '../../src/revokers/google-cloud/settings.ts';
import type { Revoker } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type GoogleCloud, type Logged, startGoogleCloud } from '../env/google-cloud.ts';
import { permissionsIn, publishedPermissions as published } from '../env/google-roles.ts';

const never = new AbortController().signal;
const target: Target = { serviceAccount: { namespace: 'ci', name: 'agent', uid: 'u-1' } };

let google: GoogleCloud;
let connection: Connection;
let requests: readonly Logged[];

beforeAll(async () => {
  google = await startGoogleCloud();
  const dependency = await furnish();
  const operator = await google.addOperator('acme-ops', published, ['organizations/1']);
  const { name, audience, ...clusters } = await google.addPool({ project: 'acme-ops', pool: 'clusters' });
  const itself = `principal://iam.googleapis.com/${name}/subject/system:serviceaccount:offboard-system:offboard`;
  await google.grant(`//iam.googleapis.com/projects/acme-ops/serviceAccounts/${operator.email}`, 'roles/iam.workloadIdentityUser', itself);
  const auth = { workloadIdentityFederation: { audience, serviceAccount: operator.email } };
  const workloadIdentityPools = [{ name: pool, clusters: 'OnlyThis' }] as const;
  const spec = usable({ googleCloud: { auth, endpoints: google.endpoints, assetSearch: { scope: 'organizations/1' }, workloadIdentityPools } }, true);
  connection = createConnection({
    name: 'gcp', spec, clock: systemClock, random: Math.random, userAgent: 'test', mayAct: () => true,
    readSecret: () => Promise.reject(new Error('not asked')),
    ownToken: () => Promise.resolve(google.signIdentityToken({ name, audience, ...clusters }, { namespace: 'offboard-system', name: 'offboard', uid: 'u-0' })),
  });
  await live(revokerOf(dependency, spec));
  requests = (await google.requests()).filter(({ caller }) => caller.includes(operator.email));
});
afterAll(async () => {
  await connection.close();
  await google.stop();
});

const pool = 'projects/1/locations/global/workloadIdentityPools/clusters';
const member = `principal://iam.googleapis.com/${pool}/subject/system:serviceaccount:ci:agent`;

/** One thing of every kind, with a role of the identity on each. */
const furnish = async (): Promise<GoogleCloudDependency> => {
  const organization = await google.addOrganization('1');
  const folder = await google.addFolder('2', organization);
  const { number } = await google.addProject('acme-ci', folder);
  await google.addProject('acme-ops', organization);
  const { email, uniqueId } = await google.addServiceAccount('acme-ci', 'ci-agent');
  await google.addKey(email);
  await google.addHmacKey(email);
  const inKms = '//cloudkms.googleapis.com/projects/acme-ci/locations/global/keyRings/r';
  const secret = await google.addSecret('acme-ci', 'by-number', 'x');
  const resources = [
    organization, folder, 'projects/acme-ci', secret,
    await google.addBucket('acme-ci', 'artifacts'),
    await google.addResource('acme-ci', inKms),
    await google.addResource('acme-ci', `${inKms}/cryptoKeys/k`),
    await google.addResource('acme-ci', '//artifactregistry.googleapis.com/projects/acme-ci/locations/europe-west1/repositories/r'),
  ];
  for (const resource of resources) await google.grant(resource, 'roles/viewer', `serviceAccount:${email}`);
  await google.grant(`//iam.googleapis.com/projects/acme-ci/serviceAccounts/${email}`, 'roles/iam.workloadIdentityUser', member);
  return {
    connectorRef: { name: 'gcp' },
    serviceAccount: { email, uniqueId, onRetire: 'Delete' },
    resources: resources.map((name) => (name === secret ? name.replace('acme-ci', number) : name)),
  };
};

const revokerOf = (dependency: GoogleCloudDependency, spec: UsableConnector): Revoker => {
  const { client } = connection;
  const settings = { ...spec, settleTime: 0, accessTokenLifetime: 1 };
  const kind = createGoogleCloudKind({
    clock: systemClock,
    random: Math.random,
    isForeign: () => false,
    connectors: { settings: () => settings, connect: () => Promise.resolve({ client, settings, grantsResource: () => true, grantsAccount: () => true }) },
  });
  const bound = kind.bind({ name: 'google', googleCloud: dependency });
  if (bound === undefined) throw new Error('no revoker');
  return bound;
};

/** Planned, cancelled and then ended, as a run does it. */
const live = async (revoker: Revoker): Promise<void> => {
  const { credentials } = await revoker.inventory(target, 'Fresh', never);
  expect(await revoker.preflight(target, credentials, never)).toEqual([]);
  const { lock } = revoker;
  if (lock.kind !== 'Lockable') throw new Error('not lockable');
  await lock.lock(target, never);
  expect(await lock.observeLock(target, never)).toMatchObject({ state: 'Present' });
  await lock.unlock(target, never);
  const ended = credentials.filter(({ end }) => end.by === 'Revoke');
  expect(new Set(ended.map((credential) => credential.class))).toEqual(new Set(['Binding', 'ServiceAccountKey', 'HmacKey', 'ServiceAccount']));
  for (const credential of ended) expect(await revoker.observe(credential, target, never), credential.id).toMatchObject({ state: 'Present' });
  // The account is the last, and is asked for again once the others are gone.
  for (const credential of ended) expect(await revoker.revoke(credential, target, never)).toBe('Accepted');
  for (const credential of ended) expect(await revoker.observe(credential, target, never), credential.id).toMatchObject({ state: 'Absent' });
};

const types: Readonly<Record<string, string>> = { cloudresourcemanager: 'resourcemanager', iam: 'iam', storage: 'storage' };

/** What a request takes, as the reference of each method says; nothing for logins, and for the question what we may do. */
const permissionOf = ({ service, method, path }: Logged): string | undefined => {
  const [, plain = '', verb] = /^\/(?:storage\/)?v[0-9]+\/([^?:]*(?::\d+[^?:]*)?)(?::([a-zA-Z]+))?/.exec(decodeURIComponent(path)) ?? [];
  const parts = plain.split('/');
  if (service === 'iamcredentials' || verb === 'testIamPermissions' || parts.includes('testPermissions')) return undefined;
  if (service === 'cloudasset') return `cloudasset.assets.${verb ?? ''}`;
  if (parts.at(-1) === 'iam') return `storage.buckets.${method === 'PUT' ? 'setIamPolicy' : 'getIamPolicy'}`;
  const isList = method === 'GET' && parts.length % 2 === 1;
  const type = (isList ? parts.at(-1) : parts.at(-2)) ?? '';
  const kind = type === 'keys' ? 'serviceAccountKeys' : type;
  const verbs: Readonly<Record<string, string>> = { GET: isList ? 'list' : 'get', PATCH: 'update', PUT: 'update', DELETE: 'delete' };
  return `${types[service] ?? service}.${kind}.${verb ?? verbs[method] ?? method}`;
};

describe('the roles that are published', () => {
  it('are enough: with them nothing is refused', () => {
    expect(requests.length).toBeGreaterThan(40);
    expect(requests.filter(({ status }) => status === 403).map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it('list just what is used, each once', () => {
    const used = new Set(requests.filter(({ status }) => status < 300).flatMap((request) => permissionOf(request) ?? []));
    expect([...used].toSorted()).toEqual([...published].toSorted());
  });

  it('are apart where a role of a project cannot hold a permission, and where nobody needs it who does not search', () => {
    expect(permissionsIn('role').filter((permission) => /^(?:resourcemanager\.(?:folders|organizations)|cloudasset)\./.test(permission))).toEqual([]);
    expect(permissionsIn('organization').every((permission) => /^resourcemanager\.(?:folders|organizations)\./.test(permission))).toBe(true);
    expect(permissionsIn('asset-search').every((permission) => permission.startsWith('cloudasset.'))).toBe(true);
  });
});
