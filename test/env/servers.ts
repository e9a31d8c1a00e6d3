/** How each server of the control plane is started: its flags, and when it counts as ready. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Pki } from './pki.ts';
import { freePorts, type ServerProcess, startProcess, type Watchdog } from './process.ts';
import { rawRequest } from './raw-request.ts';
import { waitFor } from './wait-for.ts';

/** What the servers of one control plane have in common. */
export interface Site {
  readonly folder: string;
  /** Folder of the binaries. */
  readonly tools: string;
  readonly watchdog: Watchdog;
  readonly pki: Pki;
  readonly signal: AbortSignal;
}

const READY_TIMEOUT = 60_000;
const PORT_ATTEMPTS = 5;

export interface Etcd {
  readonly process: ServerProcess;
  readonly url: string;
}

export function startEtcd(site: Site): Promise<Etcd> {
  return onFreePorts(2, async ([clientPort = 0, peerPort = 0]) => {
    const url = `http://127.0.0.1:${String(clientPort)}`;
    const peerUrl = `http://127.0.0.1:${String(peerPort)}`;
    // Its name tells our etcd from one that somebody else started on the same port in the same moment.
    const name = `etcd-${String(process.pid)}-${String(clientPort)}`;
    const etcd = await startProcess(
      'etcd',
      join(site.tools, 'etcd'),
      [
        `--name=${name}`,
        `--data-dir=${join(site.folder, name)}`,
        `--listen-client-urls=${url}`,
        `--advertise-client-urls=${url}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=${name}=${peerUrl}`,
        '--unsafe-no-fsync', // the data lives no longer than the process
        '--log-level=warn',
      ],
      { logFile: join(site.folder, 'etcd.log'), watchdog: site.watchdog },
    );
    await ready(etcd, site.signal, async () => (await etcdCall(url, 'cluster/member/list')).includes(`"${name}"`));
    return { process: etcd, url };
  });
}

/** Calls etcd's own JSON gateway. */
export async function etcdCall(url: string, method: string, body: object = {}): Promise<string> {
  const response = await fetch(`${url}/v3/${method}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`etcd ${method}: ${String(response.status)} ${text}`);
  return text;
}

export interface ApiServer {
  readonly process: ServerProcess;
  readonly port: number;
}

export interface ApiServerOptions {
  readonly etcd: string;
  /** Given on a restart, so that clients find it where it was. */
  readonly port?: number;
  readonly index: number;
  /** Path of the log; none means no audit. */
  readonly auditLog?: string;
  readonly auditLevel?: AuditLevel;
  readonly extraArgs: readonly string[];
}

export type AuditLevel = 'Metadata' | 'Request' | 'RequestResponse';

export function startApiServer(site: Site, options: ApiServerOptions): Promise<ApiServer> {
  if (options.port !== undefined) return startApiServerOn(options.port, site, options);
  return onFreePorts(1, ([port = 0]) => startApiServerOn(port, site, options));
}

async function startApiServerOn(port: number, site: Site, options: ApiServerOptions): Promise<ApiServer> {
  const { files } = site.pki;
  const server = await startProcess(
    `kube-apiserver-${String(options.index)}`,
    join(site.tools, 'kube-apiserver'),
    [
      `--etcd-servers=${options.etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${String(port)}`,
      // Nothing in this cluster routes to the `kubernetes` Service, whose endpoints may not be loopback addresses.
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      `--tls-cert-file=${files.serverCertificate}`,
      `--tls-private-key-file=${files.serverKey}`,
      `--client-ca-file=${files.ca}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${files.serviceAccountPublicKey}`,
      `--service-account-signing-key-file=${files.serviceAccountKey}`,
      ...auditArgs(site, options),
      ...options.extraArgs,
    ],
    { logFile: join(site.folder, `kube-apiserver-${String(options.index)}.log`), watchdog: site.watchdog },
  );
  const endpoint = { url: `https://127.0.0.1:${String(port)}`, ca: site.pki.ca.certificate, ...site.pki.admin };
  await ready(server, site.signal, async () => (await rawRequest(endpoint, '/readyz', { timeout: 5_000 })).status === 200);
  return { process: server, port };
}

export function startControllerManager(site: Site, kubeconfig: string): Promise<ServerProcess> {
  const { files } = site.pki;
  return startProcess(
    'kube-controller-manager',
    join(site.tools, 'kube-controller-manager'),
    [
      `--kubeconfig=${kubeconfig}`,
      '--bind-address=127.0.0.1',
      '--secure-port=0', // nobody asks it anything
      '--leader-elect=false', // there is only one
      // With the default of 20 a second it spends five seconds on creating credentials for its controllers.
      '--kube-api-qps=1000',
      '--kube-api-burst=1000',
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${files.serviceAccountKey}`,
      `--root-ca-file=${files.ca}`,
      `--cluster-signing-cert-file=${files.ca}`,
      `--cluster-signing-key-file=${files.caKey}`,
    ],
    { logFile: join(site.folder, 'kube-controller-manager.log'), watchdog: site.watchdog },
  );
}

function auditArgs(site: Site, options: ApiServerOptions): readonly string[] {
  if (options.auditLog === undefined) return [];
  const policy = join(site.folder, 'audit-policy.json');
  writeFileSync(
    policy,
    JSON.stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [
        // Bodies of these hold bearer tokens.
        {
          level: 'Metadata',
          resources: [
            { group: '', resources: ['secrets', 'serviceaccounts/token'] },
            { group: 'authentication.k8s.io', resources: ['tokenreviews'] },
          ],
        },
        { level: options.auditLevel ?? 'Metadata' },
      ],
    }),
  );
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${options.auditLog}`, '--audit-log-mode=blocking'];
}

/** Waits until a server is ready; one that ends before that is an error which shows the end of its log. */
export async function ready(server: ServerProcess, signal: AbortSignal, check: () => Promise<boolean>): Promise<void> {
  const ended = new AbortController();
  void server.exited.then((how) => {
    ended.abort(new Error(`${server.name} ended: ${how}`));
  });
  try {
    await waitFor(check, {
      what: `${server.name} being ready`,
      timeout: READY_TIMEOUT,
      interval: 25,
      signal: AbortSignal.any([ended.signal, signal]),
    });
  } catch (error) {
    const why: unknown = ended.signal.aborted ? ended.signal.reason : error;
    await server.kill('SIGKILL');
    signal.throwIfAborted();
    throw new Error(`${why instanceof Error ? why.message : String(why)}. The end of its log:\n${server.tail()}`, {
      cause: error,
    });
  }
}

/** A port that was free can be taken by the time it is used: then everything is tried again on others. */
export async function onFreePorts<T>(count: number, start: (ports: readonly number[]) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePorts(count));
    } catch (error) {
      const taken = error instanceof Error && /address already in use/i.test(error.message);
      if (!taken || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}
