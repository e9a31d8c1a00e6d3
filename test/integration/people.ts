/** Users who may do just what a test says, by RBAC, and act through kubectl. */
import { type ControlPlane, waitFor } from '../env/control-plane.ts';

export interface Rule {
  /** `plural` or `plural.group`, each with `/subresource` if meant. */
  readonly on: readonly string[];
  readonly verbs: readonly string[];
  readonly named?: readonly string[];
}

export interface Grants {
  /** Within each namespace. */
  readonly in?: Readonly<Record<string, readonly Rule[]>>;
  readonly everywhere?: readonly Rule[];
}

export interface Person {
  readonly name: string;
  /** Path. */
  readonly kubeconfig: string;
  /** Rejects with what kubectl complained about. An object goes to its standard input. */
  kubectl(args: readonly string[], input?: object): Promise<string>;
}

/** Writes our own kinds, status included, as a tenant may who was given too much; may delete nothing else. */
export const writesOurKinds: Rule = {
  on: [
    'workloadidentities.offboard.dev',
    'workloadidentities.offboard.dev/status',
    'offboardings.offboard.dev',
    'offboardings.offboard.dev/status',
  ],
  verbs: ['get', 'list', 'watch', 'create', 'update', 'patch'],
};

export const admin = (cluster: ControlPlane): Person => speaker(cluster, 'admin', cluster.kubeconfig);

/** A ServiceAccount that exists, with a real token of its own. */
export const account = async (cluster: ControlPlane, namespace: string, name: string, grants: Grants = {}): Promise<Person> => {
  const user = `system:serviceaccount:${namespace}:${name}`;
  const token = (await cluster.kubectl(['create', 'token', name, '-n', namespace])).trim();
  return granted(cluster, speaker(cluster, user, cluster.kubeconfigFor({ token })), grants);
};

/** A user of no particular group. */
export const person = (cluster: ControlPlane, name: string, grants: Grants = {}): Promise<Person> =>
  granted(cluster, speaker(cluster, name, cluster.kubeconfigFor({ as: name })), grants);

const speaker = (cluster: ControlPlane, name: string, kubeconfig: string): Person => ({
  name,
  kubeconfig,
  kubectl: (args, input) => cluster.kubectl(args, { kubeconfig, ...(input === undefined ? {} : { stdin: JSON.stringify(input) }) }),
});

const granted = async (cluster: ControlPlane, somebody: Person, { in: within = {}, everywhere = [] }: Grants): Promise<Person> => {
  const items = [
    ...Object.entries(within).flatMap(([namespace, rules]) => roleAndBinding(somebody.name, rules, namespace)),
    ...(everywhere.length === 0 ? [] : roleAndBinding(somebody.name, everywhere)),
  ];
  if (items.length === 0) return somebody;
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const grants = [...Object.entries(within).map(([namespace, rules]) => ({ namespace, rules })), { namespace: 'default', rules: everywhere }];
  for (const { namespace, rules } of grants) {
    const [rule] = rules;
    if (rule !== undefined) await inForce(somebody, rule, namespace);
  }
  return somebody;
};

/** A role comes into force as a whole. */
const inForce = async ({ name, kubectl }: Person, { on: [on = ''], verbs: [verb = ''], named: [resource] = [] }: Rule, namespace: string): Promise<void> => {
  const [target = '', subresource] = on.split('/');
  const args = ['auth', 'can-i', verb, resource === undefined ? target : `${target}/${resource}`, '-n', namespace];
  await waitFor(() => kubectl([...args, ...(subresource === undefined ? [] : ['--subresource', subresource])]), { what: `${name} being allowed to ${verb} ${on}` });
};

const roleAndBinding = (user: string, rules: readonly Rule[], namespace?: string): readonly object[] => {
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const name = user.replaceAll(/[^a-z0-9-]/g, '-');
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  return [
    { apiVersion, kind, metadata, rules: rules.flatMap(policyRules) },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    },
  ];
};

const policyRules = ({ on, verbs, named }: Rule): readonly object[] =>
  on.map((resource) => {
    const [, plural = '', group = '', subresource = ''] = /^([a-z]+)(?:\.([a-z0-9.-]+))?(\/[a-z]+)?$/.exec(resource) ?? [];
    return { apiGroups: [group], resources: [plural + subresource], verbs, ...(named === undefined ? {} : { resourceNames: named }) };
  });
