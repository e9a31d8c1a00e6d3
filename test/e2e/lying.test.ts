/** A proxy that lies to the whole operator: it takes the deletion of an account, does nothing, and then says that the account is gone. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readInput } from '../../src/cli/verify/input.ts';
import { keysById, readPublicKeys } from '../../src/evidence/keys.ts';
import type { RecordReport } from '../../src/evidence/report.ts';
import { verify } from '../../src/evidence/verify.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { startControlPlane, waitFor } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { startProxy } from '../env/proxy.ts';
import type { OwnAnswer, Proxy } from '../env/proxy.ts';
import { publicSigningKey } from '../env/signing-key.ts';
import { installOffboard } from '../integration/install.ts';
import type { OffboardingObject } from '../../src/reconcile/objects.ts';
import { done } from './runs.ts';
import { offboardingOf, readyOf } from './stage.ts';

let cluster: ControlPlane;
let proxy: Proxy;
let operator: OperatorProcess;
const liedAbout = new Set<string>();

const accountIn = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts\/([^/?]+)(?:\?|$)/;

const lie = (name: string, method: string): OwnAnswer => ({
  status: method === 'DELETE' ? 200 : 404,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(
    method === 'DELETE'
      ? { kind: 'Status', apiVersion: 'v1', status: 'Success' }
      : { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404, reason: 'NotFound', message: `serviceaccounts "${name}" not found`, details: { name, kind: 'serviceaccounts' } },
  ),
});

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster);
  const token = await installOperatorAccount(cluster, { sharedBindings: { clusterRoles: ['view'] }, canaryNamespaces: ['tried'] });
  proxy = await startProxy(cluster, {
    token,
    onRequest: ({ method, path }) => {
      const [, namespace = '', name = ''] = accountIn.exec(path) ?? [];
      if (!liedAbout.has(namespace)) return true;
      return method === 'DELETE' || method === 'GET' ? lie(name, method) : true;
    },
  });
  operator = await startOperator(cluster, { kubeconfig: proxy.kubeconfig, args: ['--kubernetes-settle=1s', '--leader-election=false'] });
});
afterAll(async () => {
  await operator.stop();
  await proxy.stop();
  await cluster.stop();
});

const runIn = async (namespace: string): Promise<OffboardingObject> => JSON.parse(await cluster.kubectl(['get', 'offboarding', 'retire', '-n', namespace, '-o', 'json'])) as OffboardingObject;

const tokensOf = ({ status }: OffboardingObject) => status?.dependencies?.[0]?.credentials?.find((each) => each.class === 'BoundTokens');

/** What whoever verifies is told of its record, which must be proven. */
const signedOf = async ({ status }: OffboardingObject): Promise<NonNullable<RecordReport['says']>['counts'] | undefined> => {
  const trusted = keysById(readPublicKeys(await publicSigningKey(cluster)));
  const { material, unreadable } = readInput('cluster', await cluster.kubectl(['get', 'offboardingrecords', '-o', 'json']));
  const report = verify(material, { trusted, published: new Map() }, { unreadable });
  expect(report).toMatchObject({ verdict: 'Proven' });
  return report.records.find(({ name }) => name === status?.recordRef?.name)?.says?.counts;
};

const works = async ({ tokens }: BuildAgent): Promise<boolean> => (await cluster.request('/api', { token: tokens.requested })).status === 200;

const retire = async (namespace: string, spec: string): Promise<BuildAgent> => {
  const agent = await createBuildAgent(cluster, namespace);
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: offboardingOf(agent, 'retire', 'soak: 1h').replace('{serviceAccount: {name: build-agent-7}}', `{serviceAccount: {name: build-agent-7}${spec}}`) });
  await waitFor(async () => readyOf((await runIn(namespace)).status)?.reason === 'Soaking', { what: 'the soak', timeout: 60_000 });
  // From here on it lies: the lock and what was tried before it are true.
  liedAbout.add(namespace);
  await cluster.kubectl(['patch', 'offboarding', 'retire', '-n', namespace, '--type=merge', '-p', '{"spec":{"soak":"0s"}}']);
  return agent;
};

it('is not believed where the identity is tried', async () => {
  const agent = await retire('tried', ', kubernetes: {probe: true}');
  const contradicted = 'a token of it still works';
  await waitFor(async () => tokensOf(await runIn('tried'))?.message?.includes(contradicted) === true, { what: 'the lie to be told', timeout: 60_000 });
  expect(await works(agent)).toBe(true);
  const run = await runIn('tried');
  expect(readyOf(run.status)).toMatchObject({ status: 'False' });
  expect(tokensOf(run)).toMatchObject({ state: 'Present' });
  expect(await cluster.kubectl(['get', 'offboardingrecords', '-o', 'name'])).not.toContain(run.status?.recordRef?.name ?? 'offboardingrecord');
  // Once it is true, it is proven.
  liedAbout.delete('tried');
  await waitFor(async () => readyOf((await runIn('tried')).status)?.reason === done, { what: 'the truth', timeout: 90_000 });
  expect(tokensOf(await runIn('tried'))).toMatchObject({ state: 'Confirmed', strength: 'Probed' });
  expect(await signedOf(await runIn('tried'))).toMatchObject({ probed: 1 });
  expect(await works(agent)).toBe(false);
});

it('is called no more than observed where nothing is tried', async () => {
  const agent = await retire('untried', '');
  await waitFor(async () => readyOf((await runIn('untried')).status)?.reason === done, { what: 'the lie to be believed', timeout: 60_000 });
  // That is what a probe is for.
  expect(await works(agent)).toBe(true);
  const run = await runIn('untried');
  const credentials = run.status?.dependencies?.[0]?.credentials ?? [];
  expect(credentials.filter(({ strength }) => strength !== 'Observed')).toEqual([]);
  expect(await signedOf(run)).toMatchObject({ credentials: credentials.length, observed: credentials.length, probed: 0, waitedOut: 0, open: 0 });
});
