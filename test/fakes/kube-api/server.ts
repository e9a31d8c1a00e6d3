/**
 * An API server in the test's own process: HTTP as kube-apiserver speaks it, for a few resources, with every fault that a
 * client must live through. It keeps nothing but its objects: no admission, no RBAC, no controllers.
 */
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { KubeConfig } from '../../../src/kube/config.ts';
import type { Resource } from '../../../src/kube/resources.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import type { FakeRequest, FakeVerb } from './exchange.ts';
import { type Fault, pass } from './faults.ts';
import { sendList, sendObject } from './reads.ts';
import { type Table, createTable } from './table.ts';
import { type OpenWatch, openWatch } from './watch.ts';
import { writeObject } from './writes.ts';

export interface FakeApiServer {
  readonly config: KubeConfig;
  readonly table: Table;
  /** Everything that came, in order. */
  readonly requests: readonly FakeRequest[];
  readonly watches: ReadonlySet<OpenWatch>;
  /** What the next `times` requests of that verb meet instead of an answer. */
  breakNext(verb: FakeVerb, fault: Fault, times?: number): void;
  /** While frozen nothing is answered, watches are silent, and nothing is closed: a process that was stopped. */
  freeze(): void;
  /** What came in the meantime stays without an answer. */
  thaw(): void;
  /** While muted it answers as ever and agrees to watches, which tell nothing and do not end. */
  muteWatches(muted: boolean): void;
  /** Connections that are open now. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

export interface FakeApiServerOptions {
  /** Ends the watches at their `timeoutSeconds`. */
  readonly clock: Clock;
  readonly resources: readonly Resource[];
}

export const startFakeApiServer = async ({ clock, resources }: FakeApiServerOptions): Promise<FakeApiServer> => {
  const table = createTable();
  const requests: FakeRequest[] = [];
  const faults = new Map<FakeVerb, Fault[]>();
  const watches = new Set<OpenWatch>();
  let frozen = false;
  let muted = false;

  const answer = (request: FakeRequest, raw: IncomingMessage, response: ServerResponse): void => {
    if (frozen) return;
    const fault = faults.get(request.verb)?.shift();
    if (fault && fault !== pass) fault(raw, response);
    else if (request.verb === 'watch') openWatch({ table, clock, request, response, watches, isSilent: () => frozen || muted });
    else if (request.verb === 'list') sendList(table, request, response);
    else if (request.verb === 'get') sendObject(table, request, response);
    else writeObject(table, request, response);
  };

  const server = createServer((raw, response) => {
    const chunks: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('end', () => {
      const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
      const request = parseRequest(raw, body, resources);
      if (!request) {
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
        return;
      }
      requests.push(request);
      answer(request, raw, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    config: {
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      namespace: 'default', source: 'fake', tls: {},
      authHeaders: () => Promise.resolve({}), forgetCredentials: () => undefined,
    },
    table,
    requests,
    watches,
    breakNext: (verb, fault, times = 1) => {
      faults.set(verb, [...(faults.get(verb) ?? []), ...Array.from({ length: times }, () => fault)]);
    },
    freeze: () => {
      frozen = true;
    },
    thaw: () => {
      frozen = false;
    },
    muteWatches: (on) => {
      muted = on;
    },
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => {
          if (error) reject(error);
          else resolve(count);
        });
      }),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const pathShape =
  /^\/(?:api\/v1|apis\/(?<group>[^/]+)\/[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/status)?$/;

const writeVerbs: Readonly<Record<string, FakeVerb>> = { POST: 'create', PATCH: 'patch', DELETE: 'delete' };

/** Undefined for what the server does not serve. */
const parseRequest = (raw: IncomingMessage, body: unknown, resources: readonly Resource[]): FakeRequest | undefined => {
  const url = new URL(raw.url ?? '', 'http://fake');
  const found = pathShape.exec(url.pathname)?.groups;
  const resource = resources.find(({ group, plural }) => group === (found?.['group'] ?? '') && plural === found?.['plural']);
  if (!found || !resource) return undefined;
  const decode = (part: string | undefined): string | undefined => (part === undefined ? undefined : decodeURIComponent(part));
  const name = decode(found['name']);
  const reading = url.searchParams.get('watch') === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  const verb = writeVerbs[raw.method ?? ''] ?? reading;
  return { verb, resource, namespace: decode(found['namespace']), name, query: url.searchParams, headers: raw.headers, body };
};
