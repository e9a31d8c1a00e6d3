import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createMinting, mayMint } from './minting.ts';

const settings = { settleTime: 420, accessTokenLifetime: 3_600 };

describe('tokens that nobody can revoke', () => {
  it('live on from the moment when no more were seen to be made, for their lifetime and until that is so everywhere', async () => {
    const clock = createFakeClock();
    const { seen, mayLive, isKnown } = createMinting(clock, 10);
    expect([seen('a', true, settings), mayLive('a'), mayLive('b')]).toEqual([4_020, true, false]);
    await clock.advance(10_000);
    expect(seen('a', false, settings), 'the first time').toBe(4_020);
    await clock.advance(1_000);
    expect([seen('a', false, settings), mayLive('a')]).toEqual([3_020, true]);
    await clock.advance(3_020);
    expect([seen('a', false, settings), mayLive('a')]).toEqual([undefined, false]);
    expect(['a', 'b'].map(isKnown), 'also when they are over').toEqual([true, false]);
  });

  it('are waited for anew when more could be made meanwhile, and by a process that knows nothing of them', async () => {
    const clock = createFakeClock();
    const { seen } = createMinting(clock, 10);
    seen('a', false, settings);
    await clock.advance(4_000);
    expect(seen('a', true, settings)).toBe(4_020);
    await clock.advance(4_000);
    expect(seen('a', false, settings)).toBe(4_020);
    expect(createMinting(clock, 10).seen('a', false, settings)).toBe(4_020);
  });

  it('are waited for anew, and never forgotten to be waited for, when there are too many to remember', async () => {
    const clock = createFakeClock();
    const { seen } = createMinting(clock, 2);
    for (const key of ['a', 'b']) seen(key, false, settings);
    await clock.advance(4_000);
    seen('c', false, settings);
    expect(seen('a', false, settings)).toBe(4_020);
  });
});

it.each([
  ['//iam.googleapis.com/projects/p/serviceAccounts/1', 'roles/iam.serviceAccountTokenCreator', true],
  ['//iam.googleapis.com/projects/p/serviceAccounts/1', 'projects/p/roles/custom', true],
  ['//iam.googleapis.com/projects/p/serviceAccounts/1', 'roles/iam.serviceAccountViewer', false],
  ['projects/p', 'roles/iam.workloadIdentityUser', true],
  ['projects/p', 'roles/iam.serviceAccountUser', true],
  ['folders/1', 'organizations/1/roles/custom', true],
  ['organizations/1', 'roles/owner', true],
  ['projects/p', 'roles/admin', true],
  ['projects/p', 'roles/iam.roleAdmin', true],
  ['projects/p', 'roles/iam.workloadIdentityPoolAdmin', true],
  ['projects/p', 'roles/container.serviceAgent', true],
  ['projects/p', 'roles/viewer', false],
  ['projects/p', 'roles/storage.objectViewer', false],
  ['//storage.googleapis.com/b', 'projects/p/roles/custom', false],
])('on %s, %s may let its holder make tokens of others: %s', (resource, role, may) => {
  expect(mayMint(resource, role)).toBe(may);
});
