/** People, accounts and bindings of a test, made over plain HTTPS, and an operator with just the permissions it is given. */
import { type ControlPlane, waitFor } from '../env/control-plane.ts';
import { issueCertificate } from '../env/x509.ts';
import { createKubeClient, type KubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import type { KubeObject, PolicyRule, RoleBinding, Subject } from '../../src/kube/objects.ts';
import { serviceAccounts } from '../../src/kube/resources.ts';
import { createTransport, type Transport } from '../../src/kube/transport.ts';
import { systemClock } from '../../src/runtime/clock.ts';

export const rbac = 'rbac.authorization.k8s.io';
const core = '/api/v1';
export const rbacPath = `/apis/${rbac}/v1`;

/** Calls as an administrator; whatever is not a success is an error. */
export interface Admin {
  readonly get: <T extends KubeObject>(path: string) => Promise<T | undefined>;
  readonly create: <T extends KubeObject>(path: string, body: object) => Promise<T>;
  readonly patch: (path: string, body: object) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

export const createAdmin = (cluster: ControlPlane): Admin => {
  const identity = issueCertificate(cluster.authority, { commonName: 'test-admin', organizations: ['system:masters'] });
  const call = async (
    method: string,
    path: string,
    body?: object,
    contentType?: string,
  ): Promise<{ readonly status: number; readonly body: string }> => {
    const answer = await cluster.request(path, {
      method,
      certificate: identity.certificate,
      key: identity.key,
      ...(body && { body }),
      ...(contentType !== undefined && { headers: { 'content-type': contentType } }),
    });
    if (answer.status >= 300 && answer.status !== 404)
      throw new Error(`${method} ${path}: ${String(answer.status)} ${answer.body}`);
    return answer;
  };
  return {
    get: async <T>(path: string) => {
      const { status, body } = await call('GET', path);
      return status === 404 ? undefined : (JSON.parse(body) as T);
    },
    create: async <T>(path: string, body: object) => {
      const answer = await call('POST', path, body);
      if (answer.status === 404) throw new Error(`POST ${path}: ${answer.body}`);
      return JSON.parse(answer.body) as T;
    },
    patch: async (path, body) => {
      await call('PATCH', path, body, 'application/merge-patch+json');
    },
    remove: async (path) => {
      await call('DELETE', path);
    },
  };
};

export const accountPath = (namespace: string, name = ''): string =>
  `${core}/namespaces/${namespace}/serviceaccounts${name && `/${name}`}`;
export const secretPath = (namespace: string, name = ''): string =>
  `${core}/namespaces/${namespace}/secrets${name && `/${name}`}`;
export const bindingPath = (namespace: string | undefined, name = ''): string =>
  `${rbacPath}/${namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`}${name && `/${encodeURIComponent(name)}`}`;

export const accountSubject = (namespace: string, name = 'bot'): Subject => ({
  kind: 'ServiceAccount',
  namespace,
  name,
});
export const userSubject = (name: string): Subject => ({ kind: 'User', apiGroup: rbac, name });
export const groupSubject = (name: string): Subject => ({ kind: 'Group', apiGroup: rbac, name });

let serial = 0;

/** A namespace of its own, so that tests do not meet. */
export const createNamespace = async (admin: Admin): Promise<string> => {
  serial += 1;
  const name = `ns-${String(serial)}-${String(process.pid)}`;
  await admin.create(`${core}/namespaces`, { metadata: { name } });
  return name;
};

export const createAccount = async (
  admin: Admin,
  namespace: string,
  name = 'bot',
  finalizers: readonly string[] = [],
): Promise<KubeObject> => admin.create(accountPath(namespace), { metadata: { name, finalizers } });

export const createClusterRole = (admin: Admin, name: string, rules: readonly PolicyRule[]): Promise<KubeObject> =>
  admin.create(`${rbacPath}/clusterroles`, { metadata: { name }, rules });

export const bind = (
  admin: Admin,
  namespace: string | undefined,
  name: string,
  roleName: string,
  subjects: readonly Subject[],
): Promise<RoleBinding> =>
  admin.create(bindingPath(namespace), {
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: roleName },
    subjects,
  });

/** A legacy token Secret; its token once the controller has filled it in. */
export const createTokenSecret = async (
  admin: Admin,
  namespace: string,
  name: string,
  account = 'bot',
  awaitToken = true,
): Promise<string> => {
  await admin.create(secretPath(namespace), {
    metadata: { name, annotations: { 'kubernetes.io/service-account.name': account } },
    type: 'kubernetes.io/service-account-token',
  });
  if (!awaitToken) return '';
  return waitFor(
    async () => {
      const secret = await admin.get<KubeObject & { readonly data?: { readonly token?: string } }>(
        secretPath(namespace, name),
      );
      const token = secret?.data?.token;
      return token !== undefined && Buffer.from(token, 'base64').toString('utf8');
    },
    { what: `a token in the Secret ${name}` },
  );
};

export const requestToken = async (admin: Admin, namespace: string, name = 'bot'): Promise<string> => {
  const answer = await admin.create<KubeObject & { readonly status: { readonly token: string } }>(
    `${accountPath(namespace, name)}/token`,
    { spec: { expirationSeconds: 3600 } },
  );
  return answer.status.token;
};

/** What the operator is granted by default: enough for all but Secrets and shared bindings. */
export const operatorRules: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get', 'list', 'watch', 'delete'] },
  {
    apiGroups: [rbac],
    resources: ['rolebindings', 'clusterrolebindings'],
    verbs: ['get', 'list', 'watch', 'delete', 'patch'],
  },
  { apiGroups: [rbac], resources: ['roles', 'clusterroles'], verbs: ['get'] },
  { apiGroups: [''], resources: ['pods', 'replicationcontrollers'], verbs: ['list'] },
  { apiGroups: ['apps'], resources: ['deployments', 'statefulsets', 'daemonsets', 'replicasets'], verbs: ['list'] },
  { apiGroups: ['batch'], resources: ['jobs', 'cronjobs'], verbs: ['list'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

export const secretRules: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch', 'delete'] },
];

export interface Operator {
  readonly client: KubeClient;
  readonly transport: Transport;
  /** Everything that the API server ever answered it, as text. */
  readonly heard: () => string;
  /** Takes its permissions away. */
  readonly deny: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** An operator as it is in real life: a ServiceAccount with a token and a ClusterRole. */
export const createOperator = async (
  cluster: ControlPlane,
  admin: Admin,
  rules: readonly PolicyRule[] = operatorRules,
): Promise<Operator> => {
  const namespace = await createNamespace(admin);
  const name = `operator-${namespace}`;
  await createAccount(admin, namespace, 'operator');
  await createClusterRole(admin, name, rules);
  await bind(admin, undefined, name, name, [accountSubject(namespace, 'operator')]);
  const config = loadKubeConfig({
    path: cluster.kubeconfigFor({ token: await requestToken(admin, namespace, 'operator') }),
    clock: systemClock,
  });
  const heard: string[] = [];
  const transport = listening(createTransport({ config, clock: systemClock, version: 'test' }), heard);
  const client = createKubeClient(transport);
  const mayList = (): Promise<boolean> =>
    client.list(serviceAccounts, { namespace }).then(
      () => true,
      () => false,
    );
  await waitFor(mayList, { what: "the operator's permissions" });
  return {
    client,
    transport,
    heard: () => heard.join('\n'),
    deny: async () => {
      await admin.remove(bindingPath(undefined, name));
      await waitFor(async () => !(await mayList()), { what: "the end of the operator's permissions" });
    },
    close: () => transport.close(),
  };
};

const listening = (inner: Transport, heard: string[]): Transport => ({
  ...inner,
  request: async (request) => {
    const answer = await inner.request(request);
    heard.push(JSON.stringify(answer));
    return answer;
  },
  async *stream(request, lifetime, onOpen) {
    for await (const chunk of inner.stream(request, lifetime, onOpen)) {
      heard.push(chunk.toString('utf8'));
      yield chunk;
    }
  },
});
