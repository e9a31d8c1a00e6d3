/**
 * Every metric. Labels come from closed sets only, never from names of objects; what describes the runs is read when it is
 * scraped, from the leader alone. Community names where the meaning is the same.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { ReconcileObservation } from '../runtime/controller.ts';
import type { QueueMetrics, QueueState } from '../runtime/queue.ts';
import { atMost, methodOf, oneOf, statusCode } from './labels.ts';

/** The figures of all runs, as the metrics show them. */
export interface RunFigures {
  readonly revocations: readonly { readonly revoker: string; readonly state: string; readonly count: number }[];
  readonly oldestUnconfirmed: readonly { readonly revoker: string; readonly seconds: number }[];
  readonly residual: readonly { readonly revoker: string; readonly seconds: number; readonly unknown: number }[];
  readonly stuck: readonly { readonly revoker: string; readonly count: number }[];
  readonly waiting: readonly { readonly revoker: string; readonly reason: string; readonly count: number }[];
  readonly held: readonly { readonly reason: string; readonly count: number }[];
  readonly overdue: number;
  readonly waived: readonly { readonly revoker: string; readonly count: number }[];
  readonly unheld: readonly { readonly kind: string; readonly count: number }[];
  readonly identities: readonly { readonly state: string; readonly count: number }[];
}

/** All figures that only the leader has. */
export interface Figures extends RunFigures {
  readonly connectors: readonly { readonly type: string; readonly ready: boolean; readonly count: number }[];
  readonly tombstones: readonly { readonly state: string; readonly count: number }[];
  readonly recordHead: number;
  readonly recordsMissing: number;
}

export interface MetricsOptions {
  readonly version: string;
  /** Undefined when this process does not lead: then the figures are not there at all. */
  readonly figures: () => Figures | undefined;
}

export interface Metrics {
  readonly queue: (name: string) => QueueMetrics;
  readonly onRequest: (request: { readonly verb: string; readonly resource: string; readonly code: string; readonly seconds: number }) => void;
  /** A request to the system of a Connector; `code` is its HTTP status, or `<error>` when there was no answer. */
  readonly onConnectorRequest: (request: { readonly type: string; readonly code: string }) => void;
  readonly onReconcile: (observation: ReconcileObservation & { readonly controller: string }) => void;
  readonly onOperation: (operation: { readonly revoker: string; readonly operation: string; readonly outcome: string }) => void;
  /** A credential was confirmed, so long after the request to revoke it. */
  readonly onConfirmed: (revocation: { readonly revoker: string; readonly seconds: number }) => void;
  /** Something of a retired identity came back. */
  readonly onReturned: () => void;
  readonly onLeading: (leading: boolean) => void;
  readonly watch: {
    readonly onList: (listing: { readonly resource: string; readonly reason: string; readonly at: Date }) => void;
    readonly onConnected: (state: { readonly resource: string; readonly connected: boolean }) => void;
  };
  /** In the Prometheus text format. */
  readonly text: () => Promise<string>;
}

const fast = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];
/** More controllers, revokers or resources than this is a mistake in the wiring. */
const mostNames = 32;
const operations = oneOf('inventory', 'preflight', 'takeControls', 'dropControls', 'lock', 'unlock', 'observeLock', 'revoke', 'observe', 'probe');
const outcomes = oneOf(
  'Success', 'Accepted', 'NothingThere', 'Refused', 'Present', 'Absent', 'Unknown', 'Invalid', 'NeedsPerson', 'Waiting', 'Retryable',
);
const listReasons = oneOf('start', 'expired', 'period');
const slow = [1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600];

export const createMetrics = ({ version, figures }: MetricsOptions): Metrics => {
  const registry = new Registry();
  // The precision is that of a timer that runs at all times: once a second costs nothing when idle.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1_000 });
  new Gauge({ name: 'offboard_build_info', help: 'The version that runs; always 1.', labelNames: ['version'], registers: [registry] }).set({ version }, 1);
  // A registry of their own: a process that does not lead leaves them out whole, instead of saying 0.
  const ofRuns = new Registry();
  let current: Figures | undefined;
  registerFigures(ofRuns, () => current);
  return {
    queue: queueMetrics(registry),
    ...requestMetrics(registry),
    ...workMetrics(registry),
    watch: watchMetrics(registry),
    text: async () => {
      current = figures();
      const own = await registry.metrics();
      return current === undefined ? own : `${own}\n${await ofRuns.metrics()}`;
    },
  };
};

const registerFigures = (registry: Registry, current: () => Figures | undefined): void => {
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[], fill: (gauge: Gauge<Label>, figures: Figures) => void): void => {
    new Gauge<Label>({
      name,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        const now = current();
        if (now !== undefined) fill(this, now);
      },
    });
  };
  gauge('offboard_revocations', 'Credentials of runs that have not ended, by state.', ['revoker', 'state'], (all, { revocations }) => {
    for (const { count, ...labels } of revocations) all.set(labels, count);
  });
  gauge(
    'offboard_oldest_unconfirmed_revocation_seconds',
    'Time since the oldest request to revoke that is not confirmed, less the settle time. What waits for an expiry or is suspended does not count.',
    ['revoker'],
    (all, { oldestUnconfirmed }) => {
      for (const { seconds, revoker } of oldestUnconfirmed) all.set({ revoker }, seconds);
    },
  );
  gauge(
    'offboard_residual_access_seconds',
    'Time for which access of runs that have not ended may be left at most, where somebody can say; offboard_residual_access_unknown counts the rest.',
    ['revoker'],
    (all, { residual }) => {
      for (const { revoker, seconds } of residual) all.set({ revoker }, seconds);
    },
  );
  gauge('offboard_residual_access_unknown', 'Credentials of runs that have not ended of which nobody can say until when they work.', ['revoker'], (all, { residual }) => {
    for (const { revoker, unknown } of residual) all.set({ revoker }, unknown);
  });
  gauge('offboard_stuck_revocations', 'Credentials whose revoke was taken and cannot be carried out.', ['revoker'], (all, { stuck }) => {
    for (const { count, revoker } of stuck) all.set({ revoker }, count);
  });
  gauge('offboard_waiting_revocations', 'Credentials that are not meant to be gone yet: expiry, suspended, waived.', ['revoker', 'reason'], (all, { waiting }) => {
    for (const { count, ...labels } of waiting) all.set(labels, count);
  });
  gauge('offboard_held_offboardings', 'Runs held before the first revoke, by the reason of their Ready condition.', ['reason'], (all, { held }) => {
    for (const { count, reason } of held) all.set({ reason }, count);
  });
  gauge('offboard_overdue_offboardings', 'Runs that have not ended within their deadline.', [], (all, { overdue }) => {
    all.set(overdue);
  });
  gauge('offboard_waived_dependencies', 'Dependencies of runs that waivers in force give up.', ['revoker'], (all, { waived }) => {
    for (const { count, revoker } of waived) all.set({ revoker }, count);
  });
  gauge('offboard_unheld_objects', 'Objects whose finalizer somebody took off, so that deleting them waits for nothing.', ['kind'], (all, { unheld }) => {
    for (const { count, kind } of unheld) all.set({ kind }, count);
  });
  gauge('offboard_workload_identities', 'WorkloadIdentities by lifecycle state.', ['state'], (all, { identities }) => {
    for (const { count, state } of identities) all.set({ state }, count);
  });
  gauge('offboard_connectors', 'Connectors by whether they can be used.', ['type', 'ready'], (all, { connectors }) => {
    for (const { count, type, ready } of connectors) all.set({ type, ready: String(ready) }, count);
  });
  gauge(
    'offboard_tombstones',
    'Records of ends: watching and resting are all of them; superseded, resurrected, lock_lost and changed are counted beside that.',
    ['state'],
    (all, { tombstones }) => {
      for (const { count, state } of tombstones) all.set({ state }, count);
    },
  );
  gauge('offboard_record_head', 'The number of the last record; it only grows.', [], (all, { recordHead }) => {
    all.set(recordHead);
  });
  gauge('offboard_missing_records', 'Numbers between the first record and the last that no record has.', [], (all, { recordsMissing }) => {
    all.set(recordsMissing);
  });
};

const requestMetrics = (registry: Registry): Pick<Metrics, 'onRequest' | 'onConnectorRequest'> => {
  const total = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server by status code and method.',
    labelNames: ['code', 'method'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Time to the whole answer of the API server by HTTP method; for a watch, until it began.',
    labelNames: ['verb'],
    buckets: fast,
    registers: [registry],
  });
  const toConnectors = new Counter({
    name: 'offboard_connector_requests_total',
    help: 'Requests to the systems of Connectors by status code.',
    labelNames: ['type', 'code'],
    registers: [registry],
  });
  const typeName = atMost(mostNames);
  return {
    onConnectorRequest: ({ type, code }) => {
      toConnectors.inc({ type: typeName(type), code: statusCode(code) });
    },
    onRequest: ({ verb, code, seconds }) => {
      const method = methodOf(verb);
      total.inc({ code: statusCode(code), method });
      duration.observe({ verb: method }, seconds);
    },
  };
};

const workMetrics = (registry: Registry): Pick<Metrics, 'onReconcile' | 'onOperation' | 'onConfirmed' | 'onReturned' | 'onLeading'> => {
  const registers = [registry];
  const results = new Counter({ name: 'offboard_reconcile_total', help: 'Reconciles by result.', labelNames: ['controller', 'result'], registers });
  const errors = new Counter({ name: 'offboard_reconcile_errors_total', help: 'Reconciles that failed.', labelNames: ['controller'], registers });
  const durations = new Histogram({
    name: 'offboard_reconcile_duration_seconds',
    help: 'Time of a reconcile.',
    labelNames: ['controller'],
    buckets: fast,
    registers,
  });
  const calls = new Counter({
    name: 'offboard_revoker_requests_total',
    help: 'Calls to a revoker by operation and outcome.',
    labelNames: ['revoker', 'operation', 'outcome'],
    registers,
  });
  const confirmed = new Histogram({
    name: 'offboard_revocation_duration_seconds',
    help: 'Time from the request to revoke a credential to its confirmation.',
    labelNames: ['revoker'],
    buckets: slow,
    registers,
  });
  const returns = new Counter({ name: 'offboard_resurrections_total', help: 'Times that something of a retired identity came back, whether it is gone again or not.', registers });
  const leader = new Gauge({ name: 'leader_election_master_status', help: '1 while this process leads.', labelNames: ['name'], registers });
  leader.set({ name: 'offboard' }, 0);
  const controllerName = atMost(mostNames);
  const revokerName = atMost(mostNames);
  return {
    onReconcile: ({ controller: name, result, seconds }) => {
      const controller = controllerName(name);
      results.inc({ controller, result });
      // There from the first reconcile on, so that the first error is an increase.
      errors.inc({ controller }, result === 'error' ? 1 : 0);
      durations.observe({ controller }, seconds);
    },
    onOperation: ({ revoker, operation, outcome }) => {
      calls.inc({ revoker: revokerName(revoker), operation: operations(operation), outcome: outcomes(outcome) });
    },
    onConfirmed: ({ revoker, seconds }) => {
      confirmed.observe({ revoker: revokerName(revoker) }, seconds);
    },
    onReturned: () => {
      returns.inc();
    },
    onLeading: (leading) => {
      leader.set({ name: 'offboard' }, leading ? 1 : 0);
    },
  };
};

const watchMetrics = (registry: Registry): Metrics['watch'] => {
  const registers = [registry];
  const connected = new Gauge({ name: 'offboard_watch_connected', help: '1 while the watch hears the API server.', labelNames: ['resource'], registers });
  const listed = new Gauge({
    name: 'offboard_watch_last_list_timestamp_seconds',
    help: 'When the resource was last listed whole.',
    labelNames: ['resource'],
    registers,
  });
  const relists = new Counter({ name: 'offboard_watch_relists_total', help: 'Lists of the resource by reason.', labelNames: ['resource', 'reason'], registers });
  const resourceName = atMost(mostNames);
  return {
    onConnected: ({ resource, connected: value }) => {
      connected.set({ resource: resourceName(resource) }, value ? 1 : 0);
    },
    onList: ({ resource: name, reason, at }) => {
      const resource = resourceName(name);
      relists.inc({ resource, reason: listReasons(reason) });
      listed.set({ resource }, at.getTime() / 1000);
    },
  };
};

/** The names and labels of client-go's workqueue. */
const queueMetrics = (registry: Registry): Metrics['queue'] => {
  const registers = [registry];
  const labelNames = ['name'] as const;
  const readers = new Map<string, () => QueueState>();
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', labelNames, registers });
  const retries = new Counter({ name: 'workqueue_retries_total', help: 'Keys added again.', labelNames, registers });
  const queued = new Histogram({ name: 'workqueue_queue_duration_seconds', help: 'Time a key waits.', labelNames, buckets: fast, registers });
  const worked = new Histogram({ name: 'workqueue_work_duration_seconds', help: 'Time the work on a key takes.', labelNames, buckets: fast, registers });
  const reading = (name: string, help: string, read: (state: QueueState) => number): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const [queue, state] of readers) this.set({ name: queue }, read(state()));
      },
    });
  };
  reading('workqueue_depth', 'Keys that need work.', ({ depth }) => depth);
  reading('workqueue_unfinished_work_seconds', 'Time of all work under way.', ({ unfinishedSeconds }) => unfinishedSeconds);
  reading('workqueue_longest_running_processor_seconds', 'Time of the longest work under way.', ({ longestRunningSeconds }) => longestRunningSeconds);
  return (name) => ({
    added: () => {
      adds.inc({ name });
    },
    retried: () => {
      retries.inc({ name });
    },
    taken: (seconds) => {
      queued.observe({ name }, seconds);
    },
    finished: (seconds) => {
      worked.observe({ name }, seconds);
    },
    observe: (read) => {
      readers.set(name, read);
    },
  });
};
