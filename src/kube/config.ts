import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

// The package's own KubeConfig drags the whole generated client in (80 MiB), and knows neither `tokenFile` nor
// `as-groups`. Its parser stands alone.
import {
  type Cluster, type Context, type User, newClusters, newContexts, newUsers,
} from '@kubernetes/client-node/dist/config_types.js';
import { load } from 'js-yaml';

import type { Clock } from '../runtime/clock.ts';
import type { TlsOptions } from '../runtime/http-pool.ts';
import { type ExecPlugin, type TokenSource, staticToken, tokenFromFile, tokenFromPlugin } from './credentials.ts';

/** A list is one header sent several times. */
export type AuthHeaders = Readonly<Record<string, string | string[]>>;

export interface KubeConfig {
  /** `https://host:port`, perhaps with a path, without a slash at the end. */
  readonly server: string;
  /** Of the context, or that of the pod; `default` when neither says. */
  readonly namespace: string;
  /** Where this was read, for the log. */
  readonly source: string;
  readonly tls: TlsOptions;
  /** Of this very moment. Fails with an `ApiError` of reason `Credentials`, worth retrying. */
  authHeaders(): Promise<AuthHeaders>;
  /** To be called after a 401: whatever was cached is read anew. */
  forgetCredentials(): void;
}

export interface ConfigOptions {
  /** The `--kubeconfig` flag; it wins over everything else. */
  readonly path?: string | undefined;
  /** A context of a kubeconfig file, instead of its current one. */
  readonly context?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Where a pod finds its credentials; another folder in tests. */
  readonly serviceAccountFolder?: string;
}

/**
 * Finds out how to reach the API server, in the order of controller-runtime: the flag, `KUBECONFIG` (several files are
 * merged, the first one to say something wins), the pod's ServiceAccount, `~/.kube/config`.
 * Throws an Error that says what to change; nothing is tried against the server yet.
 */
export const loadKubeConfig = (options: ConfigOptions): KubeConfig => {
  const env = options.env ?? process.env;
  if (options.path) return fromFiles([options.path], options);
  if (env['KUBECONFIG']) {
    return fromFiles(env['KUBECONFIG'].split(delimiter).filter((file) => file !== ''), options);
  }
  const inCluster = fromPod(env, options.serviceAccountFolder ?? '/var/run/secrets/kubernetes.io/serviceaccount', options.clock);
  if (inCluster && options.context === undefined) return inCluster;
  const home = join(env['HOME'] ?? homedir(), '.kube', 'config');
  if (existsSync(home)) return fromFiles([home], options);
  throw new Error('found no cluster to talk to: set --kubeconfig or KUBECONFIG, or run in a pod with a ServiceAccount');
};

const fromPod = (env: NonNullable<ConfigOptions['env']>, folder: string, clock: Clock): KubeConfig | undefined => {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  const tokenFile = join(folder, 'token');
  if (!host || !port || !existsSync(tokenFile)) return undefined;
  const namespaceFile = join(folder, 'namespace');
  return assemble({
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: existsSync(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : 'default',
    source: folder,
    tls: { ca: readFileSync(join(folder, 'ca.crt')) },
    tokens: tokenFromFile(tokenFile, clock),
    headers: {},
  });
};

/** The same server, but known by the token alone: no certificate, no headers of the kubeconfig. */
export const knownByToken = ({ tls: { cert: _cert, key: _key, ...tls }, ...config }: KubeConfig, token: string): KubeConfig => ({
  ...config,
  tls,
  authHeaders: () => Promise.resolve({ authorization: `Bearer ${token}` }),
  forgetCredentials: () => undefined,
});

/** The same server and credentials, acting as somebody else: in the place of whomever the kubeconfig acts as, not beside. */
export const actingAs = (config: KubeConfig, user: string, groups: readonly string[]): KubeConfig => ({
  ...config,
  authHeaders: async () => {
    const own = Object.entries(await config.authHeaders()).filter(([name]) => !name.startsWith('impersonate-'));
    return { ...Object.fromEntries(own), 'impersonate-user': user, ...(groups.length > 0 && { 'impersonate-group': [...groups] }) };
  },
});

interface Parts extends Pick<KubeConfig, 'server' | 'namespace' | 'source' | 'tls'> {
  readonly tokens: TokenSource | undefined;
  readonly headers: AuthHeaders;
}

const assemble = ({ tokens, headers, ...rest }: Parts): KubeConfig => ({
  ...rest,
  authHeaders: async () => (tokens ? { ...headers, authorization: `Bearer ${await tokens.token()}` } : headers),
  forgetCredentials: () => {
    tokens?.forget();
  },
});

type RawUser = Readonly<Record<string, unknown>>;

/** One kubeconfig file, its relative paths made absolute. */
interface Loaded {
  readonly file: string;
  readonly current: string | undefined;
  readonly contexts: readonly Context[];
  readonly clusters: readonly Cluster[];
  readonly users: readonly User[];
  /** What the parser leaves out, by user name. */
  readonly rawUsers: ReadonlyMap<string, RawUser>;
}

const readKubeconfig = (file: string): Loaded => {
  let document: Record<string, unknown>;
  try {
    const parsed = load(readFileSync(file, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) throw new Error('it is not a mapping');
    document = parsed as Record<string, unknown>;
    const users = Array.isArray(document['users']) ? (document['users'] as { name?: string; user?: RawUser }[]) : [];
    const current = document['current-context'];
    return {
      file,
      current: typeof current === 'string' && current !== '' ? current : undefined,
      contexts: newContexts(document['contexts']),
      clusters: newClusters(document['clusters']),
      // The parser would read `token-file` (a spelling of its own) at once, relative to wherever we were started.
      users: newUsers(users.map(({ name, user }) => ({ name, user: { ...user, 'token-file': undefined } }))),
      rawUsers: new Map(users.map(({ name, user }) => [String(name), user ?? {}])),
    };
  } catch (error) {
    // A YAML error quotes the line it is about, and that may be a key.
    const reason = error instanceof Error && 'reason' in error ? error.reason : error instanceof Error ? error.message : error;
    throw new Error(`cannot read the kubeconfig ${file}: ${String(reason)}`);
  }
};

const fromFiles = (files: readonly string[], { clock, context: asked }: ConfigOptions): KubeConfig => {
  const present = files.filter((file) => existsSync(file));
  if (present.length === 0) throw new Error(`there is no kubeconfig at ${files.join(delimiter)}`);
  const loaded = present.map(readKubeconfig);
  const source = present.join(delimiter);
  const wanted = asked ?? loaded.find(({ current }) => current !== undefined)?.current;
  if (wanted === undefined) throw new Error(`${source} has no current-context: kubectl config use-context NAME`);
  const context = pick(loaded, 'contexts', wanted, source).entry;
  const { entry: cluster, from: clusterFile } = pick(loaded, 'clusters', context.cluster, source);
  const { entry: user, from: userFile } = pick(loaded, 'users', context.user, source);
  const raw = loaded.find(({ file }) => file === userFile)?.rawUsers.get(user.name) ?? {};
  const server = checkServer(cluster, source);
  return assemble({
    server,
    namespace: context.namespace ?? 'default',
    source,
    tls: tlsOptions(cluster, dirname(clusterFile), user, dirname(userFile)),
    tokens: tokenSource(user, raw, dirname(userFile), clock),
    headers: impersonation(raw),
  });
};

const pick = <K extends 'contexts' | 'clusters' | 'users'>(
  loaded: readonly Loaded[], kind: K, name: string | undefined, source: string,
): { entry: Loaded[K][number]; from: string } => {
  for (const part of loaded) {
    const entry = part[kind].find((candidate) => candidate.name === name);
    if (entry) return { entry, from: part.file };
  }
  throw new Error(`${source} has no entry '${name ?? ''}' in ${kind}`);
};

const checkServer = (cluster: Cluster, source: string): string => {
  if (cluster.proxyUrl !== undefined) throw new Error(`${source}: proxy-url is not supported; take it out of the cluster`);
  const url = URL.parse(cluster.server);
  const loopback = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (!url || url.username || url.search || url.hash || !(url.protocol === 'https:' || (url.protocol === 'http:' && loopback))) {
    throw new Error(`${source}: the server must be an https:// address`);
  }
  return cluster.server.replace(/\/+$/, '');
};

const tlsOptions = (cluster: Cluster, clusterFolder: string, user: User, userFolder: string): TlsOptions => {
  const ca = fileOrData(clusterFolder, cluster.caFile, cluster.caData);
  const cert = fileOrData(userFolder, user.certFile, user.certData);
  const key = fileOrData(userFolder, user.keyFile, user.keyData);
  if ((cert === undefined) !== (key === undefined)) {
    throw new Error(`user '${user.name}' needs both a client certificate and its key`);
  }
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify && { rejectUnauthorized: false as const }),
  };
};

/** As kubectl: the data wins over the file. */
const fileOrData = (folder: string, file: string | undefined, data: string | undefined): Buffer | undefined => {
  if (data) return Buffer.from(data, 'base64');
  return file ? readFileSync(resolve(folder, file)) : undefined;
};

const tokenSource = (user: User, raw: RawUser, folder: string, clock: Clock): TokenSource | undefined => {
  if (typeof raw['tokenFile'] === 'string') return tokenFromFile(resolve(folder, raw['tokenFile']), clock);
  if (user.token) return staticToken(user.token);
  if (user.exec) return tokenFromPlugin(execPlugin(user.exec, user.name, folder), clock);
  if (user.authProvider) {
    throw new Error(`user '${user.name}': auth-provider is not supported; use an exec plugin, a token file or a certificate`);
  }
  if (user.username) throw new Error(`user '${user.name}': Kubernetes has no password authentication; use another one`);
  return undefined;
};

const execPlugin = (value: unknown, name: string, folder: string): ExecPlugin => {
  const exec = value as { command?: unknown; args?: unknown; env?: unknown; apiVersion?: unknown };
  if (typeof exec.command !== 'string') throw new Error(`user '${name}': exec.command is missing`);
  const env = Array.isArray(exec.env) ? (exec.env as { name: string; value: string }[]) : [];
  return {
    // With a slash it is a path relative to the kubeconfig, without one it is looked up in PATH.
    command: exec.command.includes('/') ? resolve(folder, exec.command) : exec.command,
    args: Array.isArray(exec.args) ? exec.args.map(String) : [],
    env: Object.fromEntries(env.map((variable) => [variable.name, variable.value])),
    apiVersion: typeof exec.apiVersion === 'string' ? exec.apiVersion : 'client.authentication.k8s.io/v1',
  };
};

/** Leaving one of these out would act as somebody with other rights, so all of them are sent. */
const impersonation = (raw: RawUser): AuthHeaders => {
  const groups = raw['as-groups'];
  const extra = Object.entries((raw['as-user-extra'] ?? {}) as Record<string, string[]>);
  return {
    ...(typeof raw['as'] === 'string' && { 'impersonate-user': raw['as'] }),
    ...(typeof raw['as-uid'] === 'string' && { 'impersonate-uid': raw['as-uid'] }),
    ...(Array.isArray(groups) && groups.length > 0 && { 'impersonate-group': groups.map(String) }),
    ...Object.fromEntries(extra.map(([key, values]) => [`impersonate-extra-${encodeURIComponent(key)}`, values])),
  };
};
