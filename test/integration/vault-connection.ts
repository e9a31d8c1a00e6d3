/** What the revoker needs to speak to a Vault of a test. */
import type { Openbao } from '../env/openbao.ts';
import type { Target, VaultDependency } from '../../src/api/v1alpha1/index.ts';
import type { VaultClient, VaultSettings } from '../../src/revokers/vault/client.ts';
import { createConnection } from '../../src/revokers/vault/connection.ts';
import type { VaultConnectors } from '../../src/revokers/vault/connectors.ts';
import type { AccountNow } from '../../src/revokers/vault/look.ts';
import { createVaultKind } from '../../src/revokers/vault/revoker.ts';
import { usable } from '../../src/revokers/vault/settings.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type Case, caseOf } from './revoker-case.ts';

export type { Case } from './revoker-case.ts';

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
  connect: () => Promise.resolve({ client, settings, grantsCertificate: (_, commonName) => commonName.startsWith('ci-'), grantsRole: () => true, leasePatterns: [] }),
  settings: () => settings,
});

/** One identity with what it names, and the revoker of that. No ServiceAccount of the name is there, unless told. */
export const openCase = (
  connectors: VaultConnectors,
  serviceAccount: Target['serviceAccount'],
  named: Omit<VaultDependency, 'connectorRef'> = {},
  accountNow: AccountNow = () => Promise.resolve(undefined),
): Case =>
  caseOf(createVaultKind({ connectors, clock: systemClock, isForeign: () => false, accountNow }), serviceAccount, {
    name: 'vault',
    vault: { connectorRef: { name: 'vault' }, ...named },
  });
