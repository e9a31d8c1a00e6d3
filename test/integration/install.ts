/**
 * Installs Offboard's CRDs and admission policies into a control plane, and waits until they are in force:
 *
 *     await installOffboard(cluster);                        // in beforeAll; takes about 2 s
 *     await installOffboard(cluster, { mutating: false });   // as on a cluster older than Kubernetes 1.36
 *     await installOffboard(cluster, { tokenAudiences: ['https://…'] });   // for whom the operator may make tokens, beside Vault
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { type ControlPlane, waitFor } from '../env/control-plane.ts';

export interface InstallOptions {
  /** False leaves the MutatingAdmissionPolicies out: the requester is not stamped, new runs are not held at once. */
  readonly mutating?: boolean;
  /** More audiences of tokens that the operator makes. */
  readonly tokenAudiences?: readonly string[];
}

const path = (relative: string): string => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const apply = ['apply', '--server-side', '-f'] as const;

export async function installOffboard(cluster: ControlPlane, { mutating = true, tokenAudiences = [] }: InstallOptions = {}): Promise<void> {
  await cluster.kubectl([...apply, path('crds/')]);
  await cluster.kubectl([...apply, '-'], { stdin: '{apiVersion: v1, kind: Namespace, metadata: {name: offboard-system}}' });
  await cluster.kubectl([...apply, path('config/policies/')]);
  if (tokenAudiences.length > 0) await cluster.kubectl([...apply, '-'], { stdin: fenceWith(tokenAudiences) });
  if (!mutating) await cluster.kubectl(['delete', '-f', path('config/policies/requested-by-stamp.yaml'), '-f', path('config/policies/hold.yaml')]);
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', '-f', path('crds/')]);
  await policiesInForce(cluster);
  if (mutating) await everywhere(cluster, 'stamping Offboardings', (kubeconfig) => stamped(cluster, kubeconfig));
}

/** As the chart does it. */
const fenceWith = (audiences: readonly string[]): string => {
  const fence = readFileSync(path('config/policies/operator-fence.yaml'), 'utf8');
  const named = fence.replace("['vault']", `['vault', ${audiences.map((audience) => `'${audience}'`).join(', ')}]`);
  if (named === fence) throw new Error('operator-fence.yaml does not name the audiences any more');
  return named;
};

/**
 * Every API server loads policies about once a second, all that it has seen by then, in the order in which they were
 * written. So a canary that is written last tells of all: a mutating one marks a ConfigMap, a validating one refuses it
 * by its mark. Nothing of it stays behind, and its name is new each time: one that was deleted is in force a little longer.
 */
async function policiesInForce(cluster: ControlPlane): Promise<void> {
  const canary = `offboard-canary-${randomUUID()}`;
  const stdin = canaryPolicies(canary);
  await cluster.kubectl([...apply, '-'], { stdin });
  await everywhere(cluster, 'enforcing the admission policies', (kubeconfig) => refused(cluster, canary, kubeconfig));
  await cluster.kubectl(['delete', '-f', '-'], { stdin });
}

async function everywhere(cluster: ControlPlane, doing: string, condition: (kubeconfig: string) => Promise<boolean>): Promise<void> {
  await Promise.all(
    cluster.urls.map((_, replica) => {
      const kubeconfig = cluster.kubeconfigFor({}, replica);
      const what = `API server ${String(replica)} ${doing}`;
      return waitFor(() => condition(kubeconfig), { what, timeout: 30_000, interval: 100 });
    }),
  );
}

async function refused(cluster: ControlPlane, canary: string, kubeconfig: string): Promise<boolean> {
  const create = ['create', 'configmap', canary, '--dry-run=server', '-n', 'default'];
  const complaint = await cluster.kubectl(create, { kubeconfig }).then(() => '', String);
  if (complaint !== '' && !complaint.includes(canary)) throw new Error(complaint);
  return complaint.includes('the canary is refused');
}

/** For some seconds after a CRD is new, or the API server is, its objects are answered 503 where a mutating policy matches. */
async function stamped(cluster: ControlPlane, kubeconfig: string): Promise<boolean> {
  const offboarding = {
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Offboarding',
    metadata: { name: 'canary', namespace: 'default' },
    spec: { identity: { serviceAccount: { name: 'canary' } }, reason: 'Retired', mode: 'Plan' },
  };
  const create = ['create', '--dry-run=server', '-o', 'jsonpath={.spec.requestedBy.username}', '-f', '-'];
  return (await cluster.kubectl(create, { kubeconfig, stdin: JSON.stringify(offboarding) })) !== '';
}

const canaryPolicies = (canary: string): string => {
  const rule = `{apiGroups: [""], apiVersions: [v1], resources: [configmaps], resourceNames: [${canary}], operations: [CREATE]}`;
  return `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: ${canary}}
spec:
  reinvocationPolicy: Never
  matchConstraints: {resourceRules: [${rule}]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: "Object{data: {'canary': 'marked'}}"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: ${canary}}
spec: {policyName: ${canary}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: ${canary}}
spec:
  matchConstraints: {resourceRules: [${rule}]}
  validations:
  - {expression: "!has(object.data) || !('canary' in object.data)", message: the canary is refused}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: ${canary}}
spec: {policyName: ${canary}, validationActions: [Deny]}
`;
};
