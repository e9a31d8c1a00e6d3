/** What the revoker needs to speak to the Google Cloud of a test. */
import type { GoogleCloud, Operator } from '../env/google-cloud.ts';
import type { GoogleCloudDependency, Target } from '../../src/api/v1alpha1/index.ts';
import type { GoogleClient, GoogleRequest, GoogleSettings, ImpersonationProbe } from '../../src/revokers/google-cloud/api.ts';
import { createConnection } from '../../src/revokers/google-cloud/client.ts';
import type { GoogleConnectors } from '../../src/revokers/google-cloud/connectors.ts';
import { createGoogleCloudKind } from '../../src/revokers/google-cloud/revoker.ts';
import { usable } from '../../src/revokers/google-cloud/settings.ts';
import type { DependencyKind } from '../../src/revokers/revoker.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { type Case, caseOf } from './revoker-case.ts';

export type { Case } from './revoker-case.ts';

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
  connect: () => Promise.resolve({ client, settings, grantsResource, grantsAccount: () => true }),
  settings: () => settings,
});

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
): Case => caseOf(kind, serviceAccount, { name: 'google', googleCloud: { connectorRef: { name: 'google' }, ...named } });
