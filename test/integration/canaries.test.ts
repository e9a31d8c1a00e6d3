/** Canaries of a real API server: whose they are, for whom they are, and what is left of them when their account is gone. */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createKubeClient } from '../../src/kube/client.ts';
import { loadKubeConfig } from '../../src/kube/config.ts';
import { serviceAccounts } from '../../src/kube/resources.ts';
import { type Canaries, createCanaries } from '../../src/kube/tokens.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type ControlPlane, startControlPlane, waitFor } from '../env/control-plane.ts';

const never = new AbortController().signal;
const audience = 'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/kind';
const strangersUid = '00000000-0000-4000-8000-000000000000';

let cluster: ControlPlane;
let canaries: Canaries;
const cleanups: (() => Promise<unknown>)[] = [];

const canariesAs = (kubeconfig: string) => {
  const options = { config: loadKubeConfig({ path: kubeconfig, clock: systemClock }), clock: systemClock, version: 'test' };
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

/** As anybody does who trusts the cluster's issuer and asks it nothing but its keys, such as Google's security token service. */
const isSignedByCluster = async (token: string): Promise<boolean> => {
  const { keys } = JSON.parse(await cluster.kubectl(['get', '--raw', '/openid/v1/jwks'])) as { readonly keys: readonly (JsonWebKey & { readonly kid: string })[] };
  const [header = '', claims = '', signature = ''] = token.split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { readonly kid: string };
  const key = keys.find((each) => each.kid === kid);
  return key !== undefined && verify('sha256', Buffer.from(`${header}.${claims}`), createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url'));
};

beforeAll(async () => {
  cluster = await startControlPlane();
  ({ canaries } = canariesAs(cluster.kubeconfig));
});
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  await cluster.stop();
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
