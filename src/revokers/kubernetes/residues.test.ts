/** What is left of the identity's credentials with whoever asks nobody. */
import { expect, it } from 'vitest';
import { cachedOf } from '../../../test/contract/kubernetes-stage.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import { assembleRevoker } from './revoker.ts';

const offline = (tokenSecrets: boolean) => {
  const kube = createFakeKube();
  const revoker = assembleRevoker({ client: kube.client, clock: createFakeClock(), settleTime: 15_000, tokenSecrets, cached: cachedOf(kube, tokenSecrets) });
  return (revoker.residues?.['BoundTokens'] ?? []).filter(({ kind }) => kind === 'OfflineVerifier');
};

it.each([true, false])('no end of tokens is promised to who checks them alone, whether Secrets are listed (%s) or not', (tokenSecrets) => {
  expect(offline(tokenSecrets)).toHaveLength(1);
  expect(offline(tokenSecrets)[0]).not.toHaveProperty('milliseconds');
});

it('tokens in Secrets are told of where those are not listed', () => {
  expect(offline(true)[0]?.message).not.toContain('Secret');
  expect(offline(false)[0]?.message).toContain('of one in a Secret, which were not listed, for ever');
});
