/** Calls to the API server as fast as one process can make them: the operator's HTTP client, with keep-alive and nothing around it. */
import { readFileSync } from 'node:fs';
import { Agent } from 'undici';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface Api {
  readonly call: (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: object, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
  /** The lines of a watch, as they come; ends when the server ends it or the signal says so. */
  readonly lines: (path: string, signal: AbortSignal) => AsyncGenerator<string, void, undefined>;
  readonly close: () => Promise<void>;
}

export interface ApiOptions {
  /** A kubeconfig that test/env wrote: JSON, with a client certificate. */
  readonly kubeconfig: string;
  /** What the audit log tells these calls by. */
  readonly userAgent: string;
  /** Calls under way at once. */
  readonly connections: number;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[];
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

export const connect = ({ kubeconfig, userAgent, connections }: ApiOptions): Api => {
  const { clusters: [cluster], users: [user] } = JSON.parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  if (cluster === undefined || user === undefined) throw new Error(`${kubeconfig} names no cluster or no user`);
  const origin = cluster.cluster.server;
  const tls = {
    ca: decoded(cluster.cluster['certificate-authority-data']),
    cert: decoded(user.user['client-certificate-data']),
    key: decoded(user.user['client-key-data']),
  };
  const settings = { connect: { ...tls, allowH2: false }, allowH2: false, pipelining: 1 };
  const calls = new Agent({ ...settings, connections });
  // A watch holds its connection, and must not take one from the calls.
  const watches = new Agent({ ...settings, bodyTimeout: 0 });
  const headers = { accept: 'application/json', 'content-type': 'application/json', 'user-agent': userAgent };
  return {
    call: async (method, path, body, more = {}) => {
      const answer = await calls.request({ origin, path, method, headers: { ...headers, ...more }, body: body === undefined ? null : JSON.stringify(body) });
      return { status: answer.statusCode, body: await answer.body.text() };
    },
    lines: async function* (path, signal) {
      const answer = await watches.request({ origin, path, method: 'GET', headers, signal });
      if (answer.statusCode !== 200) throw new Error(`watch ${path}: ${answer.statusCode} ${await answer.body.text()}`);
      answer.body.setEncoding('utf8');
      let rest = '';
      for await (const chunk of answer.body as AsyncIterable<string>) {
        const parts = (rest + chunk).split('\n');
        rest = parts.pop() ?? '';
        yield* parts;
      }
    },
    close: async () => {
      await Promise.all([calls.destroy(), watches.destroy()]);
    },
  };
};

/** Runs `work` on every item, at most `limit` at a time, in order of the items. The first error ends it. */
export const inParallel = async <T>(items: readonly T[], limit: number, work: (item: T) => Promise<void>): Promise<void> => {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, worker));
};
