/**
 * What a script for one identity does that knows nothing of the others: it reads the policy of the project, takes its member out,
 * and writes it back by the etag; when somebody else was faster, it begins again after a while. So do many of them at once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { GoogleCloud, ShownPolicy } from '../env/google-cloud.ts';
import { inParallel } from './api.ts';

export const removeNaively = async (google: GoogleCloud, token: string, resource: string, members: readonly string[], atOnce: number, random: () => number): Promise<void> => {
  await inParallel(members, atOnce, async (member) => {
    for (let attempt = 0; ; attempt += 1) {
      if (await removeOnce(google, token, resource, member)) return;
      // As Google asks: longer each time, and never as long as the others.
      await delay(random() * Math.min(100 * 2 ** attempt, 4_000));
    }
  });
};

/** False on a conflict. */
const removeOnce = async (google: GoogleCloud, token: string, resource: string, member: string): Promise<boolean> => {
  const read = await google.call('POST', `/v3/${resource}:getIamPolicy`, token, { options: { requestedPolicyVersion: 3 } });
  const policy = read.body as ShownPolicy;
  const bindings = (policy.bindings ?? []).map((binding) => ({ ...binding, members: binding.members.filter((each) => each !== member) }));
  const { status } = await google.call('POST', `/v3/${resource}:setIamPolicy`, token, { policy: { ...policy, version: 3, bindings: bindings.filter(({ members }) => members.length > 0) } });
  if (read.status !== 200 || (status !== 200 && status !== 409)) throw new Error(`a script's read was answered ${read.status}, its write ${status}`);
  return status === 200;
};
