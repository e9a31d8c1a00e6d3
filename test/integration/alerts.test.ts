/** The alerts, by promtool: each fires, does not fire without cause, and resolves; and each has a runbook. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alerts, exists, metricsIn, rules, rulesFile } from '../env/prometheus-config.ts';
import { requirePrometheus } from '../env/tools/prometheus.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const cases = join(import.meta.dirname, 'alerts');
const files = readdirSync(cases).filter((file) => file.endsWith('.yaml'));
const scratch = mkdtempSync(join(tmpdir(), 'offboard-alerts-'));

/** One line for each case, as promtool reads them. */
interface RuleTest {
  readonly name: string;
  readonly input_series: readonly { readonly series: string }[];
  readonly alert_rule_test: readonly { readonly eval_time: string; readonly alertname: string; readonly exp_alerts: readonly object[] }[];
}

const tests = files.flatMap((file) => (load(readFileSync(join(cases, file), 'utf8')) as { readonly tests: readonly RuleTest[] }).tests);

const promtool = async (...args: readonly string[]): Promise<string> => {
  const { promtool: binary } = await requirePrometheus();
  return run(binary, args, { timeout: 120_000 }).then(({ stdout }) => stdout, (error: unknown) => {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`promtool ${args.join(' ')}: ${stdout}${stderr}`, { cause: error });
  });
};

beforeAll(() => {
  writeFileSync(join(scratch, 'whole.yaml'), rulesFile());
  // promtool compares annotations whole. The summary is enough to see that they are filled in; links are checked below.
  writeFileSync(join(scratch, 'rules.yaml'), rulesFile((rule) => ('alert' in rule ? { ...rule, annotations: { summary: rule.annotations['summary'] ?? '' } } : rule)));
  for (const file of files) cpSync(join(cases, file), join(scratch, file));
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

describe('the rules', () => {
  it('are read by promtool, without a complaint', async () => {
    expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', join(scratch, 'whole.yaml'))).toContain(`SUCCESS: ${String(rules.length)} rules found`);
  });

  it('name no metric that neither the operator gives nor a rule records', () => {
    const unknown = rules.flatMap(({ expr }) => metricsIn(expr)).filter((name) => !exists(name));
    expect(unknown).toEqual([]);
    for (const rule of rules) expect(metricsIn(rule.expr), rule.expr).not.toEqual([]);
  });

  it.each(files)('do as %s says', async (file) => {
    expect(await promtool('test', 'rules', join(scratch, file))).toContain('SUCCESS');
  });
});

describe.each(alerts.map((rule) => [rule.alert, rule] as const))('%s', (alert, rule) => {
  const ofKind = (kind: string): readonly RuleTest[] => tests.filter(({ name }) => name.startsWith(`${alert} ${kind}`));
  const counts = ({ alert_rule_test: checks }: RuleTest): readonly number[] => {
    expect(checks.map(({ alertname }) => alertname)).toEqual(checks.map(() => alert));
    return checks.map(({ exp_alerts: expected }) => expected.length);
  };

  it('has a test in which it fires, one in which it does not, and one in which it resolves', () => {
    for (const kind of ['fires', 'does not fire', 'resolves']) expect(ofKind(kind), kind).not.toEqual([]);
    for (const test of ofKind('fires')) expect(counts(test).at(-1), test.name).toBeGreaterThan(0);
    for (const test of ofKind('does not fire')) {
      expect(counts(test).filter((count) => count > 0), test.name).toEqual([]);
      expect(test.input_series, test.name).not.toEqual([]);
    }
    for (const test of ofKind('resolves')) {
      expect(counts(test).at(0), test.name).toBeGreaterThan(0);
      expect(counts(test).at(-1), test.name).toBe(0);
    }
  });

  it('has a severity, says what, since when and what to do next, and leads to its runbook', () => {
    const { summary = '', description = '', runbook_url: link = '' } = rule.annotations;
    expect(rule.labels).toEqual({ severity: expect.stringMatching(/^(?:warning|critical)$/) as string });
    expect(summary).not.toBe('');
    expect(description).toMatch(/See (?:which|why|what|where)[^.]*: \S/);
    const name = alert.replace(/^Offboard/, '').replace(/(?<=.)([A-Z])/g, '-$1').toLowerCase();
    expect(link).toBe(`docs/runbooks/${name}.md`);
    const runbook = readFileSync(join(root, link), 'utf8');
    for (const part of [`Alert: \`${alert}\``, '**What it means.**', '**What still works.**', '## See', '## It resolves']) expect(runbook).toContain(part);
    expect(runbook).toMatch(/```sh\n/);
  });
});

it('has what it goes by: the PodMonitor finds the pods that are installed, and a port of theirs', () => {
  const read = (path: string): unknown => load(readFileSync(join(root, path), 'utf8'));
  const monitor = read('config/prometheus/pod-monitor.yaml') as { readonly metadata: { readonly namespace: string }; readonly spec: { readonly selector: { readonly matchLabels: object }; readonly podMetricsEndpoints: readonly { readonly port: string }[] } };
  const deployment = read('config/manager/deployment.yaml') as {
    readonly metadata: { readonly namespace: string };
    readonly spec: { readonly template: { readonly metadata: { readonly labels: object }; readonly spec: { readonly containers: readonly { readonly ports: readonly { readonly name: string }[] }[] } } };
  };
  const { metadata: { labels }, spec: { containers } } = deployment.spec.template;
  expect(monitor.metadata.namespace).toBe(deployment.metadata.namespace);
  expect(labels).toMatchObject(monitor.spec.selector.matchLabels);
  expect(containers.flatMap(({ ports }) => ports.map(({ name }) => name))).toEqual(expect.arrayContaining(monitor.spec.podMetricsEndpoints.map(({ port }) => port)));
});

it('has no runbook that no alert leads to, and no test of an alert that is not there', () => {
  const links = alerts.map(({ annotations }) => annotations['runbook_url']).sort();
  expect(readdirSync(join(root, 'docs/runbooks')).map((file) => `docs/runbooks/${file}`).sort()).toEqual(links);
  expect(tests.filter(({ name }) => !alerts.some(({ alert }) => name.startsWith(`${alert} `)))).toEqual([]);
});
