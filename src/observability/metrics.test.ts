import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../test/fakes/clock.ts';
import { createBackoff } from '../runtime/backoff.ts';
import { createQueue } from '../runtime/queue.ts';
import type { Figures } from './figures.ts';
import { createMetrics } from './metrics.ts';

const someFigures: Figures = {
  revocations: [
    { revoker: 'kubernetes', state: 'Present', count: 2 },
    { revoker: 'kubernetes', state: 'Confirmed', count: 15 },
  ],
  oldestUnconfirmed: [{ revoker: 'kubernetes', seconds: 12.5 }],
  residual: [{ revoker: 'kubernetes', seconds: 30, unknown: 2 }],
  stuck: [{ revoker: 'vault', count: 2 }],
  waiting: [{ revoker: 'kubernetes', reason: 'expiry', count: 1 }],
  held: [{ reason: 'InUse', count: 3 }],
  overdue: 1,
  unlocked: 1,
  lockInstalled: false,
  oldestUnknown: [{ revoker: 'vault', seconds: 90 }],
  waived: [{ revoker: 'kubernetes', count: 2 }],
  unheld: [{ kind: 'Offboarding', count: 1 }],
  identities: [{ state: 'Active', count: 7 }],
  connectors: [{ type: 'vault', ready: true, count: 2 }, { type: 'vault', ready: false, count: 1 }],
  tombstones: [{ state: 'watching', count: 9 }, { state: 'resurrected', count: 1 }],
  recordHead: 12,
  recordsMissing: 2,
};

const nothing: Figures = {
  revocations: [], oldestUnconfirmed: [], residual: [], stuck: [], waiting: [], held: [], overdue: 0, unlocked: 0, lockInstalled: undefined, oldestUnknown: [], waived: [], unheld: [], identities: [], connectors: [],
  tombstones: [], recordHead: 0, recordsMissing: 0,
};

const start = (figures: () => Figures | undefined = () => undefined) => {
  const metrics = createMetrics({ version: '1.2.3', figures });
  /** The samples by `name{labels}`, labels in order of their names. */
  const samples = async (prefix = ''): Promise<Readonly<Record<string, number>>> => {
    const found: Record<string, number> = {};
    for (const line of (await metrics.text()).split('\n')) {
      const match = /^([a-z0-9_:]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match === null) {
        expect(line === '' || line.startsWith('# '), line).toBe(true);
        continue;
      }
      const labels = (match[2] ?? '').split(/,(?=[a-z_]+=")/).sort().join(',');
      const series = labels === '' ? (match[1] ?? '') : `${match[1] ?? ''}{${labels}}`;
      expect(found, `${series} is there once`).not.toHaveProperty([series]);
      if (series.startsWith(prefix)) found[series] = Number(match[3]);
    }
    return found;
  };
  return { metrics, samples };
};

const ours = /^(?:offboard|workqueue|rest_client|leader_election)_/;

describe('the metrics', () => {
  it('have the names and labels that alerts and dashboards rely on', async () => {
    const { metrics } = start(() => someFigures);
    metrics.queue('offboarding').observe(() => ({ depth: 0, unfinishedSeconds: 0, longestRunningSeconds: 0 }));
    const text = await metrics.text();
    const named = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name ?? ''} ${type ?? ''}`);
    expect(named.filter((each) => ours.test(each)).sort()).toEqual([
      'leader_election_master_status gauge',
      'offboard_build_info gauge',
      'offboard_connector_requests_total counter',
      'offboard_connectors gauge',
      'offboard_held_offboardings gauge',
      'offboard_lock_installed gauge',
      'offboard_missing_records gauge',
      'offboard_oldest_unconfirmed_revocation_seconds gauge',
      'offboard_oldest_unknown_dependency_seconds gauge',
      'offboard_overdue_offboardings gauge',
      'offboard_reconcile_duration_seconds histogram',
      'offboard_reconcile_errors_total counter',
      'offboard_reconcile_total counter',
      'offboard_record_head gauge',
      'offboard_residual_access_seconds gauge',
      'offboard_residual_access_unknown gauge',
      'offboard_resurrections_total counter',
      'offboard_revocation_duration_seconds histogram',
      'offboard_revocations gauge',
      'offboard_revoker_requests_total counter',
      'offboard_stuck_revocations gauge',
      'offboard_time_to_all_gone_seconds histogram',
      'offboard_tombstones gauge',
      'offboard_unheld_objects gauge',
      'offboard_unlocked_offboardings gauge',
      'offboard_waiting_revocations gauge',
      'offboard_waived_dependencies gauge',
      'offboard_watch_connected gauge',
      'offboard_watch_last_list_timestamp_seconds gauge',
      'offboard_watch_relists_total counter',
      'offboard_watch_silence_seconds gauge',
      'offboard_workload_identities gauge',
      'rest_client_request_duration_seconds histogram',
      'rest_client_requests_total counter',
      'workqueue_adds_total counter',
      'workqueue_depth gauge',
      'workqueue_longest_running_processor_seconds gauge',
      'workqueue_queue_duration_seconds histogram',
      'workqueue_retries_total counter',
      'workqueue_unfinished_work_seconds gauge',
      'workqueue_work_duration_seconds histogram',
    ]);
    expect(named).toContain('process_resident_memory_bytes gauge');
    expect(new Set(named).size).toBe(named.length);
    expect(text.endsWith('\n')).toBe(true);
  });

  it('show the figures of the runs as they are at the scrape', async () => {
    let figures: Figures = someFigures;
    const { samples } = start(() => figures);
    const shown = async () => Object.fromEntries(Object.entries(await samples('offboard_')).filter(([series]) => !series.startsWith('offboard_time_to_all_gone')));
    expect(await shown()).toEqual({
      'offboard_build_info{version="1.2.3"}': 1,
      'offboard_tombstones{state="watching"}': 9,
      'offboard_tombstones{state="resurrected"}': 1,
      offboard_record_head: 12,
      offboard_missing_records: 2,
      offboard_resurrections_total: 0,
      'offboard_revocations{revoker="kubernetes",state="Present"}': 2,
      'offboard_revocations{revoker="kubernetes",state="Confirmed"}': 15,
      'offboard_oldest_unconfirmed_revocation_seconds{revoker="kubernetes"}': 12.5,
      'offboard_residual_access_seconds{revoker="kubernetes"}': 30,
      'offboard_residual_access_unknown{revoker="kubernetes"}': 2,
      'offboard_waiting_revocations{reason="expiry",revoker="kubernetes"}': 1,
      'offboard_held_offboardings{reason="InUse"}': 3,
      offboard_overdue_offboardings: 1,
      offboard_unlocked_offboardings: 1,
      offboard_lock_installed: 0,
      'offboard_oldest_unknown_dependency_seconds{revoker="vault"}': 90,
      'offboard_waived_dependencies{revoker="kubernetes"}': 2,
      'offboard_stuck_revocations{revoker="vault"}': 2,
      'offboard_unheld_objects{kind="Offboarding"}': 1,
      'offboard_workload_identities{state="Active"}': 7,
      'offboard_connectors{ready="true",type="vault"}': 2,
      'offboard_connectors{ready="false",type="vault"}': 1,
    });
    figures = nothing;
    expect(await shown(), 'what is over leaves no series behind').toEqual({
      'offboard_build_info{version="1.2.3"}': 1,
      offboard_overdue_offboardings: 0,
      offboard_unlocked_offboardings: 0,
      offboard_record_head: 0,
      offboard_missing_records: 0,
      offboard_resurrections_total: 0,
    });
  });

  it('say nothing of runs when another process leads, so that no figure is counted twice or is a false zero', async () => {
    let figures: Figures | undefined = someFigures;
    const { metrics, samples } = start(() => figures);
    await samples();
    figures = undefined;
    const text = await metrics.text();
    expect(text).not.toMatch(/offboard_(?:revocations|oldest|waiting|held|overdue|unlocked|lock|waived|unheld|workload|connectors|tombstones|record_head|missing)/);
    expect(text).toContain('offboard_build_info');
  });

  it('count the requests to connectors by their answer', async () => {
    const { metrics, samples } = start();
    for (const code of ['200', '200', '503', '<error>', 'HTTP/9']) metrics.onConnectorRequest({ type: 'vault', code });
    expect(await samples('offboard_connector_')).toEqual({
      'offboard_connector_requests_total{code="200",type="vault"}': 2,
      'offboard_connector_requests_total{code="503",type="vault"}': 1,
      'offboard_connector_requests_total{code="<error>",type="vault"}': 1,
      'offboard_connector_requests_total{code="other",type="vault"}': 1,
    });
  });

  it('tell who leads', async () => {
    const { metrics, samples } = start();
    const series = 'leader_election_master_status{name="offboard"}';
    expect(await samples('leader')).toEqual({ [series]: 0 });
    metrics.onLeading(true);
    expect(await samples('leader')).toEqual({ [series]: 1 });
    metrics.onLeading(false);
    expect(await samples('leader')).toEqual({ [series]: 0 });
  });

  it('count requests to the API server by method and code, as client-go does', async () => {
    const { metrics, samples } = start();
    metrics.onRequest({ verb: 'list', resource: 'pods', code: '200', seconds: 0.02 });
    metrics.onRequest({ verb: 'get', resource: 'secrets', code: '200', seconds: 0.2 });
    metrics.onRequest({ verb: 'delete', resource: 'secrets', code: '<error>', seconds: 10 });
    metrics.onRequest({ verb: 'steal', resource: 'secrets', code: 'secret', seconds: 1 });
    expect(await samples('rest_client_requests')).toEqual({
      'rest_client_requests_total{code="200",method="GET"}': 2,
      'rest_client_requests_total{code="<error>",method="DELETE"}': 1,
      'rest_client_requests_total{code="other",method="other"}': 1,
    });
    expect(await samples('rest_client_request_duration_seconds')).toMatchObject({
      'rest_client_request_duration_seconds_bucket{le="0.05",verb="GET"}': 1,
      'rest_client_request_duration_seconds_bucket{le="0.5",verb="GET"}': 2,
      'rest_client_request_duration_seconds_sum{verb="DELETE"}': 10,
    });
  });

  it('count reconciles, and have a zero of errors before the first one', async () => {
    const { metrics, samples } = start();
    metrics.onReconcile({ controller: 'offboarding', result: 'success', seconds: 0.1 });
    expect(await samples('offboard_reconcile_errors')).toEqual({ 'offboard_reconcile_errors_total{controller="offboarding"}': 0 });
    metrics.onReconcile({ controller: 'offboarding', result: 'error', seconds: 0.1 });
    metrics.onReconcile({ controller: 'offboarding', result: 'requeue_after', seconds: 0.1 });
    expect(await samples('offboard_reconcile_')).toMatchObject({
      'offboard_reconcile_errors_total{controller="offboarding"}': 1,
      'offboard_reconcile_total{controller="offboarding",result="success"}': 1,
      'offboard_reconcile_total{controller="offboarding",result="error"}': 1,
      'offboard_reconcile_total{controller="offboarding",result="requeue_after"}': 1,
      'offboard_reconcile_duration_seconds_count{controller="offboarding"}': 3,
    });
  });

  it('count the calls to revokers, and measure how long access lasted after the request to revoke it', async () => {
    const { metrics, samples } = start();
    metrics.onOperation({ revoker: 'kubernetes', operation: 'revoke', outcome: 'Accepted' });
    metrics.onOperation({ revoker: 'kubernetes', operation: 'observe', outcome: 'Unknown' });
    metrics.onOperation({ revoker: 'kubernetes', operation: 'observe', outcome: 'secrets "x" is forbidden' });
    metrics.onConfirmed({ revoker: 'kubernetes', seconds: 18 });
    expect(await samples('offboard_rev')).toMatchObject({
      'offboard_revoker_requests_total{operation="revoke",outcome="Accepted",revoker="kubernetes"}': 1,
      'offboard_revoker_requests_total{operation="observe",outcome="Unknown",revoker="kubernetes"}': 1,
      'offboard_revoker_requests_total{operation="observe",outcome="other",revoker="kubernetes"}': 1,
      'offboard_revocation_duration_seconds_bucket{le="15",revoker="kubernetes"}': 0,
      'offboard_revocation_duration_seconds_bucket{le="20",revoker="kubernetes"}': 1,
    });
  });

  it('measure how long it took until all was gone, and have a zero before the first end', async () => {
    const { metrics, samples } = start();
    const count = 'offboard_time_to_all_gone_seconds_count';
    expect(await samples(count)).toEqual({ [`${count}{urgency="Routine"}`]: 0, [`${count}{urgency="Emergency"}`]: 0 });
    metrics.onAllGone({ urgency: 'Emergency', seconds: 42 });
    metrics.onAllGone({ urgency: 'ci/build-agent-7', seconds: 1 });
    expect(await samples('offboard_time_to_all_gone_seconds')).toMatchObject({
      [`${count}{urgency="Routine"}`]: 0,
      [`${count}{urgency="Emergency"}`]: 1,
      [`${count}{urgency="other"}`]: 1,
      'offboard_time_to_all_gone_seconds_bucket{le="30",urgency="Emergency"}': 0,
      'offboard_time_to_all_gone_seconds_bucket{le="60",urgency="Emergency"}': 1,
    });
  });

  it('show whether each watch hears the API server', async () => {
    const { metrics, samples } = start();
    metrics.watch.onConnected({ resource: 'offboardings', connected: true });
    metrics.watch.onConnected({ resource: 'rolebindings', connected: true });
    metrics.watch.onConnected({ resource: 'rolebindings', connected: false });
    metrics.watch.onList({ resource: 'offboardings', reason: 'start', at: new Date(1_000_500) });
    metrics.watch.onList({ resource: 'offboardings', reason: 'expired', at: new Date(2_000_500) });
    expect(await samples('offboard_watch')).toEqual({
      'offboard_watch_connected{resource="offboardings"}': 1,
      'offboard_watch_connected{resource="rolebindings"}': 0,
      'offboard_watch_last_list_timestamp_seconds{resource="offboardings"}': 2000.5,
      'offboard_watch_relists_total{reason="start",resource="offboardings"}': 1,
      'offboard_watch_relists_total{reason="expired",resource="offboardings"}': 1,
    });
  });

  it('read at each scrape for how long nothing was heard of a resource', async () => {
    const { metrics, samples } = start();
    let silence = 1.5;
    metrics.watch.onRun({ resource: 'offboardings', silence: () => silence });
    expect(await samples('offboard_watch')).toEqual({ 'offboard_watch_silence_seconds{resource="offboardings"}': 1.5 });
    silence = 161.5;
    expect(await samples('offboard_watch')).toEqual({ 'offboard_watch_silence_seconds{resource="offboardings"}': 161.5 });
  });

  it('tell why a resource was listed, also when a watch had failed', async () => {
    const { metrics, samples } = start();
    for (const reason of ['start', 'expired', 'failure', 'period']) metrics.watch.onList({ resource: 'offboardings', reason, at: new Date(0) });
    expect(Object.keys(await samples('offboard_watch_relists')).map((series) => /reason="(\w+)"/.exec(series)?.[1])).toEqual(['start', 'expired', 'failure', 'period']);
  });

  it('show a queue as client-go shows its own', async () => {
    const { metrics, samples } = start();
    const clock = createFakeClock();
    const backoff = createBackoff({ base: 1000, factor: 2, max: 1000, jitter: 0, random: () => 0 });
    const queue = createQueue({ clock, backoff, metrics: metrics.queue('offboarding') });
    queue.add('a');
    queue.add('b');
    queue.addRateLimited('c');
    await clock.advance(500);
    const key = await queue.get(new AbortController().signal);
    await clock.advance(400);
    expect(await samples('workqueue')).toMatchObject({
      'workqueue_adds_total{name="offboarding"}': 2,
      'workqueue_retries_total{name="offboarding"}': 1,
      'workqueue_depth{name="offboarding"}': 1,
      'workqueue_unfinished_work_seconds{name="offboarding"}': 0.4,
      'workqueue_longest_running_processor_seconds{name="offboarding"}': 0.4,
      'workqueue_queue_duration_seconds_sum{name="offboarding"}': 0.5,
    });
    queue.done(key ?? '');
    expect(await samples('workqueue')).toMatchObject({
      'workqueue_unfinished_work_seconds{name="offboarding"}': 0,
      'workqueue_work_duration_seconds_sum{name="offboarding"}': 0.4,
    });
  });

  it('keep no more than so many series, whatever names they are given', async () => {
    const { metrics, samples } = start();
    for (let index = 0; index < 1000; index += 1) {
      const name = `name-${String(index)}`;
      metrics.watch.onConnected({ resource: name, connected: true });
      metrics.onConfirmed({ revoker: name, seconds: 1 });
      metrics.onOperation({ revoker: name, operation: name, outcome: name });
      metrics.onReconcile({ controller: name, result: 'success', seconds: 1 });
      metrics.onRequest({ verb: name, resource: name, code: name, seconds: 1 });
    }
    expect(Object.keys(await samples('offboard_')).length).toBeLessThan(33 * 40);
    expect(Object.keys(await samples('rest_client')).length).toBeLessThan(20);
  });

  it('do not share their state between two operators in one process', async () => {
    const one = start();
    const two = start();
    one.metrics.onLeading(true);
    expect(await two.samples('leader')).toEqual({ 'leader_election_master_status{name="offboard"}': 0 });
  });
});
