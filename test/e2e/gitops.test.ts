/**
 * A build agent goes by being taken out of git, on a real API server: applied and deleted in the order in which Argo CD and Flux do it, and
 * every state that its objects pass through read by kstatus, by Argo CD's interpreter and by Flux's evaluator. The controllers of neither
 * are there; this file is in their place.
 */
import { isDeepStrictEqual } from 'node:util';
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../bench/api.ts';
import type { Api } from '../bench/api.ts';
import { documented, wordsOf } from '../docs/documented.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { expectedOf } from '../env/gitops-expected.ts';
import { judge } from '../env/gitops-health.ts';
import type { Judged, Judgement } from '../env/gitops-health.ts';
import { person } from '../integration/people.ts';
import type { Person, Rule } from '../integration/people.ts';
import { offboardingWaiver } from '../integration/manifests.ts';
import { stateOf } from '../integration/gitops-states.ts';
import { followObjects } from './follow-objects.ts';
import type { Following } from './follow-objects.ts';
import { expectAlive, expectRefused, identityOf, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let api: Api;
const stopping = new AbortController();
const following: Following[] = [];
/** In the order in which the API server told of them. */
const history: Judged[] = [];

beforeAll(async () => {
  stage = await startStage();
  api = connect({ kubeconfig: stage.cluster.kubeconfig, userAgent: 'follower', connections: 2 });
  const see = (object: unknown, gone: boolean): void => {
    if (!gone) history.push(object as Judged);
  };
  following.push(
    followObjects(api, 'offboardings', stopping.signal, see), followObjects(api, 'workloadidentities', stopping.signal, see),
    followObjects(api, 'offboardingwaivers', stopping.signal, see), followObjects(api, 'offboardingrecords', stopping.signal, see),
  );
  await Promise.all(following.map(({ started }) => started));
});
afterAll(async () => {
  stopping.abort();
  await Promise.all(following.map(({ ended }) => ended));
  await api.close();
  await stage.stop();
});

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly annotations?: Readonly<Record<string, string>> };
}

/** What is in git: the sample, in a namespace of its own. */
const inGit = async (namespace: string): Promise<readonly Manifest[]> => {
  const built = await stage.cluster.kubectl(['kustomize', 'config/gitops']);
  return (loadAll(built.replaceAll('namespace: ci', `namespace: ${namespace}`)) as readonly Manifest[]);
};

const waveOf = ({ metadata }: Manifest): number => Number(metadata.annotations?.['argocd.argoproj.io/sync-wave'] ?? 0);

const wavesOf = (manifests: readonly Manifest[]): readonly (readonly Manifest[])[] => {
  const waves = [...new Set(manifests.map(waveOf))].toSorted((one, other) => one - other);
  return waves.map((wave) => manifests.filter((manifest) => waveOf(manifest) === wave));
};

/** What docs/gitops.md says that the tool must be allowed, and no more. */
const tool = (name: string, namespace: string, ...more: readonly Rule[]): Promise<Person> =>
  person(stage.cluster, name, {
    in: {
      [namespace]: [
        {
          on: ['workloadidentities.offboard.dev', 'offboardings.offboard.dev', 'serviceaccounts', 'rolebindings.rbac.authorization.k8s.io', 'deployments.apps'],
          verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
        },
        ...more,
      ],
    },
    everywhere: [{ on: ['clusterroles.rbac.authorization.k8s.io'], verbs: ['bind'], named: ['edit'] }],
  });

const apply = (by: Person, manifests: readonly Manifest[]): Promise<string> =>
  stage.cluster.kubectl(['apply', '--server-side', '--field-manager', by.name, '-f', '-'], { stdin: manifests.map((each) => JSON.stringify(each)).join('\n---\n'), kubeconfig: by.kubeconfig });

const nameOf = ({ apiVersion, kind, metadata }: Manifest): string => {
  const [version = '', group] = apiVersion.split('/').toReversed();
  return `${kind}${group === undefined ? '' : `.${version}.${group}`}/${metadata.name}`;
};

const remove = (by: Person, { metadata }: Manifest, name: string, cascade: 'foreground' | 'background'): Promise<string> =>
  by.kubectl(['delete', name, '-n', metadata.namespace, '--ignore-not-found', '--wait=false', `--cascade=${cascade}`]);

const isThere = (manifest: Manifest): Promise<boolean> => stage.exists(nameOf(manifest), '-n', manifest.metadata.namespace);

const healthOf = async (kind: 'wid' | 'ofb' | 'ofw', namespace: string, name: string): Promise<Judgement> => {
  const [judgement] = await judge([JSON.parse(await stage.cluster.kubectl(['get', kind, name, '-n', namespace, '-o', 'json'])) as Judged]);
  if (judgement === undefined) throw new Error('no judgement');
  return judgement;
};

const namespaceOf = (name: string): Promise<string> => stage.cluster.kubectl(['create', 'namespace', name]);

describe.concurrent('a build agent that is taken out of git', () => {
  it('is retired by Argo CD wave by wave, and is gone only when nothing of it works', async () => {
    await namespaceOf('argo');
    const argo = await tool('argocd', 'argo');
    const waves = wavesOf(await inGit('argo'));
    for (const wave of waves) {
      await apply(argo, wave);
      if (!wave.some(({ kind }) => kind === 'WorkloadIdentity')) continue;
      // The next wave comes when this one is healthy.
      await waitFor(async () => (await healthOf('wid', 'argo', 'build-agent-7')).argocd.status === 'Healthy', { timeout: 60_000, what: 'the WorkloadIdentity to be Healthy' });
    }
    const agent = await createBuildAgent(stage.cluster, 'argo');
    for (const wave of waves.toReversed()) {
      for (const manifest of wave) await remove(argo, manifest, nameOf(manifest), 'foreground');
      await waitFor(async () => !(await Promise.all(wave.map(isThere))).includes(true), { timeout: 90_000, what: `wave ${wave.map(nameOf).join(', ')} to be gone` });
      if (wave.some(({ kind }) => kind === 'WorkloadIdentity')) await expectRefused(agent);
    }
    await expect(apply(argo, waves[0] ?? []), 'what a commit left in git').rejects.toThrow('serviceaccount argo/build-agent-7 is offboarded');
    const runs = history.filter(({ kind, metadata }) => kind === 'Offboarding' && metadata.namespace === 'argo');
    expect(readyOf(runs.at(-1)?.status as never)).toMatchObject({ status: 'True', reason: 'ConfirmedWithUnprovable' });
    expect(runs.some(({ status }) => readyOf(status as never)?.reason === 'InUse'), 'its workload went first').toBe(false);
  });

  it('is retired by Flux, which deletes all of it at once and waits for nothing', async () => {
    await namespaceOf('flux');
    const flux = await tool('flux', 'flux');
    const manifests = await inGit('flux');
    await apply(flux, manifests);
    await waitFor(async () => (await healthOf('wid', 'flux', 'build-agent-7')).flux.status === 'Current', { timeout: 60_000, what: 'the WorkloadIdentity to be Current' });
    const agent = await createBuildAgent(stage.cluster, 'flux');
    const identity = manifests.find(({ kind }) => kind === 'WorkloadIdentity') as Manifest;
    // Custom resources first: it deletes in the reverse of the order in which it applies.
    for (const manifest of [identity, ...manifests.filter((each) => each !== identity).toReversed()]) await remove(flux, manifest, nameOf(manifest), 'background');
    // Flux may say by now that it is done. The commands of the guide do not.
    const asShown = (command: string): Promise<string> => stage.cluster.kubectl(wordsOf(command).map((word) => (word === 'ci' ? 'flux' : word)));
    await asShown(documented('docs/gitops.md', 'In git', 'kubectl wait'));
    await expectRefused(agent);
    expect(await asShown(documented('docs/gitops.md', 'In git', 'kubectl get'))).toMatch(/build-agent-7-\S+\s+flux\/build-agent-7\s+Complete/);
    await waitFor(async () => !(await Promise.all(manifests.map(isThere))).includes(true), { timeout: 90_000, what: 'all of it to be gone' });
  });

  it('is held while something still runs as it, and goes by itself when that is gone', async () => {
    await namespaceOf('in-use');
    const flux = await tool('flux-in-use', 'in-use');
    const manifests = await inGit('in-use');
    await apply(flux, manifests);
    await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=60s', 'wid/build-agent-7', '-n', 'in-use']);
    const agent = await createBuildAgent(stage.cluster, 'in-use');
    const [identity, workload] = ['WorkloadIdentity', 'Deployment'].map((kind) => manifests.find((each) => each.kind === kind) as Manifest) as [Manifest, Manifest];
    await remove(flux, identity, nameOf(identity), 'background');
    const run = `build-agent-7-${await stage.cluster.kubectl(['get', 'wid', 'build-agent-7', '-n', 'in-use', '-o', 'jsonpath={.metadata.uid}'])}`;
    await stage.reason('in-use', run, 'InUse');
    expect((await healthOf('ofb', 'in-use', run)).argocd).toMatchObject({ status: 'Degraded', message: expect.stringContaining('InUse: ') as string });
    expect((await healthOf('wid', 'in-use', 'build-agent-7')).argocd.status).toBe('Progressing');
    await expectAlive(agent);
    await remove(flux, workload, nameOf(workload), 'foreground');
    await waitFor(async () => !(await isThere(identity)), { timeout: 200_000, what: 'the WorkloadIdentity to be gone' });
    await expectRefused(agent);
  });
});

describe.concurrent('an Offboarding that stands in git', () => {
  it('is Current to Flux when nothing works any more, and not before', async () => {
    const agent = await createBuildAgent(stage.cluster, 'gate');
    await stage.apply(identityOf(agent));
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 3s'));
    await waitFor(async () => (await healthOf('ofb', 'gate', 'retire')).flux.status === 'Current', { timeout: 90_000, what: 'the Offboarding to be Current' });
    await expectRefused(agent);
  });

  it('that is suspended, a Plan or cancelled is Suspended to Argo CD, and nothing is retired', async () => {
    const agent = await createBuildAgent(stage.cluster, 'resting');
    const change = (spec: object): Promise<string> => stage.cluster.kubectl(['patch', 'ofb', 'retire', '-n', 'resting', '--type=merge', '-p', JSON.stringify({ spec })]);
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    await stage.reason('resting', 'plan', 'PlanOnly');
    expect(await healthOf('ofb', 'resting', 'plan')).toMatchObject({ argocd: { status: 'Suspended' }, flux: { status: 'InProgress' }, kstatus: { status: 'InProgress' } });
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h'));
    await stage.reason('resting', 'retire', 'Soaking');
    await change({ suspend: true });
    await stage.reason('resting', 'retire', 'Suspended');
    expect((await healthOf('ofb', 'resting', 'retire')).argocd.status).toBe('Suspended');
    await change({ suspend: false });
    await stage.reason('resting', 'retire', 'Soaking');
    await change({ cancel: { reason: 'a mistake' } });
    await stage.reason('resting', 'retire', 'Cancelled');
    expect(await healthOf('ofb', 'resting', 'retire')).toMatchObject({ argocd: { status: 'Suspended' }, flux: { status: 'Failed' }, kstatus: { status: 'InProgress' } });
    await expectAlive(agent);
  });

  it('is not waived by the tool that asked for it, and is by somebody else', async () => {
    const agent = await createBuildAgent(stage.cluster, 'waived');
    const waives = [{ on: ['offboardings.offboard.dev'], verbs: ['waive'] }, { on: ['offboardingwaivers.offboard.dev'], verbs: ['create'] }];
    const [flux, boss] = await Promise.all([tool('flux-waived', 'waived', ...waives), person(stage.cluster, 'boss', { in: { waived: waives } })]);
    await flux.kubectl(['apply', '--server-side', '-f', '-'], load(offboardingOf(agent, 'retire', 'soak: 1h')) as object);
    await stage.reason('waived', 'retire', 'Soaking');
    const uid = await stage.cluster.kubectl(['get', 'ofb', 'retire', '-n', 'waived', '-o', 'jsonpath={.metadata.uid}']);
    for (const [by, argocd, reason] of [[flux, 'Degraded', 'ApprovedByRequester'], [boss, 'Healthy', 'InForce']] as const) {
      await by.kubectl(['create', '-f', '-'], offboardingWaiver('waived', by.name, 'retire', { offboardingRef: { name: 'retire', uid } }));
      await waitFor(async () => (await healthOf('ofw', 'waived', by.name)).argocd.message?.startsWith(`${reason}: `), { timeout: 60_000, what: `the waiver of ${by.name} to be ${reason}` });
      expect((await healthOf('ofw', 'waived', by.name)).argocd.status).toBe(argocd);
    }
  });

  it('that an Emergency supersedes is Suspended, and the Emergency ends it', async () => {
    const agent = await createBuildAgent(stage.cluster, 'overtaken');
    await stage.apply(offboardingOf(agent, 'routine', 'soak: 1h'));
    await stage.reason('overtaken', 'routine', 'Soaking');
    await stage.apply(offboardingOf(agent, 'emergency', 'urgency: Emergency'));
    await stage.reason('overtaken', 'emergency', 'ConfirmedWithUnprovable');
    await stage.reason('overtaken', 'routine', 'Superseded');
    expect((await healthOf('ofb', 'overtaken', 'routine')).argocd).toMatchObject({ status: 'Suspended', message: expect.stringContaining('Superseded: ') as string });
    await expectRefused(agent);
  });
});

describe('every state that all these objects passed through', () => {
  const judged = async (): Promise<readonly (readonly [Judged, Judgement])[]> => {
    const answers = await judge(history);
    return history.map((object, index) => [object, answers[index] as Judgement]);
  };

  it('is read by kstatus, Argo CD and Flux as a person must read it', async () => {
    const all = await judged();
    const wrong = all.flatMap(([object, { kstatus, argocd, flux }]) => {
      const said = { kstatus: kstatus.status, argocd: argocd.status, flux: flux.status };
      return isDeepStrictEqual(said, expectedOf(object)) ? [] : [{ state: stateOf(object), said, expected: expectedOf(object) }];
    });
    expect(wrong).toEqual([]);
    expect(new Set(history.map(stateOf)).size).toBeGreaterThan(20);
  });

  it('is done to none of them in its first moment', async () => {
    const first = new Map<string, Judgement>();
    for (const [{ kind, metadata }, judgement] of await judged()) {
      const uid = metadata.uid ?? '';
      if (kind !== 'OffboardingRecord' && !first.has(uid)) first.set(uid, judgement);
    }
    expect(first.size).toBeGreaterThan(8);
    for (const { kstatus, argocd, flux } of first.values()) expect([kstatus.status, argocd.status, flux.status]).toEqual(['InProgress', 'Progressing', 'InProgress']);
  });
});
