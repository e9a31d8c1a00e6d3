/**
 * A TLS proxy between the operator and a server: it sees every request, and may keep it from arriving, answer it itself, keep
 * its answer from being heard or cut it short, or hold either for as long as a test likes. Whoever calls stays who he is.
 *
 *     const proxy = await startProxy(cluster, { token, onRequest: async ({ method }) => method !== 'DELETE' });
 *     await startOperator(cluster, { kubeconfig: proxy.kubeconfig });
 *     const other = await startForwarder(bao, { onRequest: () => ({ status: 503 }) });    // at other.url
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

/** An answer that the proxy gives itself. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Resolves to false where the caller's connection is to be broken instead. */
export type Gate<Seen extends Exchange, Instead> = (seen: Seen) => boolean | Instead | Promise<boolean | Instead>;

export interface Gates {
  /** Asked before a request is passed on: what is refused or answered here never arrives. */
  readonly onRequest?: Gate<Exchange, OwnAnswer>;
  /** Asked when the server has answered: what is refused here was done, and the caller hears nothing of it, or half. */
  readonly onAnswer?: Gate<Exchange & { readonly status: number }, 'cut'>;
}

export interface ProxyOptions extends Gates {
  /** Of whom the operator acts as. */
  readonly token: string;
}

/** A server that is reached by TLS, with the authority that it trusts. */
export type Upstream = Pick<ControlPlane, 'url' | 'ca' | 'authority'>;

export interface Forwarder {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export interface Proxy {
  /** Path. */
  readonly kubeconfig: string;
  readonly stop: () => Promise<void>;
}

let proxies = 0;

export const startProxy = async (cluster: ControlPlane, { token, ...gates }: ProxyOptions): Promise<Proxy> => {
  const { url, stop } = await startForwarder(cluster, gates);
  proxies += 1;
  const kubeconfig = join(cluster.folder, `proxy-${String(proxies)}.kubeconfig`);
  writeFileSync(kubeconfig, renderKubeconfig({ server: url, ca: cluster.ca, user: { token } }), { mode: 0o600 });
  return { kubeconfig, stop };
};

export const startForwarder = async (upstream: Upstream, { onRequest, onAnswer }: Gates): Promise<Forwarder> => {
  const identity = issueCertificate(upstream.authority, { commonName: 'proxy' }, { hosts: ['127.0.0.1'] });
  const agent = new Agent({ ca: upstream.ca, keepAlive: true });

  const pass = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of from) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const seen: Exchange = { method: from.method ?? '', path: from.url ?? '', body: body.toString('utf8') };
    const instead = (await onRequest?.(seen)) ?? true;
    if (instead === false || to.destroyed) {
      to.destroy();
      return;
    }
    if (instead !== true) {
      to.writeHead(instead.status, instead.headers).end(instead.body);
      return;
    }
    const { host: _, ...headers } = from.headers;
    const onward = httpsRequest(new URL(seen.path, upstream.url), { method: seen.method, headers, agent });
    // A watch ends when its reader does.
    to.once('close', () => onward.destroy());
    onward.once('error', () => to.destroy());
    onward.once('response', (answer) => {
      void deliver(answer, to, { ...seen, status: answer.statusCode ?? 0 });
    });
    onward.end(body);
  };
  const deliver = async (answer: IncomingMessage, to: ServerResponse, seen: Exchange & { readonly status: number }): Promise<void> => {
    answer.once('error', () => to.destroy());
    const heard = (await onAnswer?.(seen)) ?? true;
    if (heard === false || to.destroyed) {
      to.destroy();
      return;
    }
    to.writeHead(seen.status, answer.headers);
    if (heard === 'cut') {
      answer.once('data', (chunk: Buffer) => to.write(chunk.subarray(0, chunk.length / 2), () => to.destroy()));
      answer.once('end', () => to.destroy());
      return;
    }
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

  return {
    url: `https://127.0.0.1:${String(port)}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
};
