/** A server on a real socket, whose answers the test decides. */
import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Handler = (request: Received, response: ServerResponse) => void;

export interface FakeHttpServer {
  readonly url: string;
  readonly port: number;
  /** Every request whose body had come, in order. */
  readonly requests: readonly Received[];
  /** How many connections were ever opened. */
  readonly connections: () => number;
  /** How many are open now. */
  readonly open: () => Promise<number>;
  readonly answer: (handler: Handler) => void;
  readonly close: () => Promise<void>;
}

export interface FakeHttpServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Listens there again, where a server had been. */
  readonly port?: number;
}

export const startHttpServer = async (handler: Handler, { tls, port = 0 }: FakeHttpServerOptions = {}): Promise<FakeHttpServer> => {
  const requests: Received[] = [];
  let current = handler;
  let connections = 0;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const received = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      requests.push(received);
      current(received, response);
    });
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', () => (connections += 1));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${String(address.port)}`,
    port: address.port,
    requests,
    connections: () => connections,
    open: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error) reject(error);
          else resolve(count);
        });
      }),
    answer: (next) => {
      current = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
};

export const sendJson = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};
