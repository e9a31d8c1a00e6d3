/**
 * Every metric. Labels come from closed sets only, never from names of objects; what describes the runs is read when it is
 * scraped, from the leader alone. Community names where the meaning is the same.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { ReconcileObservation } from '../runtime/controller.ts';
import type { QueueMetrics } from '../runtime/queue.ts';
import { type Figures, registerFigures } from './figures.ts';
import { atMost, methodOf, oneOf, statusCode } from './labels.ts';
import { fast, queueMetrics } from './queue-metrics.ts';

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
  /** A run ended with all proven gone, so long after its first revoke. */
  readonly onAllGone: (run: { readonly urgency: string; readonly seconds: number }) => void;
  /** Something of a retired identity came back. */
  readonly onReturned: () => void;
  readonly onLeading: (leading: boolean) => void;
  readonly watch: {
    readonly onList: (listing: { readonly resource: string; readonly reason: string; readonly at: Date }) => void;
    readonly onConnected: (state: { readonly resource: string; readonly connected: boolean }) => void;
    /** `silence` is read at each scrape. */
    readonly onRun: (watch: { readonly resource: string; readonly silence: () => number }) => void;
  };
  /** In the Prometheus text format. */
  readonly text: () => Promise<string>;
}

/** More controllers, revokers or resources than this is a mistake in the wiring. */
const mostNames = 32;
const operations = oneOf('inventory', 'preflight', 'discover', 'takeControls', 'dropControls', 'lock', 'unlock', 'observeLock', 'revoke', 'observe', 'probe');
const outcomes = oneOf(
  'Success', 'Accepted', 'NothingThere', 'Refused', 'Present', 'Absent', 'Unknown', 'Invalid', 'NeedsPerson', 'Waiting', 'Retryable',
);
const listReasons = oneOf('start', 'expired', 'failure', 'period');
const urgencies = oneOf('Routine', 'Emergency');
const slow = [1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600];

/** A metric as the reference tells of it. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** True for what is not there while another process leads. */
  readonly ofLeader: boolean;
}

export const createMetrics = (options: MetricsOptions): Metrics => createRegistries(options).metrics;

/** All of ours, in the order of their names; not those of the process and of Node, which prom-client makes. */
export const describeMetrics = (): readonly MetricDescription[] => {
  const { registry, ofRuns } = createRegistries({ version: '', figures: () => undefined });
  const describe = (from: Registry, ofLeader: boolean): readonly MetricDescription[] =>
    (from.getMetricsAsArray() as unknown as readonly Described[]).map(({ name, type, help, labelNames }) => ({ name, type, help, labels: labelNames, ofLeader }));
  return [...describe(registry, false), ...describe(ofRuns, true)]
    .filter(({ name }) => !/^(?:process|nodejs)_/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
};

/** What its types leave out. */
interface Described extends Pick<MetricDescription, 'name' | 'type' | 'help'> {
  readonly labelNames: readonly string[];
}

const createRegistries = ({ version, figures }: MetricsOptions) => {
  const registry = new Registry();
  // The precision is that of a timer that runs at all times: once a second costs nothing when idle.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1_000 });
  new Gauge({ name: 'offboard_build_info', help: 'The version that runs; always 1.', labelNames: ['version'], registers: [registry] }).set({ version }, 1);
  // A registry of their own: a process that does not lead leaves them out whole, instead of saying 0.
  const ofRuns = new Registry();
  let current: Figures | undefined;
  registerFigures(ofRuns, () => current);
  const metrics: Metrics = {
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
  return { registry, ofRuns, metrics };
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

const workMetrics = (registry: Registry): Pick<Metrics, 'onReconcile' | 'onOperation' | 'onConfirmed' | 'onAllGone' | 'onReturned' | 'onLeading'> => {
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
  const allGone = new Histogram({
    name: 'offboard_time_to_all_gone_seconds',
    help: 'Time from the first revoke of a run until all that anybody can end was proven gone; the wait for what only expires is not in it.',
    labelNames: ['urgency'],
    buckets: slow,
    registers,
  });
  // There from the start, so that the first end is an increase.
  for (const urgency of ['Routine', 'Emergency']) allGone.zero({ urgency });
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
    onAllGone: ({ urgency, seconds }) => {
      allGone.observe({ urgency: urgencies(urgency) }, seconds);
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
  const silences = new Map<string, () => number>();
  new Gauge({
    name: 'offboard_watch_silence_seconds',
    help: 'Time since the API server last told anything of the resource: a list, an event, a bookmark, the end of a watch in good order.',
    labelNames: ['resource'],
    registers,
    collect() {
      for (const [resource, silence] of silences) this.set({ resource }, silence());
    },
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
    onRun: ({ resource, silence }) => {
      silences.set(resourceName(resource), silence);
    },
  };
};
