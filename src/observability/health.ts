/** `/healthz`, `/readyz` and `/metrics` on one port. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../runtime/clock.ts';

export interface HealthServerOptions {
  readonly address: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly clock: Clock;
  /** True, or what is not ready yet. */
  readonly ready: () => true | string;
  /** Asked at most every ten seconds, however often it is probed. */
  readonly healthy: () => Promise<{ readonly ok: boolean; readonly message: string }>;
  readonly metrics: () => Promise<string>;
}

export interface HealthServer {
  /** Rejects when the port is taken, with the way out. */
  readonly start: () => Promise<{ readonly url: string }>;
  readonly stop: () => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

const healthInterval = 10_000;
const connectionLimit = 5_000;
/** Longer than this nobody who probes will wait; not to know is not to be ill. */
const healthLimit = 2_000;

export const createHealthServer = (options: HealthServerOptions): HealthServer => {
  const { address, port, ready, metrics } = options;
  const health = cachedHealth(options);
  const routes: Readonly<Record<string, () => Promise<Answer>>> = {
    '/healthz': async () => {
      const { ok, message } = await health();
      return { status: ok ? 200 : 503, body: `${message}\n` };
    },
    '/readyz': () => {
      const state = ready();
      return Promise.resolve(state === true ? { status: 200, body: 'ok\n' } : { status: 503, body: `${state}\n` });
    },
    '/metrics': async () => ({ status: 200, body: await metrics(), type: 'text/plain; version=0.0.4; charset=utf-8' }),
  };

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' };
    const path = (request.url ?? '').split('?')[0] ?? '';
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    return route === undefined ? { status: 404, body: 'here are /healthz, /readyz and /metrics\n' } : route();
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, body, type } = await answer(request).catch(() => ({ status: 500, body: 'failed\n', type: undefined }));
    response.writeHead(status, { 'content-type': type ?? 'text/plain; charset=utf-8' });
    response.end(request.method === 'HEAD' ? undefined : body);
  };

  const server = createServer((request, response) => {
    void respond(request, response);
  });
  // A probe is over in a moment; whoever holds a connection longer must not keep others from theirs.
  server.headersTimeout = connectionLimit;
  server.requestTimeout = connectionLimit;
  // A connection that could not be accepted (no file descriptor left) must not end the process.
  server.on('error', () => undefined);

  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE';
          reject(new Error(taken ? `port ${port} on ${address} is taken: choose another with --port` : `cannot serve on ${address}:${port}: ${error.message}`));
        });
        server.listen(port, address, () => {
          const bound = server.address();
          const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
          resolve({ url: `http://${address.includes(':') ? `[${address}]` : address}:${actual}` });
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
};

const cachedHealth = ({ clock, healthy }: HealthServerOptions): HealthServerOptions['healthy'] => {
  let askedAt = Number.NEGATIVE_INFINITY;
  let last: ReturnType<HealthServerOptions['healthy']> | undefined;
  return () => {
    if (last === undefined || clock.monotonic() - askedAt >= healthInterval) {
      askedAt = clock.monotonic();
      last = withinLimit(Promise.resolve().then(healthy), clock);
    }
    return last;
  };
};

const withinLimit = (asked: ReturnType<HealthServerOptions['healthy']>, clock: Clock): typeof asked =>
  new Promise((resolve) => {
    const cancel = clock.schedule(healthLimit, () => {
      resolve({ ok: true, message: 'not known yet' });
    });
    asked.then(resolve, () => {
      resolve({ ok: true, message: 'not known' });
    }).finally(cancel);
  });
