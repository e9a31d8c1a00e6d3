/**
 * API servers that make tokens and tell what they think of them, over one {@link FakeKube}: as the real ones do, each takes from memory
 * for 10 s what it took once, apart for each list of audiences, and looks for the account first and for the bound Secret after it.
 */
import type { ApiServer, ApiServers } from '../../src/kube/api-servers.ts';
import { errorFromStatus } from '../../src/kube/errors.ts';
import type { ApiRequest } from '../../src/kube/request.ts';
import { secrets, serviceAccounts } from '../../src/kube/resources.ts';
import type { Transport } from '../../src/kube/transport.ts';
import type { FakeClock } from './clock.ts';
import type { FakeKube } from './kube.ts';

export const apiAudience = 'https://kubernetes.default.svc.cluster.local';

export interface SeenRequest {
  readonly server: string;
  /** The plural. */
  readonly resource: string;
  readonly as: 'operator' | 'token';
  readonly audiences: readonly string[] | undefined;
}

export interface FakeApiServers {
  readonly apiServers: ApiServers;
  /** As the operator, to the first. */
  readonly transport: Transport;
  /** Which of them can be seen from now on. */
  readonly show: (names: readonly string[]) => void;
  /** Gives the answer to a request, or throws, in place of the server; undefined lets it be. */
  readonly instead: (answer: (request: SeenRequest) => unknown) => void;
  readonly requests: readonly SeenRequest[];
  /** All that were made. */
  readonly tokens: readonly string[];
  /** Transports by a token alone that nobody has closed. */
  readonly open: () => number;
}

interface Claims {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly secret: { readonly name: string; readonly uid: string };
  readonly until: number;
}

const cacheFor = 10_000;
const lifetime = 600_000;
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const refusal = (code: number, reason: string, message: string, details: object = {}): Error =>
  errorFromStatus({ kind: 'Status', status: 'Failure', code, reason, message, details }, code, { verb: 'create' });

export const unauthorized = (): Error => refusal(401, 'Unauthorized', 'Unauthorized');

export const createFakeApiServers = (kube: FakeKube, clock: FakeClock, names: readonly string[] = ['10.0.0.1:6443', '10.0.0.2:6443']): FakeApiServers => {
  let shown = names;
  let instead: (request: SeenRequest) => unknown = () => undefined;
  let open = 0;
  const requests: SeenRequest[] = [];
  const tokens: string[] = [];
  const known = new Map<string, { readonly claims: Claims }>();
  const cache = new Map<string, number>();

  const whyRefused = ({ namespace, name, uid, secret, until }: Claims): string | undefined => {
    if (clock.monotonic() >= until) return 'service account token has expired';
    const account = kube.find(serviceAccounts, { namespace, name });
    if (account === undefined) return `serviceaccounts "${name}" not found`;
    if (account.metadata.uid !== uid) return `service account UID (${account.metadata.uid}) does not match claim (${uid})`;
    const bound = kube.find(secrets, { namespace, name: secret.name });
    return bound?.metadata.uid === secret.uid ? undefined : 'service account token has been invalidated';
  };
  /** Undefined when it is taken. */
  const judge = (server: string, token: string, audiences: readonly string[]): string | undefined => {
    const key = JSON.stringify([server, token, audiences]);
    if ((cache.get(key) ?? -1) > clock.monotonic()) return undefined;
    const claims = known.get(token)?.claims;
    const why = claims === undefined ? 'unknown' : whyRefused(claims);
    if (why === undefined) cache.set(key, clock.monotonic() + cacheFor);
    return why;
  };
  const userOf = (token: string): object => {
    const { namespace = '', name = '', uid = '' } = known.get(token)?.claims ?? {};
    return { username: `system:serviceaccount:${namespace}:${name}`, uid };
  };

  const make = (path: string, body: unknown): object => {
    const [, namespace = '', name = ''] = /namespaces\/([^/]+)\/serviceaccounts\/([^/]+)\/token$/.exec(path) ?? [];
    const { metadata, spec } = body as { readonly metadata: { readonly uid: string }; readonly spec: { readonly boundObjectRef: Claims['secret'] } };
    const account = kube.find(serviceAccounts, { namespace, name });
    if (account === undefined) throw refusal(404, 'NotFound', `serviceaccounts "${name}" not found`, { name, kind: 'serviceaccounts' });
    if (account.metadata.uid !== metadata.uid) throw refusal(409, 'Conflict', 'the UID in the token request does not match the UID of the service account');
    const { name: secret, uid } = spec.boundObjectRef;
    const claims: Claims = { namespace, name, uid: account.metadata.uid, secret: { name: secret, uid }, until: clock.monotonic() + lifetime };
    const token = `${encode({ alg: 'RS256' })}.${encode({ 'kubernetes.io': { namespace, serviceaccount: { name, uid: claims.uid } }, serial: tokens.length })}.c2lnbmF0dXJl`;
    known.set(token, { claims });
    tokens.push(token);
    return { kind: 'TokenRequest', status: { token } };
  };
  const review = (server: string, body: unknown): object => {
    const { token, audiences = [apiAudience] } = (body as { readonly spec: { readonly token: string; readonly audiences?: readonly string[] } }).spec;
    const why = judge(server, token, audiences);
    if (why !== undefined) return { kind: 'TokenReview', spec: { token }, status: { user: {}, error: `[invalid bearer token, ${why}]` } };
    return { kind: 'TokenReview', spec: { token }, status: { authenticated: true, user: userOf(token), audiences: [apiAudience] } };
  };

  const transportOf = (server: string, token?: string): Transport => {
    if (token !== undefined) open += 1;
    return {
      request: async ({ path, body, resource, signal }: ApiRequest) => {
        await Promise.resolve();
        signal?.throwIfAborted();
        const audiences = (body as { readonly spec?: { readonly audiences?: readonly string[] } }).spec?.audiences;
        const seen: SeenRequest = { server, resource, as: token === undefined ? 'operator' : 'token', audiences };
        requests.push(seen);
        const own = await instead(seen);
        if (own !== undefined) return own;
        if (resource === 'serviceaccounts/token') return make(path, body);
        if (resource === 'tokenreviews') return review(server, body);
        if (token === undefined || judge(server, token, [apiAudience]) !== undefined) throw unauthorized();
        return { kind: 'SelfSubjectReview', status: { userInfo: userOf(token) } };
      },
      stream: () => {
        throw new Error('nothing is watched');
      },
      close: () => {
        if (token !== undefined) open -= 1;
        return Promise.resolve();
      },
    };
  };
  const serverOf = (name: string): ApiServer => ({ name, transport: transportOf(name), withToken: (token) => transportOf(name, token) });

  return {
    apiServers: { discovers: false, all: () => Promise.resolve(shown.map(serverOf)), close: () => Promise.resolve() },
    transport: transportOf(names[0] ?? ''),
    show: (next) => {
      shown = next;
    },
    instead: (answer) => {
      instead = answer;
    },
    requests,
    tokens,
    open: () => open,
  };
};
