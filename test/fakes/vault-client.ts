/** A client of a Vault that answers as a test tells it, and remembers what it was asked. */
import type { Origin, VaultAnswer, VaultClient, VaultRequest } from '../../src/revokers/vault/client.ts';

export interface FakeVault {
  readonly client: VaultClient;
  /** `LIST auth/token/accessors`, in order. */
  readonly asked: readonly string[];
  readonly moveTo: (origin: Partial<Origin>) => void;
}

/** `answer` is told the method and the path of each request. */
export const createFakeVault = (answer: (what: string, request: VaultRequest) => VaultAnswer): FakeVault => {
  const asked: string[] = [];
  let origin: Origin = { address: 'https://vault.example.com', namespace: '', clusterId: 'cluster-1' };
  return {
    asked,
    moveTo: (next) => {
      origin = { ...origin, ...next };
    },
    client: {
      request: (request, signal) => {
        signal.throwIfAborted();
        const what = `${request.method} ${request.path.join('/')}`;
        asked.push(what);
        return Promise.resolve(answer(what, request));
      },
      watermark: () => Promise.resolve({ origin }),
      self: () => Promise.resolve({ accessor: 'own', entityId: 'own-entity' }),
    },
  };
};

export const found = (data: object): VaultAnswer => ({ status: 200, body: { data } });
export const refused = (status: number, ...errors: readonly string[]): VaultAnswer => ({ status, body: { errors } });
