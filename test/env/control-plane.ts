/**
 * A real control plane (etcd, kube-apiserver, kube-controller-manager) on loopback, without containers.
 *
 *     const cluster = await startControlPlane();                 // ready in a few seconds; needs `make tools` once
 *     await cluster.kubectl(['apply', '-f', '-'], { stdin: yaml });
 *     new KubeConfig().loadFromFile(cluster.kubeconfig);         // as admin
 *     cluster.kubeconfigFor({ token });                          // as anybody, also { as: 'jane', asGroups: [] }
 *     await cluster.request('/api', { token });                  // one raw call: { status, body }
 *     await cluster.restartApiServer();  cluster.killApiServer();  cluster.pauseApiServer();  cluster.resumeApiServer();
 *     await cluster.compactEtcd();                               // with a restart after it, old reads get a 410
 *     await cluster.stop();
 *
 * Options: `replicas: 2`, `audit: 'Request'`, `controllerManager: false`. One per test file is the usual way (in
 * `beforeAll`, with a time-out of a minute: the machine may be busy); a namespace per test keeps them apart.
 * Nothing runs that a plain cluster would not have; there is no scheduler, so pods stay Pending.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { renderKubeconfig, type KubeconfigUser } from './kubeconfig.ts';
import { type KubectlOptions, runKubectl } from './kubectl.ts';
import { createPki } from './pki.ts';
import { type ServerProcess, startWatchdog } from './process.ts';
import { type RawRequest, type RawResponse, rawRequest } from './raw-request.ts';
import {
  type ApiServer,
  type AuditLevel,
  etcdCall,
  type Site,
  startApiServer,
  startControllerManager,
  startEtcd,
} from './servers.ts';
import { requireTools } from './tools/locate.ts';
import { waitFor } from './wait-for.ts';
import type { Authority } from './x509.ts';

export { waitFor } from './wait-for.ts';

export interface ControlPlaneOptions {
  /** API servers on the same etcd; 1 unless told. */
  readonly replicas?: 1 | 2;
  /** Without it there are no default ServiceAccounts, legacy tokens, signed certificates or garbage collection. */
  readonly controllerManager?: boolean;
  /** Log every request at this level (`true`: Metadata). Bodies of Secrets and tokens are never logged. */
  readonly audit?: boolean | AuditLevel;
  /** More flags for kube-apiserver. */
  readonly apiServerArgs?: readonly string[];
  /** Gives up starting, and cleans up. */
  readonly signal?: AbortSignal;
}

/** Somebody else than the admin; `as` alone is the admin impersonating. */
export type Caller = (KubeconfigUser | object) & {
  readonly as?: string;
  readonly asGroups?: readonly string[];
  readonly namespace?: string;
};

export interface ControlPlane {
  /** Temporary; holds the logs `*.log`. Gone after {@link stop}. */
  readonly folder: string;
  /** Of the first API server. */
  readonly url: string;
  /** Of every API server. */
  readonly urls: readonly string[];
  /** PEM. */
  readonly ca: string;
  /** For tests that issue certificates of their own, see `x509.ts`. */
  readonly authority: Authority;
  /** Path; user `admin` in group `system:masters`. */
  readonly kubeconfig: string;
  /** Path; absent without `audit`. One JSON event a line. With two replicas, the first one's. */
  readonly auditLog?: string;
  /** Path of a new kubeconfig. */
  kubeconfigFor(caller: Caller, replica?: number): string;
  /** Runs kubectl (as admin unless told) and resolves to what it printed; rejects with what it complained about. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** One HTTPS call with just the credential that is given; resolves whatever the status. */
  request(path: string, request?: RawRequest): Promise<RawResponse>;
  /** When an API server took requests and was not ready: it has not read all roles and bindings then, and denies what it will allow. */
  startups(): readonly { readonly from: number; readonly until: number }[];
  /** Kills the API server if it still runs, and starts it again on its port; resolves when it is ready. */
  restartApiServer(replica?: number): Promise<void>;
  /** Resolves when the process is gone. */
  killApiServer(signal?: NodeJS.Signals, replica?: number): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pauseApiServer(replica?: number): void;
  resumeApiServer(replica?: number): void;
  /**
   * Drops all history from etcd. The API server still answers `continue` tokens and old watches from snapshots in
   * its memory: only after {@link restartApiServer} do they get a 410.
   */
  compactEtcd(): Promise<void>;
  /** Ids of the processes that run now. */
  pids(): readonly number[];
  stop(): Promise<void>;
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const tools = await requireTools();
  const folder = mkdtempSync(join(tmpdir(), 'offboard-'));
  const watchdog = startWatchdog(folder);
  const processes = new Set<ServerProcess>();
  const starting = new AbortController();
  const site: Site = {
    folder,
    tools,
    watchdog,
    pki: createPki(join(folder, 'pki')),
    signal: options.signal ? AbortSignal.any([starting.signal, options.signal]) : starting.signal,
  };
  try {
    return await assemble(site, options, processes);
  } catch (error) {
    starting.abort(error);
    await Promise.all([...processes].map((server) => server.kill('SIGKILL')));
    await watchdog.close();
    throw error;
  }
}

async function assemble(
  site: Site,
  options: ControlPlaneOptions,
  processes: Set<ServerProcess>,
): Promise<ControlPlane> {
  const { folder, pki } = site;
  const etcd = await startEtcd(site);
  processes.add(etcd.process);

  const auditLog = options.audit ? join(folder, 'audit.log') : undefined;
  const startups: { from: number; until: number }[] = [];
  const launch = async (index: number, port?: number): Promise<ApiServer> => {
    const from = Date.now();
    const server = await startApiServer(site, {
      etcd: etcd.url,
      index,
      extraArgs: options.apiServerArgs ?? [],
      ...(port === undefined ? {} : { port }),
      ...(auditLog === undefined ? {} : { auditLog: index === 0 ? auditLog : `${auditLog}.${String(index)}` }),
      ...(typeof options.audit === 'string' ? { auditLevel: options.audit } : {}),
    });
    processes.add(server.process);
    startups.push({ from, until: Date.now() });
    return server;
  };
  // The first creates the RBAC roles and system namespaces that a second one would race it for.
  const servers = [await launch(0)];
  if (options.replicas === 2) servers.push(await launch(1));
  const apiServer = (replica: number): ApiServer => {
    const server = servers[replica];
    if (server === undefined) throw new Error(`There is no API server ${String(replica)}.`);
    return server;
  };
  const urls = servers.map((server) => `https://127.0.0.1:${String(server.port)}`);
  const url = urls[0] ?? '';

  let kubeconfigs = 0;
  const writeKubeconfig = (name: string, user: KubeconfigUser, caller: Caller = {}, server = url): string => {
    const path = join(folder, `${name}.kubeconfig`);
    writeFileSync(path, renderKubeconfig({ ...caller, server, ca: pki.ca.certificate, user }), { mode: 0o600 });
    return path;
  };
  const kubeconfig = writeKubeconfig('admin', pki.admin);
  const kubectl: ControlPlane['kubectl'] = (args, run = {}) =>
    runKubectl(join(site.tools, 'kubectl'), args, { kubeconfig, ...run }, folder);

  if (options.controllerManager !== false) {
    const manager = await startControllerManager(site, writeKubeconfig('controller-manager', pki.controllerManager));
    processes.add(manager);
    await controllersWork(manager, site, (path) => rawRequest({ url, ca: pki.ca.certificate, ...pki.admin }, path));
  }

  return {
    folder,
    url,
    urls,
    ca: pki.ca.certificate,
    authority: pki.ca,
    kubeconfig,
    ...(auditLog === undefined ? {} : { auditLog }),
    kubeconfigFor: (caller, replica = 0) => {
      kubeconfigs += 1;
      const user = isUser(caller) ? caller : pki.admin;
      return writeKubeconfig(`user-${String(kubeconfigs)}`, user, caller, urls[replica] ?? url);
    },
    kubectl,
    request: (path, request = {}) =>
      rawRequest({ url: urls[request.replica ?? 0] ?? url, ca: pki.ca.certificate }, path, request),
    startups: () => startups,
    restartApiServer: async (replica = 0) => {
      const old = apiServer(replica);
      await old.process.kill('SIGKILL');
      processes.delete(old.process);
      servers[replica] = await launch(replica, old.port);
    },
    killApiServer: async (signal = 'SIGKILL', replica = 0) => {
      await apiServer(replica).process.kill(signal);
    },
    pauseApiServer: (replica = 0) => {
      apiServer(replica).process.signal('SIGSTOP');
    },
    resumeApiServer: (replica = 0) => {
      apiServer(replica).process.signal('SIGCONT');
    },
    compactEtcd: async () => {
      const answer: unknown = JSON.parse(await etcdCall(etcd.url, 'kv/range', { key: 'AA==' }));
      await etcdCall(etcd.url, 'kv/compaction', { revision: revisionOf(answer), physical: true });
    },
    pids: () => [...processes].filter((server) => server.running()).map((server) => server.pid),
    stop: async () => {
      // Not SIGTERM: the API server would wait up to a minute for open watches to end, and there is nothing to save.
      await Promise.all([...processes].map((server) => server.kill('SIGKILL')));
      await site.watchdog.close();
    },
  };
}

/** The controllers are at work once there is a default ServiceAccount. */
async function controllersWork(
  manager: ServerProcess,
  site: Site,
  get: (path: string) => Promise<RawResponse>,
): Promise<void> {
  try {
    await waitFor(
      async () => {
        if (!manager.running()) return 'ended';
        return (await get('/api/v1/namespaces/default/serviceaccounts/default')).status === 200;
      },
      { what: 'the controller manager creating the default ServiceAccount', timeout: 60_000, signal: site.signal },
    );
    if (!manager.running()) throw new Error(`kube-controller-manager ended: ${await manager.exited}`);
  } catch (error) {
    site.signal.throwIfAborted();
    throw new Error(`${String(error)}. The end of its log:\n${manager.tail()}`, { cause: error });
  }
}

function isUser(caller: Caller): caller is Caller & KubeconfigUser {
  return 'token' in caller || 'tokenFile' in caller || 'certificate' in caller;
}

function revisionOf(answer: unknown): string {
  if (typeof answer === 'object' && answer !== null && 'header' in answer) {
    const { header } = answer;
    if (typeof header === 'object' && header !== null && 'revision' in header) return String(header.revision);
  }
  throw new Error('etcd answered without a revision');
}
