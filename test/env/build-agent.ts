/** A build agent that is really alive: an account, tokens that work, and grants in three places, each of which can be tried. */
import type { ControlPlane } from './control-plane.ts';
import type { RawRequest } from './raw-request.ts';
import { waitFor } from './wait-for.ts';
import { issueCertificate } from './x509.ts';

/** One way in. `attempt` really uses it, and answers the HTTP status. */
export interface AccessPath {
  readonly name: string;
  readonly request: string;
  readonly attempt: () => Promise<number>;
}

export interface BuildAgent {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly tokens: { readonly requested: string; readonly legacy: string };
  readonly paths: readonly AccessPath[];
}

const manifest = (namespace: string, name: string): string => `
apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ${namespace}-artifacts}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: ${namespace}}
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}-token, namespace: ${namespace}, annotations: {kubernetes.io/service-account.name: ${name}}}
type: kubernetes.io/service-account-token
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ${name}-edit, namespace: ${namespace}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ${name}-view, namespace: ${namespace}-artifacts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:serviceaccount:${namespace}:${name}'}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ${namespace}-${name}-nodes}
rules: [{apiGroups: [''], resources: [nodes], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ${namespace}-${name}-nodes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${namespace}-${name}-nodes}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}]
`;

export const createBuildAgent = async (cluster: ControlPlane, namespace = 'ci', name = 'build-agent-7'): Promise<BuildAgent> => {
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: manifest(namespace, name) });
  const admin = asAdmin(cluster);
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
  const { metadata: { uid } } = await admin<{ readonly metadata: { readonly uid: string } }>(account);
  const { status: { token: requested } } = await admin<{ readonly status: { readonly token: string } }>(`${account}/token`, {
    method: 'POST',
    body: { spec: { expirationSeconds: 3600 } },
  });
  const legacy = await waitFor(
    async () => {
      const { data } = await admin<{ readonly data?: { readonly token?: string } }>(`/api/v1/namespaces/${namespace}/secrets/${name}-token`);
      return data?.token === undefined ? undefined : Buffer.from(data.token, 'base64').toString('utf8');
    },
    { what: 'the legacy token' },
  );
  const withToken = (label: string, token: string, path: string): AccessPath => ({
    name: label,
    request: `GET ${path}`,
    attempt: async () => (await cluster.request(path, { token })).status,
  });
  const impersonated = impersonator(cluster, `system:serviceaccount:${namespace}:${name}`);
  // What a grant allows whoever acts under the name: it outlives the account, and so is tried without a token.
  const asName = (label: string, path: string): AccessPath => ({
    name: label,
    request: `GET ${path}`,
    attempt: () => impersonated(path),
  });
  const paths = [
    withToken('requested token', requested, `/api/v1/namespaces/${namespace}/pods`),
    withToken('legacy token', legacy, `/api/v1/namespaces/${namespace}/pods`),
    asName(`RoleBinding in ${namespace}`, `/api/v1/namespaces/${namespace}/configmaps`),
    asName(`RoleBinding in ${namespace}-artifacts`, `/api/v1/namespaces/${namespace}-artifacts/configmaps`),
    asName('ClusterRoleBinding', '/api/v1/nodes'),
  ];
  // RBAC takes a few milliseconds to see a new binding.
  await waitFor(async () => (await Promise.all(paths.map(({ attempt }) => attempt()))).every((status) => status === 200), {
    what: 'every access path of the build agent',
  });
  return { namespace, name, uid, tokens: { requested, legacy }, paths };
};

const issueAdmin = (cluster: ControlPlane): RawRequest => issueCertificate(cluster.authority, { commonName: 'admin', organizations: ['system:masters'] });

const asAdmin = (cluster: ControlPlane): (<T>(path: string, request?: RawRequest) => Promise<T>) => {
  const admin = issueAdmin(cluster);
  return async <T>(path: string, request: RawRequest = {}) => {
    const { status, body } = await cluster.request(path, { ...admin, ...request });
    if (status >= 300) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body) as T;
  };
};

/** The account itself need not exist: the API server puts whoever has such a name into the groups of its namespace. */
const impersonator = (cluster: ControlPlane, user: string): ((path: string) => Promise<number>) => {
  const admin = issueAdmin(cluster);
  return async (path) => (await cluster.request(path, { ...admin, headers: { 'impersonate-user': user } })).status;
};
