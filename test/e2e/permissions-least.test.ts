/** The operator with as few rights as it can have, and that one optional right which the others hide: to change bindings of Roles alone. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { done } from './runs.ts';
import { rightsGranted, rightsOf, unusedOf } from './rights.ts';
import { expectRefused, identityOf, offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const values = { sharedBindings: { roles: [{ namespace: 'sharing', names: ['deployer'] }] } };
let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ args: ['--kubernetes-settle=1s'], rights: values, ownKey: true });
});
// Fails where anything that it asked for was denied.
afterAll(async () => {
  await stage.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);

it('takes a subject out of a binding of a Role, and out of no other', async () => {
  const agent = await createBuildAgent(stage.cluster, 'sharing');
  const both = [`--serviceaccount=sharing:${agent.name}`, '--serviceaccount=sharing:other'];
  await kubectl('create', 'role', 'deployer', '-n', 'sharing', '--verb=get', '--resource=configmaps');
  await kubectl('create', 'rolebinding', 'by-role', '-n', 'sharing', '--role=deployer', ...both);
  await kubectl('create', 'rolebinding', 'by-cluster-role', '-n', 'sharing', '--clusterrole=view', ...both);
  await stage.apply(offboardingOf(agent));
  await stage.reason('sharing', 'retire', 'SharedBinding');
  await kubectl('delete', 'rolebinding', 'by-cluster-role', '-n', 'sharing');
  await stage.reason('sharing', 'retire', done);
  await expectRefused(agent);
  expect(await kubectl('get', 'rolebinding', 'by-role', '-n', 'sharing', '-o', 'jsonpath={.subjects[*].name}')).toBe('other');
});

it('retires an identity that is deleted, without a right that is optional', async () => {
  const agent = await createBuildAgent(stage.cluster, 'plain');
  await stage.apply(identityOf(agent));
  await kubectl('wait', '--for=condition=Ready', '--timeout=60s', `wid/${agent.name}`, '-n', 'plain');
  await kubectl('delete', 'wid', agent.name, '-n', 'plain', '--timeout=90s');
  await expectRefused(agent);
});

it('says that it may not try, where an identity asks for that', async () => {
  const agent = await createBuildAgent(stage.cluster, 'untried');
  await stage.apply(identityOf(agent, 'kubernetes: {probe: true}'));
  await stage.apply(offboardingOf(agent, 'retire', '').replace('identity: {serviceAccount: {name: build-agent-7}}', 'workloadIdentityRef: {name: build-agent-7}'));
  await stage.reason('untried', 'retire', 'PermissionMissing');
});

it('uses what it was granted for Roles', async () => {
  const granted = await rightsGranted(values);
  expect((await rightsOf(stage.cluster)).map(({ text }) => text).toSorted()).toEqual(granted.map(({ text }) => text).toSorted());
  const optional = granted.filter(({ role }) => role === 'Role "offboard-shared-bindings"');
  expect(optional.map(({ text }) => text)).toEqual(['Role "offboard-shared-bindings": patch rolebindings.rbac.authorization.k8s.io', 'Role "offboard-shared-bindings": bind roles.rbac.authorization.k8s.io deployer']);
  expect(await unusedOf(stage.cluster, optional)).toEqual([]);
});

it('has made the key itself, and no other Secret', async () => {
  expect(await kubectl('get', 'secrets', '-n', 'offboard-system', '-o', 'jsonpath={range .items[*]}{.metadata.name} {.type}{end}')).toBe('offboard-signing-key Opaque');
});
