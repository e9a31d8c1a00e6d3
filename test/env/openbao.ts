/**
 * A real OpenBao on loopback: one node in memory, or one or two on raft; with TLS unless told otherwise.
 *
 *     const bao = await startOpenbao();                           // initialised and unsealed; needs `make tools` once
 *     await bao.call('GET', 'sys/auth');                          // { status, headers, body }, as root unless told
 *     await bao.call('POST', 'sys/leases/lookup', { lease_id }, token, { headers });
 *     await bao.ask('GET', 'sys/auth');                           // the body; rejects when the status is not 2xx
 *     await bao.seal();  await bao.unseal();
 *     await bao.kill();  await bao.start();                       // in memory: all is lost, and another cluster begins
 *     bao.pause(node);  bao.resume(node);
 *     await bao.stop();
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent } from 'undici';

import { type Answer, callVault, type CallOptions, type Method } from './openbao-call.ts';
import { type ServerProcess, startProcess, startWatchdog, type Watchdog } from './process.ts';
import { onFreePorts, ready } from './servers.ts';
import { requireOpenbao } from './tools/openbao.ts';
import { waitFor } from './wait-for.ts';
import { type Authority, createAuthority, issueCertificate } from './x509.ts';

export interface OpenbaoOptions {
  /** Memory unless told: it starts at once, and forgets everything when it ends. */
  readonly storage?: 'memory' | 'raft';
  /** 1 unless told; 2 only on raft. */
  readonly nodes?: 1 | 2;
  /** True unless told. */
  readonly tls?: boolean;
  /** Opens `sys/raw`, by which a test makes a lease irrevocable without waiting for ten minutes. */
  readonly rawStorage?: boolean;
}

export interface Openbao {
  /** Temporary; holds the logs `*.log`. Gone after {@link stop}. */
  readonly folder: string;
  /** Of the first node. */
  readonly url: string;
  /** Of every node. */
  readonly urls: readonly string[];
  /** PEM; of nobody without TLS. */
  readonly ca: string;
  readonly authority: Authority;
  /** The root token. Another one once the storage was lost. */
  readonly token: string;
  readonly unsealKey: string;
  /** One call, whatever the status. The root token unless told; an empty one is not sent. */
  call<T = unknown>(method: Method, path: string, body?: object, token?: string, options?: NodeCall): Promise<Answer<T>>;
  /** The body of a call that must succeed. */
  ask<T = unknown>(method: Method, path: string, body?: object, token?: string, options?: NodeCall): Promise<T>;
  /** The node that answers `sys/health` with 200 now. */
  activeNode(): Promise<number>;
  seal(): Promise<void>;
  /** Resolves when the node serves: as the active one, or as a standby of it. */
  unseal(node?: number): Promise<void>;
  /** SIGKILL unless told; resolves when the process is gone. */
  kill(node?: number, signal?: NodeJS.Signals): Promise<void>;
  /** On its port, as it was; unsealed unless told. */
  start(node?: number, options?: { readonly sealed: boolean }): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(node?: number): void;
  resume(node?: number): void;
  log(node?: number): string;
  stop(): Promise<void>;
}

export type NodeCall = CallOptions & { readonly node?: number };

interface Node {
  readonly url: string;
  readonly config: string;
  process: ServerProcess;
}

export const startOpenbao = async (options: OpenbaoOptions = {}): Promise<Openbao> => {
  const folder = mkdtempSync(join(tmpdir(), 'offboard-openbao-'));
  const watchdog = startWatchdog(folder);
  const nodes: Node[] = [];
  try {
    return await assemble(folder, watchdog, options, nodes);
  } catch (error) {
    await Promise.all(nodes.map((node) => node.process.kill('SIGKILL')));
    await watchdog.close();
    throw error;
  }
};

const assemble = async (folder: string, watchdog: Watchdog, options: OpenbaoOptions, nodes: Node[]): Promise<Openbao> => {
  const binary = await requireOpenbao();
  const site = createSite(folder, options);
  const dispatcher = new Agent({ connections: 32, connect: { ca: site.authority.certificate } });
  const keys = { token: '', unseal: '' };

  const nodeAt = (index: number): Node => {
    const node = nodes[index];
    if (node === undefined) throw new Error(`There is no node ${String(index)}.`);
    return node;
  };
  const call: Openbao['call'] = (method, path, body, token = keys.token, { node = 0, ...rest } = {}) =>
    callVault({ url: nodeAt(node).url, dispatcher }, method, path, body, token, rest);
  const ask: Openbao['ask'] = async <T>(...args: Parameters<Openbao['ask']>): Promise<T> => {
    const { status, body } = await call<T>(...args);
    if (status >= 300) throw new Error(`${args[0]} ${args[1]}: ${String(status)} ${JSON.stringify(body)}`);
    return body;
  };
  const health = async (node: number): Promise<number> => (await call('GET', 'sys/health', undefined, '', { node, timeout: 2_000 })).status;
  const serves = (node: number): Promise<true> =>
    waitFor(async () => [200, 429].includes(await health(node)), { what: `node ${String(node)} serving`, interval: 20, timeout: 30_000 });

  const launch = async (index: number, url: string, config: string): Promise<ServerProcess> => {
    const logFile = join(folder, `openbao-${String(index)}.log`);
    const server = await startProcess(`openbao-${String(index)}`, binary, ['server', `-config=${config}`], { logFile, watchdog, env: { PATH: process.env['PATH'], HOME: folder } });
    await ready(server, new AbortController().signal, async () => (await callVault({ url, dispatcher }, 'GET', 'sys/seal-status', undefined, '', { timeout: 2_000 })).status === 200);
    return server;
  };
  const initialise = async (): Promise<void> => {
    const made = await ask<{ readonly keys: readonly string[]; readonly root_token: string }>('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    keys.token = made.root_token;
    keys.unseal = made.keys[0] ?? '';
  };
  const unseal = async (node = 0): Promise<void> => {
    // A node that joins takes the key before it knows that there is one to take.
    await waitFor(async () => !(await ask<{ readonly sealed: boolean }>('PUT', 'sys/unseal', { key: keys.unseal }, '', { node })).sealed, {
      what: `node ${String(node)} unsealing`,
      timeout: 30_000,
    });
    await serves(node);
  };

  for (let index = 0; index < (options.nodes ?? 1); index += 1) {
    nodes.push(
      await onFreePorts(2, async ([port = 0, clusterPort = 0]) => {
        const { url, config } = site.node(index, port, clusterPort, nodes[0]?.url);
        return { url, config, process: await launch(index, url, config) };
      }),
    );
    if (index === 0) await initialise();
    await unseal(index);
  }

  return {
    folder,
    url: nodeAt(0).url,
    urls: nodes.map(({ url }) => url),
    ca: site.authority.certificate,
    authority: site.authority,
    get token() {
      return keys.token;
    },
    get unsealKey() {
      return keys.unseal;
    },
    call,
    ask,
    activeNode: () =>
      waitFor(
        async () => {
          const statuses = await Promise.all(nodes.map((_, node) => health(node).catch(() => 0)));
          // As a number that `waitFor` takes for an answer, also where it is the first.
          return statuses.includes(200) ? { node: statuses.indexOf(200) } : undefined;
        },
        { what: 'one node being active', timeout: 30_000 },
      ).then(({ node }) => node),
    seal: async () => {
      await ask('PUT', 'sys/seal');
      await waitFor(async () => (await health(0)) === 503, { what: 'being sealed', interval: 20 });
    },
    unseal,
    kill: (node = 0, signal = 'SIGKILL') => nodeAt(node).process.kill(signal),
    start: async (index = 0, { sealed } = { sealed: false }) => {
      const node = nodeAt(index);
      await node.process.kill('SIGKILL');
      node.process = await launch(index, node.url, node.config);
      if (options.storage !== 'raft') await initialise();
      if (!sealed) await unseal(index);
    },
    pause: (node = 0) => {
      nodeAt(node).process.signal('SIGSTOP');
    },
    resume: (node = 0) => {
      nodeAt(node).process.signal('SIGCONT');
    },
    log: (node = 0) => nodeAt(node).process.tail(Number.MAX_SAFE_INTEGER),
    stop: async () => {
      await Promise.all(nodes.map(({ process: server }) => server.kill('SIGKILL')));
      await dispatcher.destroy();
      await watchdog.close();
    },
  };
};

interface Site {
  readonly authority: Authority;
  /** Writes its configuration. */
  node(index: number, port: number, clusterPort: number, leader: string | undefined): { readonly url: string; readonly config: string };
}

const createSite = (folder: string, options: OpenbaoOptions): Site => {
  const { storage = 'memory', tls = true, rawStorage = false } = options;
  const authority = createAuthority('offboard-test-vault-ca');
  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const serving = issueCertificate(authority, { commonName: 'openbao' }, { hosts: ['127.0.0.1', 'localhost'] });
  const caFile = write('ca.crt', authority.certificate);
  const secured = { tls_cert_file: write('server.crt', serving.certificate), tls_key_file: write('server.key', serving.key) };

  const raft = (index: number, leader: string | undefined): object => {
    const path = join(folder, `raft-${String(index)}`);
    mkdirSync(path);
    const join_ = leader === undefined ? {} : { retry_join: [{ leader_api_addr: leader, ...(tls ? { leader_ca_cert_file: caFile } : {}) }] };
    return { raft: { path, node_id: `node-${String(index)}`, performance_multiplier: 1, ...join_ } };
  };
  return {
    authority,
    node: (index, port, clusterPort, leader) => {
      const address = `127.0.0.1:${String(port)}`;
      const clusterAddress = `127.0.0.1:${String(clusterPort)}`;
      const url = `${tls ? 'https' : 'http'}://${address}`;
      const config = {
        storage: storage === 'raft' ? raft(index, leader) : { inmem: {} },
        listener: [{ tcp: { address, cluster_address: clusterAddress, ...(tls ? secured : { tls_disable: true }) } }],
        api_addr: url,
        cluster_addr: `https://${clusterAddress}`,
        raw_storage_endpoint: rawStorage,
      };
      return { url, config: write(`openbao-${String(index)}.json`, JSON.stringify(config)) };
    },
  };
};
