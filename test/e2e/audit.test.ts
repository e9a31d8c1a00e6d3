import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestsOf } from '../env/audit.ts';
import { createBuildAgent } from '../env/build-agent.ts';
import { operatorUser } from '../env/operator-account.ts';
import { expectAlive, expectRefused, offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
});
afterAll(async () => {
  await stage.stop();
});

/** What the operator asked the API server to change, as the API server wrote it down. */
const writes = async (namespace: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const { verb, objectRef = {} } of requestsOf(stage.cluster.auditLog ?? '', operatorUser)) {
    const { resource = '', subresource, name } = objectRef;
    if (['get', 'list', 'watch'].includes(verb)) continue;
    if (objectRef.namespace !== namespace && name?.startsWith(`${namespace}-`) !== true) continue;
    found.push(`${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`);
  }
  return found;
};

describe('the audit log of the API server', () => {
  it('shows that a plan writes nothing but its own status', async () => {
    const agent = await createBuildAgent(stage.cluster, 'audited-plan');
    await stage.apply(offboardingOf(agent, 'plan', 'mode: Plan'));
    await stage.reason('audited-plan', 'plan', 'PlanOnly');
    expect([...new Set(await writes('audited-plan'))]).toEqual(['patch offboardings/status']);
    await expectAlive(agent);
  });

  it('shows few writes beyond the deletions of a run', async () => {
    const agent = await createBuildAgent(stage.cluster, 'audited-run');
    await stage.apply(offboardingOf(agent));
    await stage.reason('audited-run', 'retire', 'ConfirmedWithUnprovable');
    await stage.operator().stop();
    const all = await writes('audited-run');
    expect(all.filter((write) => write.startsWith('delete')).sort()).toEqual([
      'delete clusterrolebindings',
      'delete rolebindings',
      'delete serviceaccounts',
    ]);
    const beyond = all.filter((write) => !write.startsWith('delete'));
    // That it has begun, before it is locked; the intent; what is absent; the end.
    expect(beyond.filter((write) => write === 'patch offboardings/status').length).toBeLessThanOrEqual(4);
    expect(beyond.length, beyond.join()).toBeLessThanOrEqual(6);
    await expectRefused(agent);
  });
});
