import { describe, expect, it } from 'vitest';

import type { KubeObject, Pod } from '../../kube/objects.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import { cronJobs, deployments } from '../../kube/resources.ts';
import { createWorkloadReader, inUseFindings, projectPod, projectTemplate } from './workloads.ts';

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

describe('the usage of accounts in one namespace', () => {
  const never = new AbortController().signal;
  const account = (name: string) => ({ namespace: 'ci', name });

  it('is listed once for many who ask within two seconds, but never from memory when something uses the account', async () => {
    const kube = createFakeKube();
    const clock = createFakeClock();
    let lists = 0;
    kube.onRequest((verb, resource) => {
      if (verb === 'list' && resource === cronJobs) lists += 1;
    });
    kube.put(deployments, { metadata: { namespace: 'ci', name: 'd' }, spec: { template: { spec: { serviceAccountName: 'used' } } } });
    const reader = createWorkloadReader({ client: kube.client, clock });
    const usage = async (name: string): Promise<readonly (string | undefined)[]> =>
      (await reader.usageOf(account(name), never)).map(({ object }) => object);
    for (let i = 0; i < 5; i += 1) expect(await usage(`free-${String(i)}`)).toEqual([]);
    expect(lists).toBe(1);
    expect(await usage('used')).toEqual(['Deployment ci/d']);
    kube.drop(deployments, { namespace: 'ci', name: 'd' });
    expect(await usage('used'), 'it is free at once').toEqual([]);
    await clock.advance(2_000);
    lists = 0;
    expect(await usage('free-1')).toEqual([]);
    expect(lists).toBe(1);
  });
});
