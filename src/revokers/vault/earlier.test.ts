import { describe, expect, it } from 'vitest';

import { createFakeVault, found, refused } from '../../../test/fakes/vault-client.ts';
import { retryable } from '../../runtime/outcome.ts';
import type { VaultAnswer } from './client.ts';
import { readEarlier, readEarlierOf } from './earlier.ts';
import type { TokenFacts } from './errors.ts';
import type { Login } from './identity.ts';

const signal = new AbortController().signal;
const origin = { address: 'https://vault.example.com', namespace: '', clusterId: 'cluster-1' };
const logins: readonly Login[] = [
  { mount: 'kubernetes', alias: 'uid-now', mountAccessor: 'accessor-k', declared: true },
  { mount: 'kubernetes', alias: 'ci/bot', mountAccessor: 'accessor-k', declared: false },
];
const metadataOf = (uid: string, name = 'bot') => ({ service_account_uid: uid, service_account_namespace: 'ci', service_account_name: name });
const login = (uid: string, given: Partial<TokenFacts> = {}): TokenFacts => ({ accessor: `of ${uid}`, entityId: `entity of ${uid}`, path: 'auth/kubernetes/login', meta: metadataOf(uid), ...given });
const made = (entityId: string): TokenFacts => ({ accessor: 'made', entityId, path: 'auth/token/create', meta: {} });
const entityOf = (uid: string, given: { readonly mount?: string; readonly name?: string } = {}): VaultAnswer =>
  found({ id: `entity of ${uid}`, disabled: false, aliases: [{ id: `alias of ${uid}`, name: uid, mount_accessor: given.mount ?? 'accessor-k', metadata: metadataOf(uid, given.name) }] });

/** `present` is the account that is there now; the target's is `uid-now` unless told. */
const setup = ({ present, uid = 'uid-now', entity }: { readonly present?: string | Error; readonly uid?: string | undefined; readonly entity?: VaultAnswer } = {}) => {
  let asked = 0;
  const vault = createFakeVault((_, { body }) => {
    const { id, alias_name: alias = '' } = body as { readonly id?: string; readonly alias_name?: string };
    return id === undefined ? entityOf(alias) : (entity ?? entityOf(id.replace('entity of ', '')));
  });
  const look: Parameters<typeof readEarlier>[0] = {
    connection: {
      client: vault.client,
      settings: { settleTime: 0, maxConcurrent: 8, kubernetesAuthMounts: [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }] },
      grantsCertificate: () => false,
      grantsRole: () => false,
      leasePatterns: [],
    },
    target: { serviceAccount: { namespace: 'ci', name: 'bot', ...(uid !== '' && { uid }) } },
    accountNow: () => {
      asked += 1;
      return present instanceof Error ? Promise.reject(present) : Promise.resolve(present);
    },
    mark: { origin },
    signal,
  };
  return {
    vault,
    timesAsked: () => asked,
    aliases: async (...tokens: readonly TokenFacts[]) => (await readEarlier(look, logins, tokens)).map(({ alias, entity: its, earlier }) => ({ alias, entity: its?.id, earlier })),
    aliasesOf: async (token: TokenFacts) => (await readEarlierOf(look, logins, token)).map(({ alias }) => alias),
  };
};
const life = (uid: string) => ({ alias: uid, entity: `entity of ${uid}`, earlier: true });

describe('the earlier lives of an account', () => {
  it('are told by the logins of other UIDs, each once, with their entities', async () => {
    const { aliases, timesAsked } = setup({ present: 'uid-now' });
    expect(await aliases(login('uid-2'), login('uid-now'), login('uid-1'), login('uid-2', { accessor: 'again' }))).toEqual([life('uid-1'), life('uid-2')]);
    expect(timesAsked()).toBe(1);
  });

  it('are not the account that is there now', async () => {
    expect(await setup({ present: 'uid-3' }).aliases(login('uid-3'), login('uid-1'))).toEqual([life('uid-1')]);
    expect(await setup({ present: 'uid-3', uid: '' }).aliases(login('uid-3'), login('uid-1')), 'where the UID of the target is not known').toEqual([life('uid-1')]);
    expect(await setup().aliases(login('uid-3')), 'where there is none').toEqual([life('uid-3')]);
  });

  it('cost nothing where no token tells of one', async () => {
    const { aliases, vault, timesAsked } = setup({ present: new Error('nobody is to ask') });
    const others = [
      login('uid-now'),
      login('uid-1', { meta: metadataOf('uid-1', 'bot2') }),
      login('uid-1', { path: 'auth/other-cluster/login' }),
      // Whoever makes a token writes its metadata; only a login does not let him.
      login('uid-1', { path: 'auth/token/create' }),
      login('', { meta: { service_account_namespace: 'ci', service_account_name: 'bot' } }),
      made('entity of uid-1'),
    ];
    expect(await aliases(...others)).toEqual([]);
    expect([timesAsked(), vault.asked]).toEqual([0, []]);
  });

  it('are not guessed where nobody can tell which account is there', async () => {
    await expect(setup({ present: retryable('Timeout', 'no answer') }).aliases(login('uid-1'))).rejects.toMatchObject({ kind: 'Retryable', reason: 'Timeout' });
  });
});

describe('the earlier life behind a token that no login made', () => {
  it('is told by its entity', async () => {
    expect(await setup({ present: 'uid-now' }).aliasesOf(made('entity of uid-1'))).toEqual(['uid-1']);
    expect(await setup({ present: 'uid-now' }).aliasesOf(login('uid-1', { entityId: '' }))).toEqual(['uid-1']);
  });

  it.each<[string, Parameters<typeof setup>[0], TokenFacts]>([
    ['it has none', {}, made('')],
    ['that is gone', { entity: { status: 204, body: undefined } }, made('entity of uid-1')],
    ['that is of another account', { entity: entityOf('uid-1', { name: 'bot2' }) }, made('entity of uid-1')],
    ['that is of another mount', { entity: entityOf('uid-1', { mount: 'accessor-o' }) }, made('entity of uid-1')],
    ['that is of the account that is there now', { present: 'uid-1' }, made('entity of uid-1')],
  ])('is none where %s', async (_, given, token) => {
    expect(await setup(given).aliasesOf(token)).toEqual([]);
  });

  it('is not guessed where the entity cannot be looked up, or another one is answered', async () => {
    await expect(setup({ entity: refused(500) }).aliasesOf(made('entity of uid-1'))).rejects.toMatchObject({ name: 'OutcomeError' });
    await expect(setup({ entity: entityOf('uid-2') }).aliasesOf(made('entity of uid-1'))).rejects.toMatchObject({ name: 'OutcomeError' });
  });
});
