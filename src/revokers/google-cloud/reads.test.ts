import { describe, expect, it } from 'vitest';

import { createFakeGoogleClient } from '../../../test/fakes/google-client.ts';
import { listHmacKeys, searchAttached, searchPolicies } from './reads.ts';

const never = new AbortController().signal;

/** Pages of a list, one entry each. */
const pagesOf = (field: string, entries: readonly object[]) =>
  createFakeGoogleClient(({ query }) => {
    const page = Number(query?.['pageToken'] ?? 0);
    return { status: 200, body: { [field]: entries.slice(page, page + 1), ...(page + 1 < entries.length && { nextPageToken: String(page + 1) }) } };
  });

describe('a list', () => {
  it('is read to its last page', async () => {
    const client = pagesOf('results', ['a', 'b', 'c'].map((name) => ({ resource: `//${name}` })));
    expect(await searchPolicies(client, 'organizations/1', ['build@acme.iam.gserviceaccount.com', '107'], never)).toEqual(['//a', '//b', '//c']);
    expect(client.requests.map(({ query }) => query)).toEqual([
      { query: 'policy:("build@acme.iam.gserviceaccount.com" OR "107")', pageSize: '500' },
      { query: 'policy:("build@acme.iam.gserviceaccount.com" OR "107")', pageSize: '500', pageToken: '1' },
      { query: 'policy:("build@acme.iam.gserviceaccount.com" OR "107")', pageSize: '500', pageToken: '2' },
    ]);
  });

  it('of a search for many terms is asked for by as many queries as it takes', async () => {
    const client = pagesOf('results', [{ resource: '//a' }]);
    const terms = [...Array.from({ length: 12 }, (_, index) => `term-${String(index)}`), 'x'.repeat(1_500), 'y'.repeat(1_500)];
    expect(await searchPolicies(client, 'organizations/1', terms, never)).toEqual(['//a']);
    const queries = client.requests.map(({ query }) => query?.['query'] ?? '');
    expect(queries.map((query) => query.split(' OR ').length)).toEqual([10, 3, 1]);
    for (const query of queries) expect(query.length).toBeLessThanOrEqual(2_048);
    for (const term of terms) expect(queries.filter((query) => query.includes(`"${term}"`))).toHaveLength(1);
  });

  it('is an error, never a shorter one, when a page cannot be read', async () => {
    const client = createFakeGoogleClient((_, asked) => (asked < 3 ? { status: 200, body: { results: [{ resource: '//a' }], nextPageToken: 'x' } } : { status: 403, body: {} }));
    await expect(searchPolicies(client, 'organizations/1', ['x'], never)).rejects.toMatchObject({ reason: 'PermissionMissing', message: expect.stringContaining('cloudasset.assets.searchAllIamPolicies on organizations/1') as string });
  });

  it('that never ends is an error', async () => {
    const client = createFakeGoogleClient(() => ({ status: 200, body: { results: [], nextPageToken: 'again' } }));
    await expect(searchPolicies(client, 'organizations/1', ['x'], never)).rejects.toMatchObject({ kind: 'Retryable', reason: 'Garbage' });
  });

  it('of what runs as an account is not that account itself', async () => {
    const machine = '//compute.googleapis.com/projects/acme/zones/z/instances/i';
    const client = pagesOf('results', [
      { name: '//iam.googleapis.com/projects/acme/serviceAccounts/1', assetType: 'iam.googleapis.com/ServiceAccount' },
      { name: '//iam.googleapis.com/projects/acme/serviceAccounts/1/keys/k', assetType: 'iam.googleapis.com/ServiceAccountKey' },
      { name: machine, assetType: 'compute.googleapis.com/Instance' },
    ]);
    expect(await searchAttached(client, 'projects/acme', 'build@acme.iam.gserviceaccount.com', never)).toEqual([machine]);
  });

  it('of HMAC keys has those of the account alone, whatever else was sent', async () => {
    const shown = (accessId: string, serviceAccountEmail: string, state: string) => ({ accessId, serviceAccountEmail, state, etag: 'x' });
    const client = pagesOf('items', [shown('A1', 'build@acme.iam.gserviceaccount.com', 'ACTIVE'), shown('A2', 'other@acme.iam.gserviceaccount.com', 'ACTIVE'), shown('A3', 'build@acme.iam.gserviceaccount.com', 'DELETED')]);
    expect((await listHmacKeys(client, 'acme', 'build@acme.iam.gserviceaccount.com', never)).map(({ accessId }) => accessId)).toEqual(['A1']);
  });
});
