/** The identities of the bench: each a ServiceAccount, two legacy token Secrets, two RoleBindings and a ClusterRoleBinding. */
import { inParallel } from './api.ts';
import type { Api } from './api.ts';

export interface Identity {
  readonly namespace: string;
  readonly name: string;
  /** Where its second RoleBinding is. */
  readonly elsewhere: string;
}

const namespaceCount = 10;
const creators = 32;
const grants = '/apis/rbac.authorization.k8s.io/v1';
const offboard = '/apis/offboard.dev/v1alpha1';

const namespaceAt = (index: number): string => `bench-${index % namespaceCount}`;

export const identities = (prefix: string, count: number): readonly Identity[] =>
  Array.from({ length: count }, (_, index) => ({
    namespace: namespaceAt(index),
    name: `${prefix}-${String(index).padStart(5, '0')}`,
    elsewhere: namespaceAt(index + 1),
  }));

interface Part {
  /** Of the collection. */
  readonly path: string;
  readonly object: { readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> } } & Readonly<Record<string, unknown>>;
}

/** In an order in which they can be created: the account before what hangs on it. */
const partsOf = ({ namespace, name, elsewhere }: Identity): readonly Part[] => {
  const account = `/api/v1/namespaces/${namespace}`;
  const binding = {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  };
  const secret = (suffix: string): Part => ({
    path: `${account}/secrets`,
    object: {
      metadata: { name: `${name}-${suffix}`, annotations: { 'kubernetes.io/service-account.name': name } },
      type: 'kubernetes.io/service-account-token',
    },
  });
  return [
    { path: `${account}/serviceaccounts`, object: { metadata: { name } } },
    secret('token-a'),
    secret('token-b'),
    { path: `${grants}/namespaces/${namespace}/rolebindings`, object: { metadata: { name: `${name}-here` }, ...binding } },
    { path: `${grants}/namespaces/${elsewhere}/rolebindings`, object: { metadata: { name: `${name}-elsewhere` }, ...binding } },
    { path: `${grants}/clusterrolebindings`, object: { metadata: { name }, ...binding } },
  ];
};

/** What a plain clean-up deletes: one path an object. */
export const pathsOf = (identity: Identity): readonly string[] =>
  partsOf(identity).map(({ path, object }) => `${path}/${object.metadata.name}`);

/** How many objects one identity is made of. */
export const partCount = pathsOf({ namespace: '', name: '', elsewhere: '' }).length;

export const createNamespaces = async (api: Api): Promise<void> => {
  for (let index = 0; index < namespaceCount; index += 1) await create(api, '/api/v1/namespaces', { metadata: { name: namespaceAt(index) } });
};

/** Resolves when they are all alive: every token Secret has its token. */
export const createIdentities = async (api: Api, all: readonly Identity[], waitFor: WaitFor): Promise<void> => {
  await inParallel(all, creators, async (identity) => {
    for (const { path, object } of partsOf(identity)) await create(api, path, object);
  });
  await waitFor(async () => (await tokenCount(api)) === all.length * 2, { what: 'the tokens of all Secrets', timeout: 300_000, interval: 500 });
};

/**
 * The same, each with a WorkloadIdentity. The Secrets are as the controller would leave them, but for a token that is none:
 * so it has nothing to do, and twenty thousand of them are there in a fraction of the time.
 */
export const createWorkloadIdentities = (api: Api, all: readonly Identity[], ca: string): Promise<void> =>
  inParallel(all, creators, async (identity) => {
    const { namespace, name } = identity;
    const [account, ...parts] = partsOf(identity);
    if (account === undefined) return;
    const { metadata: { uid } } = JSON.parse(await create(api, account.path, account.object)) as { readonly metadata: { readonly uid: string } };
    for (const { path, object } of parts) await create(api, path, path.endsWith('/secrets') ? filled(object, namespace, uid, ca) : object);
    await create(api, `${offboard}/namespaces/${namespace}/workloadidentities`, {
      apiVersion: 'offboard.dev/v1alpha1',
      kind: 'WorkloadIdentity',
      metadata: { name },
      spec: { serviceAccount: { name }, owner: { name: 'build-platform', contact: 'build-platform@example.com' } },
    });
  });

const filled = ({ metadata, ...object }: Part['object'], namespace: string, uid: string, ca: string): object => ({
  ...object,
  metadata: { ...metadata, annotations: { ...metadata.annotations, 'kubernetes.io/service-account.uid': uid } },
  data: Object.fromEntries(
    Object.entries({ namespace, token: 'not a token', 'ca.crt': ca }).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  ),
});

type WaitFor = (condition: () => Promise<boolean>, options: { readonly what: string; readonly timeout: number; readonly interval: number }) => Promise<unknown>;

/** For those that the operator retires. */
export const createOffboardings = (api: Api, all: readonly Identity[]): Promise<void> =>
  inParallel(all, creators, async ({ namespace, name }) => {
    await create(api, `${offboard}/namespaces/${namespace}/offboardings`, {
      apiVersion: 'offboard.dev/v1alpha1',
      kind: 'Offboarding',
      metadata: { name },
      spec: { identity: { serviceAccount: { name } }, reason: 'Retired', mode: 'Enforce' },
    });
  });

/** What is left of the identities, by path; empty when all is really gone. */
export const remains = async (api: Api, all: readonly Identity[]): Promise<readonly string[]> => {
  const left: string[] = [];
  const expected = new Set(all.flatMap(pathsOf));
  const collections = new Set(all.flatMap((identity) => partsOf(identity).map(({ path }) => path)));
  for (const collection of collections) {
    for (const { metadata } of (await list(api, collection)).items) {
      const path = `${collection}/${metadata.name}`;
      if (expected.has(path)) left.push(path);
    }
  }
  return left;
};

const tokenCount = async (api: Api): Promise<number> => {
  let count = 0;
  for (let index = 0; index < namespaceCount; index += 1) {
    const { items } = await list(api, `/api/v1/namespaces/${namespaceAt(index)}/secrets`);
    count += items.filter(({ data }) => data?.['token'] !== undefined).length;
  }
  return count;
};

interface Listed {
  readonly items: readonly { readonly metadata: { readonly name: string }; readonly data?: Readonly<Record<string, string>> }[];
}

const list = async (api: Api, path: string): Promise<Listed> => {
  const { status, body } = await api.call('GET', path);
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body}`);
  return JSON.parse(body) as Listed;
};

const create = async (api: Api, path: string, object: object): Promise<string> => {
  const { status, body } = await api.call('POST', path, object);
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${body}`);
  return body;
};
