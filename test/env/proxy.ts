/**
 * A TLS proxy between the operator and its API server: it sees every request, and may keep it from arriving, keep its
 * answer from being heard, or hold either for as long as a test likes. The caller's bearer token is passed through.
 *
 *     const proxy = await startProxy(cluster, { token, onRequest: async ({ method }) => method !== 'DELETE' });
 *     await startOperator(cluster, { kubeconfig: proxy.kubeconfig });
 */
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request as httpsRequest } from 'node:https';
import { join } from 'node:path';

import type { ControlPlane } from './control-plane.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { issueCertificate } from './x509.ts';

export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

/** Resolves to false where the caller's connection is to be broken instead. */
export type Gate<Seen extends Exchange> = (seen: Seen) => boolean | Promise<boolean>;

export interface ProxyOptions {
  /** Of whom the operator acts as. */
  readonly token: string;
  /** Asked before a request is passed on: what is refused here never arrives. */
  readonly onRequest?: Gate<Exchange>;
  /** Asked when the API server has answered: what is refused here was done, and the caller never hears of it. */
  readonly onAnswer?: Gate<Exchange & { readonly status: number }>;
}

export interface Proxy {
  /** Path. */
  readonly kubeconfig: string;
  readonly stop: () => Promise<void>;
}

let proxies = 0;

export const startProxy = async (cluster: ControlPlane, { token, onRequest, onAnswer }: ProxyOptions): Promise<Proxy> => {
  const identity = issueCertificate(cluster.authority, { commonName: 'proxy' }, { hosts: ['127.0.0.1'] });
  const agent = new Agent({ ca: cluster.ca, keepAlive: true });

  const pass = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const seen: Exchange = { method: from.method ?? '', path: from.url ?? '', body: body.toString('utf8') };
    if ((await onRequest?.(seen)) === false || to.destroyed) {
      to.destroy();
      return;
    }
    const { host: _, ...headers } = from.headers;
    const upstream = httpsRequest(new URL(seen.path, cluster.url), { method: seen.method, headers, agent });
    // A watch ends when its reader does.
    to.once('close', () => upstream.destroy());
    upstream.once('error', () => to.destroy());
    upstream.once('response', (answer) => {
      void deliver(answer, to, { ...seen, status: answer.statusCode ?? 0 });
    });
    upstream.end(body);
  };
  const deliver = async (answer: IncomingMessage, to: ServerResponse, seen: Exchange & { readonly status: number }): Promise<void> => {
    answer.once('error', () => to.destroy());
    if ((await onAnswer?.(seen)) === false || to.destroyed) {
      to.destroy();
      return;
    }
    to.writeHead(seen.status, answer.headers);
    // Whoever watches waits for the head as the sign that the watch has begun.
    to.flushHeaders();
    answer.pipe(to);
  };

  const server = createServer({ cert: identity.certificate, key: identity.key }, (from, to) => {
    pass(from, to).catch(() => to.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  proxies += 1;
  const kubeconfig = join(cluster.folder, `proxy-${String(proxies)}.kubeconfig`);
  writeFileSync(kubeconfig, renderKubeconfig({ server: `https://127.0.0.1:${String(port)}`, ca: cluster.ca, user: { token } }), { mode: 0o600 });

  return {
    kubeconfig,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
};
