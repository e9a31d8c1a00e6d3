import { describe, expect, it } from 'vitest';

import { describeMetrics } from './metrics.ts';
import { metricsReference } from './reference.ts';

describe('the reference of the metrics', () => {
  it('has every metric of ours once, with its type, labels and meaning', () => {
    const names = describeMetrics().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['offboard_watch_silence_seconds', 'offboard_tombstones', 'workqueue_depth', 'rest_client_requests_total']));
    expect(names.filter((name) => /^(?:process|nodejs)_/.test(name))).toEqual([]);
    const text = metricsReference();
    for (const name of names) expect(text.split(`| \`${name}\` |`)).toHaveLength(2);
    expect(text).toContain('| `offboard_connectors` | gauge | `type`, `ready` | leader | ');
    expect(text).toContain('| `offboard_time_to_all_gone_seconds` | histogram | `urgency` | each | ');
  });

  it('describes each metric in a sentence, and names units and counters as Prometheus does', () => {
    for (const { name, help, type } of describeMetrics()) {
      expect(help, name).toMatch(/^[A-Z0-9].*\.$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('refuses a label of which it does not say what its values are', () => {
    expect(() => metricsReference([{ name: 'a', type: 'gauge', help: 'A.', labels: ['account'], ofLeader: false }])).toThrow('what the label account is');
  });
});
