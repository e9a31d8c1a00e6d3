/** One call of the Vault API as it is, with no client of ours between: what a token can really do. */
import { type Dispatcher, request } from 'undici';

export type Method = 'GET' | 'LIST' | 'POST' | 'PUT' | 'DELETE';

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds; 10 s unless told. */
  readonly timeout?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  /** Parsed; `undefined` where there is none. */
  readonly body: T;
}

export interface Target {
  readonly url: string;
  readonly dispatcher: Dispatcher;
}

/** `path` comes after `/v1/`, and is sent as it is. */
export const callVault = async <T>(
  { url, dispatcher }: Target,
  method: Method,
  path: string,
  body: object | undefined,
  token: string,
  options: CallOptions = {},
): Promise<Answer<T>> => {
  const answer = await request(`${url}/v1/${path}`, {
    // LIST is a method of Vault alone; undici passes on what it is given.
    method: method as Dispatcher.HttpMethod,
    dispatcher,
    signal: AbortSignal.timeout(options.timeout ?? 10_000),
    headers: { ...(token === '' ? {} : { 'x-vault-token': token }), ...options.headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, headers: answer.headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
};
