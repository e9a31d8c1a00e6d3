/** A tenant who has as many runs made as he can, to keep those of others from being looked at. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Api, connect } from '../bench/api.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { type Oracle, startOracle } from './oracle.ts';
import { done } from './runs.ts';
import { offboardingOf, type Stage, startStage } from './stage.ts';

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
