/**
 * The API servers of the cluster, one by one. What goes through the Service or a load balancer is answered by one of them, and what
 * one has seen of a policy or holds in its cache says nothing of the others: so what must hold on all is asked of each.
 *
 * They advertise themselves in the EndpointSlices of Service "kubernetes" in namespace "default", with their addresses within the
 * cluster, and leave it about 15 s after they have ended.
 */
import { isIP } from 'node:net';

import { createCoalescer } from '../runtime/coalesce.ts';
import { asRecord, checkList } from './check.ts';
import { knownByToken, type KubeConfig } from './config.ts';
import { ApiError, toOutcome } from './errors.ts';
import type { KubeObject } from './objects.ts';
import { pathTo } from './path.ts';
import { endpointSlices } from './resources.ts';
import { type Transport, type TransportOptions, createTransport } from './transport.ts';

/** One API server of the cluster. */
export interface ApiServer {
  /** `host:port`, for messages. Unique. */
  readonly name: string;
  /** As the operator. */
  readonly transport: Transport;
  /** Known by the token alone: no certificate, no other headers. To be closed by the caller. */
  readonly withToken: (token: string) => Transport;
}

export interface ApiServers {
  /**
   * Every one that can be seen now, the one that is configured first: at least one. That one is in the list is no promise that it
   * can be reached. Rejects with an `OutcomeError` when it could not be told which there are.
   */
  readonly all: (signal: AbortSignal) => Promise<readonly ApiServer[]>;
  /** Whether the cluster is asked which there are, for which it takes `list endpointslices` in namespace `default`. */
  readonly discovers: boolean;
  /** Ends the connections to all but the one that is configured, which is not ours. */
  readonly close: () => Promise<void>;
}

export interface ApiServersOptions extends Pick<TransportOptions, 'config' | 'clock' | 'version' | 'onRequest' | 'connect'> {
  /** To the server that is configured. */
  readonly transport: Transport;
  /** `https://host:port` of every one, where the cluster does not advertise what can be reached: nothing is discovered then. */
  readonly urls?: readonly string[];
}

/** Milliseconds for which a list of them is good. */
const discoverEvery = 30_000;
/** No cluster has as many: what claims to is not believed. */
const mostServers = 32;
const service = { namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes' } as const;

export const createApiServers = (options: ApiServersOptions): ApiServers => {
  const { clock, config, transport, urls = [] } = options;
  const configured = { ...serverOf(options, config), transport };
  const kept = new Map<string, ApiServer>();
  let listed: { readonly servers: readonly ApiServer[]; readonly until: number } | undefined;

  /** Those that are gone are closed: whatever is under way there would not be answered. */
  const keep = async (addresses: readonly Address[]): Promise<readonly ApiServer[]> => {
    const others = new Map(addresses.map((address) => [hostOf(address.server), address]));
    others.delete(configured.name);
    for (const [name, address] of others) if (!kept.has(name)) kept.set(name, serverOf(options, configFor(config, address)));
    const gone = [...kept.values()].filter(({ name }) => !others.has(name));
    for (const { name } of gone) kept.delete(name);
    await Promise.all(gone.map((server) => server.transport.close()));
    return [configured, ...kept.values()];
  };
  const known = (): readonly ApiServer[] | undefined => (listed !== undefined && listed.until > clock.monotonic() ? listed.servers : undefined);
  const discovery = createCoalescer(async (signal) => {
    // Whoever asked while the last one was under way.
    const sooner = known();
    if (sooner !== undefined) return sooner;
    const servers = await keep(urls.length > 0 ? urls.map((server) => ({ server })) : await advertised(transport, config, signal));
    listed = { servers, until: clock.monotonic() + discoverEvery };
    return servers;
  });
  return {
    discovers: urls.length === 0,
    all: async (signal) => {
      signal.throwIfAborted();
      return known() ?? discovery.read(signal).catch((error: unknown) => {
        throw signal.aborted ? error : toOutcome(error);
      });
    },
    close: async () => {
      listed = undefined;
      await keep([]);
    },
  };
};

interface Address {
  /** `https://host:port`. */
  readonly server: string;
  /** What its certificate must name, where that is not its host. */
  readonly servername?: string;
}

const serverOf = (options: ApiServersOptions, config: KubeConfig): ApiServer => {
  const { clock, version, onRequest, connect } = options;
  const common = { config, clock, version, onRequest, connect };
  return {
    name: hostOf(config.server),
    transport: createTransport({ ...common, maxConnections: 2 }),
    withToken: (token) => createTransport({ ...common, config: knownByToken(config, token), maxConnections: 1 }),
  };
};

/** Another address of the same cluster: the same credentials, and the same authority vouches for it. */
const configFor = (config: KubeConfig, { server, servername }: Address): KubeConfig => ({
  ...config,
  server,
  tls: { ...(servername !== undefined && { servername }), ...config.tls },
});

const hostOf = (server: string): string => {
  const { hostname, port, protocol } = new URL(server);
  return `${hostname}:${port === '' ? (protocol === 'http:' ? '80' : '443') : port}`;
};

/** Every certificate of an API server names this, whatever addresses it names. */
const serviceName = 'kubernetes.default.svc';

/** What vouches for a server by its name does so at any address; one that is configured by an address of the Service has no name. */
const servernameOf = ({ server, tls }: KubeConfig): string => {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  return tls.servername ?? (isIP(host) === 0 ? host : serviceName);
};

const advertised = async (transport: Transport, config: KubeConfig, signal: AbortSignal): Promise<readonly Address[]> => {
  const { namespace, labelSelector } = service;
  const path = pathTo(endpointSlices, { namespace }, { labelSelector });
  const answer = await transport.request({ verb: 'list', resource: endpointSlices.plural, method: 'GET', path, signal });
  const servername = servernameOf(config);
  const found = checkList(answer, endpointSlices, false).items.flatMap(addressesIn).map((server) => ({ server, servername }));
  if (found.length > mostServers) {
    throw new ApiError(0, 'Garbage', `${found.length} API servers are advertised, and at most ${mostServers} are believed`, { verb: 'list' });
  }
  return found;
};

/** Ready or not: one that is not may still answer. */
const addressesIn = (slice: KubeObject): readonly string[] => {
  const { endpoints, ports } = slice as { readonly endpoints?: unknown; readonly ports?: unknown };
  const numbers = listOf(ports).flatMap((port) => (port['name'] === 'https' && isPort(port['port']) ? [port['port']] : []));
  const hosts = listOf(endpoints).flatMap((endpoint) => {
    const { addresses } = endpoint;
    return Array.isArray(addresses) ? addresses.filter(isAddress) : [];
  });
  return hosts.flatMap((host) => numbers.map((port) => `https://${host.includes(':') ? `[${host}]` : host}:${port}`));
};

const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.flatMap((each: unknown) => {
    const record = asRecord(each);
    return record === undefined ? [] : [record];
  }) : [];

const isPort = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;

const isAddress = (value: unknown): value is string => typeof value === 'string' && isIP(value) !== 0;
