/** The chart and the kustomization, as they are rendered: they give the same, and a real API server takes it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { chartFolder, helm, renderChart } from '../env/helm.ts';
import { prometheusCrds } from '../env/prometheus-crds.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: object; readonly annotations?: object };
}

let cluster: ControlPlane;
const scratch = mkdtempSync(join(tmpdir(), 'offboard-kustomize-'));

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await cluster.kubectl(['apply', '-f', '-'], { stdin: prometheusCrds });
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
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

const config = join(import.meta.dirname, '../../config');

/** A kustomization as a user writes one: all of it, with these components. */
const kustomize = (...components: readonly string[]): Promise<string> => {
  const at = (folder: string): string => relative(scratch, join(config, folder));
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: [at('default')], components: components.map(at) };
  writeFileSync(join(scratch, 'kustomization.yaml'), JSON.stringify(kustomization));
  return cluster.kubectl(['kustomize', scratch]);
};

/** Each value, other than it is by default. */
const everything = {
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
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'example.com/rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} }],
  priorityClassName: 'system-cluster-critical',
  podDisruptionBudget: { maxUnavailable: '50%' },
  metrics: {
    service: { port: 9090 },
    podMonitor: { enabled: true, interval: '1m', labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
    dashboards: { enabled: true, labels: { grafana_dashboard: '1' }, annotations: { grafana_folder: 'Offboard' } },
  },
  networkPolicy: {
    enabled: true,
    metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } }, podSelector: { matchLabels: { a: 'b' } } }],
    egress: {
      apiServers: { ports: [6443], to: [{ ipBlock: { cidr: '10.0.0.0/28' } }] },
      vaults: [{ ports: [8200, 8201], to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'vault' } } }] }, { ports: [443] }],
      googleCloud: { enabled: true, to: [{ ipBlock: { cidr: '199.36.153.8/30' } }] },
    },
  },
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
    const naming = lines.flatMap((line, index) => (/offboard-system|['":]offboard['"]/.test(line) && !line.includes('app.kubernetes.io/name') ? [index] : []));
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
    ['flags/record-retention', { flags: { 'record-retention': '1 year' } }],
    ['flags/api-servers', { flags: { 'api-servers': 'http://10.0.0.1' } }],
    ['metrics', { metrics: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } } }],
    ['metrics/podMonitor/interval', { metrics: { podMonitor: { interval: 30 } } }],
    ['metrics/dashboards/labels', { metrics: { dashboards: { labels: { a: 1 } } } }],
    ['networkPolicy/egress/vaults/0', { networkPolicy: { egress: { vaults: [{ to: [] }] } } }],
    ['networkPolicy/egress/apiServers/ports', { networkPolicy: { egress: { apiServers: { ports: [] } } } }],
    ['networkPolicy/metricsFrom/0', { networkPolicy: { metricsFrom: ['monitoring'] } }],
    ['topologySpreadConstraints/0', { topologySpreadConstraints: [{ topologyKey: 'a' }] }],
    ['tokenSecret', { tokenSecret: { enabled: true } }],
  ])('refuses a wrong %s by its schema', async (where, values) => {
    await expect(renderChart({ values })).rejects.toThrow(where);
  });

  it.each<readonly [string, object]>([
    ['as it is', {}],
    ['with everything', everything],
    ['with a ServiceMonitor', { metrics: { serviceMonitor: { enabled: true, labels: { release: 'prometheus' } } } }],
    ['with a NetworkPolicy that knows no address', { networkPolicy: { enabled: true, egress: { googleCloud: { enabled: true } } } }],
    ['with nothing kept', { crds: { keep: false }, policies: { keep: false } }],
    ['for an older cluster', { policies: { mutating: false } }],
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

  it('keeps the policies with what they guard, and says of every object whose it is', async () => {
    const objects = (loadAll(await renderChart({ values: everything })) as (Manifest | null)[]).filter((object) => object !== null);
    for (const { kind, metadata } of objects) {
      expect(metadata.labels, metadata.name).toMatchObject({ 'app.kubernetes.io/name': 'offboard', 'app.kubernetes.io/instance': 'offboard', 'app.kubernetes.io/managed-by': 'Helm' });
      const stays = /^(CustomResourceDefinition|(Validating|Mutating)AdmissionPolicy(Binding)?)$/.test(kind) || (kind === 'ConfigMap' && /-(lock|signing-keys)$/.test(metadata.name));
      expect((metadata.annotations as Record<string, string> | undefined)?.['helm.sh/resource-policy'], metadata.name).toBe(stays ? 'keep' : undefined);
    }
  });

  it('renders the same each time, and no key of anybody', async () => {
    const [once, again] = await Promise.all([renderChart(), renderChart()]);
    expect(again).toBe(once);
    expect(once).not.toContain('kind: Secret\n');
  });

  it('has each alert and each dashboard of the kustomization', async () => {
    const rendered = loadAll(await renderChart({ values: everything, only: ['alerts-and-dashboards.yaml'] })) as readonly { readonly kind: string; readonly spec?: object; readonly data?: Readonly<Record<string, string>> }[];
    const files = readdirSync(join(config, 'prometheus'), { recursive: true, encoding: 'utf8' });
    const manifests = files.filter((file) => file.endsWith('.yaml')).flatMap((file) => loadAll(readFileSync(join(config, 'prometheus', file), 'utf8')) as typeof rendered);
    const rules = manifests.filter(({ kind }) => kind === 'PrometheusRule').map(({ spec }) => spec);
    expect(rules).not.toHaveLength(0);
    expect(rendered.filter(({ kind }) => kind === 'PrometheusRule').map(({ spec }) => spec)).toEqual(rules);
    const dashboards = files.filter((file) => file.endsWith('.json')).map((file): unknown => JSON.parse(readFileSync(join(config, 'prometheus', file), 'utf8')));
    expect(rendered.flatMap(({ data = {} }) => Object.values(data)).map((text): unknown => JSON.parse(text))).toEqual(dashboards);
  });

  it('tells which value a ServiceMonitor needs', async () => {
    await expect(renderChart({ values: { metrics: { serviceMonitor: { enabled: true }, service: { enabled: false } } } })).rejects.toThrow('metrics.serviceMonitor needs metrics.service.enabled');
  });
});

/** A dry run makes no namespace for what comes after it. */
const withoutNamespaces = (yaml: string): string => {
  const objects = loadAll(yaml.replace(/namespace: (offboard-system|ci)$/gm, 'namespace: default')) as readonly Manifest[];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects.filter(({ kind }) => kind !== 'Namespace') });
};

describe('make kind', () => {
  const up = (env: NodeJS.ProcessEnv): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
    spawnSync('bash', [join(config, 'kind/up.sh')], { encoding: 'utf8', env });

  it('builds, loads, applies and waits', () => {
    const { status, stdout } = up({ PATH: process.env['PATH'], DRY_RUN: '1', KIND_IMAGE: 'kindest/node:v1.36.1' });
    expect(status).toBe(0);
    expect(stdout.split('\n').filter((line) => line.startsWith('+ ')).map((line) => line.split(' ').slice(1, 6).join(' '))).toEqual([
      'docker build -t offboard:0.1.0 .',
      'kind create cluster --name offboard',
      'kind load docker-image offboard:0.1.0 --name',
      'kubectl --context kind-offboard apply -k',
      'kubectl --context kind-offboard rollout restart',
      'kubectl --context kind-offboard rollout status',
    ]);
    expect(stdout).toContain('--image kindest/node:v1.36.1');
    for (const [file = ''] of stdout.matchAll(/config\/[a-z/-]+(\.yaml)?/g)) expect(existsSync(file), file).toBe(true);
  });

  it('says what is missing', () => {
    const bare = mkdtempSync(join(scratch, 'path-'));
    for (const tool of ['bash', 'dirname', 'sed']) symlinkSync(spawnSync('which', [tool], { encoding: 'utf8' }).stdout.trim(), join(bare, tool));
    expect(up({ PATH: bare })).toMatchObject({ status: 1, stderr: expect.stringContaining('not on PATH: docker kind kubectl.') as string });
  });
});

describe('config/', () => {
  const folders = readdirSync(config).filter((name) => existsSync(join(config, name, 'Kustomization')));
  const isComponent = (name: string): boolean => readFileSync(join(config, name, 'Kustomization'), 'utf8').includes('kind: Component');

  it.each(folders.filter((name) => !isComponent(name)))('%s can be built', async (name) => {
    expect(loadAll(await cluster.kubectl(['kustomize', join(config, name)]))).not.toHaveLength(0);
  });

  // That of Argo CD is added to Argo CD's own: gitops-config.test.ts.
  it.each(folders.filter((name) => isComponent(name) && name !== 'argocd'))('%s is added to the default', async (name) => {
    const plain = objectsIn(await kustomize());
    const more = await kustomize(name);
    expect(objectsIn(more)).not.toEqual(plain);
    await cluster.kubectl(['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'], { stdin: withoutNamespaces(more) });
  });
});
