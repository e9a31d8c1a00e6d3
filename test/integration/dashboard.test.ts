/** The dashboard, as Grafana reads it. Its queries are run in test/e2e/prometheus.test.ts. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { describeMetrics } from '../../src/observability/metrics.ts';
import { type Panel, dashboard, exists, metricsIn, prometheusFolder, rules } from '../env/prometheus-config.ts';
import { requireTools } from '../env/tools/locate.ts';

const datasource = { type: 'object', required: ['type', 'uid'], properties: { type: { const: 'prometheus' }, uid: { const: '${datasource}' } } };
const text = { type: 'string', minLength: 1 };
const gridPos = {
  type: 'object',
  required: ['h', 'w', 'x', 'y'],
  additionalProperties: false,
  properties: { h: { type: 'integer', minimum: 1 }, w: { type: 'integer', minimum: 1, maximum: 24 }, x: { type: 'integer', minimum: 0, maximum: 23 }, y: { type: 'integer', minimum: 0 } },
};
const target = { type: 'object', required: ['refId', 'datasource', 'expr', 'legendFormat'], properties: { refId: { type: 'string', pattern: '^[A-Z]$' }, datasource, expr: text } };

/** What Grafana's dashboard model (schema version 39) asks for, where we use it. */
const schema = {
  type: 'object',
  required: ['uid', 'title', 'schemaVersion', 'panels', 'templating', 'time', 'refresh'],
  properties: {
    uid: { type: 'string', pattern: '^[a-zA-Z0-9_-]{1,40}$' },
    title: text,
    id: false,
    schemaVersion: { type: 'integer', minimum: 39 },
    time: { type: 'object', required: ['from', 'to'] },
    templating: {
      type: 'object',
      required: ['list'],
      properties: { list: { type: 'array', items: { type: 'object', required: ['name', 'type', 'query'], properties: { name: text, type: { enum: ['datasource', 'query'] } } } } },
    },
    panels: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['id', 'type', 'title', 'gridPos'],
        properties: { id: { type: 'integer', minimum: 1 }, title: text, gridPos },
        oneOf: [
          { required: ['collapsed'], properties: { type: { const: 'row' }, collapsed: { const: false }, panels: { maxItems: 0 } }, not: { required: ['targets'] } },
          {
            required: ['datasource', 'targets', 'fieldConfig', 'options', 'description'],
            properties: {
              type: { enum: ['stat', 'timeseries'] },
              datasource,
              description: text,
              targets: { type: 'array', minItems: 1, items: target },
              fieldConfig: { type: 'object', required: ['defaults', 'overrides'], properties: { defaults: { type: 'object', required: ['unit'] } } },
            },
          },
        ],
      },
    },
  },
};

const { panels } = dashboard;
const variables = dashboard.templating.list.map(({ name }) => name);
/** What Prometheus and the PodMonitor give each series, and what the rules keep of it. */
const given = ['namespace', 'pod', 'job'];

const overlaps = (one: Panel['gridPos'], other: Panel['gridPos']): boolean =>
  one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h;

describe('the dashboard', () => {
  it('is what Grafana reads', () => {
    const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
    validate(dashboard);
    expect(validate.errors ?? []).toEqual([]);
  });

  it('has ids, titles in a row, and queries in a panel once, and lays no panel over another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const [index, panel] of panels.entries()) {
      const refs = (panel.targets ?? []).map(({ refId }) => refId);
      expect(new Set(refs).size).toBe(refs.length);
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
      for (const other of panels.slice(index + 1)) expect(overlaps(panel.gridPos, other.gridPos), `${panel.title} and ${other.title}`).toBe(false);
    }
  });

  it('uses every variable that it has, and no other', () => {
    const whole = JSON.stringify({ ...dashboard, templating: undefined });
    for (const name of variables) expect(whole).toContain(`$${name === 'datasource' ? '{datasource}' : name}`);
    const used = [...whole.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name ?? '');
    expect(used.filter((name) => !variables.includes(name) && name !== '__rate_interval')).toEqual([]);
  });

  it('asks in each query for metrics that there are, of the chosen installation, and shows labels that they have', () => {
    const labelsOf = (name: string): readonly string[] =>
      describeMetrics().find((metric) => name === metric.name || name.replace(/_(?:bucket|count|sum)$/, '') === metric.name)?.labels ?? [];
    for (const { title, targets = [] } of panels) {
      for (const { expr, legendFormat } of targets) {
        const names = metricsIn(expr);
        expect(names, title).not.toEqual([]);
        const own = names.filter((name) => !/^(?:process|nodejs)_/.test(name));
        expect(own.filter((name) => !exists(name)), title).toEqual([]);
        for (const name of names) expect(expr, title).toContain(`${name}{${name.startsWith('namespace:') ? '' : 'job=~"$job", '}namespace=~"$namespace"`);
        const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label ?? '');
        expect(shown.filter((label) => !given.includes(label) && !names.some((name) => labelsOf(name).includes(label))), title).toEqual([]);
      }
    }
  });

  it('shows every metric that an alert goes by', () => {
    const shown = new Set(panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr))));
    const alerting = rules.flatMap((rule) => ('alert' in rule ? metricsIn(rule.expr) : []));
    const missing = alerting.filter((name) => !shown.has(name) && !name.startsWith('namespace:'));
    expect(missing).toEqual([]);
  });
});

it('kustomize gives the rules, what to scrape, and the dashboard in a ConfigMap that Grafana takes it from', async () => {
  const yaml = execFileSync(join(await requireTools(), 'kubectl'), ['kustomize', prometheusFolder], { encoding: 'utf8' });
  const objects = loadAll(yaml) as readonly { readonly kind: string; readonly metadata: object; readonly data?: Readonly<Record<string, string>> }[];
  expect(objects.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'PodMonitor', 'PrometheusRule']);
  const map = objects.find(({ kind }) => kind === 'ConfigMap');
  expect(map?.metadata).toEqual({ name: 'offboard-dashboard', namespace: 'offboard-system', labels: { grafana_dashboard: '1' } });
  expect(map?.data).toEqual({ 'offboard.json': readFileSync(join(prometheusFolder, 'dashboard.json'), 'utf8') });
});
