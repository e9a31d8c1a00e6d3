/**
 * Canaries of a real API server: whose they are, for whom, and what is left of them when their account is gone. And the probe that
 * takes them to a Google that knows the cluster's keys, and decides by its policies.
 */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { serviceAccounts } from '../../src/kube/resources.ts';
import { type Canaries, createCanaries } from '../../src/kube/tokens.ts';
import { createTransport } from '../../src/kube/transport.ts';
import type { Attempt } from '../../src/revokers/google-cloud/api.ts';
import { createImpersonationProbe, type OwnImpersonationProbe } from '../../src/revokers/google-cloud/probe.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';
import { type GoogleCloud, type Pool, startGoogleCloud } from '../env/google-cloud.ts';

const never = new AbortController().signal;
const audience = 'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/kind';
const project = 'acme-ci';
const role = 'roles/iam.workloadIdentityUser';
const strangersUid = '00000000-0000-4000-8000-000000000000';

let cluster: ControlPlane;
let canaries: Canaries;
let google: GoogleCloud;
let pool: Pool;
let probe: OwnImpersonationProbe;
/** Milliseconds by which our clock is ahead of all others. */
let ahead = 0;
let serial = 0;
const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
const cleanups: (() => Promise<unknown>)[] = [];

const canariesAs = (kubeconfig: string) => {
  const options = { config: loadKubeConfig({ path: kubeconfig, clock }), clock, version: 'test' };
  const transport = createTransport(options);
  cleanups.push(transport.close);
  return { canaries: createCanaries({ ...options, transport }), client: createKubeClient(transport) };
};

/** Resolves to its UID. */
const anAccount = async (name: string): Promise<string> => {
  const { client } = canariesAs(cluster.kubeconfig);
  return (await client.create(serviceAccounts, 'default', { metadata: { name } })).metadata.uid;
};

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => undefined, (error: unknown) => error);

const keysOfCluster = async () =>
  (JSON.parse(await cluster.kubectl(['get', '--raw', '/openid/v1/jwks'])) as { readonly keys: readonly (JsonWebKey & { readonly kid: string })[] }).keys;

/** As anybody does who trusts the cluster's issuer and asks it nothing but its keys, such as Google's security token service. */
const isSignedByCluster = async (token: string): Promise<boolean> => {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { readonly kid: string };
  const key = (await keysOfCluster()).find((each) => each.kid === kid);
  return key !== undefined && verify('sha256', Buffer.from(`${header}.${claims}`), createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url'));
};

beforeAll(async () => {
  [cluster, google] = await Promise.all([startControlPlane(), startGoogleCloud()]);
  ({ canaries } = canariesAs(cluster.kubeconfig));
  await google.addProject(project);
  const { issuer } = JSON.parse(await cluster.kubectl(['get', '--raw', '/.well-known/openid-configuration'])) as { readonly issuer: string };
  pool = await google.addPool({ project, pool: 'ci', issuer, jwks: { keys: await keysOfCluster() } });
  probe = createImpersonationProbe({ canaries, clock, userAgent: 'offboard/test' });
  cleanups.push(probe.close);
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  await Promise.all([google.stop(), cluster.stop()]);
});

describe('a canary', () => {
  it('is of one account, for one audience, and lasts ten minutes', async () => {
    const uid = await anAccount('one');
    const before = systemClock.monotonic();
    const { token, until } = await canaries.issue({ namespace: 'default', name: 'one', uid }, audience, never);
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { readonly aud: unknown; readonly exp: number; readonly iat: number };
    expect(claims.aud).toEqual([audience]);
    expect(claims.exp - claims.iat).toBe(600);
    expect(until - before).toBeGreaterThanOrEqual(600_000);
    expect(until - before).toBeLessThan(601_000);
  });

  it('is not made of another account of the name: the API server itself refuses that', async () => {
    await anAccount('another');
    expect(await failure(canaries.issue({ namespace: 'default', name: 'another', uid: strangersUid }, audience, never))).toMatchObject({
      kind: 'Retryable', reason: 'Conflict', message: expect.stringContaining(strangersUid) as string,
    });
  });

  it('that the API server takes is given to nobody', async () => {
    const uid = await anAccount('taken');
    expect(await failure(canaries.issue({ namespace: 'default', name: 'taken', uid }, 'https://kubernetes.default.svc.cluster.local', never))).toMatchObject({
      kind: 'NeedsPerson', reason: 'WrongAudience', message: expect.stringContaining('could act as ServiceAccount "taken" in "default"') as string,
    });
  });

  it('that may not be had says what to grant where', async () => {
    const uid = await anAccount('unreachable');
    const nobody = canariesAs(cluster.kubeconfigFor({ as: 'nobody' })).canaries;
    expect(await failure(nobody.issue({ namespace: 'default', name: 'unreachable', uid }, audience, never))).toMatchObject({
      kind: 'NeedsPerson', reason: 'PermissionMissing', message: expect.stringContaining('may not create serviceaccounts/token in namespace "default"') as string,
    });
  });

  it('is signed for all who only know the keys also after its account is gone, which is why the binding must go', async () => {
    const uid = await anAccount('gone');
    const { token } = await canaries.issue({ namespace: 'default', name: 'gone', uid }, audience, never);
    expect(await isSignedByCluster(token)).toBe(true);
    await cluster.kubectl(['delete', 'serviceaccount', 'gone', '-n', 'default']);
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [audience] } };
    const authenticated = async (): Promise<unknown> => {
      const answer = await cluster.kubectl(['create', '-o', 'json', '-f', '-'], { stdin: JSON.stringify(review) });
      return (JSON.parse(answer) as { readonly status: { readonly authenticated?: boolean } }).status.authenticated;
    };
    await waitFor(async () => (await authenticated()) !== true, { what: 'the API server to know the account no more' });
    expect(await isSignedByCluster(token)).toBe(true);
    expect(await isSignedByCluster(`${token.slice(0, -6)}AAAAAA`), 'and one that is not is not').toBe(false);
  });
});

interface Agent {
  readonly attempt: Attempt;
  /** Its service account, and what may act as it. */
  readonly email: string;
  readonly account: string;
  readonly member: string;
}

/** A ServiceAccount that may act as a service account of its own. */
const anAgent = async (name: string): Promise<Agent> => {
  const [uid, { email, uniqueId }] = await Promise.all([anAccount(name), google.addServiceAccount(project, name)]);
  const account = `//iam.googleapis.com/projects/${project}/serviceAccounts/${uniqueId}`;
  const member = `principal://iam.googleapis.com/${pool.name}/subject/system:serviceaccount:default:${name}`;
  await google.grant(account, role, member);
  const provider = { audience: pool.audience, tokenAudience: pool.tokenAudiences[0] ?? '' };
  const attempt: Attempt = {
    target: { serviceAccount: { namespace: 'default', name, uid } },
    dependency: { connectorRef: { name: 'gcp' }, serviceAccount: { email, uniqueId }, probe: true },
    settings: {
      settleTime: 1_000, maxConcurrent: 8, accessTokenLifetime: 3_600_000, endpoints: google.endpoints,
      pools: [{ name: pool.name, shared: false, subject: 'system:serviceaccount:{namespace}:{name}', provider }],
    },
  };
  return { attempt, email, account, member };
};

describe('a probe', () => {
  it('works before, and is refused when the binding is gone, also when the ServiceAccount is gone by then', async () => {
    const { attempt, account, member } = await anAgent('bound');
    expect(await probe.control(attempt, never)).toBe('Worked');
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Present' });
    await cluster.kubectl(['delete', 'serviceaccount', 'bound', '-n', 'default']);
    expect(await probe.attempt(attempt, never), 'the token service goes by the keys alone').toMatchObject({ state: 'Present' });
    await google.ungrant(account, role, member);
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Absent', method: 'probe/generateAccessToken', tried: { refusals: 1 } });
  });

  it('is refused with the account disabled as well, and does not take that it is disabled for the refusal', async () => {
    const { attempt, email, account, member } = await anAgent('disabled');
    expect(await probe.control(attempt, never)).toBe('Worked');
    await google.changeAccount(email, { disabled: true });
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Unknown', message: expect.stringContaining('Service account is disabled') as string });
    await google.ungrant(account, role, member);
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Absent' });
  });

  it('proves nothing where it did not work before', async () => {
    const { attempt, account, member } = await anAgent('unbound');
    await google.ungrant(account, role, member);
    expect(await probe.control(attempt, never)).toBe('Refused');
    expect(await probe.attempt(attempt, never)).toBeUndefined();
  });

  it('proves nothing with a canary that has run out', async () => {
    const { attempt, account, member } = await anAgent('late');
    expect(await probe.control(attempt, never)).toBe('Worked');
    await google.ungrant(account, role, member);
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Absent' });
    ahead = 600_000;
    expect(await probe.attempt(attempt, never)).toBeUndefined();
    ahead = 0;
    expect(await probe.attempt(attempt, never), 'it is forgotten').toBeUndefined();
  });

  it.each([
    ['sts', { kind: 'status', status: 503 }, 'HTTP 503'],
    ['iamcredentials', { kind: 'status', status: 503 }, 'HTTP 503'],
    ['iamcredentials', { kind: 'status', status: 403, body: { error: 'forbidden' } }, 'HTTP 403'],
    ['iamcredentials', { kind: 'html' }, 'no token'],
    ['iamcredentials', { kind: 'reset' }, 'did not get through'],
  ] as const)('cannot tell while something is wrong with %s: %j', async (service, fault, words) => {
    const { attempt, account, member } = await anAgent(`wrong-${String((serial += 1))}`);
    expect(await probe.control(attempt, never)).toBe('Worked');
    await google.ungrant(account, role, member);
    const mend = await google.fault({ match: { service }, fault });
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Unknown', message: expect.stringContaining(words) as string });
    await mend();
    expect(await probe.attempt(attempt, never)).toMatchObject({ state: 'Absent' });
  });
});
