import { expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import { silentLog } from '../../../test/fakes/world.ts';
import { serviceAccounts } from '../../kube/resources.ts';
import { createKubernetesRevoker } from './revoker.ts';

const never = new AbortController().signal;

it('the account that is there now is told by its UID, or as none, and never guessed', async () => {
  const kube = createFakeKube();
  const { serviceAccounts: { now } } = createKubernetesRevoker({
    client: kube.client, clock: createFakeClock(), random: () => 0.5, log: silentLog, settleTime: 15_000, tokenSecrets: true,
  });
  const account = { namespace: 'ci', name: 'bot', uid: 'of-before' };
  expect(await now(account, never)).toBeUndefined();
  kube.put(serviceAccounts, { metadata: { namespace: 'ci', name: 'bot', uid: 'of-now' } });
  expect(await now(account, never)).toBe('of-now');
  kube.allow(() => false);
  await expect(now(account, never)).rejects.toMatchObject({ name: 'OutcomeError', kind: 'NeedsPerson' });
});
