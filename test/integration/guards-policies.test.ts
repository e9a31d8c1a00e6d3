/** The policies as a set: each is sound in itself, in force, and part of every way to install them. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { documented, documentedBlock, wordsOf } from '../docs/documented.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { requireTools } from '../env/tools/locate.ts';
import { installOffboard } from './install.ts';
import { person } from './people.ts';

interface Policy {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly spec: { readonly failurePolicy?: string };
  readonly status?: { readonly observedGeneration?: number; readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] } };
}

interface Binding {
  readonly spec: { readonly policyName: string; readonly validationActions?: readonly string[]; readonly matchResources?: { readonly namespaceSelector?: unknown } };
}

let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
});
afterAll(async () => {
  await cluster.stop();
});

const list = async <T>(kind: string): Promise<readonly T[]> =>
  (JSON.parse(await cluster.kubectl(['get', kind, '-o', 'json'])) as { readonly items: readonly T[] }).items;

/** The canary of the installation may not be gone everywhere yet. */
const ours = ({ metadata: { name } }: Policy): boolean => !name.startsWith('offboard-canary');

/** Those that keep nothing from happening, and so must not when they cannot judge. */
/** Denies nothing: it only keeps API servers from losing sight of a ConfigMap. */
const pin = 'offboard-lock-pin';
const warns: ReadonlySet<string> = new Set(['offboard-connector-removal']);

describe.each(['validatingadmissionpolicies', 'mutatingadmissionpolicies'])('the %s', (kind) => {
  it('bear our name, and refuse what they cannot judge', async () => {
    const policies = (await list<Policy>(kind)).filter(ours);
    expect(policies.length).toBeGreaterThan(1);
    for (const { metadata, spec } of policies) {
      expect(metadata.name).toMatch(/^offboard-/);
      expect(spec.failurePolicy, metadata.name).toBe(warns.has(metadata.name) || metadata.name === pin ? 'Ignore' : 'Fail');
    }
  });

  it('are bound once each, everywhere, but for the lock, which never stands in the way of the cluster itself', async () => {
    const bindings = await list<Binding>(kind.replace('policies', 'policybindings'));
    expect(bindings.map(({ spec }) => spec.policyName).toSorted()).toEqual((await list<Policy>(kind)).filter(ours).map(({ metadata }) => metadata.name).toSorted());
    for (const { spec } of bindings) {
      expect(spec.validationActions ?? ['Deny'], spec.policyName).toEqual([warns.has(spec.policyName) ? 'Warn' : 'Deny']);
      const isLock = /^offboard-lock-(identity|pods|secrets|bindings|pin)$/.test(spec.policyName);
      const elsewhere = { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }] };
      expect(spec.matchResources?.namespaceSelector ?? {}).toEqual(isLock ? elsewhere : {});
    }
  });
});

it('the validating policies pass the type check of the cluster without a warning', async () => {
  const checked = await waitFor(
    async () => {
      const policies = (await list<Policy>('validatingadmissionpolicies')).filter(ours);
      return policies.every(({ metadata, status }) => status?.observedGeneration === metadata.generation) && policies;
    },
    { timeout: 30_000, what: 'the controller manager checking every policy' },
  );
  for (const { status } of checked) expect(status?.typeChecking?.expressionWarnings ?? []).toEqual([]);
});

it.each([
  ['crds', 'config/crd'],
  ['config/policies', 'config/policies'],
  ['config/samples', 'config/samples'],
])('%s is the same applied as a folder and through kustomize', async (folder, kustomization) => {
  const dryRun = ['--dry-run=client', '-o', 'name'];
  const asFolder = await cluster.kubectl(['create', ...dryRun, '-f', folder]);
  const throughKustomize = await cluster.kubectl(['create', ...dryRun, '-k', kustomization]);
  expect(throughKustomize.split('\n').toSorted()).toEqual(asFolder.split('\n').toSorted());
  expect(readdirSync(folder).filter((file) => !file.endsWith('.yaml'))).toEqual(['Kustomization']);
});

it('the samples are applied as a folder to a cluster that has not seen them', async () => {
  const applied = await cluster.kubectl(['apply', '--server-side', '--validate=strict', '-f', 'config/samples']);
  expect(applied.trim().split('\n').every((line) => line.endsWith(' serverside-applied'))).toBe(true);
});

describe('the page about them', () => {
  const page = readFileSync('docs/reference/guards.md', 'utf8');

  it('names every one', async () => {
    const policies = [...(await list<Policy>('validatingadmissionpolicies')), ...(await list<Policy>('mutatingadmissionpolicies'))].filter(ours);
    expect([...page.matchAll(/^\| `(offboard-[a-z-]+)` \|/gm)].map(([, name]) => name).toSorted()).toEqual(policies.map(({ metadata }) => metadata.name).toSorted());
  });

  it('shows how to give a dependency up, and so it works', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', 'config/samples']);
    await cluster.kubectl(['delete', '-f', 'config/samples/offboardingwaiver.yaml']);
    const script = documented('docs/reference/guards.md', 'Giving a dependency up');
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, PATH: `${await requireTools()}:${process.env['PATH'] ?? ''}` };
    const said = await promisify(execFile)('bash', ['-ec', script], { env });
    expect(said.stdout).toBe('offboardingwaiver.offboard.dev/build-agent-7-shared-binding created\n');
    const names = await cluster.kubectl(['get', 'ofw', '-n', 'ci', '-o', 'jsonpath={.items[*].spec.offboardingRef.uid}']);
    expect(names).toBe(await cluster.kubectl(['get', 'ofb', 'build-agent-7-retired', '-n', 'ci', '-o', 'jsonpath={.metadata.uid}']));
    await cluster.kubectl(['delete', 'ofw', '--all', '-n', 'ci']);
  });

  it('shows how to break the glass, and so it works', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', 'config/samples']);
    const roles = documentedBlock('docs/reference/guards.md', 'Breaking the glass', 'yaml');
    const command = wordsOf(documented('docs/reference/guards.md', 'Breaking the glass', 'kubectl patch'));
    const alice = await person(cluster, 'alice@example.com');
    await expect(alice.kubectl(command)).rejects.toThrow('cannot');
    await cluster.kubectl(['apply', '-f', '-'], { stdin: roles });
    await waitFor(() => alice.kubectl(['auth', 'can-i', 'breakglass', 'offboarding/build-agent-7-retired', '-n', 'ci']));
    await alice.kubectl(command);
    await expect(alice.kubectl(command.map((word) => (word === 'build-agent-7-retired' ? 'build-agent-7-compromised' : word)))).rejects.toThrow('cannot');
  });
});
