/** A cluster in which others act at the same moment, or the operator may not. Nothing is claimed that is not true. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api } from '../bench/api.ts';
import { inParallel } from '../bench/api.ts';
import { usageOf } from '../bench/usage.ts';
import { requestsOf } from '../env/audit.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { operatorUser } from '../env/operator-account.ts';
import { countersOf } from './calm.ts';
import { asAdmin, heal, meddle, replace } from './meddlers.ts';
import type { Kept } from './meddlers.ts';
import { startOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { expectAlive, offboardingOf, readyOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let oracle: Oracle;
let api: Api;

beforeAll(async () => {
  stage = await startStage({ mayBeDenied: true });
  oracle = await startOracle(stage.cluster);
  api = asAdmin(stage.cluster);
});
afterAll(async () => {
  try {
    await oracle.calm(stage.operator());
    await oracle.stop();
  } finally {
    await api.close();
    await stage.stop();
  }
});

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const kubectl = (...args: readonly string[]): Promise<string> => stage.cluster.kubectl(args);
const message = (namespace: string, run = 'retire'): string => readyOf(oracle.run(namespace, run)?.status)?.message ?? '';
const patchRun = (namespace: string, spec: object): Promise<string> =>
  kubectl('patch', 'offboarding', 'retire', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec }));
const subjectOf = ({ namespace, name }: Pick<BuildAgent, 'namespace' | 'name'>): object => ({ kind: 'ServiceAccount', namespace, name });
const binding = (namespace: string, name: string, subjects: readonly object[], role = 'view', labels = {}): Kept => ({
  collection: `${rbac}/namespaces/${namespace}/rolebindings`,
  body: { metadata: { name, labels }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role }, subjects },
});
const account = ({ namespace, name }: Pick<BuildAgent, 'namespace' | 'name'>, labels = {}): Kept => ({
  collection: `/api/v1/namespaces/${namespace}/serviceaccounts`,
  body: { metadata: { name, labels } },
});
const created = async (kept: Kept): Promise<void> => {
  const { status, body } = await api.call('POST', kept.collection, kept.body);
  if (status !== 201) throw new Error(body);
};

/** What the operator asked for in a namespace so far, by the API server's own account: `delete rolebindings` → how often. */
const askedIn = async (namespace: string): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>();
  for await (const { verb, objectRef } of requestsOf(stage.cluster.auditLog ?? '', operatorUser)) {
    if (objectRef?.namespace !== namespace) continue;
    const what = `${verb} ${objectRef.resource ?? ''}${objectRef.subresource === undefined ? '' : `/${objectRef.subresource}`}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
};

/** Alone, so that the figures are its own. */
describe('two thousand bindings', () => {
  it('of one identity are all ended', async () => {
    const agent = await createBuildAgent(stage.cluster, 'hoarder');
    await oracle.guard(agent);
    const namespaces = Array.from({ length: 20 }, (_, i) => `hoard-${i}`);
    await inParallel(namespaces, 8, async (name) => {
      await api.call('POST', '/api/v1/namespaces', { metadata: { name } });
    });
    await inParallel(Array.from({ length: 2_000 }, (_, i) => i), 8, (i) => created(binding(`hoard-${i % 20}`, `hoarded-${i}`, [subjectOf(agent)])));
    const before = await countersOf(stage.operator());
    const started = performance.now();
    await stage.apply(offboardingOf(agent));
    await oracle.reason('hoarder', 'retire', 'ConfirmedWithUnprovable');
    const seconds = (performance.now() - started) / 1000;
    const requests = (await countersOf(stage.operator())).requests - before.requests;
    const { rss } = usageOf(stage.operator().process.pid);
    console.log(`2,000 bindings: ${seconds.toFixed(1)} s, ${requests} requests, peak RSS ${(rss / 2 ** 20).toFixed(0)} MiB`);
    // One to end it, one to see that it is gone; the account, its tokens and the access review are few.
    expect(requests).toBeLessThan(2_000 * 2.2);
    await oracle.judged(agent);
    for (const namespace of namespaces) {
      const { body } = await api.call('GET', `${rbac}/namespaces/${namespace}/rolebindings`);
      expect((JSON.parse(body) as { items: unknown[] }).items).toEqual([]);
    }
  });
});

describe('while others act', () => {
  it.concurrent('an account that is deleted by hand half-way is proven gone, with its bindings', async () => {
    const agent = await createBuildAgent(stage.cluster, 'by-hand');
    await oracle.guard(agent);
    await stage.apply(offboardingOf(agent, 'retire', 'soak: 1h'));
    await oracle.reason('by-hand', 'retire', 'Soaking');
    await kubectl('delete', 'serviceaccount', agent.name, '-n', 'by-hand');
    await kubectl('delete', 'rolebinding', `${agent.name}-edit`, '-n', 'by-hand');
    await patchRun('by-hand', { soak: '0s' });
    const { dependencies } = await oracle.reason('by-hand', 'retire', 'ConfirmedWithUnprovable');
    await oracle.judged(agent);
    const absent = dependencies?.[0]?.credentials?.filter(({ foundAbsent }) => foundAbsent === true).map(({ id }) => id);
    expect(absent?.toSorted()).toEqual([`rolebindings/by-hand/${agent.name}-edit`, `serviceaccounts/by-hand/${agent.name}`]);
  });

  it.concurrent('a tool that heals account and bindings at once is kept away by the lock, and nothing is revoked twice', async () => {
    const agent = await createBuildAgent(stage.cluster, 'healed');
    await oracle.guard(agent);
    const labels = { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' };
    const tool = heal(api, [account(agent, labels), binding('healed', `${agent.name}-edit`, [subjectOf(agent)], 'edit', labels)]);
    await stage.apply(offboardingOf(agent));
    await oracle.reason('healed', 'retire', 'ConfirmedWithUnprovable');
    await tool.stop();
    expect(tool.rounds()).toBe(0);
    expect((await askedIn('healed')).get('delete serviceaccounts')).toBe(1);
    await oracle.judged(agent);
  });

  it.concurrent('account and bindings that are replaced many times a second are caught by the lock', async () => {
    const agent = await createBuildAgent(stage.cluster, 'replaced');
    await oracle.guard(agent);
    const kept = [account(agent), binding('replaced', `${agent.name}-edit`, [subjectOf(agent)], 'edit')];
    const tool = replace(api, kept);
    await tool.reached(20);
    await stage.apply(offboardingOf(agent));
    await oracle.reason('replaced', 'retire', 'ConfirmedWithUnprovable');
    const rounds = tool.rounds();
    const credentials = oracle.run('replaced', 'retire')?.status?.dependencies?.[0]?.credentials ?? [];
    // The account, those that took its place, their tokens, three bindings, what is left of access.
    expect(credentials.length).toBeLessThanOrEqual(12);
    expect((await askedIn('replaced')).get('patch offboardings/status')).toBeLessThan(60);
    await waitFor(async () => (await api.call('GET', `/api/v1/namespaces/replaced/serviceaccounts/${agent.name}`)).status === 404, { what: 'the account to stay away' });
    await tool.stop();
    expect(tool.rounds()).toBe(rounds);
    await oracle.judged(agent);
  });

  it.concurrent('somebody who patches the same bindings all the time keeps what is his', async () => {
    const agent = await createBuildAgent(stage.cluster, 'patched');
    await oracle.guard(agent);
    const neighbour = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'patched-neighbour' };
    const shared = binding('patched', 'shared', [neighbour, subjectOf(agent)]);
    const sole = binding('patched', 'sole', [subjectOf(agent)]);
    await Promise.all([created(shared), created(sole)]);
    oracle.keep([oracle.asUser('the neighbour on a patched binding', 'patched-neighbour', '/api/v1/namespaces/patched/configmaps')]);
    let round = 0;
    const merge = { 'content-type': 'application/merge-patch+json' };
    const labeller = meddle(2, async () => {
      round += 1;
      const labels = { metadata: { labels: { round: String(round) } } };
      await Promise.all(['shared', 'sole'].map((name) => api.call('PATCH', `${rbac}/namespaces/patched/rolebindings/${name}`, labels, merge)));
      return true;
    });
    // Reads, changes and writes on condition that it is still what was read, as a correct client does.
    const guest = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'guest' };
    const host = meddle(5, async () => {
      const path = `${rbac}/namespaces/patched/rolebindings/shared`;
      const { metadata, subjects } = JSON.parse((await api.call('GET', path)).body) as { readonly metadata: { readonly resourceVersion: string }; readonly subjects: readonly { readonly name: string }[] };
      const others = subjects.filter(({ name }) => name !== guest.name);
      const changed = { metadata: { resourceVersion: metadata.resourceVersion }, subjects: others.length < subjects.length ? others : [...subjects, guest] };
      return (await api.call('PATCH', path, changed, merge)).status === 200;
    });
    await Promise.all([labeller.reached(20), host.reached(5)]);
    await stage.apply(offboardingOf(agent));
    await oracle.reason('patched', 'retire', 'ConfirmedWithUnprovable');
    await Promise.all([labeller.stop(), host.stop()]);
    await oracle.judged(agent);
    expect(await kubectl('get', 'rolebindings', '-n', 'patched', '-o', 'jsonpath={range .items[*]}{.metadata.name}:{.subjects[*].name} {end}')).toMatch(/^shared:patched-neighbour( guest)? $/);
  });

  it.concurrent('a binding whose role is gone ends when it is the identity\'s alone, and is a person\'s when it is shared', async () => {
    const agent = await createBuildAgent(stage.cluster, 'dangling');
    await oracle.guard(agent);
    const neighbour = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'dangling-neighbour' };
    await created(binding('dangling', 'sole', [subjectOf(agent)], 'no-such-role'));
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    await oracle.reason('dangling', 'plan', 'PlanOnly');
    expect(message('dangling', 'plan')).not.toContain('held');
    await created(binding('dangling', 'shared', [neighbour, subjectOf(agent)], 'no-such-role'));
    await stage.apply(offboardingOf(agent));
    await oracle.reason('dangling', 'retire', 'DanglingRoleRef');
    expect(message('dangling')).toMatch(/ClusterRole no-such-role does not exist.* create that role, or delete the binding for all of them: kubectl delete rolebinding\/shared -n dangling$/);
    await expectAlive(agent);
    await kubectl('delete', 'rolebinding/shared', '-n', 'dangling');
    await oracle.reason('dangling', 'retire', 'ConfirmedWithUnprovable');
    await oracle.judged(agent);
    expect(await kubectl('get', 'rolebindings', '-n', 'dangling', '-o', 'name')).toBe('');
  });

  it.concurrent('a tool that puts the subject back into a shared binding, under its old UID, is kept away by the lock', async () => {
    const agent = await createBuildAgent(stage.cluster, 'regained');
    await oracle.guard(agent);
    const neighbour = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'regained-neighbour' };
    const shared = binding('regained', 'shared', [neighbour, subjectOf(agent)], 'view', { 'app.kubernetes.io/managed-by': 'my-gitops' });
    await created(shared);
    oracle.keep([oracle.asUser('the neighbour on a regained binding', 'regained-neighbour', '/api/v1/namespaces/regained/configmaps')]);
    const merge = { 'content-type': 'application/merge-patch+json' };
    const answers: string[] = [];
    const tool = meddle(100, async () => {
      const path = `${rbac}/namespaces/regained/rolebindings/shared`;
      const { body } = await api.call('GET', path);
      if (body.includes(`"${agent.name}"`)) return false;
      const { status, body: answer } = await api.call('PATCH', path, { subjects: [neighbour, subjectOf(agent)] }, merge);
      answers.push(answer);
      return status === 200;
    });
    await stage.apply(offboardingOf(agent));
    await oracle.reason('regained', 'retire', 'ConfirmedWithUnprovable');
    await tool.stop();
    expect(tool.rounds()).toBe(0);
    expect(answers[0]).toContain("ValidatingAdmissionPolicy 'offboard-lock-bindings'");
    expect((await askedIn('regained')).get('patch rolebindings')).toBe(1);
    await oracle.judged(agent);
  });
});

/** Last, since what it takes away is missed by all runs. */
describe('the operator\'s own rights', () => {
  const clusterRole = `${rbac}/clusterroles/offboard`;
  const merge = { 'content-type': 'application/merge-patch+json' };
  interface Rule { readonly apiGroups: readonly string[] }

  it('that are taken half-way stop the runs where they are, and nothing is believed until they are given back', async () => {
    const [untouched, held] = await Promise.all([createBuildAgent(stage.cluster, 'untouched'), createBuildAgent(stage.cluster, 'unobserved')]);
    const finalizers = (value: readonly string[] | null): Promise<unknown> =>
      api.call('PATCH', `/api/v1/namespaces/unobserved/serviceaccounts/${held.name}`, { metadata: { finalizers: value } }, merge);
    await Promise.all([oracle.guard(untouched), oracle.guard(held), finalizers(['example.com/mine'])]);
    await stage.apply(`${offboardingOf(untouched, 'retire', 'soak: 1h')}---${offboardingOf(held)}`);
    await Promise.all([oracle.reason('untouched', 'retire', 'Soaking'), oracle.reason('unobserved', 'retire', 'HeldByFinalizer')]);

    const { rules } = JSON.parse((await api.call('GET', clusterRole)).body) as { readonly rules: readonly Rule[] };
    const own = rules.filter(({ apiGroups: [group = ''] }) => group === 'offboard.dev' || group === 'events.k8s.io');
    await api.call('PATCH', clusterRole, { rules: own }, merge);
    const operator = stage.cluster.kubeconfigFor({ as: 'system:serviceaccount:offboard-system:offboard' });
    const may = (): Promise<boolean> => stage.cluster.kubectl(['auth', 'can-i', 'delete', 'serviceaccounts', '-A'], { kubeconfig: operator }).then(() => true, () => false);
    await waitFor(async () => !(await may()), { what: 'the rights to be gone' });

    await Promise.all([patchRun('untouched', { soak: '0s' }), finalizers(null)]);
    await oracle.reason('untouched', 'retire', 'PermissionMissing');
    // Which of the two it says depends on whether the next revoke is due by then.
    const refused = (line: string): boolean => /^(DependencyUnavailable|PermissionMissing): .*cannot (get|delete) resource/.test(line);
    await waitFor(() => oracle.said('unobserved', 'retire').some(refused), { timeout: 60_000, what: 'a run that cannot tell to say so' });
    expect(message('untouched')).toMatch(/cannot delete resource "(serviceaccounts|rolebindings|clusterrolebindings)"/);
    await oracle.calm(stage.operator());
    await expectAlive(untouched);
    expect([oracle.claims(untouched), oracle.claims(held)]).toEqual([0, 0]);

    await api.call('PATCH', clusterRole, { rules }, merge);
    for (const agent of [untouched, held]) {
      await oracle.reason(agent.namespace, 'retire', 'ConfirmedWithUnprovable');
      await oracle.judged(agent);
    }
  });
});
