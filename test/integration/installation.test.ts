/** The two ways to install Offboard: they give the same, and a real API server takes it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { chartFolder, helm, renderChart } from '../env/helm.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object; readonly annotations?: object };
}

let cluster: ControlPlane;
const scratch = mkdtempSync(join(tmpdir(), 'offboard-kustomize-'));

beforeAll(async () => {
  cluster = await startControlPlane();
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await cluster.stop();
});

const keyOf = ({ kind, metadata: { namespace, name } }: Manifest): string => [kind, namespace, name].filter((part) => part !== undefined).join(' ');

/** Helm's own labels, and what makes it keep the CRDs. */
const ofHelm = (key: string): boolean => key.startsWith('app.kubernetes.io/') || key.startsWith('helm.sh/');

const withoutHelm = (fields: object | undefined): object => Object.fromEntries(Object.entries(fields ?? {}).filter(([key]) => !ofHelm(key)));

const byName = (list: readonly { readonly name: string }[]): object => Object.fromEntries(list.map((item) => [item.name, item]));

/** The order of variables says nothing; and where lines of a folded text are indented, YAML libraries do not agree. */
const normalized = (key: string, value: unknown): unknown => {
  if (key === 'env') return byName(value as { name: string }[]);
  return typeof value === 'string' ? value.replace(/\s+/g, ' ') : value;
};

/** What there is, by kind and name, however it is written. */
const objectsIn = (yaml: string): ReadonlyMap<string, unknown> =>
  new Map(
    (loadAll(yaml) as (Manifest | null | undefined)[])
      .filter((object) => object !== null && object !== undefined)
      .map((object) => {
        const { labels, annotations, ...metadata } = object.metadata;
        const text = JSON.stringify({ ...object, metadata: { ...metadata, labels: withoutHelm(labels), annotations: withoutHelm(annotations) } });
        return [keyOf(object), JSON.parse(text, normalized) as unknown];
      }),
  );

/** A kustomization as a user writes one: all of it, with these components. */
const kustomize = (...components: readonly string[]): Promise<string> => {
  const at = (folder: string): string => relative(scratch, join(import.meta.dirname, '../../config', folder));
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: [at('default')], components: components.map(at) };
  writeFileSync(join(scratch, 'kustomization.yaml'), JSON.stringify(kustomization));
  return cluster.kubectl(['kustomize', scratch]);
};

describe('the chart', () => {
  it('passes helm lint', async () => {
    expect(await helm(['lint', chartFolder, '--strict'])).toContain('0 chart(s) failed');
  });

  it.each([
    ['by default', {}, []],
    [
      'with every optional right',
      { tokenSecrets: { enabled: true }, sharedBindings: { clusterRoles: ['view', 'edit'] }, connectorSecrets: ['vault'], canaryNamespaces: ['ci'] },
      ['token-secrets', 'shared-bindings', 'connector-secrets', 'canaries'],
    ],
  ])('is the same as the kustomization, %s', async (_, values, components) => {
    const chart = objectsIn(await renderChart({ values }));
    const kustomization = objectsIn(await kustomize(...components));
    const { 'Namespace offboard-system': namespace, ...rest } = Object.fromEntries(kustomization);
    expect(namespace).toBeDefined();
    expect(Object.fromEntries(chart)).toEqual(rest);
  });

  it('is of the version of the operator', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    expect(load(readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8'))).toMatchObject({ appVersion: version });
  });

  it('writes the policies for the account and the namespace of the release, wherever they name them', async () => {
    const values = { serviceAccount: { name: 'retirer' } };
    const [usual, other] = await Promise.all([renderChart({ only: ['policies.yaml'] }), renderChart({ namespace: 'my-offboard-system', values, only: ['policies.yaml'] })]);
    const lines = usual.split('\n').filter((line) => !line.startsWith('#'));
    const others = other.split('\n').filter((line) => !line.startsWith('#'));
    expect(others.map((line) => line.replaceAll('my-offboard-system', 'offboard-system').replaceAll('retirer', 'offboard'))).toEqual(lines);
    const naming = lines.flatMap((line, index) => (/offboard-system|['":]offboard['"]/.test(line) ? [index] : []));
    expect(naming.length).toBeGreaterThan(8);
    for (const index of naming) {
      expect(others[index]).not.toMatch(/['":]offboard['"]/);
      expect(others[index]?.replaceAll('my-offboard-system', '')).not.toContain('offboard-system');
    }
  });

  it('writes the audiences of tokens that are asked for into the fence', async () => {
    const policies = await renderChart({ values: { tokenAudiences: ['bao', 'https://vault.example.com'] }, only: ['policies.yaml'] });
    expect(policies).toContain(`expression: "['bao', 'https://vault.example.com']"`);
    expect(policies).not.toContain("'vault'");
  });

  it('writes the audiences of the API server that are named into the fence', async () => {
    const policies = await renderChart({ values: { apiServerAudiences: ['https://oidc.example.com/id'] }, only: ['policies.yaml'] });
    expect(policies.match(/expression: "\['https:\/\/oidc\.example\.com\/id'\]"/g)).toHaveLength(2);
    expect(policies).not.toContain("'https://kubernetes.default.svc'");
  });

  it('says what to do where the cluster is too old to stamp who asked', async () => {
    await expect(renderChart({ args: ['--kube-version', '1.33.0'] })).rejects.toThrow('policies.mutating: MutatingAdmissionPolicy needs Kubernetes 1.36');
    const older = await renderChart({ values: { policies: { mutating: false } }, args: ['--kube-version', '1.33.0'] });
    expect(older).not.toContain('kind: MutatingAdmissionPolicy');
    expect(older).toContain('kind: ValidatingAdmissionPolicy');
  });

  it.each<readonly [string, object]>([
    ['sharedBindings/clusterRoles/0', { sharedBindings: { clusterRoles: ['*'] } }],
    ['sharedBindings/roles/0/names', { sharedBindings: { roles: [{ namespace: 'ci', names: [] }] } }],
    ['connectorSecrets/0', { connectorSecrets: ['*'] }],
    ['canaryNamespaces/0', { canaryNamespaces: ['*'] }],
    ['canaryNamespaces/0', { canaryNamespaces: ['kube-system'] }],
    ['canaryNamespaces', { canaryNamespaces: true }],
    ['tokenAudiences', { tokenAudiences: [] }],
    ['apiServerAudiences', { apiServerAudiences: [] }],
    ['apiServerAudiences/0', { apiServerAudiences: ["a', 'b"] }],
    ['tokenAudiences/0', { tokenAudiences: ['https://kubernetes.default.svc'] }],
    ['tokenAudiences/0', { tokenAudiences: ["vault', 'api"] }],
    ['flags', { flags: { 'allow-loopback-http': true } }],
    ['serviceAccount/name', { serviceAccount: { name: 'default' } }],
    ['signingKey/existingSecret', { signingKey: { existingSecret: 'a b' } }],
    ['image/digest', { image: { digest: 'latest' } }],
    ['tokenSecrets/enabled', { tokenSecrets: { enabled: 'yes' } }],
    ['flags', { flags: { namespace: 'kube-system' } }],
    ['tokenSecret', { tokenSecret: { enabled: true } }],
  ])('refuses a wrong %s by its schema', async (where, values) => {
    await expect(renderChart({ values })).rejects.toThrow(where);
  });

  it.each<readonly [string, object]>([
    ['as it is', {}],
    ['with everything', {
      image: { repository: 'registry.example.com/offboard', digest: `sha256:${'a'.repeat(64)}` },
      imagePullSecrets: [{ name: 'pull' }],
      serviceAccount: { name: 'retirer', annotations: { 'example.com/a': 'b' } },
      signingKey: { existingSecret: 'mine' },
      tokenSecrets: { enabled: true },
      sharedBindings: { clusterRoles: ['view'], roles: [{ namespace: 'default', names: ['deployer', 'reader'] }] },
      connectorSecrets: ['vault', 'bao'],
      canaryNamespaces: ['default', 'kube-public'],
      tokenAudiences: ['vault', 'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/clusters/providers/prod', 'acme.svc.id.goog'],
      flags: { 'log-level': 'debug', workers: 32, 'kubernetes-settle': '30s' },
      env: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=384' }],
      podAnnotations: { 'example.com/a': 'b' },
      podLabels: { team: 'platform' },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'a', operator: 'Exists' }],
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } }] } },
      priorityClassName: 'system-cluster-critical',
      podDisruptionBudget: { maxUnavailable: '50%' },
    }],
    ['with as little as there can be', {
      replicas: 1,
      serviceAccount: { create: false, name: 'given' },
      rbac: { create: false },
      crds: { enabled: false },
      policies: { enabled: false },
      podDisruptionBudget: { enabled: false },
      metrics: { service: { enabled: false } },
    }],
    ['with Roles and no ClusterRoles on shared bindings', { sharedBindings: { roles: [{ namespace: 'default', names: ['deployer'] }] } }],
  ])('is taken by the API server %s', async (_, values) => {
    const rendered = await renderChart({ release: 'other', namespace: 'default', values });
    await cluster.kubectl(['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'], { stdin: rendered });
  });
});

describe('a release', () => {
  /** As the README has it. */
  const command = (program: 'helm install' | 'kubectl apply -k'): readonly string[] =>
    new RegExp(`^${program}.*$`, 'm').exec(readFileSync('README.md', 'utf8'))?.[0].split(' ').slice(1) ?? [];
  const release = (...args: readonly string[]): Promise<string> => helm([...args, '--kubeconfig', cluster.kubeconfig]);
  const roles = { roles: [{ namespace: 'ci', names: ['deployer'] }] };

  it('is installed by helm, its pods are as the strictest namespace wants them, and both are made', async () => {
    for (const name of ['ci', 'offboard-system']) await cluster.kubectl(['create', 'namespace', name]);
    await cluster.kubectl(['label', 'namespace', 'offboard-system', 'pod-security.kubernetes.io/enforce=restricted']);
    const notes = await release(...command('helm install'), '--set-json', `sharedBindings=${JSON.stringify(roles)},connectorSecrets=["vault"],canaryNamespaces=["ci"]`);
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

  it('leaves nothing behind when it is uninstalled, but the CRDs and what they hold, who was locked, and what keeps that in sight', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', 'config/samples/workloadidentity.yaml']);
    await release('uninstall', 'offboard', '--namespace', 'offboard-system');
    expect(await cluster.kubectl(['get', 'crd', '-o', 'name'])).toContain('/offboardings.offboard.dev');
    expect(await cluster.kubectl(['get', 'wid', '-n', 'ci', '-o', 'name'])).not.toBe('');
    const kinds = 'clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding,mutatingadmissionpolicy,mutatingadmissionpolicybinding';
    const left = (await cluster.kubectl(['get', kinds, '-o', 'name'])).trim().split('\n').filter((name) => name.includes('/offboard'));
    expect(left.map((name) => name.replace('.admissionregistration.k8s.io', ''))).toEqual(['validatingadmissionpolicy/offboard-lock-pin', 'validatingadmissionpolicybinding/offboard-lock-pin']);
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
    // It stays for a release in that namespace, and the next is in another.
    await cluster.kubectl(['delete', 'validatingadmissionpolicybinding', 'offboard-lock-pin']);
  });

  it('is replaced by what kustomize applies, twice if need be', async () => {
    const apply = (): Promise<string> => cluster.kubectl(command('kubectl apply -k'));
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
