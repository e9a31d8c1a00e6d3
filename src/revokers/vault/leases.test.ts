import { describe, expect, it } from 'vitest';

import { createFakeVault, found, refused } from '../../../test/fakes/vault-client.ts';
import type { VaultAnswer } from './client.ts';
import { isUnder, listLeases, seenLive } from './leases.ts';

const never = new AbortController().signal;
const mark = { origin: { address: 'https://vault.example.com', namespace: '', clusterId: 'c' } };

const listOf = async (lists: Readonly<Record<string, VaultAnswer>>) => {
  const { client } = createFakeVault((what) => lists[what.replace('LIST sys/leases/lookup/', '')] ?? refused(404));
  return listLeases(client, 'database/creds/ci', mark, never);
};

describe('the leases under a path', () => {
  it('are those of all folders beneath it', async () => {
    expect(
      await listOf({
        'database/creds/ci': found({ keys: ['a', 'sub/'] }),
        'database/creds/ci/sub': found({ keys: ['b', 'deeper/'] }),
        'database/creds/ci/sub/deeper': found({ keys: ['c'] }),
      }),
    ).toEqual(['database/creds/ci/a', 'database/creds/ci/sub/b', 'database/creds/ci/sub/deeper/c']);
    expect(await listOf({})).toEqual([]);
  });

  it('are not fewer where a folder cannot be listed', async () => {
    await expect(listOf({ 'database/creds/ci': found({ keys: ['a', 'sub/'] }), 'database/creds/ci/sub': refused(503, 'Vault is sealed') })).rejects.toMatchObject({ kind: 'Retryable' });
  });

  it.each(['..', '../', './', 'a%2Fb', '%2e%2e/', 'a\\b/', 'a\nb', 'a\u202eb/', '//', 'x'.repeat(2_000), '\ud800'])('are for a person where one has a name that could mean another: %j', async (key) => {
    await expect(listOf({ 'database/creds/ci': found({ keys: ['a', key] }) })).rejects.toMatchObject({ kind: 'NeedsPerson', reason: 'LeaseNotNameable' });
  });

  it('end somewhere', async () => {
    const { client } = createFakeVault(() => found({ keys: ['again/'] }));
    await expect(listLeases(client, 'database/creds/ci', mark, never)).rejects.toMatchObject({ name: 'OutcomeError' });
  });

  it('are told by whole names', () => {
    expect([isUnder('database/creds/ci-7/x', 'database/creds/ci-7'), isUnder('database/creds/ci-70/x', 'database/creds/ci-7')]).toEqual([true, false]);
  });
});

describe('what is seen live', () => {
  it('is what the server finds, and an error where it does not tell', async () => {
    const answers: Readonly<Record<string, VaultAnswer>> = {
      'p/live': found({ id: 'p/live', ttl: 60 }),
      'p/stuck': found({ id: 'p/stuck', ttl: -60, revoke_error: 'out of retries' }),
      'p/gone': refused(400, 'invalid lease'),
      'p/untold': refused(503, 'Vault is sealed'),
    };
    const { client } = createFakeVault((_, { body }) => answers[(body as { readonly lease_id: string }).lease_id] ?? refused(500));
    expect(await seenLive(client, ['p/live', 'p/stuck', 'p/gone'], 4, mark, never)).toEqual(['p/live', 'p/stuck']);
    await expect(seenLive(client, ['p/live', 'p/untold'], 4, mark, never)).rejects.toMatchObject({ kind: 'Retryable' });
  });
});
