/**
 * `@google-cloud/iam-credentials`, with a transport of our own beneath it. By itself it follows redirects with the token, has no end
 * to its patience and reads a body of any size (ADR 25). Whoever imports this does so when there is something to ask: an operator
 * that probes nothing does without.
 */
import { IAMCredentialsClient } from '@google-cloud/iam-credentials';
import type { HttpClient } from '../../runtime/http.ts';
import { jsonOf, textOf } from '../fields.ts';
import { cloudPlatform } from './token-exchange.ts';

/** A whole answer, whatever its status. The access token in it, if any, is only told to be there. */
export interface AccessTokenAnswer {
  readonly status: number;
  /** Parsed; undefined where it is not JSON. */
  readonly body: unknown;
  readonly granted: boolean;
}

export interface AccessTokenRequest {
  /** Of the service, for its path that everything else begins with. */
  readonly http: HttpClient;
  /** The e-mail or the unique id of the service account. */
  readonly account: string;
  /** Whoever asks, as a bearer token. */
  readonly token: string;
  readonly signal: AbortSignal;
}

/** The shortest that a token can be asked for to be of use; nobody gets to see this one. */
const lifetimeSeconds = 300;

/** Rejects with an `HttpError` when there is no whole answer, and with the reason of the signal. */
export const generateAccessToken = async ({ http, account, token, signal }: AccessTokenRequest): Promise<AccessTokenAnswer> => {
  // What goes into the path is encoded by the library, but for what would make another path of it.
  if (!/^[a-z0-9][\w.@-]*$/i.test(account)) throw new Error('this is no name of a service account');
  let told: { readonly answer: AccessTokenAnswer } | { readonly error: unknown } | undefined;
  const transport: Transport = {
    getRequestHeaders: () => Promise.resolve(new Headers()),
    fetch: async (url, { method, headers, body }) => {
      try {
        const { pathname, search } = new URL(url);
        const sent = { ...Object.fromEntries(headers.entries()), authorization: `Bearer ${token}` };
        const answer = await http.request({ method, path: `${pathname}${search}`, headers: sent, body, signal });
        told = { answer: withoutToken(answer) };
        return seenByLibrary(told.answer);
      } catch (error) {
        told = { error };
        throw error;
      }
    },
  };
  const options = { fallback: true, universeDomain: 'googleapis.com', auth: transport };
  const client = new IAMCredentialsClient(options as unknown as ConstructorParameters<typeof IAMCredentialsClient>[0]);
  const request = { name: `projects/-/serviceAccounts/${account}`, scope: [cloudPlatform], lifetime: { seconds: lifetimeSeconds } };
  // What it makes of the answer, which is thrown where that is an error, is not needed.
  const [failure] = await client.generateAccessToken(request, { retry: null }).then(() => [], (error: unknown) => [error]);
  if (told === undefined) throw failure;
  if ('error' in told) throw told.error;
  return told.answer;
};

/** As much of an `AuthClient` as the library needs in its REST mode. */
interface Transport {
  readonly getRequestHeaders: () => Promise<Headers>;
  readonly fetch: (url: string, init: { readonly method: string; readonly headers: Headers; readonly body: string }) => Promise<Pick<Response, 'ok' | 'status' | 'arrayBuffer'>>;
}

/** The token is dropped before anybody sees it, the library with its logs included. */
const withoutToken = ({ status, body: text }: { readonly status: number; readonly body: string }): AccessTokenAnswer => {
  const body = jsonOf(text);
  if (status !== 200) return { status, body, granted: false };
  return { status, body: undefined, granted: (textOf(body, 'accessToken') ?? '') !== '' };
};

const seenByLibrary = ({ status, body }: AccessTokenAnswer): Pick<Response, 'ok' | 'status' | 'arrayBuffer'> => ({
  ok: status === 200,
  status,
  arrayBuffer: () => Promise.resolve(new TextEncoder().encode(JSON.stringify(body ?? {})).buffer),
});
