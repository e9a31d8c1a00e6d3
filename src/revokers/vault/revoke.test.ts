import { describe, expect, it } from 'vitest';

import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeVault, found, refused } from '../../../test/fakes/vault-client.ts';
import type { VaultDependency } from '../../api/v1alpha1/index.ts';
import type { Credential } from '../revoker.ts';
import type { VaultAnswer } from './client.ts';
import { createVaultKind } from './revoker.ts';

const never = new AbortController().signal;
const origin = 'cluster-1 root https://vault.example.com';
const leaseId = 'database/creds/ci-bot/x';
const lease: Credential = { id: leaseId, uid: origin, class: 'Lease', end: { by: 'Revoke' }, seen: true };
const backendRefuses = refused(400, 'failed to revoke entry: resp: (*logical.Response)(nil) err: role "v-x" cannot be dropped');

/** `sent` is what was asked of leases, each as the word of it. */
const setup = (answers: { readonly sync?: VaultAnswer; readonly async?: VaultAnswer; readonly lookup?: VaultAnswer }) => {
  const sent: string[] = [];
  const vault = createFakeVault((what, { body }) => {
    const said = body as { readonly lease_id?: string; readonly sync?: boolean };
    if (what === 'POST sys/leases/lookup') {
      sent.push('lookup');
      return answers.lookup ?? refused(500);
    }
    if (what !== 'POST sys/leases/revoke' || said.lease_id !== leaseId) return refused(500);
    sent.push(said.sync === true ? 'revoke and wait' : said.sync === false ? 'revoke' : 'revoke without saying how');
    return (said.sync === true ? answers.sync : answers.async) ?? refused(500);
  });
  const named: VaultDependency = { connectorRef: { name: 'vault' }, leases: [{ prefix: 'database/creds/ci-bot', exclusive: true }] };
  const settings = { settleTime: 0, maxConcurrent: 8, kubernetesAuthMounts: [] };
  const connect = () => Promise.resolve({ client: vault.client, settings, grantsCertificate: () => false, grantsRole: () => false, leasePatterns: [] });
  const revoker = createVaultKind({ connectors: { connect, settings: () => settings }, clock: createFakeClock(), isForeign: () => false, accountNow: () => Promise.resolve(undefined) }).bind({ name: 'vault', vault: named });
  if (revoker === undefined) throw new Error('not a dependency on a Vault');
  const target = { serviceAccount: { namespace: 'ci', name: 'bot' } };
  return {
    sent,
    vault,
    revoke: (credential: Credential = lease) => revoker.revoke(credential, target, never),
    observe: (credential: Credential = lease) => revoker.observe(credential, target, never),
  };
};
const looked = (content: object): VaultAnswer => found({ id: leaseId, expire_time: '2026-11-24T23:38:54Z', ...content });

describe('a lease', () => {
  it('is revoked by a call that waits for its end', async () => {
    const { sent, revoke } = setup({ sync: { status: 204, body: undefined } });
    expect(await revoke()).toBe('Accepted');
    expect(sent).toEqual(['revoke and wait']);
  });

  it('that its backend refuses to end is left with the server, which goes on trying', async () => {
    const { sent, revoke } = setup({ sync: backendRefuses, lookup: looked({ ttl: 3_000 }), async: { status: 202, body: undefined } });
    expect(await revoke()).toEqual({ refused: 'RevocationStuck', message: 'the backend refuses: role "v-x" cannot be dropped. The server keeps trying' });
    expect(sent).toEqual(['revoke and wait', 'lookup', 'revoke']);
  });

  it('that the server is at already is not asked for once more', async () => {
    const { sent, revoke } = setup({ sync: backendRefuses, lookup: looked({ ttl: -5 }) });
    expect(await revoke()).toMatchObject({ refused: 'RevocationStuck' });
    expect(sent).toEqual(['revoke and wait', 'lookup']);
  });

  it('that the server has given up on is only ever asked for by a call that waits', async () => {
    const { sent, revoke } = setup({ sync: backendRefuses, lookup: looked({ ttl: -900, revoke_error: 'out of retries' }) });
    expect(await revoke()).toMatchObject({ refused: 'RevocationStuck', message: expect.stringContaining('has given up') as string });
    expect(sent).toEqual(['revoke and wait', 'lookup']);
  });

  it.each<[string, Parameters<typeof setup>[0]]>([
    ['the first answer is none that is known', { sync: refused(400, 'lease_id must be specified') }],
    ['it cannot be looked up', { sync: backendRefuses, lookup: refused(503, 'Vault is sealed') }],
    ['it cannot be left with the server', { sync: backendRefuses, lookup: looked({ ttl: 5 }), async: refused(500, 'internal error') }],
  ])('is not said to be taken where %s', async (_, answers) => {
    await expect(setup(answers).revoke()).rejects.toMatchObject({ name: 'OutcomeError' });
  });

  it('that was seen elsewhere is neither revoked nor proven gone here', async () => {
    const { sent, vault, revoke, observe } = setup({ sync: { status: 204, body: undefined }, lookup: refused(400, 'invalid lease') });
    expect(await observe()).toMatchObject({ state: 'Absent' });
    for (const move of [{ clusterId: 'cluster-2' }, { namespace: 'team' }, { address: 'https://other.example.com' }]) {
      vault.moveTo({ clusterId: 'cluster-1', namespace: '', address: 'https://vault.example.com', ...move });
      expect(await observe(), JSON.stringify(move)).toMatchObject({ state: 'Unknown', message: expect.stringContaining(origin) as string });
      await expect(revoke(), JSON.stringify(move)).rejects.toMatchObject({ kind: 'NeedsPerson' });
    }
    expect(sent).toEqual(['lookup']);
  });

  it('is told in words that stay the same while nothing changes', async () => {
    const told = async (content: object) => setup({ lookup: looked(content) }).observe();
    expect(await told({ ttl: 3_000 })).toEqual(await told({ ttl: 2_999 }));
    expect(await told({ ttl: -31 })).toEqual(await told({ ttl: -500 }));
    expect([(await told({ ttl: -30 })).reason, (await told({ ttl: -31 })).reason]).toEqual([undefined, 'RevocationStuck']);
    expect(await told({ ttl: -31, revoke_error: 'out of retries: x' })).toMatchObject({ state: 'Present', reason: 'RevocationStuck', message: 'the server has given up on it: out of retries: x' });
  });
});
