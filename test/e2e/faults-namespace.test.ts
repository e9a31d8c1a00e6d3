/** A namespace is deleted under an identity, in every phase of its end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { attempt, identityOf, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let oracle: Oracle;

beforeAll(async () => {
  stage = await startStage({ args: ['--kubernetes-settle=1s', '--token-secrets'] });
  oracle = await startOracle(stage.cluster);
});
afterAll(async () => {
  await oracle.stop();
  await stage.stop();
});

interface Case {
  /** Of the Ready condition when the namespace is deleted. */
  readonly reason: string;
  /** What is there besides the agent. */
  readonly yaml: (agent: BuildAgent) => string;
  /** What holds the end back, if somebody does, and how he lets go. Until then the namespace stays. */
  readonly release?: (agent: BuildAgent) => Promise<unknown>;
}

const patch = (kind: string, namespace: string, name: string, body: object): Promise<string> =>
  stage.cluster.kubectl(['patch', kind, name, '-n', namespace, '--type=merge', '-p', JSON.stringify(body)]);

const patchRun = ({ namespace }: BuildAgent, spec: object): Promise<string> => patch('offboarding', namespace, 'retire', { spec });

const holdAccount = ({ namespace, name }: BuildAgent, finalizers: readonly string[]): Promise<string> =>
  patch('serviceaccount', namespace, name, { metadata: { finalizers } });

const pod = ({ namespace, name }: BuildAgent): string => `
apiVersion: v1
kind: Pod
metadata: {name: runner, namespace: ${namespace}}
spec: {serviceAccountName: ${name}, containers: [{name: c, image: none.example/none}]}
`;

const cases: Readonly<Record<string, Case>> = {
  pending: { reason: 'InUse', yaml: (agent) => `${pod(agent)}---${offboardingOf(agent)}` },
  suspended: {
    reason: 'Suspended',
    yaml: (agent) => offboardingOf(agent, 'retire', 'suspend: true'),
    release: (agent) => patchRun(agent, { suspend: false }),
  },
  soaking: {
    reason: 'Soaking',
    yaml: (agent) => offboardingOf(agent, 'retire', 'soak: 1h'),
    release: (agent) => patchRun(agent, { soak: '0s' }),
  },
  revoking: {
    reason: 'HeldByFinalizer',
    yaml: (agent) => offboardingOf(agent),
    release: (agent) => holdAccount(agent, []),
  },
  settling: { reason: 'Settling', yaml: (agent) => offboardingOf(agent) },
  complete: { reason: 'ConfirmedWithUnprovable', yaml: (agent) => offboardingOf(agent) },
  'soaking for a WorkloadIdentity': {
    reason: 'Soaking',
    yaml: (agent) => `${identityOf(agent)}---${offboardingOf(agent, 'retire', 'soak: 1h')}`,
    release: (agent) => patchRun(agent, { soak: '0s' }),
  },
  'revoking for a WorkloadIdentity': {
    reason: 'HeldByFinalizer',
    yaml: (agent) => `${identityOf(agent)}---${offboardingOf(agent)}`,
    release: (agent) => holdAccount(agent, []),
  },
};

const isThere = async (namespace: string): Promise<boolean> => stage.exists('namespace', namespace);

const goes = (namespace: string): Promise<unknown> =>
  waitFor(async () => !(await isThere(namespace)), { timeout: 60_000, interval: 500, what: `namespace ${namespace} going` });

/** Its part elsewhere: what the deletion of the namespace alone would leave behind. */
const elsewhere = async (agent: BuildAgent): Promise<readonly number[]> => (await attempt(agent)).slice(3);

const create = async (namespace: string): Promise<BuildAgent> => {
  const agent = await createBuildAgent(stage.cluster, namespace, 'agent');
  await oracle.guard(agent);
  return agent;
};

it.concurrent.each(Object.entries(cases))('a run that is %s when its namespace is deleted ends true, and the namespace goes', async (phase, { reason, yaml, release }) => {
  const namespace = `ns-${phase.toLowerCase().replaceAll(' ', '-')}`;
  const agent = await create(namespace);
  if (reason === 'HeldByFinalizer') await holdAccount(agent, ['example.com/somebody']);
  await stage.apply(yaml(agent));
  await stage.reason(namespace, 'retire', reason);
  await stage.cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  if (release !== undefined) {
    // All that the namespace controller can end by itself has ended; what is left is held by the run.
    const account = ['serviceaccount', agent.name, '-n', namespace];
    await waitFor(
      async () =>
        reason === 'HeldByFinalizer'
          ? (await stage.cluster.kubectl(['get', ...account, '-o', 'jsonpath={.metadata.deletionTimestamp}'])) !== ''
          : !(await stage.exists(...account)),
      { timeout: 30_000, interval: 500, what: `the account in ${namespace} being deleted` },
    );
    expect(await isThere(namespace)).toBe(true);
    expect(oracle.claims(agent)).toBe(0);
    if (reason !== 'HeldByFinalizer') expect(await elsewhere(agent)).toEqual([200, 200]);
    await release(agent);
  }
  await goes(namespace);
  await oracle.judged(agent);
  expect(await elsewhere(agent)).toEqual([403, 403]);
});

it.concurrent('a plan goes with its namespace, and ends nothing', async () => {
  const agent = await create('ns-planned');
  await stage.apply(offboardingOf(agent, 'retire', 'mode: Plan'));
  await stage.reason('ns-planned', 'retire', 'PlanOnly');
  await stage.cluster.kubectl(['delete', 'namespace', 'ns-planned', '--wait=false']);
  await goes('ns-planned');
  expect(oracle.claims(agent)).toBe(0);
  expect(await elsewhere(agent)).toEqual([200, 200]);
});

it.concurrent('a WorkloadIdentity without a run is retired from outside before its namespace goes', async () => {
  const agent = await create('ns-identity');
  await stage.apply(identityOf(agent));
  await stage.cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=30s', `wid/${agent.name}`, '-n', 'ns-identity']);
  await stage.cluster.kubectl(['delete', 'namespace', 'ns-identity', '--wait=false']);
  await goes('ns-identity');
  await oracle.judged(agent);
  expect(await elsewhere(agent)).toEqual([403, 403]);
});

afterAll(async () => {
  // Nothing is left half-done, wherever it went on from, and the operator rests.
  const open = async (): Promise<readonly string[]> => {
    const { items } = JSON.parse(await stage.cluster.kubectl(['get', 'offboardings', '-A', '-o', 'json'])) as { readonly items: readonly OffboardingObject[] };
    return items.flatMap(({ metadata, status }) => {
      const ready = readyOf(status);
      return ready?.status === 'True' ? [] : [`${metadata.namespace ?? ''}/${metadata.name} for ${status?.identity ?? '?'}: ${ready?.reason ?? '?'} ${ready?.message ?? ''}`];
    });
  };
  await waitFor(
    async () => {
      const left = await open();
      if (left.length > 0) throw new Error(left.join('; '));
      return true;
    },
    { timeout: 30_000, interval: 500, what: 'the end of every run' },
  );
  await oracle.calm(stage.operator());
});
