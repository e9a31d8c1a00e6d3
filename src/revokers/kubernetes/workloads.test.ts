import { describe, expect, it } from 'vitest';

import type { KubeObject, Pod } from '../../kube/objects.ts';
import { inUseFindings, projectPod, projectTemplate } from './workloads.ts';

const metadata = {
  name: 'x',
  namespace: 'ci',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const template = { spec: { serviceAccountName: 'bot' } };
const workload = (spec: object, extra: object = {}, more: object = {}): KubeObject =>
  ({ metadata: { ...metadata, ...extra }, spec, ...more }) as KubeObject;
const ownedBy = (kind: string): object => ({
  ownerReferences: [{ apiVersion: 'v1', kind, name: 'o', uid: 'u', controller: true }],
});

describe('projectTemplate', () => {
  it.each<[string, string, KubeObject, object | undefined]>([
    ['a Deployment', 'Deployment', workload({ replicas: 2, template }), { kind: 'Deployment', serviceAccount: 'bot' }],
    ['one that is scaled to 0', 'Deployment', workload({ replicas: 0, template }), { atRest: 'scaled to 0' }],
    [
      'a CronJob',
      'CronJob',
      workload({ jobTemplate: { spec: { template } } }),
      { kind: 'CronJob', serviceAccount: 'bot' },
    ],
    [
      'a suspended CronJob',
      'CronJob',
      workload({ suspend: true, jobTemplate: { spec: { template } } }),
      { atRest: 'suspended' },
    ],
    ['a suspended Job', 'Job', workload({ suspend: true, template }), { atRest: 'suspended' }],
    [
      'the old form of the field',
      'DaemonSet',
      workload({ template: { spec: { serviceAccount: 'bot' } } }),
      { serviceAccount: 'bot' },
    ],
    [
      'a ReplicaSet of something that is not listed',
      'ReplicaSet',
      workload({ replicas: 1, template }, ownedBy('Rollout')),
      { kind: 'ReplicaSet' },
    ],
    [
      'not a ReplicaSet of a Deployment',
      'ReplicaSet',
      workload({ replicas: 1, template }, ownedBy('Deployment')),
      undefined,
    ],
    ['not a Job of a CronJob', 'Job', workload({ template }, ownedBy('CronJob')), undefined],
    [
      'not a Job that has ended',
      'Job',
      workload({ template }, {}, { status: { conditions: [{ type: 'Complete', status: 'True' }] } }),
      undefined,
    ],
    [
      'a Job that has not',
      'Job',
      workload({ template }, {}, { status: { conditions: [{ type: 'Complete', status: 'False' }] } }),
      { kind: 'Job' },
    ],
    ['not what names no account', 'Deployment', workload({ template: { spec: {} } }), undefined],
    ['not what has no template', 'ReplicationController', workload({}), undefined],
  ])('reports %s', (_, kind, raw, expected) => {
    const found = projectTemplate(kind, raw);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(expected);
  });
});

describe('projectPod', () => {
  const pod = (phase: string | undefined, account = 'bot'): Pod => ({
    metadata,
    spec: { serviceAccountName: account },
    ...(phase !== undefined && { status: { phase } }),
  });

  it.each(['Running', 'Pending', 'Unknown', undefined])('reports a pod in phase %s', (phase) => {
    expect(projectPod(pod(phase), 'bot')).toMatchObject({ name: 'x' });
  });

  it.each(['Succeeded', 'Failed'])('leaves out a pod that has %s', (phase) => {
    expect(projectPod(pod(phase), 'bot')).toBeUndefined();
  });

  it('believes no selector but its own eyes', () => {
    expect(projectPod(pod('Running', 'other'), 'bot')).toBeUndefined();
  });
});

describe('inUseFindings', () => {
  it('names the first in order and says how many more there are', () => {
    const pods = Array.from({ length: 12 }, (_, index) => ({
      namespace: 'ci',
      name: `p${String(11 - index).padStart(2, '0')}`,
      phase: 'Running',
    }));
    const findings = inUseFindings(pods, []);
    expect(findings.map(({ object }) => object)).toEqual([
      ...Array.from({ length: 8 }, (_, index) => `Pod ci/p0${String(index)}`),
      '4 more pods',
    ]);
    expect(findings.every(({ type }) => type === 'InUse')).toBe(true);
  });
});
