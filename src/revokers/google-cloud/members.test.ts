import { describe, expect, it } from 'vitest';

import type { WorkloadIdentityPool } from './api.ts';
import { createMembership, type Holder, poolForms, searchTerms } from './members.ts';

const poolOf = (id: string, more: Partial<WorkloadIdentityPool> = {}): WorkloadIdentityPool => ({
  name: `projects/42/locations/global/workloadIdentityPools/${id}`,
  shared: false,
  subject: id.endsWith('.svc.id.goog') ? 'ns/{namespace}/sa/{name}' : 'system:serviceaccount:{namespace}:{name}',
  ...more,
});

const gke = 'acme.svc.id.goog';
const email = 'build@acme.iam.gserviceaccount.com';
const principal = (pool: string, rest: string): string => `principal://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/${pool}/${rest}`;
const set = (pool: string, rest: string): string => principal(pool, rest).replace('principal:', 'principalSet:');

const holder: Holder = {
  serviceAccount: { namespace: 'ci', name: 'build', uid: 'u-1' },
  pools: [poolOf(gke), poolOf('onprem')],
  account: { email, uniqueId: '107', holdsEmail: true },
};

const kindOf = (member: string, of: Holder = holder): string => createMembership(of)(member).kind;

describe('a member of a policy', () => {
  it.each([
    ['the account by its e-mail', `serviceAccount:${email}`, 'Account'],
    ['in any case', 'serviceAccount:Build@Acme.iam.gserviceaccount.com', 'Account'],
    ['after its deletion, by its unique id', `deleted:serviceAccount:${email}?uid=107`, 'DeletedAccount'],
    ['the legacy form of GKE', `serviceAccount:${gke}[ci/build]`, 'ServiceAccount'],
    ['the subject in GKE', principal(gke, 'subject/ns/ci/sa/build'), 'ServiceAccount'],
    ['the subject elsewhere', principal('onprem', 'subject/system:serviceaccount:ci:build'), 'ServiceAccount'],
    ['the UID as one', principal(gke, 'kubernetes.serviceaccount.uid/u-1'), 'ServiceAccount'],
    ['the UID as a set of one', set('onprem', 'kubernetes.serviceaccount.uid/u-1'), 'ServiceAccount'],
    ['of a pool that was deleted', `deleted:${principal('onprem', 'subject/system:serviceaccount:ci:build')}`, 'ServiceAccount'],
  ])('is the identity: %s', (_, member, kind) => {
    expect(kindOf(member)).toBe(kind);
  });

  it.each([
    `serviceAccount:build-2@acme.iam.gserviceaccount.com`,
    `serviceAccount:${email}.example.com`,
    `user:${email}`,
    email,
    `deleted:serviceAccount:${email}?uid=108`,
    `deleted:serviceAccount:${email}`,
    `deleted:serviceAccount:other@acme.iam.gserviceaccount.com?uid=107`,
    `serviceAccount:${gke}[ci/build-2]`,
    `serviceAccount:${gke}[prod/build]`,
    `serviceAccount:other.svc.id.goog[ci/build]`,
    `serviceAccount:onprem[ci/build]`,
    principal(gke, 'subject/ns/ci/sa/build-2'),
    principal(gke, 'subject/ns/ci/sa/build/x'),
    principal('other', 'subject/ns/ci/sa/build'),
    principal('onprem', 'subject/ns/ci/sa/build'),
    principal(gke, 'kubernetes.serviceaccount.uid/u-11'),
    set(gke, 'kubernetes.serviceaccount.uid/u-2'),
    set(gke, 'namespace/prod'),
    set('other', 'namespace/ci'),
    'user:alice@example.com',
    '',
  ])('is somebody else: %s', (member) => {
    expect(kindOf(member)).toBe('Other');
  });

  it.each([
    set(gke, 'namespace/ci'),
    set(gke, '*'),
    set('onprem', 'attribute.namespace/ci'),
    set(gke, 'kubernetes.cluster/https://container.googleapis.com/v1/projects/acme/locations/l/clusters/c'),
    set('onprem', 'group/builders'),
    'principalSet://cloudresourcemanager.googleapis.com/projects/42/type/ServiceAccount',
    'allUsers',
    'allAuthenticatedUsers',
    'group:builders@example.com',
    'domain:example.com',
    'projectEditor:acme',
  ])('may be the identity as one of many: %s', (member) => {
    expect(kindOf(member)).toBe('Inherited');
  });

  it('by its e-mail is another account once the e-mail leads to one', () => {
    const recreated = { ...holder, account: { email, uniqueId: '107', holdsEmail: false } };
    expect(kindOf(`serviceAccount:${email}`, recreated)).toBe('Other');
    expect(kindOf(`deleted:serviceAccount:${email}?uid=107`, recreated)).toBe('DeletedAccount');
  });

  it('by its name in a shared pool means others as well, and by its UID does not', () => {
    const shared = { ...holder, pools: [poolOf(gke, { shared: true })] };
    expect(kindOf(`serviceAccount:${gke}[ci/build]`, shared)).toBe('SharedName');
    expect(kindOf(principal(gke, 'subject/ns/ci/sa/build'), shared)).toBe('SharedName');
    expect(kindOf(principal(gke, 'kubernetes.serviceaccount.uid/u-1'), shared)).toBe('ServiceAccount');
  });

  it('whose subject is made of the UID means nobody else, in a shared pool either, and nobody where the UID is not known', () => {
    const pool = poolOf('onprem', { shared: true, subject: '{uid}' });
    expect(kindOf(principal('onprem', 'subject/u-1'), { ...holder, pools: [pool] })).toBe('ServiceAccount');
    const unknown = { serviceAccount: { namespace: 'ci', name: 'build' }, pools: [pool] };
    for (const member of [principal('onprem', 'subject/'), principal('onprem', 'subject/u-1'), principal('onprem', 'kubernetes.serviceaccount.uid/')]) {
      expect(kindOf(member, unknown)).toBe('Other');
    }
  });

  it('is not made of what a replacement would take for a pattern', () => {
    const { byName } = poolForms(poolOf('onprem'), { namespace: '$&', name: '$1{uid}' });
    expect(byName).toEqual([principal('onprem', 'subject/system:serviceaccount:$&:$1')]);
  });
});

it('searches for words that are in every form in which the identity can be a member', () => {
  const terms = searchTerms(holder);
  expect(terms).toEqual([email, '107', 'u-1', `${gke}[ci/build]`, 'ns/ci/sa/build', 'system:serviceaccount:ci:build']);
  const forms = holder.pools.flatMap((pool) => {
    const { byName, byUid } = poolForms(pool, holder.serviceAccount);
    return [...byName, ...byUid];
  });
  for (const form of [...forms, `serviceAccount:${email}`, `deleted:serviceAccount:${email}?uid=107`]) expect(terms.some((term) => form.includes(term)), form).toBe(true);
  expect(searchTerms({ serviceAccount: holder.serviceAccount, pools: [] })).toEqual([]);
});
