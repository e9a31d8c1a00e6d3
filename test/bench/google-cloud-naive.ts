/**
 * What a careful script for one identity does that knows nothing of the others: it reads the policy, takes the member out and
 * writes it by its etag, and where somebody was faster, does it again after a pause that grows and is drawn by lot. With as many
 * calls at a time as the operator makes, for all identities together.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createBackoff } from '../../src/runtime/backoff.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import type { GoogleCloud, ShownPolicy } from '../env/google-cloud.ts';
import type { Agent } from '../integration/google-cloud-agents.ts';
import { inParallel } from './api.ts';
import type { Crowd } from './google-cloud-population.ts';

/** Milliseconds from its first call to its last, of each identity. */
export type Durations = readonly number[];

export const removeNaively = async (google: GoogleCloud, { project, agents }: Crowd, connections: number): Promise<Durations> => {
  const token = await project.operator.token();
  // The same as Offboard's own, so that the figures differ by what is asked alone.
  const backoff = createBackoff({ base: 100, factor: 1.6, max: 4_000, jitter: 1, random: systemRandom });
  const call = async (path: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> => {
    const answer = await google.call('POST', path, token, body);
    if (answer.status !== 200 && answer.status !== 409) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const takeOut = async (resource: string, query: string, member: string): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      const policy = (await call(`${resource}:getIamPolicy${query}`, query === '' ? { options: { requestedPolicyVersion: 3 } } : {})).body as ShownPolicy;
      const bindings = (policy.bindings ?? []).map((binding) => ({ ...binding, members: binding.members.filter((one) => one !== member) })).filter(({ members }) => members.length > 0);
      const { status } = await call(`${resource}:setIamPolicy`, { policy: { ...policy, version: 3, bindings } });
      if (status === 200) return;
      await delay(backoff.next(tries));
    }
  };
  const durations: number[] = [];
  await inParallel(agents, connections, async ({ account, byEmail, legacy }: Agent) => {
    const began = performance.now();
    await takeOut(`/v3/${project.name}`, '', byEmail);
    await takeOut(`/v1/${project.name}/serviceAccounts/${account.uniqueId}`, '?options.requestedPolicyVersion=3', legacy);
    durations.push(performance.now() - began);
  });
  return durations;
};
