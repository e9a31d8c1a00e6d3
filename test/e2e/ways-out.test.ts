/** The ways out that people have, by people who may and people who may not, with the credentials tried. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Condition, OffboardingStatus, OffboardingWaiverStatus } from '../../src/api/v1alpha1/index.ts';
import { offboardingFinalizer, workloadIdentityFinalizer } from '../../src/api/v1alpha1/index.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { pastTheLock } from '../env/past-the-lock.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { kstatusViolations } from '../env/kstatus.ts';
import { person, writesOurKinds } from '../integration/people.ts';
import type { Person, Rule } from '../integration/people.ts';
import { attempt, expectAlive, expectRefused, identityOf, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
});
afterAll(async () => {
  expect(stage.operator().process.running()).toBe(true);
  await stage.stop();
});

const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);
const patch = (resource: string, namespace: string, body: object): readonly string[] => [
  'patch', ...resource.split(' '), '-n', namespace, '--type=merge', '-p', JSON.stringify(body),
];
const conditionOf = (status: OffboardingStatus | undefined, type: string): Condition | undefined =>
  status?.conditions?.find((each) => each.type === type);
const eventsOf = (namespace: string): Promise<string> => kubectl('get', 'events', '-n', namespace, '-o', 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}');

/** Writes our kinds in one namespace and may end what is in it: who owns the agents there. */
const owner = (namespace: string, ...more: readonly Rule[]): Promise<Person> =>
  person(stage.cluster, `owner-of-${namespace}`, {
    in: {
      [namespace]: [
        writesOurKinds,
        { on: ['offboardingwaivers.offboard.dev', 'offboardingwaivers.offboard.dev/status'], verbs: ['get', 'create', 'patch', 'delete'] },
        { on: ['serviceaccounts', 'workloadidentities.offboard.dev', 'offboardings.offboard.dev'], verbs: ['delete'] },
        ...more,
      ],
    },
  });
const approver = (namespace: string): Promise<Person> =>
  person(stage.cluster, `approver-of-${namespace}`, {
    in: { [namespace]: [{ on: ['offboardingwaivers.offboard.dev'], verbs: ['create'] }, { on: ['offboardings.offboard.dev'], verbs: ['waive'] }] },
  });

const askedBy = (somebody: Person, yaml: string): Promise<string> => stage.cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: yaml, kubeconfig: somebody.kubeconfig });

/** Somebody else's finalizer keeps the account, which can still mint: no revoke of ours ends that. */
const holdAccount = (agent: BuildAgent, held: boolean): Promise<string> =>
  kubectl(...patch(`serviceaccount ${agent.name}`, agent.namespace, { metadata: { finalizers: held ? ['example.com/mine'] : null } }));

const waiverFor = async (namespace: string, run: string, name: string, expiresAt: Date): Promise<object> => ({
  apiVersion: 'offboard.dev/v1alpha1',
  kind: 'OffboardingWaiver',
  metadata: { name, namespace },
  spec: {
    offboardingRef: { name: run, uid: await kubectl('get', 'ofb', run, '-n', namespace, '-o', 'jsonpath={.metadata.uid}') },
    dependency: 'kubernetes',
    reason: 'the owner of that finalizer is away',
    expiresAt: expiresAt.toISOString(),
    approvedBy: { username: 'somebody-else' },
  },
});
const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);

const waiverIs = (namespace: string, name: string, reason: string): Promise<void> =>
  waitFor(
    async () => {
      const object = JSON.parse(await kubectl('get', 'ofw', name, '-n', namespace, '-o', 'json')) as { readonly metadata: object; readonly status?: OffboardingWaiverStatus };
      expect(kstatusViolations(object)).toEqual([]);
      return object.status?.conditions?.find(({ type }) => type === 'Ready')?.reason === reason;
    },
    { timeout: 30_000, interval: 300, what: `waiver ${name} to be ${reason}` },
  ).then(() => undefined);

describe.concurrent('a waiver', () => {
  it('completes a run in the words of who approved it, and the run is open again when it expires', async () => {
    const agent = await createBuildAgent(stage.cluster, 'waived');
    const alice = await owner('waived');
    const boss = await approver('waived');
    await holdAccount(agent, true);
    await askedBy(alice, offboardingOf(agent));
    await stage.reason('waived', 'retire', 'HeldByFinalizer');
    const expiresAt = inSeconds(20);
    const waiver = await waiverFor('waived', 'retire', 'away', expiresAt);
    await expect(alice.kubectl(['create', '-f', '-'], waiver)).rejects.toThrow('needs the verb "waive" on offboardings.offboard.dev "retire" in namespace "waived"');
    await boss.kubectl(['create', '-f', '-'], waiver);
    const status = await stage.reason('waived', 'retire', 'CompletedWithWaivers');
    await waiverIs('waived', 'away', 'InForce');
    expect(readyOf(status)).toMatchObject({ status: 'True' });
    expect(readyOf(status)?.message).toContain(`kubernetes: given up until ${expiresAt.toISOString()}, approved by approver-of-waived: `);
    expect(status.summary).toMatchObject({ waived: 1 });
    expect(status.residualUntil).toBe('unknown');
    expect(status.dependencies?.[0]).toMatchObject({ state: 'Waived', reason: 'HeldByFinalizer', waiver: { name: 'away', approvedBy: 'approver-of-waived' } });
    expect((await attempt(agent)).slice(2), 'the grants went all the same').toEqual([403, 403, 403]);
    const metrics = await (await fetch(`${stage.operator().url}/metrics`)).text();
    expect(metrics).toMatch(/offboard_waived_dependencies\{revoker="kubernetes"\} [1-9]/);
    const reopened = await stage.reason('waived', 'retire', 'Reopened');
    expect(Date.now()).toBeGreaterThan(expiresAt.getTime());
    expect(conditionOf(reopened, 'Stalled')).toMatchObject({ reason: 'HeldByFinalizer' });
    expect(reopened.completedAt).toBeUndefined();
    await waiverIs('waived', 'away', 'Expired');
    expect((await stage.run('waived', 'retire'))?.metadata.finalizers).toEqual([offboardingFinalizer]);
    expect(await eventsOf('waived')).toMatch(/CompletedWithWaivers: .*\n(?:.*\n)*Reopened: |Reopened: .*\n(?:.*\n)*CompletedWithWaivers: /);
    await holdAccount(agent, false);
    await stage.reason('waived', 'retire', 'ConfirmedWithUnprovable');
    await expectRefused(agent);
  });

  it('is not approved by who asked for the run, whatever they may, and is not needed once all is gone', async () => {
    const agent = await createBuildAgent(stage.cluster, 'self-approved');
    const alice = await owner('self-approved', { on: ['offboardings.offboard.dev'], verbs: ['waive'] });
    const boss = await approver('self-approved');
    await holdAccount(agent, true);
    await askedBy(alice, offboardingOf(agent));
    await stage.reason('self-approved', 'retire', 'HeldByFinalizer');
    await alice.kubectl(['create', '-f', '-'], await waiverFor('self-approved', 'retire', 'own', inSeconds(3_600)));
    await waiverIs('self-approved', 'own', 'ApprovedByRequester');
    await boss.kubectl(['create', '-f', '-'], await waiverFor('self-approved', 'retire', 'theirs', inSeconds(3_600)));
    const waived = await stage.reason('self-approved', 'retire', 'CompletedWithWaivers');
    expect(waived.dependencies?.[0]?.waiver?.name).toBe('theirs');
    await alice.kubectl(['delete', 'ofw', 'theirs', '-n', 'self-approved']);
    await stage.reason('self-approved', 'retire', 'Reopened');
    await boss.kubectl(['create', '-f', '-'], await waiverFor('self-approved', 'retire', 'again', inSeconds(3_600)));
    await stage.reason('self-approved', 'retire', 'CompletedWithWaivers');
    await holdAccount(agent, false);
    await stage.reason('self-approved', 'retire', 'ConfirmedWithUnprovable');
    await waiverIs('self-approved', 'again', 'NotNeeded');
    await expectRefused(agent);
  });

  it('lets a WorkloadIdentity go that is deleted, and the run goes on without it', async () => {
    const agent = await createBuildAgent(stage.cluster, 'let-go');
    const boss = await approver('let-go');
    await holdAccount(agent, true);
    await stage.apply(identityOf(agent));
    await kubectl('wait', '--for=condition=Ready', '--timeout=30s', `wid/${agent.name}`, '-n', 'let-go');
    await kubectl('delete', 'wid', agent.name, '-n', 'let-go', '--wait=false');
    const run = `${agent.name}-${await kubectl('get', 'wid', agent.name, '-n', 'let-go', '-o', 'jsonpath={.metadata.uid}')}`;
    await stage.reason('let-go', run, 'HeldByFinalizer');
    expect(await kubectl('get', 'wid', agent.name, '-n', 'let-go', '-o', 'jsonpath={.metadata.finalizers}')).toContain(workloadIdentityFinalizer);
    await boss.kubectl(['create', '-f', '-'], await waiverFor('let-go', run, 'away', inSeconds(3_600)));
    await kubectl('wait', '--for=delete', '--timeout=30s', `wid/${agent.name}`, '-n', 'let-go');
    await stage.reason('let-go', run, 'CompletedWithWaivers');
    await holdAccount(agent, false);
    await stage.reason('let-go', run, 'ConfirmedWithUnprovable');
    await expectRefused(agent);
  });
});

describe.concurrent('a cancel', () => {
  const forged = { spec: { cancel: { reason: 'wrong agent', requestedBy: { username: 'somebody-else' } } } };
  const everything = (agent: BuildAgent): Promise<string> =>
    stage.cluster.kubectl(['get', '-o', 'json', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objectsOf(agent) }) });

  it('leaves everything as it was, to the byte, and says who', async () => {
    const agent = await createBuildAgent(stage.cluster, 'cancelled');
    const alice = await owner('cancelled');
    await stage.apply(identityOf(agent));
    await kubectl('wait', '--for=condition=Ready', '--timeout=30s', `wid/${agent.name}`, '-n', 'cancelled');
    const before = await everything(agent);
    await askedBy(alice, offboardingOf(agent, 'retire', 'soak: 1h'));
    await stage.reason('cancelled', 'retire', 'Soaking');
    await alice.kubectl(patch('ofb retire', 'cancelled', forged));
    const status = await stage.reason('cancelled', 'retire', 'Cancelled');
    expect(readyOf(status)?.message).toBe('cancelled by owner-of-cancelled before anything was revoked: wrong agent');
    expect(conditionOf(status, 'Cancelled')).toMatchObject({ status: 'True' });
    expect(await everything(agent)).toBe(before);
    await expectAlive(agent);
    await waitFor(async () => ((await stage.run('cancelled', 'retire'))?.metadata.finalizers ?? []).length === 0, { what: 'the finalizer going' });
    await waitFor(async () => (await kubectl('get', 'wid', agent.name, '-n', 'cancelled', '-o', 'jsonpath={.status.lifecycleState}')) === 'Active', { what: 'the identity being active again' });
    await alice.kubectl(['delete', 'ofb', 'retire', '-n', 'cancelled', '--timeout=20s']);
  });

  it('that comes after the first revoke is refused where everybody sees it, and the run goes on', async () => {
    const agent = await createBuildAgent(stage.cluster, 'cancelled-late');
    await holdAccount(agent, true);
    await stage.apply(offboardingOf(agent));
    await stage.reason('cancelled-late', 'retire', 'HeldByFinalizer');
    await kubectl(...patch('ofb retire', 'cancelled-late', forged));
    const status = await waitFor(async () => {
      const { status: now } = (await stage.run('cancelled-late', 'retire')) ?? {};
      return conditionOf(now, 'Cancelled') === undefined ? undefined : now;
    }, { timeout: 30_000, interval: 300, what: 'the refusal' });
    expect(conditionOf(status, 'Cancelled')).toMatchObject({ status: 'False', reason: 'CannotCancel' });
    expect(conditionOf(status, 'Cancelled')?.message).toContain('revoking has begun');
    expect(readyOf(status)?.reason).toBe('HeldByFinalizer');
    await waitFor(async () => (await eventsOf('cancelled-late')).includes('CannotCancel: '), { what: 'the event' });
    await holdAccount(agent, false);
    await stage.reason('cancelled-late', 'retire', 'ConfirmedWithUnprovable');
    await expectRefused(agent);
  });

  it.each([
    ['the identity', 'cancelled-identity', ['wid', 'build-agent-7', '-n', 'cancelled-identity']],
    ['the namespace', 'cancelled-namespace', ['namespace', 'cancelled-namespace']],
  ] as const)('is refused while %s is being deleted', async (_, namespace, deletion) => {
    const agent = await createBuildAgent(stage.cluster, namespace);
    await stage.apply(identityOf(agent));
    await kubectl('wait', '--for=condition=Ready', '--timeout=30s', `wid/${agent.name}`, '-n', namespace);
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h').replace(/identity: .*/, `workloadIdentityRef: {name: ${agent.name}}`));
    await stage.reason(namespace, 'retire', 'Soaking');
    await kubectl('delete', ...deletion, '--wait=false');
    await kubectl(...patch('ofb retire', namespace, forged));
    await waitFor(async () => conditionOf((await stage.run(namespace, 'retire'))?.status, 'Cancelled')?.message.includes('is being deleted'), { timeout: 30_000, interval: 300, what: 'the refusal' });
    await kubectl(...patch('ofb retire', namespace, { spec: { soak: '0s' } }));
    if (deletion[0] === 'namespace') await kubectl('wait', '--for=delete', '--timeout=60s', 'namespace', namespace);
    else await stage.reason(namespace, 'retire', 'ConfirmedWithUnprovable');
    await expectRefused(agent);
  });
});

/** What the agent is made of, by name. */
const objectsOf = ({ namespace, name }: BuildAgent): readonly object[] => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${name}-token`, namespace } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: `${name}-edit`, namespace } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: `${name}-view`, namespace: `${namespace}-artifacts` } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: `${namespace}-${name}-nodes` } },
];

describe.concurrent('breaking the glass', () => {
  const withoutFinalizers = { metadata: { finalizers: null } };

  it('takes the verb, is on record, and is not undone by the operator', async () => {
    const agent = await createBuildAgent(stage.cluster, 'glass');
    const breaks: Rule = { on: ['offboardings.offboard.dev', 'workloadidentities.offboard.dev'], verbs: ['breakglass', 'patch', 'get', 'delete'] };
    const alice = await owner('glass');
    const breaker = await person(stage.cluster, 'breaker', { in: { glass: [breaks] } });
    await stage.apply(identityOf(agent));
    await kubectl('wait', '--for=condition=Ready', '--timeout=30s', `wid/${agent.name}`, '-n', 'glass');
    await askedBy(alice, offboardingOf(agent, 'retire', 'soak: 1h'));
    await stage.reason('glass', 'retire', 'Soaking');
    for (const resource of ['ofb retire', `wid ${agent.name}`]) {
      await expect(alice.kubectl(patch(resource, 'glass', withoutFinalizers))).rejects.toThrow('needs the verb "breakglass"');
      await breaker.kubectl(patch(resource, 'glass', withoutFinalizers));
      await waitFor(async () => (await kubectl('get', ...resource.split(' '), '-n', 'glass', '-o', 'jsonpath={.status.conditions[?(@.type=="GlassBroken")].status}')) === 'True', { timeout: 30_000, interval: 300, what: `${resource} saying so` });
      expect(await kubectl('get', ...resource.split(' '), '-n', 'glass', '-o', 'jsonpath={.metadata.finalizers}')).toBe('');
    }
    expect(readyOf((await stage.run('glass', 'retire'))?.status)).toMatchObject({ status: 'False', reason: 'Soaking' });
    await waitFor(async () => (await eventsOf('glass')).match(/GlassBroken: /g)?.length === 2, { what: 'both events' });
    expect(await (await fetch(`${stage.operator().url}/metrics`)).text()).toMatch(/offboard_unheld_objects\{kind="WorkloadIdentity"\} 1/);
    for (const finalizer of [offboardingFinalizer, workloadIdentityFinalizer]) {
      await waitFor(() => answers(`breaker takes off ${finalizer}`).includes(200), { what: 'the audit log' });
      expect(answers(`owner-of-glass takes off ${finalizer}`)).toEqual([403]);
    }
    await breaker.kubectl(['delete', 'ofb', 'retire', '-n', 'glass', '--timeout=10s']);
    await breaker.kubectl(['delete', 'wid', agent.name, '-n', 'glass', '--timeout=10s']);
    await expectAlive(agent);
  });

  it('ends the wait for an object that is being deleted', async () => {
    const agent = await createBuildAgent(stage.cluster, 'glass-deleted');
    const breaker = await person(stage.cluster, 'breaker-deleted', { in: { 'glass-deleted': [{ on: ['offboardings.offboard.dev'], verbs: ['breakglass', 'patch', 'get'] }] } });
    await holdAccount(agent, true);
    await stage.apply(offboardingOf(agent));
    await stage.reason('glass-deleted', 'retire', 'HeldByFinalizer');
    await kubectl('delete', 'ofb', 'retire', '-n', 'glass-deleted', '--wait=false');
    await breaker.kubectl(patch('ofb retire', 'glass-deleted', withoutFinalizers));
    expect(await stage.exists('ofb', 'retire', '-n', 'glass-deleted')).toBe(false);
    await waitFor(() => stage.operator().log().includes('An Offboarding is gone before its end'), { what: 'the operator saying so' });
    await waitFor(async () => (await eventsOf('glass-deleted')).includes('GoneBeforeItsEnd: '), { what: 'the event' });
    const records = await kubectl('get', 'offboardingrecords', '--field-selector=spec.identity.namespace=glass-deleted', '-o', 'jsonpath={.items[*].metadata.name} {.items[*].spec.outcome}');
    const [name = '', outcome] = records.split(' ');
    expect(outcome).toBe('Abandoned');
    await kubectl('wait', '--for=condition=Intact', '--timeout=30s', `offboardingrecord/${name}`);
    expect(await kubectl('get', 'offboardingrecord', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Resurrected")].reason}'), 'what was left is no return').toBe('NotReturned');
    await holdAccount(agent, false);
  });
});

/** The response codes of the requests that the audit log marks so, in order. */
const answers = (mark: string): readonly (number | undefined)[] =>
  readFileSync(stage.cluster.auditLog ?? '', 'utf8')
    .split('\n')
    .filter((line) => line.includes(mark))
    .map((line) => JSON.parse(line) as { readonly responseStatus?: { readonly code: number } })
    .map(({ responseStatus }) => responseStatus?.code);

describe.concurrent('an Emergency', () => {
  const supersedes = async (agent: BuildAgent): Promise<void> => {
    const { namespace } = agent;
    await stage.apply(offboardingOf(agent, 'now', 'urgency: Emergency'));
    const superseded = await stage.reason(namespace, 'retire', 'Superseded');
    const ended = (await stage.reason(namespace, 'now', 'ConfirmedWithUnprovable')) satisfies OffboardingStatus;
    await expectRefused(agent);
    expect(Date.parse(ended.startedAt ?? ''), 'two never act at the same time').toBeGreaterThanOrEqual(Date.parse(superseded.completedAt ?? ''));
    const before = await kubectl('get', 'ofb', 'retire', '-n', namespace, '-o', 'jsonpath={.status}');
    await kubectl(...patch('ofb retire', namespace, { spec: { suspend: false, soak: '0s', deadline: '1h' } }));
    await waitFor(async () => (await stage.run(namespace, 'retire'))?.status?.observedGeneration === (await stage.run(namespace, 'retire'))?.metadata.generation, { what: 'another look' });
    const { observedGeneration: _, conditions: __, ...rest } = (await stage.run(namespace, 'retire'))?.status ?? {};
    expect(JSON.parse(before), 'it never acts again').toMatchObject(rest);
    expect((await stage.run(namespace, 'retire'))?.metadata.finalizers ?? []).toEqual([]);
  };

  it('takes over from a run in its soak', async () => {
    const agent = await createBuildAgent(stage.cluster, 'soaking');
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h'));
    await stage.reason('soaking', 'retire', 'Soaking');
    await expectAlive(agent);
    await supersedes(agent);
    expect((await stage.run('soaking', 'retire'))?.status?.revokeStartedAt).toBeUndefined();
  });

  it('takes over from a run that is suspended half-way', async () => {
    const agent = await createBuildAgent(stage.cluster, 'half-way');
    await holdAccount(agent, true);
    await stage.apply(offboardingOf(agent));
    await stage.reason('half-way', 'retire', 'HeldByFinalizer');
    await kubectl(...patch('ofb retire', 'half-way', { spec: { suspend: true } }));
    await stage.reason('half-way', 'retire', 'Suspended');
    await holdAccount(agent, false);
    await supersedes(agent);
  });

  it('is what a run in its soak can become in place', async () => {
    const agent = await createBuildAgent(stage.cluster, 'in-place');
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h'));
    await stage.reason('in-place', 'retire', 'Soaking');
    await kubectl(...patch('ofb retire', 'in-place', { spec: { urgency: 'Emergency' } }));
    await stage.reason('in-place', 'retire', 'ConfirmedWithUnprovable');
    await expectRefused(agent);
  });
});

// Not beside the others: it takes the lock away for a moment.
describe('a run that a waiver has completed', () => {
  it('does not revoke what comes later: that is told, and a new run acts', async () => {
    const agent = await createBuildAgent(stage.cluster, 'returned');
    const boss = await approver('returned');
    await holdAccount(agent, true);
    await stage.apply(offboardingOf(agent));
    await stage.reason('returned', 'retire', 'HeldByFinalizer');
    await boss.kubectl(['create', '-f', '-'], await waiverFor('returned', 'retire', 'away', inSeconds(3_600)));
    await stage.reason('returned', 'retire', 'CompletedWithWaivers');
    await pastTheLock(stage.cluster, 'bindings', () => kubectl('create', 'rolebinding', 'since', '-n', 'returned', '--clusterrole=view', `--serviceaccount=returned:${agent.name}`));
    const status = await stage.reason('returned', 'retire', 'Resurrected');
    expect(readyOf(status)?.message).toContain('rolebindings/returned/since');
    await waiverIs('returned', 'away', 'NotNeeded');
    expect(await stage.exists('rolebinding', 'since', '-n', 'returned')).toBe(true);
    await holdAccount(agent, false);
    await stage.apply(offboardingOf(agent, 'again'));
    await stage.reason('returned', 'again', 'ConfirmedWithUnprovable');
    await expectRefused(agent);
    expect(await stage.exists('rolebinding', 'since', '-n', 'returned')).toBe(false);
  });
});
