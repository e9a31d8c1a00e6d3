import { describe, expect, it } from 'vitest';

import { type KubeClient, createKubeClient } from './client.ts';
import { ApiError } from './errors.ts';
import type { KubeObject } from './objects.ts';
import type { ApiRequest } from './request.ts';
import { pods, roleBindings, secrets, selfSubjectAccessReviews, serviceAccounts } from './resources.ts';

type Answer = unknown;

/** A client whose transport gives these answers one after another; an Error among them is thrown. */
const setup = (...answers: Answer[]): { client: KubeClient; requests: ApiRequest[]; lifetimes: number[] } => {
  const requests: ApiRequest[] = [];
  const lifetimes: number[] = [];
  const next = (request: ApiRequest): Answer => {
    requests.push(request);
    if (answers.length === 0) throw new Error('no more answers');
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const client = createKubeClient({
    // eslint-disable-next-line @typescript-eslint/require-await -- a rejection, not a throw
    request: async (request) => next(request),
    // eslint-disable-next-line @typescript-eslint/require-await
    stream: async function* (request, lifetime, onOpen) {
      lifetimes.push(lifetime);
      const chunks = next(request) as Buffer[];
      onOpen?.();
      yield* chunks;
    },
    close: () => Promise.resolve(),
  });
  return { client, requests, lifetimes };
};

const metadata = (name: string, resourceVersion = '7', more: object = {}): object => ({
  name, namespace: 'ci', uid: `uid-${name}`, resourceVersion, creationTimestamp: '2026-11-23T10:00:00Z', ...more,
});
const account = (name: string): object => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(name) });
const partial = (name: string, more: object = {}): object => ({
  apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: metadata(name, '7', more),
});
const list = (kind: string, items: unknown, more: object = {}): object => ({
  kind: `${kind}List`, metadata: { resourceVersion: '9', ...more }, items,
});
const key = { namespace: 'ci', name: 'a' };
const garbage = (why: string): object => ({ reason: 'Garbage', message: expect.stringContaining(why) as string });

describe('get', () => {
  it('is a quorum read: it sends no resourceVersion', async () => {
    const { client, requests } = setup(account('a'));
    expect(await client.get(serviceAccounts, key)).toEqual(account('a'));
    expect(requests).toMatchObject([{ verb: 'get', resource: 'serviceaccounts', method: 'GET', path: '/api/v1/namespaces/ci/serviceaccounts/a' }]);
  });

  it.each<[string, unknown, string]>([
    ['an object of another kind', { ...account('a'), kind: 'Pod' }, 'it is no ServiceAccount'],
    ['an object of another name', account('b'), 'another object'],
    ['an object without a UID', { kind: 'ServiceAccount', metadata: metadata('a', '7', { uid: '' }) }, 'no metadata.uid'],
    ['an object without a version', { kind: 'ServiceAccount', metadata: metadata('a', '') }, 'no metadata.resourceVersion'],
    ['a list', list('ServiceAccount', [account('a')]), 'it is no ServiceAccount'],
    ['nothing', {}, 'it is no ServiceAccount'],
  ])('does not take %s for the answer', async (_, answer, why) => {
    await expect(setup(answer).client.get(serviceAccounts, key)).rejects.toMatchObject(garbage(why));
  });

  it('asks for metadata alone, and refuses more', async () => {
    const { client, requests } = setup(partial('a'), { ...partial('a'), data: { token: 'c2VjcmV0' } }, { kind: 'Secret', metadata: metadata('a'), data: {} });
    expect(await client.get(secrets, key, { metadataOnly: true })).toEqual(partial('a'));
    expect(requests[0]?.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
    await expect(client.get(secrets, key, { metadataOnly: true })).rejects.toMatchObject(garbage('more came'));
    await expect(client.get(secrets, key, { metadataOnly: true })).rejects.toMatchObject(garbage('it is no PartialObjectMetadata'));
  });

  it('drops the copy of the manifest that kubectl leaves in an annotation', async () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"data":{"token":"c2VjcmV0"}}', kept: 'yes' };
    const { client } = setup(partial('a', { annotations }));
    const { metadata: got } = await client.get(secrets, key, { metadataOnly: true });
    expect(got.annotations).toEqual({ kept: 'yes' });
  });

  it('rejects, and does not throw, when a name cannot be', async () => {
    const { client, requests } = setup();
    const call = client.get(secrets, { namespace: 'ci', name: '../x' });
    await expect(call).rejects.toMatchObject({ kind: 'Invalid', reason: 'InvalidName' });
    expect(requests).toEqual([]);
  });
});

describe('list', () => {
  it('follows the pages to their end', async () => {
    const { client, requests } = setup(
      list('Pod', [{ metadata: metadata('a') }], { continue: 'c+1' }),
      list('Pod', [{ metadata: metadata('b') }], { continue: '' }),
    );
    const result = await client.list(pods, { fieldSelector: 'spec.serviceAccountName=x', pageSize: 1 });
    expect(result.items.map((item) => item.metadata.name)).toEqual(['a', 'b']);
    expect(result.resourceVersion).toBe('9');
    expect(requests.map(({ path }) => path)).toEqual([
      '/api/v1/pods?fieldSelector=spec.serviceAccountName%3Dx&limit=1',
      '/api/v1/pods?fieldSelector=spec.serviceAccountName%3Dx&limit=1&continue=c%2B1',
    ]);
  });

  it('asks for pages of 500', async () => {
    const { client, requests } = setup(list('Pod', []));
    await client.list(pods, { namespace: 'ci' });
    expect(requests[0]?.path).toBe('/api/v1/namespaces/ci/pods?limit=500');
  });

  it('begins anew once when the server forgot the version half-way, and not for ever', async () => {
    const expired = new ApiError(410, 'Expired', 'too old');
    const first = list('Pod', [{ metadata: metadata('old') }], { continue: 'c' });
    const { client } = setup(first, expired, list('Pod', [{ metadata: metadata('new') }]), first, expired, first, expired);
    expect((await client.list(pods, {})).items.map((item) => item.metadata.name)).toEqual(['new']);
    await expect(client.list(pods, {})).rejects.toBe(expired);
  });

  it('asks for fewer at a time when a page is too large, down to one', async () => {
    const tooLarge = new ApiError(200, 'TooLarge', 'larger than 16 MiB');
    const { client, requests } = setup(tooLarge, list('Pod', [{ metadata: metadata('a') }], { continue: 'c' }), tooLarge, tooLarge, tooLarge, tooLarge);
    await expect(client.list(pods, { pageSize: 100 })).rejects.toBe(tooLarge);
    expect(requests.map(({ path }) => path.replace('/api/v1/pods?', ''))).toEqual([
      'limit=100', 'limit=25', 'limit=25&continue=c', 'limit=7&continue=c', 'limit=2&continue=c', 'limit=1&continue=c',
    ]);
  });

  it('takes an empty list of metadata, which has no items', async () => {
    const { client } = setup(list('PartialObjectMetadata', null));
    expect(await client.list(secrets, { metadataOnly: true })).toEqual({ items: [], resourceVersion: '9' });
  });

  it.each<[string, unknown, string]>([
    ['a list of something else', list('Secret', []), 'it is no PodList'],
    ['a list without items', { kind: 'PodList', metadata: { resourceVersion: '9' } }, 'it is no PodList'],
    ['a list without a version', list('Pod', [], { resourceVersion: '' }), 'it is no PodList'],
    ['a list with an item that is none', list('Pod', [null]), 'it is no Pod'],
    ['a list with an item of another kind', list('Pod', [account('a')]), 'it is no Pod'],
  ])('does not take %s for the answer', async (_, answer, why) => {
    await expect(setup(answer).client.list(pods, {})).rejects.toMatchObject(garbage(why));
  });

  it('of metadata refuses an item with more', async () => {
    const { client } = setup(list('PartialObjectMetadata', [partial('a'), { ...partial('b'), data: {} }]));
    await expect(client.list(secrets, { metadataOnly: true })).rejects.toMatchObject(garbage('more came'));
  });

  it('gives page by page what a sweep projects', async () => {
    const { client } = setup(list('Pod', [{ metadata: metadata('a') }], { continue: 'c' }), list('Pod', [{ metadata: metadata('b') }]));
    const sizes: number[] = [];
    for await (const page of client.listPages(pods, {})) sizes.push(page.items.length);
    expect(sizes).toEqual([1, 1]);
  });
});

describe('writes', () => {
  it('creates with type and field manager', async () => {
    const { client, requests } = setup(account('a'));
    await client.create(serviceAccounts, 'ci', { metadata: { name: 'a' } });
    expect(requests).toMatchObject([{
      verb: 'create', method: 'POST', path: '/api/v1/namespaces/ci/serviceaccounts?fieldManager=offboard',
      body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' } },
    }]);
  });

  it('deletes this very object, and lets nothing but metadata in', async () => {
    const { client, requests } = setup({ kind: 'Status', status: 'Success' }, {});
    await client.delete(secrets, key, { uid: 'u', resourceVersion: '7', propagationPolicy: 'Background' });
    await client.delete(secrets, key);
    expect(requests[0]).toMatchObject({
      method: 'DELETE', accept: expect.stringContaining('as=PartialObjectMetadata;') as string,
      body: { kind: 'DeleteOptions', preconditions: { uid: 'u', resourceVersion: '7' }, propagationPolicy: 'Background' },
    });
    expect(JSON.parse(JSON.stringify(requests[1]?.body))).toEqual({ apiVersion: 'v1', kind: 'DeleteOptions' });
  });

  it.each([['merge', 'application/merge-patch+json'], ['json', 'application/json-patch+json'], ['apply', 'application/apply-patch+yaml']] as const)(
    'names the type of a %s patch', async (type, contentType) => {
      const { client, requests } = setup(account('a'));
      await client.patch(serviceAccounts, key, { type, body: {}, subresource: 'status', force: true });
      expect(requests).toMatchObject([{
        verb: 'patch', method: 'PATCH', contentType, path: '/api/v1/namespaces/ci/serviceaccounts/a/status?fieldManager=offboard&force=true',
      }]);
    },
  );

  it('asks a review, whose answer must have a status', async () => {
    const answer = { kind: 'SelfSubjectAccessReview', metadata: {}, spec: {}, status: { allowed: true } };
    const { client, requests } = setup(answer, { ...answer, status: undefined });
    const body = { spec: { resourceAttributes: { verb: 'list', resource: 'secrets' } } };
    expect(await client.review(selfSubjectAccessReviews, body)).toBe(answer);
    expect(requests[0]).toMatchObject({ verb: 'create', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body });
    await expect(client.review(selfSubjectAccessReviews, body)).rejects.toMatchObject({ reason: 'Garbage' });
  });
});

describe('watch', () => {
  const query = { resourceVersion: '5', timeoutSeconds: 300, allowWatchBookmarks: true };
  const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
  const bytes = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));
  const read = async (chunks: Buffer[], metadataOnly = false): Promise<string[]> => {
    const seen: string[] = [];
    try {
      const { signal } = new AbortController();
      for await (const { type, object } of setup(chunks).client.watch(serviceAccounts, { ...query, metadataOnly }, signal)) {
        const { name, resourceVersion } = object.metadata as Partial<KubeObject['metadata']>;
        seen.push(`${type} ${name ?? resourceVersion ?? ''}`);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      seen.push(`${error.reason}: ${error.message}`);
    }
    return seen;
  };

  it('asks the server to end it, and ends it 10 s later if the server does not', async () => {
    const { client, requests, lifetimes } = setup([]);
    let opened = 0;
    for await (const _ of client.watch(roleBindings, query, new AbortController().signal, () => (opened += 1))) throw new Error('no event');
    expect(requests[0]?.path).toBe('/apis/rbac.authorization.k8s.io/v1/rolebindings?watch=true&resourceVersion=5&timeoutSeconds=300&allowWatchBookmarks=true');
    expect([lifetimes, opened]).toEqual([[310_000], 1]);
  });

  it('reads events wherever the network cuts them', async () => {
    const text = line('ADDED', account('é')) + line('BOOKMARK', { metadata: { resourceVersion: '8' } }) + '\n' + line('DELETED', account('b'));
    const expected = ['ADDED é', 'BOOKMARK 8', 'DELETED b'];
    expect(await read(bytes(text))).toEqual(expected);
    const whole = Buffer.from(text);
    expect(await read(Array.from(whole, (_, at) => whole.subarray(at, at + 1)))).toEqual(expected);
  });

  it('throws what the server says within the stream', async () => {
    const status = { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old resource version' };
    expect(await read(bytes(line('MODIFIED', account('a')), line('ERROR', status)))).toEqual(['MODIFIED a', 'Expired: too old resource version']);
  });

  it.each<[string, string, string]>([
    ['a line that is no JSON', '<html>\n', 'a line is not JSON'],
    ['a line that is no event', '7\n', 'a line is not JSON'],
    ['an event of no known type', line('RENAMED', account('a')), 'no known type'],
    ['an event about another kind', line('ADDED', { ...account('a'), kind: 'Secret' }), 'it is no ServiceAccount'],
    ['an event cut short', line('ADDED', account('a')).slice(0, -10), 'in the middle of an event'],
    ['a bookmark of nothing', line('BOOKMARK', {}), 'marks nothing'],
    ['an error that is no Status', line('ERROR', 'secret text'), 'not one of a Kubernetes API server'],
  ])('does not take %s for an event', async (_, text, why) => {
    const [seen] = await read(bytes(text));
    expect(seen).toMatch(/^Garbage: /);
    expect(seen).toContain(why);
  });

  it('gives up on an event that has no end', async () => {
    const chunk = Buffer.alloc(2 ** 20, 'x');
    expect(await read(Array.from({ length: 9 }, () => chunk))).toEqual([expect.stringContaining('an event has no end')]);
  });

  it('of metadata refuses more', async () => {
    expect(await read(bytes(line('ADDED', partial('a'))), true)).toEqual(['ADDED a']);
    expect(await read(bytes(line('ADDED', { ...partial('a'), data: {} })), true)).toEqual([expect.stringContaining('more came')]);
  });
});
