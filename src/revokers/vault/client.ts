/**
 * One Vault or OpenBao server as the revoker talks to it: any path, any answer. What an answer means is judged elsewhere
 * (errors.ts); here it is only made sure that it is one, from the server that was meant, and no older than it must be.
 */

/** Where an answer comes from. A thing that was seen in one place is not proven gone by another. */
export interface Origin {
  readonly address: string;
  /** The namespace on that server; empty for the root. */
  readonly namespace: string;
  /** The server's own id, which it loses with its storage. */
  readonly clusterId: string;
}

/** A moment in the server's life: a read that is bound to it tells nothing older. */
export interface Watermark {
  readonly origin: Origin;
  /** The state of the storage, where the server tells one. A server that does not has no standby that answers reads. */
  readonly index?: string;
}

export interface VaultRequest {
  readonly method: 'GET' | 'LIST' | 'POST' | 'PUT' | 'DELETE';
  /** Segment by segment. Each is encoded; one that is empty, a dot or two, or holds a slash, a percent sign or a control is refused. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** The answer must not be older than this. Given with every read that counts. */
  readonly notBefore?: Watermark;
}

/** A whole answer, whatever its status. */
export interface VaultAnswer {
  readonly status: number;
  /** Parsed; undefined for an empty body. */
  readonly body: unknown;
  /** What was asked. */
  readonly asked?: Pick<VaultRequest, 'method' | 'path'>;
}

export interface VaultClient {
  /**
   * Any whole answer but 429 and 412: to those the client waits as the server asks, and asks again. Rejects with a Retryable
   * `OutcomeError` when there is none: no connection, too late, cut off, not JSON, a redirect, or the server is left alone because
   * it did not answer just now; and with `ConnectorNotReady` while nobody can log in.
   */
  readonly request: (request: VaultRequest, signal: AbortSignal) => Promise<VaultAnswer>;
  /**
   * A moment that is not before the call, by a write that only the active node does. What is bound to it is refused, Retryable,
   * once another token is used than the one that it was taken with: a token is lost with the storage that it is in.
   */
  readonly watermark: (signal: AbortSignal) => Promise<Watermark>;
  /** Our own token, which is never revoked. */
  readonly self: (signal: AbortSignal) => Promise<{ readonly accessor: string; readonly entityId: string }>;
}

/** A mount by which workloads of this cluster log in. */
export interface KubernetesAuthMount {
  readonly path: string;
  readonly aliasSource: 'serviceaccount_uid' | 'serviceaccount_name';
}

/** What a Connector says, with its durations in milliseconds. */
export interface VaultSettings {
  readonly settleTime: number;
  readonly maxConcurrent: number;
  readonly kubernetesAuthMounts: readonly KubernetesAuthMount[];
}

/** The use of one Connector for one dependency, after its grants were checked. The client is the same one for all who use the connector. */
export interface VaultConnection {
  readonly client: VaultClient;
  readonly settings: VaultSettings;
  /** Whether the grant covers a certificate of this common name, which only the server can tell. */
  readonly grantsCertificate: (mount: string, commonName: string) => boolean;
  /** Whether the grant covers an auth role of this name. */
  readonly grantsRole: (name: string) => boolean;
  /** The paths of leases that the grant covers, in which `*` stands for anything within one segment. */
  readonly leasePatterns: readonly string[];
}
