import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createFakeClock, type FakeClock } from '../../../test/fakes/clock.ts';
import { type FakeHttpServer, type Handler, sendJson, startHttpServer } from '../../../test/fakes/http-server.ts';
import { needsPerson, OutcomeError } from '../../runtime/outcome.ts';
import type { Attempt } from './api.ts';
import { createImpersonationProbe, type OwnImpersonationProbe } from './probe.ts';

const never = new AbortController().signal;
const email = 'agent@acme-ci.iam.gserviceaccount.com';
const federated = 'ya29.d.federated-0123456789abcdef';
const minted = 'ya29.c.minted-0123456789abcdef';
const canary = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJl';
const provider = { audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/providers/kind', tokenAudience: 'https://kind' };

type Answer = Handler | { readonly code: number; readonly body: object };

let server: FakeHttpServer;
let clock: FakeClock;
let probe: OwnImpersonationProbe;
/** What the two services answer. */
let sts: Answer;
let iam: Answer;
/** Whom a canary was made of, and for which audience. */
let issued: unknown[];
let refusal: Error | undefined;

const exchanged = { code: 200, body: { access_token: federated, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: 3600 } };
const granted = { code: 200, body: { accessToken: minted, expireTime: '2026-11-23T11:00:00Z' } };
const google = (code: number, status: string, reason?: string) => ({
  code,
  body: {
    error: {
      code, status, message: `Google says ${status}`,
      ...(reason === undefined ? {} : { details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'iam.googleapis.com' }, { '@type': 'type.googleapis.com/google.rpc.Help' }] }),
    },
  },
});
const denied = google(403, 'PERMISSION_DENIED', 'IAM_PERMISSION_DENIED');

const anAttempt = (account: Attempt['dependency']['serviceAccount'] | null = { email }, providers: readonly (typeof provider)[] = [provider]): Attempt => ({
  target: { serviceAccount: { namespace: 'ci', name: 'agent', uid: 'uid-1' } },
  dependency: { connectorRef: { name: 'gcp' }, ...(account === null ? {} : { serviceAccount: account }), probe: true },
  settings: {
    settleTime: 420_000, maxConcurrent: 8, accessTokenLifetime: 3_600_000,
    endpoints: { sts: server.url, iamcredentials: server.url },
    pools: [{ name: 'projects/1/locations/global/workloadIdentityPools/none', shared: false, subject: '' }, ...providers.map((each) => ({ name: 'p', shared: false, subject: '', provider: each }))],
  },
});

const failure = async (promise: Promise<unknown>): Promise<OutcomeError> => {
  const error: unknown = await promise.then((value) => value, (reason: unknown) => reason);
  if (!(error instanceof OutcomeError)) throw new Error(`expected an OutcomeError, got ${String(error)}`);
  return error;
};

const work = async (): Promise<void> => {
  expect(await probe.control(anAttempt(), never)).toBe('Worked');
};

beforeEach(async () => {
  [sts, iam, issued, refusal] = [exchanged, granted, [], undefined];
  server = await startHttpServer((request, response) => {
    const answer = request.path === '/v1/token' ? sts : iam;
    if (typeof answer === 'function') answer(request, response);
    else sendJson(response, answer.code, answer.body);
  });
  clock = createFakeClock();
  probe = createImpersonationProbe({
    clock,
    userAgent: 'offboard/test',
    canaries: {
      issue: (account, audience) => {
        issued.push([account, audience]);
        return refusal === undefined ? Promise.resolve({ token: canary, until: clock.monotonic() + 600_000 }) : Promise.reject(refusal);
      },
    },
  });
});
afterEach(async () => {
  await probe.close();
  await server.close();
});

describe('the control', () => {
  it('acts as the account as the identity does, for the shortest time', async () => {
    await work();
    expect(issued).toEqual([[{ namespace: 'ci', name: 'agent', uid: 'uid-1' }, 'https://kind']]);
    const [exchange, asking] = server.requests;
    expect(exchange).toMatchObject({ method: 'POST', path: '/v1/token' });
    expect(exchange?.headers).not.toHaveProperty('authorization');
    expect(Object.fromEntries(new URLSearchParams(exchange?.body))).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', audience: provider.audience, scope: 'https://www.googleapis.com/auth/cloud-platform',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token', subject_token_type: 'urn:ietf:params:oauth:token-type:jwt', subject_token: canary,
    });
    expect(asking).toMatchObject({ method: 'POST', headers: { authorization: `Bearer ${federated}`, 'user-agent': 'offboard/test' } });
    expect(decodeURIComponent(asking?.path.split('?')[0] ?? '')).toBe(`/v1/projects/-/serviceAccounts/${email}:generateAccessToken`);
    expect(JSON.parse(asking?.body ?? '')).toEqual({ scope: ['https://www.googleapis.com/auth/cloud-platform'], lifetime: '300s' });
  });

  it('names the account by its unique id where that is known', async () => {
    await probe.control(anAttempt({ email, uniqueId: '112011146970661392355' }), never);
    expect(server.requests[1]?.path).toContain('/serviceAccounts/112011146970661392355:generateAccessToken');
  });

  it('that is refused says so, and from then on nothing is tried', async () => {
    await work();
    iam = denied;
    await clock.advance(300_000);
    expect(await probe.control(anAttempt(), never)).toBe('Refused');
    const { length } = server.requests;
    expect(await probe.attempt(anAttempt(), never)).toBeUndefined();
    expect(server.requests).toHaveLength(length);
  });

  it('is taken once, anew where it would not last, and goes on while it lives where that fails', async () => {
    await work();
    await clock.advance(285_000);
    await work();
    expect(issued).toHaveLength(1);
    await clock.advance(1_000);
    refusal = needsPerson('AlreadyLocked', 'it is locked already');
    await work();
    expect(issued).toHaveLength(2);
    iam = denied;
    expect(await probe.attempt(anAttempt(), never)).toMatchObject({ state: 'Absent' });
    await clock.advance(300_000);
    expect(await failure(probe.control(anAttempt(), never))).toBe(refusal);
  });

  it.each([
    ['the token service refuses the token', { code: 400, body: { error: 'invalid_grant', error_description: 'the audience is not mine' } }, granted, 'NeedsPerson', 'the audience is not mine'],
    ['the token service has trouble', { code: 503, body: {} }, granted, 'Retryable', 'HTTP 503'],
    ['the token service gives none', { code: 200, body: {} }, granted, 'Retryable', 'HTTP 200'],
    ['there is no such account', exchanged, google(404, 'NOT_FOUND'), 'NeedsPerson', 'Google says NOT_FOUND'],
    ['an API is switched off', exchanged, google(403, 'PERMISSION_DENIED', 'SERVICE_DISABLED'), 'NeedsPerson', 'HTTP 403'],
    ['Google wants patience', exchanged, google(429, 'RESOURCE_EXHAUSTED'), 'Retryable', 'HTTP 429'],
    ['there is no token in the answer', exchanged, { code: 200, body: {} }, 'Retryable', 'no token'],
    ['a proxy refuses', exchanged, { code: 403, body: {} }, 'Retryable', 'HTTP 403'],
  ] as const)('proves nothing and says why when %s', async (_, stsAnswer, iamAnswer, kind, words) => {
    [sts, iam] = [stsAnswer, iamAnswer];
    const error = await failure(probe.control(anAttempt(), never));
    expect(error).toMatchObject({ kind, message: expect.stringContaining(words) as string });
    expect(error.message).toContain('the probe could not be made');
    expect(await probe.attempt(anAttempt(), never)).toBeUndefined();
  });

  it('needs a canary, an account and a way to log in, and says which is missing', async () => {
    refusal = needsPerson('PermissionMissing', 'may not create serviceaccounts/token');
    expect(await failure(probe.control(anAttempt(), never))).toBe(refusal);
    refusal = undefined;
    expect(await failure(probe.control(anAttempt(null), never))).toMatchObject({ kind: 'Invalid', reason: 'InvalidSpec' });
    expect(await failure(probe.control(anAttempt({ email }, []), never))).toMatchObject({ kind: 'Invalid', reason: 'InvalidSpec' });
    const unknown = { ...anAttempt(), target: { serviceAccount: { namespace: 'ci', name: 'agent' } } };
    expect(await failure(probe.control(unknown, never))).toMatchObject({ kind: 'NeedsPerson', reason: 'IdentityUnknown' });
    expect(server.requests).toHaveLength(0);
  });
});

describe('the attempt', () => {
  const attempt = () => probe.attempt(anAttempt(), never);

  it('proves nothing without a control, nor by that of another identity or account', async () => {
    expect(await attempt()).toBeUndefined();
    await work();
    const { target, ...rest } = anAttempt();
    expect(await probe.attempt({ ...rest, target: { serviceAccount: { ...target.serviceAccount, uid: 'uid-2' } } }, never)).toBeUndefined();
    expect(await probe.attempt(anAttempt({ email: `other-${email}` }), never)).toBeUndefined();
  });

  it.each([
    ['Google says that the permission is missing', denied, 'Absent', undefined],
    ['Google says so without saying why', google(403, 'PERMISSION_DENIED'), 'Absent', undefined],
    ['it still works', granted, 'Present', 'still gets an access token'],
    ['an API was switched off', google(403, 'PERMISSION_DENIED', 'SERVICE_DISABLED'), 'Unknown', 'Google says PERMISSION_DENIED'],
    ['a perimeter is in the way', google(403, 'PERMISSION_DENIED', 'SECURITY_POLICY_VIOLATED'), 'Unknown', 'Google says'],
    ['the account is not found', google(404, 'NOT_FOUND'), 'Unknown', 'HTTP 404: Google says NOT_FOUND'],
    ['the login is refused', google(401, 'UNAUTHENTICATED'), 'Unknown', 'HTTP 401'],
    ['Google has trouble', google(503, 'UNAVAILABLE'), 'Unknown', 'HTTP 503'],
    ['a proxy refuses', { code: 403, body: { error: 'forbidden' } }, 'Unknown', 'HTTP 403'],
    ['a proxy shows a page', ((_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end('<h1>403</h1>')) satisfies Handler, 'Unknown', 'HTTP 403'],
    ['a proxy welcomes us', ((_, response) => response.end('<h1>hello</h1>')) satisfies Handler, 'Unknown', 'no token'],
    ['nothing is in the answer', { code: 200, body: {} }, 'Unknown', 'no token'],
    ['the connection breaks', ((_, response) => response.destroy()) satisfies Handler, 'Unknown', 'did not get through'],
  ] as const)('that a control went before: %s', async (_, answer, state, words) => {
    await work();
    iam = answer;
    const observation = await attempt();
    expect(observation).toMatchObject({ state, method: 'probe/generateAccessToken' });
    if (words === undefined) expect(observation?.message).toBeUndefined();
    else expect(observation?.message).toContain(words);
  });

  it.each([
    ['the token service refuses', { code: 400, body: { error: 'invalid_target' } }, 'invalid_target'],
    ['the token service is down', { code: 503, body: {} }, 'HTTP 503'],
  ])('does not take another refusal for the one that counts: %s', async (_, answer, words) => {
    await work();
    sts = answer;
    expect(await attempt()).toMatchObject({ state: 'Unknown', message: expect.stringContaining(words) as string });
  });

  it('uses the canary of the control, and none when that is about to run out', async () => {
    const controlAt = clock.now();
    await work();
    iam = denied;
    await clock.advance(584_000);
    expect(await attempt()).toEqual({ state: 'Absent', method: 'probe/generateAccessToken', tried: { controlAt, refusals: 1, servers: 1 } });
    expect(issued).toHaveLength(1);
    await clock.advance(1_500);
    expect(await attempt()).toBeUndefined();
  });

  it('that took until the canary ran out is no refusal, but what worked has worked', async () => {
    await work();
    const later = (answer: { readonly code: number; readonly body: object }): Handler => (_, response) => void clock.advance(9_000).then(() => { sendJson(response, answer.code, answer.body); });
    await clock.advance(580_000);
    iam = later(denied);
    expect(await attempt()).toBeUndefined();
    iam = granted;
    await work();
    await clock.advance(580_000);
    iam = later(granted);
    expect((await attempt())?.state).toBe('Present');
  });

  it('has to be refused at each of the ways in that worked, and only there', async () => {
    const second = { ...provider, audience: `${provider.audience}-2` };
    const third = { ...provider, audience: `${provider.audience}-3` };
    const answers = new Map<string, { readonly code: number; readonly body: object }>([[provider.audience, granted], [second.audience, granted], [third.audience, denied]]);
    sts = ({ body }, response) => { sendJson(response, 200, { access_token: new URLSearchParams(body).get('audience') }); };
    iam = ({ headers }, response) => {
      const { code, body } = answers.get(headers.authorization?.replace('Bearer ', '') ?? '') ?? denied;
      sendJson(response, code, body);
    };
    const three = anAttempt({ email }, [provider, second, third]);
    expect(await probe.control(three, never)).toBe('Worked');
    answers.set(provider.audience, denied);
    expect((await probe.attempt(three, never))?.state).toBe('Present');
    answers.set(second.audience, google(503, 'UNAVAILABLE'));
    expect((await probe.attempt(three, never))?.state).toBe('Unknown');
    answers.set(second.audience, denied);
    const { length } = server.requests;
    expect(await probe.attempt(three, never)).toMatchObject({ state: 'Absent', tried: { refusals: 2, servers: 1 } });
    expect(server.requests.length - length, 'two exchanges, two refusals').toBe(4);
  });
});

describe('the library', () => {
  it('follows no redirect with a token', async () => {
    const elsewhere = await startHttpServer((_, response) => { sendJson(response, 200, granted.body); });
    await work();
    iam = (_, response) => response.writeHead(307, { location: `${elsewhere.url}/` }).end();
    expect((await probe.attempt(anAttempt(), never))?.state).toBe('Unknown');
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it.each([
    ['does not begin', (() => undefined) satisfies Handler],
    ['does not end', ((_, response) => { response.writeHead(200).write('{'); }) satisfies Handler],
  ])('does not wait for ever for an answer that %s', async (_, answer) => {
    await work();
    iam = answer;
    const under = probe.attempt(anAttempt(), never);
    await vi.waitFor(() => { expect(server.requests).toHaveLength(4); });
    await clock.advance(10_001);
    expect(await under).toMatchObject({ state: 'Unknown', message: expect.stringContaining('within 10 s') as string });
  });

  it('ends when it is told to', async () => {
    await work();
    iam = () => undefined;
    const stop = new AbortController();
    const under = probe.attempt(anAttempt(), stop.signal);
    await vi.waitFor(() => { expect(server.requests).toHaveLength(4); });
    stop.abort(new Error('stopped'));
    expect(await under).toMatchObject({ state: 'Unknown' });
    await expect(probe.control(anAttempt({ email: `other-${email}` }), stop.signal)).rejects.toThrow('stopped');
  });

  it('reads no answer of any size', async () => {
    await work();
    iam = (_, response) => response.end('x'.repeat(2 * 2 ** 20));
    expect(await probe.attempt(anAttempt(), never)).toMatchObject({ state: 'Unknown', message: expect.stringContaining('larger than 1 MiB') as string });
  });

  it('asks once: what goes wrong is asked again by whoever wanted to know', async () => {
    await work();
    iam = google(503, 'UNAVAILABLE');
    await probe.attempt(anAttempt(), never);
    expect(server.requests).toHaveLength(4);
  });

  it('does not look for a proxy, credentials or another domain in the environment', async () => {
    const trap = await startHttpServer((_, response) => { sendJson(response, 200, granted.body); });
    for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy']) vi.stubEnv(name, trap.url);
    vi.stubEnv('GOOGLE_CLOUD_UNIVERSE_DOMAIN', 'example.com');
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere.json');
    vi.stubEnv('GCE_METADATA_HOST', trap.url.replace('http://', ''));
    await work();
    expect(trap.requests).toHaveLength(0);
    vi.unstubAllEnvs();
    await trap.close();
  });

  it('tells no token, whatever is answered, and not in its logs either', async () => {
    vi.stubEnv('GOOGLE_SDK_NODE_LOGGING', 'all');
    const written: unknown[] = [];
    const errors = vi.spyOn(console, 'error').mockImplementation((...words) => void written.push(words));
    const said: unknown[] = [];
    await work();
    const other = anAttempt({ email: `other-${email}` });
    const leaky = { error: { code: 500, status: 'INTERNAL', message: `you sent Bearer ${federated} of ${canary}` }, error_description: `no ${canary}` };
    iam = { code: 500, body: leaky };
    said.push(await probe.attempt(anAttempt(), never), (await failure(probe.control(other, never))).message);
    iam = (_, response) => response.destroy();
    said.push(await probe.attempt(anAttempt(), never), (await failure(probe.control(other, never))).message);
    sts = { code: 400, body: leaky };
    said.push(await probe.attempt(anAttempt(), never), (await failure(probe.control(other, never))).message);
    errors.mockRestore();
    vi.unstubAllEnvs();
    expect(JSON.stringify(written), 'it logs what it is answered').toContain('generateAccessToken response');
    for (const secret of [federated, minted, canary]) expect(JSON.stringify([said, written]).includes(secret)).toBe(false);
  });
});
