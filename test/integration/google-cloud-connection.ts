/** What the revoker needs to speak to the Google Cloud of a test. */
import type { GoogleCloud, Operator } from '../env/google-cloud.ts';
import type { GoogleCloudDependency, Target } from '../../src/api/v1alpha1/index.ts';
import type { GoogleClient, GoogleRequest, GoogleSettings, ImpersonationProbe } from '../../src/revokers/google-cloud/api.ts';
import { createConnection } from '../../src/revokers/google-cloud/client.ts';
import type { GoogleConnectors } from '../../src/revokers/google-cloud/connectors.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import { usable } from '../../src/revokers/google-cloud/settings.ts';
import type { Credential, DependencyKind, Inventory, Observation, RevokeAnswer, Revoker } from '../../src/revokers/revoker.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';

const never = new AbortController().signal;

export interface TestClientOptions {
  /** Of every service; the server's own unless told. */
  readonly url?: string;
  readonly clock?: Clock;
  /** For one request, such as `1s`; what is usual unless told. */
  readonly timeout?: string;
  /** Told before each request of the revoker is sent. */
  readonly onRequest?: (request: GoogleRequest) => void | Promise<void>;
}

export interface TestClient {
  readonly client: GoogleClient;
  readonly close: () => Promise<void>;
}

/** The operator's own client, with the key of an account that was made for it. */
export const createTestClient = (
  google: Pick<GoogleCloud, 'endpoints'>,
  operator: Pick<Operator, 'keyFile'>,
  { url, clock = systemClock, timeout = '10s', onRequest }: TestClientOptions = {},
): TestClient => {
  const endpoints = Object.fromEntries(Object.entries(google.endpoints).map(([service, address]) => [service, url ?? address]));
  const { client, close } = createConnection({
    name: 'google',
    spec: usable({ googleCloud: { auth: { keySecretRef: { name: 'google', key: 'key.json' } }, endpoints }, timing: { timeout } }, true),
    clock,
    random: () => 0.5,
    userAgent: 'offboard/test',
    mayAct: () => true,
    readSecret: () => Promise.resolve(JSON.stringify(operator.keyFile)),
    ownToken: () => Promise.reject(new Error('nobody logs in by federation here')),
  });
  const request: GoogleClient['request'] = async (asked, signal) => {
    await onRequest?.(asked);
    return client.request(asked, signal);
  };
  return { client: { ...client, request }, close };
};

export const testSettings: GoogleSettings = { settleTime: 0, maxConcurrent: 8, pools: [], accessTokenLifetime: 1_000, endpoints: {} };

export const connectorsTo = (client: GoogleClient, settings: GoogleSettings = testSettings, grantsResource: (name: string) => boolean = () => false): GoogleConnectors => ({
  connect: () => Promise.resolve({ client, settings, grantsResource }),
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
  /** Revokes all that can be, the account last, and says what is seen of each after that. */
  readonly endAll: () => Promise<Readonly<Record<string, string>>>;
}

export interface CaseOptions {
  /** One of its own unless told: what shares a kind is in one process. */
  readonly kind?: DependencyKind;
  readonly clock?: Clock;
  readonly probe?: ImpersonationProbe;
  readonly isForeign?: () => boolean;
}

/** One identity with what it names, and the revoker of that. */
export const openCase = (
  connectors: GoogleConnectors,
  serviceAccount: Target['serviceAccount'],
  named: Omit<GoogleCloudDependency, 'connectorRef'> = {},
  { clock = systemClock, probe, isForeign = () => false, kind = createGoogleCloudKind({ connectors, clock, random: systemRandom, isForeign, ...(probe && { probe }) }) }: CaseOptions = {},
): Case => {
  const dependency = { name: 'google', googleCloud: { connectorRef: { name: 'google' }, ...named } };
  const target: Target = { serviceAccount, dependencies: [dependency] };
  const revoker = kind.bind(dependency);
  if (revoker === undefined) throw new Error('not a dependency on Google Cloud');
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
      const isAccount = (credential: Credential): boolean => credential.class === 'ServiceAccount';
      await Promise.all(mine.filter((credential) => !isAccount(credential)).map(revoke));
      await Promise.all(mine.filter(isAccount).map(revoke));
      return Object.fromEntries(await Promise.all(mine.map(async (credential) => [credential.id, (await observe(credential)).state] as const)));
    },
  };
};
