/** The reference of the metrics, from the code that makes them. */
import { type MetricDescription, describeMetrics } from './metrics.ts';

/** What the values of a label are. Each is of a closed set, and none is the name of an object. */
const labels: Readonly<Record<string, string>> = {
  code: 'HTTP status, or `<error>` when there was no answer',
  controller: '`offboarding`, `workload-identity`, `offboarding-waiver`, `offboarding-record`, `connector`',
  kind: '`Offboarding`, `WorkloadIdentity`',
  method: 'HTTP method',
  name: 'of a queue: as `controller`; of `leader_election_master_status`: `offboard`',
  operation: 'what a revoker was asked, as its contract names it: `inventory`, `preflight`, `takeControls`, `dropControls`, `lock`, `unlock`, `observeLock`, `revoke`, `observe`, `probe`',
  outcome: '`Success`, `Accepted`, `NothingThere`, `Refused`, `Present`, `Absent`, `Unknown`, or how it failed: `Invalid`, `NeedsPerson`, `Waiting`, `Retryable`',
  ready: '`true`, `false`',
  reason: 'of a run: the reason of its Ready condition; of what waits: `expiry`, `suspended`, `waived`; of a list: `start`, `expired`, `failure`, `period`',
  resource: 'the plural of a kind that is watched',
  result: '`success`, `requeue_after`, `error`',
  revoker: 'the kind of a dependency: `kubernetes`, `vault`, `google-cloud`; its name is nowhere in the metrics',
  state: 'of a credential, an identity: as in its status; of a record: `watching`, `resting`, `superseded`, `resurrected`, `not_looked_at`, `lock_lost`, `changed`',
  type: 'the kind of a Connector: `vault`, `google-cloud`',
  urgency: '`Routine`, `Emergency`',
  verb: 'HTTP method, under the name that client-go gives it',
  version: 'of Offboard',
};

export const metricsReference = (all: readonly MetricDescription[] = describeMetrics()): string => {
  const used = [...new Set(all.flatMap((metric) => metric.labels))].sort();
  const row = ({ name, type, labels: names, help, ofLeader }: MetricDescription): string =>
    `| \`${name}\` | ${type} | ${names.map((label) => `\`${label}\``).join(', ')} | ${ofLeader ? 'leader' : 'each'} | ${help} |`;
  return `<!-- Generated from src/observability/ by \`make generate\`. Do not edit. -->
# Metrics

\`/metrics\` on the port of the probes (\`--port\`, 8080), in the Prometheus text format. What describes runs, Connectors and records is given by
the replica that leads alone: no figure is counted twice, and a replica that knows nothing does not say 0. Beside these there are those of
the process and of Node (\`process_*\`, \`nodejs_*\`). Alerts, recording rules and a dashboard are in
[config/prometheus](../../config/prometheus), what to do when one fires in [docs/runbooks](../runbooks).

| metric | type | labels | from | meaning |
|---|---|---|---|---|
${all.map(row).join('\n')}

## Labels

Values are of closed sets, and anything else is \`other\`: names of objects, which tenants choose, are never among them.

| label | values |
|---|---|
${used.map((label) => `| \`${label}\` | ${meaningOf(label)} |`).join('\n')}
`;
};

const meaningOf = (label: string): string => {
  const meaning = labels[label];
  if (meaning === undefined) throw new Error(`src/observability/reference.ts does not say what the label ${label} is`);
  return meaning;
};
