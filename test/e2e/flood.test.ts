/** A tenant who has as many runs made as he can, to keep those of others from being looked at, or from being locked. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Api, connect } from '../bench/api.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/wait-for.ts';
import { type Oracle, startOracle } from './oracle.ts';
import { done } from './runs.ts';
import { expectAlive, offboardingOf, type Stage, startStage } from './stage.ts';

let stage: Stage;
let oracle: Oracle;
let api: Api;

beforeAll(async () => {
  stage = await startStage();
  oracle = await startOracle(stage.cluster);
  api = connect({ kubeconfig: stage.cluster.kubeconfig, userAgent: 'flood', connections: 8 });
});
afterAll(async () => {
  await api.close();
  try {
    await oracle.stop();
  } finally {
    await stage.stop();
  }
});

const runs = 400;
const path = '/apis/offboard.dev/v1alpha1/namespaces/flood/offboardings';

const seconds = async (namespace: string): Promise<number> => {
  const agent = await createBuildAgent(stage.cluster, namespace);
  await oracle.guard(agent);
  const start = performance.now();
  await stage.apply(offboardingOf(agent));
  await oracle.reason(namespace, 'retire', done);
  await oracle.judged(agent);
  return (performance.now() - start) / 1_000;
};

const unfinished = (): number =>
  Array.from({ length: runs }, (_, index) => oracle.run('flood', `f-${String(index)}`)?.status?.conditions?.find(({ type }) => type === 'Ready')?.status).filter((ready) => ready !== 'True').length;

it(`of ${String(runs)} runs by one tenant delays the run of another by little, and all of them end`, async () => {
  const alone = await seconds('alone');
  await stage.cluster.kubectl(['create', 'namespace', 'flood']);
  const spec = (name: string): object => ({ identity: { serviceAccount: { name, mayBeAbsent: true } }, reason: 'Retired', mode: 'Enforce' });
  await Promise.all(
    Array.from({ length: runs }, async (_, index) => {
      const name = `f-${String(index)}`;
      const { status, body } = await api.call('POST', path, { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name }, spec: spec(name) });
      if (status !== 201) throw new Error(body);
    }),
  );
  const before = unfinished();
  const amid = await seconds('amid');
  const after = unfinished();
  console.log(`one run takes ${alone.toFixed(1)} s; behind ${String(before)} runs of another tenant it takes ${amid.toFixed(1)} s, at whose end ${String(after)} of those are not done`);
  // Namespaces take turns: had it waited for its place among all of them, most of the others would have ended before it.
  expect(after).toBeGreaterThan(runs / 2);
  await Promise.all(Array.from({ length: runs }, (_, index) => oracle.reason('flood', `f-${String(index)}`, done)));
});

it('of names in the lock stalls the runs of that tenant alone, before anything is revoked, and they go on when there is room', async () => {
  const key = ['get', 'configmap', 'offboard-lock', '-n', 'offboard-system', '-o', 'json'];
  /** As a person may who holds "breakglass" on it. */
  const change = async (names: readonly string[]): Promise<void> => {
    const { data, ...rest } = JSON.parse(await stage.cluster.kubectl(key)) as { readonly data: Readonly<Record<string, string>> };
    const { greedy: _, ...others } = data;
    await stage.cluster.kubectl(['replace', '-f', '-'], { stdin: JSON.stringify({ ...rest, data: { ...others, ...(names.length > 0 && { greedy: `\n${names.join('\n')}\n` }) } }) });
  };
  const agent = await createBuildAgent(stage.cluster, 'greedy');
  await oracle.guard(agent);
  await waitFor(() => change(Array.from({ length: 2_088 }, (_, index) => String(index).padStart(250, 'x'))).then(() => true), { what: 'the lock to be filled' });
  await stage.apply(offboardingOf(agent));
  const { conditions = [], revokeStartedAt } = await oracle.reason('greedy', 'retire', 'LockFull');
  expect(conditions.find(({ type }) => type === 'Stalled')?.status).toBe('True');
  expect(revokeStartedAt).toBeUndefined();
  await seconds('beside');
  await expectAlive(agent);
  await waitFor(() => change([]).then(() => true), { what: 'the lock to have room' });
  await oracle.reason('greedy', 'retire', done);
  await oracle.judged(agent);
});
