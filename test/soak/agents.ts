/** Identities of the soak: real tokens and grants, made by plain calls that live through an API server that is restarted. */
import type { Answer, Api } from '../bench/api.ts';
import type { Guarded, Oracle } from '../e2e/oracle.ts';
import { waitFor } from '../env/wait-for.ts';

export type Insist = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) => Promise<Answer>;

const rbac = '/apis/rbac.authorization.k8s.io/v1';
export const offboardApi = '/apis/offboard.dev/v1alpha1';
const outage = 60_000;

/** An API server that just came back refuses everybody until its admission is ready, and knows no custom resource: its 404 names no object. */
const isStarting = ({ status, body }: Answer): boolean =>
  (status === 403 && body.includes('not yet ready to handle request')) || (status === 404 && !body.includes('"reason":"NotFound","details":{"name"'));

/** Calls until the API server answers; what was done by a call whose answer was lost counts as done. */
export const insistent = (api: Api): Insist => async (method, path, body) => {
  const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
  const answer = await waitFor(
    async () => {
      const got = await api.call(method, path, body, headers);
      return got.status === 429 || got.status >= 500 || isStarting(got) ? undefined : got;
    },
    { timeout: outage, interval: 100, what: `an answer to ${method} ${path}` },
  );
  const done = answer.status < 300 || (method === 'POST' && answer.status === 409) || (method === 'DELETE' && answer.status === 404);
  if (!done && method !== 'GET') throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  return answer;
};

export const createNamespace = (insist: Insist, name: string): Promise<Answer> => insist('POST', '/api/v1/namespaces', { metadata: { name } });

export const bindingOf = (name: string, namespace: string, ...accounts: readonly string[]) => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
  subjects: (accounts.length === 0 ? [name] : accounts).map((account) => ({ kind: 'ServiceAccount', name: account, namespace })),
});

/** One object of an identity. */
export interface Made {
  readonly path: string;
  readonly uid: string;
  /** When it was made. */
  readonly version: string;
}

export interface Agent extends Guarded {
  /** All that access was given by, the account first. */
  readonly objects: readonly Made[];
}

/** What a lost answer leaves unknown is read. */
export const make = async (insist: Insist, collection: string, body: { readonly metadata: { readonly name: string } }): Promise<Made> => {
  const path = `${collection}/${body.metadata.name}`;
  const made = await insist('POST', collection, body);
  const object = made.status === 409 ? await insist('GET', path) : made;
  const { metadata } = JSON.parse(object.body) as { readonly metadata: { readonly uid: string; readonly resourceVersion: string } };
  return { path, uid: metadata.uid, version: metadata.resourceVersion };
};

/** A ServiceAccount with a token Secret, bound in two namespaces and in all. */
export const createAccess = async (insist: Insist, namespace: string, elsewhere: string, name: string): Promise<readonly [Made, ...(readonly Made[])]> => {
  const home = `/api/v1/namespaces/${namespace}`;
  const secret = { type: 'kubernetes.io/service-account-token', metadata: { name: `${name}-token`, annotations: { 'kubernetes.io/service-account.name': name } } };
  return [
    await make(insist, `${home}/serviceaccounts`, { metadata: { name } }),
    await make(insist, `${home}/secrets`, secret),
    await make(insist, `${rbac}/namespaces/${namespace}/rolebindings`, bindingOf(name, namespace)),
    await make(insist, `${rbac}/namespaces/${elsewhere}/rolebindings`, bindingOf(name, namespace)),
    await make(insist, `${rbac}/clusterrolebindings`, bindingOf(name, namespace)),
  ];
};

/** The same, with all that it takes to try whether it works: a token that was asked for, and the one of the Secret. */
export const createAgent = async (insist: Insist, asUser: Oracle['asUser'], namespace: string, elsewhere: string, name: string): Promise<Agent> => {
  const home = `/api/v1/namespaces/${namespace}`;
  const objects = await createAccess(insist, namespace, elsewhere, name);
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
  const requested = await insist('POST', `${home}/serviceaccounts/${name}/token`, request);
  const legacy = await waitFor(
    async () => {
      const { body } = await insist('GET', `${home}/secrets/${name}-token`);
      return (JSON.parse(body) as { readonly data?: { readonly token?: string } }).data?.token;
    },
    { timeout: outage, what: `the token of ${name}` },
  );
  const user = `system:serviceaccount:${namespace}:${name}`;
  return {
    namespace,
    name,
    uid: objects[0].uid,
    objects,
    tokens: {
      requested: (JSON.parse(requested.body) as { readonly status: { readonly token: string } }).status.token,
      legacy: Buffer.from(legacy, 'base64').toString('utf8'),
    },
    paths: [
      asUser('RoleBinding', user, `${home}/configmaps`),
      asUser('RoleBinding elsewhere', user, `/api/v1/namespaces/${elsewhere}/configmaps`),
      asUser('ClusterRoleBinding', user, '/api/v1/namespaces/default/configmaps'),
    ],
  };
};
