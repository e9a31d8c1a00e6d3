import { describe, expect, it } from 'vitest';

import { brokenRules, describeRevoker } from './describe-revoker.ts';
import { type Lie, toyHarness } from './toy.ts';

describeRevoker('toy', toyHarness());

/** Each lie, and the rule that was written against it. */
const lies: Readonly<Record<Lie, string>> = {
  'errors are absence': 'says Unknown, and never rejects, when it cannot tell',
  'unknown is rejected': 'says Unknown, and never rejects, when it cannot tell',
  'revoked is absent': 'does not take its own revoke for a proof',
  'waits for what it could revoke': 'gives a time only to what ends by itself and is there',
  'short lists': 'gives a whole inventory or an error, never a shorter list',
  'skips a credential': 'lists every credential that is there, each once',
  'lists twice': 'lists every credential that is there, each once',
  'ends by name': 'takes a thing of the same name for another thing, and leaves it alone',
  'ends those of others':
    'ends what it revokes, sees that it is gone, touches nothing of others, and may be asked again',
  'forgets to revoke': 'ends what it revokes, sees that it is gone, touches nothing of others, and may be asked again',
  'cannot be asked twice':
    'ends what it revokes, sees that it is gone, touches nothing of others, and may be asked again',
  'refused is accepted': 'rejects when a revoke was not accepted',
  'nothing is missing': 'names what it may not do',
  'touches while listing': 'writes nothing while it looks',
  'tells the answer': 'tells no secret, whatever it is answered',
  'remembers in memory': 'needs nothing but what the status remembers',
  'ignores the signal': 'gives up at once when it is told to',
  'cannot for now is accepted': 'tells when a revoke was taken and cannot be carried out, and carries it out when it can',
  'locks nothing': 'locks so that nothing more is issued, and unlocks so that all is as it was, also in another process',
  'stays locked': 'locks so that nothing more is issued, and unlocks so that all is as it was, also in another process',
  'unlocks whatever is locked': 'takes back no lock that it did not set',
  'errors are locks': 'does not take an unanswered lock for one that holds, nor for one that does not',
  'refused lock is a lock': 'rejects when a lock was not set, or not taken back',
  'leaves what it tried by': 'leaves nothing behind of what it tries, also of another process, and may be asked again',
  'drops what it remembers': 'leaves nothing behind of what it tries, also of another process, and may be asked again',
  'not deleted is gone': 'does not say that what it tried is gone when it could not tell',
  'waits for ever': 'gives a whole inventory or an error, never a shorter list',
  'throws anything': 'gives a whole inventory or an error, never a shorter list',
};

describe('the kit', () => {
  it.each(Object.entries(lies))(
    'shows a revoker wrong that lies: %s',
    async (lie, rule) => {
      expect(await brokenRules(toyHarness(lie as Lie))).toContain(rule);
    },
    120_000,
  );

  it('shows a thorough liar wrong in many ways', async () => {
    const broken = await brokenRules(
      toyHarness('errors are absence', 'forgets to revoke', 'nothing is missing', 'tells the answer'),
    );
    expect(broken.length).toBeGreaterThanOrEqual(4);
  }, 120_000);
});
