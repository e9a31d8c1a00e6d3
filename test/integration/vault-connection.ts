/** What the revoker needs to speak to a Vault of a test. */
import type { Openbao } from '../env/openbao.ts';
import type { Target, VaultDependency } from '../../src/api/v1alpha1/index.ts';
import type { VaultClient, VaultSettings } from '../../src/revokers/vault/client.ts';
import { createConnection } from '../../src/revokers/vault/connection.ts';
import type { VaultConnectors } from '../../src/revokers/vault/connectors.ts';
import { createVaultKind } from '../../src/revokers/vault/revoker.ts';
import { usable } from '../../src/revokers/vault/settings.ts';
import type { Credential, Inventory, Observation, RevokeAnswer, Revoker } from '../../src/revokers/revoker.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';

const never = new AbortController().signal;

export interface Told {
  readonly method: string;
  readonly path: string;
  readonly body?: object | undefined;
}

export interface TestClientOptions {
  /** Of the first node unless told. */
  readonly address?: string;
  readonly clock?: Clock;
  /** For one request, such as `1s`; what is usual unless told. */
  readonly timeout?: string;
  /** Told before each request of the revoker is sent. */
  readonly onRequest?: (request: Told) => void | Promise<void>;
}

export interface TestClient {
  readonly client: VaultClient;
  readonly close: () => Promise<void>;
}

/** The operator's own client, with a token that is told anew whenever it asks. */
export const createTestClient = (
  bao: Pick<Openbao, 'url' | 'ca'>,
  token: () => string,
  { address = bao.url, clock = systemClock, timeout = '10s', onRequest }: TestClientOptions = {},
): TestClient => {
  const vault = { address, caBundle: bao.ca, auth: { tokenSecretRef: { name: 'vault', key: 'token' } } };
  const { client, close } = createConnection({
    name: 'vault',
    spec: usable({ vault, timing: { timeout } }, false),
    clock,
    random: () => 0.5,
    userAgent: 'offboard/test',
    mayAct: () => true,
    readSecret: () => Promise.resolve(token()),
    ownToken: () => Promise.reject(new Error('nobody logs in by Kubernetes here')),
  });
  const request: VaultClient['request'] = async (asked, signal) => {
    await onRequest?.({ method: asked.method, path: asked.path.join('/'), body: asked.body });
    return client.request(asked, signal);
  };
  return { client: { ...client, request }, close };
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
  const revoker = createVaultKind({ connectors, clock: systemClock, isForeign: () => false }).bind(dependency);
  if (revoker === undefined) throw new Error('not a dependency on a Vault');
  const lockable = () => {
    if (revoker.lock.kind === 'NotLockable') throw new Error(revoker.lock.explanation);
    return revoker.lock;
  };
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
    lock: () => lockable().lock(target, never),
    unlock: () => lockable().unlock(target, never),
    observeLock: () => lockable().observeLock(target, never),
    endAll: async () => {
      const { credentials } = await inventory();
      const mine = credentials.filter(({ end }) => end.by === 'Revoke');
      for (const credential of mine) await revoke(credential);
      return Object.fromEntries(await Promise.all(mine.map(async (credential) => [credential.id, (await observe(credential)).state] as const)));
    },
  };
};
