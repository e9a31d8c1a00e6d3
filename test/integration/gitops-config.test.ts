/** What we ship for Argo CD and Flux, put in by the commands of docs/gitops.md, and what they make of an object that is new. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documented, wordsOf } from '../docs/documented.ts';
import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { judge, judgedKinds } from '../env/gitops-health.ts';
import type { Judged } from '../env/gitops-health.ts';
import { installOffboard } from './install.ts';
import { byReference, connector, offboarding, offboardingWaiver, workloadIdentity } from './manifests.ts';

let cluster: ControlPlane;
const scratch = mkdtempSync(join(tmpdir(), 'offboard-gitops-'));

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await cluster.stop();
});

/** As Argo CD installs it, with something of somebody's in it. */
const argocdCm = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm' }, data: { 'admin.enabled': 'false' } };

const keys = judgedKinds.map((kind) => `resource.customizations.health.offboard.dev_${kind}`);

describe('the health checks of Argo CD', () => {
  it('are put into its ConfigMap by the command of the guide, and take nothing out of it', async () => {
    await cluster.kubectl(['create', 'namespace', 'argocd']);
    await cluster.kubectl(['create', '-n', 'argocd', '-f', '-'], { stdin: JSON.stringify(argocdCm) });
    await cluster.kubectl(wordsOf(documented('docs/gitops.md', 'What the tool shows', 'kubectl patch')));
    const { data } = JSON.parse(await cluster.kubectl(['get', 'configmap', 'argocd-cm', '-n', 'argocd', '-o', 'json'])) as { readonly data: Readonly<Record<string, string>> };
    expect(Object.keys(data).toSorted()).toEqual(['admin.enabled', ...keys].toSorted());
  });

  it.each([{}, { namespace: 'argocd' }])('are put in by kustomize as well, where it has %o', async (metadata) => {
    writeFileSync(join(scratch, 'cm.yaml'), JSON.stringify({ ...argocdCm, metadata: { ...argocdCm.metadata, ...metadata } }));
    const component = relative(scratch, join(import.meta.dirname, '../../config/argocd'));
    writeFileSync(join(scratch, 'kustomization.yaml'), JSON.stringify({ kind: 'Kustomization', resources: ['cm.yaml'], components: [component] }));
    const [built] = loadAll(await cluster.kubectl(['kustomize', scratch])) as readonly { readonly data: object }[];
    expect(Object.keys(built?.data ?? {}).toSorted()).toEqual(['admin.enabled', ...keys].toSorted());
  });
});

describe('the health checks of Flux', () => {
  it('are in every Kustomization of the sample, which waits by them', async () => {
    const built = loadAll(await cluster.kubectl(['kustomize', 'config/flux'])) as readonly { readonly spec: { readonly wait: boolean; readonly healthCheckExprs: readonly { readonly kind: string }[] } }[];
    expect(built).toHaveLength(2);
    for (const { spec } of built) {
      expect(spec.wait).toBe(true);
      expect(spec.healthCheckExprs.map(({ kind }) => kind)).toEqual(judgedKinds);
    }
  });
});

describe('an object that nobody has looked at yet', () => {
  it.each([
    workloadIdentity('default', 'new'), offboarding('default', 'new', byReference('new')), offboardingWaiver('default', 'new', 'new'), connector('new'),
  ])('is in progress to every tool, and not done: $kind', async (manifest) => {
    await cluster.kubectl(['create', '-f', '-'], { stdin: JSON.stringify(manifest) });
    const [made] = await judge([JSON.parse(await cluster.kubectl(['get', `${manifest.kind}.offboard.dev`, 'new', '-n', 'default', '-o', 'json'])) as Judged]);
    expect([made?.kstatus.status, made?.argocd.status, made?.flux.status]).toEqual(['InProgress', 'Progressing', 'InProgress']);
  });
});
