import { describe, expect, it } from 'vitest';

import type { GoogleCloudDependency, Grant } from '../../api/v1alpha1/index.ts';
import { covers, coversAccount, coversResource } from './grants.ts';

type Granted = NonNullable<Grant['googleCloud']>;

const grant = (googleCloud: Granted): Grant => ({ namespaces: { names: ['ci'] }, googleCloud });
const projects = (...patterns: readonly string[]): Grant => grant({ projects: patterns });
const resources = (...patterns: readonly string[]): Grant => grant({ resources: patterns });

describe('a project', () => {
  const covered: readonly [string, string][] = [
    ['acme-ci', 'projects/acme-ci'],
    ['acme-*', 'projects/acme-ci'],
    ['*', 'projects/acme-ci'],
    ['*-ci', 'projects/acme-ci'],
    ['example.com:*', 'projects/example.com:ci'],
    ['123456789', 'projects/123456789'],
    ['1234*', 'projects/123456789'],
    ['acme-ci', '//cloudresourcemanager.googleapis.com/projects/acme-ci'],
    ['acme-*', '//secretmanager.googleapis.com/projects/acme-ci/secrets/s'],
    ['acme-ci', '//iam.googleapis.com/projects/acme-ci/serviceAccounts/agent@acme-ci.iam.gserviceaccount.com'],
    ['acme-ci', '//iam.googleapis.com/projects/acme-ci/serviceAccounts/112011146970661392355'],
    ['acme-ci', '//cloudkms.googleapis.com/projects/acme-ci/locations/global/keyRings/r/cryptoKeys/k'],
    ['acme-ci', '//artifactregistry.googleapis.com/projects/acme-ci/locations/europe-west1/repositories/R_1'],
  ];
  it.each(covered)('by %s covers %s', (pattern, name) => {
    expect(coversResource(projects(pattern), name)).toBe(true);
  });

  const refused: readonly [string, string, string][] = [
    ['another one', 'acme-ci', 'projects/acme-prod'],
    ['one that begins alike', 'acme-ci', 'projects/acme-ci2'],
    ['one that ends alike', 'acme-ci', 'projects/x-acme-ci'],
    ['its number, by a pattern of ids', '*', 'projects/123456789'],
    ['what lies under its number', 'acme-*', '//secretmanager.googleapis.com/projects/123456789/secrets/s'],
    ['what lies under its number, by a star', '*', '//secretmanager.googleapis.com/projects/123456789/secrets/s'],
    ['an id, by a pattern of numbers', '1*', 'projects/a1'],
    ['a number that is too long', '1*', `projects/${'1'.repeat(21)}`],
    ['every project', '*', 'projects/-'],
    ['every project of a resource', '*', '//iam.googleapis.com/projects/-/serviceAccounts/1'],
    ['the project that is none', '*', '//storage.googleapis.com/projects/_/buckets/acme'],
    ['nothing', '*', ''],
    ['no project', '*', 'projects/'],
    ['the list of them', '*', 'projects'],
    ['the list of them, by its full name', '*', '//cloudresourcemanager.googleapis.com/projects'],
    ['what is under it, as if it were a full name', '*', 'projects/acme-ci/secrets/s'],
    ['a slash at the end', '*', 'projects/acme-ci/'],
    ['a slash at the beginning', '*', '/projects/acme-ci'],
    ['two slashes', '*', 'projects//acme-ci'],
    ['three slashes at the beginning', '*', '///secretmanager.googleapis.com/projects/acme-ci/secrets/s'],
    ['two slashes within', '*', '//secretmanager.googleapis.com/projects/acme-ci//secrets/s'],
    ['dots that climb', '*', '//secretmanager.googleapis.com/projects/acme-ci/../acme-prod/secrets/s'],
    ['dots that climb at the end', '*', '//secretmanager.googleapis.com/projects/acme-ci/secrets/..'],
    ['one dot', '*', '//secretmanager.googleapis.com/projects/./acme-ci/secrets/s'],
    ['two dots in a name', '*', '//secretmanager.googleapis.com/projects/acme-ci/secrets/a..b'],
    ['two dots in an id', '*', 'projects/a..b'],
    ['an encoded slash', '*', '//secretmanager.googleapis.com/projects/acme-ci%2Fsecrets/s'],
    ['an encoded letter', '*', 'projects/acme-c%69'],
    ['an encoded star', '*', 'projects/%2A'],
    ['a star of the tenant', 'acme-*', 'projects/acme-*'],
    ['a star of the tenant, where anything goes', '*', 'projects/*'],
    ['another case of the id', 'acme-ci', 'projects/Acme-CI'],
    ['another case of the id, where anything goes', '*', 'projects/ACME'],
    ['another case of the kind', 'acme-ci', 'Projects/acme-ci'],
    ['another case of a service', '*', '//SecretManager.googleapis.com/projects/acme-ci/secrets/s'],
    ['a Cyrillic look-alike', 'acme-*', 'projects/аcme-ci'],
    ['a full-width letter', 'acme-*', 'projects/acme-ｃi'],
    ['a slash look-alike', '*', 'projects/acme-ci∕x'],
    ['a combining mark', '*', 'projects/acme-ci\u0301'],
    ['a line end', '*', 'projects/acme-ci\n'],
    ['a zero byte', '*', 'projects/acme-ci\0'],
    ['a blank', '*', 'projects/acme ci'],
    ['a backslash', '*', 'projects/acme-ci\\x'],
    ['a query', '*', 'projects/acme-ci?x=1'],
    ['a fragment', '*', 'projects/acme-ci#x'],
    ['a method', '*', '//iam.googleapis.com/projects/acme-ci/serviceAccounts/1:'],
    ['a host of somebody else', '*', '//secretmanager.example.com/projects/acme-ci/secrets/s'],
    ['a host that only ends alike', '*', '//evilgoogleapis.com/projects/acme-ci/secrets/s'],
    ['a host that goes on', '*', '//secretmanager.googleapis.com.example.com/projects/acme-ci/secrets/s'],
    ['a host of two labels', '*', '//a.b.googleapis.com/projects/acme-ci/secrets/s'],
    ['a host with a user', '*', '//x@secretmanager.googleapis.com/projects/acme-ci/secrets/s'],
    ['a host with a port', '*', '//secretmanager.googleapis.com:443/projects/acme-ci/secrets/s'],
    ['the domain itself', '*', '//googleapis.com/projects/acme-ci/secrets/s'],
    ['an address', '*', 'https://secretmanager.googleapis.com/projects/acme-ci/secrets/s'],
    ['what lies elsewhere', '*', '//storage.googleapis.com/acme'],
    ['a folder', '*', 'folders/1'],
    ['a project beneath a folder', '*', 'folders/1/projects/acme-ci'],
    ['a project that comes later in the name', '*', '//storage.googleapis.com/acme/projects/acme-ci'],
    ['two stars', '**', 'projects/acme-ci'],
    ['an expression, taken as one', 'acme.*', 'projects/acme-ci'],
    ['an expression that matches all', '(.|/)*', 'projects/acme-ci'],
    ['a pattern with a slash', 'projects/acme-ci', 'projects/acme-ci'],
    ['of an empty pattern', '', 'projects/acme-ci'],
    ['a name that is too long', '*', `projects/${'a'.repeat(513)}`],
  ];
  it.each(refused)('does not cover %s', (_, pattern, name) => {
    expect(coversResource(projects(pattern), name)).toBe(false);
  });

  it('covers nothing by a pattern of resources, be it its own full name', () => {
    for (const name of ['projects/acme-ci', '//secretmanager.googleapis.com/projects/acme-ci/secrets/s']) {
      expect(coversResource(resources(name, '//secretmanager.googleapis.com/projects/*/secrets/*'), name)).toBe(false);
    }
  });
});

describe('what lies in no project', () => {
  const covered: readonly [string, string][] = [
    ['folders/123', 'folders/123'],
    ['organizations/123', 'organizations/123'],
    ['//storage.googleapis.com/acme-*', '//storage.googleapis.com/acme-ci'],
    ['//storage.googleapis.com/acme.ci_*', '//storage.googleapis.com/acme.ci_1'],
    ['//cloudresourcemanager.googleapis.com/folders/*', '//cloudresourcemanager.googleapis.com/folders/123'],
  ];
  it.each(covered)('is covered by %s: %s', (pattern, name) => {
    expect(coversResource(resources(pattern), name)).toBe(true);
  });

  const refused: readonly [string, string, string][] = [
    ['another folder', 'folders/123', 'folders/1234'],
    ['a folder that is no number', 'folders/*', 'folders/acme'],
    ['a full name by a short one', 'folders/123', '//folders/123'],
    ['a short name by a full one', '//folders/123', 'folders/123'],
    ['an organisation by a pattern of folders', 'folders/*', 'organizations/123'],
    ['another bucket', '//storage.googleapis.com/acme-*', '//storage.googleapis.com/prod'],
    ['an object in a bucket', '//storage.googleapis.com/acme-*', '//storage.googleapis.com/acme-ci/object'],
    ['a bucket in another case', '//storage.googleapis.com/acme-*', '//storage.googleapis.com/ACME-ci'],
    ['the same of another service', '//storage.googleapis.com/acme-*', '//bigquery.googleapis.com/acme-ci'],
    ['a star in the service', '//*.googleapis.com/acme', '//storage.googleapis.com/acme'],
    ['a service and nothing else', '//storage.googleapis.com', '//storage.googleapis.com'],
    ['what only looks like a bucket', '//storage.googleapis.com/*', '//storage.googleapis.com/'],
    ['dots that climb', '//storage.googleapis.com/*', '//storage.googleapis.com/..'],
  ];
  it.each(refused)('is not covered as %s', (_, pattern, name) => {
    expect(coversResource(resources(pattern), name)).toBe(false);
  });
});

describe('a service account', () => {
  const ofCi = grant({ serviceAccounts: ['ci-*@acme-ci.iam.gserviceaccount.com'] });

  it.each(['ci-7@acme-ci.iam.gserviceaccount.com', 'ci-a-b@acme-ci.iam.gserviceaccount.com'])('%s is covered by its pattern', (email) => {
    expect(coversAccount(ofCi, email)).toBe(true);
  });

  it.each([
    '', 'prod@acme-ci.iam.gserviceaccount.com', 'ci-7@acme-prod.iam.gserviceaccount.com', 'ci-7@acme-ci.iam.gserviceaccount.com.example.com', 'CI-7@acme-ci.iam.gserviceaccount.com',
    'ci-7@x@acme-ci.iam.gserviceaccount.com', 'ci-7', 'ci-7@', '@acme-ci.iam.gserviceaccount.com', 'ci-*@acme-ci.iam.gserviceaccount.com', 'ci-7%40acme-ci.iam.gserviceaccount.com',
    'сi-7@acme-ci.iam.gserviceaccount.com', 'ci-7/x@acme-ci.iam.gserviceaccount.com', 'ci-..x@acme-ci.iam.gserviceaccount.com', 'ci-7@acme-ci.iam.gserviceaccount.com\n', '112011146970661392355', '-',
  ])('%j is not', (email) => {
    expect(coversAccount(ofCi, email)).toBe(false);
  });

  it('is not granted with the project that it is in, nor the project with it', () => {
    expect(coversAccount(projects('*'), 'ci-7@acme-ci.iam.gserviceaccount.com')).toBe(false);
    expect(coversResource(ofCi, 'projects/acme-ci')).toBe(false);
  });
});

describe('a dependency', () => {
  const ci = grant({ projects: ['acme-ci'], serviceAccounts: ['ci-*@acme-ci.iam.gserviceaccount.com'], resources: ['//storage.googleapis.com/acme-*'] });
  const whole: GoogleCloudDependency = {
    connectorRef: { name: 'google' },
    serviceAccount: { email: 'ci-7@acme-ci.iam.gserviceaccount.com' },
    resources: ['projects/acme-ci', '//storage.googleapis.com/acme-ci'],
  };

  it('is granted by a grant that covers all it names', () => {
    expect(covers(ci, whole)).toBe(true);
  });

  it('that names nothing needs no more than a grant to its namespace', () => {
    expect(covers({ namespaces: { names: ['ci'] } }, { connectorRef: { name: 'google' } })).toBe(true);
  });

  it.each([
    ['account', { serviceAccount: { email: 'prod@acme-ci.iam.gserviceaccount.com' } }],
    ['project', { resources: ['projects/acme-ci', 'projects/acme-prod'] }],
    ['bucket', { resources: ['//storage.googleapis.com/prod'] }],
  ])('with another %s is not granted at all', (_, other) => {
    expect(covers(ci, { ...whole, ...other })).toBe(false);
  });

  it('is granted nothing by what is granted of a Vault', () => {
    expect(covers({ namespaces: { names: ['ci'] }, vault: { authRoles: ['*'] } }, whole)).toBe(false);
  });
});
