/** What config/prometheus holds, as Prometheus and the tests read it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump, load } from 'js-yaml';
import { describeMetrics } from '../../src/observability/metrics.ts';

export const prometheusFolder = join(import.meta.dirname, '../../config/prometheus');

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RecordingRule {
  readonly record: string;
  readonly expr: string;
}

export type Rule = AlertRule | RecordingRule;

interface PrometheusRule {
  readonly spec: { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] };
}

const { spec } = load(readFileSync(join(prometheusFolder, 'rules.yaml'), 'utf8')) as PrometheusRule;

export const rules: readonly Rule[] = spec.groups.flatMap((group) => group.rules);
export const alerts: readonly AlertRule[] = rules.filter((rule) => 'alert' in rule);

/** As a file of Prometheus itself, which knows no PrometheusRule. */
export const rulesFile = (change: (rule: Rule) => Rule = (rule) => rule): string =>
  dump({ groups: spec.groups.map((group) => ({ ...group, rules: group.rules.map(change) })) });

/** The names in an expression that look like metrics of the operator, or like what the rules record. */
export const metricsIn = (expression: string): readonly string[] =>
  [...new Set(expression.match(/(?:namespace:)?\b(?:offboard|leader_election|workqueue|rest_client|process|nodejs)_\w+(?::\w+)?/g) ?? [])];

/** Whether the operator gives a metric of that name, or a rule records one. */
export const exists = (name: string): boolean => {
  if (rules.some((rule) => 'record' in rule && rule.record === name)) return true;
  return describeMetrics().some(({ name: known, type }) => name === known || (type === 'histogram' && ['_bucket', '_count', '_sum'].some((end) => name === known + end)));
};

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

export const dashboard = JSON.parse(readFileSync(join(prometheusFolder, 'dashboard.json'), 'utf8')) as Dashboard;
