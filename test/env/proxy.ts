/**
 * A TLS proxy between the operator and a server: it sees every request, and may keep it from arriving, answer it itself, keep
 * its answer from being heard or cut it short, or hold either for as long as a test likes. Whoever calls stays who he is.
 *
 *     const proxy = await startProxy(cluster, { token, onRequest: async ({ method }) => method !== 'DELETE' });
 *     await startOperator(cluster, { kubeconfig: proxy.kubeconfig });
 *     const other = await startForwarder(bao, { onRequest: () => ({ status: 503 }) });    // at other.url
 *     const plain = await startForwarder({ url: bao.url, ca: bao.ca }, {});               // without TLS on this side
 */
import { writeFileSync } from 'node:fs';
import * as http from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import * as https from 'node:https';
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
  readonly headers?: Readonly<http.OutgoingHttpHeaders>;
  readonly body?: string;
}

/** What is asked instead of what the caller asked. */
export interface Rewritten {
  readonly send: Pick<Exchange, 'path' | 'body'>;
}

/** It is passed on when this has resolved, whether the caller still waits or has given up. */
export interface Late {
  readonly late: Promise<unknown>;
}

/** Of the answer come the head and half of the body, and no more of it until this has resolved and the connection is broken. */
export interface Stalled {
  readonly stalled: Promise<unknown>;
}

/** What is heard instead of what the server answered, which is read to its end first. */
export interface Edited {
  readonly edit: (body: string) => string | OwnAnswer;
}

/** A stream of lines. From the moment on in which it hears nothing any more it only stays open; until then it hears what it keeps. */
export interface Heard {
  readonly hears: () => boolean;
  readonly keeps: (line: string) => boolean;
}

/** Resolves to false where the caller's connection is to be broken instead. */
export type Gate<Seen extends Exchange, Instead> = (seen: Seen) => boolean | Instead | Promise<boolean | Instead>;

export interface Gates {
  /** Asked before a request is passed on: what is refused or answered here never arrives. */
  readonly onRequest?: Gate<Exchange, OwnAnswer | Rewritten | Late>;
  /** Asked when the server has answered: what is refused here was done, and the caller hears nothing of it, or half, or something else. */
  readonly onAnswer?: Gate<Exchange & { readonly status: number }, 'cut' | Edited | Heard | Stalled>;
}

export interface ProxyOptions extends Gates {
  /** Of whom the operator acts as. */
  readonly token: string;
}

/** A server, with what it is known by. Where an authority is told, the proxy shows a certificate of it; otherwise it is reached without TLS. */
export type Upstream = Pick<ControlPlane, 'url'> & Partial<Pick<ControlPlane, 'ca' | 'authority'>>;

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
  const { request, agent } = waysTo(upstream);

  const pass = async (from: IncomingMessage, to: ServerResponse): Promise<void> => {
    const asked: Exchange = { method: from.method ?? '', path: from.url ?? '', body: (await readAll(from)).toString('utf8') };
    const instead = (await onRequest?.(asked)) ?? true;
    const isLate = typeof instead === 'object' && 'late' in instead;
    if (isLate) await instead.late;
    if (instead === false || (to.destroyed && !isLate)) {
      to.destroy();
      return;
    }
    if (instead !== true && 'status' in instead) {
      answerWith(to, instead);
      return;
    }
    const { host: _, 'content-length': __, 'transfer-encoding': ___, ...headers } = from.headers;
    const { path, body } = instead === true || isLate ? asked : instead.send;
    const sent = Buffer.from(body);
    const length = sent.length === 0 ? {} : { 'content-length': sent.length };
    const onward = request(new URL(path, upstream.url), { method: asked.method, headers: { ...headers, ...length }, agent });
    // A watch ends when its reader does.
    to.once('close', () => onward.destroy());
    onward.once('error', () => to.destroy());
    onward.once('response', (answer) => {
      deliver(answer, to, { ...asked, status: answer.statusCode ?? 0 }).catch(() => to.destroy());
    });
    onward.end(sent);
  };
  const deliver = async (answer: IncomingMessage, to: ServerResponse, seen: Exchange & { readonly status: number }): Promise<void> => {
    answer.once('error', () => to.destroy());
    const heard = (await onAnswer?.(seen)) ?? true;
    if (heard === false || to.destroyed) {
      answer.resume();
      to.destroy();
      return;
    }
    if (typeof heard === 'object' && 'edit' in heard) {
      const edited = heard.edit((await readAll(answer)).toString('utf8'));
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
      answerWith(to, typeof edited === 'string' ? { status: seen.status, headers, body: edited } : edited);
      return;
    }
    to.writeHead(seen.status, answer.headers);
    if (heard === 'cut') {
      answer.once('data', (chunk: Buffer) => to.write(chunk.subarray(0, chunk.length / 2), () => to.destroy()));
      answer.once('end', () => to.destroy());
      return;
    }
    if (typeof heard === 'object' && 'stalled' in heard) {
      to.flushHeaders();
      answer.once('data', (chunk: Buffer) => to.write(chunk.subarray(0, chunk.length / 2)));
      await heard.stalled;
      to.destroy();
      return;
    }
    // Whoever watches waits for the head as the sign that the watch has begun.
    to.flushHeaders();
    if (heard === true) answer.pipe(to);
    else passWhileHeard(answer, to, heard);
  };

  const server = listenerOf(upstream, (from, to) => {
    pass(from, to).catch(() => to.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    url: `${upstream.authority === undefined ? 'http' : 'https'}://127.0.0.1:${String(port)}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
};

const waysTo = ({ url, ca }: Upstream): { readonly request: typeof http.request; readonly agent: http.Agent } =>
  url.startsWith('https:')
    ? { request: https.request, agent: new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) }) }
    : { request: http.request, agent: new http.Agent({ keepAlive: true }) };

const listenerOf = ({ authority }: Upstream, listener: RequestListener): http.Server => {
  if (authority === undefined) return http.createServer(listener);
  const { certificate: cert, key } = issueCertificate(authority, { commonName: 'proxy' }, { hosts: ['127.0.0.1'] });
  return https.createServer({ cert, key }, listener);
};

const readAll = async (stream: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const answerWith = (to: ServerResponse, { status, headers, body }: OwnAnswer): void => {
  to.writeHead(status, headers).end(body);
};

const passWhileHeard = (answer: IncomingMessage, to: ServerResponse, { hears, keeps }: Heard): void => {
  let deaf = false;
  let rest = '';
  answer.setEncoding('utf8');
  answer.on('data', (text: string) => {
    deaf ||= !hears();
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (!deaf && keeps(line)) to.write(`${line}\n`);
  });
  answer.once('end', () => {
    if (!deaf) to.end(rest);
  });
};
