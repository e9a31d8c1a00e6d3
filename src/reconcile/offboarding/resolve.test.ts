import { expect, it } from 'vitest';

import { anIdentity, anOffboarding } from '../../../test/builders/offboarding.ts';
import { createWorld } from '../../../test/fakes/world.ts';

const serviceAccount = { name: 'agent', uid: 'uid-of-account' };

it.each([
  ['a WorkloadIdentity', anIdentity({ spec: { kubernetes: { probe: true } } }), anOffboarding(), true],
  ['a WorkloadIdentity, by saying no', anIdentity({ spec: { kubernetes: { probe: false } } }), anOffboarding(), undefined],
  ['an identity within the Offboarding', anIdentity(), anOffboarding({ spec: { identity: { serviceAccount, kubernetes: { probe: true } } } }), true],
  ['an identity within the Offboarding, by not saying it', anIdentity(), anOffboarding({ spec: { identity: { serviceAccount } } }), undefined],
])('whether tokens are tried is pinned from %s', async (_, identity, run, probe) => {
  const world = createWorld();
  world.identity(identity);
  world.put(run);
  await world.look();
  expect(world.status().target?.probe).toBe(probe);
});
