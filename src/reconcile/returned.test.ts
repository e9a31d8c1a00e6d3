import { expect, it } from 'vitest';
import { aCredential } from '../../test/builders/credentials.ts';
import { createFakeRevoker } from '../../test/fakes/revoker.ts';
import type { Credential } from '../revokers/revoker.ts';
import { whatCameBack } from './returned.ts';

it('one of two that is no longer shown is looked for afresh, also where the other is shown twice', async () => {
  const [one, other]: readonly [Credential, Credential] = [aCredential({ id: 'a', uid: '1' }), aCredential({ id: 'a', uid: '2' })];
  const revoker = createFakeRevoker();
  revoker.present.set('1', one);
  revoker.present.set('2', other);
  await whatCameBack(revoker, { serviceAccount: { namespace: 'ci', name: 'agent' } }, () => true, new AbortController().signal, new Set(['a', 'b']));
  expect(revoker.calls).toEqual(['inventory Cached', 'inventory Fresh']);
});
