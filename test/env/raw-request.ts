/** One HTTPS call on a connection of its own: what a credential can really do, with no client library between. */
import { request as httpsRequest } from 'node:https';

export interface RawRequest {
  readonly method?: string;
  readonly token?: string;
  /** PEM; both or none. */
  readonly certificate?: string;
  readonly key?: string;
  /** Sent as JSON. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds; 10 s unless told. */
  readonly timeout?: number;
  /** Which API server; the first unless told. */
  readonly replica?: number;
}

export interface RawResponse {
  readonly status: number;
  readonly body: string;
}

interface Endpoint {
  readonly url: string;
  readonly ca: string;
  readonly certificate?: string;
  readonly key?: string;
}

export function rawRequest(endpoint: Endpoint, path: string, request: RawRequest = {}): Promise<RawResponse> {
  const certificate = request.certificate ?? endpoint.certificate;
  const key = request.key ?? endpoint.key;
  return new Promise((resolve, reject) => {
    const call = httpsRequest(
      new URL(path, endpoint.url),
      {
        method: request.method ?? 'GET',
        ca: endpoint.ca,
        agent: false,
        timeout: request.timeout ?? 10_000,
        headers: {
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` }),
          ...request.headers,
        },
        ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    call.once('timeout', () => call.destroy(new Error(`${path}: no answer in time`)));
    call.once('error', reject);
    call.end(request.body === undefined ? undefined : JSON.stringify(request.body));
  });
}
