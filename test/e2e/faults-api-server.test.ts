/** The API server is killed, and its history taken away, while runs are in every phase. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { pastTheLock } from '../env/past-the-lock.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { identityOf, offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let oracle: Oracle;

beforeAll(async () => {
  // A frozen operator would lose its lease.
  stage = await startStage({ args: ['--kubernetes-settle=3s', '--token-secrets', '--leader-election=false'] });
  oracle = await startOracle(stage.cluster);
});
afterAll(async () => {
  await oracle.stop();
  await stage.stop();
});

interface Phase {
  /** Of the Ready condition. */
  readonly reason: string;
  readonly yaml: (agent: BuildAgent) => string;
  /** How it goes on from there, where somebody must act. */
  readonly release: (agent: BuildAgent) => Promise<unknown>;
}

const patch = (kind: string, namespace: string, name: string, body: object): Promise<string> =>
  stage.cluster.kubectl(['patch', kind, name, '-n', namespace, '--type=merge', '-p', JSON.stringify(body)]);

const spec = (change: object) => ({ namespace }: BuildAgent): Promise<string> => patch('offboarding', namespace, 'retire', { spec: change });

const holdAccount = ({ namespace, name }: BuildAgent, finalizers: readonly string[]): Promise<string> =>
  patch('serviceaccount', namespace, name, { metadata: { finalizers } });

const pod = ({ namespace, name }: BuildAgent): string => `
apiVersion: v1
kind: Pod
metadata: {name: runner, namespace: ${namespace}}
spec: {serviceAccountName: ${name}, containers: [{name: c, image: none.example/none}]}
`;

const phases = {
  pending: {
    reason: 'InUse',
    yaml: (agent) => `${pod(agent)}---${offboardingOf(agent)}`,
    release: ({ namespace }) => stage.cluster.kubectl(['delete', 'pod', 'runner', '-n', namespace, '--force', '--grace-period=0']),
  },
  planned: { reason: 'PlanOnly', yaml: (agent) => offboardingOf(agent, 'retire', 'mode: Plan'), release: spec({ mode: 'Enforce' }) },
  suspended: { reason: 'Suspended', yaml: (agent) => offboardingOf(agent, 'retire', 'suspend: true'), release: spec({ suspend: false }) },
  soaking: { reason: 'Soaking', yaml: (agent) => offboardingOf(agent, 'retire', 'soak: 1h'), release: spec({ soak: '0s' }) },
  revoking: { reason: 'HeldByFinalizer', yaml: (agent) => offboardingOf(agent), release: (agent) => holdAccount(agent, []) },
  settling: { reason: 'Settling', yaml: (agent) => offboardingOf(agent), release: () => Promise.resolve() },
  complete: { reason: 'ConfirmedWithUnprovable', yaml: (agent) => offboardingOf(agent), release: () => Promise.resolve() },
} as const satisfies Readonly<Record<string, Phase>>;

/** Granted while the operator hears nothing. */
const lateBinding = ({ namespace, name }: BuildAgent): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: late, namespace: ${namespace}-artifacts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}]
`;

const lists = async (reason: string): Promise<number> => {
  const text = await (await fetch(`${stage.operator().url}/metrics`)).text();
  return [...text.matchAll(new RegExp(`^offboard_watch_relists_total\\{.*reason="${reason}".*\\} (\\d+)$`, 'gm'))].reduce((sum, [, count]) => sum + Number(count), 0);
};

it('an API server that is killed in every phase, and has forgotten what the watches knew, makes nobody ready too early', async () => {
  const agents = new Map<string, BuildAgent>();
  await Promise.all(
    [...Object.keys(phases), 'identity'].map(async (phase) => {
      const agent = await createBuildAgent(stage.cluster, `down-${phase}`, 'agent');
      await oracle.guard(agent);
      agents.set(phase, agent);
    }),
  );
  const each = async (act: (agent: BuildAgent, phase: Phase) => Promise<unknown>): Promise<void> => {
    await Promise.all(
      Object.entries(phases).map(async ([name, phase]) => {
        const agent = agents.get(name);
        if (agent !== undefined) await act(agent, phase);
      }),
    );
  };
  const identity = agents.get('identity');
  const revoking = agents.get('revoking');
  const soaking = agents.get('soaking');
  const settling = agents.get('settling');
  if (identity === undefined || revoking === undefined || soaking === undefined || settling === undefined) throw new Error('an agent for every phase');
  await holdAccount(revoking, ['example.com/somebody']);
  await stage.apply(identityOf(identity));
  const reach = async (agent: BuildAgent, { reason, yaml }: Phase): Promise<void> => {
    await stage.apply(yaml(agent));
    await stage.reason(agent.namespace, 'retire', reason);
  };
  await each(async (agent, phase) => { if (agent !== settling) await reach(agent, phase); });
  expect(await lists('expired')).toBe(0);
  await reach(settling, phases.settling);

  // The operator hears nothing while things change, and can then not be told what changed.
  const { process } = stage.operator();
  process.signal('SIGSTOP');
  expect(oracle.claims(settling)).toBe(0);
  await stage.cluster.restartApiServer();
  await pastTheLock(stage.cluster, 'bindings', () => stage.apply(lateBinding(soaking)));
  await stage.cluster.compactEtcd();
  await stage.cluster.restartApiServer();
  process.signal('SIGCONT');
  await waitFor(async () => (await lists('expired')) > 0, { timeout: 30_000, what: 'a watch that has expired' });

  const early = ['pending', 'planned', 'suspended', 'soaking', 'revoking', 'identity'];
  expect(early.filter((phase) => oracle.claims({ namespace: `down-${phase}`, name: 'agent' }) > 0)).toEqual([]);
  await each((agent, { release }) => waitFor(async () => { await release(agent); return true; }, { timeout: 30_000, interval: 500 }));

  // And once more, in the middle of the revokes of all of them.
  await stage.cluster.killApiServer('SIGKILL');
  await stage.cluster.restartApiServer();
  await stage.cluster.kubectl(['delete', 'wid', identity.name, '-n', identity.namespace, '--timeout=60s']);
  await each((agent) => stage.reason(agent.namespace, 'retire', 'ConfirmedWithUnprovable'));
  for (const agent of agents.values()) await oracle.judged(agent);
  expect(await stage.exists('rolebinding', 'late', '-n', `${soaking.namespace}-artifacts`)).toBe(false);
  await oracle.calm(stage.operator());
});
