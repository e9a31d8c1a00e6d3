import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBuildAgent } from '../env/build-agent.ts';
import { expectAlive, expectRefused, offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

interface AuditEvent {
  readonly verb: string;
  readonly stage: string;
  readonly userAgent?: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code?: number };
}

let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ cluster: { audit: true } });
});
afterAll(async () => {
  await stage.stop();
});

/** What the operator asked the API server to change, as the API server wrote it down. */
const writes = (namespace: string): readonly string[] =>
  readFileSync(stage.cluster.auditLog ?? '', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ userAgent, verb, stage: at }) => userAgent?.startsWith('offboard/') === true && at === 'ResponseComplete' && !['get', 'list', 'watch'].includes(verb))
    .filter(({ objectRef }) => objectRef?.namespace === namespace || objectRef?.name?.startsWith(`${namespace}-`) === true)
    .map(({ verb, objectRef: { resource = '', subresource } = {} }) => `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`);

describe('the audit log of the API server', () => {
  it('shows that a plan writes nothing but its own status', async () => {
    const agent = await createBuildAgent(stage.cluster, 'audited-plan');
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    await stage.reason('audited-plan', 'plan', 'PlanOnly');
    expect([...new Set(writes('audited-plan'))]).toEqual(['patch offboardings/status']);
    await expectAlive(agent);
  });

  it('shows few writes beyond the deletions of a run', async () => {
    const agent = await createBuildAgent(stage.cluster, 'audited-run');
    await stage.apply(offboardingOf(agent));
    await stage.reason('audited-run', 'retire', 'ConfirmedWithUnprovable');
    await stage.operator().stop();
    const all = writes('audited-run');
    expect(all.filter((write) => write.startsWith('delete')).sort()).toEqual([
      'delete clusterrolebindings',
      'delete rolebindings',
      'delete serviceaccounts',
    ]);
    const beyond = all.filter((write) => !write.startsWith('delete'));
    expect(beyond.filter((write) => write === 'patch offboardings/status').length).toBeLessThanOrEqual(3);
    expect(beyond.length).toBeLessThanOrEqual(5);
    await expectRefused(agent);
  });
});
