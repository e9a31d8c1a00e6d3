import { describe, expect, it } from 'vitest';

import { getPolicy, parseResource, projectNumberIn, setPolicy, testPermissions, withProjectId } from './resources.ts';

const asked = (name: string): unknown => {
  const resource = parseResource(name);
  return resource && getPolicy(resource);
};

const version = { 'options.requestedPolicyVersion': '3' };
const inBody = { options: { requestedPolicyVersion: 3 } };

describe('the policy of a resource', () => {
  it.each([
    ['projects/acme', { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'projects', 'acme'], verb: 'getIamPolicy', body: inBody }],
    ['projects/example.com:acme', { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'projects', 'example.com:acme'], verb: 'getIamPolicy', body: inBody }],
    ['folders/42', { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'folders', '42'], verb: 'getIamPolicy', body: inBody }],
    ['organizations/42', { method: 'POST', service: 'cloudresourcemanager', path: ['v3', 'organizations', '42'], verb: 'getIamPolicy', body: inBody }],
    ['//iam.googleapis.com/projects/acme/serviceAccounts/107', { method: 'POST', service: 'iam', path: ['v1', 'projects', 'acme', 'serviceAccounts', '107'], verb: 'getIamPolicy', query: version, body: {} }],
    ['//storage.googleapis.com/acme-artifacts', { method: 'GET', service: 'storage', path: ['storage', 'v1', 'b', 'acme-artifacts', 'iam'], query: { optionsRequestedPolicyVersion: '3' } }],
    ['//secretmanager.googleapis.com/projects/acme/secrets/deploy', { method: 'GET', service: 'secretmanager', path: ['v1', 'projects', 'acme', 'secrets', 'deploy'], verb: 'getIamPolicy', query: version }],
    ['//spanner.googleapis.com/projects/acme/instances/i', { method: 'POST', service: 'spanner', path: ['v1', 'projects', 'acme', 'instances', 'i'], verb: 'getIamPolicy', body: inBody }],
    ['//constructor.googleapis.com/projects/acme/things/t', { method: 'GET', service: 'constructor', path: ['v1', 'projects', 'acme', 'things', 't'], verb: 'getIamPolicy', query: version }],
    ['//cloudtasks.googleapis.com/projects/acme/locations/l/queues/q', { method: 'POST', service: 'cloudtasks', path: ['v2', 'projects', 'acme', 'locations', 'l', 'queues', 'q'], verb: 'getIamPolicy', body: inBody }],
  ])('%s is asked for by version 3, as its service has it', (name, request) => {
    expect(asked(name)).toEqual(request);
  });

  it('is written by PUT in Cloud Storage, and by POST elsewhere', () => {
    const [bucket, secret] = ['//storage.googleapis.com/b', '//secretmanager.googleapis.com/projects/p/secrets/s'].map((name) => parseResource(name));
    const policy = { etag: 'x', version: 3, bindings: [] };
    expect(bucket && setPolicy(bucket, policy)).toMatchObject({ method: 'PUT', path: ['storage', 'v1', 'b', 'b', 'iam'], body: policy });
    expect(secret && setPolicy(secret, policy)).toMatchObject({ method: 'POST', verb: 'setIamPolicy', body: { policy } });
    expect(bucket && testPermissions(bucket, ['a', 'b'])).toMatchObject([{ query: { permissions: 'a' } }, { query: { permissions: 'b' } }]);
    expect(secret && testPermissions(secret, ['a', 'b'])).toMatchObject([{ verb: 'testIamPermissions', body: { permissions: ['a', 'b'] } }]);
  });

  it.each([
    '', 'projects/', 'projects/a/b', 'projects/..', 'accounts/1', '//evil.example.com/projects/p', '//storage.googleapis.com/', '//storage.googleapis.com/a/b',
    '//storage.googleapis.com/projects/mine/buckets/of-another', '//iam.googleapis.com/projects/mine/serviceAccounts/bot@of-another.iam.gserviceaccount.com',
    '//iam.googleapis.com/projects/p', '//iam.googleapis.com/projects/p/serviceAccounts/a/b', '//secretmanager.googleapis.com/projects/p/../q',
    '//secretmanager.googleapis.com//secrets', '//secretmanager.googleapis.com/x', '//bigquery.googleapis.com/projects/p/datasets/d', '//compute.googleapis.com/projects/p/zones/z/instances/i',
    '//cloudresourcemanager.googleapis.com/liens/x', 'projects/p\nq',
  ])('is not asked for by %j', (name) => {
    expect(parseResource(name)).toBeUndefined();
  });
});

describe('a name', () => {
  it.each([
    ['//cloudresourcemanager.googleapis.com/projects/acme', 'projects/acme'],
    ['//cloudresourcemanager.googleapis.com/folders/42', 'folders/42'],
    ['//storage.googleapis.com/projects/_/buckets/acme-artifacts', '//storage.googleapis.com/acme-artifacts'],
    ['//cloudkms.googleapis.com/projects/p/locations/l/keyRings/r/cryptoKeys/k', '//cloudkms.googleapis.com/projects/p/locations/l/keyRings/r/cryptoKeys/k'],
  ])('%s is %s', (name, canonical) => {
    expect(parseResource(name)?.name).toBe(canonical);
  });

  it.each([
    ['//secretmanager.googleapis.com/projects/42/secrets/s', '42', '//secretmanager.googleapis.com/projects/acme/secrets/s'],
    ['projects/42', '42', 'projects/acme'],
    ['projects/acme', undefined, 'projects/acme'],
    ['folders/42', undefined, 'folders/42'],
    ['//x.googleapis.com/folders/1/projects/42', undefined, '//x.googleapis.com/folders/1/projects/42'],
  ])('%s has the id of its project in place of its number', (name, number, canonical) => {
    expect([projectNumberIn(name), withProjectId(name, 'acme')]).toEqual([number, canonical]);
  });

  it('tells what its permissions begin with', () => {
    expect(['projects/p', '//storage.googleapis.com/b', '//iam.googleapis.com/projects/p/serviceAccounts/1', '//cloudkms.googleapis.com/projects/p/locations/l/keyRings/r/cryptoKeys/k'].map((name) => parseResource(name)?.permissions)).toEqual([
      'resourcemanager.projects', 'storage.buckets', 'iam.serviceAccounts', 'cloudkms.cryptoKeys',
    ]);
  });
});
