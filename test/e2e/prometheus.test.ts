/** A real Prometheus beside a real operator: what alerts and dashboard ask for is there, and an alert fires of what really happened. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/control-plane.ts';
import { type Prometheus, startPrometheus } from '../env/prometheus.ts';
import { alerts, dashboard, metricsIn, rules } from '../env/prometheus-config.ts';
import { requirePrometheus } from '../env/tools/prometheus.ts';
import { offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let prometheus: Prometheus;

beforeAll(async () => {
  stage = await startStage();
  prometheus = await startPrometheus({ 'offboard-0': stage.operator().url });
  await waitFor(async () => (await prometheus.query('leader_election_master_status == 1')).length === 1, { timeout: 30_000, what: 'a scrape of the leader' });
  const agent = await createBuildAgent(stage.cluster, 'retired');
  await stage.apply(offboardingOf(agent));
  await stage.reason('retired', 'retire', 'ConfirmedWithUnprovable');
  // One that is held: it names a WorkloadIdentity that is not there.
  await stage.apply(`
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: held, namespace: retired}
spec: {workloadIdentityRef: {name: nobody}, reason: Retired, mode: Enforce, deadline: 1s}
`);
  await stage.reason('retired', 'held', 'IdentityNotFound');
  await waitFor(async () => (await prometheus.query('offboard_held_offboardings > 0')).length === 1, { timeout: 10_000, what: 'a scrape of the run that is held' });
});
afterAll(async () => {
  await prometheus.stop();
  await stage.stop();
});

/** There only while something is so, or where there is a Connector: not on this stage. */
const mayLack = [
  'offboard_connectors', 'offboard_connector_requests_total', 'offboard_waiting_revocations', 'offboard_waived_dependencies', 'offboard_unheld_objects',
  'offboard_revocations', 'offboard_workload_identities',
];

/** As Grafana fills it in. */
const filled = (expression: string): string =>
  expression.replaceAll('$namespace', 'offboard-system').replaceAll('$job', 'offboard-system/offboard').replaceAll('$__rate_interval', '1m');

/** Queries of the dashboard that answer nothing, and should. */
const withoutData = async (): Promise<readonly string[]> => {
  const empty: string[] = [];
  for (const { expr } of dashboard.panels.flatMap(({ targets = [] }) => targets)) {
    const isThere = (await prometheus.query(filled(expr))).length > 0;
    if (!isThere && !metricsIn(expr).some((name) => mayLack.includes(name))) empty.push(expr);
  }
  return empty;
};

describe('the scrape', () => {
  it('is taken without a complaint of promtool', async () => {
    const { promtool } = await requirePrometheus();
    const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(await (await fetch(`${stage.operator().url}/metrics`)).text());
    const [out, code] = await Promise.all([Promise.all([text(child.stdout), text(child.stderr)]), once(child, 'close')]);
    const complaints = out.join('').split('\n').filter((line) => line !== '');
    // prom-client's own, which it keeps for whoever relies on them.
    expect(complaints.filter((line) => !/^nodejs_/.test(line))).toEqual([]);
    expect(code[0]).toBe(complaints.length === 0 ? 0 : 3);
  });

  it('has every metric that rules and dashboard name', async () => {
    const named = [...rules.map(({ expr }) => expr), ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))].flatMap(metricsIn);
    const series = await prometheus.api<readonly string[]>('label/__name__/values');
    expect([...new Set(named)].filter((name) => !series.includes(name) && !mayLack.includes(name))).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('has no query that is in error or warned of, and data where there must be some', async () => {
    // A rate needs two scrapes of its own, and each query is to be asked in any case.
    let empty: readonly string[] = [];
    const isWhole = async (): Promise<boolean> => (empty = await withoutData()).length === 0;
    await waitFor(isWhole, { timeout: 15_000, interval: 500, what: 'data of each query' }).catch((error: unknown) => {
      throw new Error(empty.join('\n'), { cause: error });
    });
    for (const { expr } of dashboard.annotations.list) await prometheus.query(filled(expr));
  });

  it('finds the installation by its variables', async () => {
    const job = encodeURIComponent('offboard_build_info{namespace=~"offboard-system"}');
    expect(await prometheus.api('label/namespace/values?match[]=offboard_build_info')).toEqual(['offboard-system']);
    expect(await prometheus.api(`label/job/values?match[]=${job}`)).toEqual(['offboard-system/offboard']);
  });

  it('shows what really happened', async () => {
    const value = async (expression: string): Promise<number> => Number((await prometheus.query(expression))[0]?.value[1]);
    expect(await value('sum(offboard_time_to_all_gone_seconds_count)')).toBe(1);
    expect(await value('offboard_lock_installed')).toBe(1);
    expect(await value('max(offboard_watch_silence_seconds)')).toBeLessThan(170);
    // The end lies between two scrapes, and the rules are evaluated after that.
    await waitFor(async () => (await value('namespace:offboard_time_to_all_gone_late:ratio_rate1h')) === 0, { timeout: 10_000, what: 'an end in time' });
  });
});

describe('the alerts', () => {
  interface AlertState {
    readonly name: string;
    readonly health: string;
    readonly lastError?: string;
    readonly state?: string;
    readonly alerts?: readonly { readonly annotations: Readonly<Record<string, string>> }[];
  }
  const states = async (): Promise<readonly AlertState[]> =>
    (await prometheus.api<{ readonly groups: readonly { readonly rules: readonly AlertState[] }[] }>('rules')).groups.flatMap((group) => group.rules);

  it('are all evaluated without an error, and only that of the overdue run is on its way', async () => {
    await waitFor(async () => (await states()).some(({ name, state }) => name === 'OffboardOverdue' && state !== 'inactive'), { timeout: 20_000, what: 'the overdue run' });
    const all = await states();
    expect(all.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(all.filter(({ state = 'inactive' }) => state !== 'inactive').map(({ name }) => name)).toEqual(['OffboardOverdue']);
    expect(all.filter(({ name }) => alerts.some(({ alert }) => alert === name))).toHaveLength(alerts.length);
  });

  it('tell in words of what they fire', async () => {
    const [overdue] = (await states()).find(({ name }) => name === 'OffboardOverdue')?.alerts ?? [];
    expect(overdue?.annotations).toMatchObject({
      summary: '1 Offboarding(s) are past their deadline',
      description: expect.stringContaining('1 Offboarding(s) have not ended within spec.deadline. Work goes on.') as string,
      runbook_url: 'docs/runbooks/overdue.md',
    });
  });

  it('notice that the lock is taken away, and that it is back', async () => {
    const pending = async (): Promise<boolean> => (await states()).some(({ name, state }) => name === 'OffboardLockMissing' && state !== 'inactive');
    await stage.cluster.kubectl(['delete', 'validatingadmissionpolicybinding', 'offboard-lock-identity']);
    await waitFor(pending, { timeout: 30_000, what: 'the missing lock' });
    await stage.cluster.kubectl(['apply', '--server-side', '-f', 'config/policies/lock.yaml']);
    await waitFor(async () => !(await pending()), { timeout: 90_000, what: 'the lock that is back' });
  });

  it('notice that nobody leads any more', async () => {
    await stage.operator().stop();
    await waitFor(async () => (await states()).some(({ name, state }) => name === 'OffboardNoLeader' && state !== 'inactive'), { timeout: 30_000, what: 'nobody leading' });
  });
});
