/** What an installation may do and how its pods run, as the chart renders it. That kustomize gives the same, and that the strictest namespace takes it, installation.test.ts shows. */
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { renderChart } from '../env/helm.ts';

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly spec?: { readonly template?: { readonly spec: PodSpec } };
}

interface PodSpec {
  readonly containers: readonly { readonly securityContext?: object; readonly volumeMounts?: unknown }[];
  readonly [field: string]: unknown;
}

interface Granted extends Rule {
  readonly namespace: string;
}

const manifests = async (values: object = {}): Promise<readonly Manifest[]> => (loadAll(await renderChart({ values })) as (Manifest | null)[]).filter((object) => object !== null);

/** What is bound to the operator's account, each rule with the namespace that it counts in, or `*`. */
const rulesOfOperator = async (values?: object): Promise<readonly Granted[]> => {
  const all = await manifests(values);
  const bindings = all.filter(({ subjects = [] }) => subjects.some(({ kind, name }) => kind === 'ServiceAccount' && name === 'offboard'));
  return bindings.flatMap(({ kind, metadata: { namespace = '' }, roleRef }) => {
    const role = all.find((each) => each.kind === roleRef?.kind && each.metadata.name === roleRef.name && (each.kind === 'ClusterRole' || each.metadata.namespace === namespace));
    if (role?.rules === undefined) throw new Error(`there is no ${JSON.stringify(roleRef)}`);
    return role.rules.map((rule) => ({ ...rule, namespace: kind === 'ClusterRoleBinding' ? '*' : namespace }));
  });
};

const covers = (rule: Rule, resource: string): boolean => (rule.resources ?? []).some((each) => each === resource || each === '*') && (rule.apiGroups ?? []).some((group) => group === '' || group === '*');
const onSecrets = (rules: readonly Granted[]): readonly object[] => rules.filter((rule) => covers(rule, 'secrets')).map(({ namespace, verbs, resourceNames }) => ({ namespace, verbs, ...(resourceNames && { resourceNames }) }));

describe('the rights of the operator', () => {
  const ownKey = { namespace: 'offboard-system', verbs: ['get'], resourceNames: ['offboard-signing-key'] };

  it('are by default to read one Secret, by its name and in its own namespace', async () => {
    const rules = await rulesOfOperator();
    expect(rules.length).toBeGreaterThan(15);
    // It makes that one as well, at its first start. That it makes no other is what a policy holds: guards-operator.test.ts.
    expect(onSecrets(rules)).toEqual([{ namespace: 'offboard-system', verbs: ['create'] }, ownKey]);
    expect(onSecrets(await rulesOfOperator({ signingKey: { existingSecret: 'mine' } }))).toEqual([{ ...ownKey, resourceNames: ['mine'] }]);
  });

  it('are with Connectors to read the Secrets that are named, in its own namespace, and with probes to make and delete, not to read', async () => {
    const secrets = onSecrets(await rulesOfOperator({ connectorSecrets: ['vault'], canaryNamespaces: ['ci'], sharedBindings: { clusterRoles: ['view'] } })) as readonly Granted[];
    const reading = secrets.filter(({ verbs }) => verbs.some((verb) => ['get', 'list', 'watch', '*'].includes(verb)));
    expect(reading).toEqual(expect.arrayContaining([ownKey, { namespace: 'offboard-system', verbs: ['get'], resourceNames: ['vault'] }]));
    expect(reading.filter(({ namespace }) => namespace !== 'offboard-system')).toEqual([]);
    expect(reading.filter(({ resourceNames = [] }) => resourceNames.length === 0)).toEqual([]);
    expect(secrets.some(({ namespace }) => namespace === 'ci')).toBe(true);
  });

  it('are to list Secrets of the cluster only where somebody has said so', async () => {
    expect(onSecrets(await rulesOfOperator({ tokenSecrets: { enabled: true } }))).toEqual(expect.arrayContaining([expect.objectContaining({ namespace: '*' })]));
  });

  it('never hold a wildcard, nor a verb by which one gets more rights than one has', async () => {
    const rules = await rulesOfOperator();
    for (const { apiGroups = [], resources = [], verbs } of rules) expect([...apiGroups, ...resources, ...verbs]).not.toContain('*');
    for (const verb of ['escalate', 'bind', 'impersonate', 'operate', 'breakglass', 'waive', 'approve', 'sign']) expect(rules.flatMap(({ verbs }) => verbs)).not.toContain(verb);
    const writes = rules.filter(({ resources = [], verbs }) => resources.some((resource) => /rolebindings|serviceaccounts$|policies|customresourcedefinitions|pods/.test(resource)) && verbs.some((verb) => ['create', 'update', 'patch'].includes(verb)));
    // The lock is tried by an account that is made as a dry run.
    expect(writes).toEqual([expect.objectContaining({ namespace: 'offboard-system', resources: ['serviceaccounts'], verbs: ['create'] })]);
  });
});

describe('the pods of the operator', () => {
  it('are nobody, may get no more, write nowhere, and are given nothing of their node', async () => {
    const pods = (await manifests()).flatMap(({ spec }) => (spec?.template === undefined ? [] : [spec.template.spec]));
    expect(pods).toHaveLength(1);
    for (const { containers, securityContext, ...rest } of pods) {
      expect(securityContext).toEqual({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      for (const container of containers) {
        expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
        expect(container.volumeMounts).toBeUndefined();
      }
      for (const field of ['hostNetwork', 'hostPID', 'hostIPC', 'volumes', 'initContainers', 'shareProcessNamespace']) expect(Object.keys(rest)).not.toContain(field);
    }
  });
});
