/** Offboard as it is installed: by helm into a real API server, upgraded, uninstalled, and by kustomize after that. */
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documented, wordsOf } from '../docs/documented.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { chartFolder, helm, renderChart } from '../env/helm.ts';

let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane();
});
afterAll(async () => {
  await cluster.stop();
});

describe('a release', () => {
  const release = (...args: readonly string[]): Promise<string> => helm([...args, '--kubeconfig', cluster.kubeconfig]);
  const roles = { roles: [{ namespace: 'ci', names: ['deployer'] }] };

  it('is installed by helm, its pods are as the strictest namespace wants them, and both are made', async () => {
    for (const name of ['ci', 'offboard-system']) await cluster.kubectl(['create', 'namespace', name]);
    await cluster.kubectl(['label', 'namespace', 'offboard-system', 'pod-security.kubernetes.io/enforce=restricted']);
    const install = wordsOf(documented('README.md', 'Install it', 'helm install'));
    expect(wordsOf(documented('charts/offboard/README.md', 'Offboard', 'helm install'))).toEqual(install);
    const notes = await release(...install, '--set-json', `sharedBindings=${JSON.stringify(roles)},connectorSecrets=["vault"],canaryNamespaces=["ci"]`);
    expect(notes).toContain('Offboard 0.1.0 runs as offboard-system/offboard.');
    await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd/offboardings.offboard.dev', 'crd/workloadidentities.offboard.dev']);
    await waitFor(async () => (await cluster.kubectl(['get', 'pods', '-n', 'offboard-system', '-o', 'name'])).trim().split('\n').length === 2, { what: 'two pods' });
  });

  it.each([
    ['yes', ['delete', 'rolebindings', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['patch', 'rolebindings', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['bind', 'roles/deployer', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['patch', 'rolebindings', '-n', 'default'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['bind', 'roles/other', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['bind', 'clusterroles/view'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['list', 'secrets', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['create', 'serviceaccounts/offboard', '--subresource=token', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['create', 'serviceaccounts/default', '--subresource=token', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['create', 'serviceaccounts/build-agent-7', '--subresource=token', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['create', 'serviceaccounts/build-agent-7', '--subresource=token', '-n', 'default'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['get', 'secrets/vault', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['get', 'secrets/other', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['get', 'secrets/offboard-signing-key', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['create', 'secrets', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['patch', 'secrets/offboard-signing-key', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['patch', 'configmaps/offboard-signing-keys', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['delete', 'configmaps/offboard-signing-keys', '-n', 'offboard-system'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['create', 'offboardingrecords.offboard.dev'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['patch', 'offboardingrecords.offboard.dev'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['get', 'offboardingrecords.offboard.dev'], 'everywhere-an-admin'],
    ['yes', ['get', 'offboardingrecords.offboard.dev'], 'auditor'],
    ['no', ['delete', 'offboardingrecords.offboard.dev'], 'auditor'],
    ['no', ['get', 'secrets/vault', '-n', 'ci'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['patch', 'connectors.offboard.dev'], 'system:serviceaccount:offboard-system:offboard'],
    ['no', ['use', 'connectors.offboard.dev'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['create', 'offboardings.offboard.dev', '-A'], 'everywhere-an-admin'],
    ['no', ['get', 'connectors.offboard.dev'], 'everywhere-an-admin'],
    ['no', ['create', 'connectors.offboard.dev'], 'everywhere-an-admin'],
    ['no', ['use', 'connectors.offboard.dev'], 'everywhere-an-admin'],
    ['yes', ['create', 'connectors.offboard.dev'], 'keeper'],
    ['no', ['use', 'connectors.offboard.dev'], 'keeper'],
    ['no', ['operate', 'offboardings'], 'system:serviceaccount:offboard-system:offboard'],
    ['yes', ['create', 'offboardings.offboard.dev', '-n', 'ci'], 'editor'],
    ['yes', ['watch', 'workloadidentities.offboard.dev', '-n', 'ci'], 'viewer'],
    ['no', ['create', 'offboardings.offboard.dev', '-n', 'ci'], 'viewer'],
    ['no', ['breakglass', 'offboardings.offboard.dev', '-n', 'ci'], 'editor'],
    ['yes', ['create', 'offboardingwaivers.offboard.dev', '-n', 'ci'], 'editor'],
    ['no', ['waive', 'offboardings.offboard.dev', '-n', 'ci'], 'editor'],
    ['yes', ['get', 'offboardingwaivers.offboard.dev', '-n', 'ci'], 'viewer'],
    ['no', ['patch', 'offboardings.offboard.dev', '--subresource=status', '-n', 'ci'], 'editor'],
  ])('says %s to %o by %s', async (answer, what, who) => {
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: people }) });
    const ask = (): Promise<string> => cluster.kubectl(['auth', 'can-i', ...what, `--as=${who}`]).catch((error: unknown) => (String(error).includes('exit code 1') ? 'no' : String(error)));
    // Kubernetes takes a moment to aggregate a ClusterRole.
    await waitFor(async () => (await ask()).trim() === answer, { what: `${answer} to ${what.join(' ')} by ${who}`, timeout: 20_000 });
  });

  it('keeps the public keys when it is upgraded', async () => {
    await cluster.kubectl(['patch', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '--type=merge', '-p', '{"data":{"a.pem":"public"}}']);
    await release('upgrade', 'offboard', chartFolder, '--namespace', 'offboard-system', '--reuse-values', '--set', 'replicas=2');
    expect(await cluster.kubectl(['get', 'configmap/offboard-signing-keys', '-n', 'offboard-system', '-o', 'jsonpath={.data.a\\.pem}'])).toBe('public');
  });

  it('forgets nobody who is locked when it is upgraded', async () => {
    await cluster.kubectl(['patch', 'configmap', 'offboard-lock', '-n', 'offboard-system', '--type=merge', '-p', '{"data":{"ci":"\\nbot\\n"}}']);
    await release('upgrade', 'offboard', chartFolder, '--namespace', 'offboard-system', '--reuse-values', '--set', 'flags.workers=8');
    await release('upgrade', 'offboard', chartFolder, '--namespace', 'offboard-system', '--reuse-values', '--set', 'flags.workers=9');
    expect(await cluster.kubectl(['get', 'configmap', 'offboard-lock', '-n', 'offboard-system', '-o', 'jsonpath={.data}'])).toBe('{"ci":"\\nbot\\n"}');
  });

  it('leaves behind when it is uninstalled the CRDs, what they hold, who was locked, and what guards all of it', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', 'config/samples/workloadidentity.yaml']);
    await release('uninstall', 'offboard', '--namespace', 'offboard-system');
    expect(await cluster.kubectl(['get', 'crd', '-o', 'name'])).toContain('/offboardings.offboard.dev');
    expect(await cluster.kubectl(['get', 'wid', '-n', 'ci', '-o', 'name'])).not.toBe('');
    const policies = (loadAll(await renderChart({ only: ['policies.yaml'] })) as readonly { readonly kind: string; readonly metadata: { readonly name: string } }[]).filter(({ kind }) => kind !== 'ConfigMap');
    const kinds = 'clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding,mutatingadmissionpolicy,mutatingadmissionpolicybinding';
    const left = (await cluster.kubectl(['get', kinds, '-o', 'name'])).trim().split('\n').filter((name) => name.includes('/offboard'));
    expect(left.map((name) => name.replace('.admissionregistration.k8s.io', '')).toSorted()).toEqual(policies.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`).toSorted());
    expect(await cluster.kubectl(['get', 'configmap', 'offboard-lock', '-n', 'offboard-system', '-o', 'jsonpath={.data}'])).toBe('{"ci":"\\nbot\\n"}');
    expect(await cluster.kubectl(['get', 'role,rolebinding,serviceaccount', '-A', '-o', 'name'])).not.toContain('/offboard');
  });

  it('takes over CRDs that another left, and fences in the account that it runs as', async () => {
    await release('install', 'retire', chartFolder, '--namespace', 'ops', '--create-namespace', '--take-ownership');
    const itself = ['--as=system:serviceaccount:ops:retire-offboard', '--as-group=system:masters', '--dry-run=server'];
    const grant = ['create', 'rolebinding', 'grant', '-n', 'ci', '--clusterrole=view', '--user=mallory'];
    await waitFor(() => cluster.kubectl([...grant, ...itself]).then(() => false, (error: unknown) => String(error).includes('Offboard creates no bindings')), { what: 'the fence', timeout: 30_000 });
    await cluster.kubectl([...grant, '--as=system:serviceaccount:offboard-system:offboard', ...itself.slice(1)]);
    await release('uninstall', 'retire', '--namespace', 'ops');
    // They stay for a release in that namespace, and the next is in another.
    for (const kind of ['validatingadmissionpolicybinding', 'validatingadmissionpolicy', 'mutatingadmissionpolicybinding', 'mutatingadmissionpolicy']) {
      await cluster.kubectl(['delete', kind, '-l', 'app.kubernetes.io/name=offboard,app.kubernetes.io/instance=retire']);
    }
  });

  it('is replaced by what kustomize applies, twice if need be', async () => {
    const apply = (): Promise<string> => cluster.kubectl(wordsOf(documented('README.md', 'Install it', 'kubectl apply -k')));
    await apply();
    expect((await apply()).trim().split('\n').every((line) => line.endsWith(' serverside-applied'))).toBe(true);
    // What was signed before can still be checked.
    expect(await cluster.kubectl(['get', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '-o', 'jsonpath={.data.a\\.pem}'])).toBe('public');
    const made = ['get', 'deployment', 'offboard', '-n', 'offboard-system', '-o', 'jsonpath={.status.replicas}'];
    await waitFor(async () => (await cluster.kubectl(made)) === '2', { what: 'two pods' });
  });
});

/** In the namespace "ci", or in the whole cluster. */
const member = (user: string, role: string, namespace?: string): object => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
  metadata: { name: user, ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
});

const people = [member('viewer', 'view', 'ci'), member('editor', 'edit', 'ci'), member('everywhere-an-admin', 'admin'), member('keeper', 'offboard-connectors'), member('auditor', 'offboard-records')];
