import { describe, expect, it } from 'vitest';

import { toInventory } from './credentials.ts';
import type { Facts, ReadResource } from './facts.ts';
import { type Policy, readPolicy } from './policies.ts';

const email = 'build@acme.iam.gserviceaccount.com';
const pool = { name: 'projects/42/locations/global/workloadIdentityPools/acme.svc.id.goog', shared: false, subject: 'ns/{namespace}/sa/{name}' };
const account = { email, uniqueId: '107', disabled: false, description: '', etag: 'a' };

const policyOf = (...bindings: readonly object[]): Policy => {
  const policy = readPolicy({ version: 3, etag: 'x', bindings });
  if (policy === undefined) throw new Error('not a policy');
  return policy;
};

const resource = (name: string, ...bindings: readonly object[]): ReadResource => ({ name, policy: policyOf(...bindings), granted: true, own: false });

const factsOf = (facts: Partial<Facts> = {}): Facts => ({
  dependency: { connectorRef: { name: 'google' }, serviceAccount: { email } },
  holder: { serviceAccount: { namespace: 'ci', name: 'build', uid: 'u-1' }, pools: [pool], account: { email, uniqueId: '107', holdsEmail: true } },
  standing: { state: 'Current', project: 'acme', email, account },
  sharers: [],
  keys: [],
  hmacKeys: [],
  resources: [],
  unreadable: [],
  searched: true,
  tokens: 'None',
  tokensEnd: new Date('2027-01-01T00:00:00Z'),
  probed: 'No',
  ...facts,
});

const me = `serviceAccount:${email}`;
const everybody = `principalSet://iam.googleapis.com/${pool.name}/*`;

describe('what Google Cloud holds', () => {
  it('ends with the account, and tells apart the same role under other conditions', () => {
    const condition = { title: 'a "title"\u0007', expression: 'true' };
    const { credentials } = toInventory(factsOf({ resources: [resource('projects/acme', { role: 'roles/viewer', members: [me] }, { role: 'roles/viewer', members: [me], condition })] }));
    expect(credentials.map(({ class: kind }) => kind)).toEqual(['Binding', 'Binding', 'ServiceAccount']);
    expect(credentials[1]?.grants).toEqual(['roles/viewer on projects/acme, if "a "title"\\u{7}"']);
    expect(new Set(credentials.map(({ id }) => id)).size).toBe(3);
  });

  it.each([
    ['projects/acme', 'gcloud projects remove-iam-policy-binding acme '],
    ['folders/42', 'gcloud resource-manager folders remove-iam-policy-binding 42 '],
    ['organizations/42', 'gcloud organizations remove-iam-policy-binding 42 '],
    ['//storage.googleapis.com/acme-artifacts', 'gcloud storage buckets remove-iam-policy-binding gs://acme-artifacts '],
    ['//iam.googleapis.com/projects/acme/serviceAccounts/108', 'gcloud iam service-accounts remove-iam-policy-binding 108 --project=acme '],
    ['//secretmanager.googleapis.com/projects/acme/secrets/s', 'gcloud … remove-iam-policy-binding '],
  ])('on %s is taken out by a person with a command', (name, command) => {
    const found = { ...resource(name, { role: 'roles/viewer', members: [me] }), granted: false };
    const [credential] = toInventory(factsOf({ resources: [found] })).credentials;
    expect(credential?.end).toMatchObject({ by: 'Person', reason: 'NotGranted', message: expect.stringContaining(`${command}--member=${me} --role=roles/viewer --condition=None`) as string });
  });

  it('is not told where only a search shows it, and is left to a person', () => {
    const { credentials } = toInventory(factsOf({ unreadable: ['//bigquery.googleapis.com/projects/acme/datasets/d'] }));
    expect(credentials[0]).toMatchObject({ class: 'SearchedBinding', end: { by: 'Person', reason: 'UnsupportedResource' } });
  });

  it('goes on with tokens that may live, though nothing makes more of them', () => {
    const name = '//iam.googleapis.com/projects/acme/serviceAccounts/108';
    const { credentials } = toInventory(factsOf({ resources: [resource(name)], tokens: 'MayLive' }));
    expect(credentials[0]).toMatchObject({ id: 'access tokens', class: 'AccessTokens', end: { by: 'Expiry' } });
  });
});

describe('the findings', () => {
  it('stay within the limits of the API, and say that something cannot be proven also where it is not shown', () => {
    const groups = Array.from({ length: 60 }, (_, index) => resource(`projects/p${String(index)}`, { role: 'roles/viewer', members: ['group:builders@example.com'] }));
    const { findings } = toInventory(factsOf({ resources: groups }));
    expect([findings.length, findings.at(-1)?.type]).toEqual([49, 'NotEnumerated']);
    const last = toInventory(factsOf({ resources: [...groups, resource('projects/last', { role: 'roles/viewer', members: [everybody] })] })).findings.at(-1);
    expect(last).toMatchObject({ type: 'NotProvable', message: expect.stringMatching(/^\d+ more findings/) as string });
  });

  it('name what was not looked at', () => {
    const objects = (facts: Partial<Facts>) => toInventory(factsOf(facts)).findings.map(({ object }) => object);
    expect(objects({})).toEqual([email]);
    expect(objects({ searched: false, resources: [{ name: 'projects/gone', policy: undefined, granted: true, own: false }] })).toEqual(['other resources', email, 'projects/gone']);
    const holder = factsOf().holder;
    expect(objects({ holder: { ...holder, pools: [] } })).toContain('roles of the ServiceAccount itself');
    expect(objects({ holder: { ...holder, serviceAccount: { namespace: 'ci', name: 'build' } } })).toContain('roles of the ServiceAccount by its UID');
  });

  it('are no longer than the API takes, however long names are', () => {
    const members = Array.from({ length: 5 }, (_, index) => `group:${'x'.repeat(900)}${String(index)}@example.com`);
    const { findings } = toInventory(factsOf({ sharers: members, resources: [resource(`//x.googleapis.com/${'y'.repeat(1_100)}/z`, { role: 'roles/viewer', members })] }));
    for (const { object = '', message } of findings) expect([object.length <= 1_024, message.length <= 1_024]).toEqual([true, true]);
  });
});
