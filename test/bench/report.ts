/** What the bench measured, as JSON and as a table for people. */
import type { Requests } from './audit.ts';
import type { PlainFigures } from './plain.ts';
import type { Window } from './usage.ts';

export interface Report {
  readonly offboardings: number;
  readonly machine: { readonly processors: number; readonly model: string; readonly node: string; readonly loadAtStart: number };
  readonly operator: {
    /** Milliseconds since its process was started. */
    readonly readyToServe: number;
    readonly firstReady: number;
    readonly lastReady: number;
    readonly revoked: Percentiles;
    readonly ready: Percentiles;
    /** From its start to the last Ready, and then from the first Ready to the last. */
    readonly perSecond: number;
    readonly perSecondOnceFlowing: number;
    /** CPU seconds of the process until it served: the part that does not grow with the offboardings. */
    readonly startCpuSeconds: number;
    /** Bytes. */
    readonly peakRss: number;
    readonly window: Window;
    readonly requests: Requests;
  };
  /** The same deletions without the proof. */
  readonly plain: PlainFigures & { readonly perSecond: number; readonly window: Window };
}

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

export const percentiles = (values: readonly number[]): Percentiles => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95) };
};

export const render = (report: Report): string =>
  [heading(report), sideBySide(report), times(report), requestTable(report)].map((lines) => lines.join('\n')).join('\n\n');

const heading = ({ offboardings, machine: { processors, model, node, loadAtStart }, operator, plain }: Report): readonly string[] => {
  const disturbed = (window: Window): string => `${((100 * window.others) / (window.seconds * processors)).toFixed(0)} %`;
  return [
    `${offboardings} offboardings on one API server: each one ServiceAccount, two token Secrets, three bindings; settle time 0`,
    `${processors} x ${model}, Node ${node}, shared with etcd, kube-apiserver and kube-controller-manager; load at start ${loadAtStart.toFixed(1)}`,
    `Taken by other programs meanwhile: ${disturbed(operator.window)} of the machine (Offboard), ${disturbed(plain.window)} (plain deletes)`,
  ];
};

const sideBySide = ({ offboardings, operator, plain }: Report): readonly string[] => {
  const each = (count: number): string => (count / offboardings).toFixed(2);
  const cpu = (window: Window, name: string): string => `${((1000 * (window.cpu[name] ?? 0)) / offboardings).toFixed(1)} ms`;
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const row = (name: string, left: string, right: string): string => `  ${name.padEnd(46)}${left.padStart(12)}${right.padStart(16)}`;
  const { requests, window } = operator;
  const servers = ['kube-apiserver', 'etcd', 'kube-controller-manager'];
  return [
    row('', 'Offboard', 'plain deletes'),
    row('offboardings per second, from the start', operator.perSecond.toFixed(1), plain.perSecond.toFixed(1)),
    row('  first Ready to last Ready', operator.perSecondOnceFlowing.toFixed(1), '-'),
    row('API requests per offboarding', each(requests.total), each(plain.requests)),
    row('  deletions', each(requests.deletions), each(plain.requests)),
    row('  other writes (status, finalizer, event, lease)', each(requests.otherWrites), '0.00'),
    row('  access reviews (nothing stored)', each(requests.reviews), '0.00'),
    row('  reads (get, list, watch)', each(requests.reads), '0.00'),
    row('own CPU per offboarding', cpu(window, 'operator'), `${((1000 * plain.cpuSeconds) / offboardings).toFixed(1)} ms`),
    row('  of it to start', `${((1000 * operator.startCpuSeconds) / offboardings).toFixed(1)} ms`, '-'),
    ...servers.map((name) => row(`${name} CPU per offboarding`, cpu(window, name), cpu(plain.window, name))),
    row('peak RSS', mebibytes(operator.peakRss), mebibytes(plain.rss)),
  ];
};

const times = ({ operator }: Report): readonly string[] => {
  const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`.padStart(10);
  return [
    'Since the operator was started (all Offboardings were waiting by then)',
    `  watches synced                ${seconds(operator.readyToServe)}`,
    `  first Ready, last Ready       ${seconds(operator.firstReady)}${seconds(operator.lastReady)}`,
    `  apply to revoked, p50 and p95 ${seconds(operator.revoked.p50)}${seconds(operator.revoked.p95)}`,
    `  apply to Ready, p50 and p95   ${seconds(operator.ready.p50)}${seconds(operator.ready.p95)}`,
  ];
};

const requestTable = ({ offboardings, operator: { requests } }: Report): readonly string[] => [
  'Requests of the operator, from the audit log    all  not 2xx    each',
  ...requests.byVerbAndResource.map(
    ({ verb, resource, count, errors }) =>
      `  ${verb.padEnd(8)}${resource.padEnd(36)}${String(count).padStart(7)}${String(errors).padStart(9)}${(count / offboardings).toFixed(2).padStart(8)}`,
  ),
];
