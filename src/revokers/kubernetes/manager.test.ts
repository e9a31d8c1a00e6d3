import { describe, expect, it } from 'vitest';

import type { ObjectMeta } from '../../kube/objects.ts';
import { managerOf } from './manager.ts';

const meta = (part: Partial<ObjectMeta>): ObjectMeta => ({
  name: 'x',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...part,
});

describe('managerOf', () => {
  it.each<[string, Partial<ObjectMeta>, string | undefined]>([
    [
      'Argo CD by its tracking annotation',
      { annotations: { 'argocd.argoproj.io/tracking-id': 'build:rbac.authorization.k8s.io/RoleBinding:ci/x' } },
      'Argo CD application build',
    ],
    ['Argo CD by its label', { labels: { 'argocd.argoproj.io/instance': 'build' } }, 'Argo CD application build'],
    [
      'Flux, with the namespace',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
      },
      'Flux Kustomization flux-system/apps',
    ],
    [
      'a Flux HelmRelease rather than the Helm inside it',
      {
        labels: {
          'helm.toolkit.fluxcd.io/name': 'bot',
          'helm.toolkit.fluxcd.io/namespace': 'ci',
          'app.kubernetes.io/managed-by': 'Helm',
        },
      },
      'Flux HelmRelease ci/bot',
    ],
    [
      'Helm with its release',
      {
        labels: { 'app.kubernetes.io/managed-by': 'Helm' },
        annotations: { 'meta.helm.sh/release-name': 'bot', 'meta.helm.sh/release-namespace': 'ci' },
      },
      'Helm release ci/bot',
    ],
    ['whoever says so in the common label', { labels: { 'app.kubernetes.io/managed-by': 'terraform' } }, 'terraform'],
    [
      'the last field manager that is not ourselves',
      {
        managedFields: [
          { manager: 'kubectl-create', time: '2026-01-01T00:00:00Z' },
          { manager: 'kustomize-controller', time: '2026-02-01T00:00:00Z' },
          { manager: 'offboard', time: '2026-03-01T00:00:00Z' },
          { manager: 'status-writer', subresource: 'status', time: '2026-04-01T00:00:00Z' },
        ],
      },
      'field manager kustomize-controller',
    ],
    ['nobody', {}, undefined],
    [
      'nobody for an empty mark',
      { labels: { 'app.kubernetes.io/managed-by': '', 'argocd.argoproj.io/instance': '' } },
      undefined,
    ],
  ])('names %s', (_, part, expected) => {
    expect(managerOf(meta(part))).toBe(expected);
  });

  it('shows nothing invisible and nothing endless', () => {
    const manager = managerOf(
      meta({ annotations: { 'argocd.argoproj.io/tracking-id': `\u001b[2J${'x'.repeat(5000)}` } }),
    );
    expect(manager).not.toContain('\u001b');
    expect(manager?.length).toBeLessThan(300);
  });
});
