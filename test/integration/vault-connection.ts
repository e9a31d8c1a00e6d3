/** What the revoker needs to speak to a Vault of a test, with nothing between but what the boundary asks for. */
import type { Openbao } from '../env/openbao.ts';
import type { Target, VaultDependency } from '../../src/api/v1alpha1/index.ts';
import type { Origin, VaultClient, VaultSettings, Watermark } from '../../src/revokers/vault/client.ts';
import type { VaultConnectors } from '../../src/revokers/vault/connectors.ts';
import { createVaultKind } from '../../src/revokers/vault/revoker.ts';
import type { Credential, Inventory, Observation, RevokeAnswer, Revoker } from '../../src/revokers/revoker.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const never = new AbortController().signal;

export interface Told {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
}

export interface TestClientOptions {
  readonly node?: number;
  /** Told before each request is sent. */
  readonly onRequest?: (request: Told) => void | Promise<void>;
}

export const createTestClient = (bao: Openbao, token: () => string, { node = 0, onRequest }: TestClientOptions = {}): VaultClient => {
  const origin = async (): Promise<Origin> => {
    const { cluster_id: clusterId } = (await bao.call<{ readonly cluster_id: string }>('GET', 'sys/health', undefined, '', { node })).body;
    return { address: bao.url, namespace: '', clusterId };
  };
  return {
    request: async ({ method, path, query = {}, body, notBefore }) => {
      const search = new URLSearchParams(query).toString();
      const text = path.map(encodeURIComponent).join('/');
      await onRequest?.({ method, path: text, body });
      const headers = notBefore?.index === undefined ? {} : { 'x-vault-index': notBefore.index, 'x-vault-inconsistent': 'forward-active-node' };
      const answer = await bao.call(method, search === '' ? text : `${text}?${search}`, body, token(), { node, headers });
      return { status: answer.status, body: answer.body };
    },
    watermark: async (): Promise<Watermark> => {
      const answer = await bao.call('PUT', 'cubbyhole/offboard', { at: 'now' }, token(), { node });
      if (answer.status !== 204) throw new Error(`no watermark: ${String(answer.status)}`);
      const index = answer.headers['x-vault-index'];
      return { origin: await origin(), ...(typeof index === 'string' && { index }) };
    },
    self: async () => {
      const { data } = await bao.ask<{ readonly data: { readonly accessor: string; readonly entity_id: string } }>('GET', 'auth/token/lookup-self', undefined, token(), { node });
      return { accessor: data.accessor, entityId: data.entity_id };
    },
  };
};

export const testSettings: VaultSettings = {
  settleTime: 0,
  maxConcurrent: 8,
  kubernetesAuthMounts: [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }],
};

export const connectorsTo = (client: VaultClient, settings: VaultSettings = testSettings): VaultConnectors => ({
  connect: () => Promise.resolve({ client, settings, grantsCertificate: (_, commonName) => commonName.startsWith('ci-') }),
  settings: () => settings,
});

export interface Case {
  readonly revoker: Revoker;
  readonly target: Target;
  readonly inventory: () => Promise<Inventory>;
  readonly find: (id: string) => Promise<Credential>;
  readonly observe: (credential: Credential) => Promise<Observation>;
  readonly revoke: (credential: Credential) => Promise<RevokeAnswer>;
  readonly lock: () => Promise<void>;
  readonly unlock: () => Promise<void>;
  readonly observeLock: () => Promise<Observation>;
  /** Revokes all that can be, and says what is seen of each after that. */
  readonly endAll: () => Promise<Readonly<Record<string, string>>>;
}

/** One identity with what it names, and the revoker of that. */
export const openCase = (
  connectors: VaultConnectors,
  serviceAccount: Target['serviceAccount'],
  named: Omit<VaultDependency, 'connectorRef'> = {},
): Case => {
  const dependency = { name: 'vault', vault: { connectorRef: { name: 'vault' }, ...named } };
  const target: Target = { serviceAccount, dependencies: [dependency] };
  const revoker = createVaultKind({ connectors, clock: systemClock }).bind(dependency);
  if (revoker?.lock.kind !== 'Lockable') throw new Error('not a revoker of a Vault with logins');
  const { lock } = revoker;
  const inventory = (): Promise<Inventory> => revoker.inventory(target, 'Fresh', never);
  const observe = (credential: Credential): Promise<Observation> => revoker.observe(credential, target, never);
  const revoke = (credential: Credential): Promise<RevokeAnswer> => revoker.revoke(credential, target, never);
  return {
    revoker,
    target,
    inventory,
    observe,
    revoke,
    find: async (id) => {
      const { credentials } = await inventory();
      const found = credentials.find((credential) => credential.id === id);
      if (found === undefined) throw new Error(`${id} is not among ${credentials.map((credential) => credential.id).join(', ')}`);
      return found;
    },
    lock: () => lock.lock(target, never),
    unlock: () => lock.unlock(target, never),
    observeLock: () => lock.observeLock(target, never),
    endAll: async () => {
      const { credentials } = await inventory();
      const mine = credentials.filter(({ end }) => end.by === 'Revoke');
      for (const credential of mine) await revoke(credential);
      return Object.fromEntries(await Promise.all(mine.map(async (credential) => [credential.id, (await observe(credential)).state] as const)));
    },
  };
};
